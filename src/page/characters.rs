//! The characters that a page has: fonts for others are not needed.

use std::ops::RangeInclusive;

/// A set of characters; those of ASCII are in every page.
#[derive(Debug, Default)]
pub(super) struct Characters(Vec<u64>);

impl Characters {
    /// Adds those of a text.
    pub(super) fn add(&mut self, text: &str) {
        if text.is_ascii() {
            return;
        }
        if self.0.is_empty() {
            self.0.resize(char::MAX as usize / 64 + 1, 0);
        }
        for character in text.chars().map(|character| character as usize) {
            self.0[character / 64] |= 1 << (character % 64);
        }
    }

    /// Adds those of a text of HTML, whose character references stand for more.
    pub(super) fn add_html(&mut self, text: &str) {
        self.add(text);
        for (at, _) in text.match_indices('&') {
            // No reference is as long as this.
            let end = text.floor_char_boundary((at + 40).min(text.len()));
            let reference = &text[at..text[at..end].find(';').map_or(end, |length| at + length + 1)];
            self.add(&htmlize::unescape(reference));
        }
    }

    /// Whether there is one in any of these ranges.
    pub(super) fn has_any(&self, ranges: &[RangeInclusive<u32>]) -> bool {
        ranges.iter().any(|range| *range.start() < 0x80 || self.has_one(*range.start() as usize, *range.end() as usize))
    }

    fn has_one(&self, first: usize, last: usize) -> bool {
        (first / 64..=last / 64).any(|index| {
            let Some(word) = self.0.get(index) else { return false };
            let from = if index == first / 64 { u64::MAX << (first % 64) } else { u64::MAX };
            let to = if index == last / 64 { u64::MAX >> (63 - last % 64) } else { u64::MAX };
            word & from & to != 0
        })
    }
}

/// Reads the value of a `unicode-range` descriptor (CSS Fonts Level 4 section 4.5); `None` where it is not valid, and
/// says nothing.
pub(super) fn unicode_range(value: &str) -> Option<Vec<RangeInclusive<u32>>> {
    let range = |text: &str| {
        let text = text.trim_ascii();
        let text = text.strip_prefix(['u', 'U'])?.strip_prefix('+')?;
        let number = |digits: &str| u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() <= 6);
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(&text.replace('?', "0"))?, number(&text.replace('?', "F"))?),
        };
        (first <= last).then_some(first..=last.min(char::MAX as u32))
    };
    value.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_font_is_needed_where_the_page_has_its_characters() {
        let mut characters = Characters::default();
        characters.add_html("a&#x4e2d;&eacute; 文 &#1041;x &amp");
        for (range, wanted) in [
            ("U+4E2D", true),
            ("u+4E2E", false),
            ("U+4E00-4EFF, U+1", true),
            ("U+658?", true),
            ("U+E9", true),
            ("U+0-7F", true),
            ("U+411", true),
            ("U+100-2AF", false),
            ("U+10FFFF", false),
            ("U+4E2E-6586", false),
            ("U+4E2E-6587", true),
        ] {
            assert_eq!(characters.has_any(&unicode_range(range).expect("valid")), wanted, "{range}");
        }
        assert!(!Characters::default().has_any(&[0x80..=0x10_ffff]));
        for invalid in ["", "4E2D", "U+", "U+zz", "U+2-1", "U+1234567", "U+4e00-4eff U+1"] {
            assert_eq!(unicode_range(invalid), None, "{invalid}");
        }
    }
}

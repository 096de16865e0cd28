//! `srcset`: several images, one of which a browser chooses (WHATWG HTML section 4.8.4.2.1).

use std::ops::Range;

/// The URLs of the candidates in a decoded `srcset`, by their places.
pub(super) fn urls(srcset: &str) -> Vec<Range<usize>> {
    let is_space = |character: char| matches!(character, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let mut urls = Vec::new();
    let mut at = 0;
    loop {
        let rest = &srcset[at..];
        at += rest.len() - rest.trim_start_matches(|character| is_space(character) || character == ',').len();
        let rest = &srcset[at..];
        if rest.is_empty() {
            return urls;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        let url = rest[..end].trim_end_matches(',');
        urls.push(at..at + url.len());
        at += end;
        if url.len() < end {
            // The comma behind it ends the candidate.
            continue;
        }
        // Descriptors last until a comma outside parentheses.
        let mut depth = 0;
        let descriptors = srcset[at..].find(|character| {
            match character {
                '(' => depth = 1,
                ')' => depth = 0,
                _ => {}
            }
            character == ',' && depth == 0
        });
        at = descriptors.map_or(srcset.len(), |comma| at + comma + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_found() {
        for (srcset, wanted) in [
            ("", &[][..]),
            ("a.png", &["a.png"]),
            ("a.png, b.png 2x", &["a.png", "b.png"]),
            (" a.png 1x,b.png 2x,\n\tc.png 300w ", &["a.png", "b.png", "c.png"]),
            ("a,b.png 1x, c.png", &["a,b.png", "c.png"]),
            ("a.png, , b.png,", &["a.png", "b.png"]),
            ("a.png,b.png 2x", &["a.png,b.png"]),
            ("data:image/png;base64,AA== 1x, b.png 2x", &["data:image/png;base64,AA==", "b.png"]),
            ("a.png (1,2) 2x, b.png", &["a.png", "b.png"]),
            (",,,é.png", &["é.png"]),
        ] {
            let found: Vec<&str> = urls(srcset).into_iter().map(|range| &srcset[range]).collect();
            assert_eq!(found, wanted, "{srcset:?}");
        }
    }
}

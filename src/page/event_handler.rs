//! What stands in an `onerror` attribute: often, which image is shown where the first cannot be had.

use std::ops::Range;

/// The place of the string, quotes included, that a script makes the `src` of an element:
/// `this.src = 'x.png'`, `this.setAttribute('src', 'x.png')`, `$(this).attr('src', 'x.png')`.
pub(super) fn fallback_source(script: &str) -> Option<Range<usize>> {
    script.match_indices("src").find_map(|(at, name)| {
        let after = at + name.len();
        let is_property = script[..at].ends_with('.') || script[..at].trim_ascii_end().is_empty();
        let is_argument = script[..at].ends_with(['\'', '"']) && script[after..].starts_with(['\'', '"']);
        let (operator, after) = match () {
            () if is_property => ('=', after),
            () if is_argument => (',', after + 1),
            () => return None,
        };
        let behind = script[after..].trim_ascii_start().strip_prefix(operator)?.trim_ascii_start();
        let quote = behind.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let length = behind[1..].find(quote)?;
        let start = script.len() - behind.len();
        // A string with an escape is no URL as it stands, and neither is one of which more is made.
        let is_whole = !behind[length + 2..].trim_ascii_start().starts_with('+');
        (is_whole && !behind[1..=length].contains('\\')).then_some(start..start + length + 2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_that_takes_the_place_of_another_is_found() {
        for (script, wanted) in [
            ("this.src='a.png'", Some("'a.png'")),
            ("this.onerror=null; this.src = \"a.png\";", Some("\"a.png\"")),
            ("src='a.png'", Some("'a.png'")),
            ("$(this).attr('src', 'a.png')", Some("'a.png'")),
            ("this.setAttribute(\"src\",'a.png')", Some("'a.png'")),
            ("this.dataset.src; this.src='a.png'", Some("'a.png'")),
            ("this.src==='a.png'", None),
            ("this.src='a' + b", None),
            ("this.src=fallback", None),
            ("this.src='\\x61'", None),
            ("this.src='unended", None),
            ("this.style.display='none'", None),
        ] {
            assert_eq!(fallback_source(script).map(|range| &script[range]), wanted, "{script}");
        }
    }
}

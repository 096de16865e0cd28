//! Text that reads as what it is.

/// Whether a character makes text read differently from what it is: direction marks, and the separators
/// of lines and paragraphs.
pub(crate) fn is_bidi_or_separator(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

//! Characters that can spoof displayed text.

/// Whether a character changes the direction of text (Unicode's Bidi_Control) or separates lines or
/// paragraphs.
pub(crate) fn is_bidi_or_separator(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

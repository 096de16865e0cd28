//! Text from the network, made safe for a terminal.

use crate::text::is_bidi_or_separator;
use std::fmt::Write as _;

/// Makes a body safe that is shown on a terminal, piece by piece. A character that is split between
/// two pieces waits for the second.
#[derive(Debug, Default)]
pub(crate) struct TerminalText {
    split: Vec<u8>,
}

impl TerminalText {
    /// The next piece, as it can be shown.
    pub(crate) fn next_piece(&mut self, piece: &[u8]) -> Vec<u8> {
        let bytes = [&std::mem::take(&mut self.split)[..], piece].concat();
        let end = match std::str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len() - bytes.utf8_chunks().last().map_or(0, |last| incomplete(last.invalid())),
        };
        self.split = bytes[end..].to_vec();
        safe_section(&bytes[..end], true)
    }

    /// What is left of a character that was never completed.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        safe_section(&std::mem::take(&mut self.split), true)
    }
}

/// How many bytes at the end begin a character that the next piece may complete.
fn incomplete(invalid: &[u8]) -> usize {
    let begins = std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
    if begins { invalid.len() } else { 0 }
}

/// A header section whose control characters, other than tab and line ends, are escaped. On a terminal
/// those of UTF-8 are escaped too, and what is not UTF-8; elsewhere such bytes may be text of another
/// charset.
pub(super) fn safe_section(raw: &[u8], terminal: bool) -> Vec<u8> {
    if terminal {
        let lines = raw.split(|byte| *byte == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.utf8_chunks().fold(String::new(), |mut text, chunk| {
                text += &safe_line(chunk.valid());
                text + &chunk.invalid().escape_ascii().to_string()
            })
        });
        return lines.collect::<Vec<_>>().join("\n").into_bytes();
    }
    let mut safe = Vec::with_capacity(raw.len());
    for byte in raw {
        match byte {
            b'\t' | b'\r' | b'\n' | b' '..=0x7e | 0x80.. => safe.push(*byte),
            control => safe.extend(control.escape_ascii()),
        }
    }
    safe
}

/// One line of text without control characters, nor any that change its direction.
pub(super) fn safe_line(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '\t' => safe.push(c),
            c if is_bidi_or_separator(c) => {
                // Writing to a string does not fail.
                let _ = write!(safe, "{}", c.escape_unicode());
            }
            c if c.is_control() => {
                let _ = write!(safe, "\\x{:02x}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_sections_are_printed_as_received_but_for_control_characters() {
        for (raw, piped, on_terminal) in [
            (&b"A: b\r\n\tc\r\n\r\n"[..], &b"A: b\r\n\tc\r\n\r\n"[..], &b"A: b\n\tc\n\n"[..]),
            (b"A: \x1b[2J\x07\x7f\r\n", b"A: \\x1b[2J\\x07\\x7f\r\n", b"A: \\x1b[2J\\x07\\x7f\n"),
            ("A: 新\r\n".as_bytes(), "A: 新\r\n".as_bytes(), "A: 新\n".as_bytes()),
            (b"A: \xd0\xc2\x9b1m\r\n", b"A: \xd0\xc2\x9b1m\r\n", b"A: \\xd0\\x9b1m\n"),
        ] {
            assert_eq!(safe_section(raw, false).escape_ascii().to_string(), piped.escape_ascii().to_string());
            assert_eq!(safe_section(raw, true).escape_ascii().to_string(), on_terminal.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_body_on_a_terminal_is_safe_however_it_is_split() {
        let body = "新\n\x1b[2J\u{9b}x".as_bytes();
        for split in 0..body.len() {
            let mut text = TerminalText::default();
            let shown = [text.next_piece(&body[..split]), text.next_piece(&body[split..])].concat();
            assert_eq!(String::from_utf8_lossy(&shown), "新\n\\x1b[2J\\x9bx", "at {split}");
        }
        assert_eq!(TerminalText::default().next_piece(b"a\xff\xc4b"), b"a\\xff\\xc4b");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(safe_line("a\r\nb\u{9b}c\u{202e}d\te新"), "a\\x0d\\x0ab\\x9bc\\u{202e}d\te新");
    }
}

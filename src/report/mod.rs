//! What is printed: header sections, notes, errors, progress. The only place where text is made
//! safe for a terminal.

mod progress;
mod summary;

pub use progress::{Progress, When};
pub use summary::{Failure, Headers, Summary, Timings};

use crate::error::{Error, Kind};
use crate::text::is_bidi_or_separator;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

/// What is printed of each URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Every header section, as it comes.
    Heads,
    /// One line of JSON at the end.
    Summaries,
    /// Nothing.
    Nothing,
}

/// Prints, for one run of the program.
#[derive(Debug)]
pub struct Report {
    /// What is shown of a URL.
    pub shown: Shown,
    /// Whether that goes to standard error: standard output may be the body's.
    pub on_stderr: bool,
    /// Whether [notes](Report::note) are printed.
    pub verbose: bool,
    /// Whether [notices](Report::notice) are left out.
    pub quiet: bool,
    /// When progress is shown.
    pub progress: When,
    /// Nobody reads standard output any more.
    pub closed: bool,
}

impl Report {
    /// Prints nothing at all.
    pub fn silent() -> Report {
        Report { shown: Shown::Nothing, on_stderr: false, verbose: false, quiet: true, progress: When::Never, closed: true }
    }

    /// Prints a header section as it was received.
    pub fn header_section(&mut self, raw: &[u8]) -> Result<(), Error> {
        if self.shown != Shown::Heads {
            return Ok(());
        }
        let terminal = if self.on_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        self.show(&safe_section(raw, terminal))
    }

    /// Whether [summaries](Report::summary) are printed.
    pub fn wants_summaries(&self) -> bool {
        self.shown == Shown::Summaries
    }

    /// Prints a URL's outcome.
    pub fn summary(&mut self, summary: &Summary) -> Result<(), Error> {
        if self.wants_summaries() { self.show(summary.line().as_bytes()) } else { Ok(()) }
    }

    /// Prints at once, in one piece.
    fn show(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let printed = match self.on_stderr {
            _ if self.closed => return Ok(()),
            true => io::stderr().write_all(bytes),
            false => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
        };
        match printed {
            // It was for somebody who has seen enough; the file is still wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            printed => {
                printed.map_err(|error| Error::new(Kind::File, "cannot print").because(crate::error::system_words(&error)))
            }
        }
    }

    /// Whether notes are printed.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Prints a line for whoever wants to know more.
    pub fn note(&self, line: &str) {
        if self.verbose {
            print_error_line(&format!("* {}", safe_line(line)));
        }
    }

    /// Prints lines that are sent.
    pub fn sent(&self, lines: &str) {
        if self.verbose {
            lines.lines().for_each(|line| print_error_line(&format!("> {}", safe_line(line))));
        }
    }

    /// Prints a failure: `fetch: URL: what happened: why`.
    pub fn error(&self, url: &str, error: &Error) {
        if error.kind() != Kind::ClosedPipe {
            print_error_line(&shorten(&safe_line(&format!("fetch: {url}: {error}"))));
        }
    }

    /// Prints a failure that is no URL's.
    pub fn failure(&self, error: &Error) {
        let lines: Vec<_> = error.to_string().lines().map(safe_line).collect();
        print_error_line(&shorten(&format!("fetch: {}", lines.join("\n"))));
    }

    /// Prints what whoever waits should know.
    pub fn notice(&self, url: &str, line: &str) {
        if !self.quiet {
            print_error_line(&shorten(&safe_line(&format!("fetch: {url}: {line}"))));
        }
    }

    /// The progress of something that may take long, `done` of it before, of `total` bytes where that
    /// is known. What can be `seen` itself needs none, unless it is asked for.
    pub fn progress(&self, done: u64, total: Option<u64>, seen: bool) -> Progress {
        let when = if seen && self.progress == When::Auto { When::Never } else { self.progress };
        Progress::new(when, done, total)
    }
}

/// What a server says may be long; what is said about it need not be.
fn shorten(line: &str) -> String {
    const LONGEST: usize = 2000;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// One line on standard error, at once.
fn print_error_line(line: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Makes a body safe that is shown on a terminal, piece by piece. A character that is split between
/// two pieces waits for the second.
#[derive(Debug, Default)]
pub struct TerminalText {
    split: Vec<u8>,
}

impl TerminalText {
    /// The next piece, as it can be shown.
    pub fn next_piece(&mut self, piece: &[u8]) -> Vec<u8> {
        let bytes = [&std::mem::take(&mut self.split)[..], piece].concat();
        let end = match std::str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len() - bytes.utf8_chunks().last().map_or(0, |last| incomplete(last.invalid())),
        };
        self.split = bytes[end..].to_vec();
        safe_section(&bytes[..end], true)
    }

    /// What is left of a character that was never completed.
    pub fn rest(&mut self) -> Vec<u8> {
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
fn safe_section(raw: &[u8], terminal: bool) -> Vec<u8> {
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

/// One line of text without control characters, nor what reorders a line.
fn safe_line(line: &str) -> String {
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

//! The header section of a response: status line and fields (RFC 9112 sections 2, 4 and 5).
//!
//! httparse does the parsing. What the RFC lets a recipient tolerate is tolerated (a bare LF as a
//! line end, empty lines before the status line, white space before a colon, folded lines, control
//! characters other than CR, LF and NUL in a value), and what it wants refused is refused, with the
//! byte offset.

use super::fields::trim_ows;
use super::{Fields, MAX_FIELDS, MAX_HEAD};
use std::borrow::Cow;
use std::fmt;

/// The header section of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    minor_version: u8,
    status: u16,
    fields: Fields,
    raw: Vec<u8>,
}

impl Head {
    /// The x of HTTP/1.x.
    pub(crate) fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// The status code: three digits, not necessarily in the range that has a meaning.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The fields, folded lines made one.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The header section as it was received, the empty line that ends it included.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Status code and reason phrase, as received.
    pub(crate) fn status_text(&self) -> String {
        let line = self.raw.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let text = line.splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
        String::from_utf8_lossy(text.trim_ascii()).into_owned()
    }

    /// Whether the server will take another request on the connection (RFC 9112 section 9.3).
    pub(crate) fn keeps_connection(&self) -> bool {
        // Both framings at once may be an attempt at response splitting: section 6.1 wants the
        // connection closed.
        let ambiguous = self.fields.get("Transfer-Encoding").is_some() && self.fields.get("Content-Length").is_some();
        let close = self.fields.list_has("Connection", "close");
        let persistent = self.minor_version > 0 || self.fields.list_has("Connection", "keep-alive");
        // The server says that it waits no longer (RFC 9110 section 15.5.9).
        persistent && !close && !ambiguous && self.status != 408
    }
}

/// Whether a status is a transient failure: another try, after a while, could succeed.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Why bytes are not a header section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// The answer does not start with `HTTP/1.`; the offset is of the first byte that differs.
    NotHttp1 {
        /// Where it stops looking like HTTP/1.
        offset: usize,
        /// What it seems to be instead, where that can be told.
        seems: Option<&'static str>,
    },
    /// An invalid byte.
    Malformed {
        /// Counted from the first byte of the answer.
        offset: usize,
        /// What is wrong there.
        what: Malformed,
    },
    /// More than [`MAX_HEAD`] bytes.
    TooLarge,
    /// More than [`MAX_FIELDS`] fields.
    TooManyFields,
    /// The connection ended before the header section did.
    CutOff {
        /// The bytes that came.
        received: usize,
    },
}

/// What is wrong at the byte that a [`HeadError::Malformed`] points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The version of the status line.
    Version,
    /// The status code.
    Status,
    /// The reason phrase.
    Reason,
    /// A field name, or a line that has none.
    FieldName,
    /// A field value.
    FieldValue,
    /// A CR without its LF.
    LineEnd,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Version => "bad version",
            Malformed::Status => "bad status code",
            Malformed::Reason => "bad reason phrase",
            Malformed::FieldName => "bad field name",
            Malformed::FieldValue => "bad byte in a field value",
            Malformed::LineEnd => "bad line end",
        })
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeadError::NotHttp1 { offset, seems } => {
                write!(f, "not an HTTP/1 response, from byte {offset} on")?;
                seems.map_or(Ok(()), |seems| write!(f, " (it seems to be {seems})"))
            }
            HeadError::Malformed { offset, what } => write!(f, "{what} at byte {offset} of the header section"),
            HeadError::TooLarge => write!(f, "the header section has more than {} KiB", MAX_HEAD / 1024),
            HeadError::TooManyFields => write!(f, "the header section has more than {MAX_FIELDS} fields"),
            HeadError::CutOff { received: 0 } => f.write_str("no response"),
            HeadError::CutOff { received } => write!(f, "the header section was cut off after {received} bytes"),
        }
    }
}

impl std::error::Error for HeadError {}

/// Finds and parses one header section in bytes that arrive bit by bit.
#[derive(Debug, Default)]
pub(crate) struct HeadParser {
    /// How far the search for the end got; that far back it need not look again.
    searched: usize,
}

impl HeadParser {
    /// A parser at the start of a response.
    pub(crate) fn new() -> HeadParser {
        HeadParser::default()
    }

    /// Looks at everything received since the start of the response. Gives the header section and
    /// its length once it is complete, `None` as long as it is not.
    ///
    /// What is plainly not HTTP/1 is refused at its first wrong byte, so that there is no wait
    /// for the end of a header section that will never come.
    pub(crate) fn parse(&mut self, received: &[u8]) -> Result<Option<(Head, usize)>, HeadError> {
        let start = empty_lines(received);
        check_version(received, start)?;
        let end = self.find_end(received, start);
        if end.unwrap_or(received.len()) > MAX_HEAD {
            return Err(HeadError::TooLarge);
        }
        match end {
            None => Ok(None),
            Some(end) => match parse(&received[..end])? {
                Some(head) => Ok(Some((head, end))),
                None => Err(HeadError::Malformed { offset: end - 1, what: Malformed::LineEnd }),
            },
        }
    }

    /// The verdict when the connection ended before [`HeadParser::parse`] gave a header section:
    /// malformed already, or cut off.
    pub(crate) fn close(&self, received: &[u8]) -> HeadError {
        match parse(received) {
            Err(error) => error,
            Ok(_) => HeadError::CutOff { received: received.len() },
        }
    }

    /// The end of the header section: past the first empty line after `start`.
    fn find_end(&mut self, received: &[u8], start: usize) -> Option<usize> {
        let mut from = self.searched.max(start);
        while let Some(lf) = received[from..].iter().position(|byte| *byte == b'\n') {
            let next = from + lf + 1;
            match received[next..] {
                [b'\n', ..] => return Some(next + 1),
                [b'\r', b'\n', ..] => return Some(next + 2),
                // The line end is here, what follows it is not yet: look again from the line end.
                [] | [b'\r'] => {
                    self.searched = next - 1;
                    return None;
                }
                _ => from = next,
            }
        }
        self.searched = received.len();
        None
    }
}

/// How many bytes of empty lines stand before the status line.
fn empty_lines(received: &[u8]) -> usize {
    let mut rest = received;
    while let Some(more) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
        rest = more;
    }
    received.len() - rest.len()
}

fn check_version(received: &[u8], start: usize) -> Result<(), HeadError> {
    const WANTED: &[u8] = b"HTTP/1.";
    let line = &received[start..];
    // One CR may yet become an empty line.
    if line == b"\r" {
        return Ok(());
    }
    let Some(wrong) = line.iter().zip(WANTED).position(|(byte, wanted)| byte != wanted) else { return Ok(()) };
    let seems = match line {
        [0x15 | 0x16, 3, ..] => Some("TLS: try https"),
        [0, 0, _, 4, ..] => Some("HTTP/2"),
        _ if wrong == 5 => Some("another version of HTTP"),
        [b'<', ..] => Some("HTTP/0.9"),
        _ => None,
    };
    // Two or three bytes more may tell what it is instead; they make no difference to the verdict.
    Err(HeadError::NotHttp1 { offset: start + wrong, seems })
}

/// `None` where httparse wants more.
fn parse(section: &[u8]) -> Result<Option<Head>, HeadError> {
    check_version(section, empty_lines(section))?;
    let tolerant = tolerate(section);
    let mut slots = [httparse::EMPTY_HEADER; 64];
    match parse_into(&tolerant, section, &mut slots) {
        Err(httparse::Error::TooManyHeaders) => {
            let mut slots = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
            parse_into(&tolerant, section, &mut slots)
        }
        done => done,
    }
    .map_err(|error| explain(error, &tolerant))
}

fn parse_into<'b>(
    tolerant: &'b [u8],
    section: &[u8],
    slots: &mut [httparse::Header<'b>],
) -> Result<Option<Head>, httparse::Error> {
    let mut response = httparse::Response::new(slots);
    if config().parse_response(&mut response, tolerant)?.is_partial() {
        return Ok(None);
    }
    let mut fields = Fields::new();
    for field in response.headers.iter() {
        // The value as received, at the place where the tolerant copy has it.
        let start = field.value.as_ptr() as usize - tolerant.as_ptr() as usize;
        let value = &section[start..start + field.value.len()];
        fields.push(field.name, &unfold(value));
    }
    let start = empty_lines(section);
    let minor_version = section[start + 7] - b'0';
    let status = response.code.unwrap_or_default();
    Ok(Some(Head { minor_version, status, fields, raw: section[start..].to_owned() }))
}

fn config() -> httparse::ParserConfig {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true);
    config
}

/// A copy of the same length that httparse takes for what RFC 9110 lets a recipient take it for:
/// HTTP/1.2 and later are read as 1.1 (section 2.5), and a control character in a value is kept
/// (section 5.5); 0x80, which stands for it, is allowed in values and reason phrases only.
fn tolerate(section: &[u8]) -> Vec<u8> {
    let mut copy: Vec<u8> = section
        .iter()
        .map(|byte| match byte {
            0 | b'\t' | b'\n' | b'\r' | b' '..=0x7e | 0x80.. => *byte,
            _ => 0x80,
        })
        .collect();
    if let Some(minor @ b'2'..=b'9') = copy.get_mut(empty_lines(section) + 7) {
        *minor = b'1';
    }
    copy
}

/// Replaces each fold by a space (RFC 9112 section 5.2).
fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if !value.contains(&b'\n') {
        return trim_ows(value).into();
    }
    let lines = value.split(|byte| *byte == b'\n').map(|line| trim_ows(line.strip_suffix(b"\r").unwrap_or(line)));
    trim_ows(&lines.collect::<Vec<_>>().join(&b' ')).to_owned().into()
}

/// The offset of the byte that made httparse give up: the shortest prefix that is refused ends
/// with it.
fn explain(error: httparse::Error, tolerant: &[u8]) -> HeadError {
    let what = match error {
        httparse::Error::TooManyHeaders => return HeadError::TooManyFields,
        httparse::Error::Version => Malformed::Version,
        httparse::Error::Status if !status_code_is_wrong(tolerant) => Malformed::Reason,
        httparse::Error::Status => Malformed::Status,
        httparse::Error::HeaderName | httparse::Error::Token => Malformed::FieldName,
        httparse::Error::HeaderValue => Malformed::FieldValue,
        httparse::Error::NewLine => Malformed::LineEnd,
    };
    let mut slots = vec![httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut refused = |length: usize| {
        let mut response = httparse::Response::new(&mut slots);
        config().parse_response(&mut response, &tolerant[..length]).is_err()
    };
    let (mut good, mut bad) = (0, tolerant.len());
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        if refused(middle) { bad = middle } else { good = middle }
    }
    HeadError::Malformed { offset: good, what }
}

/// httparse says "status" for a bad reason phrase too.
fn status_code_is_wrong(section: &[u8]) -> bool {
    let line = section[empty_lines(section)..].get(8..).unwrap_or_default().trim_ascii_start();
    !matches!(line, [a, b, c, b' ' | b'\r' | b'\n', ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a section becomes: status, minor version and fields as `Name=value;`, or why not.
    fn show(result: Result<Option<(Head, usize)>, HeadError>) -> String {
        match result {
            Ok(None) => "more".to_owned(),
            Ok(Some((head, _))) => {
                let mut text = format!("{}/1.{} ", head.status, head.minor_version);
                for (name, value) in head.fields.iter() {
                    text += &format!("{name}={};", value.escape_ascii());
                }
                text
            }
            Err(error) => error.to_string(),
        }
    }

    const SECTIONS: &[(&[u8], &str)] = &[
        (b"HTTP/1.1 200 OK\r\n\r\n", "200/1.1 "),
        (b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n", "404/1.0 A=b;"),
        (b"HTTP/1.1 200\r\n\r\n", "200/1.1 "),
        (b"HTTP/1.1 200 \r\n\r\n", "200/1.1 "),
        (b"HTTP/1.1  200  OK\r\n\r\n", "200/1.1 "),
        (b"HTTP/1.1 200 \xe6\x96\xb0\xff\x1b\r\n\r\n", "200/1.1 "),
        (b"HTTP/1.2 200 OK\r\n\r\n", "200/1.2 "),
        (b"HTTP/1.9 200 OK\r\n\r\n", "200/1.9 "),
        (b"HTTP/1.1 999 What\r\n\r\n", "999/1.1 "),
        (b"HTTP/1.1 000 \r\n\r\n", "0/1.1 "),
        (b"HTTP/1.1 200 OK\nA: b\nC: d\n\n", "200/1.1 A=b;C=d;"),
        (b"\r\n\n\r\nHTTP/1.1 200 OK\r\nA:b\r\n\r\n", "200/1.1 A=b;"),
        (b"HTTP/1.1 200 OK\r\nA:\r\nB:  \t x y \t\r\n\r\n", "200/1.1 A=;B=x y;"),
        (b"HTTP/1.1 200 OK\r\nA : b\r\nC\t :d\r\n\r\n", "200/1.1 A=b;C=d;"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\nE: f\r\n\r\n", "200/1.1 A=b c d;E=f;"),
        (b"HTTP/1.1 200 OK\r\nA: \r\n b\r\n \r\n\r\n", "200/1.1 A=b;"),
        (b"HTTP/1.1 200 OK\r\nA: \x01\x1b[31m\x7f\xff\r\n\r\n", "200/1.1 A=\\x01\\x1b[31m\\x7f\\xff;"),
        (b"HTTP/1.1 200 OK\r\nA: x\x0b\r\nB:\x0cy\x0c\r\n\r\n", "200/1.1 A=x\\x0b;B=\\x0cy\\x0c;"),
        (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", "bad byte in a field value at byte 21 of the header section"),
        (b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "bad byte in a field value at byte 22 of the header section"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n", "bad byte in a field value at byte 22 of the header section"),
        (b"HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "bad field name at byte 17 of the header section"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "bad field name at byte 20 of the header section"),
        (b"HTTP/1.1 200 OK\r\n: b\r\n\r\n", "bad field name at byte 17 of the header section"),
        (b"HTTP/1.1 200 OK\r\nA\x01: b\r\n\r\n", "bad field name at byte 18 of the header section"),
        (b"HTTP/1.1 200 OK\r\nA\x0b: b\r\n\r\n", "bad field name at byte 18 of the header section"),
        (b"HTTP/1.1 200 O\0K\r\n\r\n", "bad reason phrase at byte 14 of the header section"),
        (b"HTTP/1.1 200 O\rK\r\n\r\n", "bad reason phrase at byte 15 of the header section"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "bad status code at byte 11 of the header section"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "bad status code at byte 12 of the header section"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "bad status code at byte 9 of the header section"),
        (b"HTTP/1.1\r\n\r\n", "bad version at byte 8 of the header section"),
        (b"HTTP/1.x 200 OK\r\n\r\n", "bad version at byte 7 of the header section"),
        (b"HTTP/1.10 200 OK\r\n\r\n", "bad version at byte 8 of the header section"),
        (b"HTTP/2 200 OK\r\n\r\n", "not an HTTP/1 response, from byte 5 on (it seems to be another version of HTTP)"),
        (b"HTTP/0.9 200 OK\r\n\r\n", "not an HTTP/1 response, from byte 5 on (it seems to be another version of HTTP)"),
        (b"ICY 200 OK\r\n\r\n", "not an HTTP/1 response, from byte 0 on"),
        (b"http/1.1 200 OK\r\n\r\n", "not an HTTP/1 response, from byte 0 on"),
        (b"<html>hello</html>", "not an HTTP/1 response, from byte 0 on (it seems to be HTTP/0.9)"),
        (b"\0\0\x12\x04\0\0\0\0\0", "not an HTTP/1 response, from byte 0 on (it seems to be HTTP/2)"),
        (b"\x15\x03\x01\0\x02\x02\x46", "not an HTTP/1 response, from byte 0 on (it seems to be TLS: try https)"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", "more"),
    ];

    #[test]
    fn sections_are_read_or_refused() {
        for (bytes, wanted) in SECTIONS {
            assert_eq!(show(HeadParser::new().parse(bytes)), *wanted, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn byte_by_byte_comes_to_the_same() {
        for (bytes, wanted) in SECTIONS {
            let mut parser = HeadParser::new();
            let shown = (0..=bytes.len()).map(|n| show(parser.parse(&bytes[..n]))).find(|s| s != "more");
            let shown = shown.unwrap_or("more".to_owned());
            // At the first byte it cannot be told yet what it is instead.
            assert!(wanted.starts_with(&shown), "{}: {shown}", bytes.escape_ascii());
        }
    }

    #[test]
    fn split_anywhere_comes_to_the_same() {
        for (bytes, wanted) in SECTIONS.iter().filter(|(_, wanted)| !wanted.starts_with("not")) {
            for split in 0..bytes.len() {
                let mut parser = HeadParser::new();
                let first = show(parser.parse(&bytes[..split]));
                if first == "more" {
                    assert_eq!(show(parser.parse(bytes)), *wanted, "{} at {split}", bytes.escape_ascii());
                } else {
                    assert_eq!(first, *wanted, "{} at {split}", bytes.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn the_end_of_the_connection_tells_malformed_from_cut_off() {
        for (bytes, wanted) in [
            (&b""[..], "no response"),
            (b"HTTP/1.1 200 OK\r\nA: b", "the header section was cut off after 21 bytes"),
            (b"HTTP/1.1 200 OK\r\nA: \0", "bad byte in a field value at byte 20 of the header section"),
            (b"HTTP", "the header section was cut off after 4 bytes"),
        ] {
            assert_eq!(HeadParser::new().close(bytes).to_string(), wanted);
        }
    }

    #[test]
    fn the_limits_hold_to_the_byte() {
        let with = |fields: usize| [b"HTTP/1.1 200 OK\r\n".to_vec(), b"A: b\r\n".repeat(fields), b"\r\n".to_vec()].concat();
        assert!(HeadParser::new().parse(&with(MAX_FIELDS)).is_ok());
        assert_eq!(HeadParser::new().parse(&with(MAX_FIELDS + 1)), Err(HeadError::TooManyFields));

        let sized = |size: usize| [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'x'; size - 24], b"\r\n\r\n".to_vec()].concat();
        assert!(matches!(HeadParser::new().parse(&sized(MAX_HEAD)), Ok(Some(_))));
        assert_eq!(HeadParser::new().parse(&sized(MAX_HEAD + 1)), Err(HeadError::TooLarge));
    }

    #[test]
    fn the_raw_bytes_and_the_status_text_are_kept() {
        let bytes = b"HTTP/1.1 404  Not \xe9 here \r\nA : b\r\n\r\nbody";
        let (head, length) = HeadParser::new().parse(bytes).expect("good").expect("whole");
        assert_eq!(head.raw(), &bytes[..length]);
        assert_eq!(&bytes[length..], b"body");
        assert_eq!(head.status_text(), "404  Not \u{fffd} here");
    }

    #[test]
    fn a_connection_is_kept_where_both_sides_say_so() {
        for (bytes, keeps) in [
            (&b"HTTP/1.1 200 OK\r\n\r\n"[..], true),
            (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n", false),
            (b"HTTP/1.0 200 OK\r\n\r\n", false),
            (b"HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\n\r\n", true),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ] {
            let (head, _) = HeadParser::new().parse(bytes).expect("good").expect("whole");
            assert_eq!(head.keeps_connection(), keeps, "{}", bytes.escape_ascii());
        }
    }
}

//! Where the body ends (RFC 9112 section 6.3).

use super::chunked::ChunkError;
use super::fields::trim_ows;
use super::{Head, Method};
use std::fmt;

/// How the end of a body is marked; decided once, from the header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body: HEAD, 1xx, 204, 304.
    Empty,
    /// So many bytes.
    Length(u64),
    /// Chunks, up to the last.
    Chunked,
    /// Everything up to the end of the connection.
    UntilClose,
}

/// A coding that a body can be under: a content coding, or a transfer coding other than chunked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// gzip, x-gzip.
    Gzip,
    /// zlib, or what servers send by that name: raw deflate.
    Deflate,
    /// Brotli.
    Br,
    /// Zstandard.
    Zstd,
}

impl Coding {
    /// The coding of that name; names compare without case.
    pub(crate) fn named(name: &[u8]) -> Option<Coding> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match () {
            () if is("gzip") || is("x-gzip") => Some(Coding::Gzip),
            () if is("deflate") => Some(Coding::Deflate),
            () if is("br") => Some(Coding::Br),
            () if is("zstd") => Some(Coding::Zstd),
            () => None,
        }
    }
}

/// What is wrong with the framing of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FramingError {
    /// Content-Length is not a number, or several that differ.
    ContentLength(String),
    /// Transfer-Encoding is not supported.
    TransferEncoding(String),
    /// Transfer-Encoding without chunked last, and Content-Length: they contradict each other.
    Contradiction,
    /// Transfer-Encoding in an HTTP/1.0 response (RFC 9112 section 6.1).
    TransferEncodingInHttp10,
    /// A chunk is not written as it must be.
    Chunk {
        /// Counted from the first byte of the body, framing included.
        offset: u64,
        /// What is wrong there.
        what: ChunkError,
    },
    /// The connection ended before the body did.
    CutOff {
        /// The bytes of the body that came, framing not counted.
        received: u64,
        /// The bytes that it should have had, where that is known.
        expected: Option<u64>,
    },
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FramingError::ContentLength(value) => write!(f, "bad Content-Length \"{value}\""),
            FramingError::TransferEncoding(value) => write!(f, "unsupported Transfer-Encoding \"{value}\""),
            FramingError::Contradiction => f.write_str("Transfer-Encoding and Content-Length contradict each other"),
            FramingError::TransferEncodingInHttp10 => f.write_str("Transfer-Encoding in an HTTP/1.0 response"),
            FramingError::Chunk { offset, what } => write!(f, "{what} at byte {offset} of the chunked body"),
            FramingError::CutOff { received, expected: Some(expected) } => {
                write!(f, "cut off after {received} of {expected} bytes")
            }
            FramingError::CutOff { received, expected: None } => write!(f, "cut off after {received} bytes"),
        }
    }
}

impl std::error::Error for FramingError {}

impl Framing {
    /// Decides the framing of the response to a request with `method`, and names the transfer
    /// codings under the chunks, in the order they were applied.
    pub(crate) fn of(head: &Head, method: Method) -> Result<(Framing, Vec<Coding>), FramingError> {
        if method == Method::Head || matches!(head.status(), 100..=199 | 204 | 304) {
            return Ok((Framing::Empty, Vec::new()));
        }
        let length = content_length(head)?;
        let Some((chunked, codings)) = transfer_encoding(head)? else {
            return Ok((length.map_or(Framing::UntilClose, Framing::Length), Vec::new()));
        };
        if head.minor_version() == 0 {
            return Err(FramingError::TransferEncodingInHttp10);
        }
        match (chunked, length) {
            // Chunked overrides a Content-Length.
            (true, _) => Ok((Framing::Chunked, codings)),
            (false, None) => Ok((Framing::UntilClose, codings)),
            (false, Some(_)) => Err(FramingError::Contradiction),
        }
    }
}

/// Content-Length: a number, or the same number several times.
fn content_length(head: &Head) -> Result<Option<u64>, FramingError> {
    let mut length = None;
    for value in head.fields().all("Content-Length") {
        for number in value.split(|byte| *byte == b',').map(trim_ows) {
            let refused = || FramingError::ContentLength(list_of(head, "Content-Length"));
            let text = std::str::from_utf8(number).map_err(|_| refused())?;
            // u64's own parser takes a plus sign.
            let parsed = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(refused)?;
            if *length.get_or_insert(parsed) != parsed {
                return Err(refused());
            }
        }
    }
    Ok(length)
}

/// Whether chunked is the last transfer coding, and the others in the order they were applied;
/// `None` where there is no transfer coding.
fn transfer_encoding(head: &Head) -> Result<Option<(bool, Vec<Coding>)>, FramingError> {
    const NAME: &str = "Transfer-Encoding";
    let refused = || FramingError::TransferEncoding(list_of(head, NAME));
    // "identity", gone from the RFC since 2014, meant no coding, and servers still say it.
    let mut names: Vec<&[u8]> = head.fields().list(NAME).collect();
    if head.fields().get(NAME).is_none() || matches!(names[..], [name] if name.eq_ignore_ascii_case(b"identity")) {
        return Ok(None);
    }
    // An empty field says neither where the body ends nor that it has no coding.
    if names.is_empty() {
        return Err(refused());
    }
    let chunked = names.last().is_some_and(|name| name.eq_ignore_ascii_case(b"chunked"));
    if chunked {
        names.pop();
    }
    let mut codings = Vec::new();
    for name in names {
        match Coding::named(name) {
            Some(coding @ (Coding::Gzip | Coding::Deflate)) => codings.push(coding),
            _ => return Err(refused()),
        }
    }
    if codings.len() > super::MAX_CODINGS {
        return Err(refused());
    }
    Ok(Some((chunked, codings)))
}

/// A field's values as one list, for an error message.
fn list_of(head: &Head, name: &str) -> String {
    let values: Vec<_> = head.fields().all(name).map(String::from_utf8_lossy).collect();
    values.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::HeadParser;
    use super::*;

    fn head(fields: &str) -> Head {
        let text = match fields.strip_prefix("1.0 ") {
            Some(fields) => format!("HTTP/1.0 200 OK\r\n{fields}\r\n\r\n"),
            None => format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"),
        };
        let text = text.replace("\r\n\r\n\r\n", "\r\n\r\n");
        HeadParser::new().parse(text.as_bytes()).expect("good").expect("whole").0
    }

    #[test]
    fn the_framing_follows_section_6_3() {
        use Framing::{Chunked, Length, UntilClose};
        for (fields, wanted) in [
            ("", UntilClose),
            ("1.0 X: y", UntilClose),
            ("Content-Length: 5", Length(5)),
            ("Content-Length: 0005", Length(5)),
            ("Content-Length: 5\r\nContent-Length: 5", Length(5)),
            ("Content-Length: 5, 5", Length(5)),
            ("Content-Length: 18446744073709551615", Length(u64::MAX)),
            ("Transfer-Encoding: chunked", Chunked),
            ("Transfer-Encoding: CHUNKED", Chunked),
            ("Transfer-Encoding: , chunked ,", Chunked),
            ("Transfer-Encoding: gzip, chunked", Chunked),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", Chunked),
            ("Transfer-Encoding: gzip", UntilClose),
            ("Transfer-Encoding: identity", UntilClose),
            ("Transfer-Encoding: identity\r\nContent-Length: 5", Length(5)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5", Chunked),
        ] {
            assert_eq!(Framing::of(&head(fields), Method::Get).expect(fields).0, wanted, "{fields}");
        }
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        for fields in [
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 5 5",
            "Content-Length: 5\r\n 5",
            "Content-Length:",
            "Content-Length: 5,",
            "Content-Length: 0x5",
            "Content-Length: 5.0",
            "Content-Length: 5, 6",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 18446744073709551616",
            "Content-Length: \u{664}",
            "Content-Length:\u{c}5",
            "Transfer-Encoding:",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: chunked;q=1",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: chunked\u{b}",
            "Transfer-Encoding: \u{c}chunked",
            "Transfer-Encoding: br, chunked",
            "Transfer-Encoding: compress",
            "Transfer-Encoding: gzip\r\nContent-Length: 5",
            "Transfer-Encoding: chunked\r\nContent-Length: x",
            "Transfer-Encoding: gzip,gzip,gzip,gzip,gzip,gzip,chunked",
            "1.0 Transfer-Encoding: chunked",
        ] {
            assert!(Framing::of(&head(fields), Method::Get).is_err(), "{fields}");
        }
    }

    #[test]
    fn some_responses_have_no_body_whatever_they_say() {
        let section = |status: u16| format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        for (status, method, empty) in [
            (200, Method::Head, true),
            (404, Method::Head, true),
            (103, Method::Get, true),
            (204, Method::Get, true),
            (304, Method::Get, true),
            (205, Method::Get, false),
            (206, Method::Get, false),
        ] {
            let head = HeadParser::new().parse(section(status).as_bytes()).expect("good").expect("whole").0;
            let framing = Framing::of(&head, method).expect("good").0;
            assert_eq!(framing == Framing::Empty, empty, "{status} to {method:?}");
        }
    }
}

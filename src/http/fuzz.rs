//! Properties of the parsers of responses.

use super::*;
use crate::pieces::pieces;

/// A header section is read alike whole and in pieces, and nothing in it can be taken for another field.
pub(crate) fn head(data: &[u8]) {
    let whole = HeadParser::new().parse(data);
    assert_eq!(comparable(whole.clone()), comparable(parse_in_pieces(data)));
    let Ok(Some((head, length))) = whole else {
        let _ = HeadParser::new().close(data).to_string();
        return;
    };
    assert!(data[..length].ends_with(head.raw()));
    assert!(head.fields().iter().count() <= MAX_FIELDS);
    for (name, value) in head.fields().iter() {
        Fields::new().append(name, value).expect("a field that was read can be written");
    }
    // Written anew, it is the same.
    let mut written = format!("HTTP/1.{} {:03} x\r\n", head.minor_version().min(1), head.status()).into_bytes();
    for (name, value) in head.fields().iter() {
        written.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    written.extend(b"\r\n");
    // Without folds and empty lines it may be longer, by a space for each field.
    if written.len() <= MAX_HEAD {
        let (again, _) = HeadParser::new().parse(&written).expect("valid").expect("whole");
        assert_eq!((again.status(), again.fields()), (head.status(), head.fields()));
        assert_eq!(again.keeps_connection(), head.keeps_connection());
    }
    let _ = (head.status_text(), StrongValidator::of(head.fields()), last_modified(head.fields()));
}

fn parse_in_pieces(data: &[u8]) -> Result<Option<(Head, usize)>, HeadError> {
    let mut parser = HeadParser::new();
    for piece in pieces(data) {
        match parser.parse(&data[..piece.end]) {
            Ok(None) => {}
            verdict => return verdict,
        }
    }
    if data.is_empty() { parser.parse(data) } else { Ok(None) }
}

/// What it seems to be instead may take a few bytes more to tell.
fn comparable(verdict: Result<Option<(Head, usize)>, HeadError>) -> Result<Option<(Head, usize)>, HeadError> {
    verdict.map_err(|error| match error {
        HeadError::NotHttp1 { offset, .. } => HeadError::NotHttp1 { offset, seems: None },
        error => error,
    })
}

/// A body gives the same bytes and the same verdict whole and in pieces; and what is framed anew is read again.
pub(crate) fn body(data: &[u8]) {
    let Ok(Some((head, length))) = HeadParser::new().parse(data) else { return };
    for method in [Method::Get, Method::Head] {
        let Ok((framing, _)) = Framing::of(&head, method) else { continue };
        let body = &data[length..];
        let whole = deframe(framing, body, std::iter::once(0..body.len()));
        assert_eq!(whole, deframe(framing, body, pieces(body)));
        assert!(whole.data.len() <= body.len() && whole.consumed <= body.len());
        if matches!(framing, Framing::Empty) {
            assert_eq!((whole.consumed, &whole.verdict), (0, &Ok(())));
        }
    }
    let mut chunked = Vec::new();
    for piece in pieces(data) {
        chunked.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        chunked.extend_from_slice(&data[piece]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let read = deframe(Framing::Chunked, &chunked, pieces(&chunked));
    assert!(read.verdict.is_ok() && read.data == data && read.consumed == chunked.len());
    let cut_off = &chunked[..chunked.len() - 1];
    assert!(deframe(Framing::Chunked, cut_off, pieces(cut_off)).verdict.is_err());
}

/// What became of a body.
#[derive(Debug, PartialEq, Eq)]
struct Deframed {
    data: Vec<u8>,
    consumed: usize,
    keeps_connection: bool,
    verdict: Result<(), FramingError>,
}

/// Removes the framing as a connection does: what is not consumed stays in the buffer.
fn deframe(framing: Framing, body: &[u8], pieces: impl Iterator<Item = std::ops::Range<usize>>) -> Deframed {
    let mut deframer = Deframer::new(framing);
    let (mut buffer, mut data, mut consumed) = (Vec::new(), Vec::new(), 0);
    let mut verdict = None;
    'pieces: for piece in pieces {
        buffer.extend_from_slice(&body[piece]);
        while !buffer.is_empty() && !deframer.is_done() {
            match deframer.step(&mut buffer) {
                Ok(step) => {
                    data.extend_from_slice(&buffer[step.data]);
                    consumed += step.consumed;
                    buffer.drain(..step.consumed);
                    if step.consumed == 0 {
                        break;
                    }
                }
                Err(error) => {
                    verdict = Some(Err(error));
                    break 'pieces;
                }
            }
        }
    }
    let verdict = verdict.unwrap_or_else(|| deframer.close());
    // Of an invalid chunk, how much came before it depends on where it was cut.
    if verdict.as_ref().is_err_and(|error| matches!(error, FramingError::Chunk { .. })) {
        (data, consumed) = (Vec::new(), 0);
    }
    Deframed { data, consumed, keeps_connection: deframer.keeps_connection(), verdict }
}

/// A range that is read is the range that was written, and a date too.
pub(crate) fn range(data: &[u8]) {
    if let Some(range) = ContentRange::parse(data) {
        assert!(range.first <= range.last && range.length() > 0);
        let total = range.total.map_or("*".to_owned(), |total| total.to_string());
        let written = format!("bytes {}-{}/{total}", range.first, range.last);
        assert_eq!(ContentRange::parse(written.as_bytes()), Some(range));
        assert_eq!(unsatisfied_range(data), None);
        assert!(ByteRange::Between(range.first, range.last).is_answered_by(&range));
    }
    if let Some(total) = unsatisfied_range(data) {
        assert_eq!(unsatisfied_range(format!("bytes */{total}").as_bytes()), Some(total));
    }
    if let Some(range) = std::str::from_utf8(data).ok().and_then(ByteRange::parse) {
        let written = range.to_string();
        assert_eq!(written.strip_prefix("bytes=").and_then(ByteRange::parse), Some(range));
    }
    if let Some(date) = parse_date(data) {
        let written = format_date(date).expect("a year of at most four digits");
        assert_eq!(parse_date(written.as_bytes()), Some(date));
    }
}

//! The chunked transfer coding (RFC 9112 section 7.1).
//!
//! As lenient as browsers are where servers in the field need it: white space may pad a chunk size at
//! its end, and a line may end with a bare LF. The second has let responses be smuggled, so after it the
//! connection is not used again.

use super::head::HeadParser;
use super::{MAX_CHUNK_LINE, MAX_FRAMING};
use std::fmt;
use std::ops::Range;

/// What one step of removing the framing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deframed {
    /// How many bytes of the buffer are done with.
    pub consumed: usize,
    /// Where in the buffer the body's bytes now stand.
    pub data: Range<usize>,
}

/// What is wrong at some byte of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkError {
    /// Not a hexadecimal digit in a chunk size.
    Size,
    /// The chunk size needs more than 64 bits.
    Overflow,
    /// A control character in a chunk extension.
    Extension,
    /// No line end where a line of the framing ends, or where a chunk's data ends.
    LineEnd,
    /// A line of the trailer section is not a field.
    Trailer,
    /// A chunk-size line, or the trailer section, is longer than [`MAX_CHUNK_LINE`].
    TooLong,
    /// More framing than data, by more than [`MAX_FRAMING`].
    TooMuchFraming,
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChunkError::Size => f.write_str("bad chunk size"),
            ChunkError::Overflow => f.write_str("chunk size too large"),
            ChunkError::Extension => f.write_str("bad chunk extension"),
            ChunkError::LineEnd => f.write_str("bad line end"),
            ChunkError::Trailer => f.write_str("bad trailer field"),
            ChunkError::TooLong => write!(f, "more than {} KiB of chunk-size line or trailer section", MAX_CHUNK_LINE / 1024),
            ChunkError::TooMuchFraming => {
                write!(f, "the chunk framing exceeds the data by more than {} MiB", MAX_FRAMING / 1024 / 1024)
            }
        }
    }
}

/// What the next byte is.
///
/// ```text
/// SizeStart -> Size -> [Padding] -> [Extension] -> SizeLf -> Data -> DataCr -> DataLf -> SizeStart
///                                                    \-> (size 0) Trailer -> Done
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first digit of a chunk size.
    SizeStart,
    /// Another digit, or what follows the size.
    Size,
    /// White space after the size.
    Padding,
    /// A chunk extension.
    Extension,
    /// The LF that ends the chunk-size line.
    SizeLf,
    /// A byte of the chunk's data.
    Data,
    /// The CR after the data.
    DataCr,
    /// The LF after that.
    DataLf,
    /// A byte of the trailer section, or the empty line that ends it.
    Trailer,
    /// Nothing: the body has ended.
    Done,
}

/// A chunk whose data would have to be moved further than this is given as a slice of its own.
const MOVE_AT_MOST: u64 = 4096;

/// Takes chunks apart.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// The size of this chunk, then what is left of it.
    left: u64,
    /// Bytes of this chunk-size line so far.
    line: usize,
    /// The trailer section so far; it is parsed when it is whole.
    trailer: Vec<u8>,
    /// Bytes of framed body consumed so far.
    offset: u64,
    /// Bytes of data, and of chunk-size lines and line ends, among them.
    data: u64,
    framing: u64,
    /// Whether a line ended with a bare LF.
    bare_lf: bool,
}

impl Chunked {
    pub(super) fn new() -> Chunked {
        Chunked { state: State::SizeStart, left: 0, line: 0, trailer: Vec::new(), offset: 0, data: 0, framing: 0, bare_lf: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn has_bare_lf(&self) -> bool {
        self.bare_lf
    }

    /// Moves the data of as many chunks as is worth it together; an error comes with its offset.
    pub(super) fn step(&mut self, buffer: &mut [u8]) -> Result<Deframed, (u64, ChunkError)> {
        let mut data = 0..0;
        let mut at = 0;
        while at < buffer.len() && self.state != State::Done {
            if self.state == State::Data {
                let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len() - at);
                if data.is_empty() {
                    data = at..at;
                } else if self.left > MOVE_AT_MOST {
                    break;
                }
                if data.end != at {
                    buffer.copy_within(at..at + length, data.end);
                }
                data.end += length;
                at += length;
                self.left -= length as u64;
                self.data += length as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
            } else {
                let byte = buffer[at];
                self.framing_byte(byte).map_err(|what| (self.offset + at as u64, what))?;
                at += 1;
            }
        }
        self.offset += at as u64;
        Ok(Deframed { consumed: at, data })
    }

    fn framing_byte(&mut self, byte: u8) -> Result<(), ChunkError> {
        if matches!(self.state, State::Size | State::Padding | State::Extension | State::SizeLf) {
            self.line += 1;
            if self.line > MAX_CHUNK_LINE {
                return Err(ChunkError::TooLong);
            }
        }
        self.state = match (self.state, byte) {
            (State::SizeStart, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                (self.left, self.line) = (u64::from(digit(byte)), 1);
                State::Size
            }
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let shifted = self.left.checked_mul(16).ok_or(ChunkError::Overflow)?;
                self.left = shifted + u64::from(digit(byte));
                State::Size
            }
            (State::Size | State::Padding, b' ' | b'\t') => State::Padding,
            (State::Size | State::Padding, b';') => State::Extension,
            (State::Size | State::Padding | State::Extension, b'\r') => State::SizeLf,
            (State::Size | State::Padding | State::Extension, b'\n') => {
                self.bare_lf = true;
                self.after_size_line()?
            }
            (State::SizeStart | State::Size | State::Padding, _) => return Err(ChunkError::Size),
            (State::Extension, b'\t' | b' '..=0x7e | 0x80..) => State::Extension,
            (State::Extension, _) => return Err(ChunkError::Extension),
            (State::SizeLf, b'\n') => self.after_size_line()?,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::DataCr, b'\n') => {
                self.bare_lf = true;
                State::SizeStart
            }
            (State::SizeLf | State::DataCr | State::DataLf, _) => return Err(ChunkError::LineEnd),
            (State::Trailer, _) => self.trailer_byte(byte)?,
            (State::Data | State::Done, _) => unreachable!("not a byte of the framing"),
        };
        Ok(())
    }

    /// The last chunk has no data.
    fn after_size_line(&mut self) -> Result<State, ChunkError> {
        // The line, and the line end after the data.
        self.framing += self.line as u64 + 2;
        if self.framing > self.data + MAX_FRAMING {
            return Err(ChunkError::TooMuchFraming);
        }
        Ok(if self.left == 0 { State::Trailer } else { State::Data })
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<State, ChunkError> {
        if self.trailer.len() >= MAX_CHUNK_LINE {
            return Err(ChunkError::TooLong);
        }
        self.trailer.push(byte);
        // An empty line ends the section; it may be the first one.
        let section = match &self.trailer[..] {
            [b'\r'] => return Ok(State::Trailer),
            [b'\r', b'\n'] => return Ok(State::Done),
            [b'\n'] => {
                self.bare_lf = true;
                return Ok(State::Done);
            }
            [b'\r', _] => return Err(ChunkError::LineEnd),
            trailer => trailer,
        };
        if section.ends_with(b"\n\r\n") || section.ends_with(b"\n\n") {
            self.bare_lf |= section.ends_with(b"\n\n");
            // A trailer section is written as the fields of a header section are.
            let as_head = [b"HTTP/1.1 200 OK\r\n", section].concat();
            return match HeadParser::new().parse(&as_head) {
                Ok(Some(_)) => Ok(State::Done),
                _ => Err(ChunkError::Trailer),
            };
        }
        Ok(State::Trailer)
    }
}

fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => byte - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pieces and gives the data, what was left over, and whether it ended.
    fn feed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<String, (u64, ChunkError)> {
        let (mut chunked, mut data, mut over) = (Chunked::new(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut buffer = piece.to_vec();
            loop {
                let step = chunked.step(&mut buffer)?;
                data.extend_from_slice(&buffer[step.data]);
                buffer.drain(..step.consumed);
                if buffer.is_empty() || chunked.is_done() {
                    break;
                }
            }
            over.extend(buffer);
        }
        let end = if chunked.is_done() { "." } else { "..." };
        Ok(format!("{}{end}{}", data.escape_ascii(), over.escape_ascii()))
    }

    /// A body, and the data, what is left over behind a full stop, or the error.
    type Row = (&'static [u8], Result<&'static str, (u64, ChunkError)>);

    const BODIES: &[Row] = &[
        (b"0\r\n\r\n", Ok(".")),
        (b"5\r\nhello\r\n0\r\n\r\n", Ok("hello.")),
        (b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1", Ok("hello.HTTP/1.1")),
        (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Ok("hello world.")),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", Ok("01234567890123456789.")),
        (b"00000000000000000000000000005\r\nhello\r\n000\r\n\r\n", Ok("hello.")),
        (b"5;a=b\r\nhello\r\n0;c=\"d;e\"\r\n\r\n", Ok("hello.")),
        (b"5 \t;a\r\nhello\r\n0   \r\n\r\n", Ok("hello.")),
        (b"2\r\n\r\n\r\n0\r\n\r\n", Ok("\\r\\n.")),
        (b"0\r\nA: b\r\nC:d\r\n\r\n", Ok(".")),
        (b"0\r\nA: b\r\n  folded\r\n\r\n", Ok(".")),
        (b"0\r\nA: b\n\n", Ok(".")),
        (b"5\r\nhel", Ok("hel...")),
        (b"5\r\nhello\r\n", Ok("hello...")),
        (b"5\r\nhello\r\n0\r\n", Ok("hello...")),
        (b"5\r\nhello\r\n0\r\n\r", Ok("hello...")),
        (b"+5\r\nhello", Err((0, ChunkError::Size))),
        (b"-5\r\nhello", Err((0, ChunkError::Size))),
        (b" 5\r\nhello", Err((0, ChunkError::Size))),
        (b"\r\n5\r\nhello", Err((0, ChunkError::Size))),
        (b";a\r\n", Err((0, ChunkError::Size))),
        (b"0x5\r\nhello", Err((1, ChunkError::Size))),
        (b"5 5\r\nhello", Err((2, ChunkError::Size))),
        (b"5g\r\nhello", Err((1, ChunkError::Size))),
        (b"5\nhello\n0\n\nmore", Ok("hello.more")),
        (b"5\nhello\r\n0\nA: b\n\n", Ok("hello.")),
        (b"5;a\r\nhello\n0;a\n\r\n", Ok("hello.")),
        (b"5\rhello", Err((2, ChunkError::LineEnd))),
        (b"5\r\r\nhello", Err((2, ChunkError::LineEnd))),
        (b"5;a\0\r\n", Err((3, ChunkError::Extension))),
        (b"5\r\nhelloX\r\n0\r\n\r\n", Err((8, ChunkError::LineEnd))),
        (b"5\r\nhello\rX", Err((9, ChunkError::LineEnd))),
        (b"5\r\nhello0\r\n\r\n", Err((8, ChunkError::LineEnd))),
        (b"FFFFFFFFFFFFFFFF0\r\n", Err((16, ChunkError::Overflow))),
        (b"10000000000000000\r\n", Err((16, ChunkError::Overflow))),
        (b"0\r\n\rX", Err((4, ChunkError::LineEnd))),
        (b"0\r\nno colon\r\n\r\n", Err((14, ChunkError::Trailer))),
        (b"0\r\n folded: first\r\n\r\n", Err((20, ChunkError::Trailer))),
        (b"0\r\nA: \0\r\n\r\n", Err((10, ChunkError::Trailer))),
    ];

    #[test]
    fn bodies_are_unframed_or_refused() {
        for (bytes, wanted) in BODIES {
            assert_eq!(feed([*bytes].into_iter()).as_deref(), wanted.as_ref().copied(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn split_anywhere_comes_to_the_same() {
        for (bytes, wanted) in BODIES {
            for split in 0..bytes.len() {
                let (one, two) = bytes.split_at(split);
                let fed = feed([one, two].into_iter());
                assert_eq!(fed.as_deref(), wanted.as_ref().copied(), "{} at {split}", bytes.escape_ascii());
            }
            let fed = feed(bytes.chunks(1));
            assert_eq!(fed.as_deref(), wanted.as_ref().copied(), "{} byte by byte", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_bare_lf_anywhere_in_the_framing_is_noted() {
        for (body, bare) in [
            (&b"1\r\nx\r\n0\r\nA: b\r\n\r\n"[..], false),
            (b"1\nx\r\n0\r\n\r\n", true),
            (b"1\r\nx\n0\r\n\r\n", true),
            (b"1\r\nx\r\n0\r\n\n", true),
            (b"1\r\nx\r\n0\r\nA: b\n\n", true),
        ] {
            let mut chunked = Chunked::new();
            chunked.step(&mut body.to_vec()).expect("good");
            assert_eq!((chunked.is_done(), chunked.has_bare_lf()), (true, bare), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn framing_counts_against_the_data() {
        let tiny = |chunks: usize| [b"1;abcdefgh\r\nx\r\n".repeat(chunks), b"0\r\n\r\n".to_vec()].concat();
        assert!(feed([&tiny(80_000)[..]].into_iter()).is_ok());
        assert!(matches!(feed([&tiny(100_000)[..]].into_iter()), Err((_, ChunkError::TooMuchFraming))));
    }

    #[test]
    fn large_chunks_are_not_moved() {
        let chunk = [b"2000\r\n".to_vec(), vec![b'x'; 0x2000], b"\r\n".to_vec()].concat();
        let mut buffer = [&chunk[..], &chunk[..], b"0\r\n\r\n"].concat();
        let mut chunked = Chunked::new();
        let first = chunked.step(&mut buffer).expect("good");
        assert_eq!(first.data, 6..6 + 0x2000);
        let second = chunked.step(&mut buffer[first.consumed..]).expect("good");
        assert_eq!((second.data.len(), chunked.is_done()), (0x2000, true));
    }

    #[test]
    fn the_limits_of_lines_and_trailers_hold() {
        let extension = |n: usize| [b"0;".to_vec(), vec![b'x'; n - 4], b"\r\n\r\n".to_vec()].concat();
        assert_eq!(feed([&extension(MAX_CHUNK_LINE)[..]].into_iter()), Ok(".".to_owned()));
        assert!(matches!(feed([&extension(MAX_CHUNK_LINE + 1)[..]].into_iter()), Err((_, ChunkError::TooLong))));
        let trailer = |n: usize| [b"0\r\nA: ".to_vec(), vec![b'x'; n - 7], b"\r\n\r\n".to_vec()].concat();
        assert_eq!(feed([&trailer(MAX_CHUNK_LINE)[..]].into_iter()), Ok(".".to_owned()));
        assert!(matches!(feed([&trailer(MAX_CHUNK_LINE + 1)[..]].into_iter()), Err((_, ChunkError::TooLong))));
    }
}

//! Decoding gzip, deflate, br and zstd, one or several in a row (RFC 9110 section 8.4).
//!
//! A stream that was cut off, is corrupt, or is followed by anything else is an error; each
//! library names those differently, so [`DecodeError`] names them once. Of gzip all members are
//! decoded, of zstd all frames. There is no clock here: a [`Decoder`] does one step at a time, and the
//! caller checks the deadline in between.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use crate::http::{Coding, Fields, MAX_CODINGS};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use std::fmt;
use zstd::stream::raw::{DParameter, Decoder as Zstd, Operation};

/// The window that a zstd stream may ask for: 8 MiB (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;
/// How much is decoded at a time, in bytes.
const OUTPUT: usize = 128 * 1024;

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    /// A coding of that name is not known.
    Unknown(String),
    /// More than [`MAX_CODINGS`] codings.
    TooMany,
    /// The stream ended before its end mark.
    CutOff(Coding),
    /// After the end of the stream something else follows.
    Trailing(Coding),
    /// The stream is not what it should be.
    Corrupt(Coding, String),
    /// More bytes came out of a stage than may.
    TooLarge(u64),
    /// Far more goes into a stage than comes out of it.
    Overhead(Coding),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |coding: &Coding| match coding {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Br => "br",
            Coding::Zstd => "zstd",
        };
        match self {
            DecodeError::Unknown(coding) => write!(f, "the content coding \"{coding}\" is not known"),
            DecodeError::TooMany => write!(f, "more than {MAX_CODINGS} content codings"),
            DecodeError::CutOff(coding) => write!(f, "the {} stream is cut off", name(coding)),
            DecodeError::Trailing(coding) => write!(f, "unexpected data after the end of the {} stream", name(coding)),
            DecodeError::Corrupt(coding, why) => write!(f, "the {} stream is corrupt: {why}", name(coding)),
            DecodeError::TooLarge(most) => write!(f, "it is larger than {most} bytes"),
            DecodeError::Overhead(coding) => write!(f, "the {} stream is almost all empty members or blocks", name(coding)),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The content codings of a body, in the order they were applied.
pub(crate) fn content_codings(fields: &Fields) -> Result<Vec<Coding>, DecodeError> {
    let mut codings = Vec::new();
    // "none" is no registered name, but servers send it and browsers take it for "identity".
    let is_coding = |name: &&[u8]| !["identity", "none"].iter().any(|none| name.eq_ignore_ascii_case(none.as_bytes()));
    for name in fields.list("Content-Encoding").filter(is_coding) {
        let unknown = || DecodeError::Unknown(String::from_utf8_lossy(name).into_owned());
        codings.push(Coding::named(name).ok_or_else(unknown)?);
    }
    if codings.len() > MAX_CODINGS { Err(DecodeError::TooMany) } else { Ok(codings) }
}

/// How many bytes more than twice what comes out of it may go into a stage that another one feeds: a
/// few bytes can expand to any number of empty members.
const MAX_OVERHEAD: u64 = 16 * 1024 * 1024;

/// Decodes a body, step by step.
pub(crate) struct Decoder {
    /// The last coding applied is the first to be decoded.
    stages: Vec<Stage>,
    /// The stage that has something to do.
    current: usize,
    /// The most bytes that may come out of any stage.
    max_size: Option<u64>,
    /// Whether any byte was fed.
    fed: bool,
}

/// What one [`step`](Decoder::step) came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecoderState {
    /// All input is used up.
    NeedsInput,
    /// Progress was made, and there is no output yet.
    Working,
    /// There is [output](Decoder::output).
    Output,
}

impl Decoder {
    /// A decoder for codings that were applied in this order, at least one. No stage may give more than
    /// `max_size` bytes.
    pub(crate) fn new(codings: &[Coding], max_size: Option<u64>) -> Decoder {
        let stages = codings.iter().rev().map(|coding| Stage::new(*coding)).collect();
        Decoder { stages, current: 0, max_size, fed: false }
    }

    /// Decodes at most 128 KiB in one of the stages, and takes the input used off `input`. To be
    /// repeated, with a look at the clock in between, until it wants more input.
    pub(crate) fn step(&mut self, input: &mut &[u8]) -> Result<DecoderState, DecodeError> {
        self.fed |= !input.is_empty();
        let last = self.stages.len().saturating_sub(1);
        let (before, after) = self.stages.split_at_mut(self.current);
        let Some(stage) = after.first_mut() else { return Ok(DecoderState::NeedsInput) };
        let available = before.last().map_or(*input, |previous| &previous.output[previous.taken..previous.produced]);
        if available.is_empty() && !stage.pending {
            if self.current == 0 {
                return Ok(DecoderState::NeedsInput);
            }
            self.current -= 1;
            return Ok(DecoderState::Working);
        }
        let consumed = stage.step(available)?;
        let is_fed_by_another = !before.is_empty();
        match before.last_mut() {
            Some(previous) => previous.taken += consumed,
            None => *input = &input[consumed..],
        }
        if is_fed_by_another && stage.total_in > stage.total_out.saturating_mul(2).saturating_add(MAX_OVERHEAD) {
            return Err(DecodeError::Overhead(stage.coding));
        }
        if let Some(most) = self.max_size.filter(|most| stage.total_out > *most) {
            return Err(DecodeError::TooLarge(most));
        }
        match stage.produced {
            0 => Ok(DecoderState::Working),
            _ if self.current == last => Ok(DecoderState::Output),
            _ => {
                self.current += 1;
                Ok(DecoderState::Working)
            }
        }
    }

    /// What came out of the last step.
    pub(crate) fn output(&self) -> &[u8] {
        self.stages.last().map_or(&[], |stage| &stage.output[..stage.produced])
    }

    /// Checks at the end of the body that every stream was whole. With `may_be_empty`, a body of no bytes
    /// at all is: servers send it with a coding's name where the framing says that it has no bytes.
    pub(crate) fn finish(&self, may_be_empty: bool) -> Result<(), DecodeError> {
        if !self.fed && may_be_empty {
            return Ok(());
        }
        self.stages.iter().try_for_each(|stage| if stage.ended { Ok(()) } else { Err(DecodeError::CutOff(stage.coding)) })
    }
}

/// One coding being decoded.
struct Stage {
    coding: Coding,
    codec: Codec,
    /// At the end of a stream; for gzip and zstd another member or frame may follow.
    ended: bool,
    /// The output was full: more may come out without more going in.
    pending: bool,
    /// What the last step gave: `output[..produced]`, of which the next stage has taken so many.
    output: Box<[u8]>,
    produced: usize,
    taken: usize,
    total_in: u64,
    total_out: u64,
}

enum Codec {
    Gzip(Decompress),
    Deflate(Deflate),
    Br(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>),
    Zstd(Zstd<'static>),
    /// The library could not start.
    Failed(String),
}

/// What "deflate" turns out to be after its first two bytes.
enum Deflate {
    Unknown(Option<u8>),
    Known(Decompress),
}

impl Stage {
    /// Not inlined: a decoder's state is large on the stack, and most transfers need none.
    #[inline(never)]
    fn new(coding: Coding) -> Stage {
        let codec = match coding {
            Coding::Gzip => Codec::Gzip(Decompress::new_gzip(15)),
            Coding::Deflate => Codec::Deflate(Deflate::Unknown(None)),
            Coding::Br => {
                let new = StandardAlloc::default;
                Codec::Br(Box::new(BrotliState::new_strict(new(), new(), new())))
            }
            Coding::Zstd => zstd_decoder().map_or_else(|error| Codec::Failed(error.to_string()), Codec::Zstd),
        };
        Stage {
            coding,
            codec,
            ended: false,
            pending: false,
            output: vec![0; OUTPUT].into_boxed_slice(),
            produced: 0,
            taken: 0,
            total_in: 0,
            total_out: 0,
        }
    }

    /// Decodes as much as the input gives and the output takes: how many bytes were consumed.
    fn step(&mut self, input: &[u8]) -> Result<usize, DecodeError> {
        (self.produced, self.taken) = (0, 0);
        if self.ended {
            let Some(first) = input.first() else {
                self.pending = false;
                return Ok(0);
            };
            match (&mut self.codec, first) {
                (Codec::Gzip(gzip), 0x1f) => *gzip = Decompress::new_gzip(15),
                // A frame, or a skippable one.
                (Codec::Zstd(_), 0x28 | 0x50..=0x5f) => {}
                _ => return Err(DecodeError::Trailing(self.coding)),
            }
            self.ended = false;
        }
        let output = &mut self.output[..];
        let done = match &mut self.codec {
            Codec::Gzip(gzip) => inflate(gzip, input, output),
            Codec::Deflate(deflate) => deflate.step(input, output),
            Codec::Br(br) => decode_brotli(br, input, output),
            Codec::Zstd(zstd) => zstd
                .run_on_buffers(input, output)
                .map(|status| (status.bytes_read, status.bytes_written, status.remaining == 0))
                .map_err(|error| error.to_string()),
            Codec::Failed(why) => Err(why.clone()),
        };
        let (consumed, produced, ended) = done.map_err(|why| DecodeError::Corrupt(self.coding, why))?;
        if consumed == 0 && produced == 0 && !input.is_empty() && !ended {
            return Err(DecodeError::Corrupt(self.coding, "the decoder made no progress".to_owned()));
        }
        (self.ended, self.pending, self.produced) = (ended, produced == self.output.len(), produced);
        self.total_in += consumed as u64;
        self.total_out += produced as u64;
        Ok(consumed)
    }
}

/// Bytes consumed, bytes produced, whether the stream ended.
type Progress = Result<(usize, usize, bool), String>;

fn inflate(stream: &mut Decompress, input: &[u8], output: &mut [u8]) -> Progress {
    let (was_in, was_out) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(input, output, FlushDecompress::None).map_err(|error| error.to_string())?;
    let moved = |now: u64, was: u64| usize::try_from(now - was).unwrap_or(usize::MAX);
    Ok((moved(stream.total_in(), was_in), moved(stream.total_out(), was_out), status == Status::StreamEnd))
}

impl Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        match self {
            Deflate::Known(stream) => inflate(stream, input, output),
            Deflate::Unknown(None) => {
                *self = Deflate::Unknown(input.first().copied());
                Ok((input.len().min(1), 0, false))
            }
            Deflate::Unknown(Some(first)) => {
                let (first, Some(second)) = (*first, input.first()) else { return Ok((0, 0, false)) };
                // The header of zlib (RFC 1950 section 2.2), else raw deflate.
                let zlib = first & 0x8f == 8 && u16::from_be_bytes([first, *second]).is_multiple_of(31);
                let mut stream = Decompress::new(zlib);
                let progress = inflate(&mut stream, &[first, *second], output)?;
                *self = Deflate::Known(stream);
                let (2, produced, ended) = progress else { return Err("invalid stream header".to_owned()) };
                Ok((1, produced, ended))
            }
        }
    }
}

fn decode_brotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    input: &[u8],
    output: &mut [u8],
) -> Progress {
    let (mut left, mut consumed) = (input.len(), 0);
    let (mut room, mut produced, mut total) = (output.len(), 0, 0);
    match BrotliDecompressStream(&mut left, &mut consumed, input, &mut room, &mut produced, output, &mut total, state) {
        BrotliResult::ResultFailure => Err("invalid data".to_owned()),
        result => Ok((consumed, produced, matches!(result, BrotliResult::ResultSuccess))),
    }
}

fn zstd_decoder() -> std::io::Result<Zstd<'static>> {
    let mut zstd = Zstd::new()?;
    zstd.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
    Ok(zstd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// Compressible, and not in a period that a decoder could get right by chance.
    fn text(length: usize) -> Vec<u8> {
        (0..length).map(|i| b"the quick brown fox"[(i * i / 7) % 19]).collect()
    }

    fn encoded(coding: Coding, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let level = flate2::Compression::new(6);
        match coding {
            Coding::Gzip => flate2::read::GzEncoder::new(plain, level).read_to_end(&mut out).map(drop),
            Coding::Deflate => flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut out).map(drop),
            Coding::Br => brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(plain),
            Coding::Zstd => {
                let mut encoder = zstd::stream::Encoder::new(&mut out, 3).expect("starts");
                encoder.include_checksum(true).expect("can");
                encoder.write_all(plain).and_then(|()| encoder.finish().map(drop))
            }
        }
        .expect("encodes");
        out
    }

    fn raw_deflate(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        flate2::read::DeflateEncoder::new(plain, flate2::Compression::new(6)).read_to_end(&mut out).expect("encodes");
        out
    }

    fn decoded(codings: &[Coding], pieces: &mut dyn Iterator<Item = &[u8]>) -> Result<Vec<u8>, DecodeError> {
        let mut decoder = Decoder::new(codings, None);
        let mut plain = Vec::new();
        for mut piece in pieces {
            loop {
                match decoder.step(&mut piece)? {
                    DecoderState::Output => plain.extend_from_slice(decoder.output()),
                    DecoderState::Working => {}
                    DecoderState::NeedsInput => break,
                }
            }
        }
        decoder.finish(false).map(|()| plain)
    }

    fn whole(codings: &[Coding], bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        decoded(codings, &mut std::iter::once(bytes))
    }

    /// Streams of every kind, and what is in them.
    fn streams() -> Vec<(&'static [Coding], Vec<u8>, Vec<u8>)> {
        use Coding::{Br, Deflate, Gzip, Zstd};
        let plain = text(3000);
        let two = |coding| [encoded(coding, &plain[..1000]), encoded(coding, &plain[1000..])].concat();
        let skippable = [b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec(), encoded(Zstd, &plain)].concat();
        vec![
            (&[Gzip], encoded(Gzip, &plain), plain.clone()),
            (&[Gzip], two(Gzip), plain.clone()),
            (&[Gzip], encoded(Gzip, b""), Vec::new()),
            (&[Deflate], encoded(Deflate, &plain), plain.clone()),
            (&[Deflate], raw_deflate(&plain), plain.clone()),
            (&[Deflate], raw_deflate(b""), Vec::new()),
            (&[Br], encoded(Br, &plain), plain.clone()),
            (&[Br], encoded(Br, b""), Vec::new()),
            (&[Zstd], encoded(Zstd, &plain), plain.clone()),
            (&[Zstd], two(Zstd), plain.clone()),
            (&[Zstd], skippable, plain.clone()),
            (&[Br, Gzip], encoded(Gzip, &encoded(Br, &plain)), plain.clone()),
            (&[Zstd, Deflate, Gzip], encoded(Gzip, &encoded(Deflate, &encoded(Zstd, &plain))), plain.clone()),
        ]
    }

    #[test]
    fn every_coding_is_decoded_whole_and_byte_by_byte() {
        for (codings, stream, plain) in streams() {
            assert!(whole(codings, &stream).as_ref() == Ok(&plain), "{codings:?}");
            assert!(decoded(codings, &mut stream.chunks(1)).as_ref() == Ok(&plain), "{codings:?} byte by byte");
        }
    }

    #[test]
    fn every_coding_is_decoded_split_anywhere() {
        for (codings, stream, plain) in streams() {
            for split in 0..stream.len() {
                let (one, two) = stream.split_at(split);
                assert!(decoded(codings, &mut [one, two].into_iter()).as_ref() == Ok(&plain), "{codings:?} at {split}");
            }
        }
    }

    #[test]
    fn a_stream_cut_off_anywhere_is_an_error() {
        for (codings, stream, _) in streams().into_iter().filter(|(codings, ..)| !codings.is_empty()) {
            let passed = (0..stream.len()).filter(|cut| whole(codings, &stream[..*cut]).is_ok()).collect::<Vec<_>>();
            // Between two members or frames a cut cannot be told: there, and nowhere else, it passes.
            let seam = [encoded(codings[0], &text(3000)[..1000]).len(), 11];
            let two = stream.starts_with(&encoded(codings[0], &text(3000)[..1000]));
            let skippable = stream.starts_with(b"\x5a\x2a\x4d\x18");
            assert_eq!(
                passed,
                [(two, seam[0]), (skippable, seam[1])].iter().filter(|(is, _)| *is).map(|(_, at)| *at).collect::<Vec<_>>()
            );
            for cut in (0..stream.len()).filter(|cut| !passed.contains(cut)) {
                assert!(matches!(whole(codings, &stream[..cut]), Err(DecodeError::CutOff(_))), "{codings:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn anything_after_the_end_is_an_error() {
        for (codings, stream, _) in streams().into_iter().filter(|(codings, ..)| !codings.is_empty()) {
            for rubbish in [&b"x"[..], b"\0", b"rubbish, and more of it", b"\r\n"] {
                let fed = whole(codings, &[&stream, rubbish].concat());
                let outer = codings[codings.len() - 1];
                assert_eq!(fed.as_ref().err(), Some(&DecodeError::Trailing(outer)), "{codings:?} and {rubbish:?}");
            }
        }
    }

    #[test]
    fn one_flipped_bit_never_passes_for_the_text() {
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
            let (plain, stream) = (text(300), encoded(coding, &text(300)));
            for bit in 0..stream.len() * 8 {
                let mut flipped = stream.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                if let Ok(text) = whole(&[coding], &flipped) {
                    assert!(text == plain, "{coding:?}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn a_window_over_8_mib_is_refused() {
        let mut out = Vec::new();
        let mut encoder = zstd::stream::Encoder::new(&mut out, 1).expect("starts");
        encoder.window_log(ZSTD_WINDOW_LOG + 1).expect("can");
        encoder.write_all(&text(100_000)).and_then(|()| encoder.finish().map(drop)).expect("encodes");
        assert!(matches!(whole(&[Coding::Zstd], &out), Err(DecodeError::Corrupt(..))));
    }

    #[test]
    fn every_stage_has_its_limits() {
        // A few hundred bytes that come to millions of empty members, which hold nothing.
        let empty = encoded(Coding::Gzip, b"");
        let bomb = encoded(Coding::Gzip, &encoded(Coding::Gzip, &empty.repeat(2_000_000)));
        let codings = [Coding::Gzip; 3];
        assert_eq!(whole(&codings, &bomb), Err(DecodeError::Overhead(Coding::Gzip)));
        let mut decoder = Decoder::new(&codings, Some(1000));
        let mut input = &bomb[..];
        let error = loop {
            match decoder.step(&mut input) {
                Ok(DecoderState::NeedsInput) => panic!("it was decoded"),
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error, DecodeError::TooLarge(1000));
    }

    #[test]
    fn no_bytes_are_a_body_only_where_the_framing_says_so() {
        assert_eq!(Decoder::new(&[Coding::Gzip], None).finish(true), Ok(()));
        assert_eq!(Decoder::new(&[Coding::Gzip], None).finish(false), Err(DecodeError::CutOff(Coding::Gzip)));
    }

    #[test]
    fn content_codings_are_known_or_refused() {
        let of = |value: &str| {
            let mut fields = Fields::new();
            fields.append("Content-Encoding", value.as_bytes()).expect("valid");
            content_codings(&fields)
        };
        assert_eq!(of("GZip, identity,, X-GZIP, br, zstd, deflate, None").map(|c| c.len()), Ok(5));
        assert_eq!(of("gzip, compress"), Err(DecodeError::Unknown("compress".to_owned())));
        assert_eq!(of("br,br,br,br,br,br"), Err(DecodeError::TooMany));
    }
}

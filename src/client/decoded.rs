//! The body of a response with its codings decoded: the one loop through framing, codings and limits,
//! for files, for memory and for [`Read`](std::io::Read) alike.

use super::body::Body;
use super::rate::RateLimit;
use crate::coding::{DecodeError, Decoder, DecoderState};
use crate::error::{Error, Kind};
use crate::http::{Coding, Framing};
use crate::sys::SplicePipe;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Limits on the size and rate of a body.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyLimits {
    /// The most bytes, on the wire or decoded.
    pub(crate) max_size: Option<u64>,
    /// The rate at which bytes are received.
    pub(crate) rate: Option<Arc<RateLimit>>,
    /// How many bytes there have to be, where Content-Range says so.
    pub(crate) expected: Option<u64>,
}

impl BodyLimits {
    /// A failure where so many bytes are too many.
    pub(crate) fn check_size(&self, bytes: u64) -> Result<(), Error> {
        match self.max_size {
            Some(most) if bytes > most => Err(too_large(most)),
            _ => Ok(()),
        }
    }
}

fn too_large(most: u64) -> Error {
    let error = Error::new(Kind::Protocol, "the body is too large").detail(format!("it is larger than {most} bytes"));
    error.hint("--max-size")
}

/// Some bytes of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'b> {
    /// They may be none, while something is decoded.
    pub(crate) bytes: &'b [u8],
    /// Whether the whole body was received: what may follow is here already.
    pub(crate) all_received: bool,
}

/// The body of a response, decoded.
pub(crate) struct DecodedBody {
    body: Body,
    /// `None` where nothing is to be decoded.
    decoder: Option<Decoder>,
    /// Received, and not yet counted: a range of the body's buffer.
    received: Range<usize>,
    /// Counted, and not yet given or decoded.
    piece: Range<usize>,
    /// How many bytes are counted at a time.
    piece_limit: usize,
    /// Whether all that was fed to the decoder has come out.
    needs_input: bool,
    limits: BodyLimits,
    /// Bytes received, framing not counted.
    wire: u64,
    /// Bytes given.
    given: u64,
    started: Instant,
    done: bool,
}

impl DecodedBody {
    /// Codings in the order they were applied; for none, bytes are as they were sent.
    pub(super) fn new(body: Body, codings: &[Coding], limits: BodyLimits) -> DecodedBody {
        let decoder = (!codings.is_empty()).then(|| Decoder::new(codings, limits.max_size));
        let mut body = body;
        let piece_limit = limits.rate.as_ref().map_or(usize::MAX, |rate| rate.piece());
        body.limit_receive(piece_limit);
        DecodedBody {
            body,
            decoder,
            received: 0..0,
            piece: 0..0,
            piece_limit,
            needs_input: true,
            limits,
            wire: 0,
            given: 0,
            started: Instant::now(),
            done: false,
        }
    }

    /// How many bytes came, framing not counted, before decoding.
    pub(crate) fn wire_bytes(&self) -> u64 {
        self.wire
    }

    /// How long it has been coming.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// From now on, receives no more bytes at a time than this.
    pub(super) fn limit_receive(&mut self, bytes: usize) {
        self.body.limit_receive(bytes);
    }

    /// The next bytes; `None` once the body is whole. A body that is not, is an error.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>, Error> {
        if self.done {
            return Ok(None);
        }
        if self.needs_input && !self.receive()? {
            if let Some(decoder) = &self.decoder {
                decoder.finish(self.body.framing() != Framing::UntilClose).map_err(undecodable)?;
            }
            if let Some(expected) = self.limits.expected.filter(|expected| self.given < *expected) {
                return Err(self.too_short(expected));
            }
            self.done = true;
            return Ok(None);
        }
        self.needs_input = self.decoder.is_none();
        let all_received = self.body.is_done();
        let Some(decoder) = &mut self.decoder else {
            let piece = std::mem::take(&mut self.piece);
            self.given += piece.len() as u64;
            check_expected(&self.limits, self.given)?;
            return Ok(Some(Piece { bytes: &self.body.buffer()[piece], all_received }));
        };
        let mut input = &self.body.buffer()[self.piece.clone()];
        let state = loop {
            // A little on the wire may be much to decode.
            self.body.timer().poll_interval().map_err(|error| Error::from(error).context("the body is incomplete"))?;
            match decoder.step(&mut input).map_err(undecodable)? {
                DecoderState::Working => {}
                state => break state,
            }
        };
        self.piece.start = self.piece.end - input.len();
        self.needs_input = state == DecoderState::NeedsInput;
        let output = if state == DecoderState::Output { decoder.output() } else { &[] };
        self.given += output.len() as u64;
        check_expected(&self.limits, self.given)?;
        Ok(Some(Piece { bytes: output, all_received }))
    }

    /// Fewer bytes than Content-Range says. Where closing the connection is the end, it was closed too early.
    fn too_short(&self, expected: u64) -> Error {
        if self.body.framing() != Framing::UntilClose {
            return wrong_length(expected, &format!("the body has {}", self.given));
        }
        let what = format!("the body is cut off after {} of {expected} bytes", self.given);
        Error::new(Kind::Network, what).detail("the server closed the connection").retryable()
    }

    /// Receives the next piece; false at the end.
    fn receive(&mut self) -> Result<bool, Error> {
        if self.received.is_empty() {
            let Some(received) = self.body.next_piece()? else { return Ok(false) };
            self.received = received;
        }
        let length = self.received.len().min(self.piece_limit);
        self.piece = self.received.start..self.received.start + length;
        self.received.start += length;
        self.count(length as u64)?;
        Ok(true)
    }

    fn count(&mut self, received: u64) -> Result<(), Error> {
        self.wire += received;
        self.limits.check_size(self.wire).inspect_err(|_| self.body.exceeds_limit())?;
        self.throttle(received)
    }

    /// Sleeps to keep within the rate.
    fn throttle(&self, received: u64) -> Result<(), Error> {
        let Some(rate) = &self.limits.rate else { return Ok(()) };
        let throttled = rate.throttle(received, self.body.timer());
        throttled.map_err(|error| Error::from(error).context("the body is incomplete"))
    }

    /// How many bytes can be [spliced](DecodedBody::splice): those that nothing has to look at.
    pub(crate) fn spliceable(&mut self) -> u64 {
        let looked_at = self.decoder.is_some() || self.limits.rate.is_some() || !self.received.is_empty();
        if looked_at { 0 } else { self.body.spliceable() }
    }

    /// Moves [spliceable](DecodedBody::spliceable) bytes into a pipe, and gives their number.
    pub(crate) fn splice(&mut self, pipe: &SplicePipe) -> Result<usize, Error> {
        let moved = self.body.splice(pipe)?;
        self.count(moved as u64)?;
        self.given += moved as u64;
        check_expected(&self.limits, self.given)?;
        Ok(moved)
    }
}

fn check_expected(limits: &BodyLimits, given: u64) -> Result<(), Error> {
    match limits.expected {
        Some(expected) if given > expected => Err(wrong_length(expected, "the body is longer")),
        _ => Ok(()),
    }
}

fn wrong_length(expected: u64, found: &str) -> Error {
    Error::new(Kind::Protocol, "malformed response").detail(format!("Content-Range says {expected} bytes, {found}"))
}

/// A body that cannot be decoded.
pub(crate) fn undecodable(error: DecodeError) -> Error {
    let what = "cannot decode the body";
    match error {
        // Truncation is a network failure wherever it is noticed.
        DecodeError::CutOff(_) => Error::new(Kind::Network, what).caused_by(error).retryable(),
        DecodeError::TooLarge(most) => too_large(most),
        DecodeError::Unknown(_) => {
            let hint = "--no-compression saves the body as it was sent";
            Error::new(Kind::Protocol, what).caused_by(error).hint(hint)
        }
        error => Error::new(Kind::Protocol, what).caused_by(error),
    }
}

//! A body on its way from the connection to the sink: decoded, counted, limited, checked.

use super::SaveOptions;
use crate::client::Body;
use crate::coding::{CodingError, Decoder};
use crate::error::{Error, Kind};
use crate::http::{Coding, Framing};
use crate::net::{NetError, Timer};
use crate::report::{Progress, TerminalText};
use crate::save::Sink;
use ring::digest::Context;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Below this many bytes a pipe is not worth making.
const WORTH_SPLICING: u64 = 512 * 1024;
/// How many bytes are spliced at a time: what a pipe may hold without privileges.
const SPLICE: usize = 1024 * 1024;
/// How many pieces of a second's bytes are received where there is a limit to them.
const PIECES: u64 = 10;

/// Receives a body to its end, through a meter into a sink.
pub(super) fn receive(body: &mut Body, codings: &[Coding], sink: &mut Sink, meter: &mut Meter<'_>) -> Result<(), Error> {
    let most = meter.options.limit_rate.map_or(u64::MAX, |rate| (rate / PIECES).max(1));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    body.receive_at_most(most);
    meter.terminal = sink.is_terminal().then(TerminalText::default);
    if codings.is_empty() {
        while let Some(piece) = body.piece()? {
            for slice in piece.chunks(most) {
                meter.received(slice.len() as u64)?;
                meter.save(slice, sink)?;
            }
            if !body.is_done() {
                sink.record();
            }
            if meter.lets_splice() && sink.is_file() && body.spliceable() >= WORTH_SPLICING {
                splice(body, sink, meter)?;
            }
        }
    } else {
        let mut decoder = Decoder::new(codings);
        while let Some(piece) = body.piece()? {
            for slice in piece.chunks(most) {
                meter.received(slice.len() as u64)?;
                decoder
                    .decode(slice, &mut |plain| meter.save(plain, sink).map_err(DecodeError::Save))
                    .map_err(DecodeError::into_error)?;
            }
        }
        decoder.finish(body.framing() != Framing::UntilClose).map_err(undecodable)?;
    }
    meter.end(sink)
}

/// A failure in the middle of decoding.
enum DecodeError {
    Coding(CodingError),
    Save(Error),
}

impl From<CodingError> for DecodeError {
    fn from(error: CodingError) -> DecodeError {
        DecodeError::Coding(error)
    }
}

impl DecodeError {
    fn into_error(self) -> Error {
        match self {
            DecodeError::Coding(error) => undecodable(error),
            DecodeError::Save(error) => error,
        }
    }
}

/// A body that cannot be decoded.
pub(crate) fn undecodable(error: CodingError) -> Error {
    // Cut off is cut off, wherever it shows.
    if matches!(error, CodingError::CutOff(_)) {
        return Error::new(Kind::Network, "cannot decode the body").because(error).retryable();
    }
    let hint = matches!(error, CodingError::Unknown(_)).then_some("--no-compression saves the body as it was sent");
    Error::new(Kind::Protocol, "cannot decode the body").because(error).hint(hint)
}

/// Moves what is left of a body of known length direct into the file, inside the kernel.
fn splice(body: &mut Body, sink: &mut Sink, meter: &mut Meter<'_>) -> Result<(), Error> {
    let pipe = pipe_with(PipeFlags::CLOEXEC);
    let failed = |error: Errno| Error::new(Kind::Other, "cannot make a pipe").because(io::Error::from(error));
    let (from, to) = pipe.map_err(failed)?;
    // Where the system does not allow it, the pipe stays as small as it is.
    let _ = fcntl_setpipe_size(&to, SPLICE);
    meter.options.allow(sink.length().saturating_add(body.spliceable()))?;
    while body.spliceable() > 0 {
        let most = body.spliceable().min(SPLICE as u64);
        let moved = body.splice(to.as_fd(), most)?;
        sink.write_from_pipe(from.as_fd(), moved)?;
        meter.wire += moved;
        meter.progress.add(moved);
    }
    Ok(())
}

/// Counts, limits and digests what passes.
pub(super) struct Meter<'t> {
    options: &'t SaveOptions,
    /// Bytes of the body as they came off the wire, framing undone.
    pub(super) wire: u64,
    digest: Option<&'t mut Context>,
    progress: Progress,
    /// Where the body is shown on a terminal.
    terminal: Option<TerminalText>,
    /// A little on the wire may be much to decode and to save.
    timer: Timer,
    started: Instant,
    /// How many bytes there are to be, where a part says so.
    part: Option<u64>,
}

impl<'t> Meter<'t> {
    pub(super) fn new(options: &'t SaveOptions, digest: Option<&'t mut Context>, progress: Progress, timer: Timer) -> Meter<'t> {
        Meter { options, wire: 0, digest, progress, terminal: None, timer, started: Instant::now(), part: None }
    }

    /// More than so many bytes are no longer the part that was announced.
    pub(super) fn expect(&mut self, bytes: Option<u64>) {
        self.part = bytes;
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn lets_splice(&self) -> bool {
        self.digest.is_none() && self.options.limit_rate.is_none()
    }

    fn received(&mut self, bytes: u64) -> Result<(), Error> {
        self.wire += bytes;
        self.progress.add(bytes);
        self.options.allow(self.wire)?;
        if let Some(part) = self.part.filter(|part| self.wire > *part) {
            let why = format!("Content-Range says {part} bytes, and more came");
            return Err(Error::new(Kind::Protocol, "malformed response").because(why));
        }
        self.slow_down()
    }

    /// Waits until as many bytes as came may have come.
    fn slow_down(&self) -> Result<(), Error> {
        let Some(rate) = self.options.limit_rate else { return Ok(()) };
        let due = Duration::from_secs_f64(self.wire as f64 / rate.max(1) as f64);
        while let Some(early) = due.checked_sub(self.elapsed()).filter(|early| !early.is_zero()) {
            let poll_interval = self.timer.poll_interval().map_err(not_done)?;
            std::thread::sleep(early.min(poll_interval));
        }
        Ok(())
    }

    /// Bytes as they are saved.
    fn save(&mut self, bytes: &[u8], sink: &mut Sink) -> Result<(), Error> {
        self.options.allow(sink.length() + bytes.len() as u64)?;
        self.timer.poll_interval().map_err(not_done)?;
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        match &mut self.terminal {
            Some(text) => sink.show(&text.next_piece(bytes), bytes.len()),
            None => sink.write(bytes),
        }
    }

    /// Everything has passed.
    fn end(&mut self, sink: &mut Sink) -> Result<(), Error> {
        self.terminal.take().map_or(Ok(()), |mut text| sink.show(&text.rest(), 0))
    }
}

fn not_done(error: NetError) -> Error {
    Error::new(Kind::Network, "the body is not done").because(error)
}

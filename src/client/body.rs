//! The body of a response as it comes off the connection, framing removed, codings not.

use super::connection::Connection;
use super::tap::{Ending, Recorder, UnwantedLimits};
use crate::error::{Error, Kind};
use crate::http::{Coding, Deframer, Framing, FramingError, Head, Method};
use crate::net::{NetError, Timer};
use crate::sys::SplicePipe;
use std::ops::Range;
use std::time::Duration;

/// The most that is read of a body that is not wanted, to keep its connection.
const DRAIN: u64 = 64 * 1024;
/// The longest wait for it: a new connection costs not much more.
const DRAIN_TIME: Duration = Duration::from_millis(200);
/// How many bytes are looked at in one step where they are recorded: each step copies them, and one chunk may
/// be all that it takes.
const RECORD_STEP: usize = 64 * 1024;
/// How long it may take where it is recorded.
const RECORD_TIME: Duration = Duration::from_secs(30);

/// A body being received. Read to its end or dropped, it gives its connection back to the pool, where
/// another request can use that.
pub(super) struct Body {
    /// `None` once it was given back or closed.
    connection: Option<Connection>,
    framing: Framing,
    deframer: Deframer,
    codings: Vec<Coding>,
    keeps_connection: bool,
    timer: Timer,
    recording: Option<Recording>,
}

/// A body that is recorded as it comes.
struct Recording {
    recorder: Box<dyn Recorder>,
    /// What came, before the framing is removed from it in place.
    wire: Vec<u8>,
    /// Why it is cut short.
    ending: Option<Ending>,
    /// How much is received for the record alone.
    unwanted: UnwantedLimits,
}

impl Body {
    pub(super) fn new(connection: Connection, head: &Head, method: Method, timer: Timer) -> Result<Body, Error> {
        let malformed = |error: FramingError| Error::new(Kind::Protocol, "malformed response").caused_by(error);
        let (framing, codings) = Framing::of(head, method).map_err(malformed)?;
        let keeps_connection = head.keeps_connection() && framing != Framing::UntilClose;
        let deframer = Deframer::new(framing);
        Ok(Body { connection: Some(connection), framing, deframer, codings, keeps_connection, timer, recording: None })
    }

    /// Records it; if it is dropped before its end, what is left of it within these limits.
    pub(super) fn record(&mut self, recorder: Box<dyn Recorder>, unwanted: UnwantedLimits) {
        self.recording = Some(Recording { recorder, wire: Vec::new(), ending: None, unwanted });
    }

    /// It is longer than it may be, and will not be received to its end.
    pub(super) fn exceeds_limit(&mut self) {
        if let Some(recording) = &mut self.recording {
            recording.ending = Some(Ending::Length);
        }
        self.keeps_connection = false;
    }

    /// How its end is marked.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// The transfer codings under the framing, in the order they were applied: to be decoded even
    /// where content codings are not.
    pub(super) fn transfer_codings(&self) -> &[Coding] {
        &self.codings
    }

    /// Whether all of it has been received.
    pub(super) fn is_done(&self) -> bool {
        self.deframer.is_done()
    }

    /// From now on, receives no more bytes at a time than this.
    pub(super) fn limit_receive(&mut self, bytes: usize) {
        if let Some(connection) = &mut self.connection {
            connection.receive_limit = bytes;
        }
    }

    /// The limits that it is received within.
    pub(super) fn timer(&self) -> &Timer {
        &self.timer
    }

    /// The range of the next piece in the [buffer](Body::buffer); `None` once the body is whole. One that is
    /// not whole is an error.
    pub(super) fn next_piece(&mut self) -> Result<Option<Range<usize>>, Error> {
        let piece = self.try_next_piece();
        if piece.is_err() {
            // What is on the connection is of unknown meaning.
            self.keeps_connection = false;
            if let Some(recording) = &mut self.recording {
                recording.ending.get_or_insert(Ending::Disconnect);
            }
        }
        piece
    }

    fn try_next_piece(&mut self) -> Result<Option<Range<usize>>, Error> {
        while !self.deframer.is_done() {
            let Some(connection) = &mut self.connection else { return Err(self.closed_early()) };
            let mut received = connection.received();
            if received.is_empty() {
                self.fill()?;
                continue;
            }
            if let Some(recording) = &mut self.recording {
                let most = received.len().min(RECORD_STEP);
                received = &mut received[..most];
                recording.wire.clear();
                recording.wire.extend_from_slice(received);
            }
            let step =
                self.deframer.step(received).map_err(|error| Error::new(Kind::Protocol, "malformed body").caused_by(error))?;
            if let Some(Recording { recorder, wire, .. }) = &mut self.recording {
                recorder.body(&wire[..step.consumed], &received[step.data.clone()])?;
            }
            let start = connection.consume(step.consumed);
            if !step.data.is_empty() {
                return Ok(Some(start + step.data.start..start + step.data.end));
            }
        }
        self.end_recording()?;
        self.release();
        Ok(None)
    }

    fn end_recording(&mut self) -> Result<(), Error> {
        let Some(Recording { mut recorder, ending, .. }) = self.recording.take() else { return Ok(()) };
        recorder.end(if self.deframer.is_done() { Ending::Complete } else { ending.unwrap_or(Ending::Unspecified) })
    }

    /// What [`next_piece`](Body::next_piece) points into.
    pub(super) fn buffer(&self) -> &[u8] {
        self.connection.as_ref().map_or(&[], Connection::buffer)
    }

    /// Receives more, or detects the end of the body.
    fn fill(&mut self) -> Result<(), Error> {
        let Some(connection) = &mut self.connection else { return Err(self.closed_early()) };
        match connection.fill(&self.timer) {
            Ok(0) if self.deframer.close().is_ok() => Ok(()),
            Ok(0) => Err(self.closed_early()),
            Ok(_) => Ok(()),
            Err(error) => Err(self.cut_off(error)),
        }
    }

    fn closed_early(&self) -> Error {
        let what = format!("the body is {}", self.deframer.cut_off());
        Error::new(Kind::Network, what).detail("the server closed the connection").retryable()
    }

    fn cut_off(&mut self, error: NetError) -> Error {
        if let Some(recording) = &mut self.recording {
            recording.ending = Some(match error {
                NetError::TimedOut { .. } => Ending::Time,
                NetError::Interrupted => Ending::Unspecified,
                _ => Ending::Disconnect,
            });
        }
        let transient = error.is_transient();
        let failure = Error::new(error.kind(), format!("the body is {}", self.deframer.cut_off())).caused_by(error);
        if transient { failure.retryable() } else { failure }
    }

    /// How many bytes can be [spliced](Body::splice): those of a known length that have not been
    /// received yet, on a connection where nothing has to look at them.
    pub(super) fn spliceable(&mut self) -> u64 {
        let Some(connection) = &mut self.connection else { return 0 };
        let can = self.recording.is_none() && connection.stream.can_splice() && connection.received().is_empty();
        if can { self.deframer.left().unwrap_or(0) } else { 0 }
    }

    /// Moves bytes into a pipe without looking at them, at most as many as are
    /// [spliceable](Body::spliceable), and gives their number.
    pub(super) fn splice(&mut self, pipe: &SplicePipe) -> Result<usize, Error> {
        let most = self.spliceable();
        let Some(connection) = &mut self.connection else { return Err(self.closed_early()) };
        match connection.splice(pipe, most, &self.timer) {
            Ok(0) => Err(self.closed_early()),
            Ok(moved) => {
                self.deframer.skip(moved as u64);
                Ok(moved)
            }
            Err(error) => Err(self.cut_off(error)),
        }
    }

    /// Gives the connection back to the pool if it is reusable, or closes it.
    fn release(&mut self) {
        let reusable = self.keeps_connection && self.deframer.is_done() && self.deframer.keeps_connection();
        match self.connection.take() {
            Some(connection) if reusable => connection.release(),
            Some(connection) => connection.close(),
            None => {}
        }
    }

    /// Reads the rest and discards it, if it is small and arrives at once, or is recorded.
    fn drain(&mut self) {
        let (mut most, mut rate) = (DRAIN, None);
        match &self.recording {
            Some(recording) => {
                (most, rate) = (recording.unwanted.size, recording.unwanted.rate.clone());
                self.timer = self.timer.at_most(RECORD_TIME);
            }
            None => self.timer = self.timer.at_most(DRAIN_TIME),
        }
        self.limit_receive(rate.as_ref().map_or(usize::MAX, |rate| rate.piece()));
        let mut drained = 0;
        while drained <= most && (self.recording.is_some() || self.deframer.left().is_none_or(|left| left <= most)) {
            match self.next_piece() {
                Ok(Some(piece)) => {
                    let received = piece.len() as u64;
                    drained += received;
                    if rate.as_ref().is_some_and(|rate| rate.throttle(received, &self.timer).is_err()) {
                        break;
                    }
                }
                Ok(None) | Err(_) => return,
            }
        }
        self.exceeds_limit();
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let is_recorded = self.recording.as_ref().is_some_and(|recording| recording.ending.is_none());
        if self.connection.is_some() && (self.keeps_connection || is_recorded) {
            self.drain();
        }
        // What cannot be recorded any more is an error of the recorder's.
        let _ = self.end_recording();
        self.release();
    }
}

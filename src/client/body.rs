//! The body of a response, as it comes off the connection, framing undone, codings not.

use super::connection::Connection;
use super::net_error;
use crate::error::{Error, Kind};
use crate::http::{Coding, Deframer, Framing, FramingError, Head, Method};
use crate::net::{NetError, Timer};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The most that is read of a body that nobody wants, to keep its connection.
const DRAIN: u64 = 64 * 1024;
/// The longest that is waited for it: a new connection costs not much more.
const DRAIN_TIME: Duration = Duration::from_millis(200);

/// A body being received.
pub struct Body {
    connection: Connection,
    framing: Framing,
    deframer: Deframer,
    codings: Vec<Coding>,
    keeps_connection: bool,
    timer: Timer,
}

impl Body {
    pub(super) fn new(connection: Connection, head: &Head, method: Method, timer: Timer) -> Result<Body, Error> {
        let malformed = |error: FramingError| Error::new(Kind::Protocol, "malformed response").because(error);
        let (framing, codings) = Framing::of(head, method).map_err(malformed)?;
        let keeps_connection = head.keeps_connection();
        Ok(Body { connection, framing, deframer: Deframer::new(framing), codings, keeps_connection, timer })
    }

    /// Where it ends.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The transfer codings under the framing, in the order they were applied: to be undone even
    /// where content codings are not.
    pub fn transfer_codings(&self) -> &[Coding] {
        &self.codings
    }

    /// Whether all of it has been received.
    pub fn is_done(&self) -> bool {
        self.deframer.is_done()
    }

    /// From now on, receives no more bytes at a time than this.
    pub fn receive_at_most(&mut self, bytes: usize) {
        self.connection.most = bytes;
    }

    /// The limits that it is received within.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// The next piece; `None` once the body is whole. A body that is not, is an error.
    pub fn piece(&mut self) -> Result<Option<&[u8]>, Error> {
        let piece = self.advance()?;
        Ok(piece.map(|range| &self.connection.buffer()[range]))
    }

    fn advance(&mut self) -> Result<Option<Range<usize>>, Error> {
        while !self.deframer.is_done() {
            let received = self.connection.received();
            if received.is_empty() {
                self.fill()?;
                continue;
            }
            let step = match self.deframer.step(received) {
                Ok(step) => step,
                Err(error) => return Err(Error::new(Kind::Protocol, "malformed body").because(error)),
            };
            let start = self.connection.consume(step.consumed);
            if !step.data.is_empty() {
                return Ok(Some(start + step.data.start..start + step.data.end));
            }
        }
        Ok(None)
    }

    /// Receives more, or learns that there is no more.
    fn fill(&mut self) -> Result<(), Error> {
        match self.connection.fill(&self.timer) {
            Ok(0) if self.deframer.close().is_ok() => Ok(()),
            Ok(0) => Err(self.closed_early()),
            Ok(_) => Ok(()),
            Err(error) => Err(self.cut_off(&error)),
        }
    }

    fn closed_early(&self) -> Error {
        let what = format!("the body is {}", self.deframer.cut_off());
        Error::new(Kind::Network, what).because("the server closed the connection").retryable()
    }

    fn cut_off(&self, error: &NetError) -> Error {
        let kind = net_error(error).kind();
        let failure = Error::new(kind, format!("the body is {}", self.deframer.cut_off())).because(error.to_string());
        if error.is_transient() { failure.retryable() } else { failure }
    }

    /// How many bytes can be [spliced](Body::splice): those of a known length that have not been
    /// received yet, on a connection where nobody has to look at them.
    pub fn spliceable(&mut self) -> u64 {
        let can = self.connection.stream.can_splice() && self.connection.received().is_empty();
        if can { self.deframer.left().unwrap_or(0) } else { 0 }
    }

    /// Moves bytes into a pipe without looking at them, at most as many as are
    /// [spliceable](Body::spliceable): how many it were.
    pub fn splice(&mut self, pipe: BorrowedFd<'_>, most: u64) -> Result<u64, Error> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        match self.connection.stream.splice(pipe, most, &self.timer) {
            Ok(0) => Err(self.closed_early()),
            Ok(moved) => {
                self.deframer.skip(moved as u64);
                Ok(moved as u64)
            }
            Err(error) => Err(self.cut_off(&error)),
        }
    }

    /// The connection, if another request can use it.
    pub(super) fn into_idle(mut self) -> Option<Connection> {
        // Bytes after the end of the body answer no request of ours.
        let clean = self.drain() && self.connection.received().is_empty();
        clean.then_some(self.connection)
    }

    /// Reads the rest and throws it away; whether it was whole, and little enough, and there at once.
    fn drain(&mut self) -> bool {
        if !self.keeps_connection || self.framing == Framing::UntilClose {
            return false;
        }
        self.timer = self.timer.at_most(DRAIN_TIME);
        self.connection.most = usize::MAX;
        let mut drained = 0;
        while drained <= DRAIN && self.deframer.left().is_none_or(|left| left <= DRAIN) {
            match self.piece() {
                Ok(Some(piece)) => drained += piece.len() as u64,
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
        false
    }
}

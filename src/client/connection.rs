//! A connection in use: a request goes out, a header section comes in, and a buffer holds what was
//! received.

use super::Observer;
use super::pool::{Pool, PoolKey};
use crate::error::{Error, Kind};
use crate::http::{Head, HeadError, HeadParser, MAX_INTERIM, Request};
use crate::net::{NetError, Stream, Timer};
use crate::sys::SplicePipe;
use std::sync::Arc;

/// A stream from a pool or a new one, with the buffer of the exchange under way.
pub(super) struct Connection {
    pub(super) stream: Stream,
    key: PoolKey,
    pool: Arc<Pool>,
    buffer: Box<[u8]>,
    /// Received and not yet consumed: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// How many bytes are received at a time, at most.
    pub(super) receive_limit: usize,
    /// All that had come was received: the last call had room for more.
    all_received: bool,
    reused: bool,
}

/// Why there is no header section.
pub(super) enum Failure {
    /// The reused connection ended before any response: the request can be sent on a new one.
    Stale,
    Net(NetError),
    /// The connection broke in the middle of the header section.
    CutOff(NetError, usize),
    Head(HeadError),
    TooManyInterims,
    Upgrade,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let malformed = || Error::new(Kind::Protocol, "malformed response");
        match failure {
            Failure::Stale => NetError::Broken("closed by the server".to_owned()).into(),
            Failure::Net(error) => error.into(),
            Failure::CutOff(error, received) => {
                let (kind, transient) = (error.kind(), error.is_transient());
                let error = Error::new(kind, HeadError::CutOff { received }.to_string()).caused_by(error);
                if transient { error.retryable() } else { error }
            }
            Failure::Head(error @ HeadError::CutOff { .. }) => {
                Error::new(Kind::Network, error.to_string()).detail("the server closed the connection").retryable()
            }
            Failure::Head(error) => malformed().caused_by(error),
            Failure::TooManyInterims => {
                malformed().detail(format!("more than {MAX_INTERIM} interim responses before the final one"))
            }
            Failure::Upgrade => malformed().detail("unexpected 101 Switching Protocols"),
        }
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, key: PoolKey, pool: &Arc<Pool>, reused: bool) -> Connection {
        let (pool, buffer) = (Arc::clone(pool), pool.buffer());
        Connection { stream, key, pool, buffer, start: 0, end: 0, receive_limit: usize::MAX, all_received: false, reused }
    }

    /// Sends a request.
    pub(super) fn send(&mut self, request: &Request, timer: &Timer) -> Result<(), Failure> {
        self.stream.send(&request.to_bytes(), timer).map_err(|error| self.failed(error))
    }

    /// Receives the header section of the final response to the request that was sent.
    pub(super) fn receive_head(&mut self, timer: &Timer, observer: &mut dyn Observer) -> Result<Head, Failure> {
        let first = match self.fill(timer) {
            Ok(0) | Err(NetError::ClosedWithoutNotify) if self.reused => return Err(Failure::Stale),
            Err(NetError::ClosedWithoutNotify) => 0,
            received => received.map_err(|error| self.failed(error))?,
        };
        let mut ended = first == 0;
        for _ in 0..=MAX_INTERIM {
            let head = match self.head(&mut ended, timer) {
                // What came unsolicited, behind an earlier response.
                Err(Failure::Head(HeadError::NotHttp1 { .. })) if self.reused => return Err(Failure::Stale),
                head => head?,
            };
            match head.status() {
                // The server gave up waiting for a request before this one came (RFC 9110 section 15.5.9).
                408 if self.reused => return Err(Failure::Stale),
                101 => return Err(Failure::Upgrade),
                100..=199 => observer.interim(&head),
                _ => return Ok(head),
            }
        }
        Err(Failure::TooManyInterims)
    }

    /// A failure before any of the response came.
    fn failed(&self, error: NetError) -> Failure {
        match error {
            NetError::Broken(_) | NetError::Tls(_) | NetError::NotTls if self.reused => Failure::Stale,
            error => Failure::Net(error),
        }
    }

    /// The next header section.
    fn head(&mut self, ended: &mut bool, timer: &Timer) -> Result<Head, Failure> {
        let mut parser = HeadParser::new();
        loop {
            let received = &self.buffer[self.start..self.end];
            match parser.parse(received).map_err(Failure::Head)? {
                Some((head, length)) => {
                    self.start += length;
                    return Ok(head);
                }
                None if *ended => return Err(Failure::Head(parser.close(received))),
                None => {}
            }
            let received = received.len();
            *ended = match self.fill(timer) {
                Ok(more) => more == 0,
                Err(NetError::ClosedWithoutNotify) => true,
                // What is malformed already stays so, however the connection ends.
                Err(error) => match parser.close(&self.buffer[self.start..self.end]) {
                    HeadError::CutOff { .. } => return Err(Failure::CutOff(error, received)),
                    malformed => return Err(Failure::Head(malformed)),
                },
            };
        }
    }

    /// Receives more, behind what is there already; 0 at the end of the connection.
    pub(super) fn fill(&mut self, timer: &Timer) -> Result<usize, NetError> {
        if self.end == self.buffer.len() {
            // Full: there is more than a little to come.
            self.pool.grow(&mut self.buffer);
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let most = self.buffer.len().min(self.end.saturating_add(self.receive_limit));
        let received = self.stream.receive(&mut self.buffer[self.end..most], timer)?;
        self.all_received = received < most - self.end;
        self.end += received;
        Ok(received)
    }

    /// Receives into a pipe instead of the buffer, which is empty; 0 at the end of the connection.
    pub(super) fn splice(&mut self, pipe: &SplicePipe, most: u64, timer: &Timer) -> Result<usize, NetError> {
        self.all_received = false;
        self.stream.splice(pipe, most, timer)
    }

    /// What was received and not yet consumed; the framing is removed in place.
    pub(super) fn received(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Consumes received bytes, and gives where in the buffer they start.
    pub(super) fn consume(&mut self, length: usize) -> usize {
        let start = self.start;
        self.start += length;
        start
    }

    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Gives the stream back to the pool: the response on it has ended. With unsolicited bytes after it, it
    /// is closed.
    pub(super) fn release(self) {
        self.pool.recycle(self.buffer);
        if self.start == self.end {
            self.pool.put(self.key, self.stream, self.all_received);
        }
    }

    /// Closes the connection.
    pub(super) fn close(self) {
        self.pool.recycle(self.buffer);
    }
}

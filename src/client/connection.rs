//! One connection: requests go out, header sections come in, and one buffer holds what was
//! received.

use super::{Observer, net_error};
use crate::error::{Error, Kind};
use crate::http::{Head, HeadError, HeadParser, MAX_HEAD, MAX_INTERIM, Request};
use crate::net::{NetError, Stream, Target, Timer};

/// How many bytes are received at a time. More than a header section may have, so that one that is
/// too large is seen to be; more than the processor's caches want, because the kernel hands over
/// 1 MiB with a quarter less work than 256 KiB.
const BUFFER: usize = 1024 * 1024;
const _: () = assert!(BUFFER > MAX_HEAD);

pub(super) struct Connection {
    pub(super) target: Target,
    pub(super) stream: Stream,
    buffer: Box<[u8]>,
    /// Received and not yet consumed: `buffer[start..end]`.
    start: usize,
    end: usize,
    /// How many bytes are received at a time, at most.
    pub(super) most: usize,
    used: bool,
}

/// Why there is no header section.
pub(super) enum Failure {
    /// The connection was used before, and ended before anything came: another may do.
    Stale,
    Net(NetError),
    /// The connection broke in the middle of the header section.
    Cut(NetError, usize),
    Head(HeadError),
    Interims,
    Upgrade,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Stale => net_error(&NetError::Broken("closed by the server".to_owned())),
            Failure::Net(error) => net_error(&error),
            Failure::Cut(error, received) => {
                let (cut, passing) = (HeadError::CutOff { received }, error.is_transient());
                let error = Error::new(net_error(&error).kind(), cut.to_string()).because(error);
                if passing { error.retryable() } else { error }
            }
            Failure::Head(error @ HeadError::CutOff { .. }) => {
                Error::new(Kind::Network, error.to_string()).because("the server closed the connection").retryable()
            }
            Failure::Head(error) => Error::new(Kind::Protocol, "malformed response").because(error),
            Failure::Interims => {
                let why = format!("more than {MAX_INTERIM} interim responses before the final one");
                Error::new(Kind::Protocol, "malformed response").because(why)
            }
            Failure::Upgrade => Error::new(Kind::Protocol, "malformed response").because("101 switches protocols, unasked"),
        }
    }
}

impl Connection {
    pub(super) fn new(target: Target, stream: Stream) -> Connection {
        Connection { target, stream, buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0, most: usize::MAX, used: false }
    }

    /// Sends a request and receives the header section of its final response.
    pub(super) fn exchange(&mut self, request: &Request, timer: &Timer, observer: &mut dyn Observer) -> Result<Head, Failure> {
        let used = std::mem::replace(&mut self.used, true);
        let stale = |error| match error {
            NetError::Broken(_) | NetError::Tls(_) if used => Failure::Stale,
            error => Failure::Net(error),
        };
        self.stream.send(&request.to_bytes(), timer).map_err(stale)?;
        let first = match self.fill(timer) {
            Ok(0) | Err(NetError::ClosedWithoutNotify) if used => return Err(Failure::Stale),
            Err(NetError::ClosedWithoutNotify) => 0,
            received => received.map_err(stale)?,
        };
        let mut ended = first == 0;
        for _ in 0..=MAX_INTERIM {
            let mut parser = HeadParser::new();
            let head = loop {
                let received = &self.buffer[self.start..self.end];
                match parser.parse(received).map_err(Failure::Head)? {
                    Some((head, length)) => {
                        self.consume(length);
                        break head;
                    }
                    None if ended => return Err(Failure::Head(parser.close(received))),
                    None => {}
                }
                let received = received.len();
                ended = match self.fill(timer) {
                    Ok(more) => more == 0,
                    Err(NetError::ClosedWithoutNotify) => true,
                    // What is malformed already stays so, however the connection ends.
                    Err(error) => match parser.close(&self.buffer[self.start..self.end]) {
                        HeadError::CutOff { .. } => return Err(Failure::Cut(error, received)),
                        malformed => return Err(Failure::Head(malformed)),
                    },
                };
            };
            match head.status() {
                101 => return Err(Failure::Upgrade),
                100..=199 => observer.interim(&head),
                _ => return Ok(head),
            }
        }
        Err(Failure::Interims)
    }

    /// Receives more, behind what is there already; 0 at the end of the connection.
    pub(super) fn fill(&mut self, timer: &Timer) -> Result<usize, NetError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let most = self.buffer.len().min(self.end.saturating_add(self.most));
        let received = self.stream.receive(&mut self.buffer[self.end..most], timer)?;
        self.end += received;
        Ok(received)
    }

    /// What was received and not yet consumed, to be unframed in place.
    pub(super) fn received(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Steps over received bytes, and gives where in the buffer the first of them stands.
    pub(super) fn consume(&mut self, length: usize) -> usize {
        let start = self.start;
        self.start += length;
        start
    }

    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }
}

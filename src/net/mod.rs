//! A byte stream to a [`Target`]: names resolved, a connection made, TLS where the scheme wants
//! it, and a deadline on every wait.

mod deadline;
mod dial;
mod error;
mod socket;
mod subject;
mod tls;

pub use deadline::{Limit, Limits, Timer};
pub use dial::{Family, Override, Route};
pub use error::NetError;
pub use socket::is_writable;
pub use tls::Trust;

use socket::Socket;
use std::fmt;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use url::{Host, Url};

/// Where to connect to: an origin (RFC 9110 section 4.3.1). Connections are used again for an equal
/// target only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// The host, as the URL standard has it.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Target {
    /// The origin of an http or https URL; `None` for any other.
    pub fn of(url: &Url) -> Option<Target> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Target { secure, host: url.host()?.to_owned(), port: url.port_or_known_default()? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What a connection turned out to be, for those who want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The addresses of the host.
    Resolved(Vec<SocketAddr>),
    /// An address did not take the connection.
    Refused(NetError),
    /// An address did.
    Connected(SocketAddr),
    /// A Unix socket did.
    ConnectedUnix(PathBuf),
    /// TLS is up.
    Secured {
        /// The version, `TLS 1.3` say.
        version: String,
        /// The cipher suite.
        cipher_suite: String,
        /// Whose certificate the server has, `CN=example.com` say; `None` where it does not say.
        subject: Option<String>,
    },
}

/// A connection that bytes can be sent to and received from.
pub struct Stream {
    socket: Socket,
    tls: Option<Box<tls::Session>>,
}

impl Stream {
    /// Connects to a target. The connect limit of `timer` covers all of it: names, every address
    /// tried, TLS.
    pub fn connect(
        target: &Target,
        route: &Route,
        trust: &Trust,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let connecting = timer.connecting();
        let mut socket = dial::dial(target, route, &connecting.without_silence(), observe)?;
        let mut tls = None;
        if target.secure {
            let session = tls::Session::start(target, trust, &mut socket, &connecting)?;
            observe(session.describe());
            tls = Some(Box::new(session));
        }
        Ok(Stream { socket, tls })
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), NetError> {
        match &mut self.tls {
            None => self.socket.send(bytes, timer),
            Some(tls) => tls.send(bytes, &mut self.socket, timer),
        }
    }

    /// Receives at least one byte; 0 means that the peer closed the connection in good order. Over
    /// TLS, good order includes a close_notify: without it the end is
    /// [`NetError::ClosedWithoutNotify`].
    pub fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError> {
        match &mut self.tls {
            None => self.socket.receive(buffer, timer),
            Some(tls) => tls.receive(buffer, &mut self.socket, timer),
        }
    }

    /// Whether another request may be sent: nothing has come that was not asked for, not even the
    /// end of the connection. What came would be taken for the response (RFC 9112 section 9.2).
    pub fn is_silent(&self) -> bool {
        self.socket.is_silent() && self.tls.as_ref().is_none_or(|tls| tls.is_drained())
    }

    /// Whether [`splice`](Stream::splice) can be used: not over TLS, where bytes have to be looked at.
    pub fn can_splice(&self) -> bool {
        self.tls.is_none()
    }

    /// Moves at most `most` bytes into a pipe without looking at them, as they come; 0 as for
    /// [`receive`](Stream::receive).
    pub fn splice(&mut self, pipe: BorrowedFd<'_>, most: usize, timer: &Timer) -> Result<usize, NetError> {
        self.socket.splice(pipe, most, timer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye(&self.socket);
        }
    }
}

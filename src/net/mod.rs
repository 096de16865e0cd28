//! A byte stream to a [`Target`]: names resolved, a connection made, TLS where the scheme wants
//! it, and a deadline on every wait.

mod address;
mod deadline;
mod dial;
mod error;
mod layers;
mod proxy;
mod socket;
mod subject;
mod tls;
mod tunnel;
mod verifier;

pub use address::is_public;
pub use deadline::{Limit, Limits, Timer};
pub use dial::{Family, HostOverride, ResolveConfig};
pub use error::NetError;
pub use proxy::{Proxies, Proxy, ProxyKind};
pub use socket::is_writable;
pub use tls::Trust;

use dial::{addresses, dial};
use layers::Layers;
use socket::Socket;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use tunnel::Destination;
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
    AttemptFailed(NetError),
    /// An address did.
    Connected(SocketAddr),
    /// A Unix socket did.
    ConnectedUnix(PathBuf),
    /// A proxy will pass requests on.
    Forwarded(String),
    /// A proxy made a connection to the target.
    Tunnelled(String),
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

/// How a target is to be reached.
pub struct ConnectOptions<'w> {
    /// Names and addresses.
    pub route: &'w ResolveConfig,
    /// Whom to trust.
    pub trust: &'w Trust,
    /// The proxy in between.
    pub proxy: Option<&'w Proxy>,
    /// Fields for a proxy that is asked for a tunnel.
    pub tunnel_fields: &'w [(&'w str, Vec<u8>)],
    /// Whether only a public address will do.
    pub only_public: bool,
}

/// A connection that bytes can be sent to and received from.
pub struct Stream {
    socket: Socket,
    sessions: Vec<tls::Session>,
    peer: Option<IpAddr>,
    public: bool,
}

impl Stream {
    /// Connects to a target. The connect limit of `timer` covers all of it: names, every address
    /// tried, proxies, TLS.
    pub fn connect(
        target: &Target,
        way: &ConnectOptions<'_>,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let connecting = timer.connecting();
        let mut stream = match way.proxy {
            None => Stream::dialled(&target.host, target.port, way, &connecting, way.only_public, observe)?,
            Some(proxy) => Stream::through(proxy, target, way, &connecting, observe)?,
        };
        if target.secure {
            stream.secure(&target.host, way, &connecting, observe)?;
        }
        Ok(stream)
    }

    fn dialled(
        host: &Host,
        port: u16,
        way: &ConnectOptions<'_>,
        timer: &Timer,
        only_public: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let (socket, address) = dial(host, port, way.route, &timer.without_idle_limit(), only_public, observe)?;
        let peer = address.map(|address| address.ip());
        Ok(Stream { socket, sessions: Vec::new(), peer, public: peer.is_some_and(is_public) })
    }

    /// Connects to a proxy, and unless it forwards requests through it to the target.
    fn through(
        proxy: &Proxy,
        target: &Target,
        way: &ConnectOptions<'_>,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let may_be_public = address::may_be_public(&target.host);
        let mut known = Vec::new();
        if proxy.kind == ProxyKind::Socks5 {
            // Without h, names are resolved here.
            known = addresses(&target.host, target.port, way.route, &timer.without_idle_limit(), way.only_public)?;
            observe(Event::Resolved(known.clone()));
        } else if way.only_public && !may_be_public {
            return Err(NetError::NotPublic(target.host.to_string()));
        }
        let mut tries = known.iter().copied();
        loop {
            let address = tries.next();
            let mut stream = Stream::dialled(&proxy.host, proxy.port, way, timer, false, observe)?;
            // A proxy on the Internet is as far away as what it leads to.
            stream.public |= address.map_or(may_be_public, |address| is_public(address.ip()));
            if proxy.kind == ProxyKind::Https {
                stream.secure(&proxy.host, way, timer, observe)?;
            }
            if proxy.forwards(target) {
                observe(Event::Forwarded(proxy.to_string()));
                return Ok(stream);
            }
            let mut layers = stream.layers();
            let tunnel = match (proxy.kind, address) {
                (ProxyKind::Http | ProxyKind::Https, _) => tunnel::connect(&mut layers, target, way.tunnel_fields, timer),
                (_, Some(address)) => tunnel::socks(&mut layers, proxy, &Destination::Address(address), timer),
                (_, None) => tunnel::socks(&mut layers, proxy, &Destination::Named(target), timer),
            };
            match tunnel {
                Err(error @ NetError::Unreachable(_)) if tries.len() > 0 => observe(Event::AttemptFailed(error)),
                tunnel => {
                    tunnel?;
                    observe(Event::Tunnelled(proxy.to_string()));
                    return Ok(stream);
                }
            }
        }
    }

    fn secure(
        &mut self,
        host: &Host,
        way: &ConnectOptions<'_>,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), NetError> {
        let session = tls::Session::start(host, way.trust, &mut self.layers(), timer)?;
        observe(session.describe());
        self.sessions.push(session);
        Ok(())
    }

    fn layers(&mut self) -> Layers<'_> {
        Layers { sessions: &mut self.sessions, socket: &mut self.socket }
    }

    /// The address connected to, the proxy's where there is one; `None` for a Unix socket.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Whether the target's address is a public one; of a target that only a proxy has the address of,
    /// whether it may be.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), NetError> {
        self.layers().send(bytes, timer)
    }

    /// Receives at least one byte; 0 means that the peer closed the connection in good order. Over
    /// TLS, good order includes a close_notify: without it the end is
    /// [`NetError::ClosedWithoutNotify`].
    pub fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError> {
        self.layers().receive(buffer, timer)
    }

    /// Whether another request may be sent: nothing has come that was not asked for, not even the
    /// end of the connection. What came would be taken for the response (RFC 9112 section 9.2).
    pub fn is_silent(&self) -> bool {
        self.socket.is_silent() && self.sessions.iter().all(tls::Session::is_drained)
    }

    /// Whether [`splice`](Stream::splice) can be used: not over TLS, where bytes have to be looked at.
    pub fn can_splice(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Moves at most `most` bytes into a pipe without looking at them, as they come; 0 as for
    /// [`receive`](Stream::receive).
    pub fn splice(&mut self, pipe: BorrowedFd<'_>, most: usize, timer: &Timer) -> Result<usize, NetError> {
        self.socket.splice(pipe, most, timer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.layers().send_close_notify();
    }
}

//! A byte stream to a [`Target`]: names resolved, a connection made, TLS where the scheme wants
//! it, and a deadline on every wait.

mod address;
mod certificate;
mod deadline;
mod dial;
mod error;
mod layers;
mod proxy;
mod resolver;
mod socket;
mod tls;
mod transport;
mod tunnel;
mod verifier;

pub(crate) use address::{is_public, may_be_public};
#[cfg(feature = "cli")]
pub(crate) use deadline::DEFAULT_LIMITS;
pub use deadline::Limits;
pub(crate) use deadline::{Limit, Timer};
pub(crate) use dial::{Family, HostOverride, ResolveConfig};
pub(crate) use error::{NetError, PROXY_HINT};
pub(crate) use proxy::ProxyKind;
pub use proxy::{Proxies, Proxy};
pub(crate) use resolver::Resolver;
pub(crate) use socket::is_writable;
pub use tls::Trust;

use crate::http::Fields;
use crate::sys::SplicePipe;
use dial::{addresses, dial};
use layers::Layers;
use socket::Socket;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use transport::Transport;
use tunnel::SocksTarget;
use url::{Host, Url};

/// Where to connect to: an origin (RFC 9110 section 4.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// The host, as the URL standard has it.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Target {
    /// The origin of an http or https URL; `None` for any other.
    pub(crate) fn of(url: &Url) -> Option<Target> {
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

/// What happened while a connection was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The host has these addresses.
    Resolved(Vec<SocketAddr>),
    /// Connecting to one address failed; the next is tried.
    AttemptFailed(NetError),
    /// TCP connected to this address.
    Connected(SocketAddr),
    /// Connected to this Unix socket.
    ConnectedUnix(PathBuf),
    /// Connected to this proxy, which will forward requests.
    Forwarded(String),
    /// This proxy connected to the target.
    Tunnelled(String),
    /// The TLS handshake is done.
    Secured {
        /// The version: `TLS 1.3`.
        version: String,
        /// The cipher suite.
        cipher_suite: String,
        /// The subject of the server's certificate: `CN=example.com`; `None` where it has none.
        subject: Option<String>,
    },
}

/// How a target is to be reached.
pub(crate) struct ConnectOptions<'c> {
    /// Names and addresses.
    pub resolve: &'c ResolveConfig,
    /// What looks up the names that `resolve` does not say.
    pub resolver: &'c Resolver,
    /// Which certificates are trusted.
    pub trust: &'c Trust,
    /// The proxy in between.
    pub proxy: Option<&'c Proxy>,
    /// Fields of the request for a tunnel.
    pub tunnel_fields: &'c Fields,
    /// Whether only a public address is allowed.
    pub public_only: bool,
}

/// A connection that bytes can be sent to and received from.
pub(crate) struct Stream {
    socket: Socket,
    sessions: Vec<tls::Session>,
    peer: Option<IpAddr>,
    /// A proxy is in between.
    proxied: bool,
    public: bool,
}

impl Stream {
    /// Connects to a target. The connect limit of `timer` covers all of it: names, every address
    /// tried, proxies, TLS.
    pub(crate) fn connect(
        target: &Target,
        options: &ConnectOptions<'_>,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let connecting = timer.connecting();
        let mut stream = match options.proxy {
            None => Stream::dialled(&target.host, target.port, options, &connecting, options.public_only, observe)?,
            Some(proxy) => Stream::through(proxy, target, options, &connecting, observe)?,
        };
        if target.secure {
            stream.secure(&target.host, options, &connecting, observe)?;
        }
        Ok(stream)
    }

    fn dialled(
        host: &Host,
        port: u16,
        options: &ConnectOptions<'_>,
        timer: &Timer,
        public_only: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let (socket, address) = dial(host, port, options, &timer.without_idle_limit(), public_only, observe)?;
        let peer = address.map(|address| address.ip());
        Ok(Stream { socket, sessions: Vec::new(), peer, proxied: false, public: peer.is_some_and(is_public) })
    }

    /// Connects to a proxy, and unless it forwards requests through it to the target.
    fn through(
        proxy: &Proxy,
        target: &Target,
        options: &ConnectOptions<'_>,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<Stream, NetError> {
        let may_be_public = may_be_public(&target.host);
        let mut known = Vec::new();
        if proxy.kind == ProxyKind::Socks5 {
            // Without h, names are resolved here.
            known = addresses(&target.host, target.port, options, &timer.without_idle_limit(), options.public_only)?;
            observe(Event::Resolved(known.clone()));
        } else if options.public_only && !may_be_public {
            return Err(NetError::NotPublic(target.host.to_string()));
        }
        let via_proxy = |error| proxy.explain(error);
        let mut tries = known.iter().copied();
        loop {
            let address = tries.next();
            let stream = Stream::dialled(&proxy.host, proxy.port, options, timer, false, observe);
            let mut stream = stream.map_err(via_proxy)?;
            stream.proxied = true;
            if proxy.kind == ProxyKind::Https {
                stream.secure(&proxy.host, options, timer, observe).map_err(via_proxy)?;
            }
            if proxy.forwards(target) {
                observe(Event::Forwarded(proxy.to_string()));
                return Ok(stream);
            }
            // A proxy on the Internet is as far away as what it leads to.
            stream.public |= address.map_or(may_be_public, |address| is_public(address.ip()));
            let mut layers = stream.layers();
            let tunnel = match (proxy.kind, address) {
                (ProxyKind::Http | ProxyKind::Https, _) => tunnel::connect(&mut layers, target, options.tunnel_fields, timer),
                (_, Some(address)) => tunnel::socks(&mut layers, proxy, &SocksTarget::Address(address), timer),
                (_, None) => tunnel::socks(&mut layers, proxy, &SocksTarget::Named(target), timer),
            };
            match tunnel {
                Err(error @ NetError::ProxyUnreachable(_)) if tries.len() > 0 => observe(Event::AttemptFailed(error)),
                tunnel => {
                    tunnel.map_err(via_proxy)?;
                    observe(Event::Tunnelled(proxy.to_string()));
                    return Ok(stream);
                }
            }
        }
    }

    fn secure(
        &mut self,
        host: &Host,
        options: &ConnectOptions<'_>,
        timer: &Timer,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), NetError> {
        let session = tls::Session::start(host, options.trust, &mut self.layers(), &timer.handshaking())?;
        observe(session.describe());
        self.sessions.push(session);
        Ok(())
    }

    fn layers(&mut self) -> Layers<'_> {
        Layers { sessions: &mut self.sessions, socket: &mut self.socket }
    }

    /// The address connected to, the proxy's where there is one; `None` for a Unix socket.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The target's address; `None` where it is not connected to, but a proxy or a Unix socket.
    pub(crate) fn origin_address(&self) -> Option<IpAddr> {
        self.peer.filter(|_| !self.proxied)
    }

    /// Whether the target's address is public; of a target that only a proxy has the address of,
    /// whether it may be. Where a proxy forwards requests, whether the proxy's own address is.
    pub(crate) fn is_public(&self) -> bool {
        self.public
    }

    /// Sends all of it.
    pub(crate) fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), NetError> {
        self.layers().send(bytes, timer)
    }

    /// Receives at least one byte; 0 means that the peer closed the connection in good order. Over
    /// TLS, good order includes a close_notify: without it the end is
    /// [`NetError::ClosedWithoutNotify`].
    pub(crate) fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError> {
        self.layers().receive(buffer, timer)
    }

    /// Whether another request may be sent: nothing unsolicited has come, not even the end of the
    /// connection. It would be taken for the response (RFC 9112 section 9.2).
    pub(crate) fn is_silent(&self) -> bool {
        self.socket.is_silent() && self.sessions.iter().all(tls::Session::is_drained)
    }

    /// Whether [`splice`](Stream::splice) can be used: not over TLS, where bytes have to be looked at.
    pub(crate) fn can_splice(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Moves at most `most` bytes into a pipe without looking at them, as they come; 0 as for
    /// [`receive`](Stream::receive).
    pub(crate) fn splice(&mut self, pipe: &SplicePipe, most: u64, timer: &Timer) -> Result<usize, NetError> {
        self.socket.splice(pipe, most, timer)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?})", self.peer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.layers().send_close_notify();
    }
}

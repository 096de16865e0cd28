//! What can go wrong on the way to a server.

use super::Limit;
use crate::error::{Error, Kind, system_words};
use crate::http::is_transient;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why there is no connection, or why it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetError {
    /// The name has no address, or the name server does not answer.
    Resolve {
        /// What getaddrinfo said.
        error: String,
        /// Whether another try could help: EAI_AGAIN.
        transient: bool,
    },
    /// The name has addresses, but none of the family asked for.
    NoSuchFamily,
    /// No connection to an address (or Unix socket).
    Connect {
        /// The address, or the path of the socket.
        address: String,
        /// What the system said.
        error: String,
    },
    /// The connection broke: reset, for example.
    Broken(String),
    /// A limit was reached.
    TimedOut {
        /// Which.
        limit: Limit,
        /// How long it is.
        after: Duration,
    },
    /// The program was interrupted.
    Interrupted,
    /// The server's certificate cannot be trusted.
    Certificate(String),
    /// The certificates to trust cannot be read.
    Roots(String),
    /// The peer does not speak TLS.
    NotTls,
    /// TLS failed otherwise.
    Tls(String),
    /// The peer ended the connection without TLS's close_notify: it may have been cut off.
    ClosedWithoutNotify,
    /// The host has no public address, and only a public address is allowed.
    NotPublic(String),
    /// A proxy variable in the environment is not valid.
    ProxyVariable(String),
    /// A proxy answered a request for a tunnel with this status.
    ProxyStatus {
        /// The status code.
        status: u16,
        /// Status code and reason phrase.
        text: String,
    },
    /// A proxy requires credentials, or did not accept them.
    ProxyAuth(String),
    /// A proxy does not allow the connection.
    ProxyDenied(String),
    /// A proxy could not connect.
    ProxyUnreachable(String),
    /// A proxy's answer violates its protocol.
    ProxyProtocol(String),
    /// Any of these on the way to a proxy.
    Proxy {
        /// What the proxy is called.
        proxy: String,
        /// What happened.
        error: Box<NetError>,
    },
}

impl NetError {
    pub(super) fn broken(error: impl Into<io::Error>) -> NetError {
        NetError::Broken(system_words(&error.into()))
    }

    fn is_timeout(&self) -> bool {
        match self {
            NetError::TimedOut { .. } => true,
            NetError::Proxy { error, .. } => error.is_timeout(),
            _ => false,
        }
    }

    /// Whether another try, after a while, could succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            NetError::Resolve { transient, .. } => *transient,
            NetError::Connect { .. }
            | NetError::Broken(_)
            | NetError::ClosedWithoutNotify
            | NetError::ProxyUnreachable(_)
            | NetError::Interrupted => true,
            NetError::TimedOut { limit, .. } => *limit != Limit::MaxTime,
            NetError::ProxyStatus { status, .. } => is_transient(*status),
            NetError::Proxy { error, .. } => error.is_transient(),
            _ => false,
        }
    }

    /// The kind of failure it is to the user.
    pub fn kind(&self) -> Kind {
        match self {
            NetError::Certificate(_) => Kind::Verification,
            NetError::Roots(_) => Kind::File,
            NetError::Interrupted => Kind::Other,
            NetError::ProxyVariable(_) => Kind::Usage,
            NetError::ProxyProtocol(_) | NetError::NotPublic(_) => Kind::Protocol,
            NetError::ProxyStatus { status: 407, .. } | NetError::ProxyAuth(_) => Kind::Authentication,
            NetError::Proxy { error, .. } => error.kind(),
            _ => Kind::Network,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            NetError::Certificate(_) => Some("--cacert FILE trusts other roots, -k trusts any certificate"),
            NetError::NotPublic(_) => Some("--allow-private follows it all the same"),
            NetError::ProxyStatus { status: 407, .. } | NetError::ProxyAuth(_) => Some(PROXY_HINT),
            NetError::Proxy { error, .. } => error.hint(),
            _ => None,
        }
    }
}

/// How to give a proxy its credentials.
pub(crate) const PROXY_HINT: &str = "a proxy's credentials are part of its URL: -x SCHEME://NAME:PASSWORD@HOST:PORT";

impl From<NetError> for Error {
    fn from(error: NetError) -> Error {
        let failure = Error::new(error.kind(), error.to_string()).hint(error.hint()).timed_out(error.is_timeout());
        if error.is_transient() { failure.retryable() } else { failure }
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::Resolve { error, .. } => write!(f, "cannot resolve the name: {error}"),
            NetError::NoSuchFamily => f.write_str("cannot connect: the host has no address of the requested family"),
            NetError::Connect { address, error } => write!(f, "cannot connect to {address}: {error}"),
            NetError::Broken(why) => write!(f, "the connection broke: {why}"),
            NetError::TimedOut { limit, after } => {
                let what = match limit {
                    Limit::Connect => "no connection",
                    Limit::Handshake => "connected, but no TLS handshake",
                    Limit::Idle => "no bytes came",
                    Limit::MaxTime => "not done",
                };
                write!(f, "timed out: {what} within {} s", after.as_secs_f64())
            }
            NetError::Interrupted => f.write_str("interrupted"),
            NetError::Certificate(why) => write!(f, "the server's certificate cannot be trusted: {why}"),
            NetError::Roots(why) => write!(f, "cannot read the certificates to trust: {why}"),
            NetError::NotTls => f.write_str("TLS failed: the server does not speak TLS on this port"),
            NetError::Tls(why) => write!(f, "TLS failed: {why}"),
            NetError::NotPublic(address) => write!(f, "{address} is not a public address, and the redirect came from one"),
            NetError::ProxyVariable(why) => f.write_str(why),
            NetError::ProxyStatus { text, .. } => write!(f, "the proxy answered {text}"),
            NetError::ProxyAuth(why) | NetError::ProxyDenied(why) => write!(f, "the proxy refused: {why}"),
            NetError::ProxyUnreachable(why) => write!(f, "the proxy could not connect: {why}"),
            NetError::ProxyProtocol(why) => write!(f, "no tunnel through the proxy: {why}"),
            NetError::ClosedWithoutNotify => f.write_str("the connection ended without TLS's close_notify"),
            NetError::Proxy { proxy, error } => write!(f, "{proxy}: {error}"),
        }
    }
}

impl std::error::Error for NetError {}

//! What can go wrong on the way to a server.

use super::Limit;
use crate::error::system_words;
use crate::http::is_transient;
use std::fmt;
use std::io;
use std::time::Duration;

/// Why there is no connection, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetError {
    /// The name has no address, or the name server does not say.
    Resolve(String),
    /// The name has addresses, but none of the family asked for.
    NoSuchFamily,
    /// No connection to an address (or Unix socket).
    Connect {
        /// The address, or the path of the socket.
        address: String,
        /// What the system said.
        error: String,
    },
    /// The connection broke: reset, say.
    Broken(String),
    /// A limit was reached.
    TimedOut {
        /// Which.
        limit: Limit,
        /// How long it is.
        after: Duration,
    },
    /// The program is to end.
    Interrupted,
    /// The server's certificate is not to be trusted.
    Certificate(String),
    /// The certificates to trust cannot be had.
    Roots(String),
    /// TLS failed otherwise.
    Tls(String),
    /// The peer ended the connection without TLS's close_notify: it may have been cut off.
    ClosedWithoutNotify,
    /// The host has no public address, and only such a one will do.
    NotPublic(String),
    /// A proxy in the environment that cannot be understood.
    Proxy(String),
    /// A proxy answered a request for a tunnel with this status.
    ProxyStatus {
        /// The status code.
        status: u16,
        /// Status code and reason phrase.
        text: String,
    },
    /// A proxy wants to know who asks, and is not content.
    ProxyAuth(String),
    /// A proxy makes no connection there.
    ProxyDenied(String),
    /// A proxy could not connect.
    Unreachable(String),
    /// What a proxy says makes no sense.
    Tunnel(String),
}

impl NetError {
    pub(super) fn broken(error: impl Into<io::Error>) -> NetError {
        NetError::Broken(system_words(&error.into()))
    }
}

impl NetError {
    /// Whether it may pass: another try, after a moment, could go well.
    pub fn is_transient(&self) -> bool {
        match self {
            // What getaddrinfo says of a name server that does not answer.
            NetError::Resolve(why) => why.starts_with("Temporary failure"),
            NetError::Connect { .. } | NetError::Broken(_) | NetError::ClosedWithoutNotify | NetError::Unreachable(_) => true,
            NetError::TimedOut { limit, .. } => *limit != Limit::MaxTime,
            NetError::ProxyStatus { status, .. } => is_transient(*status),
            _ => false,
        }
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::Resolve(why) => write!(f, "cannot resolve the name: {why}"),
            NetError::NoSuchFamily => f.write_str("cannot connect: the name has no address of the family asked for"),
            NetError::Connect { address, error } => write!(f, "cannot connect to {address}: {error}"),
            NetError::Broken(why) => write!(f, "the connection broke: {why}"),
            NetError::TimedOut { limit, after } => {
                let what = match limit {
                    Limit::Connect => "no connection",
                    Limit::Idle => "no bytes came",
                    Limit::MaxTime => "not done",
                };
                write!(f, "timed out: {what} within {} s", after.as_secs_f64())
            }
            NetError::Interrupted => f.write_str("interrupted"),
            NetError::Certificate(why) => write!(f, "the server's certificate is not to be trusted: {why}"),
            NetError::Roots(why) => write!(f, "no certificates to trust: {why}"),
            NetError::Tls(why) => write!(f, "TLS failed: {why}"),
            NetError::NotPublic(address) => write!(f, "{address} is no public address, and a public one led there"),
            NetError::Proxy(why) => f.write_str(why),
            NetError::ProxyStatus { text, .. } => write!(f, "the proxy answered {text}"),
            NetError::ProxyAuth(why) | NetError::ProxyDenied(why) => write!(f, "the proxy refused: {why}"),
            NetError::Unreachable(why) => write!(f, "the proxy could not connect: {why}"),
            NetError::Tunnel(why) => write!(f, "no way through the proxy: {why}"),
            NetError::ClosedWithoutNotify => f.write_str("the connection ended without TLS's close_notify"),
        }
    }
}

impl std::error::Error for NetError {}

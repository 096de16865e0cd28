//! Recording exchanges as they are on the wire.

use super::rate::RateLimit;
use crate::error::Error;
use crate::http::{Head, Request};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;
use url::Url;

/// An exchange up to the header section of its response.
pub(crate) struct Exchanged<'e> {
    /// The URL requested.
    pub url: &'e Url,
    /// As it was sent, credentials included.
    pub request: &'e Request,
    /// When it was sent.
    pub sent: SystemTime,
    /// The origin's address; `None` where a proxy or a Unix socket is in between.
    pub peer: Option<IpAddr>,
    /// The header section of the response.
    pub head: &'e Head,
}

/// Records exchanges.
pub(crate) trait Tap: Send + Sync + std::fmt::Debug {
    /// An exchange began: its body is recorded by what this gives.
    fn record(&self, exchange: &Exchanged<'_>) -> Box<dyn Recorder>;
    /// The limits of a body that is received for the record alone.
    fn unwanted(&self) -> UnwantedLimits;
}

/// How much of a body is received for the record alone.
#[derive(Clone, Debug)]
pub(crate) struct UnwantedLimits {
    /// The most bytes.
    pub(crate) size: u64,
    /// How fast.
    pub(crate) rate: Option<Arc<RateLimit>>,
}

/// Records one response's body.
pub(crate) trait Recorder: Send {
    /// Bytes as they came, framing included, and those of the payload in them.
    fn body(&mut self, wire: &[u8], payload: &[u8]) -> Result<(), Error>;
    /// The message ended, or was cut short.
    fn end(&mut self, ending: Ending) -> Result<(), Error>;
}

/// How the recording of a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is whole.
    Complete,
    /// The connection ended, or what came was malformed.
    Disconnect,
    /// A limit of time was reached.
    Time,
    /// It is longer than it may be.
    Length,
    /// It was not wanted any more.
    Unspecified,
}

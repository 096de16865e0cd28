//! Callbacks for what happens while a request is made.

use crate::error::Error;
use crate::http::{Head, Request};
use crate::net::Event;
use std::net::IpAddr;
use url::Url;

/// Receives events while a request is made.
pub(crate) trait Observer {
    /// A request for this URL is about to be made: the first, or one that a redirect led to.
    fn hop(&mut self, url: &Url);
    /// A connection is being made.
    fn connection(&mut self, event: Event);
    /// A request is about to be sent on a connection to this address, a reused or a new one.
    fn request(&mut self, request: &Request, peer: Option<IpAddr>, reused: bool);
    /// An interim response (1xx) was skipped.
    fn interim(&mut self, head: &Head);
    /// A header section came from this URL, a redirect's or the last one.
    fn head(&mut self, url: &Url, head: &Head) -> Result<(), Error>;
}

/// An observer that does nothing.
pub(crate) struct NoopObserver;

impl Observer for NoopObserver {
    fn hop(&mut self, _: &Url) {}
    fn connection(&mut self, _: Event) {}
    fn request(&mut self, _: &Request, _: Option<IpAddr>, _: bool) {}
    fn interim(&mut self, _: &Head) {}
    fn head(&mut self, _: &Url, _: &Head) -> Result<(), Error> {
        Ok(())
    }
}

//! The response to a request, all redirects followed.

use super::body::Body;
use super::decoded::{BodyLimits, DecodedBody, undecodable};
use crate::coding::content_codings;
use crate::error::{Error, Kind};
use crate::http::{Coding, Framing, Head, Request};
use std::io::{self, Read};
use url::Url;

/// How many bytes of a body are received at a time where they are read a few at a time.
const READ_SIZE: usize = 64 * 1024;

/// A response. Its body is [read](Read) as the server meant it, content codings decoded; one that is cut
/// off or corrupt ends in an error that holds an [`Error`], never in a short read.
///
/// Read to its end or dropped, it gives its connection back for the next request.
pub struct Response {
    pub(crate) request: Request,
    head: Head,
    url: Url,
    state: State,
    decode: bool,
    forwarded_by: Option<String>,
}

enum State {
    Unread(Box<Body>),
    Reading(Box<Reader>),
    /// The body ended in an error.
    Failed,
}

/// A body, and what of its last piece was not read yet.
struct Reader {
    body: DecodedBody,
    ready: Vec<u8>,
    taken: usize,
}

impl Response {
    pub(super) fn new(request: Request, head: Head, url: Url, body: Body, decode: bool) -> Response {
        Response { request, head, url, state: State::Unread(Box::new(body)), decode, forwarded_by: None }
    }

    /// With the proxy that forwarded the request.
    pub(super) fn by(self, forwarded_by: Option<String>) -> Response {
        Response { forwarded_by, ..self }
    }

    /// The proxy that forwarded the request.
    pub(crate) fn forwarded_by(&self) -> Option<&str> {
        self.forwarded_by.as_deref()
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The URL that answered, redirects followed.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The first value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head.fields().get(name)?).ok()
    }

    /// All headers, in the order they came; values that are not UTF-8 have U+FFFD in the place of what
    /// is not.
    pub fn headers(&self) -> impl Iterator<Item = (&str, std::borrow::Cow<'_, str>)> {
        self.head.fields().iter().map(|(name, value)| (name, String::from_utf8_lossy(value)))
    }

    /// The header section.
    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// How many bytes the body is to have, before decoding, where that is known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        let State::Unread(body) = &self.state else { return None };
        match body.framing() {
            Framing::Length(length) => Some(length),
            Framing::Empty => Some(0),
            Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// Whether a coding is to be decoded, or would be if codings were.
    pub(crate) fn is_coded(&self) -> bool {
        let transfer = matches!(&self.state, State::Unread(body) if !body.transfer_codings().is_empty());
        transfer || content_codings(self.head.fields()).map_or(true, |codings| !codings.is_empty())
    }

    /// The header section and the body, to be received within these limits.
    pub(crate) fn into_body(self, limits: BodyLimits) -> Result<(Head, DecodedBody), Error> {
        let State::Unread(body) = self.state else { return Err(Error::new(Kind::Other, "the body was read already")) };
        let codings = codings(&self.head, &body, self.decode)?;
        Ok((self.head, DecodedBody::new(*body, &codings, limits)))
    }
}

/// The codings to be decoded, in the order they were applied: those of the transfer, and with `content`
/// those of the content too.
fn codings(head: &Head, body: &Body, content: bool) -> Result<Vec<Coding>, Error> {
    let mut codings = if content { content_codings(head.fields()).map_err(undecodable)? } else { Vec::new() };
    codings.extend(body.transfer_codings());
    Ok(codings)
}

impl Reader {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        while self.taken == self.ready.len() {
            self.ready.clear();
            self.taken = 0;
            match self.body.next()? {
                Some(piece) => self.ready.extend_from_slice(piece.bytes),
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.ready.len() - self.taken);
        buffer[..length].copy_from_slice(&self.ready[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let state = match std::mem::replace(&mut self.state, State::Failed) {
            State::Unread(body) => codings(&self.head, &body, self.decode).map(|codings| {
                let mut body = DecodedBody::new(*body, &codings, BodyLimits::default());
                body.limit_receive(READ_SIZE);
                Box::new(Reader { body, ready: Vec::new(), taken: 0 })
            }),
            State::Reading(reader) => Ok(reader),
            State::Failed => Err(Error::new(Kind::Other, "an earlier read of the body failed")),
        };
        let (length, reader) = state.and_then(|mut reader| Ok((reader.read(buffer)?, reader))).map_err(io::Error::other)?;
        self.state = State::Reading(reader);
        Ok(length)
    }
}

//! HTTP/1.1 (RFC 9110, RFC 9112) as bytes in, bytes out: no socket, no file, no clock.
//!
//! One exchange, in order:
//!
//! 1. [`Request::to_bytes`] makes the header section that is sent.
//! 2. [`HeadParser`] turns what came back into a [`Head`], as soon as it is all there.
//! 3. [`Framing::of`] decides, once, where the body ends (RFC 9112 section 6.3).
//! 4. [`Deframer`] removes the framing, slice by slice, and says at the end whether the body was whole
//!    or cut off.
//!
//! In scope: requests without content (GET, HEAD) and any response to them. Not in scope:
//! HTTP/0.9, HTTP/2, upgrades, requests with content. Content codings are decoded one layer up, in
//! [`crate::coding`].

mod chunked;
mod credentials;
mod date;
mod deframer;
mod fields;
mod framing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod range;
mod request;
mod validator;

pub(crate) use credentials::{Credentials, may_be_secret, without_passwords, without_secrets};
pub(crate) use date::{format_date, parse_date};
pub(crate) use deframer::Deframer;
pub use fields::InvalidField;
pub(crate) use fields::{FieldEdits, Fields};
pub(crate) use framing::{Coding, Framing, FramingError};
pub(crate) use head::{Head, HeadError, HeadParser, is_transient};
pub use range::ByteRange;
pub(crate) use range::{ContentRange, unsatisfied_range};
pub use request::Method;
pub(crate) use request::Request;
pub(crate) use validator::{StrongValidator, entity_tag, last_modified};

/// The most bytes that a header section may have.
pub(crate) const MAX_HEAD: usize = 256 * 1024;
/// The most fields that a header section may have.
pub(crate) const MAX_FIELDS: usize = 1000;
/// The most interim (1xx) responses that may come before the final one.
pub(crate) const MAX_INTERIM: usize = 100;
/// The most content codings that a body may have.
pub(crate) const MAX_CODINGS: usize = 5;
/// The most bytes that a chunk-size line, or a trailer section, may have.
pub(crate) const MAX_CHUNK_LINE: usize = 16 * 1024;
/// How many bytes more than its data the framing of a chunked body may have.
pub(crate) const MAX_FRAMING: u64 = 1024 * 1024;

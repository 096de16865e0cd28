//! The error type of the crate: a kind that decides the exit status, what happened, why, and what to do
//! about it.
//!
//! The lower layers have flat error enums of their own ([`crate::http::HeadError`],
//! [`crate::coding::DecodeError`], ...), comparable in tests. They become an [`Error`] where it is
//! known what was being done. There is no blanket conversion from [`std::io::Error`]: it does not
//! know whether a disk or a network failed.

use crate::http::without_passwords;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The kind of a failure; each has one exit status, wget's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The reader of the body closed the pipe: exit status 3, without a message.
    ClosedPipe,
    /// None of the others (1).
    Other,
    /// Bad usage (2).
    Usage,
    /// A file cannot be read or written (3).
    File,
    /// DNS, connecting, a timeout, a reset, a body that was cut off (4).
    Network,
    /// The server's certificate cannot be trusted (5).
    Verification,
    /// The server or a proxy requires other credentials: 401, 407 (6).
    Authentication,
    /// A malformed response, a limit, an undecodable body, a checksum (7).
    Protocol,
    /// The server answered with an error status, or with nothing to save (8).
    Status,
}

impl Kind {
    /// The exit status of a program that failed this way.
    pub fn exit_status(self) -> u8 {
        match self {
            Kind::Other => 1,
            Kind::Usage => 2,
            Kind::File | Kind::ClosedPipe => 3,
            Kind::Network => 4,
            Kind::Verification => 5,
            Kind::Authentication => 6,
            Kind::Protocol => 7,
            Kind::Status => 8,
        }
    }

    /// Its name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ClosedPipe => "closed_pipe",
            Kind::Other => "other",
            Kind::Usage => "usage",
            Kind::File => "file",
            Kind::Network => "network",
            Kind::Verification => "verification",
            Kind::Authentication => "authentication",
            Kind::Protocol => "protocol",
            Kind::Status => "status",
        }
    }

    /// Of two failures, the one whose status the program exits with: the lowest of 2 to 8, then 1.
    #[must_use]
    pub(crate) fn worse(self, other: Kind) -> Kind {
        let rank = |kind: Kind| if kind == Kind::Other { u8::MAX } else { kind.exit_status() };
        if rank(other) < rank(self) { other } else { self }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failure.
///
/// [`Display`](fmt::Display) says what happened; a cause that has a type of its own is its
/// [`source`](std::error::Error::source), and not repeated.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Source>,
    hint: Option<Cow<'static, str>>,
    retry: Option<Duration>,
    timed_out: bool,
    status: Option<u16>,
}

impl Error {
    /// A failure, and what happened.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None, hint: None, retry: None, timed_out: false, status: None }
    }

    /// Appends detail to the message: why, or where.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl fmt::Display) -> Error {
        self.message = format!("{}: {detail}", self.message);
        self
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub(crate) fn context(mut self, context: impl fmt::Display) -> Error {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Adds the error that caused it.
    #[must_use]
    pub(crate) fn caused_by(mut self, source: impl Into<Source>) -> Error {
        self.source = Some(source.into());
        self
    }

    /// Adds what the user of the program can do about it, if anything.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<Option<&'static str>>) -> Error {
        self.hint = hint.into().map(Cow::Borrowed);
        self
    }

    /// As [`hint`](Error::hint), where there is no hint yet.
    #[must_use]
    pub(crate) fn or_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Error {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// Marks a transient failure: another try could help.
    #[must_use]
    pub(crate) fn retryable(self) -> Error {
        self.retryable_after(Duration::ZERO)
    }

    /// As [`retryable`](Error::retryable), where the server said when (Retry-After).
    #[must_use]
    pub(crate) fn retryable_after(mut self, delay: Duration) -> Error {
        self.retry = Some(delay);
        self
    }

    /// Marks that what was waited for did not come in time.
    #[must_use]
    pub(crate) fn timed_out(mut self, timed_out: bool) -> Error {
        self.timed_out = timed_out;
        self
    }

    /// Adds the status code of the response that is the failure.
    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Error {
        self.status = Some(status);
        self
    }

    /// Whether what was waited for did not come in time.
    pub(crate) fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// What decides the exit status.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How long to wait before another try, at least; `None` where another try would not help.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The status code, where it is a response's status that is the failure.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The message, the causes and the hint in one line, as the program prints them: without what may be a password.
    pub(crate) fn full(&self) -> String {
        let mut text = self.message.clone();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text += &format!(": {error}");
            source = error.source();
        }
        let text = without_passwords(&text);
        match &self.hint {
            Some(hint) => text + &format!(" ({hint})"),
            None => text,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The operating system's message for an error, without Rust's "(os error 111)".
pub(crate) fn system_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn the_lowest_of_2_to_8_wins_then_1() {
        let rows = [
            (Kind::Status, Kind::Network, Kind::Network),
            (Kind::Network, Kind::Status, Kind::Network),
            (Kind::Other, Kind::Status, Kind::Status),
            (Kind::Usage, Kind::Other, Kind::Usage),
            (Kind::Other, Kind::Other, Kind::Other),
            (Kind::Other, Kind::ClosedPipe, Kind::ClosedPipe),
        ];
        for (one, other, worse) in rows {
            assert_eq!(one.worse(other), worse, "{one:?} and {other:?}");
        }
    }

    #[test]
    fn each_cause_is_said_once() {
        let error = Error::new(Kind::File, "cannot write a").caused_by("disk full").hint("make room");
        assert_eq!(error.to_string(), "cannot write a");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk full"));
        assert_eq!(error.full(), "cannot write a: disk full (make room)");
        assert_eq!(Error::new(Kind::Other, "a").detail("b").context("c").full(), "c: a: b");
    }
}

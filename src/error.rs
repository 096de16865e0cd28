//! What can go wrong, as the user meets it: a kind that decides the exit status, what happened,
//! why, and what to do about it.
//!
//! The lower floors have flat error enums of their own ([`crate::http::HeadError`],
//! [`crate::coding::CodingError`], ...), comparable in tests. They become an [`Error`] where it is
//! known what was being done. There is no blanket conversion from [`std::io::Error`]: it does not
//! know whether a disk or a network failed.

use std::fmt;
use std::time::Duration;

/// The kind of a failure; each has one exit status, wget's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nobody reads standard output any more: the program ends quietly, as if it were done (0).
    ClosedPipe,
    /// None of the others (1).
    Other,
    /// The command line makes no sense (2).
    Usage,
    /// A file cannot be read or written (3).
    File,
    /// DNS, connecting, a timeout, a reset, a body that was cut off (4).
    Network,
    /// The server's certificate cannot be trusted (5).
    Verification,
    /// The server or a proxy wants other credentials: 401, 407 (6).
    Authentication,
    /// A malformed response, a limit, an undecodable body, a checksum (7).
    Protocol,
    /// The server answered with an error status (8).
    Status,
}

impl Kind {
    /// The exit status of a program that failed this way.
    pub fn exit_status(self) -> u8 {
        match self {
            Kind::ClosedPipe => 0,
            Kind::Other => 1,
            Kind::Usage => 2,
            Kind::File => 3,
            Kind::Network => 4,
            Kind::Verification => 5,
            Kind::Authentication => 6,
            Kind::Protocol => 7,
            Kind::Status => 8,
        }
    }

    /// Its name in [JSON](crate::report::Summary).
    pub fn name(self) -> &'static str {
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

    /// Of two failures, the one whose status the program ends with: the lowest of 2 to 8, then 1.
    #[must_use]
    pub fn worse(self, other: Kind) -> Kind {
        let rank = |kind: Kind| match kind {
            Kind::ClosedPipe => u8::MAX,
            Kind::Other => u8::MAX - 1,
            kind => kind.exit_status(),
        };
        if rank(other) < rank(self) { other } else { self }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A failure: displays as `what happened: why (what to do)`.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    what: String,
    why: Option<Source>,
    hint: Option<&'static str>,
    retry: Option<Duration>,
}

impl Error {
    /// A failure that explains itself.
    pub fn new(kind: Kind, what: impl Into<String>) -> Error {
        Error { kind, what: what.into(), why: None, hint: None, retry: None }
    }

    /// Adds why it happened.
    #[must_use]
    pub fn because(mut self, why: impl Into<Source>) -> Error {
        self.why = Some(why.into());
        self
    }

    /// Adds what the user can do about it, if anything.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<&'static str>>) -> Error {
        self.hint = hint.into();
        self
    }

    /// Marks a failure that may pass: another try could help, after a moment.
    #[must_use]
    pub fn retryable(self) -> Error {
        self.retryable_after(Duration::ZERO)
    }

    /// The same where the server said how long a moment is.
    #[must_use]
    pub fn retryable_after(mut self, moment: Duration) -> Error {
        self.retry = Some(moment);
        self
    }

    /// How long to wait before another try, at least; `None` where none could help.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// What decides the exit status.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(why) = &self.why {
            write!(f, ": {why}")?;
        }
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.why.as_deref().map(|why| why as _)
    }
}

/// The system's words for an error, without Rust's "(os error 111)".
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

    #[test]
    fn the_lowest_of_2_to_8_wins_then_1() {
        let rows = [
            (Kind::Status, Kind::Network, Kind::Network),
            (Kind::Network, Kind::Status, Kind::Network),
            (Kind::Other, Kind::Status, Kind::Status),
            (Kind::Usage, Kind::Other, Kind::Usage),
            (Kind::Other, Kind::Other, Kind::Other),
            (Kind::ClosedPipe, Kind::Other, Kind::Other),
        ];
        for (one, other, worse) in rows {
            assert_eq!(one.worse(other), worse, "{one:?} and {other:?}");
        }
    }

    #[test]
    fn reads_as_what_why_and_what_to_do() {
        let error = Error::new(Kind::File, "cannot write a").because("disk full").hint("make room");
        assert_eq!(error.to_string(), "cannot write a: disk full (make room)");
    }
}

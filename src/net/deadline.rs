//! Deadlines that neither a slow trickle of bytes, nor a stalled name server, nor a redirect resets.

use super::NetError;
use crate::interrupt;
use std::time::{Duration, Instant};

/// The longest one wait lasts before interrupts and deadlines are looked at again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// One of the limits, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `--connect-timeout`, before there is a connection.
    Connect,
    /// `--connect-timeout`, in the TLS handshake.
    Handshake,
    /// `--timeout`.
    Idle,
    /// `--max-time`.
    MaxTime,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Making a connection: names, every address tried, TLS.
    pub connect: Option<Duration>,
    /// The longest silence while waiting for bytes.
    pub idle: Option<Duration>,
    /// Everything, redirects included.
    pub max_time: Option<Duration>,
}

/// The limits, unless others are asked for.
pub(crate) const DEFAULT_LIMITS: Limits =
    Limits { connect: Some(Duration::from_secs(10)), idle: Some(Duration::from_secs(30)), max_time: None };

impl Default for Limits {
    fn default() -> Limits {
        DEFAULT_LIMITS
    }
}

/// The limits of one operation, counted from its start.
#[derive(Clone, Debug)]
pub struct Timer {
    limits: Limits,
    end: Option<(Instant, Duration, Limit)>,
}

impl Timer {
    /// Starts the clock of [`Limits::max_time`].
    pub fn start(limits: Limits) -> Timer {
        Timer { limits, end: limits.max_time.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit, Limit::MaxTime))) }
    }

    /// The timer of a connection that is being made now: its end is the connect limit's, or the
    /// operation's where that comes first.
    pub(super) fn connecting(&self) -> Timer {
        self.limits.connect.map_or_else(|| self.clone(), |time| self.ending(time, Limit::Connect))
    }

    /// The timer of the handshake on a connection that is being made: the same end.
    pub(super) fn handshaking(&self) -> Timer {
        let end = self.end.map(|(end, time, limit)| (end, time, if limit == Limit::Connect { Limit::Handshake } else { limit }));
        Timer { end, ..self.clone() }
    }

    /// This timer, for waits that are not for bytes: for a name server, or for an address to answer.
    pub(super) fn without_idle_limit(&self) -> Timer {
        Timer { limits: Limits { idle: None, ..self.limits }, ..self.clone() }
    }

    /// This timer, with an end that comes no later than this from now.
    pub fn at_most(&self, time: Duration) -> Timer {
        self.ending(time, Limit::MaxTime)
    }

    fn ending(&self, time: Duration, limit: Limit) -> Timer {
        // What is too long for the clock is no limit.
        let Some(end) = Instant::now().checked_add(time) else { return self.clone() };
        let end = self.end.filter(|old| old.0 <= end).unwrap_or((end, time, limit));
        Timer { end: Some(end), ..self.clone() }
    }

    /// How long to wait for anything other than the server, the reader of a pipe for example, before
    /// asking again. An error where the whole operation's limit is reached or the program was interrupted.
    pub fn poll_interval(&self) -> Result<Duration, NetError> {
        self.without_idle_limit().wait().poll_timeout()
    }

    /// How much time is left of the whole operation's limit, if it has one.
    pub fn left(&self) -> Option<Duration> {
        self.end.map(|(end, ..)| end.saturating_duration_since(Instant::now()))
    }

    /// Whether the whole operation has a limit.
    pub fn is_limited(&self) -> bool {
        self.end.is_some()
    }

    /// Starts a wait for bytes.
    pub(super) fn wait(&self) -> Wait<'_> {
        Wait { timer: self, since: Instant::now() }
    }
}

/// A single wait.
pub(super) struct Wait<'t> {
    timer: &'t Timer,
    since: Instant,
}

impl Wait<'_> {
    /// How long to wait at most before asking again: never zero. An error where a limit is reached or
    /// the program was interrupted.
    pub(super) fn poll_timeout(&self) -> Result<Duration, NetError> {
        if interrupt::caught().is_some() {
            return Err(NetError::Interrupted);
        }
        let idle = self.timer.limits.idle.and_then(|limit| Some((self.since.checked_add(limit)?, limit, Limit::Idle)));
        let mut timeout = LONGEST_WAIT;
        if idle.is_none() && self.timer.end.is_none() {
            return Ok(timeout);
        }
        let now = Instant::now();
        for (end, after, limit) in [idle, self.timer.end].into_iter().flatten() {
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Err(NetError::TimedOut { limit, after });
            }
            timeout = timeout.min(left);
        }
        // The kernel counts microseconds, and takes zero for "no limit".
        Ok(timeout.max(Duration::from_micros(1)))
    }
}

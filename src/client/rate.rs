//! A limit to the rate at which bodies are received, shared by all that are.

use crate::net::{NetError, Timer};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many pieces of a second's bytes are received at a time.
const PIECES_A_SECOND: u64 = 10;
/// The longest sleep before limits of time are looked at again.
const MAX_SLEEP: Duration = Duration::from_millis(50);

/// So many bytes a second, in all.
#[derive(Debug)]
pub(crate) struct RateLimit {
    bytes_per_second: u64,
    /// When all that was received so far was due.
    due: Mutex<Instant>,
}

impl RateLimit {
    /// At most so many bytes a second, one at least.
    pub(crate) fn new(bytes_per_second: u64) -> RateLimit {
        RateLimit { bytes_per_second: bytes_per_second.max(1), due: Mutex::new(Instant::now()) }
    }

    /// How many bytes are to be received at a time.
    pub(super) fn piece(&self) -> usize {
        usize::try_from(self.bytes_per_second / PIECES_A_SECOND).unwrap_or(usize::MAX).max(1)
    }

    /// Counts bytes that were received, and sleeps until more may be.
    pub(super) fn throttle(&self, bytes: u64, timer: &Timer) -> Result<(), NetError> {
        let due = self.count(bytes, Instant::now());
        while let Some(early) = due.checked_duration_since(Instant::now()).filter(|early| !early.is_zero()) {
            thread::sleep(early.min(timer.poll_interval()?).min(MAX_SLEEP));
        }
        Ok(())
    }

    /// Counts bytes that were received: no more may be before the time that this gives.
    fn count(&self, bytes: u64, now: Instant) -> Instant {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = now.max(*due) + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        *due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_at_the_same_time_is_due_one_after_the_other() {
        let (limit, now) = (RateLimit::new(1000), Instant::now() + Duration::from_secs(1));
        let due = [limit.count(500, now), limit.count(500, now), limit.count(100, now + Duration::from_secs(9))];
        assert_eq!(due.map(|due| (due - now).as_millis()), [500, 1000, 9100]);
    }
}

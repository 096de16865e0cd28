//! Retries: how long to wait before another try.

use crate::error::Error;
use crate::http::{Fields, parse_date};
use crate::net::{NetError, Timer};
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The longest Retry-After that is waited for.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
/// The first wait, at most; each of the next is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// How long to sleep before interrupts and deadlines are looked at again.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long to wait after so many tries, or as long as the server says. Half of the back-off is random, so
/// that many clients do not come back at once.
pub(super) fn delay(tries: u32, retry_after: Duration) -> Duration {
    let most = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    // The standard library's only source of random numbers: the keys of its hash maps.
    let random = RandomState::new().hash_one(0_u8) % 1001;
    let back_off = most / 2 + most / 2 * u32::try_from(random).unwrap_or(0) / 1000;
    if retry_after.is_zero() { back_off } else { retry_after }
}

/// What Retry-After says (RFC 9110 section 10.2.3): seconds, or a date; `None` for anything else.
pub(super) fn retry_after(fields: &Fields, now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(fields.get("Retry-After")?).ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large is longer than any wait.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    Some(parse_date(text.as_bytes())?.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Sleeps; an error where the program was interrupted, or the limit of the whole operation is reached
/// before the end.
pub(super) fn sleep(delay: Duration, timer: &Timer) -> Result<(), NetError> {
    let end = Instant::now() + delay;
    loop {
        let poll_interval = timer.poll_interval()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(poll_interval).min(POLL_INTERVAL));
    }
}

/// Whether there is time for a delay and something after it.
pub(super) fn has_time(delay: Duration, timer: &Timer) -> bool {
    timer.left().is_none_or(|left| left > delay)
}

/// What is printed before a retry.
pub(super) fn notice(error: &Error, delay: Duration) -> String {
    format!("{}; trying again in {:.1} s", error.full(), delay.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn each_delay_is_twice_as_long_give_or_take_half() {
        for (tries, least, most) in
            [(0, 500, 1000), (1, 1000, 2000), (2, 2000, 4000), (9, 30_000, 60_000), (4_000_000, 30_000, 60_000)]
        {
            for _ in 0..50 {
                let delay = delay(tries, Duration::ZERO).as_millis();
                assert!((least..=most).contains(&delay), "{delay} ms before try {tries}");
            }
        }
        assert_eq!(delay(0, Duration::from_secs(7)), Duration::from_secs(7));
    }

    #[test]
    fn a_server_says_how_long_in_seconds_or_as_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let mut fields = Fields::new();
            fields.append("Retry-After", value.as_bytes()).expect("valid");
            assert_eq!(retry_after(&fields, now).map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }
}

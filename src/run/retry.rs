//! Trying again: how long to wait before it.

use crate::error::Error;
use crate::http::{Fields, parse_date};
use crate::net::{NetError, Timer};
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The longest retry_after of a server (Retry-After) that is fulfilled.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
/// The first wait, at most; each of the next is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// How long to sleep before interrupts and deadlines are looked at again.
const SLICE: Duration = Duration::from_millis(50);

/// How long to wait before the try after so many, at least as long as the server wishes. Half of it is
/// left to chance, so that many clients do not come back at once.
pub(super) fn pause(tries: u32, retry_after: Duration) -> Duration {
    let most = FIRST.saturating_mul(1 << tries.min(10)).min(LONGEST);
    // The standard library's only source of chance: the keys of its hash maps.
    let chance = RandomState::new().hash_one(0_u8) % 1001;
    let back_off = most / 2 + most / 2 * u32::try_from(chance).unwrap_or(0) / 1000;
    if retry_after.is_zero() { back_off } else { retry_after }
}

/// What Retry-After says (RFC 9110 section 10.2.3): seconds, or a date; `None` for anything else.
pub(super) fn after(fields: &Fields, now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(fields.get("Retry-After")?).ok()?;
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than can be counted is longer than anybody waits.
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    Some(parse_date(text.as_bytes())?.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Sleeps; an error where the program was interrupted, or the limit of the whole operation would be
/// reached before the end.
pub(super) fn sleep(pause: Duration, timer: &Timer) -> Result<(), NetError> {
    let end = Instant::now() + pause;
    loop {
        let poll_interval = timer.poll_interval()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(poll_interval).min(SLICE));
    }
}

/// Whether there is time for a pause and something after it.
pub(super) fn has_time(pause: Duration, timer: &Timer) -> bool {
    timer.left().is_none_or(|left| left > pause)
}

/// For whoever watches.
pub(super) fn notice(error: &Error, pause: Duration) -> String {
    format!("{error}; trying again in {:.1} s", pause.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn each_wait_is_twice_as_long_give_or_take_half() {
        for (tries, least, most) in
            [(0, 500, 1000), (1, 1000, 2000), (2, 2000, 4000), (9, 30_000, 60_000), (4_000_000, 30_000, 60_000)]
        {
            for _ in 0..50 {
                let pause = pause(tries, Duration::ZERO).as_millis();
                assert!((least..=most).contains(&pause), "{pause} ms before try {tries}");
            }
        }
        assert_eq!(pause(0, Duration::from_secs(7)), Duration::from_secs(7));
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
            assert_eq!(after(&fields, now).map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }
}

//! Properties of what a server says about retries.

use super::retry;
use crate::http::{Fields, parse_date};
use std::time::{Duration, UNIX_EPOCH};

/// Retry-After is a number of seconds, or a time to come.
pub(crate) fn retry_after(data: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let mut fields = Fields::new();
    if fields.append("Retry-After", data).is_err() {
        return;
    }
    let value = fields.get("Retry-After").unwrap_or_default();
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    match retry::retry_after(&fields, now) {
        Some(wait) if is_number => {
            let number: Option<u64> = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            assert_eq!(wait, number.map_or(Duration::MAX, Duration::from_secs));
        }
        Some(wait) => assert_eq!(Some(wait), parse_date(value).map(|date| date.duration_since(now).unwrap_or_default())),
        None => assert!(!is_number),
    }
}

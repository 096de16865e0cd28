//! Dates, read in every form that servers have sent since 1994 (RFC 6265 section 5.1.1 describes how;
//! the three forms of RFC 9110 section 5.6.7 are among them) and written in the one of today.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&[u8]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// The last second of the last year that can be written.
const LAST: u64 = 253_402_300_799;

/// Writes a date; `None` for one that has no such form, before 1970 or after 9999.
pub(crate) fn format_date(time: SystemTime) -> Option<String> {
    let since_1970 = time.duration_since(UNIX_EPOCH).ok()?;
    (since_1970.as_secs() <= LAST).then(|| httpdate::fmt_http_date(time))
}

/// Reads a date; one before 1970 is read as 1970.
pub(crate) fn parse_date(text: &[u8]) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|byte| is_delimiter(*byte)).filter(|token| !token.is_empty()) {
        // Each token is the first thing it can be that was not there yet.
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let (time, day, month) = (time?, day?, month?);
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        year => year,
    };
    let days_in_month = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=days_in_month).contains(&day) || year < 1601 {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86400 + time;
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// `h:m:s`, anything but a digit behind it.
fn time_of_day(token: &[u8]) -> Option<i64> {
    let mut parts = token.splitn(3, |byte| *byte == b':');
    let (hours, minutes) = (exact(parts.next()?)?, exact(parts.next()?)?);
    let seconds = number(parts.next()?, 1, 2)?;
    (hours <= 23 && minutes <= 59 && seconds <= 59).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// One or two digits and nothing else.
fn exact(part: &[u8]) -> Option<i64> {
    number(part, 1, 2).filter(|_| part.iter().all(u8::is_ascii_digit))
}

/// So many digits, at least and at most, and behind them anything but a digit.
fn number(token: &[u8], least: usize, most: usize) -> Option<i64> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(least..=most).contains(&digits) {
        return None;
    }
    std::str::from_utf8(&token[..digits]).ok()?.parse().ok()
}

fn month_of(token: &[u8]) -> Option<i64> {
    let start = token.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| *month == start).map(|(number, _)| number)
}

/// Days of the proleptic Gregorian calendar, a year counted from March so that the leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let before_month = (153 * month + 2) / 5;
    year * 365 + year / 4 - year / 100 + year / 400 + before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form_in_use() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("6 november 1994 8:49:37", Some(784_111_777)),
            ("1994 Nov 06x 08:49:37z", Some(784_111_777)),
            ("06 1994 Nov 08:49:37z", Some(784_111_777)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Mon, 01 Jan 69 00:00:00 GMT", Some(3_124_224_000)),
            ("Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
            ("Mon, 01 Jan 1600 00:00:00 GMT", None),
            ("Wed, 29 Feb 2023 00:00:00 GMT", None),
            ("Wed, 00 Feb 2023 00:00:00 GMT", None),
            ("Wed, 01 Feb 2023 24:00:00 GMT", None),
            ("Wed, 01 Feb 2023", None),
            ("tomorrow", None),
            ("", None),
        ] {
            let wanted = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(parse_date(text.as_bytes()), wanted, "{text}");
        }
    }
    #[test]
    fn what_has_no_form_is_not_written() {
        let second = Duration::from_secs(1);
        assert_eq!(format_date(UNIX_EPOCH + 784_111_777 * second).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(format_date(UNIX_EPOCH - second), None);
        assert!(format_date(UNIX_EPOCH + Duration::from_secs(LAST)).is_some());
        assert_eq!(format_date(UNIX_EPOCH + Duration::from_secs(LAST + 1)), None);
    }
}

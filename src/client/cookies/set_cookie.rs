//! The Set-Cookie field, read as leniently as RFC 6265bis section 5.6 has it.

use super::LONGEST_LIFE;
use crate::http::parse_date;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most bytes of a name and a value together, and of the value of an attribute.
const LONGEST_PAIR: usize = 4096;
const LONGEST_ATTRIBUTE: usize = 1024;

/// What a Set-Cookie field says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SetCookie {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) domain: Option<String>,
    /// Where there is one that is absolute.
    pub(super) path: Option<Vec<u8>>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) expires: Option<SystemTime>,
}

impl SetCookie {
    pub(super) fn parse(field: &[u8], now: SystemTime) -> Option<SetCookie> {
        let mut parts = field.split(|byte| *byte == b';');
        let pair = parts.next()?;
        let (name, value) = split(pair);
        let (name, value) = match name {
            Some(name) => (name, value),
            None => (&b""[..], value),
        };
        // A tab, which the RFC tolerates, would end a column of a cookie file.
        let clean =
            !field.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) && !name.contains(&b'\t') && !value.contains(&b'\t');
        if !clean || name.len() + value.len() > LONGEST_PAIR || name.is_empty() && value.is_empty() {
            return None;
        }
        let mut set = SetCookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: None,
            path: None,
            secure: false,
            http_only: false,
            expires: None,
        };
        let (mut expires, mut max_age) = (None, None);
        for attribute in parts {
            let (name, value) = match split(attribute) {
                (Some(name), value) => (name, value),
                (None, name) => (name, &b""[..]),
            };
            if value.len() > LONGEST_ATTRIBUTE {
                continue;
            }
            match &name.to_ascii_lowercase()[..] {
                b"expires" => expires = parse_date(value).or(expires),
                b"max-age" => max_age = seconds(value).or(max_age),
                b"domain" => {
                    let text = String::from_utf8_lossy(value).to_lowercase();
                    set.domain = Some(text.strip_prefix('.').unwrap_or(&text).to_owned());
                }
                // One that is not absolute takes back one before it.
                b"path" if value.contains(&b'\t') => return None,
                b"path" => set.path = Some(value.to_owned()).filter(|path| path.starts_with(b"/")),
                b"secure" => set.secure = true,
                b"httponly" => set.http_only = true,
                _ => {}
            }
        }
        let end = match max_age {
            Some(seconds) if seconds <= 0 => Some(UNIX_EPOCH),
            Some(seconds) => Some(now + Duration::from_secs(seconds.unsigned_abs()).min(LONGEST_LIFE)),
            None => expires,
        };
        set.expires = end.map(|end| end.min(now + LONGEST_LIFE));
        Some(set)
    }
}

/// What stands before and behind the first equals sign, without white space around it.
fn split(pair: &[u8]) -> (Option<&[u8]>, &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(equals) => (Some(pair[..equals].trim_ascii()), pair[equals + 1..].trim_ascii()),
        None => (None, pair.trim_ascii()),
    }
}

/// A number of seconds, as many as can be counted; `None` where there is anything but digits.
fn seconds(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Too many digits for a number: for ever.
    Some(text.parse().unwrap_or(if text.starts_with('-') { 0 } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_found_as_servers_write_them() {
        for (field, pair) in [
            ("a=b", Some(("a", "b"))),
            (" a = b ;", Some(("a", "b"))),
            ("a=b=c", Some(("a", "b=c"))),
            ("a=\"b c\"; x", Some(("a", "\"b c\""))),
            ("a=", Some(("a", ""))),
            ("=b", Some(("", "b"))),
            ("b", Some(("", "b"))),
            ("=", None),
            ("", None),
            ("; Path=/", None),
            ("a=b\x01", None),
            ("a=b\tc", None),
            ("a=b; Path=/\tc", None),
            ("a=b; x=\x7f", None),
        ] {
            let set = SetCookie::parse(field.as_bytes(), UNIX_EPOCH);
            let wanted = pair.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            assert_eq!(set.map(|set| (set.name, set.value)), wanted, "{field}");
        }
        assert_eq!(SetCookie::parse(format!("a={}", "x".repeat(LONGEST_PAIR)).as_bytes(), UNIX_EPOCH), None);
    }

    #[test]
    fn the_last_of_an_attribute_counts_and_nonsense_does_not() {
        let set = |attributes: &str| SetCookie::parse(format!("a=b; {attributes}").as_bytes(), UNIX_EPOCH).expect("a cookie");
        let after = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(set("MAX-AGE=5; max-age=x").expires, after(5));
        assert_eq!(set("Max-Age=5;Max-Age=7").expires, after(7));
        assert_eq!(set("Max-Age=-1").expires, after(0));
        assert_eq!(set("Max-Age=+5").expires, None);
        assert_eq!(set("Max-Age=99999999999999999999999").expires, Some(UNIX_EPOCH + LONGEST_LIFE));
        assert_eq!(set("Path=/x; Path=y").path, None);
        assert_eq!(set("Domain=.A.b; secure=no").domain.as_deref(), Some("a.b"));
        assert!(set("Secure").secure && set("x; HttpOnly").http_only);
        assert_eq!(set(&format!("Path=/{}", "x".repeat(LONGEST_ATTRIBUTE))).path, None);
    }
}

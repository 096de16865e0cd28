//! Byte ranges (RFC 9110 section 14): what is asked for, and what a response says it holds.

use super::fields::trim_ows;
use std::fmt;

/// The one range of bytes that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ByteRange {
    /// From the first of these positions to the second, or to the end where that comes first.
    Between(u64, u64),
    /// From here to the end.
    From(u64),
    /// So many bytes at the end, or all where there are fewer.
    Last(u64),
}

impl ByteRange {
    /// Reads `0-499`, `500-` or `-500`; `None` for anything else.
    pub fn parse(text: &str) -> Option<ByteRange> {
        let (first, last) = text.split_once('-')?;
        match (first, last) {
            ("", last) => position(last).filter(|length| *length > 0).map(ByteRange::Last),
            (first, "") => position(first).map(ByteRange::From),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(ByteRange::Between(first, last))
            }
        }
    }

    /// Whether a part is what this asks for: a server may send less at the end only where there is no
    /// more.
    pub(crate) fn is_answered_by(&self, part: &ContentRange) -> bool {
        let end = part.total.map(|total| total - 1);
        match *self {
            ByteRange::Between(first, last) => {
                part.first == first && (part.last == last || part.last < last && end == Some(part.last))
            }
            ByteRange::From(first) => part.first == first && end.is_none_or(|end| end == part.last),
            ByteRange::Last(length) => {
                let whole = part.last - part.first + 1;
                end.is_none_or(|end| end == part.last) && (whole == length || whole < length && part.first == 0)
            }
        }
    }

    /// Whether it covers all of so many bytes.
    pub(crate) fn is_all_of(&self, length: Option<u64>) -> bool {
        match *self {
            ByteRange::From(first) => first == 0,
            ByteRange::Between(first, last) => first == 0 && length.is_some_and(|length| length > 0 && last >= length - 1),
            ByteRange::Last(bytes) => length.is_some_and(|length| length > 0 && bytes >= length),
        }
    }
}

impl fmt::Display for ByteRange {
    /// As the value of a Range field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ByteRange::Between(first, last) => write!(f, "bytes={first}-{last}"),
            ByteRange::From(first) => write!(f, "bytes={first}-"),
            ByteRange::Last(length) => write!(f, "bytes=-{length}"),
        }
    }
}

/// What the Content-Range of a 206 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// The position of its first byte.
    pub first: u64,
    /// The position of its last byte.
    pub last: u64,
    /// The length of the whole, where the server knows it.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads `bytes 0-499/1234`; `None` for anything that is invalid.
    pub(crate) fn parse(value: &[u8]) -> Option<ContentRange> {
        let (range, total) = split(value)?;
        let total = match total {
            "*" => None,
            total => Some(position(total)?),
        };
        let (first, last) = range.split_once('-')?;
        let (first, last) = (position(first)?, position(last)?);
        // So that its length can be counted: the last position is not the last of all numbers.
        let makes_sense = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
        makes_sense.then_some(ContentRange { first, last, total })
    }

    /// How many bytes it holds.
    pub(crate) fn length(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// The length of the whole that the Content-Range of a 416 gives: `bytes */1234`.
pub(crate) fn unsatisfied_range(value: &[u8]) -> Option<u64> {
    split(value).filter(|(range, _)| *range == "*").and_then(|(_, total)| position(total))
}

/// The parts before and after the slash; the unit compares without case.
fn split(value: &[u8]) -> Option<(&str, &str)> {
    let (unit, rest) = std::str::from_utf8(trim_ows(value)).ok()?.split_once(' ')?;
    let (range, total) = rest.trim_start().split_once('/')?;
    unit.eq_ignore_ascii_case("bytes").then_some((range, total))
}

/// Digits only: the standard library's own parser takes a plus sign.
fn position(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_first_and_last_or_open_or_a_suffix() {
        for (text, field) in [
            ("0-499", Some("bytes=0-499")),
            ("500-", Some("bytes=500-")),
            ("-500", Some("bytes=-500")),
            ("7-7", Some("bytes=7-7")),
            ("2-1", None),
            ("-0", None),
            ("-", None),
            ("", None),
            ("5", None),
            ("+5-6", None),
            ("0-1,3-4", None),
            ("bytes=0-1", None),
            ("0-99999999999999999999", None),
        ] {
            assert_eq!(ByteRange::parse(text).map(|range| range.to_string()).as_deref(), field, "{text}");
        }
    }

    #[test]
    fn a_content_range_makes_sense_or_is_none() {
        let part = |first, last, total| Some(ContentRange { first, last, total });
        for (value, wanted) in [
            ("bytes 0-499/1234", part(0, 499, Some(1234))),
            (" Bytes  5-5/* ", part(5, 5, None)),
            ("bytes 0-1234/1234", None),
            ("bytes 5-4/10", None),
            ("bytes */10", None),
            ("bytes=0-1/2", None),
            ("items 0-1/2", None),
            ("bytes 0-1", None),
            ("bytes +0-1/2", None),
            ("bytes 0-18446744073709551615/*", None),
            ("", None),
        ] {
            assert_eq!(ContentRange::parse(value.as_bytes()), wanted, "{value}");
        }
        assert_eq!(
            ["bytes */10", "bytes */*", "bytes 0-1/10", "*/10"].map(|v| unsatisfied_range(v.as_bytes())),
            [Some(10), None, None, None]
        );
    }

    #[test]
    fn a_part_answers_a_range_or_is_another() {
        for (asked, part, answers) in [
            ("0-499", "bytes 0-499/1234", true),
            ("0-499", "bytes 0-99/100", true),
            ("0-499", "bytes 0-99/1234", false),
            ("0-499", "bytes 1-499/1234", false),
            ("0-499", "bytes 0-500/1234", false),
            ("0-499", "bytes 0-99/*", false),
            ("5-", "bytes 5-9/10", true),
            ("5-", "bytes 5-9/*", true),
            ("5-", "bytes 5-8/10", false),
            ("-5", "bytes 5-9/10", true),
            ("-5", "bytes 0-2/3", true),
            ("-5", "bytes 5-8/10", false),
            ("-5", "bytes 4-9/10", false),
        ] {
            let (asked, part) =
                (ByteRange::parse(asked).expect("a range"), ContentRange::parse(part.as_bytes()).expect("a part"));
            assert_eq!(asked.is_answered_by(&part), answers, "{asked} by {part:?}");
        }
    }

    #[test]
    fn some_ranges_come_to_the_whole() {
        for (asked, length, all) in [
            ("0-", None, true),
            ("0-9", Some(10), true),
            ("0-8", Some(10), false),
            ("-10", Some(10), true),
            ("-9", Some(10), false),
            ("0-9", None, false),
        ] {
            assert_eq!(ByteRange::parse(asked).expect("a range").is_all_of(length), all, "{asked} of {length:?}");
        }
    }
}

//! The values of options: from text to what they mean.

use crate::http::{ByteRange, FieldEdits, Fields};
use crate::net::HostOverride;
use crate::report::When;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use data_encoding::HEXLOWER_PERMISSIVE;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;
use url::Host;

/// A time limit; `None` is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) Option<Duration>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.unwrap_or_default().as_secs_f64())
    }
}

/// The part that -r asks for.
pub(super) fn range(text: &str) -> Result<ByteRange, String> {
    ByteRange::parse(text).ok_or_else(|| "expected a byte range: 0-499, 500- or -500".to_owned())
}

/// When progress is shown.
pub(super) fn when() -> ValueParser {
    let meaning = |text: String| match text.as_str() {
        "always" => When::Always,
        "never" => When::Never,
        _ => When::Auto,
    };
    ValueParser::from(PossibleValuesParser::new(["auto", "always", "never"]).map(meaning))
}

/// How often.
pub(super) fn count(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|_| !text.starts_with('+')).ok_or_else(|| "expected a number".to_owned())
}

/// How many at once.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    let number = count(text)?;
    usize::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| "expected a number from 1 on".to_owned())
}

/// A path that is not empty.
pub(super) fn named() -> ValueParser {
    let not_empty = |value: OsString| if value.is_empty() { Err("the name is empty") } else { Ok(PathBuf::from(value)) };
    ValueParser::from(clap::builder::OsStringValueParser::new().try_map(not_empty))
}

/// A field to add or to remove. Read here and not by clap, which would print a secret that is not
/// well-formed.
pub(super) fn edit_field(edits: &mut FieldEdits, text: &OsStr) -> Result<(), String> {
    let bytes = text.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or("a field is 'Name: value', and 'Name:' removes it")?;
    let name = std::str::from_utf8(&bytes[..colon]).map_err(|error| error.to_string())?;
    // Checked before it is trimmed: a line end at the end of it is bad usage too.
    let value = &bytes[colon + 1..];
    Fields::new().append(name, value).map_err(|error| error.to_string())?;
    let value = value.trim_ascii();
    let edited = if value.is_empty() { edits.remove(name) } else { edits.add(name, value) };
    edited.map_err(|error| error.to_string())
}

pub(super) fn seconds() -> ValueParser {
    ValueParser::from(|text: &str| {
        // More would overflow a clock, and is no limit.
        const MAX: f64 = 4e9;
        match text.parse::<f64>() {
            Ok(seconds) if seconds == 0.0 || seconds > MAX => Ok(Seconds(None)),
            Ok(seconds) if seconds > 0.0 => Ok(Seconds(Some(Duration::from_secs_f64(seconds.max(0.001))))),
            _ => Err("expected a number of seconds: 30 or 0.5"),
        }
    })
}

/// A pause, which cannot be without end.
pub(super) fn pause() -> ValueParser {
    ValueParser::from(|text: &str| match text.parse::<f64>() {
        Ok(0.0) => Ok(Seconds(None)),
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(Seconds(Some(Duration::from_secs_f64(seconds)))),
        _ => Err("expected a number of seconds: 1 or 0.5"),
    })
}

/// A number of bytes, with a suffix or without.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((end, 'k' | 'K')) => (&text[..end], 10),
        Some((end, 'm' | 'M')) => (&text[..end], 20),
        Some((end, 'g' | 'G')) => (&text[..end], 30),
        _ => (text, 0),
    };
    let wanted = || "expected a number of bytes: 1000, 64k or 2G".to_owned();
    let number: u64 = digits.parse().ok().filter(|_| !digits.starts_with('+')).ok_or_else(wanted)?;
    number.checked_mul(1 << shift).ok_or_else(|| "the number is too large".to_owned())
}

pub(super) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let decoded = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    decoded.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| "expected 64 hexadecimal digits".to_owned())
}

/// HOST:PORT:ADDR; IPv6 addresses may be in brackets, a host must.
pub(super) fn host_override(text: &str) -> Result<HostOverride, String> {
    let wanted = || "HOST:PORT:ADDR is wanted, as in example.com:443:127.0.0.1".to_owned();
    if text.starts_with(['*', '+', '-']) {
        return Err("expected HOST:PORT:ADDR: example.com:443:127.0.0.1".to_owned());
    }
    let host_end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or_else(wanted)? + 2,
        None => text.find(':').ok_or_else(wanted)?,
    };
    let (host, rest) = text.split_at(host_end);
    let (port, address) = rest.strip_prefix(':').and_then(|rest| rest.split_once(':')).ok_or_else(wanted)?;
    let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    Ok(HostOverride {
        host: Host::parse(host).map_err(|error| error.to_string())?,
        port: port.parse().map_err(|_| wanted())?,
        address: address.parse::<IpAddr>().map_err(|error| error.to_string())?,
    })
}

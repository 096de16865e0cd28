//! One URL's outcome as a line of JSON.

use crate::error::Error;
use crate::http::Fields;
use crate::text::is_bidi_or_separator;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The outcome of one URL. What was not found out is null.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Which URL of the input it was: how many came before it on the command line, or the number of its line.
    pub id: u64,
    /// The URL asked for, without userinfo.
    pub url: String,
    /// The URL that answered last.
    pub final_url: Option<String>,
    /// The URL requested last, whether it answered or not.
    #[serde(skip)]
    pub last_url: Option<String>,
    /// The status of its response.
    pub status: Option<u16>,
    /// The fields of its response: names in lower case, each with all its values.
    pub headers: Headers,
    /// The file that was saved, or that was there already.
    #[serde(serialize_with = "path")]
    pub file: Option<PathBuf>,
    /// How many bytes were saved.
    pub bytes: u64,
    /// How many bytes of bodies came over the wire, framing not counted, every try included.
    pub wire_bytes: u64,
    /// The SHA-256 of what was saved, in hexadecimal.
    pub sha256: Option<String>,
    /// The address connected to last.
    pub ip: Option<IpAddr>,
    /// How many redirects were followed.
    pub redirects: u32,
    /// How many tries there were.
    pub attempts: u32,
    /// How long things took.
    pub timings: Timings,
    /// Where the last response was recorded.
    pub warc: Option<WarcLocation>,
    /// What became of the assets of a page.
    pub assets: Option<Assets>,
    /// The exit status that this URL alone would give.
    pub exit: u8,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// A record in a WARC file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WarcLocation {
    /// The file, as it was named.
    #[serde(serialize_with = "lossy")]
    pub file: PathBuf,
    /// Where the record begins, in bytes.
    pub offset: u64,
    /// How many bytes it has there.
    pub length: u64,
}

/// The assets of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assets {
    /// How many the page refers to.
    pub found: usize,
    /// How many are in the file.
    pub saved: usize,
    /// Those that are not.
    pub missing: Vec<MissingAsset>,
}

/// An asset that is not in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingAsset {
    /// Its URL.
    pub url: String,
    /// Why.
    pub reason: String,
}

impl Assets {
    /// How many missing assets are named on one line.
    const MAX_NAMED: usize = 10;

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} of {} assets are in it", self.saved, self.found);
        for (index, MissingAsset { url, reason }) in self.missing.iter().take(Assets::MAX_NAMED).enumerate() {
            line += &format!("{}{url} ({reason})", if index == 0 { "; missing: " } else { ", " });
        }
        let more = self.missing.len().saturating_sub(Assets::MAX_NAMED);
        if more > 0 {
            line += &format!(", and {more} more");
        }
        line
    }
}

/// How long things took, in seconds. The first three are of the last connection that was made, null for
/// what it did not need.
#[derive(Debug, Default, Serialize)]
pub struct Timings {
    /// Finding its addresses.
    pub dns: Option<f64>,
    /// Connecting.
    pub connect: Option<f64>,
    /// The TLS handshake.
    pub tls: Option<f64>,
    /// From the start to the header section of the last response.
    pub first_byte: Option<f64>,
    /// From the start to the end.
    pub total: f64,
}

/// A failure, in JSON.
#[derive(Debug, Serialize)]
pub struct Failure {
    kind: &'static str,
    message: String,
    retryable: bool,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Failure {
        Failure { kind: error.kind().name(), message: error.full(), retryable: error.retry().is_some() }
    }
}

/// Fields by name.
#[derive(Debug, Default)]
pub struct Headers(Vec<(String, Vec<String>)>);

impl Headers {
    /// How many bytes they have.
    fn size(&self) -> usize {
        self.0.iter().map(|(name, values)| name.len() + values.iter().map(String::len).sum::<usize>()).sum()
    }
}

impl From<&Fields> for Headers {
    fn from(fields: &Fields) -> Headers {
        let mut headers: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in fields.iter() {
            let (name, value) = (name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned());
            match headers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => headers.push((name, vec![value])),
            }
        }
        Headers(headers)
    }
}

/// A path as text; what is not UTF-8 in it is replaced.
fn path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, values) in &self.0 {
            map.serialize_entry(name, values)?;
        }
        map.end()
    }
}

impl Summary {
    /// Forgets what an earlier request came to.
    pub fn reset(&mut self) {
        *self = Summary {
            id: self.id,
            url: std::mem::take(&mut self.url),
            attempts: self.attempts,
            wire_bytes: self.wire_bytes,
            ..Summary::default()
        };
    }

    /// Forgets the fields of a response that is not the last, if they take much memory.
    pub fn shrink(&mut self) {
        const MAX_KEPT: usize = 1024;
        if self.headers.size() > MAX_KEPT {
            self.headers = Headers::default();
        }
    }

    /// As one line. Control characters are written as JSON escapes, which mean the same.
    pub(super) fn line(&self) -> String {
        // Nothing in it can fail to be written to a string.
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut line = String::with_capacity(json.len() + 1);
        for c in json.chars() {
            if c.is_control() || is_bidi_or_separator(c) {
                line.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
            } else {
                line.push(c);
            }
        }
        line.push('\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_line_is_json_and_safe_on_a_terminal() {
        let mut fields = Fields::new();
        for (name, value) in [("Set-Cookie", "a"), ("X", "\x1b[2J\u{9b}\u{202e}"), ("set-cookie", "b")] {
            fields.append(name, value.as_bytes()).expect("valid");
        }
        let error = Error::new(Kind::Network, "cut \"off\"").retryable();
        let summary = Summary { headers: (&fields).into(), error: Some((&error).into()), ..Summary::default() };
        let line = summary.line();
        assert!(line.ends_with("}\n") && line.trim_end().chars().all(|c| !c.is_control() && c != '\u{202e}'), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["headers"]["set-cookie"], serde_json::json!(["a", "b"]));
        assert_eq!(read["headers"]["x"][0], "\u{1b}[2J\u{9b}\u{202e}");
        assert_eq!(read["error"], serde_json::json!({"kind": "network", "message": "cut \"off\"", "retryable": true}));
        assert_eq!(read["status"], serde_json::Value::Null);
    }
}

//! Properties of names and records.

use super::{derived_name, name::MAX_NAME, page_name, record};
use crate::http::{Fields, HeadParser};
use std::ffi::OsStr;
use std::path::Path;
use url::Url;

/// A URL, and behind a line end the value of Content-Disposition: whatever they say, the name is one plain name.
pub(crate) fn file_name(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (address, value) = (String::from_utf8_lossy(&data[..end]), data.get(end + 1..).unwrap_or_default());
    let base = Url::parse("http://h.example/").expect("a URL");
    let Some(url) = base.join(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else { return };
    if Fields::new().append("Content-Disposition", value).is_err() {
        return;
    }
    for content_type in ["text/html", "image/png"] {
        let start = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Disposition: ");
        let section = [start.as_bytes(), value, b"\r\n\r\n"].concat();
        let Ok(Some((head, _))) = HeadParser::new().parse(&section) else { return };
        for name in [derived_name(&url, &head), page_name(&url, Some(&head)), page_name(&url, None)] {
            assert!(Path::new(&name).file_name() == Some(OsStr::new(&name)), "{name:?}");
            assert!(!name.starts_with(['.', '-', '~', ' ']) && !name.contains(['/', '\\']), "{name:?}");
            assert!(!name.contains(|c: char| c.is_control() || crate::text::is_bidi_or_separator(c)), "{name:?}");
            assert!(!name.ends_with(".part") && !name.ends_with(".part.info"), "{name:?}");
            assert!(name.len() <= MAX_NAME + ".html".len(), "{} bytes", name.len());
        }
    }
}

/// A record that is read can be written and read again, and torn anywhere it is none.
pub(crate) fn part_record(data: &[u8]) {
    record::check(data);
}

//! Properties of cookies and netrc files.

use super::{Jar, Netrc};
use std::time::{Duration, UNIX_EPOCH};
use url::Url;

/// Cookies that a server sets, one in a line, and behind a NUL a file in Netscape's format: what is written is read
/// again as it was, no field is more than a field, and no other site's host gets a cookie.
pub(crate) fn cookies(data: &[u8]) {
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let url = |text: &str| Url::parse(text).expect("a URL");
    let (set, file) = match data.iter().position(|byte| *byte == 0) {
        Some(nul) => (&data[..nul], &data[nul + 1..]),
        None => (data, &[][..]),
    };
    let mut jar = Jar::default();
    let origins = [url("https://www.example.co.uk/a/b"), url("http://127.0.0.1/"), url("http://[::1]/x/")];
    for field in set.split(|byte| *byte == b'\n') {
        origins.iter().for_each(|origin| jar.store(origin, field, now));
    }
    for other in ["http://other.co.uk/a/b", "https://co.uk/", "http://127.0.0.2/"] {
        assert_eq!(jar.field(&url(other), now), None, "{other}");
    }
    jar.add_netscape(file, now);
    for origin in origins {
        if let Some(field) = jar.field(&origin, now) {
            assert!(!field.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{}", field.escape_ascii());
        }
    }
    let written = jar.to_netscape(now);
    let mut read = Jar::default();
    assert_eq!(read.add_netscape(&written, now), None, "{}", String::from_utf8_lossy(&written));
    assert_eq!(String::from_utf8_lossy(&read.to_netscape(now)), String::from_utf8_lossy(&written));
}

/// What a netrc file says can be written and read again; an error shows none of it.
pub(crate) fn netrc(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Netrc::parse(text) {
        Ok(netrc) => {
            assert!(Netrc::parse(&netrc.to_text()).is_ok_and(|again| again == netrc), "{}", netrc.to_text());
            let url = Url::parse("http://a.example/").expect("a URL");
            let _ = (netrc.find(&url, None), netrc.find(&url, Some("b")));
        }
        Err(why) => {
            let rest = why.strip_prefix("line ").and_then(|rest| rest.split_once(": ")).expect("the line comes first");
            assert!(rest.0.parse::<usize>().is_ok_and(|line| line <= 1 + text.matches('\n').count()), "{why}");
            let known = ["machine", "login", "user", "password", "passwd", "account"];
            let is_known = known.iter().any(|word| rest.1 == format!("\"{word}\" without a value"));
            assert!(is_known || rest.1 == "a quote is never closed", "{why}");
        }
    }
}

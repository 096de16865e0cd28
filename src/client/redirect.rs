//! Where a redirect leads (RFC 9110 section 15.4).

use super::without_secrets;
use crate::error::{Error, Kind};
use crate::http::Head;
use percent_encoding::{AsciiSet, percent_encode};
use std::borrow::Cow;
use url::Url;

/// The URL that a redirect leads to; `None` for a response that is no redirect.
pub(super) fn next(base: &Url, head: &Head) -> Result<Option<Url>, Error> {
    let status = head.status();
    if !matches!(status, 300..=303 | 307 | 308) {
        return Ok(None);
    }
    let invalid = |why: &str| Error::new(Kind::Protocol, format!("invalid redirect ({status}): {why}"));
    let mut locations = head.fields().all("Location");
    let location = match locations.next() {
        // Without one, it is a list of choices to be read.
        None if status == 300 => return Ok(None),
        None => return Err(invalid("no Location")),
        // It would lead to the same URL again and again.
        Some(b"") => return Err(invalid("an empty Location")),
        Some(location) => location,
    };
    if locations.any(|other| other != location) {
        return Err(Error::new(Kind::Protocol, "invalid redirect: several Location fields that differ"));
    }
    let text = readable(location);
    let refused = |why: String| Error::new(Kind::Protocol, format!("redirected to \"{}\"", without_secrets(&text))).detail(why);
    let mut next = base.join(&text).map_err(|error| refused(error.to_string()))?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(refused(format!("\"{}:\" is neither http nor https", next.scheme())));
    }
    // RFC 9110 section 10.2.2: the fragment is inherited.
    if next.fragment().is_none() {
        next.set_fragment(base.fragment());
    }
    Ok(Some(next))
}

/// A Location as text. Servers send bytes of any charset; where they are not UTF-8 they go back
/// percent-encoded as they came.
fn readable(location: &[u8]) -> Cow<'_, str> {
    const NOTHING: &AsciiSet = &AsciiSet::EMPTY;
    match std::str::from_utf8(location) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => percent_encode(location, NOTHING).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadParser;

    fn led(status: u16, fields: &[u8]) -> String {
        let bytes = [format!("HTTP/1.1 {status} X\r\n").as_bytes(), fields, b"\r\n\r\n"].concat();
        let (head, _) = HeadParser::new().parse(&bytes).expect("good").expect("whole");
        let base = Url::parse("http://h:81/a/b?c#part").expect("a URL");
        match next(&base, &head) {
            Ok(url) => url.map_or("-".to_owned(), String::from),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_location_is_resolved_as_a_browser_does() {
        for (location, wanted) in [
            (&b"/x"[..], "http://h:81/x#part"),
            (b"x", "http://h:81/a/x#part"),
            (b"?y", "http://h:81/a/b?y#part"),
            (b"", "invalid redirect (302): an empty Location"),
            (b"#other", "http://h:81/a/b?c#other"),
            (b"//other/x", "http://other/x#part"),
            (b"https://other:444/x#", "https://other:444/x#"),
            (b"/a b\xe9", "http://h:81/a%20b%E9#part"),
            ("/新".as_bytes(), "http://h:81/%E6%96%B0#part"),
            (b"ftp://h/", "redirected to \"ftp://h/\": \"ftp:\" is neither http nor https"),
            (b"javascript:alert(1)", "redirected to \"javascript:alert(1)\": \"javascript:\" is neither http nor https"),
            (b"http://[", "redirected to \"http://[\": invalid IPv6 address"),
        ] {
            let led = led(302, &[b"Location: ", location].concat());
            assert_eq!(led, wanted, "{}", location.escape_ascii());
        }
    }

    #[test]
    fn only_six_statuses_lead_somewhere() {
        for status in 200..400 {
            let leads = matches!(status, 300..=303 | 307 | 308);
            assert_eq!(led(status, b"Location: /x") != "-", leads, "{status}");
        }
    }

    #[test]
    fn one_place_it_must_be() {
        assert!(led(301, b"X: y").contains("no Location"));
        assert_eq!(led(300, b"X: y"), "-");
        assert!(led(301, b"Location: /x\r\nLocation: /y").contains("several"));
        assert_eq!(led(301, b"Location: /x\r\nLocation: /x"), "http://h:81/x#part");
    }
}

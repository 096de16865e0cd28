//! What is requested, and what the reply to it means: one pure table.

use super::retry;
use crate::error::{Error, Kind};
use crate::http::{
    ByteRange, ContentRange, Fields, Head, Method, Request, entity_tag, format_date, is_transient, parse_date, unsatisfied_range,
};
use crate::net::PROXY_HINT;
use crate::save::{Existing, Provenance, ResumeInfo, UrlDigest};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

/// The least that a server may send of the rest at a time: in smaller pieces, a resume might never end.
const MIN_RANGE: u64 = 64 * 1024;

/// What is requested.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// All of it.
    Full,
    /// This byte range of it.
    Range(ByteRange),
    /// What follows so many bytes of this version.
    Resume(u64, ResumeInfo),
    /// All of it, unless this file is complete already: `-c` without a part file.
    CheckComplete(Existing),
    /// All of it, if it is newer than this file.
    IfModified(Existing),
}

impl Plan {
    /// The fields that request it.
    pub(super) fn fields(&self) -> Fields {
        let pairs = match self {
            Plan::Full => Vec::new(),
            Plan::Range(range) => vec![("Range", Some(range.to_string()))],
            Plan::Resume(from, info) => {
                vec![("Range", Some(ByteRange::From(*from).to_string())), ("If-Range", Some(info.validator.as_str().to_owned()))]
            }
            Plan::CheckComplete(file) => vec![("If-None-Match", file.entity_tag.clone())],
            Plan::IfModified(file) => {
                vec![("If-Modified-Since", format_date(file.modified)), ("If-None-Match", file.entity_tag.clone())]
            }
        };
        let mut fields = Fields::new();
        for (name, value) in pairs {
            // A validator that cannot be sent back is left out: then the whole is requested.
            let _ = value.map(|value| fields.append(name, value.as_bytes()));
        }
        fields
    }

    /// Whether a part is requested: parts of a coded body can neither be put together nor decoded.
    pub(super) fn needs_identity(&self) -> bool {
        matches!(self, Plan::Range(_) | Plan::Resume(..))
    }
}

/// What came back.
#[derive(Clone, Copy)]
pub(super) struct Reply<'a> {
    /// The last request.
    pub(super) request: &'a Request,
    /// The URL that answered.
    pub(super) url: &'a Url,
    pub(super) head: &'a Head,
    /// How many bytes the body is to have, where that is known.
    pub(super) length: Option<u64>,
    /// When.
    pub(super) now: SystemTime,
}

/// What is to be done with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Save the whole body.
    Save,
    /// Save this part, which was asked for.
    SavePart(ContentRange),
    /// Append this part to the part file.
    Append(ContentRange),
    /// The part file is complete.
    Complete,
    /// The file is what the server has.
    Unchanged,
    /// The part file cannot be completed with this: request all of it.
    StartOver,
}

/// What a reply to a plan means; an error where that is a failure.
pub(super) fn classify(plan: &Plan, reply: &Reply<'_>) -> Result<Action, Error> {
    let Reply { request, url, head, length, now } = *reply;
    let protocol = |why: &str| Err(Error::new(Kind::Protocol, why));
    let sent = |names: &[&str]| names.iter().any(|name| request.fields().get(name).is_some());
    let is_multipart = head.fields().all("Content-Type").any(is_multipart);
    let part = content_range(head.fields()).filter(|_| !is_multipart).and_then(ContentRange::parse);
    match (head.status(), plan) {
        // Ranges are GET's (RFC 9110 section 14.2).
        (200..=399, _) if request.method() == Method::Head => Ok(Action::Save),
        (204 | 205, _) => {
            let what = format!("nothing to save: the server answered {}", head.status_text());
            Err(Error::new(Kind::Status, what).with_status(head.status()))
        }
        (206, Plan::Resume(from, info)) => {
            let part = part.filter(|part| continues(part, *from, info, reply));
            Ok(part.map_or(Action::StartOver, Action::Append))
        }
        (206, Plan::Range(range)) => match part.filter(|part| range.is_answered_by(part)) {
            Some(part) if length.is_some_and(|length| length != part.length()) => {
                let length = length.unwrap_or_default();
                protocol(&format!("malformed response: Content-Range says {} bytes, Content-Length {length}", part.length()))
            }
            Some(part) => Ok(Action::SavePart(part)),
            None => protocol("the 206 response is not the requested range"),
        },
        (206, _) if !sent(&["Range"]) => protocol("unexpected 206 Partial Content"),
        (200, Plan::Range(range)) if !range.is_all_of(length) => protocol("the server ignored the Range header (200)"),
        (416, Plan::Resume(from, info)) => {
            Ok(if is_complete(*from, info, url, head) { Action::Complete } else { Action::StartOver })
        }
        (304, Plan::IfModified(_)) => Ok(Action::Unchanged),
        (304, Plan::CheckComplete(file)) if file.entity_tag.is_some() => Ok(Action::Unchanged),
        (200, Plan::IfModified(file) | Plan::CheckComplete(file)) if is_same(file, head, length) => Ok(Action::Unchanged),
        // The user's own condition.
        (304, _) if sent(&["If-None-Match", "If-Modified-Since"]) => Ok(Action::Unchanged),
        (304, _) => Err(refused(request, head, now)),
        (200..=399, _) => Ok(Action::Save),
        _ => Err(refused(request, head, now)),
    }
}

/// A status that is a failure. RFC 9110 section 15: one that is out of range is treated as 5xx.
fn refused(request: &Request, head: &Head, now: SystemTime) -> Error {
    let status = head.status();
    let kind = if matches!(status, 401 | 407) { Kind::Authentication } else { Kind::Status };
    let hint = match status {
        401 if !offers_basic(head.fields()) => Some("the server asks for another scheme than Basic, which -u sends"),
        401 if request.fields().get("Authorization").is_some() => Some("the credentials that were sent are not accepted"),
        401 => Some("-u NAME[:PASSWORD] sends credentials"),
        407 => Some(PROXY_HINT),
        _ => None,
    };
    let error = Error::new(kind, format!("the server answered {}", head.status_text())).with_status(status).hint(hint);
    if !is_transient(status) {
        return error;
    }
    match retry::retry_after(head.fields(), now) {
        None => error.retryable(),
        Some(delay) if delay <= retry::MAX_RETRY_AFTER => error.retryable_after(delay),
        Some(_) => error.hint("Retry-After is more than 60 s"),
    }
}

/// Whether Basic authentication may do: it is offered, or nothing is said.
fn offers_basic(fields: &Fields) -> bool {
    const BASIC: &[u8] = b"basic";
    let mut challenges = fields.all("WWW-Authenticate").peekable();
    let named = |value: &[u8]| value.to_ascii_lowercase().windows(BASIC.len()).any(|window| window == BASIC);
    challenges.peek().is_none() || challenges.any(named)
}

/// The value of Content-Range; `None` where there are several that differ.
fn content_range(fields: &Fields) -> Option<&[u8]> {
    let mut values = fields.all("Content-Range");
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// Whether a body is several parts with headers of their own.
fn is_multipart(content_type: &[u8]) -> bool {
    const NAME: &[u8] = b"multipart/";
    content_type.to_ascii_lowercase().windows(NAME.len()).any(|window| window == NAME)
}

/// Whether a part is the one behind so many bytes of this version, or enough of it to be worth requesting
/// what follows.
fn continues(part: &ContentRange, from: u64, info: &ResumeInfo, reply: &Reply<'_>) -> bool {
    let Reply { url, head, length, .. } = *reply;
    let lengths_agree = match (part.total, info.length) {
        (Some(total), Some(length)) => total == length,
        (Some(_), None) => true,
        // Whether it is the end cannot be told otherwise.
        (None, Some(length)) => part.last < length,
        (None, None) => false,
    };
    let plain = head.fields().list("Content-Encoding").all(|coding| coding.eq_ignore_ascii_case(b"identity"));
    let to_the_end = part.total.or(info.length).is_some_and(|length| part.last + 1 == length);
    part.first == from
        && lengths_agree
        && plain
        && (to_the_end || part.length() >= MIN_RANGE)
        && length.is_none_or(|length| length == part.length())
        && info.resource == UrlDigest::of(url)
        && info.validator.is_confirmed_by(head.fields())
}

/// Whether a 416 says that so many bytes of this version are all of it. Where their number was never
/// known, the response has to confirm the version: its length alone says nothing.
fn is_complete(from: u64, info: &ResumeInfo, url: &Url, head: &Head) -> bool {
    let length = content_range(head.fields()).and_then(unsatisfied_range);
    info.resource == UrlDigest::of(url)
        && match info.length {
            Some(whole) => {
                whole == from && length.is_none_or(|length| length == whole) && !info.validator.is_contradicted_by(head.fields())
            }
            None => length == Some(from) && info.validator.is_confirmed_by(head.fields()),
        }
}

/// Whether the server's version, of so many bytes, is plainly what a file holds: by its recorded entity
/// tag, or by its time and length.
pub(super) fn is_same(file: &Existing, head: &Head, length: Option<u64>) -> bool {
    if !matches!(file.provenance, Provenance::SameUrl | Provenance::Unknown) {
        return false;
    }
    let coded = head.fields().get("Content-Encoding").is_some();
    let tag = entity_tag(head.fields()).filter(|tag| !tag.starts_with("W/"));
    if let (Some(ours), Some(theirs)) = (&file.entity_tag, tag) {
        return *ours == theirs && (coded || length.is_none_or(|length| length == file.length));
    }
    if coded || length != Some(file.length) {
        return false;
    }
    let modified = head.fields().get("Last-Modified").and_then(parse_date);
    modified.is_some_and(|modified| seconds(modified) == seconds(file.modified))
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeadParser, Method, StrongValidator};
    use std::path::PathBuf;
    use std::time::Duration;
    use url::Url;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn answer(plan: &Plan, status: &str, fields: &str) -> String {
        let section = format!("HTTP/1.1 {status} X\r\n{}\r\n\r\n", fields.replace('|', "\r\n"));
        let (head, _) = HeadParser::new().parse(section.as_bytes()).expect("good").expect("whole");
        let url = Url::parse("http://h/").expect("a URL");
        let mut request = Request::new(Method::Get, &url);
        for (name, value) in plan.fields().iter() {
            request.set(name, value).expect("valid");
        }
        let length = head.fields().get("Content-Length").and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
        match classify(plan, &Reply { request: &request, url: &url, head: &head, length, now: UNIX_EPOCH }) {
            Ok(Action::SavePart(part)) => format!("Part {}", part.first),
            Ok(Action::Append(part)) => format!("Rest {}", part.first),
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{:?}", error.kind()),
        }
    }

    #[test]
    fn only_the_rest_of_the_same_version_is_appended() {
        let of = ResumeInfo {
            resource: UrlDigest::of(&Url::parse("http://h/").expect("a URL")),
            validator: StrongValidator::EntityTag("\"a\"".to_owned()),
            length: Some(10),
            last_modified: Some(DATE.to_owned()),
        };
        let rest = Plan::Resume(4, of.clone());
        let fields = rest.fields();
        assert_eq!((fields.get("Range"), fields.get("If-Range")), (Some(&b"bytes=4-"[..]), Some(&b"\"a\""[..])));
        for (status, fields, wanted) in [
            ("206", "Content-Range: bytes 4-9/10|ETag: \"a\"", "Rest 4"),
            ("206", "Content-Range: bytes 4-9/10", "StartOver"),
            ("206", "Content-Range: bytes 4-6/10|ETag: \"a\"", "StartOver"),
            ("206", "Content-Range: bytes 4-9/10|Content-Length: 5|ETag: \"a\"", "StartOver"),
            ("206", "Content-Range: bytes 4-9/10|Content-Range: bytes 0-9/10", "StartOver"),
            ("206", "Content-Range: bytes 4-9/*|ETag: \"a\"", "Rest 4"),
            ("206", "Content-Range: bytes 3-9/10|ETag: \"a\"", "StartOver"),
            ("206", "Content-Range: bytes 4-9/10|ETag: \"b\"", "StartOver"),
            ("206", "Content-Range: bytes 4-9/10|ETag: W/\"a\"", "StartOver"),
            ("206", "Content-Range: bytes 4-10/11|ETag: \"a\"", "StartOver"),
            ("206", "Content-Range: bytes 4-10/*|ETag: \"a\"", "StartOver"),
            ("206", "Content-Range: bytes 4-9/10|Content-Encoding: gzip|ETag: \"a\"", "StartOver"),
            ("206", "Content-Type: multipart/byteranges; boundary=x", "StartOver"),
            ("206", "Content-Type: multipart/byteranges; boundary=x|Content-Range: bytes 4-9/10|ETag: \"a\"", "StartOver"),
            ("206", "Content-Range: nonsense", "StartOver"),
            ("200", "ETag: \"a\"", "Save"),
            ("416", "Content-Range: bytes */10", "StartOver"),
            ("404", "X: y", "Status"),
            ("304", "X: y", "Status"),
        ] {
            assert_eq!(answer(&rest, status, fields), wanted, "{status} {fields}");
        }
        let all = Plan::Resume(10, of.clone());
        for (status, fields, wanted) in [
            ("416", "Content-Range: bytes */10", "Complete"),
            ("416", "X: y", "Complete"),
            ("416", "Content-Range: bytes */11", "StartOver"),
            ("416", "Content-Range: bytes */10|ETag: \"b\"", "StartOver"),
            ("200", "X: y", "Save"),
        ] {
            assert_eq!(answer(&all, status, fields), wanted, "{status} {fields}");
        }
        for other in ["http://g/", "http://h/?id=1"] {
            let elsewhere = ResumeInfo { resource: UrlDigest::of(&Url::parse(other).expect("a URL")), ..of.clone() };
            assert_eq!(
                answer(&Plan::Resume(4, elsewhere.clone()), "206", "Content-Range: bytes 4-9/10|ETag: \"a\""),
                "StartOver"
            );
            assert_eq!(answer(&Plan::Resume(10, elsewhere), "416", "Content-Range: bytes */10"), "StartOver");
        }
        let dated = ResumeInfo { validator: StrongValidator::LastModified(DATE.to_owned()), ..of.clone() };
        for (fields, wanted) in [
            ("Content-Range: bytes 4-9/10|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Rest 4"),
            ("Content-Range: bytes 4-9/10", "StartOver"),
        ] {
            assert_eq!(answer(&Plan::Resume(4, dated.clone()), "206", fields), wanted, "{fields}");
        }
        let long = Plan::Resume(4, ResumeInfo { length: Some(1_000_000), ..of.clone() });
        assert_eq!(answer(&long, "206", "Content-Range: bytes 4-99999/1000000|ETag: \"a\""), "Rest 4");
        assert_eq!(answer(&long, "206", "Content-Range: bytes 4-9999/1000000|ETag: \"a\""), "StartOver");
        let unknown = Plan::Resume(4, ResumeInfo { length: None, ..of });
        assert_eq!(answer(&unknown, "206", "Content-Range: bytes 4-9/10|ETag: \"a\""), "Rest 4");
        assert_eq!(answer(&unknown, "206", "Content-Range: bytes 4-9/*|ETag: \"a\""), "StartOver");
        assert_eq!(answer(&unknown, "416", "X: y"), "StartOver");
        assert_eq!(answer(&unknown, "416", "Content-Range: bytes */4"), "StartOver");
        assert_eq!(answer(&unknown, "416", "Content-Range: bytes */4|ETag: \"a\""), "Complete");
    }

    #[test]
    fn a_file_is_what_the_server_has_or_is_fetched() {
        let modified = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let file = |tag: Option<&str>| Existing {
            path: PathBuf::new(),
            length: 10,
            modified,
            entity_tag: tag.map(str::to_owned),
            provenance: Provenance::Unknown,
            is_link: false,
        };
        const SAME: &str = "Content-Length: 10|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
        for (tag, status, fields, newer, beyond) in [
            (None, "304", "X: y", "Unchanged", "Status"),
            (Some("\"a\""), "304", "X: y", "Unchanged", "Unchanged"),
            (None, "200", SAME, "Unchanged", "Unchanged"),
            (None, "200", "Content-Length: 11|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Save", "Save"),
            (None, "200", "Content-Length: 10|Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", "Save", "Save"),
            (None, "200", "Content-Length: 10", "Save", "Save"),
            (Some("\"a\""), "200", "ETag: \"a\"", "Unchanged", "Unchanged"),
            (Some("\"a\""), "200", "ETag: \"a\"|Content-Length: 9", "Save", "Save"),
            (Some("\"a\""), "200", &format!("{SAME}|ETag: \"b\""), "Save", "Save"),
            (None, "416", "Content-Range: bytes */10", "Status", "Status"),
            (None, "206", "Content-Range: bytes 10-19/20", "Protocol", "Protocol"),
        ] {
            assert_eq!(answer(&Plan::IfModified(file(tag)), status, fields), newer, "newer: {status} {fields}");
            assert_eq!(answer(&Plan::CheckComplete(file(tag)), status, fields), beyond, "beyond: {status} {fields}");
        }
    }

    #[test]
    fn a_file_that_is_known_to_differ_is_not_the_same() {
        let modified = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (provenance, same) in [
            (Provenance::SameUrl, "Unchanged"),
            (Provenance::Unknown, "Unchanged"),
            (Provenance::Changed, "Save"),
            (Provenance::OtherUrl, "Save"),
        ] {
            let file = Existing { path: PathBuf::new(), length: 10, modified, entity_tag: None, provenance, is_link: false };
            let fields = format!("Content-Length: 10|Last-Modified: {DATE}");
            assert_eq!(answer(&Plan::CheckComplete(file), "200", &fields), same, "{provenance:?}");
        }
    }

    #[test]
    fn nothing_to_save_is_a_failure() {
        for status in ["204", "205"] {
            assert_eq!(answer(&Plan::Full, status, "Content-Length: 0"), "Status");
        }
    }

    #[test]
    fn a_part_is_the_one_asked_for_or_a_failure() {
        let part = Plan::Range(ByteRange::Between(0, 4));
        for (status, fields, wanted) in [
            ("206", "Content-Range: bytes 0-4/10", "Part 0"),
            ("206", "Content-Range: bytes 0-5/10", "Protocol"),
            ("206", "Content-Range: bytes 0-4/10|Content-Length: 6", "Protocol"),
            ("206", "X: y", "Protocol"),
            ("200", "Content-Length: 10", "Protocol"),
            ("200", "Content-Length: 5", "Save"),
            ("416", "X: y", "Status"),
        ] {
            assert_eq!(answer(&part, status, fields), wanted, "{status} {fields}");
        }
        assert_eq!(answer(&Plan::Full, "206", "Content-Range: bytes 0-4/5"), "Protocol");
        assert_eq!(answer(&Plan::Full, "304", "X: y"), "Status");
        assert_eq!(answer(&Plan::Full, "401", "X: y"), "Authentication");
        assert_eq!(answer(&Plan::Full, "999", "X: y"), "Status");
    }
}

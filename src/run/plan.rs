//! What is asked, and what an answer to it means.

use super::retry;
use crate::client::PROXY_HINT;
use crate::error::{Error, Kind};
use crate::http::{
    ByteRange, ContentRange, Fields, Head, Method, Representation, Request, StrongValidator, UrlDigest, entity_tag, format_date,
    is_transient, parse_date, unsatisfied_range,
};
use crate::save::{Existing, Provenance};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

/// The least that a server may send of the rest at a time: in smaller pieces, it would take for ever.
const LEAST: u64 = 64 * 1024;

/// What is wanted of the representation.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// All of it.
    Full,
    /// This byte range of it.
    Range(ByteRange),
    /// What follows so many bytes of this version.
    Resume(u64, Representation),
    /// Whether this file, which may have been saved before, is complete.
    CheckComplete(Existing),
    /// All of it, if it is not what this file is.
    IfModified(Existing),
}

impl Plan {
    /// The fields that ask it.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Plan::Full => Vec::new(),
            Plan::Range(range) => vec![("Range", range.to_string())],
            Plan::Resume(from, of) => {
                vec![("Range", ByteRange::From(*from).to_string()), ("If-Range", of.validator.as_str().to_owned())]
            }
            Plan::CheckComplete(file) => {
                let tag = file.strong_entity_tag().map(str::to_owned);
                let validator = tag.or_else(|| format_date(file.modified)).map(|validator| ("If-Range", validator));
                let range = ("Range", ByteRange::From(file.length).to_string());
                // Where nothing tells one version from another, there is nothing to go by.
                validator.map_or_else(Vec::new, |validator| vec![range, validator])
            }
            Plan::IfModified(file) => {
                let tag = file.entity_tag.clone().map(|tag| ("If-None-Match", tag));
                let date = format_date(file.modified).map(|date| ("If-Modified-Since", date));
                date.into_iter().chain(tag).collect()
            }
        }
    }

    /// Whether parts are asked for: those of a coded body cannot be put together, nor decoded.
    pub(super) fn wants_identity(&self) -> bool {
        !matches!(self, Plan::Full | Plan::IfModified(_))
    }
}

/// What came back.
#[derive(Clone, Copy)]
pub(super) struct Reply<'a> {
    /// What was asked last.
    pub(super) request: &'a Request,
    /// The address that reply.
    pub(super) url: &'a Url,
    pub(super) head: &'a Head,
    /// How many bytes the body is to have, where that is known.
    pub(super) length: Option<u64>,
    /// When.
    pub(super) now: SystemTime,
}

/// What the answer to a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Save the whole body.
    Save,
    /// Save this part, which was asked for.
    SavePart(ContentRange),
    /// Append this part to what is there.
    Append(ContentRange),
    /// There is no more: what is there is complete.
    Complete,
    /// The file is what the server has.
    Unchanged,
    /// Nothing that what is there can be completed with: ask for all of it.
    StartOver,
}

pub(super) fn classify(plan: &Plan, reply: &Reply<'_>) -> Result<Action, Error> {
    let Reply { request, url, head, length, now } = *reply;
    let protocol = |why: &str| Err(Error::new(Kind::Protocol, "not saved").because(why.to_owned()));
    let sent = |names: &[&str]| names.iter().any(|name| request.fields().get(name).is_some());
    let part = content_range(head.fields()).and_then(ContentRange::parse);
    match (head.status(), plan) {
        // Ranges are GET's (RFC 9110 section 14.2).
        (200..=399, _) if request.method() == Method::Head => Ok(Action::Save),
        (206, Plan::Resume(from, of)) => {
            let part = part.filter(|part| goes_on(part, *from, of, reply));
            Ok(part.map_or(Action::StartOver, Action::Append))
        }
        (206, Plan::CheckComplete(_)) => Ok(Action::StartOver),
        (206, Plan::Range(range)) => match part.filter(|part| range.is_answered_by(part)) {
            Some(part) => Ok(Action::SavePart(part)),
            None => protocol("the server sent another part (206) than it was asked for"),
        },
        (206, _) if !sent(&["Range"]) => protocol("the server sent a part (206) where the whole was asked for"),
        (200, Plan::Range(range)) if !range.is_all_of(length) => {
            protocol("the server sent the whole (200) where a part was asked for")
        }
        (416, Plan::Resume(from, of)) => {
            let length = content_range(head.fields()).and_then(unsatisfied_range).or(of.length);
            let same = of.resource == UrlDigest::of_resource(url);
            let complete = same && length == Some(*from) && of.length.is_none_or(|whole| whole == *from);
            Ok(if complete && !of.validator.is_contradicted_by(head.fields()) { Action::Complete } else { Action::StartOver })
        }
        (416, Plan::CheckComplete(file)) => {
            let length = content_range(head.fields()).and_then(unsatisfied_range);
            Ok(if length == Some(file.length) && !contradicted(file, head) { Action::Unchanged } else { Action::StartOver })
        }
        (304, Plan::IfModified(_)) => Ok(Action::Unchanged),
        (200, Plan::IfModified(file) | Plan::CheckComplete(file))
            if is_same(file, head, length, matches!(plan, Plan::CheckComplete(_))) =>
        {
            Ok(Action::Unchanged)
        }
        // The user's own condition.
        (304, _) if sent(&["If-None-Match", "If-Modified-Since"]) => Ok(Action::Unchanged),
        (304, _) => refused(head, now),
        (200..=399, _) => Ok(Action::Save),
        _ => refused(head, now),
    }
}

/// A status that is a failure. RFC 9110 section 15: one that is out of range is treated as 5xx.
fn refused(head: &Head, now: SystemTime) -> Result<Action, Error> {
    let kind = if matches!(head.status(), 401 | 407) { Kind::Authentication } else { Kind::Status };
    let hint = (head.status() == 407).then_some(PROXY_HINT);
    let error = Error::new(kind, "not saved").because(format!("the server reply {}", head.status_text())).hint(hint);
    if !is_transient(head.status()) {
        return Err(error);
    }
    Err(match retry::after(head.fields(), now) {
        None => error.retryable(),
        Some(moment) if moment <= retry::MAX_RETRY_AFTER => error.retryable_after(moment),
        Some(_) => error.hint("the server asks not to try again so soon (Retry-After)"),
    })
}

/// The value of Content-Range; `None` where there are several that differ.
fn content_range(fields: &Fields) -> Option<&[u8]> {
    let mut values = fields.all("Content-Range");
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// Whether a part is the one behind so many bytes of this version, or enough of it to be worth asking
/// for what follows.
fn goes_on(part: &ContentRange, from: u64, of: &Representation, reply: &Reply<'_>) -> bool {
    let Reply { url, head, length, .. } = *reply;
    let lengths_agree = match (part.total, of.length) {
        (Some(total), Some(length)) => total == length,
        (Some(_), None) => true,
        // Whether it is the end cannot be told otherwise.
        (None, Some(length)) => part.last < length,
        (None, None) => false,
    };
    let plain = head.fields().list("Content-Encoding").all(|coding| coding.eq_ignore_ascii_case(b"identity"));
    let to_the_end = part.total.or(of.length).is_some_and(|length| part.last + 1 == length);
    part.first == from
        && lengths_agree
        && plain
        && (to_the_end || part.length() >= LEAST)
        && length.is_none_or(|length| length == part.length())
        && of.resource == UrlDigest::of_resource(url)
        && of.validator.is_confirmed_by(head.fields())
}

/// Whether the server's version, of so many bytes, is plainly what a file holds. Where only an
/// `interrupted` save is to be finished and the server tells no versions apart, a file that was saved from
/// the same URL and has that length is not one.
pub(super) fn is_same(file: &Existing, head: &Head, length: Option<u64>, interrupted: bool) -> bool {
    let coded = head.fields().get("Content-Encoding").is_some();
    let tag = entity_tag(head.fields()).filter(|tag| !tag.starts_with("W/"));
    if let (Some(ours), Some(theirs)) = (&file.entity_tag, tag) {
        return *ours == theirs && (coded || length.is_none_or(|length| length == file.length));
    }
    if coded || length != Some(file.length) {
        return false;
    }
    let untold = ["ETag", "Last-Modified"].iter().all(|name| head.fields().get(name).is_none());
    if interrupted && untold && file.from == Provenance::Own && file.entity_tag.is_none() {
        return true;
    }
    let modified = head.fields().get("Last-Modified").and_then(parse_date);
    modified.is_some_and(|modified| seconds(modified) == seconds(file.modified))
}

/// Whether a response names an entity tag, and not the one that a file remembers.
fn contradicted(file: &Existing, head: &Head) -> bool {
    let tag = file.strong_entity_tag();
    tag.is_some_and(|tag| StrongValidator::EntityTag(tag.to_owned()).is_contradicted_by(head.fields()))
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeadParser, Method};
    use std::path::PathBuf;
    use std::time::Duration;
    use url::Url;

    fn answer(plan: &Plan, status: &str, fields: &str) -> String {
        let section = format!("HTTP/1.1 {status} X\r\n{}\r\n\r\n", fields.replace('|', "\r\n"));
        let (head, _) = HeadParser::new().parse(section.as_bytes()).expect("good").expect("whole");
        let url = Url::parse("http://h/").expect("a URL");
        let mut request = Request::new(Method::Get, &url);
        for (name, value) in plan.fields() {
            request.set(name, value.as_bytes()).expect("valid");
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
    fn only_the_rest_of_the_same_version_is_gone_on_with() {
        let of = Representation {
            resource: UrlDigest::of(&Url::parse("http://h/").expect("a URL")),
            validator: StrongValidator::EntityTag("\"a\"".to_owned()),
            length: Some(10),
            last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        };
        let rest = Plan::Resume(4, of.clone());
        assert_eq!(rest.fields(), [("Range", "bytes=4-".to_owned()), ("If-Range", "\"a\"".to_owned())]);
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
        let elsewhere = Representation { resource: UrlDigest::of(&Url::parse("http://g/").expect("a URL")), ..of.clone() };
        assert_eq!(answer(&Plan::Resume(4, elsewhere.clone()), "206", "Content-Range: bytes 4-9/10|ETag: \"a\""), "StartOver");
        assert_eq!(answer(&Plan::Resume(10, elsewhere), "416", "Content-Range: bytes */10"), "StartOver");
        let long = Plan::Resume(4, Representation { length: Some(1_000_000), ..of.clone() });
        assert_eq!(answer(&long, "206", "Content-Range: bytes 4-99999/1000000|ETag: \"a\""), "Rest 4");
        assert_eq!(answer(&long, "206", "Content-Range: bytes 4-9999/1000000|ETag: \"a\""), "StartOver");
        let unknown = Plan::Resume(4, Representation { length: None, ..of });
        assert_eq!(answer(&unknown, "206", "Content-Range: bytes 4-9/10|ETag: \"a\""), "Rest 4");
        assert_eq!(answer(&unknown, "206", "Content-Range: bytes 4-9/*|ETag: \"a\""), "StartOver");
        assert_eq!(answer(&unknown, "416", "X: y"), "StartOver");
        assert_eq!(answer(&unknown, "416", "Content-Range: bytes */4"), "Complete");
    }

    #[test]
    fn a_file_is_what_the_server_has_or_is_fetched() {
        let modified = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let file = |tag: Option<&str>| Existing {
            path: PathBuf::new(),
            length: 10,
            modified,
            entity_tag: tag.map(str::to_owned),
            from: Provenance::Unknown,
            is_link: false,
        };
        const SAME: &str = "Content-Length: 10|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
        for (tag, status, fields, newer, beyond) in [
            (None, "304", "X: y", "Unchanged", "Status"),
            (None, "200", SAME, "Unchanged", "Unchanged"),
            (None, "200", "Content-Length: 11|Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Save", "Save"),
            (None, "200", "Content-Length: 10|Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", "Save", "Save"),
            (None, "200", "Content-Length: 10", "Save", "Save"),
            (Some("\"a\""), "200", "ETag: \"a\"", "Unchanged", "Unchanged"),
            (Some("\"a\""), "200", "ETag: \"a\"|Content-Length: 9", "Save", "Save"),
            (Some("\"a\""), "200", &format!("{SAME}|ETag: \"b\""), "Save", "Save"),
            (None, "416", "Content-Range: bytes */10", "Status", "Unchanged"),
            (None, "416", "Content-Range: bytes */9", "Status", "StartOver"),
            (None, "416", "X: y", "Status", "StartOver"),
            (Some("\"a\""), "416", "Content-Range: bytes */10|ETag: \"b\"", "Status", "StartOver"),
            (None, "206", "Content-Range: bytes 10-19/20", "Protocol", "StartOver"),
        ] {
            assert_eq!(answer(&Plan::IfModified(file(tag)), status, fields), newer, "newer: {status} {fields}");
            assert_eq!(answer(&Plan::CheckComplete(file(tag)), status, fields), beyond, "beyond: {status} {fields}");
        }
    }

    #[test]
    fn a_part_is_the_one_asked_for_or_a_failure() {
        let part = Plan::Range(ByteRange::Between(0, 4));
        for (status, fields, wanted) in [
            ("206", "Content-Range: bytes 0-4/10", "Part 0"),
            ("206", "Content-Range: bytes 0-5/10", "Protocol"),
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

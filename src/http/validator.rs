//! Validators (RFC 9110 section 8.8): which version of a representation some bytes are of.

use super::{Fields, parse_date};
use std::time::Duration;

/// How much older than the response a Last-Modified must be to be strong. RFC 9110 section 8.8.2.2
/// asks for a second; a minute, as before it, allows for clocks that differ.
const SETTLED: Duration = Duration::from_secs(60);

/// A validator that changes whenever a byte does: parts of a representation may be put together
/// where theirs are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StrongValidator {
    /// An entity tag, in its quotes.
    EntityTag(String),
    /// A Last-Modified that is a good while before the response's Date.
    LastModified(String),
}

impl StrongValidator {
    /// The strong validator of a response, if it has one. A date counts only where there is no entity
    /// tag, not even a weak one (RFC 9110 section 13.1.5).
    pub(crate) fn of(fields: &Fields) -> Option<StrongValidator> {
        if fields.get("ETag").is_some() {
            let tag = entity_tag(fields)?;
            return (!tag.starts_with("W/")).then_some(StrongValidator::EntityTag(tag));
        }
        let text = last_modified(fields)?;
        let age = parse_date(fields.get("Date")?)?.duration_since(parse_date(text.as_bytes())?).ok()?;
        (age >= SETTLED).then_some(StrongValidator::LastModified(text))
    }

    /// The value of an If-Range field.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            StrongValidator::EntityTag(text) | StrongValidator::LastModified(text) => text,
        }
    }

    /// Whether a response says that it is of this version. A 206 repeats the validator that a 200 would
    /// have (RFC 9110 section 15.3.7); one that does not may come from a server that knows no If-Range.
    pub(crate) fn is_confirmed_by(&self, fields: &Fields) -> bool {
        let name = match self {
            StrongValidator::EntityTag(_) => "ETag",
            StrongValidator::LastModified(_) => "Last-Modified",
        };
        fields.get(name).is_some() && !self.is_contradicted_by(fields)
    }

    /// Whether a response, by what it says of itself, is of another version.
    pub(crate) fn is_contradicted_by(&self, fields: &Fields) -> bool {
        match self {
            StrongValidator::EntityTag(tag) => fields.all("ETag").any(|other| other != tag.as_bytes()),
            StrongValidator::LastModified(date) => {
                let date = parse_date(date.as_bytes());
                fields.all("Last-Modified").any(|other| date.is_none() || parse_date(other) != date)
            }
        }
    }
}

/// The entity tag of a response, weak or strong, as it can be sent back; `None` where there is none,
/// several, or one that is not well-formed (RFC 9110 section 8.8.3).
pub(crate) fn entity_tag(fields: &Fields) -> Option<String> {
    let mut tags = fields.all("ETag");
    let (tag, None) = (std::str::from_utf8(tags.next()?).ok()?, tags.next()) else { return None };
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    inner.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'~')).then(|| tag.to_owned())
}

/// The Last-Modified of a response where there is one, in ASCII.
pub(crate) fn last_modified(fields: &Fields) -> Option<String> {
    let text = std::str::from_utf8(fields.get("Last-Modified")?).ok()?;
    text.is_ascii().then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &str) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines.split('|').filter_map(|line| line.split_once(": ")) {
            fields.append(name, value.as_bytes()).expect("valid");
        }
        fields
    }

    const OLD: &str = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn only_what_changes_with_every_byte_is_strong() {
        for (lines, strong) in [
            ("ETag: \"a\"", Some("\"a\"")),
            ("ETag: \"\"", Some("\"\"")),
            ("ETag: W/\"a\"", None),
            ("ETag: a", None),
            ("ETag: \"a b\"", None),
            ("ETag: \"a\"|ETag: \"b\"", None),
            (&format!("{OLD}|Date: Sun, 06 Nov 1994 08:50:37 GMT"), Some(&OLD[15..])),
            (&format!("{OLD}|Date: Sun, 06 Nov 1994 08:50:36 GMT"), None),
            (&format!("{OLD}|Date: Sun, 06 Nov 1994 08:49:37 GMT"), None),
            (OLD, None),
            (&format!("ETag: W/\"a\"|{OLD}|Date: Sun, 06 Nov 2005 08:49:37 GMT"), None),
        ] {
            let validator = StrongValidator::of(&fields(lines));
            assert_eq!(validator.as_ref().map(StrongValidator::as_str), strong, "{lines}");
        }
    }

    #[test]
    fn another_version_says_so() {
        let tag = StrongValidator::EntityTag("\"a\"".to_owned());
        let date = StrongValidator::LastModified(OLD[15..].to_owned());
        for (validator, lines, contradicted) in [
            (&tag, "ETag: \"a\"", false),
            (&tag, "X: y", false),
            (&tag, "ETag: \"b\"", true),
            (&tag, "ETag: W/\"a\"", true),
            (&date, OLD, false),
            (&date, "Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT", false),
            (&date, "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT", true),
            (&date, "Last-Modified: nonsense", true),
        ] {
            assert_eq!(validator.is_contradicted_by(&fields(lines)), contradicted, "{validator:?} by {lines}");
            let silent = lines == "X: y";
            assert_eq!(validator.is_confirmed_by(&fields(lines)), !contradicted && !silent, "{validator:?} by {lines}");
        }
    }
}

//! What is known of the bytes of an interrupted save: of which version of which resource they are.

use crate::http::{Fields, StrongValidator, last_modified};
use data_encoding::HEXLOWER;
use ring::digest::{Context, SHA256};
use url::{Position, Url};

/// The longest validator that is recorded, in bytes: several times as long as JSON, it still fits into a record.
pub(super) const MAX_VALIDATOR: usize = 16 * 1024;

/// A digest of a URL: enough to recognise it, without the secrets that it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlDigest(pub(super) String);

impl UrlDigest {
    /// Of no URL.
    pub(super) fn unknown() -> UrlDigest {
        UrlDigest(String::new())
    }

    /// The first 64 bits of it.
    pub(super) fn start(&self) -> u64 {
        self.0.get(..16).and_then(|start| u64::from_str_radix(start, 16).ok()).unwrap_or_default()
    }

    /// Of a URL, query included, userinfo and fragment left out.
    pub(crate) fn of(url: &Url) -> UrlDigest {
        UrlDigest::with_prefix("", url)
    }

    fn with_prefix(prefix: &str, url: &Url) -> UrlDigest {
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let mut digest = Context::new(&SHA256);
        for part in [prefix, url.scheme(), "://", authority, &url[Position::BeforePath..Position::AfterQuery]] {
            digest.update(part.as_bytes());
        }
        UrlDigest(HEXLOWER.encode(digest.finish().as_ref()))
    }
}

/// What is saved of a URL.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'u> {
    /// The URL asked for.
    pub url: &'u Url,
    /// Whether it is the page with its assets, rather than the resource.
    pub is_page: bool,
}

impl<'u> From<&'u Url> for Source<'u> {
    fn from(url: &'u Url) -> Source<'u> {
        Source { url, is_page: false }
    }
}

impl Source<'_> {
    /// What recognises it.
    pub(super) fn digest(self) -> UrlDigest {
        UrlDigest::with_prefix(if self.is_page { "page " } else { "" }, self.url)
    }
}

/// What has to be the same for an interrupted save to be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResumeInfo {
    /// The URL that answered: an entity tag means something within one resource.
    pub resource: UrlDigest,
    /// The version.
    pub validator: StrongValidator,
    /// How many bytes the whole has, where that is known.
    pub length: Option<u64>,
    /// Its Last-Modified.
    pub last_modified: Option<String>,
}

impl ResumeInfo {
    /// Of a response from `url` that holds all of the body, in so many bytes; `None` where it has no strong
    /// validator, or the server says that it has no ranges.
    pub(crate) fn of(url: &Url, fields: &Fields, length: Option<u64>) -> Option<ResumeInfo> {
        let is_short = |text: &String| text.len() <= MAX_VALIDATOR;
        let validator = StrongValidator::of(fields).filter(|_| !fields.list_has("Accept-Ranges", "none"))?;
        let last_modified = last_modified(fields).filter(is_short);
        let fits = match &validator {
            StrongValidator::EntityTag(tag) => is_short(tag),
            StrongValidator::LastModified(_) => last_modified.is_some(),
        };
        fits.then(|| ResumeInfo { resource: UrlDigest::of(url), validator, length, last_modified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_a_record_is_not_resumed() {
        let url = Url::parse("http://h/").expect("a URL");
        for (length, fits) in [(MAX_VALIDATOR - 2, true), (MAX_VALIDATOR, false)] {
            let mut fields = Fields::new();
            fields.append("ETag", format!("\"{}\"", "\\".repeat(length)).as_bytes()).expect("valid");
            assert_eq!(ResumeInfo::of(&url, &fields, None).is_some(), fits, "{length}");
        }
    }

    #[test]
    fn a_url_is_recognised_and_cannot_be_read() {
        let of = |url: &str| UrlDigest::of(&Url::parse(url).expect("a URL"));
        let one = of("http://me:secret@h/a?b#c");
        assert_eq!(one, of("http://h:80/a?b"));
        for other in ["https://h/a?b", "http://h/a", "http://h/a?c", "http://h:81/a?b", "http://g/a?b"] {
            assert_ne!(one, of(other));
        }
        assert!(!one.0.contains("secret"));
    }
}

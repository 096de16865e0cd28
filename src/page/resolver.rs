//! From references to URLs.

use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;
use url::{Position, Url};

/// Makes URLs of references (WHATWG HTML section 2.4.1).
#[derive(Clone, Copy)]
pub(super) struct Resolver<'r> {
    pub(super) base: &'r Url,
    /// The document that the reference stands in, if it stands in one: a URL of a place in it is no other resource's.
    pub(super) document: Option<&'r Url>,
    /// Queries are in the document's charset.
    pub(super) encoding: &'static Encoding,
}

impl Resolver<'_> {
    /// The URL of a reference to another resource, by http or https.
    pub(super) fn resolve(&self, reference: &str) -> Option<Url> {
        let reference = reference.trim_matches(|c: char| c <= ' ');
        if reference.is_empty() || reference.starts_with('#') {
            return None;
        }
        self.absolute(reference).filter(|url| matches!(url.scheme(), "http" | "https"))
    }

    /// The URL of a reference to another resource, and its fragment apart, number sign included.
    pub(super) fn resolve_resource(&self, reference: &str) -> Option<(Url, String)> {
        let mut url = self.resolve(reference)?;
        let fragment = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        url.set_fragment(None);
        Some((url, fragment))
    }

    /// Whether a URL is the document's own, whatever its fragment.
    pub(super) fn is_document(&self, url: &Url) -> bool {
        self.document.is_some_and(|document| url[..Position::AfterQuery] == document[..Position::AfterQuery])
    }

    /// The URL of any reference.
    pub(super) fn absolute(&self, reference: &str) -> Option<Url> {
        let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|text| self.encoding.encode(text).0;
        let is_utf8 = self.encoding.output_encoding() == UTF_8;
        let options = Url::options().base_url(Some(self.base));
        options.encoding_override((!is_utf8).then_some(encode)).parse(reference).ok()
    }
}

//! What a page requests, and what comes of it.

use super::charset;
use super::media_type::{MediaType, sniff_html};
use super::reference::{AssetId, AssetKind};
use super::xhtml;
use encoding_rs::{Encoding, UTF_8};
use url::Url;

/// A response that is an asset's, or the page's own.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Where it came from in the end.
    pub(crate) url: Url,
    /// Its Content-Type.
    pub(crate) content_type: Option<String>,
    /// `X-Content-Type-Options: nosniff`.
    pub(crate) nosniff: bool,
    /// Its X-Frame-Options.
    pub(crate) frame_options: Option<String>,
    /// Its Content-Security-Policy.
    pub(crate) policy: Option<String>,
    /// Its Access-Control-Allow-Origin.
    pub(crate) allowed_origin: Option<String>,
    /// Decoded.
    pub(crate) body: Vec<u8>,
}

impl Resource {
    /// Its media type, as it says.
    pub(super) fn media_type(&self) -> MediaType {
        MediaType::parse(self.content_type.as_deref().unwrap_or_default())
    }

    /// Whether it is HTML: by its media type or, where that says nothing, by its bytes.
    pub(super) fn is_html(&self) -> bool {
        let media_type = self.media_type();
        media_type.is_html() || media_type.is_unknown() && !self.nosniff && sniff_html(&self.body)
    }

    /// Whether it may not be shown in a frame of a document (WHATWG HTML section 7.6), which is of its origin. Of
    /// `frame-ancestors`, what names all or the same origin is known.
    pub(super) fn refuses_frame(&self, is_same_origin: bool) -> bool {
        if let Some(ancestors) = self.directive("frame-ancestors") {
            return match ancestors.trim_ascii() {
                "" | "'none'" => true,
                "'self'" => !is_same_origin,
                _ => false,
            };
        }
        let options = self.frame_options.as_deref().unwrap_or_default();
        options
            .split(',')
            .map(str::trim_ascii)
            .any(|option| option.eq_ignore_ascii_case("deny") || option.eq_ignore_ascii_case("sameorigin") && !is_same_origin)
    }

    /// The value of a directive of its policy.
    pub(super) fn directive(&self, name: &str) -> Option<&str> {
        let mut directives = self.policy.as_deref()?.split([';', ',']).map(str::trim_ascii);
        directives.find_map(|directive| {
            let (known, value) = directive.split_once(' ').unwrap_or((directive, ""));
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Something to be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssetRequest {
    /// Whose it is.
    pub(crate) id: AssetId,
    /// Without a fragment.
    pub(crate) url: Url,
    /// What for.
    pub(crate) kind: AssetKind,
    /// The document or style sheet that refers to it.
    pub(crate) referrer: Url,
    /// The origin that asks, where another one has to allow it.
    pub(crate) origin: Option<String>,
    /// The document of another origin than the page's that asks for it, itself or by way of a document in it: it is
    /// to see nothing that is the user's.
    pub(crate) third_party: Option<Url>,
    /// How long the chain of references to it is; the page's own have 1.
    pub(crate) depth: u32,
}

/// What a request is known by: its URL, whether another origin has to allow it, whether a third-party document asks.
pub(super) type RequestKey = (Url, bool, bool);

impl AssetRequest {
    pub(super) fn key(&self) -> RequestKey {
        (self.url.clone(), self.origin.is_some(), self.third_party.is_some())
    }
}

/// The text of a document, as HTML, and the charset it was in.
pub(super) fn decode(
    resource: &Resource,
    media_type: &MediaType,
    parent: Option<&'static Encoding>,
) -> (String, &'static Encoding) {
    let declared = media_type.charset.as_deref();
    if media_type.is_xhtml() {
        return (xhtml::to_html(&charset::decode_xml(&resource.body, declared)), UTF_8);
    }
    charset::decode_html(&resource.body, declared, parent, resource.url.host_str())
}

/// Whether XML may have elements of HTML: it names their namespace, or has entities, which may say anything.
pub(super) fn has_html(body: &[u8]) -> bool {
    const NAME: &[u8] = b"www.w3.org/1999/xhtml";
    // In UTF-16 it is not looked for.
    let has = |text: &[u8]| body.windows(text.len()).any(|window| window == text);
    body.contains(&0) || has(NAME) || has(b"<!ENTITY")
}

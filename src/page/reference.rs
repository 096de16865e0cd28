//! References to assets: what they are for, how they are resolved, and who takes them.

use super::import_map::ImportMap;
use encoding_rs::{Encoding, UTF_8};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use url::{Position, Url};

/// An asset of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AssetId(pub(super) usize);

/// What an asset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AssetKind {
    /// An image.
    Image,
    /// A style sheet.
    Style,
    /// A font.
    Font,
    /// A classic script.
    Script,
    /// A module script.
    Module,
    /// A module that a script imports.
    Import,
    /// A document in a frame.
    Frame,
    /// What an `object` or `embed` element shows.
    Object,
    /// Audio or video.
    Media,
    /// Subtitles.
    Track,
    /// An SVG document of which elements are used in another one.
    Sprite,
}

impl AssetKind {
    /// Whether an empty body is a valid asset of this kind.
    pub(super) fn may_be_empty(self) -> bool {
        use AssetKind::{Frame, Import, Module, Object, Script, Style};
        matches!(self, Style | Script | Module | Import | Frame | Object)
    }
}

/// What a reference says of how an asset is fetched and read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct AssetOptions {
    /// Of another origin, it is only had where that allows it (Fetch standard section 3.3).
    pub(super) cors: bool,
    /// What its bytes have to be; empty where that is not said.
    pub(super) integrity: String,
    /// Its charset, unless it says so itself.
    pub(super) charset: Option<&'static Encoding>,
}

impl AssetOptions {
    /// Fetched by the CORS protocol.
    pub(super) fn cors() -> AssetOptions {
        AssetOptions { cors: true, ..AssetOptions::default() }
    }
}

/// One of several resources of which the first that can be had is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) url: Url,
    /// Whether a browser of today takes its format, as far as that is said.
    pub(super) is_supported: bool,
}

/// Takes the references of a document.
pub(super) trait Collector {
    /// An asset of this URL, which has no fragment.
    fn asset(&mut self, url: Url, kind: AssetKind, options: AssetOptions) -> AssetId;
    /// Resources of which one is used; their group. Fonts that are for other characters than these are not needed
    /// where the page has none of them; `None` is for all.
    fn alternatives(&mut self, kind: AssetKind, sources: Vec<Alternative>, characters: Option<Vec<RangeInclusive<u32>>>)
    -> usize;
    /// Text that may be shown.
    fn text(&mut self, text: &str);
    /// The module that a specifier in a script stands for, and the name by which the script is to import it.
    fn module(&mut self, specifier: &str, resolver: &Resolver<'_>) -> Option<(AssetId, String)>;
    /// An import map of the document.
    fn import_map(&mut self, map: ImportMap);
}

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

//! References to assets: what they are for, and who takes them.

use super::import_map::ImportMap;
use super::resolver::Resolver;
use encoding_rs::Encoding;
use std::ops::RangeInclusive;
use url::Url;

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

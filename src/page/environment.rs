//! The documents of a page, for which assets are requested.

use super::quirks::Mode;
use super::reference::{AssetKind, AssetOptions};
use encoding_rs::Encoding;
use std::sync::Arc;
use url::{Origin, Url};

/// The document for which something is requested (WHATWG HTML section 8.1.3, "environment settings object").
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Environment {
    /// One of its own for each document.
    pub(super) id: usize,
    pub(super) origin: Origin,
    pub(super) mode: Mode,
    /// Its base URL.
    pub(super) base: Url,
    /// The document of another origin than the page's that it is, or is in.
    pub(super) third_party: Option<Url>,
    /// Its scripts may not reach the page's.
    pub(super) is_sandboxed: bool,
}

/// What an asset is known by: its URL, what it is for, and what else decides what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) url: Url,
    pub(super) kind: AssetKind,
    pub(super) options: AssetOptions,
    /// The origin of the document.
    origin: Option<Origin>,
    mode: Option<Mode>,
    /// The charset of what refers to it.
    pub(super) encoding: Option<&'static Encoding>,
    /// The document, whose import map counts.
    document: Option<usize>,
    is_third_party: bool,
}

impl Key {
    pub(super) fn new(url: Url, kind: AssetKind, options: AssetOptions, referrer: &Referrer) -> Key {
        use AssetKind::{Frame, Image, Import, Media, Module, Object, Script, Style};
        let Environment { id, origin, mode, third_party, .. } = &*referrer.environment;
        let has_origin = options.cors || !matches!(kind, Image | Media);
        let has_encoding = matches!(kind, Style | Script | Frame | Object) && options.charset.is_none();
        Key {
            url,
            kind,
            options,
            origin: has_origin.then(|| origin.clone()),
            mode: (kind == Style).then_some(*mode),
            encoding: has_encoding.then_some(referrer.encoding),
            document: matches!(kind, Script | Module | Import).then_some(*id),
            is_third_party: third_party.is_some(),
        }
    }
}

/// What refers to assets: a document, style sheet or script.
#[derive(Clone, Debug)]
pub(super) struct Referrer {
    pub(super) url: Url,
    pub(super) encoding: &'static Encoding,
    pub(super) environment: Arc<Environment>,
    /// How long the chain of references to it is.
    pub(super) depth: u32,
}

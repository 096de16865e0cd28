//! A web page in one file: what it refers to, and the page with that in it.

mod assets;
mod characters;
mod charset;
mod css;
mod data_url;
mod declaration;
mod document_write;
mod embedded;
mod environment;
mod event_handler;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod html;
mod import_map;
mod integrity;
mod lazy;
mod lexer;
mod media_type;
mod metadata;
mod omit;
mod policy;
mod quirks;
mod reference;
mod render;
mod resolver;
mod resource;
mod script;
mod sharing;
mod sprite;
mod srcset;
mod svg;
mod tag;
mod template;
mod tokens;
mod xhtml;

pub use omit::Omit;
pub(crate) use reference::AssetKind;
pub(crate) use render::TooLarge;
pub(crate) use resource::{AssetRequest, Resource};

use assets::{Assets, State};
use std::collections::{BTreeMap, HashSet};
use url::Url;

/// A page and its assets, as they come.
#[derive(Debug)]
pub(crate) struct Page {
    document: template::Template,
    assets: Assets,
    omit: Omit,
}

impl Page {
    /// A page of which nothing but its own document has come.
    pub(crate) fn new(page: &Resource, omit: Omit) -> Page {
        let mut assets = Assets::new(omit);
        let document = assets.page(page);
        Page { document, assets, omit }
    }

    /// What is to be requested, since the last call.
    pub(crate) fn take_requests(&mut self) -> Vec<AssetRequest> {
        self.assets.take_requests()
    }

    /// Takes what a request came to: a resource, or why there is none.
    pub(crate) fn add(&mut self, request: &AssetRequest, response: Result<Resource, String>) {
        self.assets.add(request, response);
    }

    /// Whether a response is a page: by its media type or, where that is unknown, by its bytes.
    pub(crate) fn is_page(resource: &Resource) -> bool {
        resource.is_html()
    }

    /// Whether browsers show a response of this use whatever its status.
    pub(crate) fn is_shown_with_error(kind: AssetKind, resource: &Resource) -> bool {
        match kind {
            AssetKind::Image => media_type::sniff_image(&resource.body).is_some() || resource.media_type().is_svg(),
            AssetKind::Frame => resource.is_html(),
            _ => false,
        }
    }

    /// Whether all that was requested has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.assets.is_complete()
    }

    /// The page, with all assets that came in it.
    pub(crate) fn render(&self, max_size: u64) -> Result<String, TooLarge> {
        render::render(&self.document, &self.assets, self.omit, max_size)
    }

    /// How many assets there are, by their URLs, and how many of them are in the page wherever it uses them.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let wanted = self.assets.all().iter().filter(|asset| !matches!(asset.state, State::Omitted));
        let urls: HashSet<&Url> = wanted.map(|asset| &asset.url).collect();
        (urls.len(), urls.len() - self.missing().len())
    }

    /// The URLs of assets that are not in the page, in their order, and why.
    pub(crate) fn missing(&self) -> BTreeMap<&Url, &str> {
        let mut missing = BTreeMap::new();
        for asset in self.assets.all() {
            if let State::Missing(why) = &asset.state {
                // Of several reasons one, whatever came first.
                let reason = missing.entry(&asset.url).or_insert(why.as_str());
                *reason = why.as_str().min(*reason);
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests;

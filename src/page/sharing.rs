//! What the parts of one document share: an image that is used many times stands in it once.

use super::assets::{Assets, State};
use super::reference::AssetId;
use super::template::{Link, Part, Place, Template};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// What the parts of one document share.
#[derive(Default)]
pub(super) struct Shared {
    /// Images that are used several times, in the order of their first use: their custom properties.
    pub(super) images: Vec<(AssetId, String)>,
    /// The numbers of these.
    pub(super) numbers: HashMap<(AssetId, String), usize>,
    /// Modules that are imported, under each of their names.
    pub(super) modules: Vec<(AssetId, String)>,
    /// SVG documents of which elements are used.
    pub(super) sprites: Vec<AssetId>,
    /// What stands in elements for their image, which the style sheet has.
    pub(super) placeholders: HashMap<AssetId, String>,
    /// The URLs of assets, by whether they are written without spaces.
    pub(super) urls: HashMap<(AssetId, bool), Arc<str>>,
    /// The same of those of which something was cut off, in a cycle or too deep.
    pub(super) cut_urls: HashMap<(AssetId, bool), Arc<str>>,
}

/// What a document uses, and how often: images, modules, elements of SVG documents.
#[derive(Default)]
pub(super) struct Uses<'a> {
    /// How often each image, with its fragment, is used in properties of style sheets.
    pub(super) counts: HashMap<(AssetId, String), usize>,
    /// The images, in the order of their first use.
    pub(super) order: Vec<(AssetId, String)>,
    /// How often each image is an element's.
    pub(super) elements: HashMap<AssetId, usize>,
    /// Elements cannot get their image from a style sheet: some are out of its reach, or scripts draw them.
    pub(super) needs_elements: bool,
    pub(super) modules: Vec<(AssetId, String)>,
    named: HashSet<(AssetId, String)>,
    pub(super) sprites: Vec<AssetId>,
    /// Style sheets, scripts and SVG documents that were met.
    met: HashSet<AssetId>,
    /// Those of them that are to be looked at.
    queue: VecDeque<&'a Template>,
}

impl<'a> Uses<'a> {
    /// The uses of a document, and of what is part of it.
    pub(super) fn of(document: &'a Template, assets: &'a Assets) -> Uses<'a> {
        let mut uses = Uses { queue: VecDeque::from([document]), ..Uses::default() };
        while let Some(template) = uses.queue.pop_front() {
            uses.count(template, assets);
        }
        uses
    }

    fn count(&mut self, template: &'a Template, assets: &'a Assets) {
        self.needs_elements |= ["shadowrootmode", "drawImage"].iter().any(|word| template.source.contains(word));
        for part in &template.parts {
            match part {
                Part::Attribute(inner) | Part::Nested(inner) | Part::Escaped(inner) => self.count(inner, assets),
                Part::Link(Link { asset, fragment, place: Place::CssProperty }) => {
                    let image = (*asset, fragment.clone());
                    self.meet_image(&image);
                    *self.counts.entry(image).or_default() += 1;
                }
                Part::Link(Link { asset, place: Place::Image, fragment }) if fragment.is_empty() => {
                    self.meet_image(&(*asset, String::new()));
                    *self.elements.entry(*asset).or_default() += 1;
                }
                Part::Link(Link { asset, .. }) => {
                    if let State::Text("text/css" | "text/javascript", _) = &assets.get(*asset).state {
                        self.meet(*asset, assets);
                    }
                }
                Part::Use(asset, _) => {
                    let is_new = self.meet(*asset, assets);
                    self.sprites.extend(is_new.then_some(*asset));
                }
                Part::Specifier(asset, specifier) => {
                    // Relative names all become its URL.
                    let name = if is_relative(specifier) { "./".to_owned() } else { specifier.clone() };
                    if self.named.insert((*asset, name.clone())) {
                        self.modules.push((*asset, name));
                    }
                    self.meet(*asset, assets);
                }
                _ => {}
            }
        }
    }

    fn meet_image(&mut self, image: &(AssetId, String)) {
        if !self.counts.contains_key(image) {
            self.counts.insert(image.clone(), 0);
            self.order.push(image.clone());
        }
    }

    /// Whether an asset that is part of the document is met for the first time.
    fn meet(&mut self, asset: AssetId, assets: &'a Assets) -> bool {
        let (State::Text(_, template) | State::Sprite(template, _)) = &assets.get(asset).state else { return false };
        let is_new = self.met.insert(asset);
        self.queue.extend(is_new.then_some(template));
        is_new
    }
}

/// Whether a module's specifier depends on where the script came from.
pub(super) fn is_relative(specifier: &str) -> bool {
    specifier.starts_with(['.', '/'])
}

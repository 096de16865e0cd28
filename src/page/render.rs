//! The page as text, with its assets in it.

use super::assets::{Asset, Assets, HTML, SVG, State};
use super::policy::{NAVIGATION_GUARD, policy};
use super::quirks::Mode;
use super::reference::{AssetId, AssetKind};
use super::sharing::{Shared, Uses, is_relative};
use super::sprite::own_name;
use super::template::{Link, Part, Place, Template, css_string, escape_attribute, escape_text, json_string};
use super::{Omit, data_url};
use std::fmt::Write;
use std::sync::Arc;

/// The name of the custom property that holds an image, but for its number.
const PROPERTY: &str = "--fetch-";
/// An image that is smaller, in bytes, is repeated.
const MIN_SHARED: usize = 1024;
/// Where fewer bytes would be saved, an image of elements is repeated: a script may copy an element's `src`, and a
/// placeholder has no image.
const MIN_SPARED: usize = 16 * 1024;

/// How deep assets may stand in each other: each level makes its text longer.
const MAX_NESTED: usize = 16;
/// After so many texts, one of which something was cut off is used as it is wherever it is needed again.
const MAX_RENDERED: usize = 10_000;
/// The longest URL that is kept for the next use of it.
const MAX_KEPT: usize = 256 * 1024;

/// The page is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Writes a page of at most so many bytes.
pub(super) fn render(page: &Template, assets: &Assets, omit: Omit, max_size: u64) -> Result<String, TooLarge> {
    let mut renderer = Renderer { assets, omit, max_size, stack: Vec::new(), cut: usize::MAX, rendered: 0, in_srcdoc: false };
    renderer.document(page, false)
}

struct Renderer<'a> {
    assets: &'a Assets,
    omit: Omit,
    max_size: u64,
    /// The assets that are being written, each in the one before it.
    stack: Vec<AssetId>,
    /// The lowest place in that at which a cycle was cut off, since it was last set.
    cut: usize,
    /// How many texts were written.
    rendered: usize,
    /// The document that is being written is a `srcdoc` attribute's.
    in_srcdoc: bool,
}

impl Renderer<'_> {
    /// A document of its own.
    fn document(&mut self, template: &Template, in_srcdoc: bool) -> Result<String, TooLarge> {
        let outer = std::mem::replace(&mut self.in_srcdoc, in_srcdoc);
        let uses = Uses::of(template, self.assets);
        let mut shared = Shared { modules: uses.modules, sprites: uses.sprites, ..Shared::default() };
        for image in uses.order {
            let size = self.size(image.0);
            let elements = uses.elements.get(&image.0).copied().unwrap_or_default();
            let in_elements = image.1.is_empty() && elements > 2 && (elements - 1) * size >= MIN_SPARED && !uses.needs_elements;
            if in_elements && let Some(placeholder) = self.placeholder(image.0, shared.images.len() + 1) {
                shared.placeholders.insert(image.0, placeholder);
            }
            let uses = uses.counts[&image] + elements * usize::from(in_elements);
            if uses > 1 && size >= MIN_SHARED {
                shared.numbers.insert(image.clone(), shared.images.len() + 1);
                shared.images.push(image);
            }
        }
        let mut out = String::with_capacity(template.source.len());
        self.template(template, &mut shared, &mut out)?;
        self.in_srcdoc = outer;
        Ok(out)
    }

    /// An image in which nothing is drawn, of the same size where that is known: scripts may ask for it.
    fn placeholder(&self, id: AssetId, number: usize) -> Option<String> {
        let State::Bytes(_, resource) = &self.assets.get(id).state else { return None };
        let size = imagesize::blob_size(&resource.body).map(|size| format!(" width='{}' height='{}'", size.width, size.height));
        let svg = format!("<svg xmlns='http://www.w3.org/2000/svg'{}/>", size.unwrap_or_default());
        Some(format!("{}#fetch-{number}", data_url::encode("image/svg+xml", svg.as_bytes(), false)))
    }

    /// How many bytes an image has.
    fn size(&self, id: AssetId) -> usize {
        match &self.assets.get(id).state {
            State::Bytes(_, resource) => resource.body.len(),
            _ => 0,
        }
    }

    fn template(&mut self, template: &Template, shared: &mut Shared, out: &mut String) -> Result<(), TooLarge> {
        for part in &template.parts {
            match part {
                Part::Source(range) => out.push_str(&template.source[range.clone()]),
                Part::Text(text) => out.push_str(text),
                Part::Attribute(inner) => {
                    let mut value = String::new();
                    self.template(inner, shared, &mut value)?;
                    out.push('"');
                    match &inner.parts[..] {
                        // It has nothing that is escaped.
                        [Part::Link(link)] if link.fragment.is_empty() && value.starts_with("data:") => out.push_str(&value),
                        _ => escape_attribute(&value, out),
                    }
                    out.push('"');
                }
                Part::Nested(inner) => self.template(inner, shared, out)?,
                Part::Escaped(inner) => {
                    let mut text = String::new();
                    self.template(inner, shared, &mut text)?;
                    escape_text(&text, out);
                }
                Part::Document(inner) => out.push_str(&self.document(inner, false)?),
                Part::DataDocument(inner) => {
                    let text = self.document(inner, false)?;
                    out.push_str(&data_url::encode(HTML, text.as_bytes(), false));
                }
                Part::DataSheet(inner) => {
                    let mut text = String::new();
                    self.template(inner, shared, &mut text)?;
                    out.push_str(&data_url::encode("text/css;charset=utf-8", text.as_bytes(), false));
                }
                Part::Link(link) => self.link(link, shared, out)?,
                Part::Alternative { group, index, place } => {
                    let (url, asset) = self.assets.group(*group).source(*index);
                    let data = asset.map(|asset| self.url(asset, false, shared)).transpose()?.flatten();
                    let url = match (data, url.fragment().filter(|_| *place == Place::Attribute)) {
                        (Some(data), Some(fragment)) => format!("{data}#{fragment}").into(),
                        (Some(data), None) => data,
                        (None, _) => url.as_str().into(),
                    };
                    match place {
                        Place::CssUrl | Place::CssProperty => css_url(&url, out),
                        Place::Attribute | Place::Image | Place::List | Place::Written => out.push_str(&url),
                    }
                }
                Part::Fallback { of, link } => {
                    let Link { asset, fragment, .. } = link;
                    let is_used = matches!(self.assets.get(*of).state, State::Missing(_));
                    let data = if is_used { self.url(*asset, false, shared)? } else { None };
                    let url = data.unwrap_or_else(|| self.assets.get(*asset).url.as_str().into());
                    out.push_str(&json_string(&format!("{url}{fragment}")));
                }
                Part::ScriptFallback(link) => {
                    let is_missing = |asset: &Asset| asset.kind == AssetKind::Script && matches!(asset.state, State::Missing(_));
                    match self.assets.all().iter().any(is_missing) {
                        true => self.link(link, shared, out)?,
                        false => out.push_str(self.assets.get(link.asset).url.as_str()),
                    }
                }
                Part::Frame { link, is_inline } => self.frame(link, *is_inline, shared, out)?,
                // A srcdoc document has its parent's base URL.
                Part::SameDocument(fragment) => out.extend([if self.in_srcdoc { "about:srcdoc" } else { "" }, fragment]),
                Part::Use(asset, fragment) => match &self.assets.get(*asset).state {
                    State::Sprite(_, url) => {
                        out.extend(["#", &own_name(url, fragment.get(1..).unwrap_or_default())]);
                    }
                    _ => out.extend([self.assets.get(*asset).url.as_str(), fragment]),
                },
                Part::Sprites => self.sprites(shared, out)?,
                Part::Specifier(asset, specifier) => out.push_str(&json_string(&self.specifier(*asset, specifier))),
                Part::Head { is_own, has_scripts } => self.head(*is_own, *has_scripts, shared, out)?,
            }
            if out.len() as u64 > self.max_size {
                return Err(TooLarge);
            }
        }
        Ok(())
    }

    fn link(&mut self, link: &Link, shared: &mut Shared, out: &mut String) -> Result<(), TooLarge> {
        let Link { asset, fragment, place } = link;
        if *place == Place::Image
            && let Some(placeholder) = shared.placeholders.get(asset).filter(|_| fragment.is_empty())
        {
            out.push_str(placeholder);
            return Ok(());
        }
        if *place == Place::CssProperty
            && let Some(number) = shared.numbers.get(&(*asset, fragment.clone()))
        {
            let _ = write!(out, "var({PROPERTY}{number})");
            return Ok(());
        }
        let url = self.url(*asset, matches!(place, Place::List | Place::Written), shared)?;
        let url = match &url {
            Some(url) => format!("{url}{fragment}"),
            None => format!("{}{fragment}", self.assets.get(*asset).url),
        };
        match place {
            Place::Attribute | Place::Image | Place::List => out.push_str(&url),
            Place::Written => out.push_str(&url.replace('\'', "%27")),
            Place::CssUrl | Place::CssProperty => css_url(&url, out),
        }
        Ok(())
    }

    /// The attribute of a frame. A document of the same origin stays within reach of the page's scripts, where it is
    /// laid out the same: a `srcdoc` document is never in quirks mode.
    fn frame(&mut self, link: &Link, is_inline: bool, shared: &mut Shared, out: &mut String) -> Result<(), TooLarge> {
        let assets = self.assets;
        let asset = assets.get(link.asset);
        out.push_str("src");
        match &asset.state {
            State::Document(template, environment)
                if is_inline
                    && link.fragment.is_empty()
                    && environment.mode == Mode::NoQuirks
                    && environment.origin == asset.environment().origin
                    && !environment.is_sandboxed
                    && self.stack.len() < MAX_NESTED
                    && !self.stack.contains(&link.asset) =>
            {
                self.stack.push(link.asset);
                let text = self.document(template, true)?;
                self.stack.pop();
                out.push_str("doc=\"");
                escape_attribute(&text, out);
            }
            _ => {
                let mut url = String::new();
                self.link(link, shared, &mut url)?;
                out.push_str("=\"");
                // A policy stops the request of a frame, but not the connection that is made for it.
                if !url.starts_with("data:") && !url.starts_with("about:") {
                    out.push_str("about:blank#");
                }
                escape_attribute(&url, out);
            }
        }
        out.push('"');
        Ok(())
    }

    /// The `data:` URL of an asset; `None` where there is none.
    fn url(&mut self, id: AssetId, without_spaces: bool, shared: &mut Shared) -> Result<Option<Arc<str>>, TooLarge> {
        if let Some(url) = shared.urls.get(&(id, without_spaces)) {
            return Ok(Some(Arc::clone(url)));
        }
        let assets = self.assets;
        if let State::Bytes(media_type, resource) = &assets.get(id).state {
            let url: Arc<str> = data_url::encode(media_type, &resource.body, without_spaces).into();
            // What is large is not kept twice.
            if url.len() <= MAX_KEPT {
                shared.urls.insert((id, without_spaces), Arc::clone(&url));
            }
            return Ok(Some(url));
        }
        if let Some(place) = self.stack.iter().position(|outer| *outer == id) {
            // An import of what is being imported is none, and neither is a document framed in itself.
            self.cut = self.cut.min(place);
            let is_frame = matches!(assets.get(id).state, State::Document(..));
            return Ok(Some(if is_frame { "about:blank".into() } else { "data:text/css,".into() }));
        }
        if self.stack.len() >= MAX_NESTED {
            self.cut = 0;
            return Ok(None);
        }
        self.rendered += 1;
        if self.rendered > MAX_RENDERED
            && let Some(url) = shared.cut_urls.get(&(id, without_spaces))
        {
            return Ok(Some(Arc::clone(url)));
        }
        let outer_cut = std::mem::replace(&mut self.cut, usize::MAX);
        let place = self.stack.len();
        self.stack.push(id);
        let (media_type, text) = match &assets.get(id).state {
            State::Text(media_type, template) => {
                let mut text = String::with_capacity(template.source.len());
                match *media_type {
                    // A document of its own, which the properties of this one do not reach.
                    SVG => self.template(template, &mut Shared::default(), &mut text)?,
                    _ => self.template(template, shared, &mut text)?,
                }
                (*media_type, text)
            }
            State::Document(template, _) => (HTML, self.document(template, false)?),
            State::Waiting | State::Omitted | State::Missing(_) | State::Sprite(..) | State::Bytes(..) => {
                self.stack.pop();
                self.cut = outer_cut;
                return Ok(None);
            }
        };
        self.stack.pop();
        let url: Arc<str> = data_url::encode(media_type, text.as_bytes(), without_spaces).into();
        // What is cut off in it, because it is in what is being written, is there where it is written alone.
        if self.cut >= place {
            shared.urls.insert((id, without_spaces), Arc::clone(&url));
            self.cut = usize::MAX;
        } else {
            shared.cut_urls.insert((id, without_spaces), Arc::clone(&url));
        }
        self.cut = self.cut.min(outer_cut);
        Ok(Some(url))
    }

    /// What a script says for a module: its own name for it, unless that depends on where the script came from.
    fn specifier<'s>(&'s self, asset: AssetId, specifier: &'s str) -> std::borrow::Cow<'s, str> {
        if is_relative(specifier) { self.assets.get(asset).url.as_str().into() } else { specifier.into() }
    }

    /// The modules that scripts import, each by its names.
    fn import_map(&mut self, shared: &mut Shared, out: &mut String) -> Result<(), TooLarge> {
        let mut separator = "<script type=\"importmap\">{\"imports\":{";
        for (asset, specifier) in std::mem::take(&mut shared.modules) {
            let Some(url) = self.url(asset, false, shared)? else { continue };
            let name = self.specifier(asset, &specifier).into_owned();
            out.extend([separator, &json_string(&name), ":", &json_string(&url)]);
            separator = ",";
        }
        if separator == "," {
            out.push_str("}}</script>");
        }
        Ok(())
    }

    /// SVG documents of which elements are used.
    fn sprites(&mut self, shared: &mut Shared, out: &mut String) -> Result<(), TooLarge> {
        let assets = self.assets;
        for id in std::mem::take(&mut shared.sprites) {
            if let State::Sprite(template, url) = &assets.get(id).state {
                let root = own_name(url, "");
                out.push_str("<svg aria-hidden=\"true\" style=\"position:absolute;width:0;height:0;overflow:hidden\">");
                let _ = write!(out, "<g id=\"{root}\">");
                self.template(template, shared, out)?;
                out.push_str("</g></svg>");
            }
        }
        Ok(())
    }

    /// The start of a document's head: its charset, nothing from the network, and images that are used several
    /// times.
    fn head(&mut self, is_own: bool, has_scripts: bool, shared: &mut Shared, out: &mut String) -> Result<(), TooLarge> {
        if is_own {
            out.push_str("<meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"");
            out.push_str(&policy(self.omit));
            out.push_str("\">");
        }
        if is_own || has_scripts {
            out.extend(["<script>", NAVIGATION_GUARD, "</script>"]);
        }
        self.import_map(shared, out)?;
        if shared.images.is_empty() {
            return Ok(());
        }
        let images = std::mem::take(&mut shared.images);
        out.push_str("<style>:root{");
        for (number, (asset, fragment)) in images.iter().cloned().enumerate() {
            let Some(url) = self.url(asset, false, shared)? else { continue };
            let _ = write!(out, "{PROPERTY}{}:", number + 1);
            css_url(&format!("{url}{fragment}"), out);
            out.push(';');
        }
        out.push('}');
        for (number, _) in images.iter().enumerate().filter(|(_, (asset, _))| shared.placeholders.contains_key(asset)) {
            let number = number + 1;
            let _ = write!(out, "img[src$=\"#fetch-{number}\"]{{content:var({PROPERTY}{number})!important}}");
        }
        out.push_str("</style>");
        Ok(())
    }
}

fn css_url(url: &str, out: &mut String) {
    out.push_str("url(");
    if url.starts_with("data:") && !url.contains('\\') {
        // It has nothing else that is escaped.
        out.extend(["\"", url, "\""]);
    } else {
        css_string(url, out);
    }
    out.push(')');
}

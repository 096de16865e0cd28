//! The assets of a page: what is to be requested, what came of it, and what that refers to in turn.

use super::css::{self, FontSource, Grammar};
use super::html::{self, Document, Role};
use super::import_map::ImportMap;
use super::integrity;
use super::media_type::{self, MediaType};
use super::script;
use super::template::Template;
use super::{AssetId, Collector, Kind, Omit, Resolver, charset};
use encoding_rs::{Encoding, UTF_8};
use std::collections::HashMap;
use std::sync::Arc;
use url::Url;

/// How long a chain of references may be: page, style sheet, import, import, font.
const MAX_DEPTH: u32 = 16;
/// How many frames a page may have: as many as in Chromium.
const MAX_FRAMES: usize = 1000;
/// How many assets a page may have.
const MAX_ASSETS: usize = 50_000;

/// A response that is an asset's, or the page's own.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Where it came from in the end.
    pub(crate) url: Url,
    /// Its Content-Type.
    pub(crate) content_type: Option<String>,
    /// `X-Content-Type-Options: nosniff`.
    pub(crate) nosniff: bool,
    /// Decoded.
    pub(crate) body: Vec<u8>,
}

/// Something to be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AssetRequest {
    /// Whose it is.
    pub(crate) id: AssetId,
    /// Without a fragment.
    pub(crate) url: Url,
    /// What for.
    pub(crate) kind: Kind,
    /// The document or style sheet that refers to it.
    pub(crate) referrer: Url,
    /// How long the chain of references to it is; the page's own have 1.
    pub(crate) depth: u32,
}

/// One asset in one use.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) url: Url,
    pub(super) kind: Kind,
    pub(super) state: State,
    depth: u32,
    /// The charset of the document or style sheet that refers to it first.
    environment: &'static Encoding,
    /// The origin of that.
    origin: url::Origin,
    /// That is in quirks mode.
    quirks: bool,
    /// What its bytes have to be; empty where that is not said.
    integrity: String,
    /// The font groups in which it is tried.
    groups: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum State {
    /// It is requested.
    Waiting,
    /// It is not wanted.
    Omitted,
    /// It cannot be had, and this is why.
    Missing(String),
    /// Bytes of a media type.
    Bytes(String, Arc<Resource>),
    /// A text of a media type, with references of its own.
    Text(&'static str, Template),
    /// A document in a frame.
    Document(Template),
    /// An SVG document whose elements are used elsewhere; their identifiers begin with the asset's.
    Sprite(Template),
}

/// The fonts of an `@font-face` rule's `src`: the first that can be had is used.
#[derive(Debug)]
pub(super) struct FontGroup {
    sources: Vec<FontSource>,
    /// Those that were tried.
    assets: Vec<Option<AssetId>>,
}

impl FontGroup {
    /// The URL of one, and its asset if it was tried.
    pub(super) fn source(&self, index: usize) -> (&Url, Option<AssetId>) {
        (&self.sources[index].url, self.assets[index])
    }
}

/// What is known of a URL.
#[derive(Debug)]
enum Response {
    /// It is requested, for these.
    Waiting(Vec<AssetId>),
    /// It has come, or not.
    Done(Result<Arc<Resource>, String>),
}

/// All that a page refers to.
#[derive(Debug, Default)]
pub(super) struct Assets {
    omit: Omit,
    all: Vec<Asset>,
    known: HashMap<(Url, Kind, String), AssetId>,
    fonts: Vec<FontGroup>,
    responses: HashMap<Url, Response>,
    requests: Vec<AssetRequest>,
    waiting: usize,
    frames: usize,
    import_map: ImportMap,
}

impl Assets {
    pub(super) fn new(omit: Omit) -> Assets {
        Assets { omit, ..Assets::default() }
    }

    pub(super) fn all(&self) -> &[Asset] {
        &self.all
    }

    pub(super) fn get(&self, id: AssetId) -> &Asset {
        &self.all[id.0]
    }

    pub(super) fn font_group(&self, group: usize) -> &FontGroup {
        &self.fonts[group]
    }

    /// Whether nothing more is waited for.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting == 0
    }

    /// What is to be requested since the last call.
    pub(super) fn take_requests(&mut self) -> Vec<AssetRequest> {
        std::mem::take(&mut self.requests)
    }

    /// Takes the page itself.
    pub(super) fn page(&mut self, page: &Resource) -> Template {
        let media_type = MediaType::parse(page.content_type.as_deref().unwrap_or_default());
        let (text, encoding) = charset::decode_html(&page.body, media_type.charset.as_deref(), None, page.url.host_str());
        self.document(&text.into(), &page.url, encoding, Role::Page, 0)
    }

    /// Takes what a request came to.
    pub(super) fn add(&mut self, url: &Url, response: Result<Resource, String>) {
        let response = response.map(Arc::new);
        if let Some(Response::Waiting(ids)) = self.responses.insert(url.clone(), Response::Done(response.clone())) {
            self.waiting -= 1;
            ids.into_iter().for_each(|id| self.settle(id, response.clone()));
        }
    }

    /// Makes an asset of a response.
    fn settle(&mut self, id: AssetId, response: Result<Arc<Resource>, String>) {
        let verified = response.and_then(|resource| match integrity::matches(&resource.body, &self.get(id).integrity) {
            true => Ok(resource),
            false => Err("it is not what the page's integrity attribute says".to_owned()),
        });
        let state = match verified.and_then(|resource| self.content(id, &resource)) {
            Ok(state) => state,
            Err(why) => State::Missing(why),
        };
        let is_missing = matches!(state, State::Missing(_));
        self.all[id.0].state = state;
        for group in std::mem::take(&mut self.all[id.0].groups) {
            if is_missing {
                self.try_font(group, id);
            }
        }
    }

    fn content(&mut self, id: AssetId, resource: &Arc<Resource>) -> Result<State, String> {
        let Asset { kind, depth, environment, quirks, ref origin, .. } = self.all[id.0];
        let media_type = MediaType::parse(resource.content_type.as_deref().unwrap_or_default());
        let (essence, declared) = (media_type.essence.as_str(), media_type.charset.as_deref());
        let shown = if essence.is_empty() { "no media type" } else { essence };
        let is_home = resource.url.origin() == *origin;
        let bytes = |media_type: &str| Ok(State::Bytes(media_type.to_owned(), Arc::clone(resource)));
        if resource.body.is_empty() && !matches!(kind, Kind::Style | Kind::Script | Kind::Module | Kind::Import | Kind::Frame) {
            return Err("it is empty".to_owned());
        }
        match kind {
            Kind::Image => match media_type::sniff_image(&resource.body) {
                Some(sniffed) => bytes(sniffed),
                None if media_type.is_svg() => bytes("image/svg+xml"),
                None if essence.starts_with("image/") => bytes(essence),
                None => Err(format!("not an image: {shown}")),
            },
            Kind::Font => match media_type::sniff_font(&resource.body) {
                Some(sniffed) => bytes(sniffed),
                None => Err(format!("not a font: {shown}")),
            },
            Kind::Media => match media_type::sniff_media(&resource.body) {
                Some(sniffed) if !essence.starts_with("audio/") && !essence.starts_with("video/") => bytes(sniffed),
                None if !essence.starts_with("audio/") && !essence.starts_with("video/") => {
                    Err(format!("not audio or video: {shown}"))
                }
                _ => bytes(essence),
            },
            Kind::Track => bytes("text/vtt"),
            Kind::Style => {
                let is_css = essence == "text/css" || essence.is_empty() || quirks && is_home && !resource.nosniff;
                if !is_css {
                    return Err(format!("not a style sheet: {shown}"));
                }
                let (text, encoding) = charset::decode_css(&resource.body, declared, environment);
                Ok(State::Text("text/css", self.sheet(&text, &resource.url, encoding, depth, quirks)))
            }
            Kind::Script | Kind::Module | Kind::Import => {
                let is_module = kind != Kind::Script;
                let strict = is_module || resource.nosniff;
                if media_type.is_blocked_as_script() || strict && !media_type.is_script() {
                    return Err(format!("not a script: {shown}"));
                }
                let environment = if is_module { UTF_8 } else { environment };
                let text = charset::decode_script(&resource.body, declared.filter(|_| !is_module), environment);
                let url = &resource.url;
                let mut collecting = Collecting { assets: self, referrer: url, encoding: UTF_8, depth, quirks };
                let template = script::edit(&text.into(), is_module, &Resolver { base: url, encoding: UTF_8 }, &mut collecting);
                Ok(State::Text("text/javascript", template))
            }
            Kind::Sprite if !is_home => Err("SVG of another origin is not used by browsers".to_owned()),
            Kind::Sprite if media_type.is_svg() => {
                let text = charset::decode_xml(&resource.body, declared);
                // What stands before the root is XML's.
                let root = text.find("<svg").map_or(text.as_str(), |at| &text[at..]);
                Ok(State::Sprite(self.document(&root.into(), &resource.url, UTF_8, Role::Sprite(id), depth)))
            }
            Kind::Sprite => Err(format!("not an SVG document: {shown}")),
            Kind::Frame if media_type.is_html() => {
                let parent = Some(environment).filter(|_| is_home);
                let (text, encoding) = charset::decode_html(&resource.body, declared, parent, resource.url.host_str());
                Ok(State::Document(self.document(&text.into(), &resource.url, encoding, Role::Framed, depth)))
            }
            Kind::Frame if media_type.is_svg() => {
                let text = charset::decode_xml(&resource.body, declared);
                let template = self.document(&text.into(), &resource.url, UTF_8, Role::Svg, depth);
                Ok(State::Text("image/svg+xml", template))
            }
            Kind::Frame if essence.is_empty() || essence == "application/octet-stream" => {
                Err(format!("not shown by browsers: {shown}"))
            }
            Kind::Frame => bytes(essence),
        }
    }

    fn document(&mut self, text: &Arc<str>, url: &Url, encoding: &'static Encoding, role: Role, depth: u32) -> Template {
        let quirks = matches!(role, Role::Page | Role::Framed) && html::is_quirky(text);
        let mut collecting = Collecting { assets: self, referrer: url, encoding, depth, quirks };
        html::edit(text, &Document { url, base: url, encoding, role }, &mut collecting)
    }

    fn sheet(&mut self, text: &str, url: &Url, encoding: &'static Encoding, depth: u32, quirks: bool) -> Template {
        let mut collecting = Collecting { assets: self, referrer: url, encoding, depth, quirks };
        css::edit(text, Grammar::Sheet, &Resolver { base: url, encoding }, &mut collecting).into_template(text.into())
    }

    /// Requests the next font of a group, if there is another one after `failed`.
    fn try_font(&mut self, group: usize, failed: AssetId) {
        let asset = self.get(failed);
        let (depth, environment, quirks) = (asset.depth, asset.environment, asset.quirks);
        let Some(referrer) = self.fonts[group].sources.first().map(|font| font.url.clone()) else { return };
        let mut collecting = Collecting { assets: self, referrer: &referrer, encoding: environment, depth: depth - 1, quirks };
        collecting.next_font(group);
    }
}

/// Takes the references of one document or style sheet.
struct Collecting<'a> {
    assets: &'a mut Assets,
    referrer: &'a Url,
    encoding: &'static Encoding,
    depth: u32,
    quirks: bool,
}

impl Collecting<'_> {
    fn next_font(&mut self, group: usize) {
        let FontGroup { sources, assets } = &self.assets.fonts[group];
        let first = assets.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let next =
            (first..sources.len()).find(|index| sources[*index].is_supported && !sources[*index].url.path().ends_with(".eot"));
        let Some(index) = next else { return };
        let mut url = sources[index].url.clone();
        url.set_fragment(None);
        let id = self.asset(url, Kind::Font);
        self.assets.fonts[group].assets[index] = Some(id);
        match self.assets.get(id).state {
            State::Waiting => self.assets.all[id.0].groups.push(group),
            State::Missing(_) => self.next_font(group),
            _ => {}
        }
    }
}

impl Collector for Collecting<'_> {
    fn asset(&mut self, url: Url, kind: Kind) -> AssetId {
        self.verified(url, kind, "")
    }

    fn verified(&mut self, url: Url, kind: Kind, integrity: &str) -> AssetId {
        let key = (url, kind, integrity.to_owned());
        if let Some(id) = self.assets.known.get(&key) {
            return *id;
        }
        let (id, depth, url) = (AssetId(self.assets.all.len()), self.depth + 1, key.0.clone());
        self.assets.known.insert(key, id);
        let mut asset = Asset {
            url: url.clone(),
            kind,
            state: State::Waiting,
            depth,
            environment: self.encoding,
            origin: self.referrer.origin(),
            quirks: self.quirks,
            integrity: integrity.to_owned(),
            groups: Vec::new(),
        };
        let refused = match () {
            () if depth > MAX_DEPTH => Some(format!("more than {MAX_DEPTH} references lead to it")),
            () if kind == Kind::Frame && self.assets.frames >= MAX_FRAMES => {
                Some(format!("the page has more than {MAX_FRAMES} frames"))
            }
            () if id.0 >= MAX_ASSETS => Some(format!("the page has more than {MAX_ASSETS} assets")),
            () => None,
        };
        if self.assets.omit.has(kind) {
            asset.state = State::Omitted;
        } else if let Some(why) = refused {
            asset.state = State::Missing(why);
        }
        let is_waiting = matches!(asset.state, State::Waiting);
        self.assets.frames += usize::from(kind == Kind::Frame && is_waiting);
        self.assets.all.push(asset);
        if is_waiting {
            match self.assets.responses.get_mut(&url) {
                None => {
                    self.assets.responses.insert(url.clone(), Response::Waiting(vec![id]));
                    self.assets.waiting += 1;
                    self.assets.requests.push(AssetRequest { id, url, kind, referrer: self.referrer.clone(), depth });
                }
                // It comes with another use of it.
                Some(Response::Waiting(ids)) => ids.push(id),
                Some(Response::Done(response)) => {
                    let response = response.clone();
                    self.assets.settle(id, response);
                }
            }
        }
        id
    }

    fn module(&mut self, specifier: &str, resolver: &Resolver<'_>) -> Option<AssetId> {
        let mut url = self.assets.import_map.resolve(specifier, resolver)?;
        url.set_fragment(None);
        matches!(url.scheme(), "http" | "https").then(|| self.asset(url, Kind::Import))
    }

    fn import_map(&mut self, map: ImportMap) {
        // The first one counts.
        if self.assets.import_map == ImportMap::default() {
            self.assets.import_map = map;
        }
    }

    fn fonts(&mut self, sources: Vec<FontSource>) -> usize {
        let group = self.assets.fonts.len();
        let assets = vec![None; sources.len()];
        self.assets.fonts.push(FontGroup { sources, assets });
        if !self.assets.omit.has(Kind::Font) {
            self.next_font(group);
        }
        group
    }
}

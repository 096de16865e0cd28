//! The assets of a page: what is to be requested, what came of it, and what that refers to in turn.

use super::characters::Characters;
use super::css::{self, Grammar};
use super::environment::{Environment, Key, Referrer};
use super::html::{self, Document, Role};
use super::import_map::ImportMap;
use super::integrity;
use super::media_type;
use super::quirks::{self, Mode};
use super::reference::{Alternative, AssetId, AssetKind, AssetOptions, Collector};
use super::resolver::Resolver;
use super::resource::{AssetRequest, RequestKey, Resource, decode, has_html};
use super::script;
use super::template::Template;
use super::{Omit, charset};
use encoding_rs::{Encoding, UTF_8};
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use url::{Origin, Url};

/// How long a chain of references may be: page, style sheet, import, import, font.
const MAX_DEPTH: u32 = 16;
/// How many frames a page may have: as many as in Chromium.
const MAX_FRAMES: usize = 1000;
/// The media types of documents in this one: in UTF-8, whatever they say themselves.
pub(super) const HTML: &str = "text/html;charset=utf-8";
pub(super) const SVG: &str = "image/svg+xml;charset=utf-8";

/// How many assets a page may have.
const MAX_ASSETS: usize = 50_000;

/// One asset in one use.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) url: Url,
    pub(super) kind: AssetKind,
    pub(super) state: State,
    options: AssetOptions,
    /// What refers to it first.
    referrer: Referrer,
    /// The groups in which it is tried.
    groups: Vec<usize>,
}

impl Asset {
    /// The document for which it is requested.
    pub(super) fn environment(&self) -> &Environment {
        &self.referrer.environment
    }
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
    Document(Template, Arc<Environment>),
    /// An SVG document whose elements are used in another one, and its URL, of which their names are made.
    Sprite(Template, Url),
}

/// Resources of which the first that can be had is used.
#[derive(Debug)]
pub(super) struct Group {
    kind: AssetKind,
    sources: Vec<Alternative>,
    /// Those that were tried.
    assets: Vec<Option<AssetId>>,
    referrer: Referrer,
}

impl Group {
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
    known: HashMap<Key, AssetId>,
    groups: Vec<Group>,
    /// Groups that are needed only for characters that the page has not shown yet.
    unneeded: Vec<(usize, Vec<RangeInclusive<u32>>)>,
    characters: Characters,
    responses: HashMap<RequestKey, Response>,
    requests: Vec<AssetRequest>,
    waiting: usize,
    frames: usize,
    /// By document.
    import_maps: HashMap<usize, ImportMap>,
    documents: usize,
    page_origin: Option<Origin>,
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

    pub(super) fn group(&self, group: usize) -> &Group {
        &self.groups[group]
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
        let media_type = page.media_type();
        let (text, encoding) = decode(page, &media_type, None);
        let environment = self.environment(&text, page, encoding, None);
        let referrer = Referrer { url: page.url.clone(), encoding, environment, depth: 0 };
        let document = self.document(&text.into(), referrer, Role::Page);
        self.request_needed();
        document
    }

    /// The environment of a document, which may be in a frame of another one.
    fn environment(
        &mut self,
        text: &str,
        resource: &Resource,
        encoding: &'static Encoding,
        parent: Option<&Environment>,
    ) -> Arc<Environment> {
        self.documents += 1;
        let url = &resource.url;
        let page = self.page_origin.get_or_insert_with(|| url.origin());
        let third_party =
            if url.origin() == *page { parent.and_then(|parent| parent.third_party.clone()) } else { Some(url.clone()) };
        Arc::new(Environment {
            id: self.documents,
            origin: url.origin(),
            mode: quirks::mode(text),
            base: html::base_url(text, &Document { url, base: url, encoding, role: Role::Page }),
            third_party,
            is_sandboxed: resource.directive("sandbox").is_some(),
        })
    }

    /// Takes what a request came to.
    pub(super) fn add(&mut self, request: &AssetRequest, response: Result<Resource, String>) {
        let response = response.map(Arc::new);
        let key = request.key();
        if let Some(Response::Waiting(ids)) = self.responses.insert(key, Response::Done(response.clone())) {
            self.waiting -= 1;
            ids.into_iter().for_each(|id| self.settle(id, response.clone()));
        }
        self.request_needed();
    }

    /// Once all characters of the page are known, requests the fonts that are for them.
    fn request_needed(&mut self) {
        if self.waiting > 0 {
            return;
        }
        for (group, characters) in std::mem::take(&mut self.unneeded) {
            match self.characters.has_any(&characters) {
                true => self.request_next(group),
                false => self.unneeded.push((group, characters)),
            }
        }
    }

    /// Requests the next resource of a group, if there is one.
    fn request_next(&mut self, group: usize) {
        loop {
            let Group { kind, sources, assets, referrer } = &self.groups[group];
            let first = assets.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            let Some(index) = (first..sources.len()).find(|index| sources[*index].is_supported) else { return };
            let (mut url, kind, referrer) = (sources[index].url.clone(), *kind, referrer.clone());
            url.set_fragment(None);
            let options = if kind == AssetKind::Font { AssetOptions::cors() } else { AssetOptions::default() };
            let id = Collecting { assets: self, referrer }.asset(url, kind, options);
            self.groups[group].assets[index] = Some(id);
            match self.get(id).state {
                State::Waiting => return self.all[id.0].groups.push(group),
                // The next one.
                State::Missing(_) => {}
                _ => return,
            }
        }
    }

    /// Makes an asset of a response.
    fn settle(&mut self, id: AssetId, response: Result<Arc<Resource>, String>) {
        let allowed = response.and_then(|resource| self.check(id, &resource).map(|()| resource));
        let state = match allowed.and_then(|resource| self.content(id, &resource)) {
            Ok(state) => state,
            Err(why) => State::Missing(why),
        };
        let is_missing = matches!(state, State::Missing(_));
        self.all[id.0].state = state;
        for group in std::mem::take(&mut self.all[id.0].groups) {
            if is_missing {
                self.request_next(group);
            }
        }
    }

    /// Whether a browser lets the page have what came: its origin and its bytes are to be right.
    fn check(&self, id: AssetId, resource: &Resource) -> Result<(), String> {
        let Asset { options, referrer, .. } = self.get(id);
        let origin = &referrer.environment.origin;
        if resource.url.origin() != *origin {
            let allowed = resource.allowed_origin.as_deref().map(str::trim_ascii);
            if options.cors && allowed.is_none_or(|allowed| allowed != "*" && allowed != origin.ascii_serialization()) {
                return Err(format!("{} does not allow it to {}", authority(&resource.url), origin.ascii_serialization()));
            }
            if !options.cors && integrity::says_something(&options.integrity) {
                return Err("of another origin, its integrity is checked only with a crossorigin attribute".to_owned());
            }
        }
        match integrity::matches(&resource.body, &options.integrity) {
            true => Ok(()),
            false => Err("it is not what the page's integrity attribute says".to_owned()),
        }
    }

    fn content(&mut self, id: AssetId, resource: &Arc<Resource>) -> Result<State, String> {
        let Asset { kind, ref referrer, ref options, .. } = self.all[id.0];
        let (url, environment, depth) = (resource.url.clone(), Arc::clone(&referrer.environment), referrer.depth + 1);
        let fallback = options.charset.unwrap_or(referrer.encoding);
        let referrer = |encoding| Referrer { url: url.clone(), encoding, environment: Arc::clone(&environment), depth };
        let media_type = resource.media_type();
        let (essence, declared) = (media_type.essence.as_str(), media_type.charset.as_deref());
        let shown = if essence.is_empty() { "no media type" } else { essence };
        let is_same_origin = url.origin() == environment.origin;
        let bytes = |media_type: &str| Ok(State::Bytes(media_type.to_owned(), Arc::clone(resource)));
        if resource.body.is_empty() && !kind.may_be_empty() {
            return Err("it is empty".to_owned());
        }
        match kind {
            AssetKind::Image => match media_type::sniff_image(&resource.body) {
                Some(sniffed) => bytes(sniffed),
                None if media_type.is_svg() => bytes("image/svg+xml"),
                None if essence.starts_with("image/") => bytes(essence),
                None => Err(format!("not an image: {shown}")),
            },
            AssetKind::Font => match media_type::sniff_font(&resource.body) {
                Some(sniffed) => bytes(sniffed),
                None => Err(format!("not a font: {shown}")),
            },
            AssetKind::Media => match media_type::sniff_media(&resource.body) {
                // Browsers go by the bytes; of a data: URL, by the type.
                Some(sniffed) => bytes(sniffed),
                None if !essence.starts_with("audio/") && !essence.starts_with("video/") => {
                    Err(format!("not audio or video: {shown}"))
                }
                _ => bytes(essence),
            },
            AssetKind::Track => bytes("text/vtt"),
            AssetKind::Style => {
                let is_lenient = environment.mode == Mode::Quirks && is_same_origin && !resource.nosniff;
                if essence != "text/css" && !essence.is_empty() && !is_lenient {
                    return Err(format!("not a style sheet: {shown}"));
                }
                Ok(self.sheet(&resource.body, declared, fallback, referrer))
            }
            // What a module imports with an attribute that says so.
            AssetKind::Import if media_type.is_json() => bytes("application/json"),
            AssetKind::Import if essence == "text/css" => Ok(self.sheet(&resource.body, declared, UTF_8, referrer)),
            AssetKind::Script | AssetKind::Module | AssetKind::Import => {
                let is_module = kind != AssetKind::Script;
                let strict = is_module || resource.nosniff;
                if media_type.is_blocked_as_script() || strict && !media_type.is_script() {
                    return Err(format!("not a script: {shown}"));
                }
                let fallback = if is_module { UTF_8 } else { fallback };
                let text = charset::decode_script(&resource.body, declared.filter(|_| !is_module), fallback);
                self.characters.add(&text);
                let mut collecting = Collecting { assets: self, referrer: referrer(UTF_8) };
                let resolver = |base| Resolver { base, document: None, encoding: UTF_8 };
                let (own, documents) = (resolver(&resource.url), resolver(&environment.base));
                let template = script::edit(&text.into(), is_module, &own, &documents, &mut collecting);
                Ok(State::Text("text/javascript", template))
            }
            AssetKind::Sprite if !is_same_origin => Err("SVG of another origin is not used by browsers".to_owned()),
            AssetKind::Sprite if media_type.is_svg() => {
                let text = charset::decode_xml(&resource.body, declared);
                // What stands before the root is XML's.
                let root = html::svg_root(&text).ok_or("not an SVG document")?;
                let root: Arc<str> = text[root..].into();
                Ok(State::Sprite(self.document(&root, referrer(UTF_8), Role::Sprite), resource.url.clone()))
            }
            AssetKind::Sprite => Err(format!("not an SVG document: {shown}")),
            AssetKind::Frame | AssetKind::Object if resource.refuses_frame(is_same_origin) => {
                Err(format!("{} does not let it be framed", authority(&resource.url)))
            }
            AssetKind::Frame | AssetKind::Object if resource.is_html() => {
                let parent = Some(fallback).filter(|_| is_same_origin);
                let (text, encoding) = decode(resource, &media_type, parent);
                let environment = self.environment(&text, resource, encoding, Some(&*environment));
                let referrer = Referrer { url: resource.url.clone(), encoding, environment: Arc::clone(&environment), depth };
                Ok(State::Document(self.document(&text.into(), referrer, Role::Framed), environment))
            }
            // Browsers create HTML elements for it, and their references are not rewritten.
            AssetKind::Frame | AssetKind::Object if media_type.is_xml() && has_html(&resource.body) => {
                Err(format!("XML with HTML or entities in it: {shown}"))
            }
            AssetKind::Frame | AssetKind::Object if media_type.is_svg() => {
                let text = charset::decode_xml(&resource.body, declared);
                Ok(State::Text(SVG, self.document(&text.into(), referrer(UTF_8), Role::Svg)))
            }
            AssetKind::Frame | AssetKind::Object if !media_type.is_shown() => Err(format!("not shown by browsers: {shown}")),
            AssetKind::Frame | AssetKind::Object => match declared.and_then(|label| Encoding::for_label(label.as_bytes())) {
                Some(encoding) => bytes(&format!("{essence};charset={}", encoding.name())),
                None => bytes(essence),
            },
        }
    }

    fn document(&mut self, text: &Arc<str>, referrer: Referrer, role: Role) -> Template {
        self.characters.add_html(text);
        let (url, encoding) = (referrer.url.clone(), referrer.encoding);
        let mut collecting = Collecting { assets: self, referrer };
        html::edit(text, &Document { url: &url, base: &url, encoding, role }, &mut collecting)
    }

    /// A style sheet, in the charset that is declared for it, or that of what refers to it.
    fn sheet(
        &mut self,
        body: &[u8],
        declared: Option<&str>,
        fallback: &'static Encoding,
        referrer: impl Fn(&'static Encoding) -> Referrer,
    ) -> State {
        let (text, encoding) = charset::decode_css(body, declared, fallback);
        let referrer = referrer(encoding);
        let url = referrer.url.clone();
        let mut collecting = Collecting { assets: self, referrer };
        let edits = css::edit(&text, Grammar::Sheet, &Resolver { base: &url, document: None, encoding }, &mut collecting);
        State::Text("text/css", edits.into_template(text.into()))
    }
}

/// The host of a URL, and its port if it has one.
fn authority(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

/// Takes the references of one document, style sheet or script.
struct Collecting<'a> {
    assets: &'a mut Assets,
    referrer: Referrer,
}

impl Collector for Collecting<'_> {
    fn asset(&mut self, url: Url, kind: AssetKind, options: AssetOptions) -> AssetId {
        let key = Key::new(url, kind, options, &self.referrer);
        if let Some(id) = self.assets.known.get(&key) {
            return *id;
        }
        let (url, options) = (key.url.clone(), key.options.clone());
        let (id, depth) = (AssetId(self.assets.all.len()), self.referrer.depth + 1);
        self.assets.known.insert(key, id);
        let is_frame = matches!(kind, AssetKind::Frame | AssetKind::Object);
        let refused = match () {
            () if depth > MAX_DEPTH => Some(format!("more than {MAX_DEPTH} references lead to it")),
            () if is_frame && self.assets.frames >= MAX_FRAMES => Some(format!("the page has more than {MAX_FRAMES} frames")),
            // It could not be requested, and would be waited for.
            () if !url.has_host() => Some("it has no host".to_owned()),
            () if id.0 >= MAX_ASSETS => Some(format!("the page has more than {MAX_ASSETS} assets")),
            () => None,
        };
        let state = match refused {
            _ if self.assets.omit.has(kind) => State::Omitted,
            Some(why) => State::Missing(why),
            None => State::Waiting,
        };
        let is_waiting = matches!(state, State::Waiting);
        self.assets.frames += usize::from(is_frame && is_waiting);
        let origin = Some(&self.referrer.environment.origin).filter(|origin| options.cors && url.origin() != **origin);
        let origin = origin.map(Origin::ascii_serialization);
        let referrer = self.referrer.clone();
        self.assets.all.push(Asset { url: url.clone(), kind, state, options, referrer, groups: Vec::new() });
        if is_waiting {
            let third_party = self.referrer.environment.third_party.clone();
            let request = AssetRequest { id, url, kind, referrer: self.referrer.url.clone(), origin, third_party, depth };
            match self.assets.responses.get_mut(&request.key()) {
                None => {
                    self.assets.responses.insert(request.key(), Response::Waiting(vec![id]));
                    self.assets.waiting += 1;
                    self.assets.requests.push(request);
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

    fn alternatives(
        &mut self,
        kind: AssetKind,
        sources: Vec<Alternative>,
        characters: Option<Vec<RangeInclusive<u32>>>,
    ) -> usize {
        let group = self.assets.groups.len();
        let assets = vec![None; sources.len()];
        self.assets.groups.push(Group { kind, sources, assets, referrer: self.referrer.clone() });
        if !self.assets.omit.has(kind) {
            match characters.filter(|characters| !self.assets.characters.has_any(characters)) {
                None => self.assets.request_next(group),
                Some(characters) => self.assets.unneeded.push((group, characters)),
            }
        }
        group
    }

    fn text(&mut self, text: &str) {
        self.assets.characters.add(text);
    }

    fn module(&mut self, specifier: &str, resolver: &Resolver<'_>) -> Option<(AssetId, String)> {
        let map = self.assets.import_maps.get(&self.referrer.environment.id);
        let (mut url, is_scoped) = map.unwrap_or(&ImportMap::default()).resolve(specifier, resolver)?;
        url.set_fragment(None);
        // Elsewhere the same name may be another module's.
        let name = if is_scoped { url.to_string() } else { specifier.to_owned() };
        matches!(url.scheme(), "http" | "https").then(|| (self.asset(url, AssetKind::Import, AssetOptions::cors()), name))
    }

    fn import_map(&mut self, map: ImportMap) {
        self.assets.import_maps.entry(self.referrer.environment.id).or_default().merge(map);
    }
}

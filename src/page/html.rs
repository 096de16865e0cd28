//! References in HTML, with their places, and what else has to change for a page to stand alone.

use super::css::{self, Grammar};
use super::import_map::ImportMap;
use super::srcset::{self, Candidate};
use super::tag::{Attribute, Attributes};
use super::template::{Edits, Link, Part, Place, Template};
use super::tokens::{Namespace, Token, tokens};
use super::{AssetId, Collector, Kind, Resolver, charset, data_url, script};
use encoding_rs::{Encoding, UTF_8};
use std::ops::Range;
use std::sync::Arc;
use url::{Position, Url};

/// How deep documents may be nested in attributes and `noscript` elements.
const MAX_DEPTH: u32 = 8;

/// Attributes of images that scripts turn into `src` when the image is about to be seen.
const LAZY_SOURCES: &[&str] = &[
    "data-src",
    "data-original",
    "data-original-src",
    "data-lazy-src",
    "data-lazy",
    "data-lazyload",
    "data-lazyload-src",
    "data-ks-lazyload",
    "data-actualsrc",
    "data-hi-res-src",
    "data-echo",
    "data-url",
    "data-image",
    "data-img",
    "data-cfsrc",
    "data-rsrc",
    "data-orig-file",
    "data-large-file",
    "lazy-src",
    "lazysrc",
    "lazyload",
    "original",
    "real_src",
    "_src",
    "src2",
    "src3",
    "file",
    "zoomfile",
];
/// The same for `srcset`.
const LAZY_SOURCE_SETS: &[&str] = &["data-srcset", "data-lazy-srcset", "lazy-srcset", "data-original-set"];
/// The same for backgrounds, of any element.
const LAZY_BACKGROUNDS: &[&str] = &[
    "data-bg",
    "data-background",
    "data-background-image",
    "data-bg-src",
    "data-lazy-background",
    "data-bgset",
    "data-image-src",
];

/// Attributes of SVG whose value may be a `url()`.
const PRESENTATION: &[&str] =
    &["fill", "stroke", "filter", "mask", "clip-path", "cursor", "marker", "marker-start", "marker-mid", "marker-end"];

/// What a text of HTML is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The page itself.
    Page,
    /// A document in a frame.
    Framed,
    /// A document or a fragment in another one: `srcdoc`, `noscript`.
    Inner,
    /// An SVG document.
    Svg,
    /// An SVG document that stands in another one.
    Sprite(AssetId),
}

/// A document, decoded.
#[derive(Clone, Copy)]
pub(super) struct Document<'d> {
    pub(super) url: &'d Url,
    /// What relative references are relative to, unless the document says otherwise.
    pub(super) base: &'d Url,
    pub(super) encoding: &'static Encoding,
    pub(super) role: Role,
}

/// Replaces the references in a document.
pub(super) fn edit(text: &Arc<str>, document: &Document<'_>, collector: &mut dyn Collector) -> Template {
    edit_nested(text, document, collector, 0)
}

fn edit_nested(text: &Arc<str>, document: &Document<'_>, collector: &mut dyn Collector, depth: u32) -> Template {
    let tokens = tokens(text);
    let base = base_url(text, &tokens, document);
    let resolver = Resolver { base: &base, encoding: document.encoding };
    let mut walker = Walker { text, document, resolver, collector, edits: Edits::default(), depth };
    walker.head(&tokens);
    walker.import_map(&tokens);
    for (index, token) in tokens.iter().enumerate() {
        if let Token::Start(name, namespace, range) = token {
            let content = match tokens.get(index + 1) {
                Some(Token::Text(text)) if text.start == range.end => Some(text.clone()),
                _ => None,
            };
            walker.start_tag(name, *namespace, range.clone(), content);
        }
    }
    walker.edits.into_template(Arc::clone(text))
}

/// Whether a document is in quirks mode (WHATWG HTML section 13.2.6.4.1), but for doctypes that are rarely seen.
pub(super) fn is_quirky(text: &str) -> bool {
    let start = &text[..text.floor_char_boundary(4096)];
    let doctype = tokens(start).into_iter().find_map(|token| match token {
        Token::Doctype(range) => Some(Some(range)),
        Token::Start(..) => Some(None),
        Token::Comment(_) | Token::Text(_) => None,
    });
    let Some(Some(range)) = doctype else { return true };
    let doctype = text[range].to_ascii_lowercase();
    let old = ["-//ietf//", "-//w3c//dtd html 3", "-//netscape", "-//microsoft", "-//w3c//dtd html 4.0 draft", "-//sun"];
    let transitional = ["-//w3c//dtd html 4.01 transitional//", "-//w3c//dtd html 4.01 frameset//"];
    !doctype.contains("html")
        || old.iter().any(|id| doctype.contains(id))
        || ["-//w3c//dtd html 4.0 transitional", "-//w3c//dtd html 4.0 frameset"].iter().any(|id| doctype.contains(id))
        || transitional.iter().any(|id| doctype.contains(id)) && !doctype.contains("http://")
}

/// The document's base URL (WHATWG HTML section 2.4.3).
fn base_url(text: &str, tokens: &[Token], document: &Document<'_>) -> Url {
    let resolver = Resolver { base: document.base, encoding: document.encoding };
    let mut bases = tokens.iter().filter_map(|token| match token {
        Token::Start(name, Namespace::Html, range) if name == "base" => {
            Attributes::of(text, range.clone()).text("href").map(|href| href.trim_ascii().to_owned())
        }
        _ => None,
    });
    let base =
        bases.next().and_then(|href| resolver.absolute(&href)).filter(|base| !matches!(base.scheme(), "data" | "javascript"));
    base.unwrap_or_else(|| document.base.clone())
}

struct Walker<'w> {
    text: &'w str,
    document: &'w Document<'w>,
    resolver: Resolver<'w>,
    collector: &'w mut dyn Collector,
    edits: Edits,
    depth: u32,
}

impl Walker<'_> {
    /// Says where the page came from, and where a document gets what it needs to stand alone: at the start of its
    /// head, which no tag need say.
    fn head(&mut self, tokens: &[Token]) {
        if !matches!(self.document.role, Role::Page | Role::Framed) {
            return;
        }
        let doctype = tokens.iter().find_map(|token| if let Token::Doctype(range) = token { Some(range.end) } else { None });
        if self.document.role == Role::Page {
            let mut url = self.document.url.clone();
            url.set_fragment(None);
            let at = doctype.unwrap_or_default();
            let comment = format!("<!-- saved from url=({:04}){url} -->", url.as_str().len());
            self.edits.text(at..at, if at == 0 { comment + "\n" } else { format!("\n{comment}") });
        }
        let is_space = |range: &Range<usize>| self.text[range.clone()].trim_ascii().is_empty();
        let at = tokens.iter().find_map(|token| match token {
            Token::Doctype(_) | Token::Comment(_) => None,
            Token::Text(range) if is_space(range) => None,
            Token::Start(name, _, _) if name == "html" => None,
            Token::Start(name, _, range) if name == "head" => Some(range.end),
            Token::Start(_, _, range) | Token::Text(range) => Some(range.start),
        });
        let at = at.unwrap_or(self.text.len());
        self.edits.replace(at..at, vec![Part::Head]);
        let end = self.text.len();
        self.edits.replace(end..end, vec![Part::Sprites]);
    }

    fn start_tag(&mut self, name: &str, namespace: Namespace, range: Range<usize>, content: Option<Range<usize>>) {
        let attributes = Attributes::of(self.text, range.clone());
        let attributes = &attributes;
        match namespace {
            Namespace::Html => self.html(name, attributes, &range, content),
            Namespace::Svg => self.svg(name, attributes, content),
            Namespace::MathMl => self.links(attributes, &["href", "xlink:href"]),
        }
        if let Some(style) = attributes.get("style") {
            self.css_attribute(style, Grammar::Declarations);
        }
    }

    fn html(&mut self, name: &str, attributes: &Attributes<'_>, range: &Range<usize>, content: Option<Range<usize>>) {
        match name {
            "base" => self.remove_attribute(attributes, "href"),
            "meta" => self.meta(attributes, range),
            "link" => self.link_element(attributes, range),
            "style" => {
                let is_css = attributes.text("type").is_none_or(|kind| kind.is_empty() || kind.eq_ignore_ascii_case("text/css"));
                if let (true, Some(content)) = (is_css, content) {
                    self.css(content);
                }
            }
            "script" => self.script(attributes, content),
            "noscript" => {
                if let Some(content) = content {
                    let text = Arc::from(&self.text[content.clone()]);
                    if let Some(template) = self.inner(&text) {
                        self.edits.replace(content, vec![Part::Nested(template)]);
                    }
                }
            }
            "img" | "image" => {
                let place = if attributes.get("srcset").is_none() { Place::Image } else { Place::Attribute };
                self.asset(attributes, "src", Kind::Image, place);
                self.source_set(attributes, "srcset");
                self.lazy(attributes, Kind::Image);
                self.links(attributes, &["longdesc"]);
            }
            "source" => {
                self.asset(attributes, "src", Kind::Media, Place::Attribute);
                self.source_set(attributes, "srcset");
                LAZY_SOURCE_SETS.iter().for_each(|name| self.source_set(attributes, name));
            }
            "video" | "audio" => {
                self.asset(attributes, "src", Kind::Media, Place::Attribute);
                self.asset(attributes, "poster", Kind::Image, Place::Attribute);
            }
            "track" => self.asset(attributes, "src", Kind::Track, Place::Attribute),
            "input" => {
                if attributes.is("type", "image") {
                    self.asset(attributes, "src", Kind::Image, Place::Attribute);
                }
                self.links(attributes, &["formaction"]);
            }
            "iframe" => {
                match attributes.get("srcdoc") {
                    Some(srcdoc) => {
                        let text = Arc::from(srcdoc.text());
                        if let Some(template) = self.inner(&text) {
                            self.edits.replace(srcdoc.value.clone(), vec![Part::Attribute(template)]);
                        }
                        self.links(attributes, &["src"]);
                    }
                    None => self.asset(attributes, "src", Kind::Frame, Place::Attribute),
                }
                self.links(attributes, &["longdesc"]);
            }
            "frame" => self.asset(attributes, "src", Kind::Frame, Place::Attribute),
            "embed" => self.asset(attributes, "src", Kind::Frame, Place::Attribute),
            "object" => self.asset(attributes, "data", Kind::Frame, Place::Attribute),
            "body" | "table" | "thead" | "tbody" | "tfoot" | "tr" | "td" | "th" => {
                self.asset(attributes, "background", Kind::Image, Place::Attribute);
            }
            "a" | "area" => self.links(attributes, &["href"]),
            "form" => self.links(attributes, &["action"]),
            "button" => self.links(attributes, &["formaction"]),
            "blockquote" | "q" | "ins" | "del" => self.links(attributes, &["cite"]),
            _ => {}
        }
        for name in LAZY_BACKGROUNDS {
            if attributes.text(name).is_some_and(|value| is_image_name(&value)) {
                self.asset(attributes, name, Kind::Image, Place::Attribute);
            }
        }
    }

    fn svg(&mut self, name: &str, attributes: &Attributes<'_>, content: Option<Range<usize>>) {
        match name {
            "image" | "feimage" => {
                self.asset(attributes, "href", Kind::Image, Place::Attribute);
                self.asset(attributes, "xlink:href", Kind::Image, Place::Attribute);
            }
            "script" => {
                self.asset(attributes, "href", Kind::Script, Place::Attribute);
                self.asset(attributes, "xlink:href", Kind::Script, Place::Attribute);
            }
            "style" => {
                // Its text is no raw text, but nothing in most style sheets makes a difference.
                if let Some(content) = content.filter(|content| !self.text[content.clone()].contains('&')) {
                    self.css(content);
                }
            }
            "use" => ["href", "xlink:href"].into_iter().for_each(|name| self.svg_use(attributes, name)),
            "a" => self.links(attributes, &["href", "xlink:href"]),
            _ => {}
        }
        if let Role::Sprite(id) = self.document.role {
            self.prefix(attributes, id);
            return;
        }
        for attribute in PRESENTATION.iter().filter_map(|name| attributes.get(name)) {
            if attribute.text().contains('(') {
                self.css_attribute(attribute, Grammar::Value);
            }
        }
    }

    /// An element of another SVG document, which has to stand in this one: browsers take none from a `data:` URL.
    fn svg_use(&mut self, attributes: &Attributes<'_>, name: &str) {
        let Some(attribute) = attributes.get(name) else { return };
        let text = attribute.text();
        let Some((url, fragment)) = self.resolve(&text) else { return };
        if self.is_here(&url) {
            self.set(attribute, fragment);
        } else if !fragment.is_empty() {
            let asset = self.collector.asset(url, Kind::Sprite);
            self.edits.replace(attribute.value.clone(), vec![attribute_of(vec![Part::Use(asset, fragment)])]);
        }
    }

    /// Makes the identifiers of an SVG document, and references to them, its own in another one.
    fn prefix(&mut self, attributes: &Attributes<'_>, id: AssetId) {
        for (name, attribute) in attributes.iter() {
            let text = attribute.text();
            let new = match name.to_ascii_lowercase().as_str() {
                "id" => sprite_id(id, &text),
                "href" | "xlink:href" if text.starts_with('#') => format!("#{}", sprite_id(id, &text[1..])),
                _ if text.contains("url(#") => text.replace("url(#", &format!("url(#{}", sprite_id(id, ""))),
                _ => continue,
            };
            self.set(attribute, new);
        }
    }

    fn meta(&mut self, attributes: &Attributes<'_>, range: &Range<usize>) {
        let equivalent = attributes.text("http-equiv").map(|name| name.trim_ascii().to_ascii_lowercase()).unwrap_or_default();
        match equivalent.as_str() {
            // They would lead away, or shut out what the page has in it now.
            "refresh" | "content-security-policy" | "content-security-policy-report-only" | "x-content-security-policy" => {
                self.edits.remove(range.clone());
                return;
            }
            "content-type" => {
                if let Some(content) = attributes.get("content") {
                    let text = content.text();
                    if let Some(charset) = charset::charset_in(&text).filter(|name| !name.eq_ignore_ascii_case("utf-8")) {
                        self.set(content, text.replace(charset, "utf-8"));
                    }
                }
            }
            _ => {}
        }
        if let Some(charset) =
            attributes.get("charset").filter(|charset| !charset.text().trim_ascii().eq_ignore_ascii_case("utf-8"))
        {
            self.set(charset, "utf-8");
        }
    }

    fn link_element(&mut self, attributes: &Attributes<'_>, range: &Range<usize>) {
        let relations = attributes.text("rel").unwrap_or_default().to_ascii_lowercase();
        let has = |wanted: &str| relations.split_ascii_whitespace().any(|relation| relation == wanted);
        let hints = ["preload", "modulepreload", "preconnect", "dns-prefetch", "prefetch", "prerender"];
        if has("stylesheet") {
            let is_css =
                attributes.text("type").is_none_or(|kind| kind.is_empty() || kind.trim_ascii().eq_ignore_ascii_case("text/css"));
            if is_css {
                self.asset(attributes, "href", Kind::Style, Place::Attribute);
                self.remove_attribute(attributes, "integrity");
            } else {
                self.links(attributes, &["href"]);
            }
        } else if has("icon") || has("apple-touch-icon") || has("apple-touch-icon-precomposed") || has("mask-icon") {
            self.asset(attributes, "href", Kind::Image, Place::Attribute);
        } else if has("preload") && (attributes.get("onload").is_some() || attributes.is("as", "style")) {
            // A script may make a style sheet of it.
            let kind = match attributes.text("as").unwrap_or_default().to_ascii_lowercase().as_str() {
                "style" => Kind::Style,
                "script" => Kind::Script,
                "font" => Kind::Font,
                "image" => Kind::Image,
                "video" | "audio" => Kind::Media,
                "track" => Kind::Track,
                _ => return self.edits.remove(range.clone()),
            };
            self.asset(attributes, "href", kind, Place::Attribute);
            self.source_set(attributes, "imagesrcset");
            self.remove_attribute(attributes, "integrity");
        } else if hints.iter().any(|hint| has(hint)) {
            // What they announce is in the page, or cannot be had.
            self.edits.remove(range.clone());
        } else {
            self.links(attributes, &["href"]);
        }
    }

    fn script(&mut self, attributes: &Attributes<'_>, content: Option<Range<usize>>) {
        let kind = attributes.text("type").or_else(|| attributes.text("language").map(|name| format!("text/{name}").into()));
        let kind = kind.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let kind = match kind.as_str() {
            // A browser of today does not run it.
            _ if attributes.get("nomodule").is_some() && kind != "module" => return self.links(attributes, &["src"]),
            "module" => Kind::Module,
            "importmap" => {
                // It is in the one that the document's head gets.
                if let Some(content) = content {
                    self.edits.text(content, "{}");
                }
                return;
            }
            "" | "text/" => Kind::Script,
            kind if super::media_type::MediaType::parse(kind).is_script() => Kind::Script,
            _ => return,
        };
        if attributes.get("src").is_some() {
            self.asset(attributes, "src", kind, Place::Attribute);
            self.remove_attribute(attributes, "integrity");
        } else if let Some(content) = content {
            let text = Arc::from(&self.text[content.clone()]);
            let template = script::edit(&text, kind == Kind::Module, &self.resolver, self.collector);
            if template.parts.len() > 1 {
                self.edits.replace(content, vec![Part::Nested(template)]);
            }
        }
    }

    /// Takes the page's import map, which stands before what needs it.
    fn import_map(&mut self, tokens: &[Token]) {
        for pair in tokens.windows(2) {
            if let [Token::Start(name, Namespace::Html, range), Token::Text(content)] = pair
                && name == "script"
                && Attributes::of(self.text, range.clone()).is("type", "importmap")
            {
                self.collector.import_map(ImportMap::parse(&self.text[content.clone()], &self.resolver));
            }
        }
    }

    /// An attribute with the URL of an asset.
    fn asset(&mut self, attributes: &Attributes<'_>, name: &str, kind: Kind, place: Place) {
        let Some(attribute) = attributes.get(name) else { return };
        let text = attribute.text();
        if let Some(part) = self.data(&text, kind) {
            self.edits.replace(attribute.value.clone(), vec![attribute_of(vec![part])]);
            return;
        }
        let Some((url, fragment)) = self.resolve(&text) else { return };
        let asset = match attributes.text("integrity") {
            Some(integrity) if matches!(kind, Kind::Style | Kind::Script | Kind::Module) => {
                self.collector.verified(url, kind, &integrity)
            }
            _ => self.collector.asset(url, kind),
        };
        let link = Part::Link(Link { asset, fragment, place });
        self.edits.replace(attribute.value.clone(), vec![attribute_of(vec![link])]);
    }

    /// A style sheet or a document that the page has in it already, if it refers to anything. Relative references
    /// lead nowhere from there.
    fn data(&mut self, url: &str, kind: Kind) -> Option<Part> {
        let is_data = url.trim_ascii_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        if !is_data || !matches!(kind, Kind::Style | Kind::Frame) || self.depth >= MAX_DEPTH {
            return None;
        }
        let base = Url::parse(url.trim_ascii()).ok()?;
        let (media_type, body) = data_url::decode(url)?;
        let charset = media_type.charset.as_deref();
        let (media_type, template) = if kind == Kind::Style {
            let (text, encoding) = charset::decode_css(&body, charset, self.document.encoding);
            let edits = css::edit(&text, Grammar::Sheet, &Resolver { base: &base, encoding }, self.collector);
            ("text/css;charset=utf-8", edits.into_template(text.into()))
        } else if media_type.is_html() {
            let (text, encoding) = charset::decode_html(&body, charset, Some(self.document.encoding), None);
            let document = Document { url: &base, base: &base, encoding, role: Role::Inner };
            ("text/html;charset=utf-8", edit_nested(&text.into(), &document, self.collector, self.depth + 1))
        } else {
            return None;
        };
        (template.parts.len() > 1).then_some(Part::Data(media_type, template))
    }

    fn resolve(&self, reference: &str) -> Option<(Url, String)> {
        let mut url = self.resolver.resolve(reference)?;
        let fragment = url.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        url.set_fragment(None);
        Some((url, fragment))
    }

    /// An attribute with several images: the one that is shown stays.
    fn source_set(&mut self, attributes: &Attributes<'_>, name: &str) {
        let Some(attribute) = attributes.get(name) else { return };
        let (text, sizes) = (attribute.text(), attributes.text(if name == "imagesrcset" { "imagesizes" } else { "sizes" }));
        let Some(Candidate { url, descriptors, .. }) = srcset::choose(&text, sizes.as_deref()) else { return };
        let Some((url, fragment)) = self.resolve(&text[url]) else { return };
        let asset = self.collector.asset(url, Kind::Image);
        let link = Part::Link(Link { asset, fragment, place: Place::List });
        let parts = vec![link, Part::Text(text[descriptors].trim_end().to_owned())];
        self.edits.replace(attribute.value.clone(), vec![attribute_of(parts)]);
    }

    /// Attributes that scripts make sources of.
    fn lazy(&mut self, attributes: &Attributes<'_>, kind: Kind) {
        for name in LAZY_SOURCES {
            let is_url = |value: &str| !value.trim_ascii().contains(|c: char| c.is_ascii_whitespace() || matches!(c, '{' | '['));
            let is_path = |value: &str| value.contains(['/', '.']);
            if attributes.text(name).is_some_and(|value| is_url(&value) && is_path(&value)) {
                self.asset(attributes, name, kind, Place::Attribute);
            }
        }
        LAZY_SOURCE_SETS.iter().for_each(|name| self.source_set(attributes, name));
    }

    /// Attributes with the address of something else, which becomes absolute.
    fn links(&mut self, attributes: &Attributes<'_>, names: &[&str]) {
        for attribute in names.iter().filter_map(|name| attributes.get(name)) {
            let text = attribute.text();
            let reference = text.trim_matches(|c: char| c <= ' ');
            let Some(url) = self.resolver.absolute(reference) else { continue };
            let new = match url.fragment() {
                // The page itself, wherever it is now.
                Some(fragment) if self.is_here(&url) => format!("#{fragment}"),
                _ => url.to_string(),
            };
            // An absolute URL means the same in every charset, unless its query is not in ASCII.
            let is_absolute = Url::parse(reference).is_ok() && (reference.is_ascii() || self.document.encoding == UTF_8);
            if reference != new && (!is_absolute || new.starts_with('#')) {
                self.set(attribute, new);
            }
        }
    }

    /// Whether a URL is the document's own, whatever its fragment.
    fn is_here(&self, url: &Url) -> bool {
        url[..Position::AfterQuery] == self.document.url[..Position::AfterQuery]
    }

    /// CSS between tags.
    fn css(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        let edits = css::edit(text, Grammar::Sheet, &self.resolver, self.collector);
        if !edits.is_empty() {
            self.edits.replace(range, vec![Part::Nested(edits.into_template(Arc::from(text)))]);
        }
    }

    /// CSS in an attribute.
    fn css_attribute(&mut self, attribute: &Attribute<'_>, grammar: Grammar) {
        let text = attribute.text();
        let edits = css::edit(&text, grammar, &self.resolver, self.collector);
        if !edits.is_empty() {
            let template = edits.into_template(Arc::from(&*text));
            self.edits.replace(attribute.value.clone(), vec![Part::Attribute(template)]);
        }
    }

    /// A document in this one; `None` where it is too deep.
    fn inner(&mut self, text: &Arc<str>) -> Option<Template> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let document = Document { base: self.resolver.base, role: Role::Inner, ..*self.document };
        Some(edit_nested(text, &document, self.collector, self.depth + 1))
    }

    fn set(&mut self, attribute: &Attribute<'_>, value: impl Into<String>) {
        self.edits.replace(attribute.value.clone(), vec![attribute_of(vec![Part::Text(value.into())])]);
    }

    fn remove_attribute(&mut self, attributes: &Attributes<'_>, name: &str) {
        if let Some(attribute) = attributes.get(name) {
            self.edits.remove(attribute.whole.clone());
        }
    }
}

/// The identifier of an element of an SVG document that stands in another one.
pub(super) fn sprite_id(asset: AssetId, id: &str) -> String {
    format!("fetch-{}-{id}", asset.0)
}

fn attribute_of(parts: Vec<Part>) -> Part {
    Part::Attribute(Template { source: Arc::from(""), parts })
}

/// Whether text may be the address of an image.
fn is_image_name(text: &str) -> bool {
    let path = text.trim_ascii().split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    !path.contains(|c: char| c.is_ascii_whitespace())
        && [".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif"].iter().any(|end| path.ends_with(end))
}

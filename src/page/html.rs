//! References in HTML, with their places, and what else has to change for a page to stand alone.

use super::css::{self, Grammar};
use super::reference::{AssetKind, AssetOptions, Collector};
use super::resolver::Resolver;
use super::resource::has_html;
use super::tag::{Attribute, Attributes};
use super::template::{Edits, Link, Part, Place, Template, attribute_of};
use super::tokens::{Namespace, Token, tokens};
use super::{charset, data_url, lazy};
use encoding_rs::{Encoding, UTF_8};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use url::Url;

/// How deep documents may be nested in attributes and `noscript` elements.
const MAX_DEPTH: u32 = 8;

/// The most bytes that attributes of a document are given: a long base URL makes each link as long.
const MAX_WRITTEN: usize = 256 * 1024 * 1024;
/// Where in a document its base URL is looked for before it is read as a whole.
const BASE_WITHIN: usize = 16 * 1024;

/// Elements that are HTML's wherever they stand in HTML, or that mean nothing elsewhere.
const ONLY_HTML: &[&str] = &[
    "audio", "base", "body", "button", "embed", "form", "frame", "iframe", "img", "input", "link", "meta", "noscript", "object",
    "picture", "source", "table", "td", "th", "tr", "track", "video",
];

/// What a text of HTML is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The page itself.
    Page,
    /// A document in a frame.
    Framed,
    /// A document that another one has in it: `srcdoc`, `data:`.
    Nested,
    /// Part of a document that is parsed on its own: `noscript`.
    Fragment,
    /// An SVG document.
    Svg,
    /// An SVG document that stands in another one.
    Sprite,
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
    let base = base_among(text, &tokens, document);
    let resolver = Resolver { base: &base, document: Some(document.url), encoding: document.encoding };
    let edits = Edits::default();
    let mut walker = Walker {
        text,
        document,
        resolver,
        collector,
        edits,
        depth,
        has_scripts: false,
        in_picture: false,
        grouped: HashSet::new(),
        written: 0,
    };
    walker.import_map(&tokens);
    if document.role == Role::Svg {
        walker.xml_style_sheets(&tokens);
    }
    for (index, token) in tokens.iter().enumerate() {
        if let Token::Start(name, namespace, range) = token {
            walker.start_tag(name, *namespace, range.clone(), &tokens[index + 1..]);
        }
    }
    walker.head(&tokens);
    walker.edits.into_template(Arc::clone(text))
}

/// Where the root element of an SVG document begins.
pub(super) fn svg_root(text: &str) -> Option<usize> {
    let start = |token: Token| if let Token::Start(name, _, range) = token { Some((name, range.start)) } else { None };
    tokens(text).into_iter().find_map(start).and_then(|(name, start)| (name == "svg").then_some(start))
}

/// A document's base URL (WHATWG HTML section 2.4.3), of which the start is looked at.
pub(super) fn base_url(text: &str, document: &Document<'_>) -> Url {
    let start = &text[..text.floor_char_boundary(BASE_WITHIN)];
    base_among(start, &tokens(start), document)
}

/// The same, by all the tokens of the document.
fn base_among(text: &str, tokens: &[Token], document: &Document<'_>) -> Url {
    let resolver = Resolver { base: document.base, document: None, encoding: document.encoding };
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

/// Goes through a document, from tag to tag.
pub(super) struct Walker<'w> {
    pub(super) text: &'w str,
    pub(super) document: &'w Document<'w>,
    pub(super) resolver: Resolver<'w>,
    pub(super) collector: &'w mut dyn Collector,
    pub(super) edits: Edits,
    depth: u32,
    /// Something in it runs by itself.
    pub(super) has_scripts: bool,
    /// The last tag was one of a `picture` element.
    pub(super) in_picture: bool,
    /// How many bytes attributes were given.
    written: usize,
    /// The places of `source` elements that are part of a group.
    pub(super) grouped: HashSet<usize>,
}

impl Walker<'_> {
    /// Says where the page came from, and where a document gets what it needs to stand alone: at the start of its
    /// head, which no tag need say.
    fn head(&mut self, tokens: &[Token]) {
        let is_own = matches!(self.document.role, Role::Page | Role::Framed);
        if !is_own && self.document.role != Role::Nested {
            return;
        }
        let is_space = |range: &Range<usize>| self.text[range.clone()].trim_ascii().is_empty();
        let doctype = tokens.iter().find_map(|token| match token {
            Token::Doctype(range) => Some(Some(range.end)),
            Token::Comment(_) => None,
            Token::Text(range) if is_space(range) => None,
            Token::Start(..) | Token::Text(_) => Some(None),
        });
        let doctype = doctype.flatten();
        if self.document.role == Role::Page {
            let mut url = self.document.url.clone();
            url.set_fragment(None);
            let at = doctype.unwrap_or_default();
            let comment = format!("<!-- saved from url=({:04}){url} -->", url.as_str().len());
            self.edits.text(at..at, if at == 0 { comment + "\n" } else { format!("\n{comment}") });
        }
        let at = self.start_of_head(tokens);
        self.edits.replace(at..at, vec![Part::Head { is_own, has_scripts: self.has_scripts }]);
        let end = self.text.len();
        self.edits.replace(end..end, vec![Part::Sprites]);
    }

    /// Where the head begins, or would: an end tag there may begin the body.
    fn start_of_head(&self, tokens: &[Token]) -> usize {
        let is_space = |range: &Range<usize>| self.text[range.clone()].trim_ascii().is_empty();
        let mut end = 0;
        for token in tokens {
            let (Token::Doctype(range) | Token::Comment(range) | Token::Text(range) | Token::Start(_, _, range)) = token;
            if range.start > end {
                return end;
            }
            match token {
                Token::Doctype(_) | Token::Comment(_) => {}
                Token::Text(text) if is_space(text) => {}
                Token::Start(name, ..) if name == "html" => {}
                Token::Start(name, ..) if name == "head" => return range.end,
                Token::Start(..) | Token::Text(_) => return range.start,
            }
            end = range.end;
        }
        end
    }

    fn start_tag(&mut self, name: &str, namespace: Namespace, range: Range<usize>, after: &[Token]) {
        let attributes = Attributes::of(self.text, range.clone());
        let attributes = &attributes;
        let is_xml = matches!(self.document.role, Role::Svg | Role::Sprite);
        let namespace = if !is_xml && ONLY_HTML.contains(&name) { Namespace::Html } else { namespace };
        match namespace {
            Namespace::Html => self.html(name, attributes, &range, after),
            Namespace::Svg => self.svg(name, attributes, &range, after),
            Namespace::MathMl => self.links(attributes, &["href", "xlink:href"]),
        }
        if let Some(style) = attributes.get("style") {
            self.css_attribute(style, Grammar::Declarations);
        }
        self.has_scripts |= matches!(name, "script" | "iframe" | "frame" | "object" | "embed");
        self.has_scripts |= attributes.iter().any(|(name, _)| name.get(..2).is_some_and(|on| on.eq_ignore_ascii_case("on")));
        self.in_picture = namespace == Namespace::Html && matches!(name, "picture" | "source");
    }

    fn html(&mut self, name: &str, attributes: &Attributes<'_>, range: &Range<usize>, after: &[Token]) {
        let content = match after.first() {
            Some(Token::Text(text)) if text.start == range.end => Some(text.clone()),
            _ => None,
        };
        match name {
            _ if self.document.role == Role::Sprite => self.sanitize(name, attributes, range, after),
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
                    if let Some(template) = self.inner(&text, Role::Fragment) {
                        self.edits.replace(content, vec![Part::Nested(template)]);
                    }
                }
            }
            "img" | "image" => self.image(attributes),
            "source" => {
                if !self.grouped.contains(&range.start) {
                    self.asset(attributes, "src", AssetKind::Media, Place::Attribute);
                }
                self.source_set(attributes, "srcset");
                lazy::SOURCE_SETS.iter().for_each(|name| self.source_set(attributes, name));
                self.lazy(attributes, lazy::EMBEDDED, AssetKind::Media);
            }
            "video" | "audio" => {
                match attributes.get("src") {
                    Some(_) => self.asset(attributes, "src", AssetKind::Media, Place::Attribute),
                    None => self.media_sources(after),
                }
                self.asset(attributes, "poster", AssetKind::Image, Place::Attribute);
                self.lazy(attributes, lazy::EMBEDDED, AssetKind::Media);
                self.lazy(attributes, &["data-poster"], AssetKind::Image);
            }
            "track" => self.asset(attributes, "src", AssetKind::Track, Place::Attribute),
            "input" => {
                if attributes.is("type", "image") {
                    self.asset(attributes, "src", AssetKind::Image, Place::Attribute);
                }
                self.links(attributes, &["formaction"]);
            }
            "iframe" | "frame" => self.frame(name, attributes),
            "embed" => self.embedded(attributes, "src"),
            "object" => self.embedded(attributes, "data"),
            "body" | "table" | "thead" | "tbody" | "tfoot" | "tr" | "td" | "th" => {
                self.asset(attributes, "background", AssetKind::Image, Place::Attribute);
            }
            "a" | "area" => self.links(attributes, &["href"]),
            "div" | "span" | "section" | "figure" | "li" | "p" => {
                // Of a background.
                for name in lazy::EMBEDDED {
                    if attributes.text(name).is_some_and(|value| lazy::is_image_url(&value)) {
                        self.asset(attributes, name, AssetKind::Image, Place::Attribute);
                    }
                }
            }
            "form" => self.links(attributes, &["action"]),
            "button" => self.links(attributes, &["formaction"]),
            "blockquote" | "q" | "ins" | "del" => self.links(attributes, &["cite"]),
            _ => {}
        }
        for name in lazy::BACKGROUNDS {
            let Some(attribute) = attributes.get(name) else { continue };
            let value = attribute.text();
            if lazy::is_image_url(&value) {
                self.asset(attributes, name, AssetKind::Image, Place::Attribute);
            } else if value.contains("url(") {
                self.css_attribute(attribute, Grammar::Value);
            }
        }
    }

    /// How the element with these attributes fetches an asset.
    pub(super) fn options(&self, attributes: &Attributes<'_>, kind: AssetKind) -> AssetOptions {
        let is_text = matches!(kind, AssetKind::Style | AssetKind::Script);
        let charset = attributes.text("charset").filter(|_| is_text);
        let integrity = attributes.text("integrity").filter(|_| is_text || kind == AssetKind::Module);
        AssetOptions {
            cors: matches!(kind, AssetKind::Module | AssetKind::Track) || attributes.get("crossorigin").is_some(),
            integrity: integrity.unwrap_or_default().into_owned(),
            charset: charset.and_then(|label| Encoding::for_label(label.as_bytes())),
        }
    }

    /// An attribute with the URL of an asset.
    pub(super) fn asset(&mut self, attributes: &Attributes<'_>, name: &str, kind: AssetKind, place: Place) {
        let Some(attribute) = attributes.get(name) else { return };
        let text = attribute.text();
        if let Some(part) = self.data(&text, kind) {
            self.replace(attribute, attribute_of(vec![part]));
            return;
        }
        let Some((url, fragment)) = self.resolve(&text) else { return };
        let asset = self.collector.asset(url, kind, self.options(attributes, kind));
        let link = Part::Link(Link { asset, fragment, place });
        self.replace(attribute, attribute_of(vec![link]));
    }

    /// A style sheet or a document that the page has in it already, if it refers to anything. Relative references
    /// lead nowhere from there.
    fn data(&mut self, url: &str, kind: AssetKind) -> Option<Part> {
        let is_data = url.trim_ascii_start().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        if !is_data || !matches!(kind, AssetKind::Style | AssetKind::Frame | AssetKind::Object) {
            return None;
        }
        let nothing = Some(Part::Text("about:blank".to_owned()));
        if self.depth >= MAX_DEPTH {
            return nothing;
        }
        let base = Url::parse(url.trim_ascii()).ok()?;
        let (media_type, body) = data_url::decode(url)?;
        let charset = media_type.charset.as_deref();
        if kind == AssetKind::Style {
            let (text, encoding) = charset::decode_css(&body, charset, self.document.encoding);
            let edits = css::edit(&text, Grammar::Sheet, &Resolver { base: &base, document: None, encoding }, self.collector);
            (!edits.is_empty()).then(|| Part::DataSheet(edits.into_template(text.into())))
        } else if media_type.is_xml() && has_html(&body) {
            nothing
        } else if media_type.is_html() {
            let (text, encoding) = charset::decode_html(&body, charset, Some(self.document.encoding), None);
            let document = Document { url: &base, base: &base, encoding, role: Role::Nested };
            let template = edit_nested(&text.into(), &document, self.collector, self.depth + 1);
            template.has_references().then_some(Part::DataDocument(template))
        } else {
            None
        }
    }

    pub(super) fn resolve(&self, reference: &str) -> Option<(Url, String)> {
        self.resolver.resolve_resource(reference)
    }

    /// Attributes with the address of something else, which becomes absolute.
    pub(super) fn links(&mut self, attributes: &Attributes<'_>, names: &[&str]) {
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
            if new.starts_with('#') && self.document.role == Role::Framed {
                self.replace(attribute, attribute_of(vec![Part::SameDocument(new)]));
            } else if reference != new && (!is_absolute || new.starts_with('#')) {
                self.set(attribute, new);
            }
        }
    }

    /// Whether a URL is the document's own, whatever its fragment.
    pub(super) fn is_here(&self, url: &Url) -> bool {
        self.resolver.is_document(url)
    }

    /// CSS between tags.
    pub(super) fn css(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        let edits = css::edit(text, Grammar::Sheet, &self.resolver, self.collector);
        if !edits.is_empty() {
            self.edits.replace(range, vec![Part::Nested(edits.into_template(Arc::from(text)))]);
        }
    }

    /// CSS in an attribute.
    pub(super) fn css_attribute(&mut self, attribute: &Attribute<'_>, grammar: Grammar) {
        let text = attribute.text();
        let edits = css::edit(&text, grammar, &self.resolver, self.collector);
        if !edits.is_empty() {
            let template = edits.into_template(Arc::from(&*text));
            self.replace(attribute, Part::Attribute(template));
        }
    }

    /// A document in this one; `None` where it is too deep.
    pub(super) fn inner(&mut self, text: &Arc<str>, role: Role) -> Option<Template> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let document = Document { base: self.resolver.base, role, ..*self.document };
        Some(edit_nested(text, &document, self.collector, self.depth + 1))
    }

    /// Gives an attribute another value, quoted.
    pub(super) fn replace(&mut self, attribute: &Attribute<'_>, value: Part) {
        let before = self.text[attribute.whole.start..attribute.value.start].trim_ascii_end();
        let has_value = !attribute.value.is_empty() || before.ends_with('=');
        let equals = (!has_value).then(|| Part::Text("=".to_owned()));
        self.edits.replace(attribute.value.clone(), equals.into_iter().chain([value]).collect());
    }

    pub(super) fn set(&mut self, attribute: &Attribute<'_>, value: impl Into<String>) {
        let value = value.into();
        self.written = self.written.saturating_add(value.len());
        if self.written > MAX_WRITTEN {
            return;
        }
        self.replace(attribute, attribute_of(vec![Part::Text(value)]));
    }

    pub(super) fn remove_attribute(&mut self, attributes: &Attributes<'_>, name: &str) {
        if let Some(attribute) = attributes.get(name) {
            self.edits.remove(attribute.whole.clone());
        }
    }
}

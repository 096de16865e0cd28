//! Elements that say what a document is and what belongs to it: `meta`, `link`, `script` (WHATWG HTML sections 4.2
//! and 4.12).

use super::html::Walker;
use super::import_map::ImportMap;
use super::media_type::MediaType;
use super::reference::AssetKind;
use super::script;
use super::tag::Attributes;
use super::template::{Part, Place};
use super::tokens::{Namespace, Token};
use super::{charset, lazy};
use std::ops::Range;
use std::sync::Arc;

/// What makes a browser connect to somewhere before it is needed. What is needed is in the page.
const HINTS: &[&str] =
    &["preload", "modulepreload", "preconnect", "dns-prefetch", "prefetch", "prerender", "compression-dictionary"];

/// Equivalents of header fields that would lead away, shut out what the page has in it, or tell of it.
const UNWANTED_EQUIVALENTS: &[&str] = &[
    "refresh",
    "content-security-policy",
    "content-security-policy-report-only",
    "x-content-security-policy",
    "x-dns-prefetch-control",
];

impl Walker<'_> {
    pub(super) fn meta(&mut self, attributes: &Attributes<'_>, range: &Range<usize>) {
        let equivalent = attributes.text("http-equiv").map(|name| name.trim_ascii().to_ascii_lowercase()).unwrap_or_default();
        if UNWANTED_EQUIVALENTS.contains(&equivalent.as_str()) {
            self.edits.remove(range.clone());
            return;
        }
        if equivalent == "content-type"
            && let Some(content) = attributes.get("content")
        {
            let mut text = content.text().into_owned();
            if let Some(charset) = charset::charset_in(&text).filter(|name| !text[name.clone()].eq_ignore_ascii_case("utf-8")) {
                text.replace_range(charset, "utf-8");
                self.set(content, text);
            }
        }
        self.set_charset(attributes);
    }

    /// What is in the page is in UTF-8.
    fn set_charset(&mut self, attributes: &Attributes<'_>) {
        let charset = attributes.get("charset");
        if let Some(charset) = charset.filter(|charset| !charset.text().trim_ascii().eq_ignore_ascii_case("utf-8")) {
            self.set(charset, "utf-8");
        }
    }

    pub(super) fn link_element(&mut self, attributes: &Attributes<'_>, range: &Range<usize>) {
        let relations = attributes.text("rel").unwrap_or_default().to_ascii_lowercase();
        let has = |wanted: &str| relations.split_ascii_whitespace().any(|relation| relation == wanted);
        if has("stylesheet") {
            let is_css = attributes
                .text("type")
                .is_none_or(|kind| kind.trim_ascii().is_empty() || MediaType::parse(&kind).essence == "text/css");
            if is_css {
                self.lazy(attributes, &["data-href"], AssetKind::Style);
                self.asset(attributes, "href", AssetKind::Style, Place::Attribute);
                self.set_charset(attributes);
                self.remove_attribute(attributes, "integrity");
                self.without_hints(attributes, &relations, "");
            } else {
                self.links(attributes, &["href"]);
            }
        } else if has("icon") || has("apple-touch-icon") || has("apple-touch-icon-precomposed") || has("mask-icon") {
            self.asset(attributes, "href", AssetKind::Image, Place::Attribute);
            self.without_hints(attributes, &relations, "");
        } else if has("preload") && (attributes.get("onload").is_some() || attributes.is("as", "style")) {
            // A script may make a style sheet of it.
            let kind = match attributes.text("as").unwrap_or_default().to_ascii_lowercase().as_str() {
                "style" => AssetKind::Style,
                "script" => AssetKind::Script,
                "font" => AssetKind::Font,
                "image" => AssetKind::Image,
                "video" | "audio" => AssetKind::Media,
                "track" => AssetKind::Track,
                _ => return self.edits.remove(range.clone()),
            };
            self.asset(attributes, "href", kind, Place::Attribute);
            self.source_set(attributes, "imagesrcset");
            self.remove_attribute(attributes, "integrity");
            self.without_hints(attributes, &relations, "preload");
        } else if HINTS.iter().any(|hint| has(hint)) {
            self.edits.remove(range.clone());
        } else {
            self.links(attributes, &["href"]);
        }
    }

    /// Takes the hints out of a `rel` attribute, but for one.
    fn without_hints(&mut self, attributes: &Attributes<'_>, relations: &str, kept: &str) {
        let is_kept = |relation: &&str| *relation == kept || !HINTS.contains(relation);
        let left: Vec<&str> = relations.split_ascii_whitespace().filter(is_kept).collect();
        if left.len() < relations.split_ascii_whitespace().count()
            && let Some(relation) = attributes.get("rel")
        {
            self.set(relation, left.join(" "));
        }
    }

    pub(super) fn script(&mut self, attributes: &Attributes<'_>, content: Option<Range<usize>>) {
        let kind = attributes.text("type").or_else(|| attributes.text("language").map(|name| format!("text/{name}").into()));
        let kind = kind.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        let kind = match kind.as_str() {
            // A browser of today does not run it.
            _ if attributes.get("nomodule").is_some() && kind != "module" => return self.links(attributes, &["src"]),
            "module" => AssetKind::Module,
            // It is in the one that the document's head gets; and what is loaded ahead is not needed.
            "importmap" | "speculationrules" => {
                if let Some(content) = content {
                    self.edits.text(content, "{}");
                }
                return;
            }
            "" | "text/" => AssetKind::Script,
            kind if MediaType::parse(kind).is_script() && !kind.contains(';') => AssetKind::Script,
            _ => return,
        };
        self.lazy(attributes, lazy::SCRIPTS, kind);
        if attributes.get("src").is_some() {
            self.asset(attributes, "src", kind, Place::Attribute);
            self.set_charset(attributes);
            self.remove_attribute(attributes, "integrity");
        } else if let Some(content) = content {
            let text = Arc::from(&self.text[content.clone()]);
            let resolver = &self.resolver;
            let template = script::edit(&text, kind == AssetKind::Module, resolver, resolver, self.collector);
            if template.has_references() {
                self.edits.replace(content, vec![Part::Nested(template)]);
            }
        }
    }

    /// Takes the page's import map, which stands before what needs it.
    pub(super) fn import_map(&mut self, tokens: &[Token]) {
        for pair in tokens.windows(2) {
            if let [Token::Start(name, Namespace::Html, range), Token::Text(content)] = pair
                && name == "script"
                && Attributes::of(self.text, range.clone()).is("type", "importmap")
            {
                self.collector.import_map(ImportMap::parse(&self.text[content.clone()], &self.resolver));
            }
        }
    }
}

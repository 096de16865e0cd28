//! References in SVG, in line or in a document of its own, and elements of other documents that are used in it.

use super::css::{self, Grammar};
use super::html::{Role, Walker};
use super::reference::{AssetKind, AssetOptions};
use super::sprite;
use super::tag::Attributes;
use super::template::{Part, Place, attribute_of};
use super::tokens::Token;
use std::ops::Range;
use std::sync::Arc;

/// Attributes whose value may be a `url()`.
const PRESENTATION: &[&str] =
    &["fill", "stroke", "filter", "mask", "clip-path", "cursor", "marker", "marker-start", "marker-mid", "marker-end"];

/// Elements of HTML that fetch something or connect to somewhere.
const FOREIGN: &[&str] = &[
    "audio", "base", "embed", "form", "frame", "iframe", "img", "input", "link", "meta", "object", "script", "source", "track",
    "video",
];

impl Walker<'_> {
    /// An element of SVG, whose start tag is here; `after` are the tokens behind it.
    pub(super) fn svg(&mut self, name: &str, attributes: &Attributes<'_>, tag: &Range<usize>, after: &[Token]) {
        let is_sprite = self.document.role == Role::Sprite;
        // In an SVG document, a prefix or a namespace of its own may make it an element of HTML.
        let local = name.split_once(':').map(|(_, local)| local);
        if FOREIGN.contains(&local.unwrap_or(name)) && (local.is_some() || name != "script") {
            self.edits.remove(tag.clone());
            return;
        }
        match name {
            "script" if is_sprite => return self.remove_script(tag, after),
            "image" | "feimage" => {
                self.asset(attributes, "href", AssetKind::Image, Place::Attribute);
                self.asset(attributes, "xlink:href", AssetKind::Image, Place::Attribute);
            }
            "script" => {
                self.asset(attributes, "href", AssetKind::Script, Place::Attribute);
                self.asset(attributes, "xlink:href", AssetKind::Script, Place::Attribute);
            }
            "style" => self.svg_style(tag.end, after),
            "use" => ["href", "xlink:href"].into_iter().for_each(|name| self.svg_use(attributes, name)),
            "a" => self.links(attributes, &["href", "xlink:href"]),
            _ => {}
        }
        if is_sprite {
            return self.rename(attributes, tag);
        }
        for attribute in PRESENTATION.iter().filter_map(|name| attributes.get(name)) {
            if attribute.text().contains('(') {
                self.css_attribute(attribute, Grammar::Value);
            }
        }
    }

    /// A `style` element, whose start tag ends there. Its text is no raw text, unless it is a CDATA section.
    fn svg_style(&mut self, start: usize, after: &[Token]) {
        let next = after.iter().find_map(|token| if let Token::Start(_, _, range) = token { Some(range.start) } else { None });
        let rest = &self.text[start..next.unwrap_or(self.text.len())];
        let content = &rest[..rest.find("</").unwrap_or(rest.len())];
        let (range, is_raw) = match content.split_once("<![CDATA[") {
            Some((before, text)) if before.trim_ascii().is_empty() => {
                let start = start + before.len() + "<![CDATA[".len();
                (start..start + text.find("]]>").unwrap_or(text.len()), true)
            }
            _ => (start..start + content.len(), false),
        };
        let written = &self.text[range.clone()];
        let text = if is_raw { written.into() } else { htmlize::unescape(written) };
        let mut edits = css::edit(&text, Grammar::Sheet, &self.resolver, self.collector);
        if self.document.role == Role::Sprite {
            sprite::rename_in_css(&text, self.document.url, &mut edits);
        }
        if !edits.is_empty() {
            let template = edits.into_template(Arc::from(&*text));
            self.edits.replace(range, vec![if is_raw { Part::Nested(template) } else { Part::Escaped(template) }]);
        }
    }

    /// The style sheets that an SVG document names before its root (Associating Style Sheets with XML documents).
    pub(super) fn xml_style_sheets(&mut self, tokens: &[Token]) {
        let before_root = tokens.iter().take_while(|token| !matches!(token, Token::Start(..)));
        for token in before_root {
            let Token::Comment(range) = token else { continue };
            if !self.text[range.clone()].starts_with("<?xml-stylesheet") {
                continue;
            }
            let attributes = Attributes::of(self.text, range.clone());
            if attributes.get("type").is_none() || attributes.is("type", "text/css") {
                self.asset(&attributes, "href", AssetKind::Style, Place::Attribute);
            }
        }
    }

    /// An element of another SVG document, which has to stand in this one: browsers take none from a `data:` URL.
    fn svg_use(&mut self, attributes: &Attributes<'_>, name: &str) {
        let Some(attribute) = attributes.get(name) else { return };
        let text = attribute.text();
        let Some((url, fragment)) = self.resolve(&text) else { return };
        if self.is_here(&url) && !fragment.is_empty() {
            self.set(attribute, fragment);
        } else {
            let asset = self.collector.asset(url, AssetKind::Sprite, AssetOptions::default());
            self.replace(attribute, attribute_of(vec![Part::Use(asset, fragment)]));
        }
    }
}

//! References in SVG, in line or in a document of its own, and elements of other documents that are used in it.

use super::css::{self, Grammar};
use super::html::{Role, Walker};
use super::tag::Attributes;
use super::template::{Part, Place, attribute_of};
use super::tokens::Token;
use super::{AssetKind, AssetOptions, sprite};
use std::ops::Range;
use std::sync::Arc;

/// Attributes whose value may be a `url()`.
const PRESENTATION: &[&str] =
    &["fill", "stroke", "filter", "mask", "clip-path", "cursor", "marker", "marker-start", "marker-mid", "marker-end"];

impl Walker<'_> {
    pub(super) fn svg(&mut self, name: &str, attributes: &Attributes<'_>, end: usize) {
        match name {
            "image" | "feimage" => {
                self.asset(attributes, "href", AssetKind::Image, Place::Attribute);
                self.asset(attributes, "xlink:href", AssetKind::Image, Place::Attribute);
            }
            "script" => {
                self.asset(attributes, "href", AssetKind::Script, Place::Attribute);
                self.asset(attributes, "xlink:href", AssetKind::Script, Place::Attribute);
            }
            "style" => {
                // Its text is no raw text, but nothing in most style sheets makes a difference.
                let content = self.css_content(end);
                let text = &self.text[content.clone()];
                if text.contains('&') {
                    return;
                }
                match self.document.role {
                    Role::Sprite => {
                        let mut edits = css::edit(text, Grammar::Sheet, &self.resolver, self.collector);
                        sprite::rename_in_css(text, self.document.url, &mut edits);
                        self.edits.replace(content.clone(), vec![Part::Nested(edits.into_template(Arc::from(text)))]);
                    }
                    _ => self.css(content),
                }
            }
            "use" => ["href", "xlink:href"].into_iter().for_each(|name| self.svg_use(attributes, name)),
            "a" => self.links(attributes, &["href", "xlink:href"]),
            _ => {}
        }
        if self.document.role == Role::Sprite {
            return self.rename(attributes);
        }
        for attribute in PRESENTATION.iter().filter_map(|name| attributes.get(name)) {
            if attribute.text().contains('(') {
                self.css_attribute(attribute, Grammar::Value);
            }
        }
    }

    /// What is in a `style` element whose start tag ends there: of a CDATA section, its text.
    fn css_content(&self, start: usize) -> Range<usize> {
        let rest = &self.text[start..];
        let content = &rest[..rest.find("</").unwrap_or(rest.len())];
        match content.split_once("<![CDATA[") {
            Some((before, _)) if before.trim_ascii().is_empty() => {
                let start = start + before.len() + "<![CDATA[".len();
                let rest = &self.text[start..];
                start..start + rest.find("]]>").unwrap_or(rest.len())
            }
            _ => start..start + content.len(),
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
            self.edits.replace(attribute.value.clone(), vec![attribute_of(vec![Part::Use(asset, fragment)])]);
        }
    }
}

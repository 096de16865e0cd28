//! Embedded content: images, frames, audio and video (WHATWG HTML section 4.8).

use super::event_handler::fallback_source;
use super::html::{Role, Walker};
use super::lazy;
use super::media_type::MediaType;
use super::reference::{Alternative, AssetKind, AssetOptions};
use super::srcset::{self, Candidate};
use super::tag::Attributes;
use super::template::{Edits, Link, Part, Place, attribute_of};
use super::tokens::Token;
use std::sync::Arc;

impl Walker<'_> {
    pub(super) fn image(&mut self, attributes: &Attributes<'_>) {
        let is_alone = attributes.get("srcset").is_none() && !self.in_picture;
        if attributes.text("srcset").is_some_and(|srcset| srcset::replaces_source(&srcset)) {
            self.links(attributes, &["src"]);
        } else {
            self.asset(attributes, "src", AssetKind::Image, if is_alone { Place::Image } else { Place::Attribute });
        }
        self.source_set(attributes, "srcset");
        self.lazy(attributes, lazy::SOURCES, AssetKind::Image);
        if attributes.text("src").is_none_or(|source| lazy::is_placeholder(&source)) {
            self.lazy(attributes, lazy::VAGUE_SOURCES, AssetKind::Image);
        }
        lazy::SOURCE_SETS.iter().for_each(|name| self.source_set(attributes, name));
        self.links(attributes, &["longdesc"]);
        self.fallback(attributes);
    }

    /// The image that an `onerror` attribute shows, should the first not be had.
    fn fallback(&mut self, attributes: &Attributes<'_>) {
        let Some((handler, source)) = attributes.get("onerror").zip(attributes.text("src")) else { return };
        let (script, options) = (handler.text(), self.options(attributes, AssetKind::Image));
        let Some(place) = fallback_source(&script) else { return };
        let fallback = self.resolve(&script[place.start + 1..place.end - 1]);
        let (Some((source, _)), Some((url, fragment))) = (self.resolve(&source), fallback) else { return };
        let of = self.collector.asset(source, AssetKind::Image, options.clone());
        let asset = self.collector.asset(url, AssetKind::Image, options);
        let mut edits = Edits::default();
        edits.replace(place, vec![Part::Fallback { of, link: Link { asset, fragment, place: Place::Attribute } }]);
        let template = edits.into_template(Arc::from(&*script));
        self.replace(handler, Part::Attribute(template));
    }

    /// The `source` elements of audio or video, which follow: the first that can be had is played.
    pub(super) fn media_sources(&mut self, after: &[Token]) {
        let (mut places, mut sources) = (Vec::new(), Vec::new());
        for token in after {
            let Token::Start(name, _, range) = token else { continue };
            match name.as_str() {
                "source" => {}
                "track" => continue,
                _ => break,
            }
            let attributes = Attributes::of(self.text, range.clone());
            let Some(attribute) = attributes.get("src").filter(|_| attributes.get("media").is_none()) else { continue };
            let Some((mut url, fragment)) = self.resolve(&attribute.text()) else { continue };
            url.set_fragment(fragment.strip_prefix('#'));
            let is_supported = attributes.text("type").is_none_or(|kind| MediaType::is_played(&kind));
            sources.push(Alternative { url, is_supported });
            places.push((range.start, attribute.value.clone()));
        }
        if sources.len() < 2 {
            return;
        }
        let group = self.collector.alternatives(AssetKind::Media, sources, None);
        for (index, (element, place)) in places.into_iter().enumerate() {
            self.grouped.insert(element);
            let part = Part::Alternative { group, index, place: Place::Attribute };
            self.edits.replace(place, vec![attribute_of(vec![part])]);
        }
    }

    pub(super) fn frame(&mut self, name: &str, attributes: &Attributes<'_>) {
        if let Some(srcdoc) = attributes.get("srcdoc").filter(|_| name == "iframe") {
            let text = Arc::from(srcdoc.text());
            // One that is too deep is left out.
            let document = self.inner(&text, Role::Nested).map(Part::Document);
            self.replace(srcdoc, attribute_of(document.into_iter().collect()));
            self.links(attributes, &["src"]);
        } else if let Some(source) = attributes.get("src") {
            match self.resolve(&source.text()) {
                Some((url, fragment)) => {
                    let asset = self.collector.asset(url, AssetKind::Frame, AssetOptions::default());
                    let link = Link { asset, fragment, place: Place::Attribute };
                    let is_inline = name == "iframe";
                    self.edits.replace(source.whole.clone(), vec![Part::Frame { link, is_inline }]);
                }
                None => self.asset(attributes, "src", AssetKind::Frame, Place::Attribute),
            }
        }
        self.lazy(attributes, lazy::EMBEDDED, AssetKind::Frame);
        self.links(attributes, &["longdesc"]);
    }

    /// What an `object` or `embed` element shows, unless it says that it is something that browsers do not show.
    pub(super) fn embedded(&mut self, attributes: &Attributes<'_>, name: &str) {
        match attributes.text("type").is_none_or(|kind| kind.is_empty() || MediaType::parse(&kind).is_shown()) {
            true => self.asset(attributes, name, AssetKind::Object, Place::Attribute),
            false => self.links(attributes, &[name]),
        }
    }

    /// An attribute with several images: the one that is shown stays.
    pub(super) fn source_set(&mut self, attributes: &Attributes<'_>, name: &str) {
        let Some(attribute) = attributes.get(name) else { return };
        let (text, sizes) = (attribute.text(), attributes.text(if name == "imagesrcset" { "imagesizes" } else { "sizes" }));
        let Some(Candidate { url, descriptors, .. }) = srcset::choose(&text, sizes.as_deref()) else { return };
        let Some((url, fragment)) = self.resolve(&text[url]) else { return };
        let asset = self.collector.asset(url, AssetKind::Image, self.options(attributes, AssetKind::Image));
        let link = Part::Link(Link { asset, fragment, place: Place::List });
        let parts = vec![link, Part::Text(text[descriptors].trim_end().to_owned())];
        self.replace(attribute, attribute_of(parts));
    }

    /// Attributes that scripts make sources of.
    pub(super) fn lazy(&mut self, attributes: &Attributes<'_>, names: &[&str], kind: AssetKind) {
        for name in names {
            if attributes.text(name).is_some_and(|value| lazy::is_url(&value)) {
                self.asset(attributes, name, kind, Place::Attribute);
            }
        }
    }
}

//! A document with places where something else is to stand: URLs of assets, once these are known.

use super::reference::AssetId;
use std::ops::Range;
use std::sync::Arc;

/// What stands where a document refers to something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text of the document, as it is.
    Source(Range<usize>),
    /// Other text.
    Text(String),
    /// A quoted attribute value, in which a template is escaped.
    Attribute(Template),
    /// Part of the document that is parsed on its own.
    Nested(Template),
    /// Text of XML, in which a template is escaped.
    Escaped(Template),
    /// A document of its own: that of a `srcdoc` attribute.
    Document(Template),
    /// The same as a `data:` URL.
    DataDocument(Template),
    /// A style sheet as a `data:` URL.
    DataSheet(Template),
    /// The URL of an asset.
    Link(Link),
    /// Of a group, the one that is used; the others stay absolute URLs.
    Alternative { group: usize, index: usize, place: Place },
    /// What is shown instead of an asset that cannot be had, as a string in a script.
    Fallback { of: AssetId, link: Link },
    /// What a script writes into the document where another script is not there.
    ScriptFallback(Link),
    /// The attribute of a frame that has its document; that of an `iframe` element may be a `srcdoc`.
    Frame { link: Link, is_inline: bool },
    /// A link to a fragment of the framed document that it is in.
    SameDocument(String),
    /// A reference to an element of an SVG document, which stands in this one; with no identifier, to its root.
    Use(AssetId, String),
    /// Where those SVG documents stand.
    Sprites,
    /// The string in a script that names a module.
    Specifier(AssetId, String),
    /// Where a document of its own gets what it needs to stand alone. One that is not the page's or a frame's has its
    /// parent's policy.
    Head { is_own: bool, has_scripts: bool },
}

/// A quoted attribute value of these parts.
pub(super) fn attribute_of(parts: Vec<Part>) -> Part {
    Part::Attribute(Template { source: Arc::from(""), parts })
}

/// A reference to an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) asset: AssetId,
    /// With its number sign; empty where there is none.
    pub(super) fragment: String,
    pub(super) place: Place,
}

/// Where a URL stands, which decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In an attribute, on its own.
    Attribute,
    /// In the `src` of an `img` element, where it may be replaced by a reference to a style sheet.
    Image,
    /// Among others in an attribute: `srcset`.
    List,
    /// In a tag that is written by a script: no quote of either kind and no space may be in it.
    Written,
    /// Instead of a `url()` in CSS.
    CssUrl,
    /// The same in a property where a custom property may stand for it.
    CssProperty,
}

/// A text of which parts are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) source: Arc<str>,
    pub(super) parts: Vec<Part>,
}

impl Template {
    /// Whether anything in it is replaced, but for what every document gets.
    pub(super) fn has_references(&self) -> bool {
        let mut kept = 0;
        let is_own = |part: &Part| match part {
            Part::Source(range) => {
                kept += range.len();
                true
            }
            Part::Head { has_scripts, .. } => !has_scripts,
            part => matches!(part, Part::Sprites),
        };
        !self.parts.iter().all(is_own) || kept < self.source.len()
    }
}

/// Replacements in a text, in any order.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, Vec<Part>)>);

impl Edits {
    /// Replaces a range.
    pub(super) fn replace(&mut self, range: Range<usize>, parts: Vec<Part>) {
        self.0.push((range, parts));
    }

    /// Replaces a range by text.
    pub(super) fn text(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.replace(range, vec![Part::Text(text.into())]);
    }

    /// Takes a range out.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.replace(range, Vec::new());
    }

    /// How many replacements there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// From this one on, no custom property takes the place of a URL.
    pub(super) fn keep_in_place(&mut self, first: usize) {
        for part in self.0[first..].iter_mut().flat_map(|(_, parts)| parts) {
            if let Part::Link(Link { place: place @ Place::CssProperty, .. }) = part {
                *place = Place::CssUrl;
            }
        }
    }

    /// Whether nothing is replaced.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with its replacements. Of two that overlap, the first stays.
    pub(super) fn into_template(mut self, source: Arc<str>) -> Template {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut parts, mut at) = (Vec::with_capacity(2 * self.0.len() + 1), 0);
        for (range, new) in self.0 {
            if range.start < at {
                continue;
            }
            if at < range.start {
                parts.push(Part::Source(at..range.start));
            }
            parts.extend(new);
            at = range.end;
        }
        if at < source.len() {
            parts.push(Part::Source(at..source.len()));
        }
        Template { source, parts }
    }
}

/// Escapes text for a quoted attribute value, in HTML and XML, wherever that stands: what ends a raw text element
/// would end it there too.
pub(super) fn escape_attribute(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| (byte == b'&') | (byte == b'"') | (byte == b'<')) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'"' => "&quot;",
            _ => "&lt;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Escapes text between the tags of XML.
pub(super) fn escape_text(text: &str, out: &mut String) {
    out.push_str(&text.replace('&', "&amp;").replace('<', "&lt;"));
}

/// A string of JSON and of JavaScript, which ends no script element.
pub(super) fn json_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('<', "\\u003c")
}

/// Writes a string of CSS, quotes included.
pub(super) fn css_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\a "),
            // What ends a style element would end it here too.
            '<' => out.push_str("\\3c "),
            character => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_leave_the_rest_as_it_is() {
        let mut edits = Edits::default();
        edits.text(4..5, "X");
        edits.remove(1..2);
        edits.text(1..3, "lost");
        let template = edits.into_template("abcdef".into());
        assert_eq!(template.parts, [Part::Source(0..1), Part::Source(2..4), Part::Text("X".into()), Part::Source(5..6)]);
    }

    #[test]
    fn text_is_escaped_for_where_it_stands() {
        let (mut attribute, mut css) = (String::new(), String::new());
        escape_attribute("a\"b&c<d>é", &mut attribute);
        css_string("a\"b\\c\n</style>", &mut css);
        assert_eq!((attribute.as_str(), css.as_str()), ("a&quot;b&amp;c&lt;d>é", "\"a\\\"b\\\\c\\a \\3c /style>\""));
    }
}

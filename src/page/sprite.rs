//! An SVG document of which elements are used in another one, and which stands in that: with names of its own, so that
//! neither gets in the way of the other, and without scripts, which browsers do not run in it.

use super::css::nested;
use super::html::Walker;
use super::tag::Attributes;
use super::template::{Edits, css_string};
use super::tokens::Token;
use cssparser::{Parser, ParserInput, Token as Css};
use ring::digest::{SHA256, digest};
use std::ops::Range;
use url::Url;

/// How deep blocks and functions may be nested in a style sheet.
const MAX_DEPTH: u32 = 64;

/// The name of an element or a class: the same whenever the page is saved. Every element has the class of no name.
pub(super) fn own_name(document: &Url, name: &str) -> String {
    let digest = digest(&SHA256, document.as_str().as_bytes());
    format!("fetch-{}-{name}", data_encoding::HEXLOWER.encode(&digest.as_ref()[..4]))
}

impl Walker<'_> {
    /// Renames what an element is called, and what it refers to. Its tag begins there.
    pub(super) fn rename(&mut self, attributes: &Attributes<'_>, tag: &Range<usize>) {
        let prefix = own_name(self.document.url, "");
        for (name, attribute) in attributes.iter() {
            let (name, text) = (name.to_ascii_lowercase(), attribute.text());
            let new = match name.as_str() {
                _ if name.starts_with("on") => {
                    self.edits.remove(attribute.whole.clone());
                    continue;
                }
                "id" => format!("{prefix}{text}"),
                "class" => text.split_ascii_whitespace().fold(prefix.clone(), |all, class| format!("{all} {prefix}{class}")),
                "href" | "xlink:href" if text.starts_with('#') => format!("#{prefix}{}", &text[1..]),
                _ if text.contains("url(") => rename_urls(&text, &prefix),
                _ => continue,
            };
            self.set(attribute, new);
        }
        if attributes.get("class").is_none() {
            let name_length = self.text[tag.start + 1..].find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
            let at = tag.start + 1 + name_length.unwrap_or_default();
            self.edits.text(at..at, format!(" class=\"{prefix}\""));
        }
    }

    /// Takes a script out, of which the start tag is here.
    pub(super) fn remove_script(&mut self, tag: &Range<usize>, after: &[Token]) {
        let next = after.iter().find_map(|token| if let Token::Start(_, _, range) = token { Some(range.start) } else { None });
        let content = &self.text[tag.end..next.unwrap_or(self.text.len())];
        let is_empty = self.text[tag.clone()].ends_with("/>");
        let is_end = |(at, _): &(usize, &str)| content[at + 2..].get(..6).is_some_and(|name| name.eq_ignore_ascii_case("script"));
        let end = content.match_indices("</").find(is_end).map_or(content.len(), |(at, _)| at);
        self.edits.remove(tag.start..tag.end + if is_empty { 0 } else { end });
    }

    /// An element of HTML: what runs or fetches by itself is taken out of it, or it is taken out.
    pub(super) fn sanitize(&mut self, name: &str, attributes: &Attributes<'_>, tag: &Range<usize>, after: &[Token]) {
        match name {
            "script" => self.remove_script(tag, after),
            "base" | "embed" | "frame" | "iframe" | "link" | "meta" | "object" => self.edits.remove(tag.clone()),
            _ => {
                for (name, attribute) in attributes.iter() {
                    let name = name.to_ascii_lowercase();
                    if name.starts_with("on") || name == "autofocus" {
                        self.edits.remove(attribute.whole.clone());
                    }
                }
            }
        }
    }
}

/// Renames the `url(#name)` of a presentation attribute, in whatever quotes.
fn rename_urls(text: &str, prefix: &str) -> String {
    ["url(#", "url('#", "url(\"#"].iter().fold(text.to_owned(), |text, url| text.replace(url, &format!("{url}{prefix}")))
}

/// Renames what a style sheet of the document selects and refers to. Elements that it selects by their type are its
/// own only.
pub(super) fn rename_in_css(css: &str, document: &Url, edits: &mut Edits) {
    let mut input = ParserInput::new(css);
    rename_rules(&mut Parser::new(&mut input), &own_name(document, ""), edits, 0);
}

/// Rules: a selector or the name of an at-rule, and a block.
fn rename_rules(parser: &mut Parser<'_, '_>, prefix: &str, edits: &mut Edits, depth: u32) {
    let (mut before, mut holds_rules, mut is_at_rule) = (None, false, false);
    loop {
        let start = parser.position().byte_index();
        let Ok(token) = parser.next_including_whitespace_and_comments().cloned() else { return };
        let end = parser.position().byte_index();
        match &token {
            Css::AtKeyword(name) => {
                is_at_rule = true;
                holds_rules = matches!(&*name.to_ascii_lowercase(), "media" | "supports" | "layer" | "container" | "scope");
            }
            Css::Semicolon => (is_at_rule, holds_rules) = (false, false),
            _ if is_at_rule && !matches!(token, Css::CurlyBracketBlock) => {}
            Css::Ident(_) if before == Some('.') => edits.text(start..start, prefix),
            Css::Ident(_) if before == Some(':') => {}
            Css::Ident(_) | Css::Delim('*') => edits.text(end..end, format!(":where(.{prefix})")),
            Css::IDHash(_) => edits.text(start + 1..start + 1, prefix),
            Css::Function(_) | Css::ParenthesisBlock if depth < MAX_DEPTH => {
                in_block(parser, |parser| rename_rules(parser, prefix, edits, depth + 1));
            }
            Css::CurlyBracketBlock => {
                in_block(parser, |parser| match holds_rules && depth < MAX_DEPTH {
                    true => rename_rules(parser, prefix, edits, depth + 1),
                    false => rename_values(parser, prefix, edits, depth + 1),
                });
                (is_at_rule, holds_rules) = (false, false);
            }
            _ => {}
        }
        before = match token {
            Css::Delim(sign) => Some(sign),
            Css::Colon => Some(':'),
            _ => None,
        };
    }
}

/// Declarations, of which those with a `url(#name)` refer to something.
fn rename_values(parser: &mut Parser<'_, '_>, prefix: &str, edits: &mut Edits, depth: u32) {
    loop {
        let start = parser.position().byte_index();
        match parser.next_including_whitespace_and_comments().cloned() {
            Ok(Css::UnquotedUrl(url)) => {
                if let Some(name) = url.strip_prefix('#') {
                    edits.text(start..parser.position().byte_index(), format!("url({})", own_reference(prefix, name)));
                }
            }
            Ok(Css::Function(name)) if name.eq_ignore_ascii_case("url") => in_block(parser, |parser| {
                let start = parser.position().byte_index();
                if let Ok(name) = parser.expect_string_cloned()
                    && let Some(name) = name.strip_prefix('#')
                {
                    edits.text(start..parser.position().byte_index(), own_reference(prefix, name));
                }
            }),
            Ok(Css::Function(_) | Css::CurlyBracketBlock | Css::ParenthesisBlock) if depth < MAX_DEPTH => {
                in_block(parser, |parser| rename_values(parser, prefix, edits, depth + 1));
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// A reference to something of its own, as a string.
fn own_reference(prefix: &str, name: &str) -> String {
    let mut reference = String::new();
    css_string(&format!("#{prefix}{name}"), &mut reference);
    reference
}

/// Renames what is in a block.
fn in_block(parser: &mut Parser<'_, '_>, rename: impl FnOnce(&mut Parser<'_, '_>)) {
    nested(parser, |parser| {
        rename(parser);
        Some(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::template::Part;

    fn renamed(css: &str) -> String {
        let document = Url::parse("http://h/a.svg").expect("a URL");
        let mut edits = Edits::default();
        rename_in_css(css, &document, &mut edits);
        let show = |part: &Part| match part {
            Part::Source(range) => css[range.clone()].to_owned(),
            Part::Text(text) => text.clone(),
            _ => "?".to_owned(),
        };
        let text: String = edits.into_template(css.into()).parts.iter().map(show).collect();
        text.replace(&own_name(&document, ""), "P-").replace(":where(.P-)", "!")
    }

    #[test]
    fn names_in_a_style_sheet_are_the_documents_own() {
        for (css, wanted) in [
            (".a{fill:#abc}", ".P-a{fill:#abc}"),
            ("#b .a>path,:not(.c){}", "#P-b .P-a>path!,:not(.P-c){}"),
            ("path:hover,*,g[id]{}", "path!:hover,*!,g![id]{}"),
            ("@media (min-width:1.5px){.a{}}", "@media (min-width:1.5px){.P-a{}}"),
            (".a{fill:url(#g) .5;b:url( '#h' )}", ".P-a{fill:url(\"#P-g\") .5;b:url(\"#P-h\" )}"),
            ("@font-face{src:url(x)}@import 'a';path{}", "@font-face{src:url(x)}@import 'a';path!{}"),
            ("@keyframes k{from{fill:url(#g)}}", "@keyframes k{from{fill:url(\"#P-g\")}}"),
        ] {
            assert_eq!(renamed(css), wanted, "{css}");
        }
        renamed(&"a:not(".repeat(200_000));
        renamed(&"@media{".repeat(200_000));
    }
}

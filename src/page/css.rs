//! References in style sheets (CSS Syntax Level 3), with their places.

use super::characters::unicode_range;
use super::declaration::Declaration;
use super::reference::{Alternative, AssetKind, AssetOptions, Collector};
use super::resolver::Resolver;
use super::template::{Edits, Link, Part, Place};
use cssparser::{ParseError, Parser, ParserInput, Token};
use std::ops::Range;

/// How deep blocks and functions may be nested.
const MAX_DEPTH: u32 = 64;

/// Properties in which an image may be a custom property's.
const IMAGE_PROPERTIES: &[&str] = &[
    "background",
    "background-image",
    "border-image",
    "border-image-source",
    "content",
    "cursor",
    "list-style",
    "list-style-image",
    "mask",
    "mask-image",
    "-webkit-mask",
    "-webkit-mask-image",
];

/// At-rules behind which there are no imports. Those that a browser does not know it drops.
const AT_RULES: &[&str] = &[
    "container",
    "counter-style",
    "font-face",
    "font-feature-values",
    "font-palette-values",
    "keyframes",
    "-webkit-keyframes",
    "media",
    "namespace",
    "page",
    "position-try",
    "property",
    "scope",
    "starting-style",
    "supports",
    "view-transition",
];

/// Properties whose resources another origin has to allow, because what is shown tells of them.
const CORS_PROPERTIES: &[&str] =
    &["mask", "mask-image", "-webkit-mask", "-webkit-mask-image", "shape-outside", "clip-path", "filter"];

/// The fonts of an `@font-face` rule.
#[derive(Debug, Default)]
struct FontFace {
    /// Of each `src`, with their places.
    sources: Vec<Vec<(Range<usize>, Alternative)>>,
    /// The characters that it is for.
    characters: Option<Vec<std::ops::RangeInclusive<u32>>>,
}

/// What is in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// A style sheet.
    Sheet,
    /// The declarations of a `style` attribute.
    Declarations,
    /// The value of a presentation attribute of SVG.
    Value,
}

/// Replaces the references in CSS.
pub(super) fn edit(text: &str, grammar: Grammar, resolver: &Resolver<'_>, collector: &mut dyn Collector) -> Edits {
    let mut walker = Walker { resolver, collector, edits: Edits::default(), imports_allowed: grammar == Grammar::Sheet };
    let mut input = ParserInput::new(text);
    let context = Context { property: (grammar == Grammar::Value).then(String::new), ..Context::default() };
    walker.walk(&mut Parser::new(&mut input), &context, 0);
    walker.edits
}

struct Walker<'w> {
    resolver: &'w Resolver<'w>,
    collector: &'w mut dyn Collector,
    edits: Edits,
    /// No rule came yet that ends them.
    imports_allowed: bool,
}

/// Where in a style sheet something stands.
#[derive(Clone, Debug, Default)]
struct Context {
    at_rule: Option<String>,
    property: Option<String>,
    /// A string is a URL here.
    strings_are_urls: bool,
    /// In parentheses: of `@supports`, for example.
    in_condition: bool,
}

impl Context {
    /// The descriptor of an `@font-face` rule, if it is one's.
    fn descriptor(&self) -> Option<&str> {
        self.property.as_deref().filter(|_| self.at_rule.as_deref() == Some("font-face"))
    }
}

impl Walker<'_> {
    fn walk(&mut self, parser: &mut Parser<'_, '_>, outer: &Context, depth: u32) {
        let mut context = outer.clone();
        let (mut ident, mut font, mut range) = (None, FontFace::default(), None);
        let mut declaration = Declaration::new(self.edits.len());
        loop {
            let position = parser.position();
            let start = position.byte_index();
            let Ok(token) = parser.next_including_whitespace_and_comments().cloned() else { break };
            let end = parser.position().byte_index();
            if matches!(token, Token::WhiteSpace(_) | Token::Comment(_) | Token::CDO | Token::CDC) {
                continue;
            }
            if !matches!(token, Token::Colon | Token::Semicolon) {
                declaration.add(&token, parser.slice_from(position));
            }
            match token {
                Token::AtKeyword(name) => {
                    context.at_rule = Some(name.to_ascii_lowercase());
                    self.imports_allowed &= !AT_RULES.contains(&context.at_rule.as_deref().unwrap_or_default());
                }
                Token::Colon => {
                    context.property = ident.take();
                    declaration.begin(context.property.as_deref().unwrap_or_default());
                    match context.descriptor() {
                        Some("src") => font.sources.push(Vec::new()),
                        Some("unicode-range") => range = Some(parser.position()),
                        _ => {}
                    }
                }
                Token::Semicolon => {
                    let text = range.take().map(|start| parser.slice(start..position));
                    font.characters = text.and_then(unicode_range).or(font.characters);
                    context = outer.clone();
                    self.end_declaration(&mut declaration);
                }
                Token::UnquotedUrl(url) => self.url(&url, start..end, &context, &mut font),
                Token::QuotedString(text) => match context.at_rule.as_deref() {
                    Some("charset") if depth == 0 => self.edits.text(start..end, "\"utf-8\""),
                    Some("import") if depth == 0 => self.url(&text, start..end, &context, &mut font),
                    _ if context.strings_are_urls => self.url(&text, start..end, &context, &mut font),
                    _ => self.collector.text(&text),
                },
                Token::Function(name) if depth < MAX_DEPTH => match name.to_ascii_lowercase().as_str() {
                    "url" | "src" => {
                        if let Some(url) = nested(parser, |parser| parser.expect_string().ok().map(ToString::to_string)) {
                            let end = parser.position().byte_index();
                            self.url(&url, start..end, &context, &mut font);
                        }
                    }
                    "format" => {
                        let format = nested(parser, |parser| parser.expect_ident_or_string().ok().map(ToString::to_string));
                        let source = font.sources.last_mut().and_then(|sources| sources.last_mut());
                        if let (Some((_, source)), Some(format)) = (source, format) {
                            source.is_supported = is_supported(&format);
                        }
                    }
                    name => {
                        let strings_are_urls = matches!(name, "image-set" | "-webkit-image-set" | "image");
                        let inner = Context { strings_are_urls, ..context.clone() };
                        nested(parser, |parser| {
                            self.walk(parser, &inner, depth + 1);
                            Some(())
                        });
                    }
                },
                Token::CurlyBracketBlock => {
                    // Declarations and rules of their own.
                    let inner = Context { at_rule: context.at_rule.take(), ..Context::default() };
                    if depth < MAX_DEPTH {
                        nested(parser, |parser| {
                            self.walk(parser, &inner, depth + 1);
                            Some(())
                        });
                    }
                    context = outer.clone();
                    declaration = Declaration::new(self.edits.len());
                }
                Token::ParenthesisBlock | Token::SquareBracketBlock if depth < MAX_DEPTH => {
                    let inner = Context { in_condition: true, ..context.clone() };
                    nested(parser, |parser| {
                        self.walk(parser, &inner, depth + 1);
                        Some(())
                    });
                }
                Token::Ident(name) => {
                    ident = Some(name.to_ascii_lowercase());
                    self.end_imports(&context);
                    continue;
                }
                _ => self.end_imports(&context),
            }
            ident = None;
        }
        self.end_declaration(&mut declaration);
        let text = range.map(|start| parser.slice_from(start));
        font.characters = text.and_then(unicode_range).or(font.characters);
        self.fonts(font);
    }

    /// A rule that is no at-rule is the last before which imports count.
    fn end_imports(&mut self, context: &Context) {
        self.imports_allowed &= context.at_rule.is_some();
    }

    /// The URLs of a declaration that may not be valid stay where they are.
    fn end_declaration(&mut self, declaration: &mut Declaration) {
        if !declaration.is_valid() {
            self.edits.keep_in_place(declaration.first_edit);
        }
        *declaration = Declaration::new(self.edits.len());
    }

    /// A URL at a place.
    fn url(&mut self, text: &str, range: Range<usize>, context: &Context, font: &mut FontFace) {
        let property = context.property.as_deref();
        let at_rule = context.at_rule.as_deref();
        let kind = match (at_rule, property) {
            (Some("import"), None) if self.imports_allowed => AssetKind::Style,
            (Some("import" | "namespace" | "document" | "-moz-document"), None) => return,
            (_, Some("behavior" | "-moz-binding" | "-ms-behavior")) => return,
            (Some("font-face"), Some("src")) => {
                let data = || self.resolver.absolute(text.trim_ascii()).filter(|url| url.scheme() == "data");
                if let (Some(url), Some(sources)) = (self.resolver.resolve(text).or_else(data), font.sources.last_mut()) {
                    // What only Internet Explorer reads has a name that says so.
                    let is_supported = !url.path().ends_with(".eot");
                    sources.push((range, Alternative { url, is_supported }));
                }
                return;
            }
            _ => AssetKind::Image,
        };
        let Some((url, fragment)) = self.resolver.resolve_resource(text) else { return };
        if !fragment.is_empty() && self.resolver.is_document(&url) {
            self.edits.text(range, format!("url(\"{fragment}\")"));
            return;
        }
        let has = |names: &[&str]| kind == AssetKind::Image && property.is_some_and(|name| names.contains(&name));
        let may_vary = at_rule != Some("font-face") && !context.in_condition && has(IMAGE_PROPERTIES);
        let place = if may_vary { Place::CssProperty } else { Place::CssUrl };
        let options = AssetOptions { cors: has(CORS_PROPERTIES), ..AssetOptions::default() };
        let asset = self.collector.asset(url, kind, options);
        self.edits.replace(range, vec![Part::Link(Link { asset, fragment, place })]);
    }

    /// The fonts of one rule: of several `src`, the last counts.
    fn fonts(&mut self, font: FontFace) {
        let FontFace { mut sources, characters } = font;
        sources.retain(|sources| !sources.is_empty());
        let last = sources.len().saturating_sub(1);
        for (number, sources) in sources.into_iter().enumerate() {
            // What follows a font that is in the sheet already is not used.
            let mut is_open = number == last;
            let needed = sources.into_iter().map(|(range, source)| {
                let is_supported = source.is_supported && is_open;
                let is_fetched = source.url.scheme() != "data";
                is_open &= is_fetched || !source.is_supported;
                is_fetched.then_some((range, Alternative { is_supported, ..source }))
            });
            let (ranges, sources): (Vec<_>, Vec<_>) = needed.collect::<Vec<_>>().into_iter().flatten().unzip();
            if sources.is_empty() {
                continue;
            }
            let group = self.collector.alternatives(AssetKind::Font, sources, characters.clone());
            for (index, range) in ranges.into_iter().enumerate() {
                self.edits.replace(range, vec![Part::Alternative { group, index, place: Place::CssUrl }]);
            }
        }
    }
}

/// Parses a block to its end.
pub(super) fn nested<T>(parser: &mut Parser<'_, '_>, parse: impl FnOnce(&mut Parser<'_, '_>) -> Option<T>) -> Option<T> {
    let parsed = parser.parse_nested_block(|parser| {
        let parsed = parse(parser);
        // What is left in the block is of no interest.
        while parser.next().is_ok() {}
        Ok::<_, ParseError<'_, ()>>(parsed)
    });
    parsed.ok().flatten()
}

fn is_supported(format: &str) -> bool {
    let format = format.to_ascii_lowercase();
    let format = format.strip_suffix("-variations").unwrap_or(&format);
    matches!(format, "woff2" | "woff" | "truetype" | "opentype" | "collection")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::reference::AssetId;
    use encoding_rs::UTF_8;
    use url::Url;

    #[derive(Default)]
    struct Found(Vec<String>);

    impl Collector for Found {
        fn asset(&mut self, url: Url, kind: AssetKind, _: AssetOptions) -> AssetId {
            self.0.push(format!("{kind:?} {}", url.path()));
            AssetId(self.0.len() - 1)
        }

        fn alternatives(
            &mut self,
            _: AssetKind,
            sources: Vec<Alternative>,
            characters: Option<Vec<std::ops::RangeInclusive<u32>>>,
        ) -> usize {
            let shown = sources.iter().map(|font| format!("{}{}", if font.is_supported { "" } else { "!" }, font.url.path()));
            let characters = characters.map(|characters| format!(" for {characters:?}")).unwrap_or_default();
            self.0.push(format!("fonts {}{characters}", shown.collect::<Vec<_>>().join(",")));
            self.0.len() - 1
        }

        fn text(&mut self, _: &str) {}

        fn module(&mut self, _: &str, _: &Resolver<'_>) -> Option<(AssetId, String)> {
            None
        }

        fn import_map(&mut self, _: crate::page::import_map::ImportMap) {}
    }

    /// What is found, and the text with `[n]` where it is replaced.
    fn edited(text: &str, grammar: Grammar) -> (String, String) {
        let base = Url::parse("http://h/d/x.css").expect("a URL");
        let mut found = Found::default();
        let template = edit(text, grammar, &Resolver { base: &base, document: None, encoding: UTF_8 }, &mut found)
            .into_template(text.into());
        let show = |part: &Part| match part {
            Part::Source(range) => text[range.clone()].to_owned(),
            Part::Text(text) => text.clone(),
            Part::Link(link) => {
                format!("[{}{}{}]", link.asset.0, link.fragment, if link.place == Place::CssProperty { "v" } else { "" })
            }
            Part::Alternative { group, index, .. } => format!("[{group}.{index}]"),
            _ => "?".to_owned(),
        };
        (found.0.join(" "), template.parts.iter().map(show).collect())
    }

    #[test]
    fn references_are_found_in_every_spelling() {
        for (text, found, wanted) in [
            ("a{background:url(a.png)}", "Image /d/a.png", "a{background:[0v]}"),
            (
                "a{background:URL( 'a.png' ) no-repeat,url(\"../b.png\")}",
                "Image /d/a.png Image /b.png",
                "a{background:[0v] no-repeat,[1v]}",
            ),
            ("a{background:u\\rl(a\\.png)}", "Image /d/a.png", "a{background:[0v]}"),
            ("a{background:url(a.png\n)}", "Image /d/a.png", "a{background:[0v]}"),
            ("a{background:url(\"a\\\nb.png\")}", "Image /d/ab.png", "a{background:[0v]}"),
            ("/* url(a) */ a{content:\"url(b)\"}", "", "/* url(a) */ a{content:\"url(b)\"}"),
            ("a{--x:url(a.png);filter:url(f.svg#f)}", "Image /d/a.png Image /d/f.svg", "a{--x:[0];filter:[1#f]}"),
            ("a{fill:url(#a);b:url();c:url(data:,x)}", "", "a{fill:url(#a);b:url();c:url(data:,x)}"),
            (
                "a{background:image-set('a.png' 1x,url(b.png) 2x type('image/png'))}",
                "Image /d/a.png Image /d/b.png",
                "a{background:image-set([0v] 1x,[1v] 2x type('image/png'))}",
            ),
            ("@media print{a{b:url(a)}}.c{d:url(e)}", "Image /d/a Image /d/e", "@media print{a{b:[0]}}.c{d:[1]}"),
            ("a{b:url(c);d{e:url(f)}}", "Image /d/c Image /d/f", "a{b:[0];d{e:[1]}}"),
            ("a{b:url(c", "Image /d/c", "a{b:[0]"),
            ("a{b:url(c d)} e{f:url(g)}", "Image /d/g", "a{b:url(c d)} e{f:[0]}"),
            ("a{behavior:url(a.htc)}", "", "a{behavior:url(a.htc)}"),
            ("@namespace url(http://x/);@namespace s 'y';", "", "@namespace url(http://x/);@namespace s 'y';"),
        ] {
            let (was_found, was_edited) = edited(text, Grammar::Sheet);
            assert_eq!((was_found.as_str(), was_edited.as_str()), (found, wanted), "{text}");
        }
        assert_eq!(edited("background: url(a)", Grammar::Declarations).1, "background: [0v]");
        assert_eq!(edited("url(a.svg#b)", Grammar::Value).1, "[0#b]");
    }

    #[test]
    fn imports_count_before_rules_only() {
        for (text, found, wanted) in [
            ("@import 'a.css';a{}", "Style /d/a.css", "@import [0];a{}"),
            (
                "@charset \"gbk\";@import url(a.css) layer(x) supports(display:grid) print;",
                "Style /d/a.css",
                "@charset \"utf-8\";@import [0] layer(x) supports(display:grid) print;",
            ),
            (
                "@layer a,b;@import url('a.css');@import 'b.css'",
                "Style /d/a.css Style /d/b.css",
                "@layer a,b;@import [0];@import [1]",
            ),
            ("a{}@import 'a.css';", "", "a{}@import 'a.css';"),
            ("@media print{@import 'a.css';}@import 'b.css';", "", "@media print{@import 'a.css';}@import 'b.css';"),
            ("<!-- @import 'a.css'; -->", "Style /d/a.css", "<!-- @import [0]; -->"),
        ] {
            let (was_found, was_edited) = edited(text, Grammar::Sheet);
            assert_eq!((was_found.as_str(), was_edited.as_str()), (found, wanted), "{text}");
        }
    }

    #[test]
    fn a_font_that_is_in_the_sheet_needs_no_other() {
        for (text, wanted) in [
            ("@font-face{src:url('data:font/woff2,x') format('woff2'),url(a.ttf)}", "fonts !/d/a.ttf"),
            ("@font-face{src:url('data:font/svg,x') format('svg'),url(a.ttf)}", "fonts /d/a.ttf"),
            ("@font-face{src:url(''),url(file:///x),url(a.ttf)}", "fonts /d/a.ttf"),
        ] {
            assert_eq!(edited(text, Grammar::Sheet).0, wanted, "{text}");
        }
    }

    #[test]
    fn the_fonts_of_a_rule_belong_together() {
        let text = "@font-face{src:url(a.eot);src:url(a.eot?#iefix) format('embedded-opentype'),local(x),url(a.woff2) \
                    format(woff2),url(a.ttf)}b{src:url(c)}";
        let (found, edited) = edited(text, Grammar::Sheet);
        assert_eq!(found, "fonts !/d/a.eot fonts !/d/a.eot,/d/a.woff2,/d/a.ttf Image /d/c");
        let wanted = "@font-face{src:[0.0];src:[1.0] format('embedded-opentype'),local(x),[1.1] format(woff2),[1.2]}b{src:[2]}";
        assert_eq!(edited, wanted);
    }

    #[test]
    fn nesting_has_a_limit() {
        let text = "a{".repeat(100_000) + "b:url(c)";
        assert_eq!(edited(&text, Grammar::Sheet).0, "");
    }
}

//! The names in an SVG document that stands in another one: its own, so that neither gets in the way of the other.

use super::html::Walker;
use super::tag::Attributes;
use super::template::Edits;
use cssparser::{ParseError, Parser, ParserInput, Token};
use ring::digest::{SHA256, digest};
use url::Url;

/// The name of an element or a class: the same whenever the page is saved.
pub(super) fn own_name(document: &Url, name: &str) -> String {
    let digest = digest(&SHA256, document.as_str().as_bytes());
    format!("fetch-{}-{name}", data_encoding::HEXLOWER.encode(&digest.as_ref()[..4]))
}

impl Walker<'_> {
    /// Renames what an element is called, and what it refers to.
    pub(super) fn rename(&mut self, attributes: &Attributes<'_>) {
        let own = |name: &str| own_name(self.document.url, name);
        for (name, attribute) in attributes.iter() {
            let text = attribute.text();
            let new = match name.to_ascii_lowercase().as_str() {
                "id" => own(&text),
                "class" => text.split_ascii_whitespace().map(own).collect::<Vec<_>>().join(" "),
                "href" | "xlink:href" if text.starts_with('#') => format!("#{}", own(&text[1..])),
                _ if text.contains("url(#") => text.replace("url(#", &format!("url(#{}", own(""))),
                _ => continue,
            };
            self.set(attribute, new);
        }
    }
}

/// Renames what a style sheet of the document selects and refers to.
pub(super) fn rename_in_css(css: &str, document: &Url, edits: &mut Edits) {
    let mut input = ParserInput::new(css);
    rename_rules(&mut Parser::new(&mut input), &own_name(document, ""), edits);
}

/// Rules: a selector or the name of an at-rule, and a block.
fn rename_rules(parser: &mut Parser<'_, '_>, prefix: &str, edits: &mut Edits) {
    let (mut after_dot, mut holds_rules) = (false, false);
    loop {
        let start = parser.position().byte_index();
        let Ok(token) = parser.next_including_whitespace_and_comments().cloned() else { return };
        let is_dot = matches!(token, Token::Delim('.'));
        match token {
            Token::AtKeyword(name) => {
                holds_rules = matches!(&*name.to_ascii_lowercase(), "media" | "supports" | "layer" | "container" | "scope");
            }
            Token::Ident(_) if after_dot => edits.text(start..start, prefix),
            Token::IDHash(_) => edits.text(start + 1..start + 1, prefix),
            Token::Function(_) | Token::ParenthesisBlock if !holds_rules => {
                nested(parser, |parser| rename_rules(parser, prefix, edits));
            }
            Token::CurlyBracketBlock => {
                nested(parser, |parser| match holds_rules {
                    true => rename_rules(parser, prefix, edits),
                    false => rename_values(parser, prefix, edits),
                });
                holds_rules = false;
            }
            _ => {}
        }
        after_dot = is_dot;
    }
}

/// Declarations, of which those with a `url(#name)` refer to something.
fn rename_values(parser: &mut Parser<'_, '_>, prefix: &str, edits: &mut Edits) {
    loop {
        let start = parser.position().byte_index();
        match parser.next_including_whitespace_and_comments().cloned() {
            Ok(Token::UnquotedUrl(url)) => {
                if let Some(name) = url.strip_prefix('#') {
                    edits.text(start..parser.position().byte_index(), format!("url(#{prefix}{name})"));
                }
            }
            Ok(Token::Function(_) | Token::CurlyBracketBlock | Token::ParenthesisBlock) => {
                nested(parser, |parser| rename_values(parser, prefix, edits));
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn nested(parser: &mut Parser<'_, '_>, rename: impl FnOnce(&mut Parser<'_, '_>)) {
    let _: Result<(), ParseError<'_, ()>> = parser.parse_nested_block(|parser| {
        rename(parser);
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_style_sheet_are_the_documents_own() {
        let document = Url::parse("http://h/a.svg").expect("a URL");
        let own = |name: &str| own_name(&document, name);
        for (css, wanted) in [
            (".a{fill:#abc}", format!(".{}{{fill:#abc}}", own("a"))),
            ("#b .a>path,:not(.c){}", format!("#{} .{}>path,:not(.{}){{}}", own("b"), own("a"), own("c"))),
            ("@media (min-width:1.5px){.a{}}", format!("@media (min-width:1.5px){{.{}{{}}}}", own("a"))),
            (".a{fill:url(#g) .5}", format!(".{}{{fill:url(#{}) .5}}", own("a"), own("g"))),
            ("@font-face{src:url(x)}path{}", "@font-face{src:url(x)}path{}".to_owned()),
        ] {
            let mut edits = Edits::default();
            rename_in_css(css, &document, &mut edits);
            let template = edits.into_template(css.into());
            let show = |part: &crate::page::template::Part| match part {
                crate::page::template::Part::Source(range) => css[range.clone()].to_owned(),
                crate::page::template::Part::Text(text) => text.clone(),
                _ => "?".to_owned(),
            };
            assert_eq!(template.parts.iter().map(show).collect::<String>(), wanted, "{css}");
        }
    }
}

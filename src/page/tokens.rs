//! HTML as tokens with their places, as a browser's parser finds them.

use lol_html::html_content::TextType;
use lol_html::{HtmlRewriter, MemorySettings, Settings, doc_comments, doc_text, doctype, element};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

/// The namespace of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    Html,
    Svg,
    MathMl,
}

/// A token of interest, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Doctype(Range<usize>),
    Comment(Range<usize>),
    /// A start tag, with the element's name in lower case.
    Start(String, Namespace, Range<usize>),
    /// Text: of an element whose text is not HTML, or between elements. A run of text is one token.
    Text(Range<usize>),
}

/// The document, or the tokens that were found before it became unreadable: never, for a document in memory.
pub(super) fn tokens(document: &str) -> Vec<Token> {
    let found = RefCell::new(Vec::new());
    let push = |token: Token| {
        let mut found = found.borrow_mut();
        match (found.last_mut(), token) {
            (Some(Token::Text(before)), Token::Text(text)) if before.end == text.start => before.end = text.end,
            (_, token) => found.push(token),
        }
    };
    let memory = MemorySettings::new().with_max_allowed_memory_usage(usize::MAX);
    let settings = Settings::new()
        .with_memory_settings(memory)
        .with_strict(false)
        .append_element_content_handler(element!("*", |element| {
            let namespace = match element.namespace_uri() {
                "http://www.w3.org/2000/svg" => Namespace::Svg,
                "http://www.w3.org/1998/Math/MathML" => Namespace::MathMl,
                _ => Namespace::Html,
            };
            push(Token::Start(element.tag_name(), namespace, element.source_location().bytes()));
            Ok(())
        }))
        .append_document_content_handler(doctype!(|doctype| {
            push(Token::Doctype(doctype.source_location().bytes()));
            Ok(())
        }))
        .append_document_content_handler(doc_comments!(|comment| {
            push(Token::Comment(comment.source_location().bytes()));
            Ok(())
        }))
        .append_document_content_handler(doc_text!(|text| {
            let range = text.source_location().bytes();
            if !range.is_empty() && text.text_type() != TextType::CDataSection {
                push(Token::Text(range));
            }
            Ok(())
        }));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
    if rewriter.write(&without_dangling_equals_signs(document)).is_ok() {
        let _ = rewriter.end();
    }
    found.take()
}

/// The same document, but a space in place of the equals sign of each attribute without a value: behind such a tag,
/// `<script async=>`, lol_html does not know what text the element has.
fn without_dangling_equals_signs(document: &str) -> Cow<'_, [u8]> {
    let bytes = document.as_bytes();
    let mut copy = Cow::Borrowed(bytes);
    for (at, _) in document.match_indices('=') {
        if bytes[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'>') {
            continue;
        }
        // In a tag's name it is a character like others.
        let before = bytes[..at].iter().enumerate().rfind(|(_, byte)| byte.is_ascii_whitespace() || b"/<>".contains(byte));
        let in_name = before.is_some_and(|(before, byte)| match byte {
            b'<' => bytes[before + 1].is_ascii_alphabetic(),
            byte => *byte == b'/' && bytes[..before].ends_with(b"<"),
        });
        // Behind another one it is the value.
        let is_value = bytes[..at].trim_ascii_end().ends_with(b"=");
        if !in_name && !is_value {
            copy.to_mut()[at] = b' ';
        }
    }
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(document: &str) -> String {
        let show = |token: &Token| match token {
            Token::Doctype(range) | Token::Comment(range) => format!("!{}", &document[range.clone()]),
            Token::Start(name, Namespace::Html, range) => format!("{name}:{}", &document[range.clone()]),
            Token::Start(name, namespace, range) => format!("{namespace:?}.{name}:{}", &document[range.clone()]),
            Token::Text(range) => format!("'{}'", &document[range.clone()]),
        };
        tokens(document).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tokens_are_what_a_browser_finds() {
        for (document, wanted) in [
            ("<!DOCTYPE html><A href=x>é</A>", "!<!DOCTYPE html> a:<A href=x> 'é'"),
            ("<style>a>b{}</style><p>", "style:<style> 'a>b{}' p:<p>"),
            ("<script>'<img>'</script>", "script:<script> ''<img>''"),
            ("<noscript><img></noscript>", "noscript:<noscript> '<img>'"),
            ("<template><img></template>", "template:<template> img:<img>"),
            (
                "<svg><style>a</style><Image/></svg><image>",
                "Svg.svg:<svg> Svg.style:<style> 'a' Svg.image:<Image/> image:<image>",
            ),
            (
                "<!--[if IE]><img><![endif]--><textarea><img></textarea>",
                "!<!--[if IE]><img><![endif]--> textarea:<textarea> '<img>'",
            ),
            ("<title><b></title><iframe><img></iframe>", "title:<title> '<b>' iframe:<iframe> '<img>'"),
            ("<svg><![CDATA[<img>]]></svg>", "Svg.svg:<svg>"),
            ("<a title='<img>'><img", "a:<a title='<img>'>"),
            ("<select><img></select>", "select:<select> img:<img>"),
            ("<script async=>'<img>'</script>", "script:<script async=> ''<img>''"),
            ("<script async==>'<img>'</script>", "script:<script async==> ''<img>''"),
            ("<script a='1<2'b=>'<img>'</script>", "script:<script a='1<2'b=> ''<img>''"),
            ("<iframe srcdoc= ><p a='</iframe><br>", "iframe:<iframe srcdoc= > '<p a='' br:<br>"),
            ("<script=><img></script=>", "script=:<script=> img:<img>"),
            ("<script>a=>'<img>'</script>", "script:<script> 'a=>'<img>''"),
            ("<table><tr><td background=a>", "table:<table> tr:<tr> td:<td background=a>"),
        ] {
            assert_eq!(shown(document), wanted);
        }
    }
}

//! XHTML as HTML: what is XML's alone is written so that a parser of HTML makes the same of it (XHTML 1.0 appendix C).

use super::quirks::{Mode, mode};
use super::template::escape_text;

/// Elements without content (WHATWG HTML section 13.1.2).
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "param", "frame"];

/// The document as HTML: empty elements have end tags, CDATA sections are text, scripts and style sheets are raw.
pub(super) fn to_html(xml: &str) -> String {
    let mut html = String::with_capacity(xml.len());
    let (mut rest, mut foreign) = (xml, 0_usize);
    while let Some(at) = rest.find('<') {
        html.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(section) = rest.strip_prefix("<![CDATA[") {
            let (text, after) = section.split_once("]]>").unwrap_or((section, ""));
            escape_text(text, &mut html);
            rest = after;
            continue;
        }
        let tag = &rest[..length(rest)];
        rest = &rest[tag.len()..];
        let name = tag[1..].split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default();
        match tag.strip_suffix("/>") {
            _ if matches!(name, "" | "!--") || name.starts_with(['!', '?']) => {
                foreign = foreign.saturating_sub(usize::from(tag.starts_with("</svg") || tag.starts_with("</math")));
                html.push_str(tag);
            }
            Some(_) if foreign > 0 || VOID.contains(&name) || matches!(name, "svg" | "math") => html.push_str(tag),
            Some(start) => html.extend([start.trim_ascii_end(), "></", name, ">"]),
            None => {
                foreign += usize::from(matches!(name, "svg" | "math"));
                html.push_str(tag);
                if matches!(name, "script" | "style") && foreign == 0 {
                    let end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
                    push_raw(&rest[..end], &mut html);
                    rest = &rest[end..];
                }
            }
        }
    }
    html.push_str(rest);
    // XML is never in quirks mode.
    if mode(&html) == Mode::Quirks { format!("<!DOCTYPE html>\n{html}") } else { html }
}

/// How long what begins with `<` is: a tag, a comment, something else.
fn length(text: &str) -> usize {
    let end_of = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    if text.starts_with("<!--") {
        return end_of("-->");
    }
    if text.starts_with("<?") {
        return end_of("?>");
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// The text of a script or a style sheet, which HTML takes as it stands.
fn push_raw(content: &str, html: &mut String) {
    let mut rest = content;
    while let Some((before, section)) = rest.split_once("<![CDATA[") {
        html.push_str(&htmlize::unescape(before));
        let (text, after) = section.split_once("]]>").unwrap_or((section, ""));
        html.push_str(text);
        rest = after;
    }
    html.push_str(&htmlize::unescape(rest));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_xmls_alone_is_written_as_html() {
        for (xml, wanted) in [
            ("<!DOCTYPE html><p/>a<br/><a name='x>y' />b", "<!DOCTYPE html><p></p>a<br/><a name='x>y'></a>b"),
            ("<!DOCTYPE html><script src=\"a.js\"/><title/>", "<!DOCTYPE html><script src=\"a.js\"></script><title></title>"),
            ("<!DOCTYPE html><script>a &lt; b<![CDATA[ && c]]></script>", "<!DOCTYPE html><script>a < b && c</script>"),
            ("<!DOCTYPE html><p><![CDATA[a < b]]></p>", "<!DOCTYPE html><p>a &lt; b</p>"),
            ("<!DOCTYPE html><svg><g/><rect /></svg><p/>", "<!DOCTYPE html><svg><g/><rect /></svg><p></p>"),
            ("<?xml version='1.0'?><!-- <p/> --><p>", "<!DOCTYPE html>\n<?xml version='1.0'?><!-- <p/> --><p>"),
            ("<!DOCTYPE html><p", "<!DOCTYPE html><p"),
        ] {
            assert_eq!(to_html(xml), wanted, "{xml}");
        }
    }
}

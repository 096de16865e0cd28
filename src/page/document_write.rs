//! What a script writes into the document while that is parsed, as far as it stands there in so many words:
//! `document.write('<script src="a.js"><\/script>')`.

use super::lexer::{Lexer, Token};
use super::reference::AssetKind;
use std::ops::Range;

/// A reference in what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) kind: AssetKind,
    /// Where its URL stands in the script.
    pub(super) url: Range<usize>,
    /// It is written only if something else is not there: `window.jQuery || document.write(…)`.
    pub(super) is_fallback: bool,
}

/// The references that a script writes.
pub(super) fn written(script: &str) -> Vec<Written> {
    let mut found = Vec::new();
    if !script.contains("document.write") {
        return found;
    }
    let mut lexer = Lexer::new(script);
    let mut before = None;
    while let Some((token, range)) = lexer.next() {
        if token == Token::Word && &script[range] == "document" && begins_write(&mut lexer) {
            let is_fallback = before == Some(Token::Punctuation(b'|'));
            strings_of_call(&mut lexer, |string| found.extend(references(script, string, is_fallback)));
        }
        before = Some(token);
    }
    found
}

/// Whether `.write(` or `.writeln(` follows.
fn begins_write(lexer: &mut Lexer<'_>) -> bool {
    let text = lexer.text;
    [&["."][..], &["write", "writeln"], &["("]].iter().all(|wanted| match lexer.peek() {
        Some((_, range)) if wanted.contains(&&text[range.clone()]) => lexer.next().is_some(),
        _ => false,
    })
}

/// The strings in the arguments of a call.
fn strings_of_call(lexer: &mut Lexer<'_>, mut visit: impl FnMut(Range<usize>)) {
    let mut depth = 1_u32;
    while depth > 0 {
        match lexer.next() {
            Some((Token::String, range)) => visit(range),
            Some((Token::Punctuation(b'('), _)) => depth += 1,
            Some((Token::Punctuation(b')'), _)) => depth -= 1,
            Some(_) => {}
            None => return,
        }
    }
}

/// The references in a string, whose tags and attributes are whole.
fn references(script: &str, string: Range<usize>, is_fallback: bool) -> Vec<Written> {
    let text = &script[string.clone()];
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, _) in lower.match_indices('<') {
        let rest = &lower[at + 1..];
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        let tag = &rest[..rest.find(['<', '>']).unwrap_or(rest.len())];
        let (kind, attribute) = match name {
            "script" => (AssetKind::Script, "src="),
            "img" => (AssetKind::Image, "src="),
            "iframe" => (AssetKind::Frame, "src="),
            "link" if tag.contains("stylesheet") => (AssetKind::Style, "href="),
            _ => continue,
        };
        let Some(value) = tag.find(attribute).filter(|at| tag[..*at].ends_with([' ', '\t'])) else { continue };
        let start = at + 1 + value + attribute.len();
        let Some(url) = url_at(text, start) else { continue };
        found.push(Written { kind, url: string.start + url.start..string.start + url.end, is_fallback });
    }
    found
}

/// A URL, in quotes that may be escaped, or in none.
fn url_at(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let unescaped = rest.strip_prefix('\\').unwrap_or(rest);
    let quote = unescaped.chars().next().filter(|c| matches!(c, '"' | '\''));
    let start = text.len() - unescaped.len() + usize::from(quote.is_some());
    let end = match quote {
        Some(quote) => start + text[start..].find(quote)?,
        None => start + text[start..].find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '\'' | '"'))?,
    };
    let url = text[start..end].trim_end_matches('\\');
    // The string ends here, and so does what is known of the URL.
    let is_whole = quote.is_none_or(|_| end + 1 < text.len()) && !matches!(&text[end..], "\"" | "'");
    (is_whole && !url.is_empty() && !url.replace("\\/", "/").contains('\\')).then(|| start..start + url.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_in_what_is_written_are_found() {
        for (script, wanted) in [
            ("document.write('<script src=\"a.js\"><\\/script>')", "Script a.js"),
            ("document.write(\"<script src='a.js' defer></\" + \"script>\");", "Script a.js"),
            ("document.write(\"<script type=\\\"x\\\" src=\\\"a.js\\\"><\\/script>\")", "Script a.js"),
            ("document.writeln('<IMG SRC=a.gif><img src=b.gif >')", "Image a.gif Image b.gif"),
            ("document.write('<link rel=stylesheet href=\"a.css\">')", "Style a.css"),
            ("window.jQuery || document.write('<script src=\"a.js\"><\\/script>')", "Script? a.js"),
            ("document.write('<link rel=icon href=\"a.css\"><a href=\"b\">')", ""),
            ("document.write('<script src=\"' + host + 'a.js\"><\\/script>')", ""),
            ("document.write('<img src=' + a + '>')", ""),
            ("document.write('<img src=\"a\\x62\">'); write('<img src=a>'); '<img src=b>'", ""),
            ("document.write('<img data-src=a >", ""),
        ] {
            let show = |written: Written| {
                format!("{:?}{} {}", written.kind, if written.is_fallback { "?" } else { "" }, &script[written.url])
            };
            assert_eq!(written(script).into_iter().map(show).collect::<Vec<_>>().join(" "), wanted, "{script}");
        }
    }
}

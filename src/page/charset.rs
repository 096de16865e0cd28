//! The charset of a document, a style sheet or a script, as browsers decide it.

use super::tag::Attributes;
use super::tokens::{Token, tokens};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use std::ops::Range;

/// How many bytes are searched for a declaration.
const PRESCAN: usize = 1024;
/// How far the end of the head is looked for.
const HEAD: usize = 256 * 1024;

/// Decodes an HTML document (WHATWG HTML section 13.2.3): by its byte order mark, the charset of its
/// Content-Type, its own declaration, the charset of the page that it is a frame of, or a guess from its text
/// and the top-level domain of its host. Also tells which it was.
pub(super) fn decode_html(
    body: &[u8],
    declared: Option<&str>,
    parent: Option<&'static Encoding>,
    host: Option<&str>,
) -> (String, &'static Encoding) {
    let encoding = declared
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .or_else(|| prescan(&body[..body.len().min(PRESCAN)]))
        .or_else(|| prescan_head(&body[..body.len().min(HEAD)]))
        .or_else(|| xml_encoding(&body[..body.len().min(PRESCAN)]))
        .or(parent)
        .unwrap_or_else(|| guess(body, host));
    decode(body, encoding)
}

/// Decodes a style sheet (CSS Syntax section 3.2): by its byte order mark, the charset of its Content-Type, its
/// `@charset`, or the charset of what refers to it.
pub(super) fn decode_css(body: &[u8], declared: Option<&str>, environment: &'static Encoding) -> (String, &'static Encoding) {
    let rule = body.strip_prefix(b"@charset \"").and_then(|rest| {
        let end = rest[..rest.len().min(PRESCAN)].windows(2).position(|window| window == b"\";")?;
        Encoding::for_label(&rest[..end]).map(without_utf16)
    });
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    decode(body, declared.or(rule).unwrap_or(environment))
}

/// Decodes a classic script: by its byte order mark, the charset of its Content-Type, or the charset of what
/// refers to it.
pub(super) fn decode_script(body: &[u8], declared: Option<&str>, environment: &'static Encoding) -> String {
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    decode(body, declared.unwrap_or(environment)).0
}

/// Decodes XML: by its byte order mark, the charset of its Content-Type, or its declaration.
pub(super) fn decode_xml(body: &[u8], declared: Option<&str>) -> String {
    let start = &body[..body.len().min(PRESCAN)];
    let declaration = start.strip_prefix(b"<?xml").and_then(|rest| {
        let rest = &rest[..rest.windows(2).position(|window| window == b"?>")?];
        let at = rest.windows(8).position(|window| window == b"encoding")?;
        let value = rest[at + 8..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let (quote, value) = value.split_first()?;
        Encoding::for_label(&value[..value.iter().position(|byte| byte == quote)?]).map(without_utf16)
    });
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    decode(body, declared.or(declaration).unwrap_or(UTF_8)).0
}

fn decode(body: &[u8], encoding: &'static Encoding) -> (String, &'static Encoding) {
    let (text, used, _) = encoding.decode(body);
    (text.into_owned(), used)
}

/// A declaration in ASCII is not in UTF-16, whatever it says.
fn without_utf16(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding }
}

fn guess(body: &[u8], host: Option<&str>) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(body, true);
    let domain =
        host.and_then(|host| host.rsplit('.').next()).filter(|domain| domain.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let domain = domain.map(str::to_ascii_lowercase);
    detector.guess(domain.as_deref().map(str::as_bytes), Utf8Detection::Allow)
}

/// The charset that a document declares itself (section 13.2.3.2).
fn prescan(start: &[u8]) -> Option<&'static Encoding> {
    // What is no ASCII tells nothing here; one byte stays one character.
    let text: String = start.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
    if text.starts_with("<\0?\0x\0") {
        return Some(UTF_16LE);
    }
    if text.starts_with("\0<\0?\0x") {
        return Some(UTF_16BE);
    }
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        at += found;
        let rest = &text[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            // Its two dashes may be the end's too.
            at += comment.find("-->").map(|end| end + 7).or_else(|| comment.starts_with('>').then_some(5))?;
            continue;
        }
        let name = rest[1..].trim_start_matches('/');
        if rest[1..].starts_with(['!', '?'])
            || name.len() + 1 < rest.len() && !name.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            at += rest.find('>')? + 1;
        } else if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let attributes = Attributes::of(&text, at..text.len());
            let is_meta = rest.get(1..5).is_some_and(|name| name.eq_ignore_ascii_case("meta"))
                && rest[5..].starts_with(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(encoding) = is_meta.then(|| declared_by(&attributes)).flatten() {
                return Some(encoding);
            }
            let end = attributes.iter().last().map_or(at, |(_, attribute)| attribute.whole.end);
            at = end + text[end..].find('>')? + 1;
        } else {
            at += 1;
        }
    }
    None
}

/// The charset that a document declares further down in its head, where browsers look too.
fn prescan_head(start: &[u8]) -> Option<&'static Encoding> {
    let text: String = start.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
    for token in tokens(&text) {
        let Token::Start(name, _, range) = token else { continue };
        match name.as_str() {
            "meta" => {
                if let Some(encoding) = declared_by(&Attributes::of(&text, range)) {
                    return Some(encoding);
                }
            }
            "html" | "head" | "title" | "base" | "link" | "script" | "style" | "noscript" | "object" => {}
            _ if range.start < PRESCAN => {}
            _ => return None,
        }
    }
    None
}

/// The charset of an XML declaration (section 13.2.3.2, "get an XML encoding").
fn xml_encoding(start: &[u8]) -> Option<&'static Encoding> {
    let declaration = start.strip_prefix(b"<?xml")?.split(|byte| *byte == b'>').next()?;
    let text = String::from_utf8_lossy(declaration).into_owned();
    let value = text.split_once("encoding")?.1.trim_ascii_start().strip_prefix('=')?.trim_ascii_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    Encoding::for_label(label.as_bytes()).map(without_utf16)
}

/// The charset that a `meta` element with these attributes declares.
fn declared_by(attributes: &Attributes<'_>) -> Option<&'static Encoding> {
    let label = match attributes.text("charset") {
        Some(charset) => charset.into_owned(),
        None if attributes.is("http-equiv", "content-type") => {
            let content = attributes.text("content")?;
            content[charset_in(&content)?].to_owned()
        }
        None => return None,
    };
    let encoding = without_utf16(Encoding::for_label(label.as_bytes())?);
    Some(if encoding == X_USER_DEFINED { WINDOWS_1252 } else { encoding })
}

/// The place of the charset in a `meta` element's `content` (section 2.6.5, "extracting a character encoding").
pub(super) fn charset_in(content: &str) -> Option<Range<usize>> {
    let lower = content.to_ascii_lowercase();
    let mut at = 0;
    loop {
        at += lower[at..].find("charset")? + "charset".len();
        let Some(value) = content[at..].trim_ascii_start().strip_prefix('=') else { continue };
        let value = value.trim_ascii_start();
        let start = content.len() - value.len();
        let (start, length) = match value.chars().next()? {
            quote @ ('"' | '\'') => (start + 1, value[1..].find(quote)?),
            _ => (start, value.find(|c: char| c.is_ascii_whitespace() || c == ';').unwrap_or(value.len())),
        };
        return (length > 0).then(|| start..start + length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{BIG5, EUC_KR, GBK, SHIFT_JIS, WINDOWS_1251};

    fn name_of(body: &[u8], declared: Option<&str>) -> &'static str {
        decode_html(body, declared, None, None).1.name()
    }

    #[test]
    fn a_declaration_is_found_where_browsers_find_it() {
        for (body, wanted) in [
            (&b"<meta charset=gbk>"[..], "GBK"),
            (b"<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=gb2312'>", "GBK"),
            (b"<meta content='text/html; charset=\"big5\"' http-equiv=content-type>", "Big5"),
            (b"<!-- <meta charset=gbk> --><meta charset=shift_jis>", "Shift_JIS"),
            (b"<!--><meta charset=shift_jis>", "Shift_JIS"),
            (b"<a title='<meta charset=gbk>'><meta charset=euc-kr>", "EUC-KR"),
            (b"<metal charset=gbk><meta charset='utf-16'>", "UTF-8"),
            (b"<meta content='text/html; charset=gbk'><meta charset=koi8-r>", "KOI8-R"),
            (b"<meta charset=x-user-defined>", "windows-1252"),
            (b"</ <meta charset=gbk>><meta charset=big5>", "Big5"),
        ] {
            assert_eq!(name_of(body, None), wanted, "{}", body.escape_ascii());
        }
    }

    #[test]
    fn the_strongest_declaration_wins() {
        assert_eq!(name_of(b"\xef\xbb\xbf<meta charset=gbk>", Some("big5")), "UTF-8");
        assert_eq!(name_of(b"<meta charset=gbk>", Some("big5")), "Big5");
        assert_eq!(name_of(b"<meta charset=gbk>", Some("no-such-charset")), "GBK");
        assert_eq!(decode_html(b"<p>", None, Some(EUC_KR), None).1.name(), "EUC-KR");
        let far = [b"<style>", &b" ".repeat(1024)[..], b"</style><p><meta charset=big5>"].concat();
        assert_eq!(decode_html(&far, None, Some(GBK), None).1, GBK);
        let in_head = [b"<style>", &b" ".repeat(1024)[..], b"</style><meta charset=big5>"].concat();
        assert_eq!(decode_html(&in_head, None, Some(GBK), None).1, BIG5);
        assert_eq!(decode_html(b"<?xml version='1.0' encoding=\"big5\"?><p>", None, Some(GBK), None).1, BIG5);
    }

    #[test]
    fn text_without_a_declaration_reads_right() {
        for (encoding, host, text) in [
            (GBK, "www.example.cn", "中文网页的编码没有声明，但是浏览器能读。新闻、体育、财经、科技、娱乐。"),
            (BIG5, "www.example.tw", "繁體中文網頁的編碼沒有聲明，但是瀏覽器能讀。新聞、體育、財經、科技、娛樂。"),
            (SHIFT_JIS, "www.example.jp", "日本語のページで、文字コードの宣言がありません。ニュースとスポーツ。"),
            (EUC_KR, "www.example.kr", "한국어 페이지에 문자 집합 선언이 없습니다. 뉴스와 스포츠."),
            (WINDOWS_1251, "www.example.ru", "Страница на русском языке без объявления кодировки. Новости и спорт."),
            (UTF_8, "www.example.com", "中文网页 und Umlaute äöü"),
        ] {
            let (bytes, ..) = encoding.encode(text);
            assert_eq!(decode_html(&bytes, None, None, Some(host)).0, text);
        }
    }

    #[test]
    fn style_sheets_have_their_own_rules() {
        let charset = |body: &[u8], declared| decode_css(body, declared, GBK).1.name();
        assert_eq!(charset(b"@charset \"big5\";a{}", None), "Big5");
        assert_eq!(charset(b"@charset \"big5\";a{}", Some("utf-8")), "UTF-8");
        assert_eq!(charset(b"@CHARSET \"big5\";a{}", None), "GBK");
        assert_eq!(charset(b" @charset \"big5\";a{}", None), "GBK");
        assert_eq!(charset(b"@charset \"utf-16\";a{}", None), "UTF-8");
        assert_eq!(charset(b"\xff\xfea\0", Some("gbk")), "UTF-16LE");
    }
}

//! Properties of pages.

use super::charset::{decode_css, decode_html, decode_script, decode_xml};
use super::{AssetKind, AssetRequest, Omit, Page, Resource, srcset};
use encoding_rs::UTF_8;
use std::collections::HashSet;
use url::Url;

const PAGE: &str = "http://h/d/page.html";
/// The most bytes that a page may have.
const MAX_SIZE: u64 = 4 * 1024 * 1024;
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

/// A document: the saved page is the same however its assets come, and asks for nothing but what is missing.
pub(crate) fn html(data: &[u8]) {
    let half = &data[data.len() / 2..];
    check(data, &|kind| match kind {
        AssetKind::Frame | AssetKind::Object => ("text/html", half),
        AssetKind::Style => ("text/css", half),
        AssetKind::Script | AssetKind::Module | AssetKind::Import => ("text/javascript", half),
        AssetKind::Sprite => ("image/svg+xml", half),
        AssetKind::Image => ("image/gif", GIF),
        AssetKind::Font => ("font/woff2", b"wOF2"),
        AssetKind::Media => ("video/mp4", b"ftyp"),
        AssetKind::Track => ("text/vtt", b"WEBVTT"),
    });
}

/// A style sheet, in a file of its own, in an element and in an attribute.
pub(crate) fn css(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace('"', "&quot;");
    let document = format!("<!DOCTYPE html><link rel=stylesheet href=s.css><p style=\"{text}\">");
    let assets = |kind| match kind {
        AssetKind::Style => ("text/css", data),
        AssetKind::Font => ("font/woff2", &b"wOF2"[..]),
        AssetKind::Sprite => ("image/svg+xml", &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..]),
        _ => ("image/gif", GIF),
    };
    check(document.as_bytes(), &assets);
    check(&[b"<!DOCTYPE html><style>", data, b"</style>"].concat(), &assets);
}

fn check<'a>(document: &'a [u8], assets: &dyn Fn(AssetKind) -> (&'static str, &'a [u8])) {
    let url = Url::parse(PAGE).expect("a URL");
    let page = complete(&resource(&url, "text/html", document), assets, false);
    let Ok(saved) = page.render(MAX_SIZE) else { return };
    assert!(saved.len() as u64 <= MAX_SIZE);
    // Beyond a limit, the first that come are taken.
    let is_limited = page.missing().values().any(|why| why.starts_with("the page has more than"));
    let reversed = complete(&resource(&url, "text/html", document), assets, true);
    let is_same = reversed.render(MAX_SIZE).is_ok_and(|other| other == saved);
    assert!(is_same || is_limited, "the order decides: {saved}");
    let missing: HashSet<Url> = page.missing().into_keys().cloned().collect();
    let mut again = Page::new(&resource(&url, "text/html;charset=utf-8", saved.as_bytes()), Omit::default());
    for request in again.take_requests() {
        assert!(missing.contains(&request.url), "{} is requested by {saved}", request.url);
    }
}

fn complete<'a>(page: &Resource, assets: &dyn Fn(AssetKind) -> (&'static str, &'a [u8]), reversed: bool) -> Page {
    let mut page = Page::new(page, Omit::default());
    loop {
        let mut requests = page.take_requests();
        if requests.is_empty() {
            assert!(page.is_complete());
            return page;
        }
        if reversed {
            requests.reverse();
        }
        for request in &requests {
            page.add(request, response(request, assets));
        }
    }
}

fn response<'a>(request: &AssetRequest, assets: &dyn Fn(AssetKind) -> (&'static str, &'a [u8])) -> Result<Resource, String> {
    let (content_type, body) = assets(request.kind);
    if request.url.path().ends_with("/missing") {
        Err("missing".to_owned())
    } else {
        Ok(resource(&request.url, content_type, body))
    }
}

fn resource(url: &Url, content_type: &str, body: &[u8]) -> Resource {
    Resource {
        url: url.clone(),
        content_type: Some(content_type.to_owned()),
        nosniff: false,
        frame_options: None,
        policy: None,
        allowed_origin: None,
        body: body.to_vec(),
    }
}

/// `srcset`, and behind a line end `sizes`: what is chosen is one of the URLs in it.
pub(crate) fn srcset(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (srcset, sizes) = text.split_once('\n').map_or((&*text, None), |(srcset, sizes)| (srcset, Some(sizes)));
    let Some(candidate) = srcset::choose(srcset, sizes) else {
        assert!(!srcset::replaces_source(srcset));
        return;
    };
    let is_space = |c: char| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let url = &srcset[candidate.url.clone()];
    assert!(!url.is_empty() && !url.contains(is_space) && !url.starts_with(',') && !url.ends_with(','), "{url:?}");
    let before = &srcset[..candidate.url.start];
    assert!(before.is_empty() || before.ends_with(|c| is_space(c) || c == ','), "{before:?}");
    // Alone, it is chosen again.
    let alone = &srcset[candidate.url.start..candidate.descriptors.end];
    let again = srcset::choose(alone, sizes).expect("a candidate");
    assert_eq!(&alone[again.url], url);
}

/// A document's charset is decided by what browsers decide it by, in their order.
pub(crate) fn charset(data: &[u8]) {
    let (text, encoding) = decode_html(data, None, None, None);
    // A byte order mark goes before everything, a declaration by the server before the document's own.
    let marked = [b"\xef\xbb\xbf", data].concat();
    assert_eq!(decode_html(&marked, Some("koi8-r"), None, Some("h.jp")).1, UTF_8);
    let declared = decode_html(data, Some("windows-1251"), None, None).1.name();
    let has_mark = data.starts_with(b"\xef\xbb\xbf") || data.starts_with(b"\xff\xfe") || data.starts_with(b"\xfe\xff");
    assert!(declared == "windows-1251" || has_mark, "{declared}");
    // What is ASCII, and does not say otherwise, is what it is.
    if data.is_ascii() && encoding.is_ascii_compatible() && encoding != encoding_rs::ISO_2022_JP {
        assert_eq!(text.as_bytes(), data);
    }
    let (sheet, _) = decode_css(data, None, UTF_8);
    let (script, xml) = (decode_script(data, None, UTF_8), decode_xml(data, None));
    if let Ok(utf8) = std::str::from_utf8(data)
        && !has_mark
    {
        assert_eq!(script, utf8);
        assert!(data.starts_with(b"@charset") || sheet == utf8);
        assert!(data.starts_with(b"<?xml") || xml == utf8);
    }
}

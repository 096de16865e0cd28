//! Media types: what a response says it is, and what its bytes are (WHATWG MIME Sniffing standard).

/// The value of a Content-Type field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MediaType {
    /// Type and subtype in lower case; empty where there is none, or none that is valid.
    pub(super) essence: String,
    /// The parameter `charset`.
    pub(super) charset: Option<String>,
}

impl MediaType {
    /// Reads a field value.
    pub(super) fn parse(value: &str) -> MediaType {
        let mut parts = value.split(';');
        let essence = parts.next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        // Registered names (RFC 6838 section 4.2) but for `&` and `#`: they stand as they are in data: URLs.
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!$-^_.+".contains(&byte);
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_name_byte);
        let essence = match essence.split_once('/') {
            Some((kind, subtype)) if is_token(kind) && is_token(subtype) => essence,
            _ => String::new(),
        };
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim_ascii();
            let value = value.strip_prefix('"').map_or(value, |quoted| quoted.split('"').next().unwrap_or_default());
            (name.trim_ascii().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_owned())
        });
        MediaType { essence, charset }
    }

    /// Whether it is JavaScript's.
    pub(super) fn is_script(&self) -> bool {
        let subtype = self.essence.split_once('/').filter(|(kind, _)| matches!(*kind, "text" | "application"));
        subtype.is_some_and(|(kind, subtype)| match subtype {
            "javascript" | "ecmascript" | "x-javascript" | "x-ecmascript" => true,
            "javascript1.0" | "javascript1.1" | "javascript1.2" | "javascript1.3" | "javascript1.4" | "javascript1.5"
            | "jscript" | "livescript" => kind == "text",
            _ => false,
        })
    }

    /// Whether a browser takes it for no classic script, whatever its bytes.
    pub(super) fn is_blocked_as_script(&self) -> bool {
        self.essence == "text/csv" || ["audio/", "image/", "video/"].iter().any(|kind| self.essence.starts_with(kind))
    }

    pub(super) fn is_html(&self) -> bool {
        self.essence == "text/html" || self.is_xhtml()
    }

    pub(super) fn is_xhtml(&self) -> bool {
        self.essence == "application/xhtml+xml"
    }

    pub(super) fn is_xml(&self) -> bool {
        self.essence.ends_with("/xml") || self.essence.ends_with("+xml")
    }

    /// Whether it says nothing of use.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.essence.as_str(), "" | "unknown/unknown" | "application/unknown" | "*/*")
    }

    /// Whether it is JSON's (WHATWG MIME Sniffing section 4.6).
    pub(super) fn is_json(&self) -> bool {
        self.essence.ends_with("+json") || matches!(self.essence.as_str(), "application/json" | "text/json")
    }

    /// Whether browsers play it: audio or video in a container that they know.
    pub(super) fn is_played(content_type: &str) -> bool {
        let known = "avc1 avc3 hvc1 hev1 vp8 vp9 vp09 av01 opus vorbis mp4a flac mp3 1 ";
        let codecs = content_type.to_ascii_lowercase().split_once("codecs=").map(|(_, codecs)| codecs.replace(['"', '\''], " "));
        let is_known = |codec: &str| known.contains(&format!("{} ", codec.trim_ascii().split('.').next().unwrap_or_default()));
        MediaType::parse(content_type).is_container() && codecs.is_none_or(|codecs| codecs.split(',').all(is_known))
    }

    fn is_container(&self) -> bool {
        let kinds = "mp4 webm ogg mpeg mp3 aac flac wav wave x-wav x-m4a x-flac x-m4v";
        let subtype = self.essence.strip_prefix("audio/").or_else(|| self.essence.strip_prefix("video/"));
        subtype.is_some_and(|subtype| kinds.split(' ').any(|kind| kind == subtype)) || self.essence == "application/ogg"
    }

    /// Whether browsers show it in a frame, besides HTML and SVG.
    pub(super) fn is_shown(&self) -> bool {
        let kinds = ["image/", "audio/", "video/", "text/"];
        kinds.iter().any(|kind| self.essence.starts_with(kind))
            || self.is_json()
            || self.is_script()
            || self.is_xml()
            || self.essence == "application/pdf"
    }

    pub(super) fn is_svg(&self) -> bool {
        self.essence == "image/svg+xml"
    }
}

/// Whether bytes are HTML (WHATWG MIME Sniffing section 7.1).
pub(super) fn sniff_html(body: &[u8]) -> bool {
    const TAGS: &[&str] = &[
        "!doctype html",
        "html",
        "head",
        "script",
        "iframe",
        "h1",
        "div",
        "font",
        "table",
        "a",
        "style",
        "title",
        "b",
        "body",
        "br",
        "p",
    ];
    let body = body.trim_ascii_start();
    let Some(tag) = body.strip_prefix(b"<") else { return false };
    let is = |name: &str| {
        let start = tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
        start && matches!(tag.get(name.len()), Some(b' ' | b'>'))
    };
    tag.starts_with(b"!--") || TAGS.iter().any(|name| is(name))
}

/// The media type of an image by its bytes, which is what browsers go by.
pub(super) fn sniff_image(body: &[u8]) -> Option<&'static str> {
    let is = |at: usize, signature: &[u8]| body.get(at..).is_some_and(|body| body.starts_with(signature));
    Some(match () {
        () if is(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        () if is(0, b"\xff\xd8\xff") => "image/jpeg",
        () if is(0, b"GIF87a") || is(0, b"GIF89a") => "image/gif",
        () if is(0, b"RIFF") && is(8, b"WEBPVP") => "image/webp",
        () if is(0, b"\0\0\x01\0") || is(0, b"\0\0\x02\0") => "image/x-icon",
        () if is(0, b"BM") => "image/bmp",
        () if is(4, b"ftypavif") || is(4, b"ftypavis") => "image/avif",
        () if is(0, b"\xff\x0a") || is(0, b"\0\0\0\x0cJXL \r\n\x87\n") => "image/jxl",
        () => return None,
    })
}

/// The media type of a font by its bytes; `None` where no browser of today reads it.
pub(super) fn sniff_font(body: &[u8]) -> Option<&'static str> {
    Some(match body.get(..4)? {
        b"wOF2" => "font/woff2",
        b"wOFF" => "font/woff",
        b"OTTO" => "font/otf",
        b"\0\x01\0\0" | b"true" => "font/ttf",
        b"ttcf" => "font/collection",
        _ => return None,
    })
}

/// The media type of audio and video by its bytes.
pub(super) fn sniff_media(body: &[u8]) -> Option<&'static str> {
    let is = |at: usize, signature: &[u8]| body.get(at..).is_some_and(|body| body.starts_with(signature));
    Some(match () {
        () if is(4, b"ftyp") => "video/mp4",
        () if is(0, b"\x1a\x45\xdf\xa3") => "video/webm",
        () if is(0, b"OggS\0") => "application/ogg",
        () if is(0, b"ID3") || is(0, b"\xff\xfb") || is(0, b"\xff\xf3") => "audio/mpeg",
        () if is(0, b"RIFF") && is(8, b"WAVE") => "audio/wav",
        () if is(0, b"fLaC") => "audio/flac",
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_read() {
        for (value, essence, charset) in [
            ("text/html", "text/html", None),
            (" Text/HTML ; Charset=\"GBK\"; x=y", "text/html", Some("GBK")),
            ("text/css;charset=utf-8", "text/css", Some("utf-8")),
            ("text/css; charset=", "text/css", None),
            ("html; charset=big5", "", Some("big5")),
            ("image/x\"onerror=\"f()", "", None),
            ("image/svg+xml", "image/svg+xml", None),
            ("image/a&b", "", None),
            ("", "", None),
        ] {
            assert_eq!(MediaType::parse(value), MediaType { essence: essence.to_owned(), charset: charset.map(str::to_owned) });
        }
    }

    #[test]
    fn html_is_told_by_its_bytes() {
        for (body, wanted) in [
            ("\n <HTML>", true),
            ("<!DOCTYPE html>", true),
            ("<!-- a", true),
            ("<p class=x", true),
            ("<pre>", false),
            ("text <p>", false),
            ("", false),
        ] {
            assert_eq!(sniff_html(body.as_bytes()), wanted, "{body}");
        }
    }

    #[test]
    fn scripts_are_told_by_their_type() {
        for (value, script, blocked) in [
            ("text/javascript", true, false),
            ("application/x-javascript; charset=gbk", true, false),
            ("text/plain", false, false),
            ("application/jscript", false, false),
            ("image/png", false, true),
            ("text/csv", false, true),
        ] {
            let media_type = MediaType::parse(value);
            assert_eq!((media_type.is_script(), media_type.is_blocked_as_script()), (script, blocked), "{value}");
        }
    }
}

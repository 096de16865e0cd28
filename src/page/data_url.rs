//! `data:` URLs (RFC 2397, and as the Fetch standard reads them).

use data_encoding::BASE64;
use std::fmt::Write;

/// A `data:` URL of some media type, which can stand as it is in a quoted attribute, CSS string or JSON string;
/// without spaces also in `srcset`. Text is percent-encoded where that is shorter than Base64.
pub(super) fn encode(media_type: &str, body: &[u8], without_spaces: bool) -> String {
    let is_encoded = |byte: u8| match byte {
        // A URL parser takes control characters out, and ends the URL at a number sign.
        0..0x20 | 0x7f | b'%' | b'#' | b'"' | b'<' | b'>' | b'&' | b'\\' => true,
        b' ' => without_spaces,
        // Characters beyond ASCII are encoded by a URL parser.
        _ => false,
    };
    let base64_length = body.len().div_ceil(3) * 4 + ";base64".len();
    // A space at the end would be taken off.
    let text = std::str::from_utf8(body).ok().filter(|text| !text.ends_with(' '));
    let text = text.filter(|text| text.len() + 2 * text.bytes().filter(|byte| is_encoded(*byte)).count() <= base64_length);
    let Some(text) = text else {
        let mut url = format!("data:{media_type};base64,");
        BASE64.encode_append(body, &mut url);
        return url;
    };
    let mut url = format!("data:{media_type},");
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| is_encoded(*byte)) {
        url.push_str(&text[start..at]);
        let _ = write!(url, "%{byte:02X}");
        start = at + 1;
    }
    url.push_str(&text[start..]);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_becomes_the_shorter_of_two_urls() {
        for (body, without_spaces, wanted) in [
            (&b"a{b:c}"[..], false, "data:text/css,a{b:c}"),
            (b"<svg a=\"b\"/> 100%#&\\\n", false, "data:text/css;base64,PHN2ZyBhPSJiIi8+IDEwMCUjJlwK"),
            ("/* \u{fc}ber */ a > b { c: url(d) }".as_bytes(), false, "data:text/css,/* \u{fc}ber */ a %3E b { c: url(d) }"),
            (b"/* a long comment */", true, "data:text/css,/*%20a%20long%20comment%20*/"),
            (b"\xff\xfe\x00", false, "data:text/css;base64,//4A"),
            (b"ends with ", false, "data:text/css;base64,ZW5kcyB3aXRoIA=="),
            (b"", false, "data:text/css,"),
        ] {
            assert_eq!(encode("text/css", body, without_spaces), wanted);
        }
    }

    #[test]
    fn what_is_encoded_is_what_a_url_parser_and_a_decoder_give_back() {
        for body in ["a b\tc\r\nd", "\"'`\\<>&#?%41{}|^", "\u{0}\u{7f}\u{80}\u{3000}", "  leading"] {
            for without_spaces in [false, true] {
                let url = url::Url::parse(&encode("text/plain;charset=utf-8", body.as_bytes(), without_spaces)).expect("a URL");
                let (decoded, _) = data_url::DataUrl::process(url.as_str()).expect("data").decode_to_vec().expect("decoded");
                assert_eq!(String::from_utf8(decoded).expect("UTF-8"), body);
            }
        }
    }
}

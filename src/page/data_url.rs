//! `data:` URLs (RFC 2397, and as the Fetch standard reads them).

use super::media_type::MediaType;
use data_encoding::BASE64;
use data_url::DataUrl;
use std::fmt::Write;

/// What a `data:` URL holds: its media type and its bytes.
pub(super) fn decode(url: &str) -> Option<(MediaType, Vec<u8>)> {
    let url = DataUrl::process(url.trim_ascii()).ok()?;
    let (body, _fragment) = url.decode_to_vec().ok()?;
    Some((MediaType::parse(&url.mime_type().to_string()), body))
}

/// How many bytes are looked at together: most have nothing in them that is encoded.
const CHUNK: usize = 64;

/// A `data:` URL of some media type, which can stand as it is in a quoted attribute, CSS string or JSON string;
/// without spaces also in `srcset`. Text is percent-encoded where that is shorter than Base64.
pub(super) fn encode(media_type: &str, body: &[u8], without_spaces: bool) -> String {
    debug_assert!(!media_type.bytes().any(|byte| is_encoded(byte, true)), "{media_type}");
    let base64_length = body.len().div_ceil(3) * 4 + ";base64".len();
    // A space at the end would be taken off.
    let text = std::str::from_utf8(body).ok().filter(|text| !text.ends_with(' '));
    let length =
        |text: &str| text.len() + 2 * text.bytes().map(|byte| usize::from(is_encoded(byte, without_spaces))).sum::<usize>();
    let Some((text, length)) = text.map(|text| (text, length(text))).filter(|(_, length)| *length <= base64_length) else {
        let mut url = format!("data:{media_type};base64,");
        url.reserve(base64_length);
        BASE64.encode_append(body, &mut url);
        return url;
    };
    let mut url = format!("data:{media_type},");
    url.reserve(length);
    let mut start = 0;
    for (index, chunk) in body.chunks(CHUNK).enumerate() {
        if !chunk.iter().fold(false, |found, byte| found | is_encoded(*byte, without_spaces)) {
            continue;
        }
        for (at, byte) in chunk.iter().enumerate().filter(|(_, byte)| is_encoded(**byte, without_spaces)) {
            let at = index * CHUNK + at;
            url.push_str(&text[start..at]);
            let _ = write!(url, "%{byte:02X}");
            start = at + 1;
        }
    }
    url.push_str(&text[start..]);
    url
}

/// Whether a byte cannot stand for itself. Without branches, so that many are looked at at once.
fn is_encoded(byte: u8, without_spaces: bool) -> bool {
    // A URL parser takes control characters out, and ends the URL at a number sign; characters beyond ASCII it
    // encodes itself.
    (byte < 0x20)
        | (byte == 0x7f)
        | (byte == b'%')
        | (byte == b'#')
        | (byte == b'"')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'&')
        | (byte == b'\\')
        | (without_spaces & (byte == b' '))
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

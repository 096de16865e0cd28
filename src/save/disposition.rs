//! Content-Disposition's file name (RFC 6266, with RFC 8187 for `filename*`).

use percent_encoding::percent_decode;

/// The file name that a Content-Disposition value suggests: `filename*` where it can be read, else
/// `filename`. Whatever it says, not yet safe to use.
pub(super) fn file_name(value: &[u8]) -> Option<String> {
    let parameters = parameters(value);
    let find = |wanted: &str| parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    let extended = find("filename*").and_then(|(_, value)| extended(value));
    extended.or_else(|| find("filename").map(|(_, value)| text(value)))
}

/// `charset'language'percent-encoded` (RFC 8187 section 3.2); `None` where it is not that.
fn extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode(encoded).collect();
    match charset {
        utf8 if utf8.eq_ignore_ascii_case(b"UTF-8") => String::from_utf8(bytes).ok(),
        latin1 if latin1.eq_ignore_ascii_case(b"ISO-8859-1") => Some(bytes.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

/// What servers put into `filename` besides ASCII is mostly UTF-8, by the book Latin-1.
fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    }
}

/// The parameters after the disposition type: names, and values unquoted.
fn parameters(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut parameters = Vec::new();
    // Up to the first semicolon, that is the type; some servers leave it out.
    let mut rest = match value.iter().position(|byte| matches!(byte, b';' | b'=')) {
        Some(at) if value[at] == b';' => &value[at + 1..],
        Some(_) => value,
        None => return parameters,
    };
    while let Some(equals) = rest.iter().position(|byte| *byte == b'=') {
        let name = rest[..equals].trim_ascii().to_vec();
        let (value, after) = parameter_value(rest[equals + 1..].trim_ascii_start());
        parameters.push((name, value));
        rest = match after.iter().position(|byte| *byte == b';') {
            Some(semicolon) => &after[semicolon + 1..],
            None => return parameters,
        };
    }
    parameters
}

/// A quoted string or what comes before the next semicolon, and what follows it.
fn parameter_value(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return (text[..end].trim_ascii().to_vec(), &text[end..]);
    };
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return (value, &quoted[at + 1..]),
            b'\\' => value.extend(bytes.next().map(|(_, escaped)| *escaped)),
            byte => value.push(*byte),
        }
    }
    (value, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_found() {
        for (value, wanted) in [
            (&b"attachment; filename=a.txt"[..], Some("a.txt")),
            (b"Attachment;FILENAME = \"a b;c.txt\" ; x=y", Some("a b;c.txt")),
            (b"inline; filename=\"a\\\"b\\\\c\"", Some("a\"b\\c")),
            (b"attachment; filename=\"never closed", Some("never closed")),
            (b"attachment; filename=a; filename*=UTF-8''%e2%82%ac%20b", Some("\u{20ac} b")),
            (b"attachment; filename*=iso-8859-1'en'%A3; filename=a", Some("\u{a3}")),
            (b"attachment; filename*=UTF-8''%ff; filename=a", Some("a")),
            (b"attachment; filename*=KOI8-R''%ff; filename=a", Some("a")),
            (b"attachment; filename*=nonsense", None),
            (b"attachment; filename=\xe6\x96\xb0", Some("新")),
            (b"attachment; filename=\xe9", Some("\u{e9}")),
            (b"filename=a", Some("a")),
            (b"attachment; filename=", Some("")),
            (b"attachment", None),
            (b"", None),
        ] {
            assert_eq!(file_name(value).as_deref(), wanted, "{}", value.escape_ascii());
        }
    }
}

//! What a certificate says, read from its DER (RFC 5280 section 4.1, X.690): its subject, to be shown,
//! and its extended key usage, where webpki does not get as far as looking at it. Whether a certificate
//! is trusted is decided elsewhere.
//!
//! A hundred lines of our own: the library that reads certificates brings tables which make every start
//! of the program a twentieth longer.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.37.
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
/// 1.3.6.1.5.5.7.3.1.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// The attributes of a subject that are shown: the last arcs of 2.5.4, and RFC 4514's names.
const ATTRIBUTES: &[(u8, &str)] = &[(3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU")];

/// The subject, as in `CN=example.com, O=Example`; `None` where it has none, or cannot be read.
pub(super) fn subject(certificate: &[u8]) -> Option<String> {
    let mut names = contents(from_subject(certificate)?, SEQUENCE)?;
    let mut shown = Vec::new();
    while let Some((SET, set, after)) = value(names) {
        let pair = contents(set, SEQUENCE)?;
        let (kind, text) = (contents(pair, OBJECT_IDENTIFIER)?, value(pair)?.2);
        if let [0x55, 4, arc] = kind
            && let Some((_, name)) = ATTRIBUTES.iter().find(|(known, _)| known == arc)
        {
            shown.push(format!("{name}={}", String::from_utf8_lossy(value(text)?.1)));
        }
        names = after;
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

/// Whether the extended key usage, where there is one, has server authentication in it
/// (RFC 5280 section 4.2.1.12). What cannot be read allows nothing.
pub(super) fn allows_server_auth(certificate: &[u8]) -> bool {
    extended_key_usage(certificate).is_some_and(|usage| usage.is_none_or(|usage| has_server_auth(usage).unwrap_or(false)))
}

/// The value of the extension; `Some(None)` where there is none.
fn extended_key_usage(certificate: &[u8]) -> Option<Option<&[u8]>> {
    let mut fields = from_subject(certificate)?;
    while let Some((tag, field, after)) = value(fields) {
        if tag == EXTENSIONS {
            let mut extensions = contents(field, SEQUENCE)?;
            while !extensions.is_empty() {
                let (SEQUENCE, extension, after) = value(extensions)? else { return None };
                let (OBJECT_IDENTIFIER, kind, mut rest) = value(extension)? else { return None };
                if rest.first() == Some(&BOOLEAN) {
                    (_, _, rest) = value(rest)?;
                }
                if kind == EXTENDED_KEY_USAGE {
                    return contents(rest, OCTET_STRING).map(Some);
                }
                extensions = after;
            }
        }
        fields = after;
    }
    fields.is_empty().then_some(None)
}

fn has_server_auth(usage: &[u8]) -> Option<bool> {
    let mut purposes = contents(usage, SEQUENCE)?;
    while !purposes.is_empty() {
        let (OBJECT_IDENTIFIER, purpose, after) = value(purposes)? else { return None };
        if purpose == SERVER_AUTH {
            return Some(true);
        }
        purposes = after;
    }
    Some(false)
}

/// The fields of a TBSCertificate from the subject on.
fn from_subject(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = value(certificate)?;
    let (_, mut fields, _) = value(certificate)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = value(fields)?;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        (_, _, fields) = value(fields)?;
    }
    Some(fields)
}

/// The contents of the first value, where it is of that kind.
fn contents(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    value(bytes).filter(|(tag, ..)| *tag == kind).map(|(_, contents, _)| contents)
}

/// The first value: its tag, its contents, and what follows it.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if let Some(count) = length.checked_sub(0x80) {
        // So many bytes of length; a certificate of 16 MiB there is not.
        let (digits, after) = rest.split_at_checked(count).filter(|_| (1..=3).contains(&count))?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    let (contents, after) = rest.split_at_checked(length)?;
    Some((*tag, contents, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let length = u16::try_from(contents.len()).expect("short").to_be_bytes();
        [&[tag, 0x82, length[0], length[1]], &contents[..]].concat()
    }

    fn certificate(subject: &[&[u8]]) -> Vec<u8> {
        let empty = der(SEQUENCE, &[]);
        let fields = [&der(VERSION, &[&[2, 1, 2]])[..], &[2, 1, 7], &empty, &empty, &empty, &der(SEQUENCE, subject)];
        der(SEQUENCE, &[&der(SEQUENCE, &fields)])
    }

    fn attribute(arc: u8, text: &str) -> Vec<u8> {
        der(SET, &[&der(SEQUENCE, &[&[OBJECT_IDENTIFIER, 3, 0x55, 4, arc], &der(0x0c, &[text.as_bytes()])])])
    }

    fn with_extensions(extensions: &[&[u8]]) -> Vec<u8> {
        let empty = der(SEQUENCE, &[]);
        let extensions = der(EXTENSIONS, &[&der(SEQUENCE, extensions)]);
        der(SEQUENCE, &[&der(SEQUENCE, &[&[2, 1, 7], &empty, &empty, &empty, &empty, &empty, &extensions])])
    }

    fn usage(purposes: &[&[u8]]) -> Vec<u8> {
        let purposes: Vec<_> = purposes.iter().map(|purpose| der(OBJECT_IDENTIFIER, &[purpose])).collect();
        let list = der(SEQUENCE, &[&purposes.concat()]);
        der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[EXTENDED_KEY_USAGE]), &[BOOLEAN, 1, 0xff], &der(OCTET_STRING, &[&list])])
    }

    #[test]
    fn an_extended_key_usage_has_to_allow_servers() {
        const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
        let other = der(SEQUENCE, &[&der(OBJECT_IDENTIFIER, &[&[0x55, 0x1d, 0x13]]), &der(OCTET_STRING, &[&[5, 0]])]);
        assert!(allows_server_auth(&with_extensions(&[&other])));
        assert!(allows_server_auth(&with_extensions(&[])));
        assert!(allows_server_auth(&with_extensions(&[&other, &usage(&[CLIENT_AUTH, SERVER_AUTH])])));
        assert!(!allows_server_auth(&with_extensions(&[&other, &usage(&[CLIENT_AUTH])])));
        let whole = with_extensions(&[&usage(&[SERVER_AUTH])]);
        assert!((0..whole.len()).all(|cut| !allows_server_auth(&whole[..cut])));
    }

    #[test]
    fn the_attributes_that_people_know_are_shown() {
        let whole = certificate(&[&attribute(6, "CN"), &attribute(99, "?"), &attribute(3, "例え.test")]);
        assert_eq!(subject(&whole).as_deref(), Some("C=CN, CN=例え.test"));
        assert_eq!(subject(&certificate(&[])), None);
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_not_read_and_does_no_harm() {
        let whole = certificate(&[&attribute(3, "h")]);
        for cut in 0..whole.len() {
            assert_eq!(subject(&whole[..cut]), None, "cut at {cut}");
        }
        for at in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            drop(subject(&damaged));
        }
    }
}

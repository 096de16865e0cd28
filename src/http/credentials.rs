//! A name and a password, for Basic authentication (RFC 7617).

use data_encoding::BASE64;
use percent_encoding::percent_decode_str;
use std::fmt;
use url::Url;

/// A name and a password. Neither is shown by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    name: Vec<u8>,
    password: Vec<u8>,
}

impl Credentials {
    /// A name without a colon, and a password.
    pub(crate) fn new(name: &str, password: &str) -> Credentials {
        Credentials { name: name.into(), password: password.into() }
    }

    /// Those in the userinfo of a URL.
    pub(crate) fn of(url: &Url) -> Option<Credentials> {
        let decode = |text: &str| percent_decode_str(text).collect();
        let password = url.password().unwrap_or_default();
        let some = !url.username().is_empty() || url.password().is_some();
        some.then(|| Credentials { name: decode(url.username()), password: decode(password) })
    }

    /// The name.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The password.
    pub(crate) fn password(&self) -> &[u8] {
        &self.password
    }

    /// The value of an Authorization or Proxy-Authorization field.
    pub(crate) fn basic(&self) -> String {
        let pair = [&self.name[..], b":", &self.password].concat();
        format!("Basic {}", BASE64.encode(&pair))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// A URL as it can be printed: all before its last @ is hidden. Where userinfo ends cannot be told of one
/// that is not well-formed, so rather too much is hidden than too little.
pub(crate) fn without_secrets(address: &str) -> String {
    match address.rfind('@') {
        Some(at) => format!("***{}", &address[at..]),
        None => address.to_owned(),
    }
}

/// Parts of the names of fields whose values may be secret: Authorization, Cookie, and those that
/// services have of their own.
const SECRET: &[&str] = &["auth", "cookie", "token", "secret", "key", "password", "session", "signature"];

/// Whether the value of a field of this name may be secret.
pub(crate) fn may_be_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SECRET.iter().any(|secret| lower.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_percent_decoded_and_encoded_as_rfc_7617_has_it() {
        for (url, basic) in [
            ("http://Aladdin:open%20sesame@h/", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("http://test:123%C2%A3@h/", Some("Basic dGVzdDoxMjPCow==")),
            ("http://name@h/", Some("Basic bmFtZTo=")),
            ("http://:pw@h/", Some("Basic OnB3")),
            ("http://h/", None),
        ] {
            let credentials = Credentials::of(&Url::parse(url).expect("a URL"));
            assert_eq!(credentials.map(|c| c.basic()).as_deref(), basic, "{url}");
        }
    }

    #[test]
    fn an_address_is_printed_without_its_userinfo() {
        for (address, printed) in [("http://me:p@w@h:x/a", "***@h:x/a"), ("me:pw@h//x", "***@h//x"), ("http://h/a", "http://h/a")]
        {
            assert_eq!(without_secrets(address), printed);
        }
    }

    #[test]
    fn nothing_shows_them() {
        assert_eq!(format!("{:?}", Credentials::new("me", "secret")), "Credentials(hidden)");
    }
}

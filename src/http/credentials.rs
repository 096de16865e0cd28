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

/// Text with each word that may have a password before an @ in it, `name:password@`, printed as
/// [`without_secrets`] prints it: where a value is missing, a URL may be taken for something else.
pub(crate) fn without_passwords(text: &str) -> String {
    let hidden = text.split_inclusive(char::is_whitespace).map(|word| {
        let (quote, word) = word.split_at(word.len() - word.trim_start_matches(['"', '\'']).len());
        let has_password = word.rfind('@').is_some_and(|at| may_end_with_password(&word[..at]));
        quote.to_owned() + &if has_password { without_secrets(word) } else { word.to_owned() }
    });
    hidden.collect()
}

/// Whether what stands before an @ may be a name and a password, and not a host, its port and a path.
fn may_end_with_password(text: &str) -> bool {
    // As hints have it.
    if text.ends_with("NAME:PASSWORD") {
        return false;
    }
    let Some((_, authority)) = text.split_once("://") else { return text.contains(':') };
    authority.split_once(':').is_some_and(|(name, rest)| {
        let is_port = rest.split_once('/').is_some_and(|(port, _)| port.bytes().all(|byte| byte.is_ascii_digit()));
        !name.contains('/') && !is_port
    })
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
    fn words_that_may_have_a_password_are_printed_without() {
        for (text, printed) in [
            ("invalid value 'http://me:pw@h/' for x: y", "invalid value '***@h/' for x: y"),
            ("cannot read a,me:p@w,='@h/x: no such file", "cannot read ***@h/x: no such file"),
            ("unknown option --x=http:/me:pw@h", "unknown option ***@h"),
            ("mail a@b: no", "mail a@b: no"),
            ("-x http://NAME:PASSWORD@HOST:PORT", "-x http://NAME:PASSWORD@HOST:PORT"),
            ("to https://h/@me:x and http://h:80/@me", "to https://h/@me:x and http://h:80/@me"),
        ] {
            assert_eq!(without_passwords(text), printed);
        }
    }

    #[test]
    fn nothing_shows_them() {
        assert_eq!(format!("{:?}", Credentials::new("me", "secret")), "Credentials(hidden)");
    }
}

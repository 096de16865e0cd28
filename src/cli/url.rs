//! URLs as people type them.

use crate::client::{Netrc, without_secrets};
use crate::error::{Error, Kind};
use crate::run::JobUrl;
use url::Url;

/// The URL, which may lack its scheme: then it is http, and https where credentials would go along.
pub(super) fn parse_url(text: &str, with_credentials: bool, netrc: Option<&Netrc>) -> Result<JobUrl, Error> {
    let failed = |why: &str| Error::new(Kind::Usage, format!("cannot fetch \"{}\"", without_secrets(text))).detail(why);
    let parse = |text: &str| Url::parse(text).map_err(|error| failed(&error.to_string()));
    let trimmed = text.trim();
    if names_file(trimmed) {
        return Err(failed("it is a file path, and fetch supports http and https URLs only"));
    }
    let mut https_guessed = false;
    let url = if has_scheme(trimmed) {
        parse(trimmed)?
    } else {
        // Credentials never go out in clear by a guess.
        let authority = trimmed.split(['/', '?', '#']).next().unwrap_or_default();
        let secure = parse(&format!("https://{trimmed}"))?;
        let in_netrc = netrc.is_some_and(|netrc| netrc.find(&secure, None).is_some());
        https_guessed = with_credentials || authority.contains('@') || in_netrc;
        if https_guessed { secure } else { parse(&format!("http://{trimmed}"))? }
    };
    match url.scheme() {
        "http" | "https" => Ok(JobUrl { url, https_guessed }),
        other => Err(failed(&format!("\"{other}:\" is neither http nor https"))),
    }
}

/// Whether it is a path, or a file: URL.
fn names_file(text: &str) -> bool {
    let is_path = ["./", "../", "~/"].iter().any(|start| text.starts_with(start));
    let is_absolute = text.starts_with('/') && !text.starts_with("//");
    is_path || is_absolute || text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}

/// Schemes whose URLs may have an @ right behind the colon.
const WITH_AT: &[&str] = &["http", "https", "mailto", "sip", "sips", "xmpp", "acct", "im", "news", "mid", "cid"];

/// Whether it begins with a scheme: a name and a colon, and behind that neither just a port, nor what
/// makes it a name and a password.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let behind = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_port = !behind.is_empty() && behind.bytes().all(|byte| byte.is_ascii_digit());
    let is_password = behind.contains('@') && !WITH_AT.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !is_port
        && !is_password
}

//! How requests are made.

use super::{Jar, Netrc};
use crate::http::{Credentials, FieldEdits, Method};
use crate::net::{Limits, Proxies, ResolveConfig, Trust};

/// How many redirects are followed, unless another number is asked for.
pub(crate) const DEFAULT_MAX_REDIRECTS: u32 = 20;

/// How requests are made, and for how long; fixed when a client is made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// GET or HEAD.
    pub method: Method,
    /// User-Agent; empty for none.
    pub user_agent: String,
    /// Whether content codings are asked for and decoded.
    pub compression: bool,
    /// How many redirects are followed; with 0, a redirect is the result.
    pub max_redirects: u32,
    /// How long things may take.
    pub limits: Limits,
    /// Whether a redirect may lead from a public address to one that is not.
    pub allow_private: bool,
    /// Which server certificates are trusted.
    pub trust: Trust,
    /// The proxies to use.
    pub proxies: Proxies,
    /// Fields that are added or removed, for the origin asked for and no other.
    pub(crate) headers: FieldEdits,
    /// For the origin asked for and no other; before the userinfo of its URL.
    pub(crate) credentials: Option<Credentials>,
    /// Where credentials are looked up that neither the URL nor `credentials` has.
    pub(crate) netrc: Option<Netrc>,
    /// A user whose password is looked up in `netrc`, before `credentials` are used.
    pub(crate) login: Option<String>,
    /// Cookies to begin with.
    pub(crate) cookies: Jar,
    /// Values of Cookie fields, for the origin asked for and no other.
    pub(crate) origin_cookies: Vec<String>,
    /// Names and addresses.
    pub(crate) resolve: ResolveConfig,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            method: Method::Get,
            user_agent: concat!("fetch/", env!("CARGO_PKG_VERSION")).to_owned(),
            compression: true,
            max_redirects: DEFAULT_MAX_REDIRECTS,
            limits: Limits::default(),
            allow_private: false,
            trust: Trust::default(),
            proxies: Proxies::default(),
            headers: FieldEdits::default(),
            credentials: None,
            netrc: None,
            login: None,
            cookies: Jar::default(),
            origin_cookies: Vec::new(),
            resolve: ResolveConfig::default(),
        }
    }
}

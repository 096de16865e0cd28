//! The options of a request, and its fields: those for any origin, and those for its home.

use super::cookies::is_same_site;
use super::{Client, Config, Tap};
use crate::error::{Error, Kind};
use crate::http::{Credentials, Fields, Method, Request};
use crate::net::{Proxy, Target, Timer};
use std::time::SystemTime;
use url::Url;

/// One request, redirects included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestOptions<'a> {
    /// The URL.
    pub url: &'a Url,
    /// GET or HEAD.
    pub method: Method,
    /// Fields about the representation (Range, If-None-Match), which go wherever redirects lead.
    pub headers: &'a Fields,
    /// The origin that credentials, added fields and cookie literals are for.
    pub home: &'a Home,
    /// The page that the response is a part of: cookies of other sites are neither sent nor kept.
    pub page: Option<&'a Url>,
    /// Whether the bytes are wanted as they are, without content codings.
    pub identity: bool,
    /// The limits of the whole operation.
    pub timer: &'a Timer,
    /// What records the exchanges.
    pub tap: Option<&'a dyn Tap>,
}

impl RequestOptions<'_> {
    /// Whether cookies of a URL are sent and kept.
    pub(super) fn takes_cookies(&self, url: &Url) -> bool {
        self.page.is_none_or(|page| is_same_site(page, url))
    }
}

/// An origin, and the credentials for it.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Where it is; `None` matches no origin.
    pub(super) origin: Option<Target>,
    credentials: Option<Credentials>,
}

impl Home {
    /// The origin of a URL, with the configured credentials, else the URL's own, else those in netrc.
    pub(crate) fn of(url: &Url, config: &Config) -> Result<Home, Error> {
        Ok(Home { origin: Some(target(url)?), credentials: credentials(url, config) })
    }

    /// No home: nothing of the user's is added to any request.
    pub(crate) fn none() -> Home {
        Home { origin: None, credentials: None }
    }
}

fn credentials(url: &Url, config: &Config) -> Option<Credentials> {
    let in_netrc = |login: Option<&str>| config.netrc.as_ref().and_then(|netrc| netrc.find(url, login));
    if let Some(login) = config.login.as_deref() {
        return in_netrc(Some(login)).or_else(|| config.credentials.clone());
    }
    if let Some(configured) = &config.credentials {
        return Some(configured.clone());
    }
    match Credentials::of(url) {
        Some(own) if url.password().is_none() => {
            let login = String::from_utf8_lossy(own.name()).into_owned();
            Some(in_netrc(Some(&login)).unwrap_or(own))
        }
        Some(own) => Some(own),
        None => in_netrc(None),
    }
}

/// The origin of a URL; an error for what is neither http nor https.
pub(crate) fn target(url: &Url) -> Result<Target, Error> {
    let unsupported = || Error::new(Kind::Protocol, format!("\"{}:\" is neither http nor https", url.scheme()));
    Target::of(url).ok_or_else(unsupported)
}

impl Client {
    /// The request for one hop, with the home's fields where that is its origin.
    pub(super) fn request(&self, url: &Url, options: &RequestOptions<'_>) -> Result<Request, Error> {
        let mut request = Request::new(options.method, url);
        if !self.config.user_agent.is_empty() {
            set(&mut request, "User-Agent", self.config.user_agent.as_bytes())?;
        }
        set(&mut request, "Accept", b"*/*")?;
        if options.identity {
            set(&mut request, "Accept-Encoding", b"identity")?;
        } else if self.config.compression {
            set(&mut request, "Accept-Encoding", b"gzip, deflate, br, zstd")?;
        }
        for (name, value) in options.headers.iter() {
            set(&mut request, name, value)?;
        }
        if options.home.origin.as_ref() == Some(&target(url)?) {
            self.add_origin_headers(&mut request, url, options)?;
        } else {
            self.add_cookies(&mut request, url, options, &[])?;
        }
        Ok(request)
    }

    /// Adds what only the home may see.
    fn add_origin_headers(&self, request: &mut Request, url: &Url, options: &RequestOptions<'_>) -> Result<(), Error> {
        let headers = &self.config.headers;
        if let Some(credentials) = &options.home.credentials {
            set(request, "Authorization", credentials.basic().as_bytes())?;
        }
        headers.apply(request.fields_mut());
        if headers.removes("Cookie") || headers.added().get("Cookie").is_some() {
            return Ok(());
        }
        let cookies: Vec<&[u8]> = self.config.origin_cookies.iter().map(String::as_bytes).collect();
        self.add_cookies(request, url, options, &cookies)
    }

    /// Adds the Cookie field: what the jar has for the URL, then these.
    fn add_cookies(&self, request: &mut Request, url: &Url, options: &RequestOptions<'_>, more: &[&[u8]]) -> Result<(), Error> {
        let from_jar = if options.takes_cookies(url) { self.jar().field(url, SystemTime::now()) } else { None };
        let all: Vec<&[u8]> = from_jar.as_deref().into_iter().chain(more.iter().copied()).collect();
        if all.is_empty() { Ok(()) } else { set(request, "Cookie", &all.join(&b"; "[..])) }
    }

    /// Makes a request one that a proxy forwards, or gives the fields to ask it for a tunnel with. The
    /// proxy's credentials go to the proxy only.
    pub(super) fn address_to(&self, proxy: &Proxy, target: &Target, url: &Url, request: &mut Request) -> Result<Fields, Error> {
        const NAME: &str = "Proxy-Authorization";
        let given = request.fields().get(NAME).map(<[u8]>::to_vec);
        let value = given.or_else(|| proxy.credentials.as_ref().map(|credentials| credentials.basic().into_bytes()));
        let mut tunnel = Fields::new();
        if proxy.forwards(target) {
            request.make_absolute(url);
            if let Some(value) = value {
                set(request, NAME, &value)?;
            }
            return Ok(tunnel);
        }
        request.remove(NAME);
        let agent = Some(self.config.user_agent.as_bytes()).filter(|agent| !agent.is_empty());
        for (name, value) in [("User-Agent", agent), (NAME, value.as_deref())] {
            if let Some(value) = value {
                tunnel.append(name, value).map_err(|error| invalid(name, error))?;
            }
        }
        Ok(tunnel)
    }
}

fn set(request: &mut Request, name: &str, value: &[u8]) -> Result<(), Error> {
    request.set(name, value).map_err(|error| invalid(name, error))
}

fn invalid(name: &str, error: crate::http::InvalidField) -> Error {
    Error::new(Kind::Usage, format!("cannot send the field {name}")).caused_by(error)
}

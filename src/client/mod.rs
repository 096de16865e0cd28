//! One URL to one [`Response`]: connections, requests, redirects, cookies, credentials.
//!
//! ```text
//! get: request -> exchange -> head -> 3xx with a Location? -> (drain, keep) -> request ...
//!                                  \-> Response { request, head, url, body }
//! ```

mod body;
mod connection;
mod cookies;
mod netrc;
mod redirect;

pub use crate::http::{Credentials, without_secrets};
pub use body::Body;
pub use cookies::Jar;
pub use netrc::Netrc;

use crate::coding::{CodingError, content_codings};
use crate::error::{Error, Kind};
use crate::http::{Coding, Head, Method, Request};
use crate::net::{ConnectOptions, Event, Limits, NetError, Proxies, Proxy, ResolveConfig, Stream, Target, Timer, Trust};
use connection::{Connection, Failure};
use std::net::IpAddr;
use std::time::SystemTime;
use url::Url;

/// The fields that a user adds or, without a value, removes.
pub type FieldEdits = Vec<(String, Option<Vec<u8>>)>;

/// How to ask, and for how long.
#[derive(Debug)]
pub struct Config {
    /// GET or HEAD.
    pub method: Method,
    /// User-Agent; empty for none.
    pub user_agent: String,
    /// Fields that go to the origin asked for, and to no other.
    pub fields: FieldEdits,
    /// For the origin asked for, and for no other.
    pub credentials: Option<Credentials>,
    /// Where credentials are looked up that neither the URL nor `credentials` has.
    pub netrc: Option<Netrc>,
    /// Whose credentials are looked up there, before `credentials` are used.
    pub login: Option<String>,
    /// Cookies to begin with; those that come on the way are added.
    pub cookies: Jar,
    /// Cookies, as they stand in a field, that go to the origin asked for and no other.
    pub origin_cookies: Vec<String>,
    /// Whether content codings are asked for.
    pub compression: bool,
    /// How many redirects are followed; with 0, a redirect is the result.
    pub max_redirects: u32,
    /// How long things may take.
    pub limits: Limits,
    /// The way to a server.
    pub route: ResolveConfig,
    /// The proxies on it.
    pub proxies: Proxies,
    /// Whether a redirect may lead from a public address to one that is not.
    pub allow_private: bool,
    /// Whom to trust.
    pub trust: Trust,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            method: Method::Get,
            user_agent: concat!("fetch/", env!("CARGO_PKG_VERSION")).to_owned(),
            fields: Vec::new(),
            credentials: None,
            netrc: None,
            login: None,
            cookies: Jar::default(),
            origin_cookies: Vec::new(),
            compression: true,
            max_redirects: 20,
            limits: Limits::default(),
            route: ResolveConfig::default(),
            proxies: Proxies::default(),
            allow_private: false,
            trust: Trust::default(),
        }
    }
}

/// Told of what happens on the way to a response.
pub trait Observer {
    /// A connection is being made.
    fn connection(&mut self, event: Event);
    /// A request is about to be sent on a connection to this address, one used before or a new one.
    fn request(&mut self, request: &Request, peer: Option<IpAddr>, reused: bool);
    /// An interim response (1xx) was skipped.
    fn interim(&mut self, head: &Head);
    /// A header section came from this address, a redirect's or the last one.
    fn head(&mut self, url: &Url, head: &Head) -> Result<(), Error>;
}

/// An observer that tells nobody.
pub struct NoopObserver;

impl Observer for NoopObserver {
    fn connection(&mut self, _: Event) {}
    fn request(&mut self, _: &Request, _: Option<IpAddr>, _: bool) {}
    fn interim(&mut self, _: &Head) {}
    fn head(&mut self, _: &Url, _: &Head) -> Result<(), Error> {
        Ok(())
    }
}

/// One URL to be asked for.
#[derive(Clone, Copy, Debug)]
pub struct RequestOptions<'a> {
    /// The URL; userinfo in it counts as credentials.
    pub url: &'a Url,
    /// Fields about the representation, Range or If-None-Match say, that go wherever redirects lead.
    pub fields: &'a [(&'static str, String)],
    /// Whether the bytes are wanted as they are, without content codings.
    pub identity: bool,
    /// The limits of the whole operation.
    pub timer: &'a Timer,
}

/// The answer to a request, all redirects followed.
pub struct Response {
    /// What was asked last: after a redirect elsewhere, not all that the config say.
    pub request: Request,
    /// The header section.
    pub head: Head,
    /// The address that answered; a fragment is inherited from where the redirect came from.
    pub url: Url,
    /// What follows the header section.
    pub body: Body,
}

impl Response {
    /// The codings to be undone, in the order they were applied: those of the transfer, and with
    /// `content` those of the content too.
    pub fn codings(&self, content: bool) -> Result<Vec<Coding>, CodingError> {
        let mut codings = if content { content_codings(self.head.fields())? } else { Vec::new() };
        codings.extend(self.body.transfer_codings());
        Ok(codings)
    }
}

/// Asks for URLs, one after the other, and keeps connections for the next.
pub struct Client {
    config: Config,
    idle: Vec<Connection>,
}

/// How many connections are kept.
const IDLE: usize = 8;

impl Client {
    /// A client without connections.
    pub fn new(config: Config) -> Client {
        Client { config, idle: Vec::new() }
    }

    /// How it asks.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same, to be changed for the next request.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The cookies by now.
    pub fn cookies(&self) -> &Jar {
        &self.config.cookies
    }

    /// Asks for a URL, and follows where the answer leads. Credentials and fields of the config
    /// go to the origin of `url` and no other; userinfo in `url` counts as credentials.
    pub fn get(&mut self, url: &Url, observer: &mut dyn Observer) -> Result<Response, Error> {
        let timer = Timer::start(self.config.limits);
        self.ask(&RequestOptions { url, fields: &[], identity: false, timer: &timer }, observer)
    }

    /// The same in detail.
    pub fn ask(&mut self, ask: &RequestOptions<'_>, observer: &mut dyn Observer) -> Result<Response, Error> {
        let credentials = self.credentials(ask.url);
        let origin = target(ask.url)?;
        let mut url = without_userinfo(ask.url.clone());
        let mut only_public = false;
        for redirects in 0.. {
            let target = target(&url)?;
            let mut request = self.request(&url, ask)?;
            if target == origin {
                self.add_origin_headers(&mut request, &url, credentials.as_ref())?;
            } else {
                self.add_cookies(&mut request, &url, Vec::new())?;
            }
            let (connection, request, head) = self.exchange(&target, &url, request, only_public, ask.timer, observer)?;
            for field in head.fields().all("Set-Cookie") {
                self.config.cookies.store(&url, field, SystemTime::now());
            }
            observer.head(&url, &head)?;
            let next = if self.config.max_redirects == 0 { None } else { redirect::next(&url, &head)? };
            only_public = connection.stream.is_public() && !self.config.allow_private;
            let Some(next) = next else {
                let body = Body::new(connection, &head, self.config.method, ask.timer.clone())?;
                return Ok(Response { request, head, url, body });
            };
            if redirects == self.config.max_redirects {
                let why = format!("more than {redirects}, the last to {}", without_userinfo(next));
                let error = Error::new(Kind::Protocol, "too many redirects").because(why);
                return Err(error.hint("--max-redirects N follows more"));
            }
            // A redirect's own body is of no interest, but the connection may be.
            if let Ok(body) = Body::new(connection, &head, self.config.method, ask.timer.clone()) {
                self.keep(body);
            }
            url = without_userinfo(next);
        }
        unreachable!("the loop ends at the limit of redirects")
    }

    /// Takes a body's connection back, if another request can use it: the server keeps the connection,
    /// and the body has come to its end, or does so at once.
    pub fn keep(&mut self, body: Body) {
        if let Some(connection) = body.into_idle() {
            self.idle.truncate(IDLE - 1);
            self.idle.insert(0, connection);
        }
    }

    /// The credentials for the origin of a URL: its own, those of the config, those on file.
    fn credentials(&self, url: &Url) -> Option<Credentials> {
        let on_file = |login: Option<&str>| self.config.netrc.as_ref().and_then(|netrc| netrc.find(url, login));
        match Credentials::of(url) {
            Some(own) if url.password().is_none() => {
                let login = String::from_utf8_lossy(own.name()).into_owned();
                Some(on_file(Some(&login)).unwrap_or(own))
            }
            Some(own) => Some(own),
            None => {
                let login = self.config.login.as_deref();
                let of_login = login.and_then(|login| on_file(Some(login)));
                of_login.or_else(|| self.config.credentials.clone()).or_else(|| on_file(None).filter(|_| login.is_none()))
            }
        }
    }

    /// The request as it may go to any origin.
    fn request(&self, url: &Url, ask: &RequestOptions<'_>) -> Result<Request, Error> {
        let mut request = Request::new(self.config.method, url);
        if !self.config.user_agent.is_empty() {
            set(&mut request, "User-Agent", self.config.user_agent.as_bytes())?;
        }
        set(&mut request, "Accept", b"*/*")?;
        if ask.identity {
            set(&mut request, "Accept-Encoding", b"identity")?;
        } else if self.config.compression {
            set(&mut request, "Accept-Encoding", b"gzip, deflate, br, zstd")?;
        }
        for (name, value) in ask.fields {
            set(&mut request, name, value.as_bytes())?;
        }
        Ok(request)
    }

    /// What goes to the origin asked for, and to no other.
    fn add_origin_headers(&self, request: &mut Request, url: &Url, credentials: Option<&Credentials>) -> Result<(), Error> {
        if let Some(credentials) = credentials {
            set(request, "Authorization", credentials.basic().as_bytes())?;
        }
        let mut cookies: Vec<Vec<u8>> = self.config.origin_cookies.iter().map(|cookies| cookies.clone().into_bytes()).collect();
        let mut with_cookies = true;
        for (name, value) in &self.config.fields {
            match value {
                Some(value) if name.eq_ignore_ascii_case("Cookie") => cookies.insert(0, value.clone()),
                Some(value) => set(request, name, value)?,
                None if name.eq_ignore_ascii_case("Cookie") => with_cookies = false,
                None => request.remove(name),
            }
        }
        if with_cookies { self.add_cookies(request, url, cookies) } else { Ok(()) }
    }

    /// Adds the Cookie field: what the jar has for the URL, then these.
    fn add_cookies(&self, request: &mut Request, url: &Url, mut cookies: Vec<Vec<u8>>) -> Result<(), Error> {
        cookies.splice(0..0, self.config.cookies.field(url, SystemTime::now()));
        if cookies.is_empty() { Ok(()) } else { set(request, "Cookie", &cookies.join(&b"; "[..])) }
    }

    /// The proxy for a target. A Unix socket is the way itself.
    fn proxy(&self, target: &Target) -> Result<Option<Proxy>, Error> {
        if self.config.route.unix_socket.is_some() {
            return Ok(None);
        }
        let proxy = self.config.proxies.of(target);
        proxy.map(Option::<&Proxy>::cloned).map_err(|why| net_error(&NetError::Proxy(why.to_owned())))
    }

    /// Sends a request and receives the header section of the response, on a kept connection or a
    /// new one. A kept connection that the server closed meanwhile is no failure. The request comes
    /// back as it was sent.
    fn exchange(
        &mut self,
        target: &Target,
        url: &Url,
        mut request: Request,
        only_public: bool,
        timer: &Timer,
        observer: &mut dyn Observer,
    ) -> Result<(Connection, Request, Head), Error> {
        let proxy = self.proxy(target)?;
        let tunnel_fields = match &proxy {
            Some(proxy) => self.address_to(proxy, target, url, &mut request)?,
            None => Vec::new(),
        };
        self.idle.retain(|connection| connection.stream.is_silent());
        let fits = |idle: &Connection| idle.target == *target && (idle.stream.is_public() || !only_public);
        if let Some(index) = self.idle.iter().position(fits) {
            let mut connection = self.idle.remove(index);
            observer.request(&request, connection.stream.peer(), true);
            match connection.exchange(&request, timer, observer) {
                Ok(head) => return Ok((connection, request, head)),
                Err(Failure::Stale) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let Config { route, trust, .. } = &self.config;
        let way = ConnectOptions { route, trust, proxy: proxy.as_ref(), tunnel_fields: &tunnel_fields, only_public };
        let stream = Stream::connect(target, &way, timer, &mut |event| observer.connection(event));
        let mut connection = Connection::new(target.clone(), stream.map_err(|error| net_error(&error))?);
        observer.request(&request, connection.stream.peer(), false);
        let head = connection.exchange(&request, timer, observer)?;
        Ok((connection, request, head))
    }

    /// Makes a request one that a proxy forwards, or gives the fields to ask it for a tunnel with. The
    /// proxy's credentials go to the proxy only.
    fn address_to<'f>(
        &self,
        proxy: &Proxy,
        target: &Target,
        url: &Url,
        request: &mut Request,
    ) -> Result<Vec<(&'f str, Vec<u8>)>, Error> {
        const FIELD: &str = "Proxy-Authorization";
        let said = request.fields().get(FIELD).map(<[u8]>::to_vec);
        let value = said.or_else(|| proxy.credentials.as_ref().map(|credentials| credentials.basic().into_bytes()));
        if proxy.forwards(target) {
            request.make_absolute(url);
            if let Some(value) = value {
                set(request, FIELD, &value)?;
            }
            return Ok(Vec::new());
        }
        request.remove(FIELD);
        let agent = Some(&self.config.user_agent).filter(|agent| !agent.is_empty());
        let agent = agent.map(|agent| ("User-Agent", agent.clone().into_bytes()));
        Ok(agent.into_iter().chain(value.map(|value| (FIELD, value))).collect())
    }
}

fn set(request: &mut Request, name: &str, value: &[u8]) -> Result<(), Error> {
    request.set(name, value).map_err(|why| Error::new(Kind::Usage, format!("cannot send the field {name}")).because(why))
}

/// Where a URL leads; an error for what is neither http nor https.
fn target(url: &Url) -> Result<Target, Error> {
    let refused = || Error::new(Kind::Protocol, format!("\"{}:\" is neither http nor https", url.scheme()));
    Target::of(url).ok_or_else(refused)
}

/// A URL that can be shown, and asked for: what its userinfo says is sent as a field or not at all.
pub fn without_userinfo(mut url: Url) -> Url {
    // These fail for URLs without a host only, which have no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// A failed connection as the user meets it.
fn net_error(error: &NetError) -> Error {
    let (kind, hint) = match error {
        NetError::Certificate(_) => (Kind::Verification, Some("--cacert FILE trusts other roots, -k trusts whoever answers")),
        NetError::Roots(_) => (Kind::File, None),
        NetError::Interrupted => (Kind::Other, None),
        NetError::Proxy(_) => (Kind::Usage, None),
        NetError::Tunnel(_) => (Kind::Protocol, None),
        NetError::NotPublic(_) => (Kind::Protocol, Some("--allow-private follows all the same")),
        NetError::ProxyStatus { status: 407, .. } | NetError::ProxyAuth(_) => (Kind::Authentication, Some(PROXY_HINT)),
        _ => (Kind::Network, None),
    };
    let failure = Error::new(kind, error.to_string()).hint(hint);
    if error.is_transient() { failure.retryable() } else { failure }
}

/// What to do about a proxy that wants to know who asks.
pub const PROXY_HINT: &str = "a proxy's credentials stand in its URL: -x http://NAME:PASSWORD@HOST:PORT";

//! One URL to one [`Response`]: connections, requests, redirects, cookies, credentials.
//!
//! ```text
//! send: request -> exchange -> head -> 3xx with a Location? -> (drain, release) -> request ...
//!                                   \-> Response
//! ```

mod body;
mod config;
mod connection;
mod cookies;
mod decoded;
mod netrc;
mod observer;
mod pool;
mod rate;
mod redirect;
mod request;
mod response;
mod tap;

pub(crate) use crate::http::{Credentials, without_secrets};
pub use config::Config;
#[cfg(feature = "cli")]
pub(crate) use config::DEFAULT_MAX_REDIRECTS;
pub(crate) use cookies::Jar;
pub(crate) use decoded::{BodyLimits, DecodedBody, Piece};
pub(crate) use netrc::Netrc;
pub(crate) use observer::{NoopObserver, Observer};
pub(crate) use rate::RateLimit;
pub(crate) use request::{Home, RequestOptions, target};
pub use response::Response;
pub(crate) use tap::{Ending, Exchanged, Recorder, Tap};

use crate::error::{Error, Kind};
use crate::http::{Fields, Head, Request};
use crate::net::{ConnectOptions, NetError, Proxy, Resolver, Stream, Target, may_be_public};
use body::Body;
use connection::{Connection, Failure};
use pool::{Pool, PoolKey, Via};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use url::Url;

/// Makes requests, over connections that it keeps. Shared by any number of threads; its configuration
/// is fixed.
#[derive(Debug)]
pub(crate) struct Client {
    config: Config,
    pool: Arc<Pool>,
    resolver: Resolver,
    jar: Mutex<Jar>,
}

/// How far a URL was followed.
#[derive(Debug)]
pub(crate) struct Navigation {
    url: Url,
    public_only: bool,
    redirects: u32,
}

impl Navigation {
    /// At a URL; with `public_only`, only a public address is allowed from the first hop on.
    pub(crate) fn new(url: &Url, public_only: bool) -> Navigation {
        Navigation { url: without_userinfo(url.clone()), public_only, redirects: 0 }
    }

    /// What the next hop requests.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

/// An exchange up to the header section of its response.
struct Exchange {
    connection: Connection,
    request: Request,
    head: Head,
    /// Whether the target has a public address.
    public: bool,
    /// The proxy that forwarded the request.
    forwarded_by: Option<String>,
}

impl Client {
    /// A client without connections.
    pub(crate) fn new(mut config: Config) -> Client {
        let jar = std::mem::take(&mut config.cookies);
        let pool = Arc::new(Pool::new(config.max_idle));
        Client { config, pool, resolver: Resolver::default(), jar: Mutex::new(jar) }
    }

    /// How it makes requests.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration, with the current cookies.
    pub(crate) fn into_config(self) -> Config {
        let cookies = self.jar.into_inner().unwrap_or_else(PoisonError::into_inner);
        Config { cookies, ..self.config }
    }

    /// The current cookies.
    pub(crate) fn jar(&self) -> MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests a URL, and follows redirects.
    pub(crate) fn send(&self, options: &RequestOptions<'_>, observer: &mut dyn Observer) -> Result<Response, Error> {
        let mut navigation = Navigation::new(options.url, options.public_only);
        loop {
            if let Some(response) = self.hop(&mut navigation, options, observer)? {
                return Ok(response);
            }
        }
    }

    /// Makes one request; `None` for a redirect, which the next hop follows.
    pub(crate) fn hop(
        &self,
        navigation: &mut Navigation,
        options: &RequestOptions<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<Response>, Error> {
        let max_redirects = self.config.max_redirects;
        let Navigation { url, public_only, redirects } = navigation;
        observer.hop(url);
        let request = self.request(url, options)?;
        let sent = SystemTime::now();
        let Exchange { connection, request, head, public, forwarded_by } =
            self.exchange(url, request, *public_only, options, observer)?;
        for field in head.fields().all("Set-Cookie") {
            self.jar().store(url, field, SystemTime::now());
        }
        let peer = connection.stream.origin_address();
        let mut body = Body::new(connection, &head, options.method, options.timer.clone());
        if let (Some(tap), Ok(body)) = (options.tap, &mut body) {
            body.record(tap.record(&Exchanged { url, request: &request, sent, peer, head: &head }), tap.max_unwanted());
        }
        observer.head(url, &head)?;
        let next = if max_redirects == 0 { None } else { redirect::next(url, &head)? };
        *public_only |= public && !self.config.allow_private;
        let Some(next) = next else {
            return Ok(Some(Response::new(request, head, url.clone(), body?, self.config.compression).by(forwarded_by)));
        };
        if *redirects == max_redirects {
            let error = Error::new(Kind::Protocol, "too many redirects");
            let error = error.detail(format!("more than {redirects}, the last to {}", without_userinfo(next)));
            return Err(error.hint("--max-redirects N follows more"));
        }
        *redirects += 1;
        // The redirect's own body is dropped here, and its connection released.
        *url = without_userinfo(next);
        Ok(None)
    }

    /// The proxy for a target. With a Unix socket there is none.
    fn proxy(&self, target: &Target) -> Result<Option<&Proxy>, Error> {
        if self.config.resolve.unix_socket.is_some() {
            return Ok(None);
        }
        self.config.proxies.of(target).map_err(|why| NetError::ProxyVariable(why.to_owned()).into())
    }

    /// Sends a request and receives the header section of the response, on an idle connection or a
    /// new one. An idle connection that the server closed meanwhile is no failure. The request comes
    /// back as it was sent.
    fn exchange(
        &self,
        url: &Url,
        mut request: Request,
        public_only: bool,
        options: &RequestOptions<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Exchange, Error> {
        let target = target(url)?;
        let proxy = self.proxy(&target)?;
        let tunnel_fields =
            proxy.map(|proxy| self.address_to(proxy, &target, url, &mut request)).transpose()?.unwrap_or_default();
        let key = self.pool_key(&target, proxy, &tunnel_fields);
        let forwarded = matches!(key, PoolKey::ForwardProxy(_));
        if forwarded && public_only && !may_be_public(&target.host) {
            return Err(NetError::NotPublic(target.host.to_string()).into());
        }
        let forwarded_by = || proxy.filter(|_| forwarded).map(Proxy::label);
        let is_public = |stream: &Stream| stream.is_public() || forwarded && may_be_public(&target.host);
        let failed = |failure| match (failure, proxy) {
            (Failure::Net(error), Some(proxy)) if forwarded => proxy.explain(error).into(),
            (failure, Some(proxy)) if forwarded => Error::from(failure).context(proxy.label()),
            (failure, _) => Error::from(failure),
        };
        if let Some(stream) = self.pool.take(&key, public_only) {
            let public = is_public(&stream);
            let mut connection = Connection::new(stream, key.clone(), &self.pool, true);
            observer.request(&request, connection.stream.peer(), true);
            match connection.exchange(&request, options.timer, observer) {
                Ok(head) => return Ok(Exchange { connection, request, head, public, forwarded_by: forwarded_by() }),
                Err(Failure::Stale) => connection.close(),
                Err(failure) => return Err(failed(failure)),
            }
        }
        let Config { resolve, trust, .. } = &self.config;
        let resolver = &self.resolver;
        let connect = ConnectOptions { resolve, resolver, trust, proxy, tunnel_fields: &tunnel_fields, public_only };
        let stream = Stream::connect(&target, &connect, options.timer, &mut |event| observer.connection(event))?;
        let public = is_public(&stream);
        let mut connection = Connection::new(stream, key, &self.pool, false);
        observer.request(&request, connection.stream.peer(), false);
        let head = connection.exchange(&request, options.timer, observer).map_err(failed)?;
        Ok(Exchange { connection, request, head, public, forwarded_by: forwarded_by() })
    }

    fn pool_key(&self, target: &Target, proxy: Option<&Proxy>, tunnel_fields: &Fields) -> PoolKey {
        match (&self.config.resolve.unix_socket, proxy) {
            (_, Some(proxy)) if proxy.forwards(target) => PoolKey::ForwardProxy(proxy.clone()),
            (_, Some(proxy)) => PoolKey::Origin(target.clone(), Via::Tunnel(proxy.clone(), tunnel_fields.clone())),
            (Some(path), None) => PoolKey::Origin(target.clone(), Via::UnixSocket(path.clone())),
            (None, None) => PoolKey::Origin(target.clone(), Via::Direct),
        }
    }
}

/// A URL that can be shown, and requested: its userinfo is sent as a field or not at all.
pub(crate) fn without_userinfo(mut url: Url) -> Url {
    // These fail for URLs without a host only, which have no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

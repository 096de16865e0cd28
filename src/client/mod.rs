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
mod exchange;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
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
pub(crate) use tap::{Ending, Exchanged, Recorder, Tap, UnwantedLimits};

use crate::error::{Error, Kind};
use crate::net::Resolver;
use body::Body;
use exchange::{Exchange, SentRequest};
use pool::Pool;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;
use url::Url;

/// Makes requests, over connections that it keeps. Shared by any number of threads; its configuration
/// is fixed.
#[derive(Debug)]
pub(crate) struct Client {
    config: Config,
    pool: Arc<Pool>,
    resolver: Resolver,
    /// Read for every request, and rarely written.
    jar: RwLock<Jar>,
}

/// How far a URL was followed.
#[derive(Debug)]
pub(crate) struct Navigation {
    url: Url,
    public_only: bool,
    redirects: u32,
    /// The request of the next hop, if it was sent already.
    sent: Option<SentRequest>,
}

impl Navigation {
    /// At a URL; with `public_only`, only a public address is allowed from the first hop on.
    pub(crate) fn new(url: &Url, public_only: bool) -> Navigation {
        Navigation { url: without_userinfo(url.clone()), public_only, redirects: 0, sent: None }
    }

    /// Whether only a public address is allowed.
    pub(crate) fn public_only(&self) -> bool {
        self.public_only
    }

    /// What the next hop requests.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }
}

impl Client {
    /// A client without connections.
    pub(crate) fn new(mut config: Config) -> Client {
        let jar = std::mem::take(&mut config.cookies);
        Client { config, pool: Arc::default(), resolver: Resolver::default(), jar: RwLock::new(jar) }
    }

    /// How it makes requests.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Keeps as many idle connections as requests are made at once, if those are many.
    pub(crate) fn keep_idle(&self, jobs: usize) {
        self.pool.keep_idle(jobs);
    }

    /// The configuration, with the current cookies.
    pub(crate) fn into_config(self) -> Config {
        let cookies = self.jar.into_inner().unwrap_or_else(PoisonError::into_inner);
        Config { cookies, ..self.config }
    }

    /// The current cookies.
    pub(crate) fn jar(&self) -> RwLockReadGuard<'_, Jar> {
        self.jar.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests a URL, and follows redirects.
    pub(crate) fn send(&self, options: &RequestOptions<'_>, observer: &mut dyn Observer) -> Result<Response, Error> {
        let mut navigation = Navigation::new(options.url, false);
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
        let Navigation { url, public_only, redirects, sent } = navigation;
        observer.hop(url);
        let Exchange { connection, request, sent, head, public, forwarded_by } =
            self.exchange(url, sent.take(), *public_only, options, observer)?;
        for field in head.fields().all("Set-Cookie").filter(|_| options.takes_cookies(url)) {
            self.jar.write().unwrap_or_else(PoisonError::into_inner).store(url, field, SystemTime::now());
        }
        let peer = connection.stream.origin_address();
        let mut body = Body::new(connection, &head, options.method, options.timer.clone());
        if let Some(tap) = options.tap {
            let mut recorder = tap.record(&Exchanged { url, request: &request, sent, peer, head: &head });
            match &mut body {
                Ok(body) => body.record(recorder, tap.unwanted()),
                // Of a message with invalid framing, the header section is known.
                Err(_) => recorder.end(Ending::Disconnect)?,
            }
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
}

/// A URL that can be shown, and requested: its userinfo is sent as a field or not at all.
pub(crate) fn without_userinfo(mut url: Url) -> Url {
    // These fail for URLs without a host only, which have no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

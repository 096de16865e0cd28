//! One URL to one [`Response`]: connections, requests, redirects, credentials.
//!
//! ```text
//! get: request -> exchange -> head -> 3xx with a Location? -> (drain, keep) -> request ...
//!                                  \-> Response { request, head, url, body }
//! ```

mod body;
mod connection;
mod credentials;
mod redirect;

pub use body::Body;
pub use credentials::{Credentials, without_secrets};

use crate::error::{Error, Kind};
use crate::http::{Head, Method, Request};
use crate::net::{Event, Limits, NetError, Route, Target, Timer, Trust};
use connection::{Connection, Failure};
use url::Url;

/// The fields that a user adds or, without a value, removes.
pub type FieldEdits = Vec<(String, Option<Vec<u8>>)>;

/// How to ask, and for how long.
#[derive(Debug)]
pub struct Settings {
    /// GET or HEAD.
    pub method: Method,
    /// User-Agent.
    pub user_agent: String,
    /// Fields that go to the origin asked for, and to no other.
    pub fields: FieldEdits,
    /// For the origin asked for, and for no other.
    pub credentials: Option<Credentials>,
    /// Whether content codings are asked for.
    pub compression: bool,
    /// How many redirects are followed; with 0, a redirect is the result.
    pub max_redirects: u32,
    /// How long things may take.
    pub limits: Limits,
    /// The way to a server.
    pub route: Route,
    /// Whom to trust.
    pub trust: Trust,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            method: Method::Get,
            user_agent: concat!("fetch/", env!("CARGO_PKG_VERSION")).to_owned(),
            fields: Vec::new(),
            credentials: None,
            compression: true,
            max_redirects: 20,
            limits: Limits::default(),
            route: Route::default(),
            trust: Trust::default(),
        }
    }
}

/// Told of what happens on the way to a response.
pub trait Observer {
    /// A connection is being made.
    fn connection(&mut self, event: Event);
    /// A request is about to be sent on a connection, one used before or a new one.
    fn request(&mut self, request: &Request, reused: bool);
    /// An interim response (1xx) was skipped.
    fn interim(&mut self, head: &Head);
    /// A header section came, a redirect's or the last one.
    fn head(&mut self, head: &Head) -> Result<(), Error>;
}

/// An observer that tells nobody.
pub struct Quiet;

impl Observer for Quiet {
    fn connection(&mut self, _: Event) {}
    fn request(&mut self, _: &Request, _: bool) {}
    fn interim(&mut self, _: &Head) {}
    fn head(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }
}

/// The answer to a request, all redirects followed.
pub struct Response {
    /// What was asked last: after a redirect elsewhere, not all that the settings say.
    pub request: Request,
    /// The header section.
    pub head: Head,
    /// The address that answered; a fragment is inherited from where the redirect came from.
    pub url: Url,
    /// What follows the header section.
    pub body: Body,
}

/// Asks for URLs, one after the other, and keeps connections for the next.
pub struct Client {
    settings: Settings,
    idle: Vec<Connection>,
}

/// How many connections are kept.
const IDLE: usize = 8;

impl Client {
    /// A client without connections.
    pub fn new(settings: Settings) -> Client {
        Client { settings, idle: Vec::new() }
    }

    /// How it asks.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks for a URL, and follows where the answer leads. Credentials and fields of the settings
    /// go to the origin of `url` and no other; userinfo in `url` counts as credentials.
    pub fn get(&mut self, url: &Url, observer: &mut dyn Observer) -> Result<Response, Error> {
        let timer = Timer::start(self.settings.limits);
        let credentials = Credentials::of(url).or_else(|| self.settings.credentials.clone());
        let origin = target(url)?;
        let mut url = without_userinfo(url.clone());
        for redirects in 0.. {
            let target = target(&url)?;
            let mut request = self.request(&url)?;
            if target == origin {
                self.add_home_fields(&mut request, credentials.as_ref())?;
            }
            let (connection, head) = self.exchange(&target, &request, &timer, observer)?;
            observer.head(&head)?;
            let next = if self.settings.max_redirects == 0 { None } else { redirect::next(&url, &head)? };
            let Some(next) = next else {
                let body = Body::new(connection, &head, self.settings.method, timer)?;
                return Ok(Response { request, head, url, body });
            };
            if redirects == self.settings.max_redirects {
                let why = format!("more than {redirects}, the last to {}", without_userinfo(next));
                let error = Error::new(Kind::Protocol, "too many redirects").because(why);
                return Err(error.hint("--max-redirects N follows more"));
            }
            // A redirect's own body is of no interest, but the connection may be.
            if let Ok(body) = Body::new(connection, &head, self.settings.method, timer.clone()) {
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

    /// The request as it may go to any origin.
    fn request(&self, url: &Url) -> Result<Request, Error> {
        let mut request = Request::new(self.settings.method, url);
        set(&mut request, "User-Agent", self.settings.user_agent.as_bytes())?;
        set(&mut request, "Accept", b"*/*")?;
        if self.settings.compression {
            set(&mut request, "Accept-Encoding", b"gzip, deflate, br, zstd")?;
        }
        Ok(request)
    }

    /// What goes to the origin asked for, and to no other.
    fn add_home_fields(&self, request: &mut Request, credentials: Option<&Credentials>) -> Result<(), Error> {
        if let Some(credentials) = credentials {
            set(request, "Authorization", credentials.basic().as_bytes())?;
        }
        for (name, value) in &self.settings.fields {
            match value {
                Some(value) => set(request, name, value)?,
                None => request.remove(name),
            }
        }
        Ok(())
    }

    /// Sends a request and receives the header section of the response, on a kept connection or a
    /// new one. A kept connection that the server closed meanwhile is no failure.
    fn exchange(
        &mut self,
        target: &Target,
        request: &Request,
        timer: &Timer,
        observer: &mut dyn Observer,
    ) -> Result<(Connection, Head), Error> {
        self.idle.retain(|connection| connection.stream.is_silent());
        if let Some(index) = self.idle.iter().position(|connection| connection.target == *target) {
            let mut connection = self.idle.remove(index);
            observer.request(request, true);
            match connection.exchange(request, timer, observer) {
                Ok(head) => return Ok((connection, head)),
                Err(Failure::Stale) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let Settings { route, trust, .. } = &self.settings;
        let stream = crate::net::Stream::connect(target, route, trust, timer, &mut |event| observer.connection(event));
        let mut connection = Connection::new(target.clone(), stream.map_err(|error| net_error(&error))?);
        observer.request(request, false);
        let head = connection.exchange(request, timer, observer)?;
        Ok((connection, head))
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
        _ => (Kind::Network, None),
    };
    Error::new(kind, error.to_string()).hint(hint)
}

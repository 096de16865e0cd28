//! One request and the header section of its response, over an idle connection or a new one.

use super::connection::{Connection, Failure};
use super::pool::{PoolKey, Via};
use super::request::target;
use super::{Client, Config, Navigation, Observer, RequestOptions};
use crate::error::Error;
use crate::http::{Fields, Head, Request};
use crate::net::{ConnectOptions, NetError, Proxy, Stream, Target, may_be_public};
use std::fmt;
use std::time::SystemTime;
use url::Url;

/// An exchange up to the header section of its response.
pub(super) struct Exchange {
    pub(super) connection: Connection,
    /// As it was sent.
    pub(super) request: Request,
    pub(super) sent: SystemTime,
    pub(super) head: Head,
    /// Whether the target has a public address.
    pub(super) public: bool,
    /// The proxy that forwarded the request.
    pub(super) forwarded_by: Option<String>,
}

/// A request that was sent, and whose response is yet to be received.
pub(super) struct SentRequest {
    connection: Connection,
    request: Request,
    sent: SystemTime,
}

impl fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentRequest").field("request", &self.request.line()).finish_non_exhaustive()
    }
}

impl Client {
    /// Sends the request of the first hop, where there is an idle connection straight to the origin: the
    /// response is on its way while something else is done.
    pub(crate) fn send_ahead(&self, navigation: &mut Navigation, options: &RequestOptions<'_>) {
        let Ok(target) = target(&navigation.url) else { return };
        if !matches!(self.proxy(&target), Ok(None)) {
            return;
        }
        let key = self.pool_key(&target, None, &Fields::new());
        let Ok(request) = self.request(&navigation.url, options) else { return };
        let Some(stream) = self.pool.take(&key, navigation.public_only) else { return };
        let mut connection = Connection::new(stream, key, &self.pool, true);
        let sent = SystemTime::now();
        // Where it fails, the request is sent again on another connection.
        if connection.send(&request, options.timer).is_ok() {
            navigation.sent = Some(SentRequest { connection, request, sent });
        }
    }

    /// Sends a request, unless that was done, and receives the header section of the response. An idle
    /// connection that the server closed meanwhile is no failure.
    pub(super) fn exchange(
        &self,
        url: &Url,
        sent: Option<SentRequest>,
        public_only: bool,
        options: &RequestOptions<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Exchange, Error> {
        let target = target(url)?;
        let proxy = self.proxy(&target)?;
        let (mut request, sent) = match sent {
            Some(SentRequest { connection, request, sent }) => (request, Some((connection, sent))),
            None => (self.request(url, options)?, None),
        };
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
        let was_sent = sent.is_some();
        let idle = || {
            let stream = self.pool.take(&key, public_only)?;
            Some((Connection::new(stream, key.clone(), &self.pool, true), SystemTime::now()))
        };
        if let Some((mut connection, sent)) = sent.or_else(idle) {
            let public = is_public(&connection.stream);
            observer.request(&request, connection.stream.peer(), true);
            let begun = if was_sent { Ok(()) } else { connection.send(&request, options.timer) };
            match begun.and_then(|()| connection.receive_head(options.timer, observer)) {
                Ok(head) => return Ok(Exchange { connection, request, sent, head, public, forwarded_by: forwarded_by() }),
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
        let sent = SystemTime::now();
        let head = connection.send(&request, options.timer).and_then(|()| connection.receive_head(options.timer, observer));
        let head = head.map_err(failed)?;
        Ok(Exchange { connection, request, sent, head, public, forwarded_by: forwarded_by() })
    }

    /// The proxy for a target. With a Unix socket there is none.
    fn proxy(&self, target: &Target) -> Result<Option<&Proxy>, Error> {
        if self.config.resolve.unix_socket.is_some() {
            return Ok(None);
        }
        self.config.proxies.of(target).map_err(|why| NetError::ProxyVariable(why.to_owned()).into())
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

//! A tunnel through a proxy to a target: CONNECT (RFC 9110 section 9.3.6) or SOCKS5 (RFC 1928, with the
//! name and password of RFC 1929).

use super::deadline::Timer;
use super::transport::Transport;
use super::{NetError, Proxy, Target};
use crate::http::{Credentials, Fields, HeadParser, MAX_HEAD, MAX_INTERIM, Request};
use std::net::SocketAddr;
use url::Host;

/// How many bytes of a proxy's answer are received at a time.
const PIECE: usize = 4096;

/// Asks an HTTP proxy for a tunnel; these fields go with it.
pub(super) fn connect(layers: &mut dyn Transport, target: &Target, fields: &Fields, timer: &Timer) -> Result<(), NetError> {
    let mut request = Request::tunnel(&target.to_string());
    for (name, value) in fields.iter() {
        request.set(name, value).map_err(|why| NetError::ProxyProtocol(format!("cannot send the field {name}: {why}")))?;
    }
    layers.send(&request.to_bytes(), timer)?;
    let mut received = Vec::new();
    for _ in 0..=MAX_INTERIM {
        let mut parser = HeadParser::new();
        let (head, length) = loop {
            let malformed = |error: &dyn std::fmt::Display| NetError::ProxyProtocol(format!("malformed response: {error}"));
            if let Some(found) = parser.parse(&received).map_err(|error| malformed(&error))? {
                break found;
            }
            let start = received.len();
            received.resize((start + PIECE).min(MAX_HEAD + PIECE), 0);
            let more = layers.receive(&mut received[start..], timer)?;
            received.truncate(start + more);
            if more == 0 {
                return Err(NetError::Broken("closed by the proxy before it answered".to_owned()));
            }
        };
        received.drain(..length);
        match head.status() {
            100..=199 => {}
            // What follows is the target's, and that does not speak first.
            200..=299 if received.is_empty() => return Ok(()),
            200..=299 => return Err(NetError::ProxyProtocol("unsolicited bytes after the response".to_owned())),
            status => return Err(NetError::ProxyStatus { status, text: head.status_text() }),
        }
    }
    Err(NetError::ProxyProtocol("too many interim responses".to_owned()))
}

/// Where a SOCKS proxy is asked to connect to.
pub(super) enum SocksTarget<'t> {
    /// An address.
    Address(SocketAddr),
    /// A target whose name, if it is one, the proxy resolves.
    Named(&'t Target),
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;

/// Asks a SOCKS5 proxy for a connection.
pub(super) fn socks(layers: &mut dyn Transport, proxy: &Proxy, to: &SocksTarget<'_>, timer: &Timer) -> Result<(), NetError> {
    let methods: &[u8] =
        if proxy.credentials.is_some() { &[VERSION, 2, NO_AUTHENTICATION, PASSWORD] } else { &[VERSION, 1, NO_AUTHENTICATION] };
    layers.send(methods, timer)?;
    match (exactly(layers, timer)?, &proxy.credentials) {
        ([VERSION, NO_AUTHENTICATION], _) => {}
        ([VERSION, PASSWORD], Some(credentials)) => {
            layers.send(&password(credentials)?, timer)?;
            let [_, status] = exactly(layers, timer)?;
            if status != 0 {
                return Err(NetError::ProxyAuth("the name and password were not accepted".to_owned()));
            }
        }
        ([VERSION, 0xff], Some(_)) => return Err(NetError::ProxyAuth("it does not accept a name and password".to_owned())),
        ([VERSION, 0xff], None) => return Err(NetError::ProxyAuth("it requires a name and password".to_owned())),
        _ => return Err(NetError::ProxyProtocol("it does not speak SOCKS5".to_owned())),
    }
    layers.send(&request(to)?, timer)?;
    let [version, reply, _, kind] = exactly(layers, timer)?;
    if version != VERSION {
        return Err(NetError::ProxyProtocol("it does not speak SOCKS5".to_owned()));
    }
    if reply != 0 {
        return Err(refusal(reply));
    }
    // The address that it connects from is ignored; it precedes the target's bytes.
    match kind {
        1 => exactly::<6>(layers, timer).map(drop),
        4 => exactly::<18>(layers, timer).map(drop),
        3 => {
            let [length] = exactly(layers, timer)?;
            for _ in 0..usize::from(length) + 2 {
                exactly::<1>(layers, timer)?;
            }
            Ok(())
        }
        _ => Err(NetError::ProxyProtocol("its reply has an unknown address type".to_owned())),
    }
}

fn password(credentials: &Credentials) -> Result<Vec<u8>, NetError> {
    let mut bytes = vec![1];
    for text in [credentials.name(), credentials.password()] {
        let length =
            u8::try_from(text.len()).map_err(|_| NetError::ProxyAuth("a name or password is too long for SOCKS5".to_owned()))?;
        bytes.push(length);
        bytes.extend_from_slice(text);
    }
    Ok(bytes)
}

fn request(to: &SocksTarget<'_>) -> Result<Vec<u8>, NetError> {
    let mut bytes = vec![VERSION, 1, 0];
    let mut v4 = |octets: [u8; 4]| bytes.extend([&[1][..], &octets].concat());
    let port = match to {
        SocksTarget::Address(SocketAddr::V4(address)) => {
            v4(address.ip().octets());
            address.port()
        }
        SocksTarget::Address(SocketAddr::V6(address)) => {
            bytes.extend([&[4][..], &address.ip().octets()].concat());
            address.port()
        }
        SocksTarget::Named(target) => {
            match &target.host {
                Host::Ipv4(address) => v4(address.octets()),
                Host::Ipv6(address) => bytes.extend([&[4][..], &address.octets()].concat()),
                Host::Domain(name) => {
                    let length = u8::try_from(name.len())
                        .map_err(|_| NetError::ProxyProtocol("the name is too long for SOCKS5".to_owned()))?;
                    bytes.extend([&[3, length][..], name.as_bytes()].concat());
                }
            }
            target.port
        }
    };
    bytes.extend(port.to_be_bytes());
    Ok(bytes)
}

/// A reply other than 0 (RFC 1928 section 6).
fn refusal(reply: u8) -> NetError {
    let why = match reply {
        1 => "general failure",
        2 => return NetError::ProxyDenied("not allowed by its rules".to_owned()),
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => return NetError::ProxyDenied("command not supported".to_owned()),
        8 => return NetError::ProxyDenied("address type not supported".to_owned()),
        _ => return NetError::ProxyDenied(format!("unknown reply {reply}")),
    };
    NetError::ProxyUnreachable(why.to_owned())
}

/// Receives this many bytes and not one more.
fn exactly<const N: usize>(layers: &mut dyn Transport, timer: &Timer) -> Result<[u8; N], NetError> {
    let mut bytes = [0; N];
    let mut received = 0;
    while received < N {
        match layers.receive(&mut bytes[received..], timer)? {
            0 => return Err(NetError::Broken("closed by the proxy before it answered".to_owned())),
            more => received += more,
        }
    }
    Ok(bytes)
}

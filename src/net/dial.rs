//! From a host to a connected socket: getaddrinfo, then Happy Eyeballs (RFC 8305).

use super::deadline::Timer;
use super::socket::Socket;
use super::{Event, NetError, is_public};
use crate::error::system_words;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use url::Host;

/// How long one address has before the next is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The address families to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// An address to use for a host and port, instead of what the name server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOverride {
    /// The host, as the URL standard has it.
    pub host: Host,
    /// The port it goes for.
    pub port: u16,
    /// The address to connect to.
    pub address: IpAddr,
}

/// The way to a target.
#[derive(Clone, Debug, Default)]
pub struct ResolveConfig {
    /// The address families to use.
    pub family: Family,
    /// Addresses known without asking.
    pub overrides: Vec<HostOverride>,
    /// A Unix socket to connect through, whatever the host is.
    pub unix_socket: Option<PathBuf>,
}

/// Connects to a host, or to the Unix socket that the route has instead: then there is no address.
pub(super) fn dial(
    host: &Host,
    port: u16,
    route: &ResolveConfig,
    timer: &Timer,
    only_public: bool,
    observe: &mut dyn FnMut(Event),
) -> Result<(Socket, Option<SocketAddr>), NetError> {
    if let Some(path) = &route.unix_socket {
        let socket = connect_unix(path, timer)?;
        observe(Event::ConnectedUnix(path.clone()));
        return Ok((socket, None));
    }
    let addresses = addresses(host, port, route, timer, only_public)?;
    observe(Event::Resolved(addresses.clone()));
    let (fd, address) = race(&addresses, timer, observe)?;
    observe(Event::Connected(address));
    // The request goes out at once, however small.
    sockopt::set_tcp_nodelay(&fd, true).map_err(NetError::broken)?;
    Ok((Socket::new(fd), Some(address)))
}

/// The addresses of a host in the order they are to be tried; with `only_public`, those that are.
pub(super) fn addresses(
    host: &Host,
    port: u16,
    route: &ResolveConfig,
    timer: &Timer,
    only_public: bool,
) -> Result<Vec<SocketAddr>, NetError> {
    let known = route.overrides.iter().filter(|known| known.host == *host && known.port == port);
    let mut all: Vec<SocketAddr> = known.map(|known| SocketAddr::new(known.address, port)).collect();
    if all.is_empty() {
        all = match host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) => resolve(name, port, timer)?,
        };
    }
    all.retain(|address| match route.family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    });
    let first = all.first().ok_or(NetError::NoSuchFamily)?.ip();
    all.retain(|address| !only_public || is_public(address.ip()));
    if all.is_empty() { Err(NetError::NotPublic(first.to_string())) } else { Ok(interleave(&all)) }
}

/// Asks the system, on a thread of its own: getaddrinfo takes as long as it likes.
fn resolve(name: &str, port: u16, timer: &Timer) -> Result<Vec<SocketAddr>, NetError> {
    let (answer, answered) = mpsc::channel();
    let question = (name.to_owned(), port);
    let ask = move || {
        // Nobody may be waiting any more.
        let _ = answer.send(question.to_socket_addrs().map(Iterator::collect));
    };
    thread::Builder::new().name("resolver".to_owned()).spawn(ask).map_err(|error| NetError::Resolve(system_words(&error)))?;
    let wait = timer.wait();
    loop {
        match answered.recv_timeout(wait.poll_timeout()?) {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(error)) => {
                let text = system_words(&error);
                let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
                return Err(NetError::Resolve(why.to_owned()));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(NetError::Resolve("the resolver ended".to_owned())),
        }
    }
}

/// The families in turn, the first address's first (RFC 8305 section 4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first_is_v6);
    first.reverse();
    second.reverse();
    let mut turns = Vec::with_capacity(addresses.len());
    while !first.is_empty() || !second.is_empty() {
        turns.extend(first.pop());
        turns.extend(second.pop());
    }
    turns.dedup();
    turns
}

/// Tries one address after the other, each beside those still under way; the first to connect
/// wins.
fn race(addresses: &[SocketAddr], timer: &Timer, observe: &mut dyn FnMut(Event)) -> Result<(OwnedFd, SocketAddr), NetError> {
    let wait = timer.wait();
    let mut waiting = addresses.iter();
    let mut under_way: Vec<(OwnedFd, SocketAddr)> = Vec::new();
    let mut next_at = Instant::now();
    let mut first_error = None;
    let mut failed = |address: SocketAddr, error: Errno, observe: &mut dyn FnMut(Event)| {
        let error = NetError::Connect { address: address.to_string(), error: system_words(&error.into()) };
        observe(Event::AttemptFailed(error.clone()));
        first_error.get_or_insert(error);
    };
    loop {
        let mut slice = wait.poll_timeout()?;
        if under_way.is_empty() || Instant::now() >= next_at {
            if let Some(address) = waiting.next() {
                next_at = Instant::now() + ATTEMPT_DELAY;
                match attempt(*address) {
                    Ok((fd, true)) => return Ok((blocking(fd)?, *address)),
                    Ok((fd, false)) => under_way.push((fd, *address)),
                    Err(error) => {
                        failed(*address, error, observe);
                        next_at = Instant::now();
                    }
                }
                continue;
            }
            if under_way.is_empty() {
                return Err(first_error.unwrap_or(NetError::NoSuchFamily));
            }
        }
        if waiting.len() > 0 {
            slice = slice.min(next_at.saturating_duration_since(Instant::now()));
        }
        for index in finished(&under_way, slice)?.into_iter().rev() {
            let (fd, address) = under_way.swap_remove(index);
            match sockopt::socket_error(&fd) {
                Ok(Ok(())) => return Ok((blocking(fd)?, address)),
                Ok(Err(error)) | Err(error) => {
                    failed(address, error, observe);
                    next_at = Instant::now();
                }
            }
        }
    }
}

/// Starts to connect; true where that is done at once.
fn attempt(address: SocketAddr) -> Result<(OwnedFd, bool), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&fd, &address) {
        Ok(()) => Ok((fd, true)),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok((fd, false)),
        Err(error) => Err(error),
    }
}

/// Waits, for so long at most, until some attempts are decided; gives their indices, rising.
fn finished(under_way: &[(OwnedFd, SocketAddr)], slice: Duration) -> Result<Vec<usize>, NetError> {
    let mut polled: Vec<_> = under_way.iter().map(|(fd, _)| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT)).collect();
    let timeout = slice.try_into().map_err(|_| NetError::Broken("a limit is too long".to_owned()))?;
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(NetError::broken(error)),
    }
    Ok(polled.iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty()).map(|(index, _)| index).collect())
}

fn blocking(fd: OwnedFd) -> Result<OwnedFd, NetError> {
    rustix::io::ioctl_fionbio(&fd, false).map_err(NetError::broken)?;
    Ok(fd)
}

fn connect_unix(path: &PathBuf, timer: &Timer) -> Result<Socket, NetError> {
    let failed = |error: io::Error| NetError::Connect { address: path.display().to_string(), error: system_words(&error) };
    let address = SocketAddrUnix::new(path).map_err(|error| failed(error.into()))?;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|error| failed(error.into()))?;
    let wait = timer.wait();
    loop {
        // A full backlog makes connect wait; the send timeout is what ends that.
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Send, Some(wait.poll_timeout()?)).map_err(NetError::broken)?;
        match rustix::net::connect(&fd, &address) {
            Ok(()) => return Ok(Socket::new(fd)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_the_first_addresss_first() {
        let parse = |list: &str| list.split(' ').map(|a| format!("{a}:1").parse().expect("an address")).collect::<Vec<_>>();
        for (given, wanted) in [
            ("[::1] [::2] 1.1.1.1 2.2.2.2", "[::1] 1.1.1.1 [::2] 2.2.2.2"),
            ("1.1.1.1 2.2.2.2 3.3.3.3 [::1]", "1.1.1.1 [::1] 2.2.2.2 3.3.3.3"),
            ("1.1.1.1", "1.1.1.1"),
        ] {
            assert_eq!(interleave(&parse(given)), parse(wanted), "{given}");
        }
    }
}

//! From a host to a connected socket: getaddrinfo, then Happy Eyeballs (RFC 8305).

use super::deadline::Timer;
use super::socket::Socket;
use super::{ConnectOptions, Event, NetError, is_public};
use crate::error::system_words;
use crate::sys;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use url::Host;

/// How long one address has before the next is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// How many attempts are under way at once; the oldest makes room for another.
const MAX_ATTEMPTS: usize = 6;

/// The address families to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Family {
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
pub(crate) struct HostOverride {
    /// The host, as the URL standard has it.
    pub host: Host,
    /// The port it goes for.
    pub port: u16,
    /// The address to connect to.
    pub address: IpAddr,
}

/// How names become addresses, and what is connected to instead.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResolveConfig {
    /// The address families to use.
    pub family: Family,
    /// Addresses that take the place of what the name server says.
    pub overrides: Vec<HostOverride>,
    /// A Unix socket to connect through, whatever the host is.
    pub unix_socket: Option<PathBuf>,
}

/// Connects to a host, or to the Unix socket that the configuration has instead: then there is no address.
pub(super) fn dial(
    host: &Host,
    port: u16,
    options: &ConnectOptions<'_>,
    timer: &Timer,
    public_only: bool,
    observe: &mut dyn FnMut(Event),
) -> Result<(Socket, Option<SocketAddr>), NetError> {
    if let Some(path) = &options.resolve.unix_socket {
        let socket = connect_unix(path, timer)?;
        observe(Event::ConnectedUnix(path.clone()));
        return Ok((socket, None));
    }
    let addresses = addresses(host, port, options, timer, public_only)?;
    observe(Event::Resolved(addresses.clone()));
    let (fd, address) = race(&addresses, timer, observe)?;
    observe(Event::Connected(address));
    // The request goes out at once, however small.
    sockopt::set_tcp_nodelay(&fd, true).map_err(NetError::broken)?;
    Ok((Socket::new(fd), Some(address)))
}

/// The addresses of a host in the order they are to be tried; with `public_only`, those that are.
pub(super) fn addresses(
    host: &Host,
    port: u16,
    options: &ConnectOptions<'_>,
    timer: &Timer,
    public_only: bool,
) -> Result<Vec<SocketAddr>, NetError> {
    let config = options.resolve;
    let known = config.overrides.iter().filter(|known| known.host == *host && known.port == port);
    let mut all: Vec<SocketAddr> = known.map(|known| SocketAddr::new(known.address, port)).collect();
    if all.is_empty() {
        all = match host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) if is_localhost(name) => {
                vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()]
            }
            Host::Domain(name) => {
                let found = options.resolver.resolve(name, timer)?;
                found.into_iter().map(|address| SocketAddr::new(address, port)).collect()
            }
        };
    }
    all.retain(|address| match config.family {
        Family::Any => true,
        Family::V4 => address.is_ipv4(),
        Family::V6 => address.is_ipv6(),
    });
    let first = all.first().ok_or(NetError::NoSuchFamily)?.ip();
    all.retain(|address| !public_only || is_public(address.ip()));
    if all.is_empty() { Err(NetError::NotPublic(first.to_string())) } else { Ok(interleave(&all)) }
}

/// Whether a name is this machine, whatever a name server says (RFC 6761 section 6.3).
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
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
    let mut untried = addresses.iter();
    let mut under_way: Vec<(OwnedFd, SocketAddr)> = Vec::new();
    let mut next_at = Instant::now();
    let mut first_error: Option<(NetError, bool)> = None;
    let mut failed = |address: SocketAddr, errno: Errno, observe: &mut dyn FnMut(Event)| {
        let error = NetError::Connect { address: address.to_string(), error: system_words(&errno.into()) };
        observe(Event::AttemptFailed(error.clone()));
        // "No IPv6 on this machine" explains nothing where an IPv4 address was tried too.
        let unusable = matches!(errno, Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::NETUNREACH);
        if first_error.as_ref().is_none_or(|(_, was_unusable)| *was_unusable && !unusable) {
            first_error = Some((error, unusable));
        }
    };
    loop {
        let mut timeout = wait.poll_timeout()?;
        if under_way.is_empty() || Instant::now() >= next_at {
            if let Some(address) = untried.next() {
                next_at = Instant::now() + ATTEMPT_DELAY;
                if under_way.len() >= MAX_ATTEMPTS {
                    under_way.remove(0);
                }
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
                return Err(first_error.map_or(NetError::NoSuchFamily, |(error, _)| error));
            }
        }
        if untried.len() > 0 {
            timeout = timeout.min(next_at.saturating_duration_since(Instant::now()));
        }
        for index in finished(&under_way, timeout)?.into_iter().rev() {
            let (fd, address) = under_way.remove(index);
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
    let fd = sys::stream_socket(family)?;
    match rustix::net::connect(&fd, &address) {
        Ok(()) => Ok((fd, true)),
        Err(Errno::INPROGRESS | Errno::INTR) => Ok((fd, false)),
        Err(error) => Err(error),
    }
}

/// Waits, for so long at most, until some attempts are decided; gives their indices, rising.
fn finished(under_way: &[(OwnedFd, SocketAddr)], within: Duration) -> Result<Vec<usize>, NetError> {
    let mut polled: Vec<_> = under_way.iter().map(|(fd, _)| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT)).collect();
    let timeout = within.try_into().map_err(|_| NetError::Broken("a limit is too long".to_owned()))?;
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
    let fd = sys::stream_socket(AddressFamily::UNIX).map_err(|error| failed(error.into())).and_then(blocking)?;
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

//! Real servers, started for one test on ports of their own.

use crate::harness::left_out;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A program that runs as long as this exists.
pub(crate) struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It is asked to end its workers too; killed, it could not.
        let id = self.0.id().try_into().map(nix::unistd::Pid::from_raw);
        let _ = id.map(|id| nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM));
        let _ = self.0.wait();
    }
}

impl Daemon {
    /// Starts it, and waits until it listens on all of these ports.
    pub(crate) fn start(mut command: Command, ports: &[u16], log: &Path) -> Daemon {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut daemon = Daemon(process);
        while ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            let ended = daemon.0.try_wait().expect("asked");
            assert!(ended.is_none(), "{command:?} ended: {}", std::fs::read_to_string(log).unwrap_or_default());
            std::thread::yield_now();
        }
        daemon
    }
}

/// Free ports: all are held until all are known.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = std::array::from_fn::<_, N, _>(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

/// Where a program is. Where it is not, the test is left out and says so; in CI that is a failure.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        missing(&format!("{name} is not on this machine"));
    }
    found
}

/// Something that a test needs is not there.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "in CI it has to be there: {what}");
    left_out(what);
}

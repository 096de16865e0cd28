//! Real servers, started for one test on ports of their own.

use crate::harness::wait_until;
use std::net::TcpListener;
use std::path::Path;
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
    /// Starts a program that listens on ports of its own choice of these, which may be taken by others
    /// meanwhile: then it is started on others.
    pub(crate) fn start<const N: usize>(log: &Path, command: impl Fn([u16; N]) -> Command) -> (Daemon, [u16; N]) {
        for _ in 0..20 {
            let ports = unused_ports();
            let mut command = command(ports);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut daemon = Daemon(command.spawn().expect("it starts"));
            let mut ended = false;
            wait_until(&format!("{command:?} listens"), || {
                ended = daemon.0.try_wait().expect("asked").is_some();
                ended || ports.iter().all(|port| daemon.listens_on(*port))
            });
            if !ended {
                return (daemon, ports);
            }
        }
        panic!("it does not start: {}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// Whether it is this program that listens on a port.
    fn listens_on(&self, port: u16) -> bool {
        const LISTENING: &str = "0A";
        let table = std::fs::read_to_string("/proc/net/tcp").expect("readable");
        let local = format!("0100007F:{port:04X}");
        let sockets = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let listening = sockets.filter(|columns| columns[1] == local && columns[3] == LISTENING);
        let names: Vec<_> = listening.map(|columns| format!("socket:[{}]", columns[9])).collect();
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).into_iter().flatten().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .any(|link| names.iter().any(|name| link == Path::new(name)))
    }
}

/// Ports that are not used at this moment.
fn unused_ports<const N: usize>() -> [u16; N] {
    let listeners = std::array::from_fn::<_, N, _>(|_| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

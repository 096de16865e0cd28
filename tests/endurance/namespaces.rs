//! What needs a network or a file system of its own: each test starts itself again in new namespaces.

use crate::harness::{Place, finish, skip};
use fixtures::{Server, reply};
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Where a program in namespaces of its own has a directory; elsewhere it is not set.
const INSIDE: &str = "FETCH_TEST_INSIDE";

/// The directory, if this is the run in namespaces of its own; if not, that run is made here, after `setup` by a shell
/// in the directory.
fn inside(test: &str, setup: &str) -> Option<PathBuf> {
    if let Some(directory) = std::env::var_os(INSIDE) {
        return Some(directory.into());
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "--mount"]);
        command
    };
    if !unshare().args(["sh", "-c", "ip link set lo up"]).status().is_ok_and(|status| status.success()) {
        skip("a test that needs namespaces (unshare --map-root-user --net --mount)");
        return None;
    }
    let (mut command, directory) = (unshare(), tempfile::tempdir().expect("a directory"));
    command.args(["sh", "-ec", &format!("cd \"${INSIDE}\"; ip link set lo up; {setup}\nexec \"$0\" \"$@\"")]);
    command.arg(std::env::current_exe().expect("known"));
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, directory.path());
    let run = finish(command);
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status == 0 && out.contains("1 passed"), "{out}{}", run.stderr);
    None
}

#[test]
fn a_disk_that_fills_in_the_middle_of_a_list_loses_nothing() {
    let setup = "mount -t tmpfs -o size=1m tmpfs .";
    let Some(disk) = inside("namespaces::a_disk_that_fills_in_the_middle_of_a_list_loses_nothing", setup) else { return };
    fs::write(disk.join("7"), "old").expect("written");
    let server = Server::start(|request| reply("200 OK", "", request.path().repeat(50_000))).expect("started");
    let place = Place::new();
    let list: String = (0..20).map(|number| server.url(&format!("/{number}\t{}/{number}\n", disk.display()))).collect();
    place.write("list", list);
    let run = place.fetch(&["-q", "--json", "-i", "list"]);
    assert!(run.status == 3 && run.stderr.contains("no space left"), "{run:?}");
    let json = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(json.lines().count(), 20, "{json}");
    assert!(json.contains("\"exit\":0"), "{json}");
    for number in 0..20 {
        let saved = fs::read_to_string(disk.join(number.to_string())).ok();
        let line = json.lines().find(|line| line.contains(&format!("\"id\":{},", number + 1))).expect("a line");
        let whole = format!("/{number}").repeat(50_000);
        let expected = if line.contains("\"exit\":0") { Some(whole) } else { (number == 7).then(|| "old".to_owned()) };
        assert!(saved == expected, "{number}: {line}");
    }
    let left: Vec<_> = fs::read_dir(&disk).expect("readable").map(|entry| entry.expect("readable").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".part")), "{left:?}");
}

#[test]
fn a_name_server_that_stalls_holds_up_its_own_hosts_only() {
    // Only that name server is asked: no daemon of the host, which would be reached over a Unix socket.
    let setup = "echo 'nameserver 127.0.0.1' > resolv.conf; mount --bind resolv.conf /etc/resolv.conf
        echo 'hosts: files dns' > nsswitch.conf; mount --bind nsswitch.conf /etc/nsswitch.conf
        if [ -d /run/nscd ]; then mount -t tmpfs tmpfs /run/nscd; fi";
    if inside("namespaces::a_name_server_that_stalls_holds_up_its_own_hosts_only", setup).is_none() {
        return;
    }
    serve_names();
    let server = Server::start(|request| reply("200 OK", "", request.path())).expect("started");
    let port = server.port();
    let place = Place::new();
    let run = place.fetch(&["-q", "--connect-timeout", "1", "http://stalled.example/", "-o", "f"]);
    run.failed(4, "http://stalled.example/", "stalled.example");
    // One that is slow is waited for.
    place.fetch(&["-q", &format!("http://slow.example:{port}/slow"), "-o", "slow"]).succeeded();
    assert_eq!(place.read("slow"), "/slow");
    let stalled = (0..50).map(|number| format!("http://stalled{number}.example/\n"));
    let good = (0..200).map(|number| format!("http://fast.example:{port}/{number}\n"));
    place.write("list", stalled.chain(good).collect::<String>());
    let mut command = place.command(&["-q", "-j", "64", "--connect-timeout", "600", "-i", "list", "-P", "d"]);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("started");
    crate::harness::wait_until("the good host's files", || {
        fs::read_dir(place.path("d")).is_ok_and(|entries| entries.count() == 200)
    });
    assert_eq!(child.try_wait().expect("known"), None, "the others still wait");
    child.kill().expect("killed");
    child.wait().expect("it ends");
}

/// A name server: it answers for `fast` at once, for `slow` after a second, and for others never.
fn serve_names() {
    let socket = UdpSocket::bind("127.0.0.1:53").expect("bound");
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            let query = query[..length].to_vec();
            let has = |name: &[u8]| query.windows(name.len()).any(|part| part == name);
            let delay = if has(b"\x04fast\x07example") {
                Duration::ZERO
            } else if has(b"\x04slow\x07example") {
                Duration::from_secs(1)
            } else {
                continue;
            };
            let socket = socket.try_clone().expect("cloned");
            thread::spawn(move || {
                thread::sleep(delay);
                let _ = socket.send_to(&address_of(&query), peer);
            });
        }
    });
}

/// A response with 127.0.0.1, or with no address where another type than A is asked for (RFC 1035 section 4).
fn address_of(query: &[u8]) -> Vec<u8> {
    let name_end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("the root");
    let question = &query[12..name_end + 5];
    let is_a = question.ends_with(&[0, 1, 0, 1]);
    let header = [query[0], query[1], 0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0];
    let answer: &[u8] = if is_a { &[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1] } else { &[] };
    [&header[..], question, answer].concat()
}

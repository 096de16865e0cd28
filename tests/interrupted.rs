//! Signals, and pipes that nobody reads any more.

use crate::harness::Place;
use fixtures::{Server, Step, head, reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn half_a_body() -> Server {
    let minute = Step::Pause(Duration::from_secs(60));
    let script = vec![Step::send(head("200 OK", "Content-Length: 100")), Step::send("half"), minute];
    Server::start(move |_| script.clone()).expect("started")
}

/// Waits for the directory to have these files in it.
fn until(place: &Place, listing: &str) {
    let started = Instant::now();
    while place.listing() != listing {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", place.listing());
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_ends_it_and_leaves_the_old_file_and_no_litter() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (server, place) = (half_a_body(), Place::with_old_file());
        let mut child = place.command(&["-q", &server.url("/"), "-o", "f"]).spawn().expect("started");
        until(&place, "f f.part");
        kill(Pid::from_raw(child.id().try_into().expect("a pid")), signal).expect("sent");
        let status = child.wait().expect("ended");
        assert_eq!(status.signal(), Some(signal as i32));
        assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
    }
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let server = Server::start(|_| {
        vec![Step::send(head("200 OK", "Content-Length: 4")), Step::Pause(Duration::from_millis(300)), Step::send("body")]
    })
    .expect("started");
    let place = Place::new();
    let script = format!("trap '' HUP; exec {} -q {} -o f", env!("CARGO_BIN_EXE_fetch"), server.url("/"));
    let mut child = Command::new("sh").args(["-c", &script]).current_dir(place.path(".")).spawn().expect("started");
    until(&place, "f.part");
    kill(Pid::from_raw(child.id().try_into().expect("a pid")), Signal::SIGHUP).expect("sent");
    assert_eq!((child.wait().expect("ended").code(), place.read("f").as_str()), (Some(0), "body"));
}

#[test]
fn a_closed_pipe_for_the_body_ends_it_quietly_with_3() {
    let server = Server::start(|_| reply("200 OK", "", "x".repeat(10_000_000))).expect("started");
    let place = Place::new();
    let mut command = place.command(&["-q", &server.url("/"), "-o", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut [0; 10]).expect("some bytes");
    drop(stdout);
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(3), 0), "{output:?}");
}

#[test]
fn headers_that_nobody_reads_do_not_cost_the_file() {
    let server = Server::start(|request| match request.path() {
        "/" => reply("302 Found", "Location: /x", ""),
        _ => reply("200 OK", "", "hello"),
    })
    .expect("started");
    let place = Place::new();
    let mut child = place.command(&[&server.url("/"), "-o", "f"]).stdout(Stdio::piped()).spawn().expect("started");
    drop(child.stdout.take());
    assert_eq!((child.wait().expect("ended").code(), place.read("f").as_str()), (Some(0), "hello"));
}

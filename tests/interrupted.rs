//! Signals, and pipes that are closed.

use crate::harness::{Place, finish, shell, signal, wait_until};
use fixtures::{Server, Step, cut, head, ranged, reply};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

fn half_a_body() -> Server {
    let minute = Step::Pause(Duration::from_secs(60));
    let script = vec![Step::send(head("200 OK", "Content-Length: 100")), Step::send("half"), minute];
    Server::start(move |_| script.clone()).expect("started")
}

/// Waits for the directory to have part of a body in `f.part`.
fn wait_for_part(place: &Place) {
    wait_until("f.part grows", || fs::metadata(place.path("f.part")).is_ok_and(|metadata| metadata.len() > 0));
}

#[test]
fn a_signal_ends_it_and_leaves_the_old_file_and_no_litter() {
    for signalled in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (server, place) = (half_a_body(), Place::with_old_file());
        let mut child = place.command(&["-q", &server.url("/"), "-o", "f"]).spawn().expect("started");
        wait_for_part(&place);
        signal(&child, signalled);
        let status = child.wait().expect("ended");
        assert_eq!(status.signal(), Some(signalled as i32));
        assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
    }
}

#[test]
fn a_signal_keeps_what_can_be_resumed_and_says_so() {
    let server = Server::start(|request| {
        let mut script = cut(&ranged(request, "ETag: \"v1\"", "x".repeat(200_000)), 120_000);
        script.pop();
        script.push(Step::Pause(Duration::from_secs(60)));
        script
    })
    .expect("started");
    let place = Place::with_old_file();
    let mut command = place.command(&[&server.url("/"), "-o", "f"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("started");
    wait_until("all came", || fs::metadata(place.path("f.part")).is_ok_and(|metadata| metadata.len() == 120_000));
    signal(&child, Signal::SIGINT);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "kept for -c: f.part (120000 bytes)\n");
    assert_eq!(place.read("f"), "old");
    assert!(place.path("f.part").exists() && place.path("f.part.info").exists());
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    if cfg!(fetch_plain) {
        return crate::harness::skip("the test of ignored signals: the plain way cannot tell them");
    }
    let server = Server::start(|_| {
        let head = Step::send(head("200 OK", "Content-Length: 4"));
        vec![head, Step::send("bo"), Step::Pause(Duration::from_millis(300)), Step::send("dy")]
    })
    .expect("started");
    let place = Place::new();
    let script = format!("trap '' HUP; exec \"$FETCH\" -q {} -o f", server.url("/"));
    let mut child = shell(&place, &script).spawn().expect("started");
    wait_until("a part file is there", || place.path("f.part").exists());
    signal(&child, Signal::SIGHUP);
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
fn a_closed_standard_output_takes_no_body_and_nothing_is_requested() {
    let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    let place = Place::new();
    let run = finish(shell(&place, &format!("exec \"$FETCH\" -q {} -o - >&-", server.url("/"))));
    assert_eq!((run.status, server.requests().len()), (3, 0), "{run:?}");
    // Headers that are not printed do no harm; nor is /dev/null a closed file.
    let run = finish(shell(&place, &format!("exec \"$FETCH\" {} -o f >&-", server.url("/"))));
    assert_eq!((run.status, place.read("f").as_str()), (0, "hello"), "{run:?}");
    let run = finish(shell(&place, &format!("exec \"$FETCH\" -q {} -o - <>/dev/null >&0", server.url("/"))));
    assert_eq!(run.status, 0, "{run:?}");
}

#[test]
fn headers_that_are_not_read_do_not_cost_the_file() {
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

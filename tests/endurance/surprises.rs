//! What happens in the middle of a run.

use crate::harness::{Place, finish, skip, wait_until};
use fixtures::{Server, Step, ranged, reply};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Where Debian has the library that shows programs another clock.
const CLOCKS: &[&str] =
    &["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

#[test]
fn a_directory_that_disappears_is_an_error_for_each_url_after_it() {
    let server = Server::start(|request| {
        let mut script = vec![Step::Pause(Duration::from_millis(20))];
        script.extend(reply("200 OK", "", request.path()));
        script
    })
    .expect("started");
    let place = Place::new();
    place.write("list", (0..100).map(|number| server.url(&format!("/{number}\n"))).collect::<String>());
    let mut command = place.command(&["-q", "--json", "-j", "4", "-i", "list", "-P", "d"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    wait_until("some files", || fs::read_dir(place.path("d")).is_ok_and(|entries| entries.count() > 10));
    fs::rename(place.path("d"), place.path("gone")).expect("renamed");
    let output = child.wait_with_output().expect("it ends");
    let (json, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), json.lines().count()), (Some(3), 100), "{errors}");
    for line in json.lines() {
        let saved = line.contains("\"exit\":0");
        let path = line.split("\"file\":\"d/").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert!(!saved || place.read(&format!("gone/{path}")) == format!("/{path}"), "{line}");
    }
    assert!(errors.contains("no such file or directory") && !errors.contains("panicked"), "{errors}");
}

#[test]
fn a_clock_that_jumps_changes_no_deadline() {
    let Some(library) = CLOCKS.iter().find(|path| Path::new(path).exists()) else {
        return skip("libfaketime is not on this machine");
    };
    let server = Server::start(|request| {
        if request.path() == "/silent" {
            return vec![Step::Pause(Duration::from_secs(60))];
        }
        let mut script = vec![Step::send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\nSet-Cookie: a=b; Max-Age=60\r\n\r\n")];
        script.extend((0..20).flat_map(|_| [Step::send("."), Step::Pause(Duration::from_millis(100))]));
        script
    })
    .expect("started");
    for jump in ["+400d", "-400d"] {
        let place = Place::new();
        place.write("clock", "+0");
        let start = |arguments: &[&str]| {
            let mut command = place.command(arguments);
            command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", place.path("clock"));
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
        };
        let slow = start(&["-q", "-T", "1", "-m", "30", &server.url("/slow"), "-o", "f", "--cookie-jar", "jar", "--warc", "w"]);
        let silent = start(&["-q", "-T", "1", &server.url("/silent"), "-o", "g"]);
        wait_until("the body begins", || place.path("f.part").exists());
        place.write("clock", jump);
        let output = slow.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{jump}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(place.read("f"), ".".repeat(20));
        let output = silent.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(4), "{jump}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_proxy_that_dies_midway_is_an_error_and_the_rest_is_fetched_later() {
    const COUNT: usize = 300;
    const BODY: usize = 20_000;
    let alive = Arc::new(AtomicUsize::new(COUNT * 2 / 5));
    let left = Arc::clone(&alive);
    // A proxy is asked for whole URLs, and answers itself. The last response before it dies is half a one.
    let proxy = Server::start(move |request| {
        let body = request.path().as_bytes().iter().copied().cycle().take(BODY).collect::<Vec<_>>();
        let whole = ranged(request, &format!("ETag: \"{}\"", request.path().len()), &body);
        match left.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(0) => [fixtures::cut(&whole, BODY / 2), vec![Step::Reset]].concat(),
            Ok(_) => whole,
            Err(_) => vec![Step::Reset],
        }
    })
    .expect("started");
    let place = Place::new();
    let url = |number: usize| format!("http://site.example/{number}");
    place.write("list", (0..COUNT).map(|number| url(number) + "\n").collect::<String>());
    let arguments = ["-q", "--json", "-c", "-x", &proxy.url(""), "-i", "list", "-P", "d"];
    let check = |all: bool| {
        for number in 0..COUNT {
            match fs::read(place.path("d").join(number.to_string())) {
                Ok(saved) => assert!(saved.len() == BODY && url(number).bytes().cycle().zip(&saved).all(|(a, b)| a == *b)),
                Err(_) => assert!(!all, "{number} is missing"),
            }
        }
    };
    let run = place.fetch(&arguments);
    assert_eq!((run.status, String::from_utf8_lossy(&run.stdout).lines().count()), (4, COUNT));
    check(false);
    alive.store(usize::MAX, Ordering::SeqCst);
    let run = finish(place.command(&arguments));
    assert_eq!(run.status, 0, "{}", run.stderr);
    check(true);
}

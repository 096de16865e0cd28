//! What happens in the middle of a run.

use crate::harness::{Place, finish, missing, wait_until};
use fixtures::{Server, Step, ranged, reply};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The library that shows programs another clock.
fn libfaketime() -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    directories.map(|directory| directory.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

#[test]
fn a_directory_that_disappears_is_an_error_for_each_url_after_it() {
    let gone = Arc::new(AtomicBool::new(false));
    let is_gone = Arc::clone(&gone);
    // The later half waits for the directory to disappear.
    let server = Server::start(move |request| {
        let number: u32 = request.path().trim_start_matches('/').parse().unwrap_or_default();
        if number >= 50 {
            wait_until("the directory is gone", || is_gone.load(Ordering::SeqCst));
        }
        reply("200 OK", "", request.path())
    })
    .expect("started");
    let place = Place::new();
    place.write("list", (0..100).map(|number| server.url(&format!("/{number}\n"))).collect::<String>());
    let mut command = place.command(&["-q", "--json", "-j", "4", "-i", "list", "-P", "d"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    wait_until("some files", || fs::read_dir(place.path("d")).is_ok_and(|entries| entries.count() > 10));
    fs::rename(place.path("d"), place.path("gone")).expect("renamed");
    gone.store(true, Ordering::SeqCst);
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
    let Some(library) = libfaketime() else { return missing("libfaketime is not on this machine") };
    let server = Server::start(|request| {
        if request.path() == "/silent" {
            return vec![Step::Pause(Duration::from_secs(60)), Step::Close];
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
            command.env("LD_PRELOAD", &library).env("FAKETIME_TIMESTAMP_FILE", place.path("clock"));
            command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started")
        };
        let (started, before) = (Instant::now(), server.requests().len());
        let slow = start(&["-q", "-T", "10", "-m", "60", &server.url("/slow"), &server.url("/after"), "-P", "d", "--warc", "w"]);
        let silent = start(&["-q", "-T", "3", &server.url("/silent"), "-o", "g"]);
        wait_until("both requests", || server.requests().len() == before + 2 && place.path("d/slow.part").exists());
        place.write("clock.new", jump);
        fs::rename(place.path("clock.new"), place.path("clock")).expect("renamed");
        let output = slow.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{jump}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(place.read("d/slow"), ".".repeat(20));
        let output = silent.wait_with_output().expect("it ends");
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(4) && why.contains("within 3 s"), "{jump}: {why}");
        assert!((3..30).contains(&started.elapsed().as_secs()), "{jump}: {:?}", started.elapsed());
        // It did jump: what was requested afterwards has another date.
        let dates: BTreeSet<String> = place
            .read("w")
            .lines()
            .filter_map(|line| line.strip_prefix("WARC-Date: "))
            .map(|date| date[..4].to_owned())
            .collect();
        assert!(dates.len() > 1, "{jump}: {dates:?}");
    }
}

#[test]
fn a_proxy_that_dies_midway_is_an_error_and_the_rest_is_fetched_later() {
    const COUNT: usize = 300;
    const BODY: usize = 200_000;
    let (is_mended, answered) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let mended = Arc::clone(&is_mended);
    // A proxy is asked for whole URLs, and answers itself. The last response before it dies is half a one.
    let proxy = Server::start(move |request| {
        let body = request.path().as_bytes().iter().copied().cycle().take(BODY).collect::<Vec<_>>();
        let whole = ranged(request, &format!("ETag: \"{}\"", request.path().len()), &body);
        match answered.fetch_add(1, Ordering::SeqCst) {
            _ if mended.load(Ordering::SeqCst) => whole,
            0..100 => whole,
            100 => fixtures::cut(&whole, BODY / 2),
            _ => vec![Step::Reset],
        }
    })
    .expect("started");
    let place = Place::new();
    let url = |number: usize| format!("http://site.example/{number}");
    place.write("list", (0..COUNT).map(|number| url(number) + "\n").collect::<String>());
    let arguments = ["-q", "--json", "-c", "--skip-existing", "-x", &proxy.url(""), "-i", "list", "-P", "d"];
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
    assert!(fs::read_dir(place.path("d")).expect("readable").any(|entry| is_part(&entry.expect("readable"))), "no part is kept");
    is_mended.store(true, Ordering::SeqCst);
    let before = proxy.requests().len();
    let run = finish(place.command(&arguments));
    assert_eq!(run.status, 0, "{}", run.stderr);
    check(true);
    let again = proxy.requests().split_off(before);
    assert!(again.len() == COUNT - 100 && again.iter().any(|request| request.field("Range").is_some()), "{}", again.len());
}

fn is_part(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().ends_with(".part")
}

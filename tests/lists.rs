//! Many URLs: lists, limits, and what becomes of them when something goes wrong.

use crate::harness::{Place, Run, finish, no_attributes, on_terminal, shell, signal, wait_until};
use fixtures::{Closed, Request, Script, Server, Step, cut, head, ranged, reply};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A body that tells which URL it is of.
fn body_of(path: &str) -> Vec<u8> {
    path.repeat(1000).into_bytes()
}

fn honest(request: &Request) -> Script {
    reply("200 OK", "", body_of(request.path()))
}

fn json_lines(run: &Run) -> Vec<Value> {
    String::from_utf8_lossy(&run.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The lines by their `id`; each has to be there once.
fn by_id(run: &Run) -> BTreeMap<u64, Value> {
    let lines = json_lines(run);
    let map: BTreeMap<u64, Value> = lines.iter().map(|line| (line["id"].as_u64().expect("a number"), line.clone())).collect();
    assert_eq!(map.len(), lines.len(), "an id twice");
    map
}

#[test]
fn a_list_has_urls_comments_files_and_lines_that_are_none() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    let list = format!("# a list\n\n{}\n  {}\tdeep/er/x y\r\nftp://h/\n{}", server.url("/a"), server.url("/b"), server.url("/c"));
    place.write("list", list);
    let run = place.fetch(&["--json", "-i", "list", "-P", "d"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(
        run.stderr.contains("fetch: ftp://h/: list, line 5: cannot fetch \"ftp://h/\": \"ftp:\" is neither http nor https"),
        "{run:?}"
    );
    assert!(run.stderr.contains("\n3 of 4 URLs done, 1 failed, "), "{run:?}");
    let lines = by_id(&run);
    assert_eq!(lines.keys().copied().collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!((lines[&4]["file"].as_str(), lines[&5]["exit"].as_u64()), (Some("deep/er/x y"), Some(2)));
    assert_eq!(
        (place.bytes("d/a"), place.bytes("deep/er/x y"), place.bytes("d/c")),
        (body_of("/a"), body_of("/b"), body_of("/c"))
    );
}

#[test]
fn standard_input_is_read_as_it_comes() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    let mut command = place.command(&["--json", "-q", "-i", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    for (number, path) in ["/a", "/b"].into_iter().enumerate() {
        let stdin = child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{}", server.url(path)).expect("written");
        let line: Value = serde_json::from_str(&lines.next().expect("a line").expect("read")).expect("JSON");
        assert_eq!((line["id"].as_u64(), line["exit"].as_u64()), (Some(number as u64 + 1), Some(0)));
        assert_eq!(place.bytes(&path[1..]), body_of(path));
    }
    drop(child.stdin.take());
    assert!(lines.next().is_none() && child.wait().expect("ended").success());
}

#[test]
fn two_lines_that_name_one_file_are_bad_usage() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    place.write("list", format!("{0}\tx\n{0}\ty\n{0}\t./x\n", server.url("/")));
    let run = place.fetch(&["-q", "-i", "list"]);
    assert_eq!((run.status, server.requests().len()), (2, 0), "{run:?}");
    assert!(run.stderr.contains("list: lines 1 and 3 both name the file ./x"), "{run:?}");
}

#[test]
fn a_list_that_cannot_be_read_is_a_file_error_before_anything_is_sent() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    for name in ["missing", "."] {
        let run = place.fetch(&["-q", &server.url("/"), "-i", name]);
        assert!(run.status == 3 && run.stderr.contains("cannot read URLs from "), "{run:?}");
    }
    place.write("empty", "# nothing\n");
    assert_eq!((place.fetch(&["-q", "-i", "empty"]).status, server.requests().len()), (0, 0));
}

/// Answers after a while, and counts how many requests are answered at once.
fn counting(most: Arc<AtomicUsize>, pause: Duration) -> Server {
    let now = AtomicUsize::new(0);
    Server::start(move |request| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(pause);
        now.fetch_sub(1, Ordering::SeqCst);
        honest(request)
    })
    .expect("started")
}

#[test]
fn no_host_gets_more_requests_at_once_than_it_may() {
    for (arguments, wanted) in [(&["--per-host", "3"][..], 3), (&["-j", "2"], 2), (&[], 6)] {
        let most = Arc::new(AtomicUsize::new(0));
        let server = counting(Arc::clone(&most), Duration::from_millis(50));
        let place = Place::new();
        place.write("list", (0..24).map(|number| server.url(&format!("/{number}\n"))).collect::<String>());
        place.fetch(&[&["-q", "-i", "list"], arguments].concat()).succeeded();
        assert_eq!(most.load(Ordering::SeqCst), wanted, "{arguments:?}");
        assert!(server.connections() <= wanted, "{} connections", server.connections());
    }
}

#[test]
fn urls_of_the_command_line_are_fetched_in_their_order() {
    let most = Arc::new(AtomicUsize::new(0));
    let server = counting(Arc::clone(&most), Duration::from_millis(10));
    let urls = ["/1", "/2", "/3"].map(|path| server.url(path));
    Place::new().fetch(&["-q", &urls[0], &urls[1], &urls[2]]).succeeded();
    let paths: Vec<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!((paths.join(" ").as_str(), most.load(Ordering::SeqCst), server.connections()), ("/1 /2 /3", 1, 1));
}

#[test]
fn a_slow_host_holds_up_no_other_though_its_urls_come_first() {
    let stalled = Server::start(|_| vec![Step::Pause(Duration::from_secs(60))]).expect("started");
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    let slow: String = (0..10_000).map(|number| stalled.url(&format!("/{number}\n"))).collect();
    place.write("list", slow + &server.url("/a\n") + &server.url("/b\n"));
    let mut child = place.command(&["-q", "-i", "list", "-j", "8"]).spawn().expect("started");
    wait_until("the other host's are saved", || place.path("a").exists() && place.path("b").exists());
    child.kill().and_then(|()| child.wait()).expect("ended");
    assert!(stalled.requests().len() <= 6);
}

#[test]
fn another_try_waits_in_the_queue_and_not_in_a_worker() {
    let first = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.path() {
        "/busy" if first.fetch_add(1, Ordering::SeqCst) == 0 => reply("503 Busy", "Retry-After: 1", ""),
        _ => honest(request),
    })
    .expect("started");
    let place = Place::new();
    place.write("list", ["/busy\n", "/a\n", "/b\n"].map(|path| server.url(path)).concat());
    place.fetch(&["-q", "-i", "list", "-j", "1", "--retry", "1"]).succeeded();
    let paths: Vec<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert!(paths.len() == 4 && paths[..2] == ["/busy", "/a"] && paths[2..].contains(&"/busy".to_owned()), "{paths:?}");
}

#[test]
fn hosts_that_redirect_to_each_other_end() {
    let ports = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let servers = [0, 1].map(|index| {
        let ports = Arc::clone(&ports);
        Server::start(move |request| match request.path().strip_prefix("/hop/") {
            Some(rest) => {
                let location = format!("Location: http://127.0.0.1:{}/{rest}", ports[1 - index].load(Ordering::SeqCst));
                reply("302 Found", &location, "")
            }
            None => honest(request),
        })
        .expect("started")
    });
    servers.iter().zip(ports.iter()).for_each(|(server, port)| port.store(server.port().into(), Ordering::SeqCst));
    let place = Place::new();
    let list = (0..50).map(|number| servers[number % 2].url(&format!("/hop/hop/hop/{number}\n"))).collect::<String>();
    place.write("list", list);
    place.fetch(&["-q", "-i", "list", "--per-host", "1", "-P", "d"]).succeeded();
    assert_eq!(fs::read_dir(place.path("d")).expect("made").count(), 50);
}

#[test]
fn requests_to_one_host_keep_their_distance_and_other_hosts_do_not_wait() {
    let times = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let server = Server::start(move |request| {
        seen.lock().expect("a lock").push(Instant::now());
        honest(request)
    })
    .expect("started");
    let (other, place) = (Server::start(honest).expect("started"), Place::new());
    place.write("list", ["/1\n", "/2\n", "/3\n"].map(|path| server.url(path)).concat() + &other.url("/4\n"));
    place.fetch(&["-q", "-i", "list", "--wait", "1"]).succeeded();
    let times = times.lock().expect("a lock");
    // The server may see the first one late.
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(600)), "{times:?}");
    assert_eq!((times.len(), other.requests().len()), (3, 1));
}

#[test]
fn nothing_waits_for_a_url_that_needs_no_request() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    for name in ["1", "2", "3"] {
        place.write(name, "there");
    }
    place.write("list", ["/1\n", "/2\n", "/3\n"].map(|path| server.url(path)).concat());
    let started = Instant::now();
    place.fetch(&["-q", "-i", "list", "--wait", "30", "--skip-existing"]).succeeded();
    assert!(started.elapsed() < Duration::from_secs(30) && server.requests().is_empty());
}

#[test]
fn redirects_to_a_slow_host_hold_up_no_other() {
    let stalled = Server::start(|_| vec![Step::Pause(Duration::from_secs(60))]).expect("started");
    let fast = Server::start(honest).expect("started");
    let targets = [stalled.url(""), fast.url("")];
    let first = Server::start(move |request| {
        let number: usize = request.path()[1..].parse().expect("a number");
        reply("302 Found", &format!("Location: {}/{number}", targets[usize::from(number >= 6)]), "")
    })
    .expect("started");
    let place = Place::new();
    place.write("list", (0..12).map(|number| first.url(&format!("/{number}\n"))).collect::<String>());
    let mut child = place.command(&["-q", "-i", "list"]).spawn().expect("started");
    wait_until("the other host's are saved", || (6..12).all(|number| place.path(&number.to_string()).exists()));
    child.kill().and_then(|()| child.wait()).expect("ended");
}

#[test]
fn redirects_to_a_dead_host_leave_workers_for_another() {
    let stalled = Server::start(|_| vec![Step::Pause(Duration::from_secs(60))]).expect("started");
    let (target, good) = (stalled.url("/"), Server::start(honest).expect("started"));
    let first = Server::start(move |_| reply("302 Found", &format!("Location: {target}"), "")).expect("started");
    let place = Place::new();
    let urls = |server: &Server| (0..20).map(|number| server.url(&format!("/{number}\n"))).collect::<String>();
    place.write("list", urls(&first) + &urls(&good));
    let mut child = place.command(&["-q", "-i", "list", "-j", "4", "--per-host", "6"]).spawn().expect("started");
    wait_until("the other host's are saved", || (0..20).all(|number| place.path(&number.to_string()).exists()));
    child.kill().and_then(|()| child.wait()).expect("ended");
}

#[test]
fn a_line_without_an_end_holds_up_no_signal() {
    let place = Place::new();
    let mut child = place.command(&["-q", "-i", "/dev/zero"]).spawn().expect("started");
    let catches = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        status.lines().any(|line| line.starts_with("SigCgt:") && !line.ends_with("0000000000000000"))
    };
    if fs::metadata("/proc/self/status").is_ok() {
        wait_until("it catches signals", catches);
    }
    signal(&child, Signal::SIGINT);
    wait_until("it ends", || child.try_wait().expect("known").is_some());
}

#[test]
fn one_list_is_read() {
    let run = Place::new().fetch(&["-i", "a", "-i", "b"]);
    assert!(run.status == 2 && run.stderr.contains("-i is given twice"), "{run:?}");
}

#[test]
fn another_try_is_made_in_time_while_every_worker_waits() {
    let count = AtomicUsize::new(0);
    // The first answer comes when the second URL's request is there already.
    let second = Server::start(move |request| match (request.path(), count.fetch_add(1, Ordering::SeqCst)) {
        ("/1", 0) => vec![Step::Pause(Duration::from_millis(300)), Step::Send(head("503 Busy", "Content-Length: 0"))],
        ("/1", _) => honest(request),
        _ => vec![Step::Pause(Duration::from_secs(60))],
    })
    .expect("started");
    let target = second.url("");
    let first = Server::start(move |request| reply("302 Found", &format!("Location: {target}{}", request.path()), ""));
    let (first, place) = (first.expect("started"), Place::new());
    place.write("list", ["/1\n", "/2\n"].map(|path| first.url(path)).concat());
    let mut child = place.command(&["-q", "-i", "list", "--per-host", "1", "--retry", "1"]).spawn().expect("started");
    wait_until("it is tried again", || first.requests().iter().filter(|request| request.path() == "/1").count() == 2);
    child.kill().and_then(|()| child.wait()).expect("ended");
}

#[test]
fn half_a_line_holds_up_neither_urls_nor_signals() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    let mut child = place.command(&["-q", "-i", "-"]).stdin(Stdio::piped()).spawn().expect("started");
    let mut urls = child.stdin.take().expect("piped");
    write!(urls, "{}\nhttp://half", server.url("/a")).expect("written");
    wait_until("the first is saved", || place.path("a").exists());
    signal(&child, Signal::SIGINT);
    wait_until("it ends", || child.try_wait().expect("known").is_some());
}

#[test]
fn a_connection_that_was_closed_while_idle_is_no_failure() {
    // The server says nothing of closing, and closes each connection after its second response.
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let mut script = honest(request);
        if count.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            script.push(Step::Close);
        }
        script
    })
    .expect("started");
    let place = Place::new();
    place.write("list", (0..40).map(|number| server.url(&format!("/{number}\n"))).collect::<String>());
    place.fetch(&["-q", "-i", "list", "-P", "d"]).succeeded();
    assert_eq!(fs::read_dir(place.path("d")).expect("made").count(), 40);
}

#[test]
fn the_rate_is_one_for_all() {
    let server = Server::start(|_| reply("200 OK", "", vec![b'x'; 50_000])).expect("started");
    let place = Place::new();
    place.write("list", (0..4).map(|number| server.url(&format!("/{number}\n"))).collect::<String>());
    let started = Instant::now();
    place.fetch(&["-q", "-i", "list", "--limit-rate", "200000"]).succeeded();
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
}

#[test]
fn the_same_list_again_does_only_what_is_missing() {
    if no_attributes() {
        return;
    }
    // All have the same derived name.
    for option in ["--skip-existing", "-c"] {
        let tagged = |request: &Request| ranged(request, "ETag: \"v1\"", body_of(request.path()));
        let (server, place) = (Server::start(tagged).expect("started"), Place::new());
        place.write("list", (0..20).map(|number| server.url(&format!("/{number}/x.bin\n"))).collect::<String>());
        place.fetch(&["-q", "-i", "list", "-P", "d"]).succeeded();
        fs::remove_file(place.path("d/x-7.bin")).expect("removed");
        fs::remove_file(place.path("d/x.bin")).expect("removed");
        for _ in 0..2 {
            place.fetch(&["-q", "-i", "list", "-P", "d", option]).succeeded();
            let files =
                fs::read_dir(place.path("d")).expect("made").map(|entry| fs::read(entry.expect("read").path()).expect("read"));
            let mut bodies: Vec<Vec<u8>> = files.collect();
            bodies.sort();
            bodies.dedup();
            assert_eq!((bodies.len(), fs::read_dir(place.path("d")).expect("made").count()), (20, 20), "{option}");
        }
    }
}

/// Parts of a list that end in each way there is.
fn mixed() -> Server {
    Server::start(|request| {
        let path = request.path();
        match path.rsplit('/').next().unwrap_or_default().parse::<u32>().unwrap_or(0) % 10 {
            1 => cut(&honest(request), 100),
            2 => vec![Step::Send(head("200 OK", "Transfer-Encoding: chunked")), Step::send("5\r\nhello\r\nzz\r\n"), Step::Close],
            3 => reply("404 Not Found", "", "no"),
            4 => reply("302 Found", "Location: ../ok/0", ""),
            5 => vec![Step::send("SSH-2.0-OpenSSH\r\n"), Step::Close],
            6 => ranged(request, "ETag: \"v1\"", body_of(path)),
            _ => honest(request),
        }
    })
    .expect("started")
}

#[test]
fn each_url_is_as_true_as_one_alone() {
    let (server, closed) = (mixed(), Closed::bind().expect("bound"));
    let place = Place::new();
    let dead = format!("http://127.0.0.1:{}/d\td/dead\n", closed.port());
    place.write("list", (0..200).map(|number| server.url(&format!("/{number}\td/{number}\n"))).collect::<String>() + &dead);
    let run = place.fetch(&["--json", "-q", "-i", "list"]);
    let lines = by_id(&run);
    assert_eq!((run.status, lines.len()), (4, 201), "{}", run.stderr);
    for (id, line) in &lines {
        let (number, exit) = (id - 1, line["exit"].as_u64());
        let wanted = if *id == 201 { 4 } else { [0, 4, 7, 8, 0, 7, 0, 0, 0, 0][usize::try_from(number % 10).expect("small")] };
        assert_eq!(exit, Some(wanted), "{line}");
        let path = place.path(&format!("d/{number}"));
        let body = if number % 10 == 4 { body_of("/ok/0") } else { body_of(&format!("/{number}")) };
        assert_eq!(fs::read(path).ok(), (wanted == 0).then_some(body), "{line}");
    }
    assert_eq!(fs::read_dir(place.path("d")).expect("made").count(), 120, "nothing else is there");
}

/// A list of 300 URLs, each answered after a moment, half of them in two pieces.
fn unhurried() -> Server {
    Server::start(|request| {
        let Some(Step::Send(bytes)) = ranged(request, "ETag: \"v1\"", body_of(request.path())).pop() else { return Vec::new() };
        let (first, second) = bytes.split_at(bytes.len() / 2);
        vec![Step::send(first), Step::Pause(Duration::from_millis(10)), Step::send(second)]
    })
    .expect("started")
}

fn hundreds(server: &Server) -> String {
    (0..300).map(|number| server.url(&format!("/{number}\n"))).collect()
}

#[test]
fn a_run_that_is_killed_and_run_again_ends_with_each_url_once() {
    let (server, place) = (unhurried(), Place::new());
    let mut missing: Vec<(usize, String)> = hundreds(&server).lines().map(str::to_owned).enumerate().collect();
    for round in 0.. {
        let list: String = missing.iter().map(|(number, url)| format!("{url}\td/{number}\n")).collect();
        place.write("list", list);
        let mut command = place.command(&["--json", "-q", "-c", "-i", "list"]);
        let mut child = command.stdout(fs::File::create(place.path("lines")).expect("made")).spawn().expect("started");
        if round < 4 {
            thread::sleep(Duration::from_millis(60 + 50 * round));
            // The first time in order, then not.
            signal(&child, if round == 0 { Signal::SIGINT } else { Signal::SIGKILL });
        }
        child.wait().expect("ended");
        let text = place.read("lines");
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).expect("a whole line"));
        let done: Vec<usize> =
            lines.filter(|line| line["exit"] == 0).map(|line| line["id"].as_u64().expect("an id") as usize).collect();
        missing =
            missing.into_iter().enumerate().filter(|(index, _)| !done.contains(&(index + 1))).map(|(_, entry)| entry).collect();
        if missing.is_empty() {
            assert!(round >= 1, "it was killed at least once");
            break;
        }
    }
    let mut names: Vec<String> = fs::read_dir(place.path("d"))
        .expect("made")
        .map(|entry| entry.expect("read").file_name().into_string().expect("text"))
        .collect();
    names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
    assert_eq!(names, (0..300).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(names.iter().all(|name| place.bytes(&format!("d/{name}")) == body_of(&format!("/{name}"))));
}

#[test]
fn a_signal_ends_a_list_in_order() {
    let server = Server::start(|request| {
        let number: u32 = request.path()[1..].parse().unwrap_or(0);
        if number < 10 {
            return honest(request);
        }
        let mut script = cut(&ranged(request, "ETag: \"v1\"", vec![b'x'; 200_000]), 120_000);
        script.pop();
        script.push(Step::Pause(Duration::from_secs(60)));
        script
    })
    .expect("started");
    let place = Place::new();
    // Few enough that all are read before the first is begun.
    place.write("list", (0..200).map(|number| server.url(&format!("/{number}\td/{number}\n"))).collect::<String>());
    let mut command = place.command(&["--json", "-i", "list"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let is_kept = |number: u32| fs::metadata(place.path(&format!("d/{number}.part"))).is_ok_and(|part| part.len() == 120_000);
    wait_until("six are on their way", || (10..16).all(is_kept));
    signal(&child, Signal::SIGINT);
    let output = child.wait_with_output().expect("ended");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (saved, interrupted): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line["exit"] == 0);
    assert_eq!((saved.len(), interrupted.len()), (10, 6), "{text}");
    assert!(interrupted.iter().all(|line| line["error"]["message"].as_str().is_some_and(|text| text.ends_with("interrupted"))));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("10 of 200 URLs done, 6 failed, 184 not begun, "), "{stderr}");
    let parts = (10..16).flat_map(|number| [format!("{number}.part"), format!("{number}.part.info")]);
    let mut wanted: Vec<String> = (0..10).map(|number: u32| number.to_string()).chain(parts).collect();
    wanted.sort();
    let entries = fs::read_dir(place.path("d")).expect("made");
    let mut names: Vec<String> = entries.map(|entry| entry.expect("read").file_name().into_string().expect("text")).collect();
    names.sort();
    assert_eq!(names, wanted);
}

#[test]
fn each_header_section_is_whole_and_has_its_url_above_it() {
    let (server, place) = (Server::start(|_| reply("200 OK", "X: y", "hello")).expect("started"), Place::new());
    place.write("list", (0..20).map(|number| server.url(&format!("/{number}\n"))).collect::<String>());
    let run = place.fetch(&["-i", "list", "-P", "d"]);
    let text = String::from_utf8(run.stdout).expect("text");
    let mut sections: Vec<&str> = text.split_terminator("\r\n\r\n").collect();
    sections.sort_unstable();
    let mut wanted: Vec<String> = (0..20)
        .map(|number| format!("{}\nHTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5", server.url(&format!("/{number}"))))
        .collect();
    wanted.sort_unstable();
    assert_eq!(sections, wanted);
}

#[test]
fn progress_is_that_of_the_whole_list_and_failures_are_listed_at_its_end() {
    let (server, place) = (
        Server::start(|request| match request.path() {
            "/bad" => reply("404 Not Found", "", ""),
            _ => {
                thread::sleep(Duration::from_millis(400));
                honest(request)
            }
        })
        .expect("started"),
        Place::new(),
    );
    place.write("list", ["/bad\n", "/1\n", "/2\n", "/3\n"].map(|path| server.url(path)).concat());
    let command = "\"$FETCH\" --json --per-host 1 -i list 2>&1 >/dev/null";
    let Some(terminal) = on_terminal(&place, 100, command) else { return };
    let run = crate::harness::finish(terminal);
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(text.contains(" of 4 done, 1 failed, ") && text.contains(": 127.0.0.1"), "{text:?}");
    let totals = text.rfind("3 of 4 URLs done, 1 failed, ").expect("totals");
    assert!(text[totals..].contains(&format!("\r\n  {}: the server answered 404 Not Found\r\n", server.url("/bad"))), "{text:?}");
}

#[test]
fn more_jobs_than_files_may_be_open_are_fewer_jobs() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    place.write("list", (0..60).map(|i| server.url(&format!("/{i}\n"))).collect::<String>());
    let script = "ulimit -n 56; exec \"$FETCH\" -i list -j 100 --per-host 100 -P d";
    let run = finish(shell(&place, script));
    assert_eq!(run.status, 0);
    assert!(run.stderr.contains("at most 4 requests at once: the limit of open files is 56"), "{run:?}");
    assert_eq!(fs::read_dir(place.path("d")).expect("there").count(), 60);
}

#[test]
fn transfers_that_wait_for_another_try_leave_files_for_the_others() {
    let tries = std::sync::Mutex::new(std::collections::HashMap::new());
    // Each body breaks off twice.
    let server = Server::start(move |request| {
        let whole = ranged(request, "ETag: \"1\"", request.path().repeat(50_000));
        let mut tries = tries.lock().expect("a lock");
        let tries = tries.entry(request.path().to_owned()).or_insert(0);
        *tries += 1;
        if *tries <= 2 { cut(&whole, 40_000) } else { whole }
    });
    let (server, place) = (server.expect("started"), Place::new());
    // So many hosts that not every body can keep its part file open.
    let hosts = (1..=60).map(|host| format!("http://h{host}.localhost:{}/{host}\n", server.port()));
    place.write("list", hosts.collect::<String>());
    let run = finish(shell(&place, "ulimit -n 56; exec \"$FETCH\" --json -i list -P d --retry 2"));
    assert_eq!(run.status, 0, "{run:?}");
    assert!((1..=60).all(|host| place.read(&format!("d/{host}")) == format!("/{host}").repeat(50_000)));
    assert_eq!(fs::read_dir(place.path("d")).expect("there").count(), 60);
    let sha256 = |line: &Value| line["sha256"].as_str().map(str::to_owned);
    assert_eq!(by_id(&run).values().filter_map(sha256).collect::<std::collections::BTreeSet<_>>().len(), 60);
}

#[test]
fn the_time_limit_holds_while_a_redirect_waits_for_a_busy_host() {
    let busy = Server::start(|_| vec![Step::Pause(Duration::from_secs(60))]).expect("started");
    let target = busy.url("/waits");
    let first = Server::start(move |_| {
        let redirect = reply("302 Found", &format!("Location: {target}"), "");
        [vec![Step::Pause(Duration::from_millis(2500))], redirect].concat()
    });
    let (first, place) = (first.expect("started"), Place::new());
    let arguments = ["-q", "--json", "-i", "-", "--per-host", "1", "-m", "4"];
    let mut child = place.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    let mut urls = child.stdin.take().expect("piped");
    writeln!(urls, "{}", first.url("/")).expect("written");
    // This one has the permit, and has it for two seconds longer than the first one has time.
    thread::sleep(Duration::from_secs(2));
    write!(urls, "{}", busy.url("/")).expect("written");
    drop(urls);
    let output = child.wait_with_output().expect("ended");
    let run = Run { status: 4, stdout: output.stdout, stderr: String::new() };
    let total = by_id(&run)[&1]["timings"]["total"].as_f64().expect("seconds");
    assert!((3.5..5.0).contains(&total), "{total} seconds");
}

#[test]
fn a_named_file_and_a_derived_name_are_two_files() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    place.write("list", server.url("/x\n") + &server.url("/y\tx\n"));
    place.fetch(&["-q", "-j", "1", "-i", "list"]).succeeded();
    assert_eq!((place.bytes("x"), place.bytes("x-1")), (body_of("/y"), body_of("/x")));
    // From a pipe, the second line comes when the first is saved.
    let place = Place::new();
    let mut child = place.command(&["-q", "-i", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut urls = child.stdin.take().expect("piped");
    writeln!(urls, "{}", server.url("/x")).expect("written");
    wait_until("the first is saved", || place.path("x").exists());
    writeln!(urls, "{}", server.url("/x?again")).expect("written");
    wait_until("the second is saved", || place.path("x-1").exists());
    write!(urls, "{}", server.url("/y\tx\n")).expect("written");
    drop(urls);
    let output = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("x has been saved in this run already"), "{stderr}");
    assert_eq!(place.bytes("x"), body_of("/x"));
}

#[test]
fn what_a_list_names_is_not_replaced_under_a_derived_name() {
    if no_attributes() {
        return;
    }
    static VERSION: AtomicUsize = AtomicUsize::new(0);
    let versioned = |request: &Request| {
        let version = VERSION.load(Ordering::SeqCst);
        reply("200 OK", &format!("ETag: \"{version}\""), format!("{} {version}", request.path()))
    };
    for option in ["-N", "-c"] {
        let (server, place) = (Server::start(versioned).expect("started"), Place::new());
        place.fetch(&["-q", &server.url("/a")]).succeeded();
        VERSION.fetch_add(1, Ordering::SeqCst);
        place.write("list", server.url("/a\n") + &server.url("/x\ta\n"));
        place.fetch(&["-q", option, "-i", "list"]).succeeded();
        assert!(place.read("a").starts_with("/x") && place.read("a-1").starts_with("/a"), "{}", place.listing());
        // The same URL twice.
        place.write("list", server.url("/b\n"));
        place.fetch(&["-q", option, "-i", "list"]).succeeded();
        VERSION.fetch_add(1, Ordering::SeqCst);
        place.write("list", server.url("/b\n").repeat(16));
        place.fetch(&["-q", option, "-i", "list"]).succeeded();
    }
}

#[test]
fn a_line_may_name_a_file_that_another_run_saved() {
    if no_attributes() {
        return;
    }
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    place.fetch(&["-q", &server.url("/1/a")]).succeeded();
    let mut child = place.command(&["-q", "-N", "-i", "-"]).stdin(Stdio::piped()).spawn().expect("started");
    let mut urls = child.stdin.take().expect("piped");
    writeln!(urls, "{}", server.url("/2/a")).expect("written");
    wait_until("it has a name of its own", || place.path("a-1").exists());
    write!(urls, "{}", server.url("/3\ta\n")).expect("written");
    drop(urls);
    assert!(child.wait().expect("ended").success());
    assert_eq!((place.bytes("a"), place.bytes("a-1")), (body_of("/3"), body_of("/2/a")));
}

#[test]
fn a_replacement_that_was_interrupted_is_resumed_as_one() {
    if no_attributes() {
        return;
    }
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request| match TURN.load(Ordering::SeqCst) {
        0 => ranged(request, "ETag: \"1\"", "1".repeat(200_000)),
        1 => cut(&ranged(request, "ETag: \"2\"", "2".repeat(200_000)), 100_000),
        _ => ranged(request, "ETag: \"2\"", "2".repeat(200_000)),
    });
    let (server, place) = (server.expect("started"), Place::new());
    for (turn, status) in [(0, 0), (1, 4), (2, 0), (2, 0)] {
        TURN.store(turn, Ordering::SeqCst);
        assert_eq!(place.fetch(&["-q", "-c", &server.url("/a")]).status, status);
    }
    assert!(place.listing() == "a" && place.read("a").starts_with('2'), "{}", place.listing());
}

#[test]
fn a_directory_that_is_gone_is_an_error() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    let script = format!("mkdir gone && cd gone && rmdir ../gone && exec \"$FETCH\" -q -c {}", server.url("/x"));
    finish(shell(&place, &script)).failed(3, &server.url("/x"), "cannot write");
}

#[test]
fn a_list_ends_where_nobody_reads_its_json_lines() {
    let (server, place) = (Server::start(honest).expect("started"), Place::new());
    let mut command = place.command(&["-q", "--json", "-j", "1", "-i", "-", "-P", "d"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("started");
    let mut urls = child.stdin.take().expect("piped");
    writeln!(urls, "{}", server.url("/first")).expect("written");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    lines.read_line(&mut String::new()).expect("a line");
    drop(lines);
    let more: String = (0..50).map(|i| server.url(&format!("/{i}\n"))).collect();
    urls.write_all(more.as_bytes()).expect("written");
    drop(urls);
    let output = child.wait_with_output().expect("ended");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(3), ""));
    assert!(server.requests().len() < 10, "{} requests", server.requests().len());
}

#[test]
fn what_comes_behind_a_response_is_not_the_next_ones() {
    // The response fills the buffer to its last byte: what follows is in the kernel still.
    let server = Server::start(|request| match request.path() {
        "/1" => {
            let head = head("200 OK", "Content-Length: 16000");
            let body = vec![b'x'; 16 * 1024 - head.len()];
            let head = String::from_utf8(head).expect("text").replace("16000", &body.len().to_string());
            assert_eq!(head.len() + body.len(), 16 * 1024);
            vec![Step::Send([head.as_bytes(), &body, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse"].concat())]
        }
        _ => honest(request),
    })
    .expect("started");
    for _ in 0..10 {
        let place = Place::new();
        place.fetch(&["-q", &server.url("/1"), &server.url("/2")]).succeeded();
        assert_eq!(place.read("2").into_bytes(), body_of("/2"));
    }
}

#[test]
fn what_is_not_http_on_a_reused_connection_costs_a_new_one() {
    // As servers do that send a body after HEAD's response.
    let server = Server::start(|_| reply("200 OK", "", "not asked for")).expect("started");
    for _ in 0..10 {
        Place::new().fetch(&["-q", "-I", &server.url("/1"), &server.url("/2"), &server.url("/3")]).succeeded();
    }
    let closing = Server::start(|request| match request.path() {
        "/1" => honest(request),
        _ => reply("408 Request Timeout", "Connection: close", ""),
    });
    let closing = closing.expect("started");
    Place::new().fetch(&["-q", &closing.url("/1"), &closing.url("/2")]).failed(8, &closing.url("/2"), "408");
    assert_eq!(closing.requests().len(), 3, "the answer on a new connection counts");
}

#[test]
fn error_bodies_are_saved_where_they_are_wanted() {
    let (server, place) = (Server::start(|_| reply("404 Not Found", "", "none")).expect("started"), Place::new());
    let run = place.fetch(&["-q", "--include-error-body", &server.url("/a"), &server.url("/b")]);
    assert_eq!((run.status, place.read("a").as_str(), place.read("b").as_str()), (8, "none", "none"));
}

#[test]
fn no_password_of_a_line_that_is_no_url_is_shown() {
    let place = Place::new();
    place.write("list", "http://me:sesame@[\nme:sesame@h:99999/\nftp://me:sesame@h/\n");
    let run = place.fetch(&["--json", "-i", "list"]);
    let shown = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
    assert!(run.status == 2 && json_lines(&run).len() == 3 && !shown.contains("sesame"), "{shown}");
}

#[test]
fn a_password_that_a_list_needs_is_asked_for() {
    let place = Place::new();
    place.write("list", "http://127.0.0.1:9/\n");
    // There is no terminal to ask on.
    let run = finish(shell(&place, "exec setsid -w \"$FETCH\" -u me -i list"));
    assert!(run.status == 2 && run.stderr.contains("-u without a password"), "{run:?}");
}

#[test]
fn a_body_is_not_saved_over_what_else_the_run_writes() {
    let named = |request: &Request| reply("200 OK", "Content-Disposition: attachment; filename=jar", request.path());
    let (server, place) = (Server::start(named).expect("started"), Place::new());
    place.fetch(&["-q", &server.url("/a"), "--cookie-jar", "jar", "--warc", "x"]).succeeded();
    assert_eq!((place.read("jar-1").as_str(), place.read("jar").contains("Cookie File")), ("/a", true));
    for file in ["jar", "./x", "x.part"] {
        let run = place.fetch(&["-q", &server.url("/a"), "-o", file, "--cookie-jar", "jar", "--warc", "x"]);
        run.failed(3, &server.url("/a"), "--warc or --cookie-jar is written there");
    }
    place.write("list", server.url("/a\ty\n") + &server.url("/b\tz/../y.part\n"));
    place.fetch(&["-q", "-i", "list"]).failed(2, "list", "lines 1 and 2 name a file and its part file");
}

#[test]
fn a_numbered_part_becomes_a_file_of_its_own_number() {
    if no_attributes() {
        return;
    }
    static CUTS: AtomicBool = AtomicBool::new(true);
    let server = Server::start(|request| {
        let whole = ranged(request, "ETag: \"1\"", "x".repeat(200_000));
        if CUTS.load(Ordering::SeqCst) { cut(&whole, 100_000) } else { whole }
    });
    let (server, place) = (server.expect("started"), Place::new());
    let urls = ["/1/same", "/2/same"].map(|path| server.url(path));
    place.fetch(&["-q", &urls[0], &urls[1]]);
    assert_eq!(place.listing(), "same-1.part same-1.part.info same.part same.part.info");
    CUTS.store(false, Ordering::SeqCst);
    place.write("same", "another");
    place.fetch(&["-q", "-c", &urls[0], &urls[1]]).succeeded();
    assert_eq!(place.listing(), "same same-1 same-2");
    place.fetch(&["-q", "-c", "--skip-existing", &urls[0], &urls[1]]).succeeded();
    assert_eq!(place.listing(), "same same-1 same-2");
}

#[test]
fn a_reader_that_does_not_read_a_body_holds_up_no_signal() {
    let large = |_: &Request| reply("200 OK", "", vec![b'x'; 1 << 20]);
    let (server, place) = (Server::start(large).expect("started"), Place::new());
    let mut command = place.command(&["-q", &server.url("/1"), "-o", "-", "--wait", "1", "--cookie-jar", "jar"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let mut bodies = child.stdout.take().expect("piped");
    bodies.read_exact(&mut [0]).expect("begun");
    signal(&child, Signal::SIGINT);
    wait_until("it ends", || child.try_wait().expect("known").is_some());
}

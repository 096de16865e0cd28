//! Very many URLs, and very many kills.

use crate::harness::{Place, signal};
use fixtures::{Server, many, ranged};
use nix::sys::signal::Signal;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn body(path: &str) -> Vec<u8> {
    path.bytes().cycle().take(200).collect()
}

/// Memory in use, in KiB, and open descriptors.
fn in_use(child: &Child) -> (u64, usize) {
    let process = Path::new("/proc").join(child.id().to_string());
    let status = fs::read_to_string(process.join("status")).expect("it runs");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    (memory.expect("a figure"), fs::read_dir(process.join("fd")).expect("it runs").count())
}

fn lines(path: &Path) -> usize {
    fs::read(path).map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
}

#[test]
#[ignore = "takes minutes, and a million inodes"]
fn a_million_urls_take_no_more_memory_than_a_hundred_thousand() {
    const COUNT: usize = 1_000_000;
    let port = many::serve(Duration::ZERO, body).expect("started");
    let place = Place::new();
    let started = Instant::now();
    let report = fs::File::create(place.path("report")).expect("created");
    let mut command = place.command(&["-q", "--json", "-j", "16", "--per-host", "16", "-i", "-", "-P", "d"]);
    let mut child = command.stdin(Stdio::piped()).stdout(report).spawn().expect("started");
    let mut input = std::io::BufWriter::new(child.stdin.take().expect("piped"));
    let mut measured = Vec::new();
    for number in 0..COUNT {
        writeln!(input, "http://127.0.0.1:{port}/{number}").expect("it reads");
        // What it reads ahead is bounded: most of what was written is done.
        if (number + 1) % (COUNT / 10) == 0 {
            measured.push(in_use(&child));
        }
    }
    drop(input);
    assert!(child.wait().expect("it ends").success());
    let took = started.elapsed().as_secs_f64();
    println!("{COUNT} URLs in {took:.0} s, {:.0} a second; KiB and descriptors at each tenth: {measured:?}", COUNT as f64 / took);
    let ((early, descriptors), (late, open)) = (measured[0], measured[9]);
    assert!(late < early + 4096, "{early} KiB became {late}");
    assert!(open <= descriptors + 4, "{descriptors} descriptors became {open}");
    assert_eq!(lines(&place.path("report")), COUNT);
    for number in 0..COUNT {
        let saved = fs::read(place.path("d").join(number.to_string()));
        assert!(saved.is_ok_and(|saved| saved == body(&format!("/{number}"))), "{number}");
    }
    assert_eq!(fs::read_dir(place.path("d")).expect("readable").count(), COUNT);
}

/// Files of very different sizes.
fn sized(path: &str) -> Vec<u8> {
    let number: usize = path.trim_start_matches('/').parse().unwrap_or_default();
    let length = if number.is_multiple_of(100) { 300_000 } else { 1 + number % 2000 };
    path.bytes().cycle().take(length).collect()
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_kills_lose_nothing() {
    const KILLS: usize = 1000;
    const COUNT: usize = 10_000;
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let server = Server::start(|request| ranged(request, &format!("ETag: \"{}\"", request.path()), sized(request.path())));
    let server = server.expect("started");
    let place = Place::new();
    let list: String = (0..COUNT).map(|number| server.url(&format!("/{number}\n"))).collect();
    place.write("list", list);
    let command = || {
        let mut command = place.command(&["-q", "-c", "-i", "list", "-P", "d"]);
        command.stderr(Stdio::null());
        command
    };
    let (mut kills, mut lists, mut interrupted) = (0, 0, 0);
    while kills < KILLS {
        let mut child = command().spawn().expect("started");
        let until = Instant::now() + Duration::from_micros(rng.u64(0..400_000));
        let mut ended = None;
        while ended.is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_micros(500));
            ended = child.try_wait().expect("known");
        }
        if let Some(status) = ended {
            assert!(status.success(), "{status}");
            check(&place, COUNT);
            fs::remove_dir_all(place.path("d")).expect("removed");
            lists += 1;
            continue;
        }
        signal(&child, Signal::SIGKILL);
        child.wait().expect("it ends");
        kills += 1;
        interrupted += usize::from(check_finished(&place));
    }
    assert!(command().status().expect("started").success());
    check(&place, COUNT);
    assert!(interrupted > 0, "no kill hit a transfer");
    println!("{kills} kills, {} lists of {COUNT} complete; after {interrupted} of the kills there was a part file", lists + 1);
}

/// Every file that has its name is whole; whether there is a part beside them.
#[track_caller]
fn check_finished(place: &Place) -> bool {
    let mut has_part = false;
    for entry in fs::read_dir(place.path("d")).into_iter().flatten() {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        has_part |= name.ends_with(".part");
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let length = fs::metadata(place.path("d").join(&name)).expect("there").len();
            assert_eq!(length, sized(&format!("/{name}")).len() as u64, "{name}");
        }
    }
    has_part
}

/// All files are there, each is right, and nothing else is there.
#[track_caller]
fn check(place: &Place, count: usize) {
    for number in 0..count {
        let saved = fs::read(place.path("d").join(number.to_string())).expect("saved");
        assert!(saved == sized(&format!("/{number}")), "{number}");
    }
    assert_eq!(fs::read_dir(place.path("d")).expect("readable").count(), count);
}

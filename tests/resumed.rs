//! Saves that were interrupted: resumed, tried again, or started over.

use crate::harness::{Place, no_attributes, wait_until};
use fixtures::{Request, Script, Server, Step, cut, head, ranged, reply};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const STRONG: &str = "ETag: \"v1\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT";

/// A body that no part of can be mistaken for another.
fn body() -> Vec<u8> {
    (0..50_000_u32).flat_map(u32::to_be_bytes).collect()
}

type Answer = Box<dyn Fn(&Request) -> Script + Send + Sync>;

/// Answers with what the first of these gives to the first request, and so on; the last from then on.
fn in_turn(answers: Vec<Answer>) -> Server {
    let count = AtomicUsize::new(0);
    let answer = move |request: &Request| answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)](request);
    Server::start(answer).expect("started")
}

/// Cuts the first answer off after 120,000 bytes, and answers honestly from then on.
fn cut_once(fields: &'static str) -> Server {
    in_turn(vec![Box::new(move |r| cut(&ranged(r, fields, body()), 120_000)), Box::new(move |r| ranged(r, fields, body()))])
}

fn ranges(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.field("Range").unwrap_or("-".to_owned())).collect()
}

#[test]
fn a_body_that_was_cut_off_is_kept_and_resumed() {
    let (server, place) = (cut_once(STRONG), Place::with_old_file());
    let run = place.fetch(&[&server.url("/"), "-o", "f"]);
    run.failed(4, &server.url("/"), "cut off after 120000 of 200000 bytes");
    assert!(run.stderr.starts_with("kept for -c: f.part (120000 bytes)\n"), "{run:?}");
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f f.part f.part.info"));
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert!(place.bytes("f") == body() && place.listing() == "f");
    assert_eq!(ranges(&server), ["-", "bytes=120000-"]);
    let second = &server.requests()[1];
    assert_eq!(second.field("If-Range").as_deref(), Some("\"v1\""));
    assert_eq!(second.field("Accept-Encoding").as_deref(), Some("identity"));
    let modified = fs::metadata(place.path("f")).and_then(|m| m.modified()).expect("a time");
    assert_eq!(modified, std::time::UNIX_EPOCH + Duration::from_secs(784_111_777));
}

#[test]
fn a_retry_resumes_where_the_last_try_stopped() {
    let (server, place) = (cut_once(STRONG), Place::with_old_file());
    let run = place.fetch(&[&server.url("/"), "-o", "f", "--retry", "1"]);
    assert!(run.status == 0 && run.stderr.contains("trying again in"), "{run:?}");
    assert!(place.bytes("f") == body() && place.listing() == "f");
    assert_eq!(ranges(&server), ["-", "bytes=120000-"]);
}

#[test]
fn standard_output_gets_the_rest_of_what_it_has() {
    let server = cut_once(STRONG);
    let run = Place::new().fetch(&["-q", &server.url("/"), "-o", "-", "--retry", "1"]);
    assert!(run.status == 0 && run.stdout == body());
    // What is out cannot be taken back: without a strong validator there is no second try.
    let server = cut_once("");
    let run = Place::new().fetch(&["-q", &server.url("/"), "-o", "-", "--retry", "1"]);
    run.failed(4, &server.url("/"), "cut off");
    assert_eq!((run.stdout.len(), server.requests().len()), (120_000, 1));
}

#[test]
fn only_a_strong_validator_keeps_a_part() {
    for fields in [
        "",
        "ETag: W/\"v1\"",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT",
        "ETag: \"v1\"\nAccept-Ranges: none",
    ] {
        let (server, place) = (cut_once(fields), Place::with_old_file());
        assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
        assert_eq!(place.listing(), "f", "{fields}");
        place.fetch(&["-q", "-c", &server.url("/"), "-o", "f", "--retry", "1"]).succeeded();
        assert!(place.bytes("f") == body() && place.listing() == "f");
        assert_eq!(server.requests()[1].field("If-Range").filter(|v| v.starts_with('"')), None);
    }
    let dated = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 09:49:37 GMT";
    let (server, place) = (cut_once(dated), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "1"]).succeeded();
    assert_eq!(server.requests()[1].field("If-Range").as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert!(place.bytes("f") == body());
}

#[test]
fn what_cannot_be_resumed_starts_over() {
    let other = || ranged(&Request(Vec::new()), "ETag: \"v2\"", b"another version".repeat(1000));
    let part = |fields: &'static str, bytes: Vec<u8>| move |_: &Request| reply("206 Partial Content", fields, &bytes);
    let rest = || body()[120_000..].to_vec();
    let answers: Vec<(&str, Answer)> = vec![
        ("another version", Box::new(move |_| other())),
        (
            "starts elsewhere",
            Box::new(part("ETag: \"v1\"\nContent-Range: bytes 119999-199999/200000", body()[119_999..].to_vec())),
        ),
        ("another entity tag", Box::new(part("ETag: \"v2\"\nContent-Range: bytes 120000-199999/200000", rest()))),
        ("another length", Box::new(part("ETag: \"v1\"\nContent-Range: bytes 120000-199999/200001", rest()))),
        ("no Content-Range", Box::new(part("ETag: \"v1\"", rest()))),
        ("several parts", Box::new(part("Content-Type: multipart/byteranges; boundary=x", rest()))),
        ("silent of its version", Box::new(part("Content-Range: bytes 120000-199999/200000", rest()))),
        ("coded", Box::new(part("ETag: \"v1\"\nContent-Encoding: gzip\nContent-Range: bytes 120000-199999/200000", rest()))),
        ("more than it says", Box::new(part("ETag: \"v1\"\nContent-Range: bytes 120000-199999/200000", body()))),
        (
            "more than it says, and then cut off",
            Box::new(|_| {
                let fields = "ETag: \"v1\"\nContent-Range: bytes 120000-199999/200000\nTransfer-Encoding: chunked";
                vec![
                    Step::Send(head("206 Partial Content", fields)),
                    Step::send("15f90\r\n"),
                    Step::send([0; 90_000]),
                    Step::Close,
                ]
            }),
        ),
        ("shrunk", Box::new(|_| reply("416 Range Not Satisfiable", "Content-Range: bytes */1000", ""))),
    ];
    for (what, answer) in answers {
        let (server, place) = (
            in_turn(vec![
                Box::new(|r| cut(&ranged(r, STRONG, body()), 120_000)),
                answer,
                Box::new(|r| ranged(r, STRONG, body())),
            ]),
            Place::with_old_file(),
        );
        assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
        place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
        let wanted = if what == "another version" { b"another version".repeat(1000) } else { body() };
        assert!(place.bytes("f") == wanted && place.listing() == "f", "{what}: {}", place.listing());
    }
}

#[test]
fn a_part_of_another_program_is_neither_resumed_nor_removed() {
    let (server, place) = (Server::start(|r| ranged(r, STRONG, body())).expect("started"), Place::with_old_file());
    place.write("f.part", "planted");
    for options in [&["-q"][..], &["-q", "-c"]] {
        let run = place.fetch(&[options, &[&server.url("/"), "-o", "f"]].concat());
        run.failed(3, &server.url("/"), "f.part is in the way");
        assert_eq!((place.read("f").as_str(), place.read("f.part").as_str()), ("old", "planted"));
    }
    fs::remove_file(place.path("f.part")).expect("removed");
    place.write("f.part.info", "planted");
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(3, &server.url("/"), "f.part.info is in the way");
    assert_eq!((place.listing().as_str(), server.requests().len()), ("f f.part.info", 0));
}

#[test]
fn a_part_that_turns_out_to_be_all_is_done() {
    // As if the program had been ended before the last step.
    let server = in_turn(vec![
        Box::new(|r| {
            let Some(Step::Send(bytes)) = ranged(r, STRONG, body()).pop() else { return Vec::new() };
            let text = String::from_utf8_lossy(&bytes[..200]).replace("Content-Length: 200000", "Transfer-Encoding: chunked");
            let head = text.split("\r\n\r\n").next().unwrap_or_default();
            let chunk = [format!("{head}\r\n\r\n{:x}\r\n", 200_000).as_bytes(), &body()].concat();
            vec![Step::Send(chunk), Step::Close]
        }),
        Box::new(|r| ranged(r, STRONG, body())),
    ]);
    let place = Place::with_old_file();
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
    assert_eq!(place.listing(), "f f.part f.part.info");
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert!(place.bytes("f") == body() && place.listing() == "f");
    // A 416 that does not confirm the version says nothing.
    assert_eq!(ranges(&server), ["-", "bytes=200000-", "-"]);
}

#[test]
fn a_file_that_is_complete_is_done() {
    if no_attributes() {
        return;
    }
    let (server, place) = (Server::start(|r| ranged(r, STRONG, body())).expect("started"), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    let before = fs::metadata(place.path("f")).expect("there");
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(server.requests()[1].field("If-None-Match").as_deref(), Some("\"v1\""));
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(place.path("f")).expect("there").ino(), before.ino());
    // One that is not the server's is fetched.
    place.write("f", "cut short by another program");
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert!(place.bytes("f") == body() && place.listing() == "f");
}

#[test]
fn a_derived_name_is_found_again() {
    if no_attributes() {
        return;
    }
    let (server, place) = (cut_once(STRONG), Place::new());
    let url = server.url("/a.bin");
    assert_eq!(place.fetch(&["-q", &url]).status, 4);
    assert_eq!(place.listing(), "a.bin.part a.bin.part.info");
    place.fetch(&["-q", "-c", &url]).succeeded();
    place.fetch(&["-q", "-c", &url]).succeeded();
    assert!(place.bytes("a.bin") == body() && place.listing() == "a.bin");
    assert_eq!(ranges(&server), ["-", "bytes=120000-", "-"]);
    assert_eq!(server.requests()[2].field("If-None-Match").as_deref(), Some("\"v1\""));
}

#[test]
fn a_checksum_covers_what_was_there_before() {
    let (server, place) = (cut_once(STRONG), Place::new());
    let digest = data_encoding::HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, &body()).as_ref());
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f", "--sha256", &digest]).status, 4);
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f", "--sha256", &digest]).succeeded();
    let (server, place) = (cut_once(STRONG), Place::new());
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
    let run = place.fetch(&["-q", "-c", &server.url("/"), "-o", "f", "--sha256", &"0".repeat(64)]);
    run.failed(7, &server.url("/"), &digest);
    assert_eq!(place.listing(), "");
}

#[test]
fn killed_at_any_moment_it_is_finished_by_the_next_run() {
    for delay in [0, 1, 2, 4, 8, 16, 32, 64, 128, 256] {
        let server = Server::start(|request| {
            let Some(Step::Send(bytes)) = ranged(request, STRONG, body()).pop() else { return Vec::new() };
            let pieces = bytes.chunks(4000).flat_map(|piece| [Step::send(piece), Step::Pause(Duration::from_millis(2))]);
            pieces.collect()
        })
        .expect("started");
        let place = Place::with_old_file();
        let url = server.url("/").replace("http://", "http://me:secret@");
        let mut child = place.command(&["-q", &url, "-o", "f", "-H", "Cookie: secret"]).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(delay));
        kill(Pid::from_raw(child.id().try_into().expect("a pid")), Signal::SIGKILL).expect("sent");
        child.wait().expect("ended");
        for file in place.listing().split(' ') {
            let text = place.read(file);
            assert!(!text.contains("secret") && !text.contains("c2VjcmV0"), "{file}");
        }
        assert!(place.read("f") == "old" || place.bytes("f") == body());
        place.fetch(&["-q", "-c", &url, "-o", "f"]).succeeded();
        assert!(place.bytes("f") == body() && place.listing() == "f", "killed after {delay} ms: {}", place.listing());
    }
}

#[test]
fn a_resume_that_was_killed_is_resumed() {
    let server = in_turn(vec![
        Box::new(|r| cut(&ranged(r, STRONG, body()), 120_000)),
        Box::new(|r| {
            let mut rest = cut(&ranged(r, STRONG, body()), 40_000);
            rest.retain(|step| matches!(step, Step::Send(_)));
            rest.push(Step::Pause(Duration::from_secs(60)));
            rest
        }),
        Box::new(|r| ranged(r, STRONG, body())),
    ]);
    let place = Place::new();
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
    let mut child = place.command(&["-q", "-c", &server.url("/"), "-o", "f"]).spawn().expect("started");
    wait_until("the part grows", || fs::metadata(place.path("f.part")).is_ok_and(|metadata| metadata.len() == 160_000));
    child.kill().and_then(|()| child.wait()).expect("ended");
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert!(place.bytes("f") == body() && place.listing() == "f");
    assert_eq!(ranges(&server), ["-", "bytes=120000-", "bytes=160000-"]);
}

#[test]
fn transient_failures_are_tried_again_and_others_are_not() {
    for (status, tries) in [
        ("408 Request Timeout", 3),
        ("429 Too Many Requests", 3),
        ("500 Internal Server Error", 3),
        ("502 Bad Gateway", 3),
        ("503 Service Unavailable", 3),
        ("504 Gateway Timeout", 3),
        ("404 Not Found", 1),
        ("401 Unauthorized", 1),
        ("501 Not Implemented", 1),
    ] {
        let server = Server::start(move |_| reply(status, "", "sorry")).expect("started");
        let place = Place::with_old_file();
        let run = place.fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "2"]);
        assert!(matches!(run.status, 6 | 8), "{run:?}");
        assert_eq!((server.requests().len(), place.read("f").as_str()), (tries, "old"), "{status}");
    }
    for (script, tries) in [
        (vec![Step::Close], 2),
        (vec![Step::Reset], 2),
        (vec![Step::send("HTTP/1.1 200 OK\r\nContent-Le"), Step::Close], 2),
        (vec![Step::send("nonsense\r\n\r\n"), Step::Close], 1),
    ] {
        let server = Server::start(move |_| script.clone()).expect("started");
        let run = Place::with_old_file().fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "1"]);
        assert_eq!(server.requests().len(), tries, "{run:?}");
    }
}

#[test]
fn a_retry_that_succeeds_is_a_success() {
    let server = in_turn(vec![
        Box::new(|_| reply("503 Service Unavailable", "Retry-After: 1", "")),
        Box::new(|_| reply("200 OK", "", "hello")),
    ]);
    let (place, started) = (Place::new(), Instant::now());
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "2"]).succeeded();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!((place.read("f").as_str(), server.requests().len()), ("hello", 2));
}

#[test]
fn one_deadline_is_over_all_tries() {
    for retry_after in ["Retry-After: 30", "Retry-After: 3600", "X: y"] {
        let server = Server::start(move |_| reply("503 Service Unavailable", retry_after, "")).expect("started");
        // Fifty tries would take an hour.
        let run = Place::new().fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "50", "-m", "2"]);
        // The last may be under way when the time is over.
        assert!(matches!((run.status, run.stderr.contains("503")), (8, true) | (4, _)), "{run:?}");
        assert!(server.requests().len() < 5, "{retry_after}");
    }
}

#[test]
fn nothing_is_removed_that_is_not_ours() {
    let (server, place) = (Server::start(|r| ranged(r, STRONG, body())).expect("started"), Place::new());
    for name in ["engine.part", "engine.part.info", "notes.part.info", "a.bin.part"] {
        place.write(name, "precious");
    }
    place.fetch(&["-q", "-c", &server.url("/a.bin")]).succeeded();
    assert_eq!(place.listing(), "a.bin a.bin.part engine.part engine.part.info notes.part.info");
    assert!(place.read("a.bin.part") == "precious" && place.bytes("a.bin") == body());
}

#[test]
fn a_failure_that_says_nothing_of_the_part_leaves_it() {
    for script in [
        reply("302 Found", "Location: ftp://portal.test/", ""),
        reply("404 Not Found", "", ""),
        vec![Step::send("nonsense\r\n\r\n"), Step::Close],
    ] {
        let server = in_turn(vec![
            Box::new(|r| cut(&ranged(r, STRONG, body()), 120_000)),
            Box::new(move |_| script.clone()),
            Box::new(|r| ranged(r, STRONG, body())),
        ]);
        let place = Place::new();
        for status in [4, 7] {
            let run = place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]);
            assert!(run.status == status || run.status == 8, "{run:?}");
            assert_eq!(place.listing(), "f.part f.part.info");
        }
        place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
        assert!(place.bytes("f") == body() && ranges(&server)[2] == "bytes=120000-");
    }
}

#[test]
fn a_rest_that_is_far_too_long_is_refused_before_it_comes() {
    let server = in_turn(vec![
        Box::new(|r| cut(&ranged(r, STRONG, body()), 120_000)),
        Box::new(|_| {
            let length = "18446744073709551615, 18446744073709551615";
            let fields = format!("ETag: \"v1\"\nContent-Range: bytes 120000-199999/200000\nContent-Length: {length}");
            vec![Step::Send(head("206 Partial Content", &fields)), Step::send(vec![0; 2_000_000]), Step::Close]
        }),
        Box::new(|r| ranged(r, STRONG, body())),
    ]);
    let place = Place::new();
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f", "--max-size", "1M"]).succeeded();
    assert!(place.bytes("f") == body());
}

#[test]
fn what_was_killed_under_a_derived_name_leaves_no_litter() {
    let server = in_turn(vec![
        Box::new(|_| {
            vec![Step::Send(head("200 OK", "Content-Length: 9")), Step::send("half"), Step::Pause(Duration::from_secs(60))]
        }),
        Box::new(|_| reply("200 OK", "", "the whole")),
    ]);
    let place = Place::new();
    place.write("x.bin", "another user's");
    let url = server.url("/x.bin");
    let mut child = place.command(&["-q", &url]).spawn().expect("started");
    wait_until("x.bin.part or another grows", || {
        ["x.bin.part", "x-1.bin.part"].iter().any(|name| fs::metadata(place.path(name)).is_ok_and(|metadata| metadata.len() > 0))
    });
    child.kill().and_then(|()| child.wait()).expect("ended");
    place.fetch(&["-q", "-c", &url]).succeeded();
    assert_eq!((place.listing().as_str(), place.read("x-1.bin").as_str()), ("x-1.bin x.bin", "the whole"));
}

#[test]
fn a_part_is_of_one_resource_query_included() {
    // The same entity tag and length, behind a redirect that leads elsewhere the second time.
    static HOPS: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|request| match request.path() {
        "/latest" => {
            let id = HOPS.fetch_add(1, Ordering::SeqCst) + 1;
            reply("302 Found", &format!("Location: /blob?id={}", id.min(2)), "")
        }
        "/blob?id=1" => cut(&ranged(request, STRONG, vec![b'1'; 200_000]), 120_000),
        _ => ranged(request, STRONG, vec![b'2'; 200_000]),
    })
    .expect("started");
    let place = Place::new();
    let run = place.fetch(&[&server.url("/latest"), "-o", "f", "--retry", "1"]);
    assert!(run.status == 0 && run.stderr.contains("started over: "), "{run:?}");
    assert!(place.bytes("f") == vec![b'2'; 200_000], "a file of both");
}

#[test]
fn a_206_has_to_confirm_the_version() {
    const DATED: &str = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 09:49:37 GMT";
    for (fields, silent) in [(STRONG, "X: y"), (DATED, "Date: Sun, 06 Nov 1994 09:49:37 GMT")] {
        let server = in_turn(vec![
            Box::new(move |r| cut(&ranged(r, fields, vec![b'1'; 200_000]), 120_000)),
            Box::new(move |_| {
                let range = format!("{silent}\nContent-Range: bytes 120000-199999/200000");
                reply("206 Partial Content", &range, vec![b'2'; 80_000])
            }),
            Box::new(move |r| ranged(r, "ETag: \"v2\"", vec![b'2'; 200_000])),
        ]);
        let place = Place::new();
        place.fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "1"]).succeeded();
        assert!(place.bytes("f") == vec![b'2'; 200_000], "{fields}");
    }
}

#[test]
fn a_kept_part_that_was_changed_is_neither_resumed_nor_removed() {
    for change in [
        |path: &Path| fs::OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(b"junk")),
        |path: &Path| fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(150_000)),
        |path: &Path| fs::OpenOptions::new().write(true).open(path).and_then(|file| file.write_all_at(b"junk", 100_000)),
    ] {
        let (server, place) = (cut_once(STRONG), Place::with_old_file());
        assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
        change(&place.path("f.part")).expect("changed");
        let before = place.bytes("f.part");
        place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).failed(3, &server.url("/"), "it was modified");
        assert!(place.bytes("f.part") == before && place.read("f") == "old");
    }
}

#[test]
fn what_another_program_wrote_over_a_part_is_not_removed() {
    if no_attributes() {
        return;
    }
    let server = Server::start(|_| {
        vec![Step::send(head("200 OK", "Content-Length: 9")), Step::send("half"), Step::Pause(Duration::from_secs(60))]
    })
    .expect("started");
    let place = Place::new();
    let mut child = place.command(&["-q", &server.url("/"), "-o", "f"]).spawn().expect("started");
    wait_until("f.part has its start", || fs::metadata(place.path("f.part")).is_ok_and(|metadata| metadata.len() == 4));
    // What the mark says of its start comes right behind the bytes.
    std::thread::sleep(Duration::from_millis(300));
    child.kill().and_then(|()| child.wait()).expect("ended");
    place.write("f.part", "precious");
    let honest = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    place.fetch(&["-q", &honest.url("/"), "-o", "f"]).failed(3, &honest.url("/"), "it was modified");
    assert_eq!(place.read("f.part"), "precious");
}

#[test]
fn several_parts_are_not_one() {
    let multipart = || {
        let fields = "ETag: \"v1\"\nContent-Type: multipart/byteranges; boundary=x\nContent-Range: bytes 120000-199999/200000";
        reply("206 Partial Content", fields, vec![b'x'; 80_000])
    };
    let server = in_turn(vec![
        Box::new(|r| cut(&ranged(r, STRONG, body()), 120_000)),
        Box::new(move |_| multipart()),
        Box::new(|r| ranged(r, STRONG, body())),
    ]);
    let place = Place::new();
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--retry", "1"]).succeeded();
    assert!(place.bytes("f") == body());
}

#[test]
fn a_part_that_is_too_large_is_left_as_it_is() {
    let (server, place) = (cut_once(STRONG), Place::new());
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
    let run = place.fetch(&["-q", "-c", "--max-size", "150k", &server.url("/"), "-o", "f"]);
    run.failed(7, &server.url("/"), "larger than 153600 bytes");
    assert_eq!((place.bytes("f.part").len(), server.requests().len()), (120_000, 2));
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert!(place.bytes("f") == body());
}

#[test]
fn starting_over_is_told_once() {
    let (server, place) = (cut_once(STRONG), Place::new());
    assert_eq!(place.fetch(&["-q", &server.url("/"), "-o", "f"]).status, 4);
    let run = place.fetch(&["-c", &server.url("/?other"), "-o", "f"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, "started over: f.part cannot be resumed\nsaved f (200000 bytes)\n"));
    place.write("f", "cut short by another program");
    let run = place.fetch(&["-c", &server.url("/?other"), "-o", "f"]);
    assert_eq!(
        (run.status, run.stderr.as_str()),
        (0, "started over: the file is not what the server has\nsaved f (200000 bytes)\n")
    );
}

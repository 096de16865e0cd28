//! `--warc`: what is recorded, judged by the archivists' own tools.

use crate::framed::gzip;
use crate::harness::{Place, signal, skip, wait_until};
use fixtures::{Request, Script, Server, Step, cut, head, ranged, reply};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Runs `tests/warc/verify.py`, if its tools are there; what it printed.
#[track_caller]
fn verify(place: &Place, arguments: &[&str]) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/venv/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing: .ci/run makes it", python.display());
        skip("the archivists' tools are not installed: .ci/run does that");
        return None;
    }
    let mut command = Command::new(python);
    let output =
        command.arg(root.join("tests/warc/verify.py")).args(arguments).current_dir(place.path(".")).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// The records of a file, one line of JSON each.
fn records(place: &Place, file: &str) -> Option<Vec<Value>> {
    Some(verify(place, &["list", file])?.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

fn header<'r>(record: &'r Value, name: &str) -> Option<&'r str> {
    record["headers"].as_array()?.iter().find(|pair| pair[0] == name).and_then(|pair| pair[1].as_str())
}

const TEXT: &str = "the same text, again and again; ";

/// An exchange of each kind.
fn answer(request: &Request) -> Script {
    let text = TEXT.repeat(300);
    match request.path() {
        "/moved" => reply("302 Found", "Location: /plain", "moved"),
        "/missing" => reply("404 Not Found", "Content-Type: text/plain", "there is no such page"),
        "/chunked" | "/chunked-again" => {
            vec![Step::Send(head("200 OK", "Transfer-Encoding: chunked")), Step::Send(chunked(text.as_bytes(), 1000))]
        }
        "/coded" => reply("200 OK", "Content-Encoding: gzip", gzip(text.as_bytes())),
        "/closed" => vec![Step::Send(head("200 OK", "Connection: close")), Step::send("until the end"), Step::Close],
        "/cut" => cut(&reply("200 OK", "", &text), 500),
        "/large" => reply("200 OK", "", large()),
        "/nothing" => vec![Step::Send(head("204 No Content", ""))],
        "/malformed" => {
            vec![Step::Send(head("200 OK", "Transfer-Encoding: chunked")), Step::send("5\r\nhello\r\nzz\r\n"), Step::Close]
        }
        _ => reply("200 OK", "Content-Type: text/plain", &text),
    }
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    body.chunks(size).chain([&b""[..]]).flat_map(chunk).collect()
}

fn large() -> Vec<u8> {
    (0..500_000_u32).flat_map(u32::to_be_bytes).collect()
}

const PATHS: &[&str] = &[
    "/plain",
    "/moved",
    "/missing",
    "/chunked",
    "/chunked-again",
    "/coded",
    "/closed",
    "/cut",
    "/large",
    "/nothing",
    "/malformed",
    "/plain-again",
];

#[test]
fn every_exchange_is_recorded_as_archives_want_it() {
    for file in ["all.warc.gz", "all.warc"] {
        let (server, place) = (Server::start(answer).expect("started"), Place::new());
        place.write("list", PATHS.iter().map(|path| server.url(path) + "\n").collect::<String>());
        let run = place.fetch(&["-q", "-i", "list", "-P", "d", "-j", "1", "--warc", file]);
        assert_eq!(run.status, 4, "{run:?}");
        let Some(records) = records(&place, file) else { return };
        verify(&place, &["check", file]);
        verify(&place, &["recompress", file]);
        verify(&place, &["index", file]);
        let of = |kind: &str| records.iter().filter(|record| record["type"] == kind).count();
        // The redirect leads to what was recorded before, and two others are like it.
        assert_eq!((of("warcinfo"), of("response"), of("revisit")), (1, 10, 3), "{file}");
        assert_eq!((of("request"), of("metadata")), (13, 13), "{file}");
        let truncated = |path: &str| {
            let url = server.url(path);
            let record = records.iter().find(|record| record["target_uri"] == url && record["type"] == "response");
            header(record.expect("recorded"), "WARC-Truncated").map(str::to_owned)
        };
        assert_eq!(
            ["/cut", "/malformed", "/plain", "/large"].map(truncated).map(Option::unwrap_or_default),
            ["disconnect", "disconnect", "", ""]
        );
    }
}

#[test]
fn what_was_recorded_is_replayed_byte_for_byte() {
    let (server, place) = (Server::start(answer).expect("started"), Place::new());
    place.write("list", PATHS.iter().map(|path| server.url(path) + "\n").collect::<String>());
    place.fetch(&["-q", "-i", "list", "-P", "d", "--warc", "all.warc.gz"]);
    place.write("text", TEXT.repeat(300));
    place.write("large", large());
    place.write("closed", "until the end");
    place.write("missing", "there is no such page");
    let expected = [
        ("/plain", "text"),
        ("/plain-again", "text"),
        ("/chunked", "text"),
        ("/chunked-again", "text"),
        ("/coded", "text"),
        ("/large", "large"),
        ("/closed", "closed"),
        ("/missing", "missing"),
    ];
    let pairs: Vec<String> = expected.iter().flat_map(|(path, file)| [server.url(path), (*file).to_owned()]).collect();
    let arguments: Vec<&str> = ["replay", "all.warc.gz"].into_iter().chain(pairs.iter().map(String::as_str)).collect();
    verify(&place, &arguments);
}

#[test]
fn json_says_where_a_response_was_recorded() {
    let (server, place) = (Server::start(answer).expect("started"), Place::new());
    place.write("list", PATHS.iter().map(|path| server.url(path) + "\n").collect::<String>());
    let run = place.fetch(&["--json", "-q", "-i", "list", "-P", "d", "--warc", "all.warc.gz"]);
    let file = place.bytes("all.warc.gz");
    for line in String::from_utf8_lossy(&run.stdout).lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let (offset, length) = (line["warc"]["offset"].as_u64(), line["warc"]["length"].as_u64());
        let start = usize::try_from(offset.expect("recorded")).expect("small");
        let member = &file[start..start + usize::try_from(length.expect("recorded")).expect("small")];
        let mut record = Vec::new();
        flate2::read::GzDecoder::new(member).read_to_end(&mut record).expect("a whole member");
        let text = String::from_utf8_lossy(&record);
        let target = format!("\r\nWARC-Target-URI: {}\r\n", line["final_url"].as_str().expect("an answer"));
        assert!(text.starts_with("WARC/1.1\r\nWARC-Type: re") && text.contains(&target), "{line}");
    }
}

#[test]
fn credentials_are_left_out_and_that_is_said() {
    let (server, place) = (Server::start(answer).expect("started"), Place::new());
    let url = server.url("/plain").replace("http://", "http://me:topsecret@");
    place
        .fetch(&["-q", &url, "-o", "f", "--warc", "x.warc", "-b", "k=topsecret", "-H", "X-Api-Key: topsecret", "-H", "X: shown"])
        .succeeded();
    let text = place.read("x.warc");
    let coded = server.requests()[0].field("Authorization").expect("sent");
    assert!(!text.contains("topsecret") && !text.contains(&coded[6..]), "{text}");
    assert!(text.contains("\r\nX: shown\r\n"), "{text}");
    assert!(text.contains("\r\nomittedRequestFields: Authorization, X-Api-Key, Cookie\r\n"), "{text}");
}

#[test]
fn over_a_proxy_the_origins_exchange_is_recorded_and_not_the_tunnel() {
    let authority = fixtures::Authority::new().expect("made");
    let server = Server::start_tls(&authority, answer).expect("started");
    let (proxy, place) = (crate::proxies::tunnel_to(&server), Place::new());
    place.write("ca.pem", authority.pem());
    let by = proxy.url("").replace("http://", "http://me:topsecret@");
    let url = server.url("/plain");
    place.fetch(&["-q", "-x", &by, "--cacert", "ca.pem", &url, "-o", "f", "--warc", "x.warc"]).succeeded();
    let text = place.read("x.warc");
    assert!(text.contains("\r\nGET /plain HTTP/1.1\r\n") && !text.contains("CONNECT") && !text.contains("topsecret"), "{text}");
    assert!(text.contains(&format!("\r\nWARC-Target-URI: {url}\r\n")) && !text.contains("WARC-IP-Address"), "{text}");
}

#[test]
fn the_file_has_its_name_only_at_the_end() {
    let server = Server::start(|request| match request.path() {
        "/slow" => {
            let half = Step::Send(vec![b'h'; 1 << 20]);
            vec![Step::Send(head("200 OK", "Content-Length: 2097152")), half, Step::Pause(Duration::from_secs(60))]
        }
        _ => answer(request),
    })
    .expect("started");
    let place = Place::new();
    place.write("x.warc", "the old one");
    place.write("list", server.url("/plain\n") + &server.url("/slow\n"));
    for (number, part) in ["x.warc.part", "x-1.warc.part"].into_iter().enumerate() {
        let directory = format!("d{number}");
        let mut child = place.command(&["-q", "-i", "list", "-P", &directory, "--warc", "x.warc"]).spawn().expect("started");
        let longer = |path: &str, length| fs::metadata(place.path(path)).is_ok_and(|metadata| metadata.len() > length);
        wait_until("the first is recorded", || longer(part, 9000));
        wait_until("the second has begun", || longer(&format!("{directory}/slow.part"), 0));
        assert_eq!(place.read("x.warc"), "the old one");
        let other = place.fetch(&["-q", &server.url("/plain"), "-o", "f", "--warc", "x.warc"]);
        assert!(other.status == 3 && other.stderr.contains("another process is recording in it"), "{other:?}");
        // What a killed run left is kept by the next, which is then interrupted and ends in order.
        signal(&child, if number == 0 { Signal::SIGKILL } else { Signal::SIGINT });
        child.wait().expect("ended");
    }
    assert!(place.read("x.warc.part").contains(&server.url("/plain")));
    let text = place.read("x.warc");
    assert!(text.contains(&server.url("/plain")) && text.contains("\r\nWARC-Truncated: unspecified\r\n"), "{text}");
    assert!(!place.path("x-1.warc.part").exists());
    verify(&place, &["check", "x.warc"]);
}

#[test]
fn a_file_that_cannot_be_written_is_found_out_before_anything_is_sent() {
    let (server, place) = (Server::start(answer).expect("started"), Place::new());
    for file in ["missing/x.warc", ".", "/dev/null"] {
        let run = place.fetch(&["-q", &server.url("/plain"), "-o", "f", "--warc", file]);
        assert_eq!((run.status, server.requests().len()), (3, 0), "{file}: {run:?}");
    }
}

#[test]
fn a_retry_is_an_exchange_of_its_own() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let script = ranged(request, "ETag: \"v1\"", large());
        if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { cut(&script, 900_000) } else { script }
    })
    .expect("started");
    let place = Place::new();
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--warc", "x.warc", "--retry", "1"]).succeeded();
    assert!(place.bytes("f") == large());
    let Some(records) = records(&place, "x.warc") else { return };
    let responses: Vec<_> = records.iter().filter(|record| record["type"] == "response").collect();
    assert_eq!(responses.len(), 2);
    assert_eq!(responses.iter().map(|record| header(record, "WARC-Truncated")).collect::<Vec<_>>(), [Some("disconnect"), None]);
    verify(&place, &["check", "x.warc"]);
}

#[test]
fn a_response_whose_framing_contradicts_itself_is_recorded_as_far_as_it_is_known() {
    let server = Server::start(|_| reply("200 OK", "Content-Length: 7", "hello")).expect("started");
    let place = Place::new();
    let run = place.fetch(&["-q", &server.url("/"), "-o", "f", "--warc", "x.warc"]);
    assert_eq!(run.status, 7, "{run:?}");
    let text = place.read("x.warc");
    assert!(text.contains("Content-Length: 7\r\n") && text.contains("\r\nWARC-Truncated: disconnect\r\n"), "{text}");
    verify(&place, &["check", "x.warc"]);
}

#[test]
fn a_run_that_records_nothing_leaves_the_older_file() {
    let (server, place) = (Server::start(answer).expect("started"), Place::new());
    place.fetch(&["-q", &server.url("/plain"), "--warc", "x.warc"]).succeeded();
    let before = place.bytes("x.warc");
    place.fetch(&["-q", "--skip-existing", &server.url("/plain"), "--warc", "x.warc"]).succeeded();
    assert!(place.bytes("x.warc") == before && place.listing() == "plain x.warc", "{}", place.listing());
}

#[test]
fn the_assets_of_a_page_are_recorded_too() {
    let server = Server::start(|request| match request.path() {
        "/page" => reply("200 OK", "Content-Type: text/html", "<link rel=stylesheet href=a.css><img src=gone>"),
        "/a.css" => reply("200 OK", "Content-Type: text/css", "@import 'b.css';"),
        "/b.css" => reply("200 OK", "Content-Type: text/css", "b {}"),
        _ => reply("404 Not Found", "", ""),
    });
    let (server, place) = (server.expect("started"), Place::new());
    let run = place.fetch(&["-q", "--json", "-p", &server.url("/page"), "--warc", "x.warc.gz"]);
    assert_eq!(run.status, 0, "{run:?}");
    let Some(records) = records(&place, "x.warc.gz") else { return };
    let responses = records.iter().filter(|record| record["type"] == "response");
    let mut uris: Vec<_> = responses.filter_map(|record| header(record, "WARC-Target-URI")).collect();
    uris.sort_unstable();
    assert_eq!(uris, ["/a.css", "/b.css", "/gone", "/page"].map(|path| server.url(path)));
    verify(&place, &["check", "x.warc.gz"]);
}

//! Standard output and standard error.

use crate::harness::Place;
use fixtures::{Server, reply};

#[test]
fn header_sections_go_to_standard_output_redirects_included() {
    let server = Server::start(|request| match request.path() {
        "/" => reply("302 Found", "Location: /x", ""),
        _ => reply("200 Fine", "x-MiXed:  as   it is", "hello"),
    })
    .expect("started");
    let place = Place::new();
    let run = place.fetch(&[&server.url("/"), "-o", "f"]);
    run.succeeded();
    let wanted = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n\
                  HTTP/1.1 200 Fine\r\nx-MiXed:  as   it is\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&run.stdout), wanted);
}

#[test]
fn with_the_body_on_standard_output_they_go_to_standard_error() {
    let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    let place = Place::new();
    for output in ["-", "/dev/stdout"] {
        let run = place.fetch(&[&server.url("/"), "-o", output]);
        assert_eq!((run.status, &run.stdout[..]), (0, &b"hello"[..]));
        assert_eq!(run.stderr, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    }
    assert_eq!(place.listing(), "");
}

#[test]
fn quiet_prints_errors_only() {
    let server = Server::start(|_| reply("404 Not Found", "", "")).expect("started");
    let run = Place::new().fetch(&["-q", &server.url("/"), "-o", "f"]);
    assert_eq!((run.stdout.len(), run.stderr.lines().count()), (0, 1), "{run:?}");
}

#[test]
fn control_characters_never_come_out_raw() {
    let server = Server::start(|_| reply("404 \x1b[31mNo", "X: \x1b]0;owned\x07", "")).expect("started");
    let run = Place::new().fetch(&[&server.url("/"), "-o", "f"]);
    let stdout = String::from_utf8_lossy(&run.stdout);
    assert!(stdout.contains("X: \\x1b]0;owned\\x07\r\n") && run.stderr.contains("404 \\x1b[31mNo"), "{run:?}");
    assert!(!stdout.contains('\x1b') && !run.stderr.contains('\x1b'));
}

#[test]
fn verbose_tells_what_was_done_but_no_secrets() {
    let server = Server::start(|_| reply("200 OK", "", "")).expect("started");
    let url = server.url("/").replace("http://", "http://me:secret@");
    let run = Place::new().fetch(&["-v", &url, "-o", "f", "-H", "Cookie: secret"]);
    for line in
        ["* connected to 127.0.0.1:", "> GET / HTTP/1.1", "> Authorization: (hidden)", "> Cookie: (hidden)", "* dns ", "* saved "]
    {
        assert!(run.stderr.lines().any(|l| l.starts_with(line)), "{line}: {run:?}");
    }
    assert!(!run.stderr.contains("secret") && !run.stderr.contains("c2VjcmV0"), "{run:?}");
}

#[test]
fn an_error_shows_no_password() {
    let run = Place::new().fetch(&["http://me:secret@127.0.0.1:1/", "-o", "f"]);
    assert!(run.stderr.starts_with("fetch: http://127.0.0.1:1/: "), "{run:?}");
}

#[test]
fn bad_usage_exits_2_and_says_what_to_write() {
    for (arguments, why) in [
        (&[][..], "URL"),
        (&["http://h/", "--nonsense"], "--nonsense"),
        (&["ftp://h/"], "neither http nor https"),
        (&["http://h:x/"], "port"),
        (&["-L", "http://h/"], "--max-redirects"),
    ] {
        let run = Place::new().fetch(arguments);
        assert!(run.status == 2 && run.stderr.starts_with("fetch: ") && run.stderr.contains(why), "{run:?}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (option, text) in [("--help", "Usage: fetch [OPTIONS] URL..."), ("-h", "Usage"), ("-V", env!("CARGO_PKG_VERSION"))] {
        let run = Place::new().fetch(&[option]);
        run.succeeded();
        assert!(String::from_utf8_lossy(&run.stdout).contains(text), "{run:?}");
    }
}

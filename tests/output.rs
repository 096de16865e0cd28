//! Standard output and standard error.

use crate::harness::{Place, finish, on_terminal, shell};
use fixtures::{Closed, Server, Step, cut, head, ranged, reply};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn header_sections_go_to_standard_output_redirects_included() {
    let server = Server::start(|request| match request.path() {
        "/" => reply("302 Found", "Location: /x", ""),
        _ => reply("200 Fine", "x-MiXed:  as   it is", "hello"),
    })
    .expect("started");
    let place = Place::new();
    let run = place.fetch(&[&server.url("/"), "-o", "f"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, "saved f (5 bytes)\n"));
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
    let run = Place::new().fetch(&["-v", &url, "-o", "f", "-H", "Cookie: secret", "-H", "X-Api-Key: secret"]);
    for line in [
        "* connected to 127.0.0.1:",
        "> GET / HTTP/1.1",
        "> Authorization: (hidden)",
        "> Cookie: (hidden)",
        "> X-Api-Key: (hidden)",
        "* dns ",
        "saved f (0 bytes)",
    ] {
        assert!(run.stderr.lines().any(|l| l.starts_with(line)), "{line}: {run:?}");
    }
    assert!(!run.stderr.contains("secret") && !run.stderr.contains("c2VjcmV0"), "{run:?}");
}

#[test]
fn an_error_shows_no_password() {
    let closed = Closed::bind().expect("bound");
    let run = Place::new().fetch(&[&format!("http://me:secret@127.0.0.1:{}/", closed.port()), "-o", "f"]);
    assert!(run.stderr.starts_with(&format!("fetch: http://127.0.0.1:{}/: ", closed.port())), "{run:?}");
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

#[test]
fn json_has_all_about_each_url() {
    let server = Server::start(|request| match request.path() {
        "/" => reply("302 Found", "Location: /x", ""),
        "/x" => reply("200 OK", "X: one\nx: two", "hello"),
        "/cut" => vec![Step::Send(head("200 OK", "Content-Length: 9")), Step::send("half"), Step::Close],
        _ => reply("404 Not Found", "", "no"),
    })
    .expect("started");
    let place = Place::new();
    let urls = ["/", "/404", "/cut"].map(|path| server.url(path));
    let secret = urls[0].replace("http://", "http://me:secret@");
    let run = place.fetch(&["--json", &secret, &urls[1], &urls[2], "-P", "d"]);
    let text = String::from_utf8(run.stdout).expect("text");
    assert!(!text.contains("secret"));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [saved, missing, cut] = &lines[..] else { panic!("{lines:?}") };
    for (name, value) in [
        ("id", json!(1)),
        ("url", json!(urls[0])),
        ("final_url", json!(server.url("/x"))),
        ("status", json!(200)),
        ("headers", json!({"x": ["one", "two"], "content-length": ["5"]})),
        ("file", json!("d/127.0.0.1")),
        ("bytes", json!(5)),
        ("wire_bytes", json!(5)),
        ("sha256", json!("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")),
        ("ip", json!("127.0.0.1")),
        ("redirects", json!(1)),
        ("attempts", json!(1)),
        ("warc", Value::Null),
        ("exit", json!(0)),
        ("error", Value::Null),
    ] {
        assert_eq!(saved[name], value, "{name}");
    }
    assert!(saved["timings"]["total"].as_f64() > saved["timings"]["first_byte"].as_f64() && saved["timings"]["tls"].is_null());
    assert_eq!((&missing["status"], &missing["exit"], &missing["error"]["kind"]), (&json!(404), &json!(8), &json!("status")));
    assert_eq!((&cut["exit"], &cut["wire_bytes"], &cut["error"]["retryable"]), (&json!(4), &json!(4), &json!(true)));
    assert_eq!((&cut["id"], &cut["file"], &cut["sha256"]), (&json!(3), &Value::Null, &Value::Null));
    assert_eq!((run.status, run.stderr.lines().count()), (4, 3), "{}", run.stderr);
}

#[test]
fn json_of_what_never_answered_has_nulls() {
    let place = Place::new();
    let closed = Closed::bind().expect("bound");
    let run = place.fetch(&["--json", &format!("http://127.0.0.1:{}/", closed.port()), "-o", "-"]);
    // The body's is standard output.
    assert!(run.stdout.is_empty());
    let line: Value = run.stderr.lines().find_map(|line| serde_json::from_str(line).ok()).expect("JSON");
    for name in ["final_url", "status", "file", "ip"] {
        assert!(line[name].is_null(), "{name}");
    }
    assert_eq!((&line["exit"], &line["headers"]), (&json!(4), &json!({})));
}

#[test]
fn a_rate_is_not_exceeded() {
    for over in ["identity", "chunked"] {
        let server = Server::start(move |_| match over {
            "identity" => reply("200 OK", "", "x".repeat(60_000)),
            _ => vec![
                Step::Send(head("200 OK", "Transfer-Encoding: chunked")),
                Step::send(format!("{:x}\r\n{}\r\n0\r\n\r\n", 60_000, "x".repeat(60_000))),
            ],
        })
        .expect("started");
        let (place, started) = (Place::new(), Instant::now());
        place.fetch(&["-q", &server.url("/"), "-o", "f", "--limit-rate", "50k"]).succeeded();
        assert!(started.elapsed() >= Duration::from_millis(1100), "{:?}", started.elapsed());
        assert_eq!(place.bytes("f").len(), 60_000);
    }
}

#[test]
fn progress_is_shown_where_it_is_wanted() {
    let server = Server::start(|_| {
        let half = "x".repeat(512 * 1024);
        vec![
            Step::Send(head("200 OK", "Content-Length: 1048576")),
            Step::send(&half),
            Step::Pause(Duration::from_millis(50)),
            Step::send(&half),
        ]
    })
    .expect("started");
    let place = Place::new();
    for (options, shown) in [
        (&["-q"][..], false),
        (&["--progress", "always"], true),
        (&["-q", "--progress", "always"], false),
        (&["--progress", "never"], false),
        (&[], false),
    ] {
        let run = place.fetch(&[&[&server.url("/"), "-o", "f"], options].concat());
        assert_eq!(run.stderr.contains("1.0 MiB of 1.0 MiB, "), shown, "{options:?}: {run:?}");
        assert!(!run.stderr.contains('\x1b') && !run.stderr.contains('\r'), "{run:?}");
    }
}

#[test]
fn on_a_terminal_progress_is_a_line_that_goes_away() {
    let server = Server::start(|_| {
        let half = "x".repeat(512 * 1024);
        vec![
            Step::Send(head("200 OK", "Content-Length: 1048576")),
            Step::send(&half),
            Step::Pause(Duration::from_millis(1500)),
            Step::send(&half),
        ]
    })
    .expect("started");
    for (term, drawn) in [("xterm", true), ("dumb", false)] {
        let place = Place::new();
        let command = format!("\"$FETCH\" {} -o f --retry 0", server.url("/"));
        let Some(mut terminal) = on_terminal(&place, 80, &command) else { return };
        terminal.env("TERM", term);
        let run = finish(terminal);
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status == 0 && place.bytes("f").len() == 1 << 20, "{run:?}");
        assert_eq!(text.contains(" of 1.0 MiB, "), drawn, "{term}: {text:?}");
        assert_eq!(text.contains("\x1b[K"), drawn, "{term}: {text:?}");
        assert!(!text.contains("\x1b[3") && !text.contains("\x1b[1m"), "no colours: {text:?}");
    }
}

#[test]
fn what_is_shown_escaped_is_counted_as_it_came() {
    let server = Server::start(|request| {
        let body = "\x07".repeat(20_000);
        let whole = ranged(request, "ETag: \"v1\"", body);
        if request.field("Range").is_some() { whole } else { cut(&whole, 10_000) }
    })
    .expect("started");
    let place = Place::new();
    let command = format!("\"$FETCH\" -q {} -o - --retry 1", server.url("/"));
    let Some(terminal) = on_terminal(&place, 80, &command) else { return };
    let run = finish(terminal);
    assert_eq!((run.status, String::from_utf8_lossy(&run.stdout).matches("\\x07").count()), (0, 20_000));
    assert_eq!(server.requests()[1].field("Range").as_deref(), Some("bytes=10000-"));
}

#[test]
fn json_of_a_last_try_says_nothing_of_an_earlier_one() {
    static FIRST: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(true);
    let server = Server::start(|_| match FIRST.swap(false, std::sync::atomic::Ordering::SeqCst) {
        true => reply("503 Busy", "X: y", ""),
        false => vec![Step::Close],
    })
    .expect("started");
    let run = Place::new().fetch(&["--json", "-q", &server.url("/"), "-o", "f", "--retry", "1"]);
    let line: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((&line["status"], &line["headers"], &line["attempts"]), (&Value::Null, &json!({}), &json!(2)));
}

#[test]
fn what_comes_before_a_limited_rate_runs_out_of_time_is_kept() {
    let server = Server::start(|request| ranged(request, "ETag: \"v1\"", "x".repeat(300_000))).expect("started");
    let place = Place::new();
    let run = place.fetch(&[&server.url("/"), "-o", "f", "--limit-rate", "20k", "-m", "1"]);
    assert!(run.stderr.contains("kept for -c: f.part ("), "{run:?}");
    assert_eq!((run.status, place.listing().as_str()), (4, "f.part f.part.info"));
    let kept = place.bytes("f.part").len();
    assert!((2_000..=22_000).contains(&kept), "{kept}");
}

#[test]
fn the_body_of_an_error_that_will_not_do_changes_no_status() {
    let server = Server::start(|_| reply("404 Not Found", "", "sorry")).expect("started");
    let run = Place::new().fetch(&["-q", &server.url("/"), "-o", "f", "--include-error-body", "--max-size", "3"]);
    run.failed(8, &server.url("/"), "404 Not Found");
}

#[test]
fn the_limit_of_time_covers_printing() {
    // More than a pipe holds, for a reader that does not read.
    let server = Server::start(|_| reply("200 OK", &format!("X: {}", "x".repeat(200_000)), "hello")).expect("started");
    let place = Place::new();
    let mut command = place.command(&[&server.url("/"), "-o", "f", "-m", "1"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("started");
    let stdout = child.stdout.take();
    let output = child.wait_with_output().expect("ended");
    drop(stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(4) && stderr.contains("cannot print: timed out: not done within 1 s"), "{output:?}");
    assert_eq!(place.listing(), "");
}

#[test]
fn what_changes_the_direction_of_text_is_escaped() {
    let server = Server::start(|_| reply("404 a\u{61c}b\u{202e}c", "", "")).expect("started");
    let run = Place::new().fetch(&["-q", &server.url("/"), "-o", "f"]);
    assert!(run.stderr.contains("a\\u{61c}b\\u{202e}c"), "{run:?}");
}

#[test]
fn the_body_of_an_error_is_told_to_be_saved_where_it_is() {
    let server = Server::start(|_| reply("404 Not Found", "", "sorry")).expect("started");
    let run = Place::new().fetch(&[&server.url("/"), "-o", "f", "--include-error-body"]);
    run.failed(8, &server.url("/"), "the server answered 404 Not Found");
    assert!(run.stderr.contains("saved f (5 bytes)") && !run.stderr.contains("not saved"), "{run:?}");
}

#[test]
fn a_401_says_how_to_send_credentials() {
    let server = Server::start(|_| reply("401 Unauthorized", "", "")).expect("started");
    let (place, url) = (Place::new(), server.url("/"));
    place.fetch(&["-q", &url, "-o", "f"]).failed(6, &url, "401 Unauthorized (-u NAME[:PASSWORD] sends credentials)");
    place.fetch(&["-q", "-u", "a:b", &url, "-o", "f"]).failed(6, &url, "the credentials that were sent are not accepted");
}

#[test]
fn a_file_is_not_a_url() {
    for path in ["/etc/passwd", "./file.html"] {
        let run = Place::new().fetch(&[path]);
        assert!(run.status == 2 && run.stderr.contains("it is a file path"), "{run:?}");
    }
}

#[test]
fn help_that_cannot_be_printed_is_a_failure() {
    let run = finish(shell(&Place::new(), "exec \"$FETCH\" --help > /dev/full"));
    assert!(run.status == 3 && run.stderr.contains("cannot print: No space left"), "{run:?}");
}

#[test]
fn help_is_wrapped_to_the_terminal() {
    for columns in [70, 100] {
        let place = Place::new();
        let Some(terminal) = on_terminal(&place, columns, "\"$FETCH\" --help") else { return };
        let text = String::from_utf8(finish(terminal).stdout).expect("text");
        let longest = text.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
        assert!((60..=usize::from(columns)).contains(&longest), "{longest} of {columns}");
    }
}

#[test]
fn the_end_of_input_is_no_password() {
    use std::process::Stdio;
    let place = Place::new();
    let Some(mut terminal) = on_terminal(&place, 80, "\"$FETCH\" -u me https://h.test/ -o f") else { return };
    let mut child = terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    let (mut keyboard, mut screen) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let mut shown = Vec::new();
    while !shown.ends_with(b"password for me: ") {
        let mut byte = [0];
        screen.read_exact(&mut byte).expect("the prompt comes");
        shown.extend(byte);
    }
    // Ctrl-D, and no more keys.
    keyboard.write_all(b"\x04").expect("typed");
    drop(keyboard);
    screen.read_to_end(&mut shown).expect("read");
    let (status, text) = (child.wait().expect("ended"), String::from_utf8_lossy(&shown).into_owned());
    assert!(status.code() == Some(2) && text.contains("no password was entered"), "{text}");
}

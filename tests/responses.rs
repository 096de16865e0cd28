//! Responses good and bad: the exit status, the body, and the old file.

use crate::harness::Place;
use fixtures::{Server, Step};

/// The bytes of a response, then the connection is closed; and what is in the file afterwards, or
/// the exit status and a part of the error.
type Row = (&'static str, &'static str, Result<&'static str, (i32, &'static str)>);

const ROWS: &[Row] = &[
    ("a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Ok("hello")),
    ("nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Ok("")),
    ("more than the length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, world", Ok("hello")),
    ("up to the end", "HTTP/1.1 200 OK\r\n\r\nhello", Ok("hello")),
    ("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", Ok("hello")),
    ("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Ok("hello")),
    ("space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello, world", Ok("hello")),
    ("a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", Ok("hello")),
    ("no content", "HTTP/1.1 204 No Content\r\n\r\n", Err((8, "nothing to save: the server answered 204 No Content"))),
    ("reset content", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", Err((8, "nothing to save"))),
    ("no coding", "HTTP/1.1 200 OK\r\nContent-Encoding: none\r\nContent-Length: 5\r\n\r\nhello", Ok("hello")),
    ("bare LF in chunk lines", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", Ok("hello")),
    ("an empty Location", "HTTP/1.1 302 Found\r\nLocation:\r\nContent-Length: 0\r\n\r\n", Err((7, "an empty Location"))),
    (
        "interim responses",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        Ok("hello"),
    ),
    ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n", Ok("hello")),
    (
        "chunks and a length",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        Ok("hello"),
    ),
    ("choices", "HTTP/1.1 300 Multiple Choices\r\nContent-Length: 5\r\n\r\nhello", Ok("hello")),
    (
        "short of the length",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        Err((4, "the body is cut off after 5 of 10 bytes: the server closed the connection")),
    ),
    (
        "no last chunk",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        Err((4, "the body is cut off after 5 bytes")),
    ),
    (
        "no end of the trailer",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        Err((4, "the body is cut off")),
    ),
    ("no answer", "", Err((4, "no response: the server closed"))),
    ("half a header section", "HTTP/1.1 200 OK\r\nContent-Le", Err((4, "cut off after 27 bytes"))),
    ("interim only", "HTTP/1.1 100 Continue\r\n\r\n", Err((4, "no response"))),
    (
        "two lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        Err((7, "bad Content-Length \"5, 6\"")),
    ),
    ("a length of +5", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", Err((7, "bad Content-Length"))),
    (
        "a chunk size of +5",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        Err((7, "bad chunk size at byte 0")),
    ),
    ("chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Err((7, "HTTP/1.0"))),
    ("an unknown transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n\r\nhello", Err((7, "Transfer-Encoding"))),
    ("NUL in a field", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\nhello", Err((7, "at byte 21"))),
    ("HTTP/0.9", "<html>hello</html>", Err((7, "not an HTTP/1 response"))),
    ("HTTP/2", "HTTP/2 200 OK\r\n\r\nhello", Err((7, "not an HTTP/1 response"))),
    ("a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", Err((7, "unexpected 101"))),
    (
        "an unknown content coding",
        "HTTP/1.1 200 OK\r\nContent-Encoding: x\r\nContent-Length: 5\r\n\r\nhello",
        Err((7, "\"x\" is not known")),
    ),
    ("an unsolicited part", "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello", Err((7, "unexpected 206"))),
    ("not modified, unasked", "HTTP/1.1 304 Not Modified\r\n\r\n", Err((8, "304 Not Modified"))),
    ("unauthorized", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", Err((6, "401 Unauthorized"))),
    ("not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", Err((8, "404 Not Found"))),
    ("out of range", "HTTP/1.1 999 Request denied\r\nContent-Length: 2\r\n\r\nno", Err((8, "999 Request denied"))),
];

fn answering(response: &[u8]) -> Server {
    let script = vec![Step::send(response), Step::Close];
    Server::start(move |_| script.clone()).expect("started")
}

#[test]
fn every_answer_is_saved_whole_or_refused_with_the_old_file_untouched() {
    for (name, response, wanted) in ROWS {
        let (server, place) = (answering(response.as_bytes()), Place::with_old_file());
        let run = place.fetch(&["-q", &server.url("/"), "-o", "f"]);
        match wanted {
            Ok(body) => assert_eq!((run.status, place.read("f").as_str()), (0, *body), "{name}: {run:?}"),
            Err((status, why)) => {
                println!("{name}");
                run.failed(*status, &server.url("/"), why);
                assert_eq!(place.read("f"), "old", "{name}");
            }
        }
        assert_eq!(place.listing(), "f", "{name}");
    }
}

#[test]
fn the_limits_of_a_header_section_hold() {
    let fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(count));
    let bytes = |count: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(count));
    let interim = |count: usize| "HTTP/1.1 100 Continue\r\n\r\n".repeat(count) + "HTTP/1.1 200 OK\r\n\r\n";
    for (response, why) in [
        (fields(1001), Some("more than 1000 fields")),
        (fields(1000), None),
        (bytes(256 * 1024), Some("more than 256 KiB")),
        (bytes(256 * 1024 - 24), None),
        (interim(101), Some("more than 100 interim")),
        (interim(100), None),
    ] {
        let (server, place) = (answering(response.as_bytes()), Place::new());
        let run = place.fetch(&["-q", &server.url("/"), "-o", "f"]);
        match why {
            Some(why) => run.failed(7, &server.url("/"), why),
            None => run.succeeded(),
        }
    }
}

#[test]
fn the_body_of_an_error_is_saved_where_it_is_asked_for() {
    let server = answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nsorry");
    let place = Place::with_old_file();
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--include-error-body"]).failed(8, &server.url("/"), "404");
    assert_eq!(place.read("f"), "sorry");
}

#[test]
fn a_part_is_saved_where_one_was_asked_for() {
    let server = answering(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello");
    let place = Place::new();
    place.fetch(&["-q", &server.url("/"), "-o", "f", "-H", "Range: bytes=0-4"]).succeeded();
    assert_eq!(place.read("f"), "hello");
}

#[test]
fn head_prints_and_saves_nothing() {
    let server = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    let place = Place::with_old_file();
    let run = place.fetch(&["-I", &server.url("/"), "-o", "f"]);
    run.succeeded();
    assert_eq!(run.stdout, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert!(server.requests()[0].text().starts_with("HEAD / HTTP/1.1\r\n"));
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
}

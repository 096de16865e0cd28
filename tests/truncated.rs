//! The connection closed or reset at every byte of a response: never success unless whole, and the
//! old file untouched each time.

use crate::framed::{BODY, chunked, response, responses, with_length};
use crate::harness::Place;
use fixtures::{Authority, Server, Step};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Serves the first bytes of a response, one more for each request, and then ends as told.
fn tear(response: &[u8], end: &Step, tls: Option<&Authority>, check: impl Fn(usize, &Place, &str)) {
    let cut = Arc::new(AtomicUsize::new(0));
    let (torn, bytes, end) = (Arc::clone(&cut), response.to_vec(), end.clone());
    let answer = move |_: &fixtures::Request| vec![Step::send(&bytes[..torn.load(Ordering::SeqCst)]), end.clone()];
    let server = match tls {
        Some(authority) => Server::start_tls(authority, answer),
        None => Server::start(answer),
    }
    .expect("started");
    let place = Place::new();
    for at in 0..=response.len() {
        cut.store(at, Ordering::SeqCst);
        place.write("f", "old");
        check(at, &place, &server.url("/"));
        assert!(["f", "ca.pem f"].contains(&place.listing().as_str()), "cut at {at}: {}", place.listing());
    }
}

#[test]
fn closed_at_every_byte() {
    for (name, response) in responses() {
        tear(&response, &Step::Close, None, |at, place, url| {
            let run = place.fetch(&["-q", url, "-o", "f"]);
            let wanted = if at == response.len() { (0, BODY) } else { (4, "old") };
            assert_eq!((run.status, place.read("f").as_str()), wanted, "{name}, closed at {at}: {run:?}");
        });
    }
}

#[test]
fn half_closed_is_closed() {
    let server = Server::start(|_| vec![Step::send("HTTP/1.1 200 OK\r\n\r\nhello"), Step::HalfClose]).expect("started");
    let place = Place::new();
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "hello");
}

#[test]
fn reset_at_every_byte() {
    for (name, response) in responses() {
        tear(&response, &Step::Reset, None, |at, place, url| {
            let run = place.fetch(&["-q", url, "-o", "f"]);
            // A reset may overtake the last bytes, but it never makes a part pass for the whole; and
            // a body that only closing ends has no end.
            let whole = at == response.len() && !name.contains("until close") && run.status == 0;
            let wanted = if whole { (0, BODY) } else { (4, "old") };
            assert_eq!((run.status, place.read("f").as_str()), wanted, "{name}, reset at {at}: {run:?}");
        });
    }
}

#[test]
fn tls_ended_at_every_byte_of_a_body_that_only_closing_ends() {
    let authority = Authority::new().expect("made");
    let response = response("Content-Type: text/plain", BODY.as_bytes());
    let body = response.len() - BODY.len();
    for end in [Step::Close, Step::CloseWithoutNotify] {
        tear(&response, &end, Some(&authority), |at, place, url| {
            place.write("ca.pem", authority.pem());
            let run = place.fetch(&["-q", url, "-o", "f", "--cacert", "ca.pem"]);
            // With a close_notify the server says that this is all; without one it is unknown.
            let whole = end == Step::Close && at >= body;
            let wanted = if whole { (0, &BODY[..at - body]) } else { (4, "old") };
            assert_eq!((run.status, place.read("f").as_str()), wanted, "{end:?} at {at}: {run:?}");
        });
    }
}

#[test]
fn after_complete_framing_a_missing_close_notify_is_no_error() {
    let authority = Authority::new().expect("made");
    for response in [with_length("", BODY.as_bytes()), response("Transfer-Encoding: chunked", &chunked(BODY.as_bytes(), ""))] {
        let server = Server::start_tls(&authority, move |_| vec![Step::send(&response), Step::CloseWithoutNotify]);
        let place = Place::new();
        place.write("ca.pem", authority.pem());
        place.fetch(&["-q", &server.expect("started").url("/"), "-o", "f", "--cacert", "ca.pem"]).succeeded();
        assert_eq!(place.read("f"), BODY);
    }
}

//! Content codings: decoded, left alone, refused.

use crate::framed::{gzip, zstd};
use crate::harness::Place;
use fixtures::{Server, Step, head, reply};

fn serving(coding: &str, body: Vec<u8>) -> Server {
    let fields = format!("Content-Encoding: {coding}");
    Server::start(move |_| reply("200 OK", &fields, &body)).expect("started")
}

#[test]
fn codings_in_a_row_are_decoded_the_last_first() {
    let body = zstd(&gzip(b"hello"));
    let (server, place) = (serving("gzip, zstd", body), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "hello");
    assert_eq!(server.requests()[0].field("Accept-Encoding").as_deref(), Some("gzip, deflate, br, zstd"));
}

#[test]
fn no_compression_neither_asks_nor_decodes() {
    let body = gzip(b"hello");
    let (server, place) = (serving("gzip", body.clone()), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--no-compression"]).succeeded();
    assert_eq!(place.bytes("f"), body);
    assert_eq!(server.requests()[0].field("Accept-Encoding"), None);
}

#[test]
fn what_follows_the_stream_and_what_is_corrupt_is_refused() {
    let mut corrupt = gzip(b"hello");
    let crc = corrupt.len() - 8;
    corrupt[crc] ^= 1;
    for (body, why) in [([gzip(b"hello"), b"rubbish".to_vec()].concat(), "after the end"), (corrupt, "corrupt")] {
        let (server, place) = (serving("gzip", body), Place::with_old_file());
        place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), why);
        assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let (server, place) = (serving("gzip", gzip(&vec![0; 50_000_000])), Place::with_old_file());
    let run = place.fetch(&["-q", &server.url("/"), "-o", "f", "--max-size", "1M"]);
    run.failed(7, &server.url("/"), "larger than 1048576 bytes");
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
}

#[test]
fn six_codings_are_too_many_and_no_bytes_are_a_body_where_the_length_says_so() {
    let (server, place) = (serving("gzip,gzip,gzip,gzip,gzip,gzip", gzip(b"x")), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), "more than 5");
    let (server, place) = (serving("gzip", Vec::new()), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "");
}

/// A few kilobytes that come to two million empty gzip members, under two more codings.
fn empty_members() -> Vec<u8> {
    gzip(&gzip(&gzip(b"").repeat(2_000_000)))
}

#[test]
fn a_body_of_empty_members_is_refused_at_every_stage() {
    let bomb = empty_members();
    assert!(bomb.len() < 10_000);
    let sent = bomb.clone();
    let transfer = Server::start(move |_| {
        let fields = "Transfer-Encoding: gzip, gzip, gzip, chunked";
        let chunk = [format!("{:x}\r\n", sent.len()).as_bytes(), &sent, b"\r\n0\r\n\r\n"].concat();
        vec![Step::Send(head("200 OK", fields)), Step::Send(chunk)]
    });
    for (server, options) in [(serving("gzip, gzip, gzip", bomb), &[][..]), (transfer.expect("started"), &["--no-compression"])] {
        let place = Place::with_old_file();
        let run = place.fetch(&[&["-q", &server.url("/"), "-o", "f"], options].concat());
        run.failed(7, &server.url("/"), "the gzip stream is almost all empty members or blocks");
        let run = place.fetch(&[&["-q", &server.url("/"), "-o", "f", "--max-size", "1M"], options].concat());
        run.failed(7, &server.url("/"), "larger than 1048576 bytes");
        assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
    }
}

#[test]
fn decoding_what_gives_nothing_ends_at_the_limit_of_time() {
    // One stage only, fed from the wire without end: only the clock can stop it.
    let members = gzip(b"").repeat(50_000);
    let server = Server::start(move |_| {
        let start = Step::Send(head("200 OK", "Content-Encoding: gzip"));
        std::iter::once(start).chain(std::iter::repeat_n(Step::send(&members), 10_000)).collect()
    })
    .expect("started");
    let place = Place::with_old_file();
    place.fetch(&["-q", &server.url("/"), "-o", "f", "-m", "0.5"]).failed(4, &server.url("/"), "not done within 0.5 s");
    assert_eq!(place.read("f"), "old");
}

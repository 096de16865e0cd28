//! Replies made at random: from a grammar that knows what servers get wrong, and by damage.

use crate::framed::{br, deflate, gzip, zstd};
use fastrand::Rng;

/// The reply that belongs to a seed.
pub(crate) fn reply(seed: u64) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed);
    let mut reply = from_grammar(&mut rng);
    // A third as it is, a third slightly damaged, a third cut off or worse.
    match rng.u8(0..6) {
        0 | 1 => {}
        2 | 3 => damage(&mut rng, &mut reply, 1),
        4 => reply.truncate(rng.usize(0..=reply.len())),
        _ => {
            let times = rng.usize(2..6);
            damage(&mut rng, &mut reply, times);
        }
    }
    reply
}

/// The same reply, without what curl alone refuses: empty lines before the status line (RFC 9112 section 2.2), a
/// version that is read as 1.1 (RFC 9110 section 2.5), and fields of more than 100 KB.
pub(crate) fn for_curl(reply: &[u8]) -> Vec<u8> {
    let reply = reply.trim_ascii_start();
    let is_short = |line: &&[u8]| line.len() < 50_000 || !line.starts_with(b"X: ");
    let mut reply = reply.split(|byte| *byte == b'\n').filter(is_short).collect::<Vec<_>>().join(&b'\n');
    let later = reply.windows(8).enumerate().filter(|(_, window)| *window == b"HTTP/1.2");
    for at in later.map(|(at, _)| at).collect::<Vec<_>>() {
        reply[at + 7] = b'1';
    }
    reply
}

fn pick<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    choices[rng.usize(..choices.len())]
}

/// The first of these choices mostly.
fn mostly<'a>(rng: &mut Rng, choices: &[&'a str]) -> &'a str {
    if rng.u8(0..16) < 13 { choices[0] } else { pick(rng, choices) }
}

fn from_grammar(rng: &mut Rng) -> Vec<u8> {
    let line_end = mostly(rng, &["\r\n", "\n"]);
    let mut head = String::new();
    if rng.u8(0..12) == 0 {
        head += pick(rng, &["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "\r\n", "\n"]);
    }
    head += mostly(rng, &["HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "http/1.1", "HTTP/2", "HTTP/1"]);
    head += mostly(rng, &[" 200", " 203", " 206", " 299", " 404", " 204", " 304", " 302", "  200", " 500", " 600", " 20"]);
    head += mostly(rng, &[" OK", "", " ", " \u{e9}", " a b c"]);
    head += line_end;
    let plain = body(rng);
    let (coding, coded) = content_coding(rng, &plain);
    head += &coding;
    let framed = frame(rng, &mut head, &coded);
    for _ in 0..rng.u8(0..4) {
        head += &field(rng);
        head += line_end;
    }
    let head = if line_end == "\n" { head.replace("\r\n", "\n") } else { head };
    [head.as_bytes(), mostly(rng, &["\r\n", "\n"]).as_bytes(), &framed].concat()
}

fn body(rng: &mut Rng) -> Vec<u8> {
    let length = match rng.u8(0..8) {
        0 => 0,
        1 => 20_000,
        _ => rng.usize(1..400),
    };
    // Two in three compress well.
    let letters = if rng.u8(0..3) == 0 { 255 } else { 4 };
    (0..length).map(|_| b'a'.wrapping_add(rng.u8(0..letters))).collect()
}

/// The field, and the body under its coding: now and then another than it says, cut off, or with more behind it.
fn content_coding(rng: &mut Rng, plain: &[u8]) -> (String, Vec<u8>) {
    let name = mostly(
        rng,
        &["", "gzip", "x-gzip", "deflate", "br", "zstd", "identity", "none", "GZIP", "gzip, gzip", "gzip, br", "rot13", "", ","],
    );
    if name.is_empty() {
        return (String::new(), plain.to_vec());
    }
    let mut coded = plain.to_vec();
    for coding in name.split(", ") {
        coded = match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip(&coded),
            "deflate" if rng.bool() => deflate(&coded),
            "deflate" => raw_deflate(&coded),
            "br" => br(&coded),
            "zstd" => zstd(&coded),
            _ => coded,
        };
    }
    match rng.u8(0..10) {
        0 => coded = plain.to_vec(),
        1 => coded.truncate(rng.usize(0..=coded.len())),
        2 => coded.extend(mostly(rng, &["x", "\0\0\0\0"]).bytes()),
        3 => coded.extend_from_within(..),
        _ => {}
    }
    (format!("Content-Encoding: {name}\r\n"), coded)
}

fn raw_deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::read::DeflateEncoder::new(plain, flate2::Compression::new(6));
    let mut coded = Vec::new();
    std::io::Read::read_to_end(&mut encoder, &mut coded).expect("encodes");
    coded
}

/// Adds the fields of a framing to the header section; the body under it.
fn frame(rng: &mut Rng, head: &mut String, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let lengths = [
        format!("Content-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}, {length}\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1),
        format!("Content-Length: {}\r\n", length + 3),
        format!("Content-Length: {}\r\n", length.saturating_sub(3)),
        format!("Content-Length: +{length}\r\n"),
        format!("Content-Length: -{length}\r\n"),
        format!("Content-Length: {length}x\r\n"),
        format!("Content-Length: {length} {length}\r\n"),
        format!("Content-Length: 0x{length:x}\r\n"),
        format!("Content-Length: 00{length}\r\n"),
        "Content-Length: \r\n".to_owned(),
        "Content-Length: 99999999999999999999\r\n".to_owned(),
    ];
    let lengths: Vec<&str> = lengths.iter().map(String::as_str).collect();
    match rng.u8(0..8) {
        0 => body.to_vec(),
        1..=3 => {
            *head += mostly(rng, &lengths);
            body.to_vec()
        }
        _ => {
            let codings =
                ["chunked", "Chunked", "identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", "gzip", "xchunked", ""];
            let coding = mostly(rng, &codings);
            *head += &format!("Transfer-Encoding: {coding}\r\n");
            if rng.u8(0..6) == 0 {
                *head += mostly(rng, &lengths);
            }
            let coded = if coding.contains("gzip") { gzip(body) } else { body.to_vec() };
            if coding.to_ascii_lowercase().contains("chunked") { chunks(rng, &coded) } else { coded }
        }
    }
}

fn chunks(rng: &mut Rng, mut body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(rng.usize(1..=body.len()));
        body = rest;
        let extension = mostly(rng, &["", "", ";a=b", ";a=\"b\"", " ", "; x", "x", "\t"]);
        let size = if rng.u8(0..6) == 0 { format!("{:010X}", chunk.len()) } else { format!("{:x}", chunk.len()) };
        framed.extend(format!("{size}{extension}{}", mostly(rng, &["\r\n", "\n"])).bytes());
        framed.extend_from_slice(chunk);
        framed.extend(mostly(rng, &["\r\n", "\r\n", "\r\n", "\n", ""]).bytes());
    }
    let ends = [
        "0\r\n\r\n",
        "0\r\nX: y\r\n\r\n",
        "000\r\n\r\n",
        "0\n\n",
        "0\r\n",
        "0",
        "",
        "0\r\n\r\nrest",
        "0\r\nbad trailer\r\n\r\n",
        "-1\r\n\r\n",
    ];
    framed.extend(mostly(rng, &ends).bytes());
    framed
}

fn field(rng: &mut Rng) -> String {
    const FIELDS: &[&str] = &[
        "Content-Type: text/plain",
        "Connection: close",
        "Connection: keep-alive",
        "Server : spaced",
        "X-Folded: a\r\n b",
        "no colon",
        ": no name",
        "X Y: z",
        "X: \u{7f}\u{1}",
        "X: a\0b",
        "X: a\rb",
        "Set-Cookie: a=b; Path=/",
        "ETag: \"a\"",
        "Content-Range: bytes 0-9/10",
        "Content-Disposition: attachment; filename=../x",
        "Location: /42",
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "Trailer: X",
        "Upgrade: h2c",
    ];
    if rng.u8(0..20) == 0 { format!("X: {}", "y".repeat(rng.usize(0..120_000))) } else { pick(rng, FIELDS).to_owned() }
}

/// Changes, removes, inserts and repeats bytes.
fn damage(rng: &mut Rng, reply: &mut Vec<u8>, times: usize) {
    for _ in 0..times {
        if reply.is_empty() {
            return;
        }
        let at = rng.usize(..reply.len());
        match rng.u8(0..5) {
            0 => reply[at] ^= 1 << rng.u8(0..8),
            1 => drop(reply.remove(at)),
            2 => reply.insert(at, b"\r\n\0: ;0x"[rng.usize(..8)]),
            3 => {
                let end = (at + rng.usize(1..16)).min(reply.len());
                let part = reply[at..end].to_vec();
                reply.splice(at..at, part);
            }
            _ => drop(reply.drain(at..(at + rng.usize(1..16)).min(reply.len()))),
        }
    }
}

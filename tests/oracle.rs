//! Replies made at random, given to fetch and to curl: where fetch says saved, the bytes are curl's; and where only
//! curl does, it is known why.
//!
//!     cargo test --test whole oracle                                           # some thousands
//!     ORACLE_COUNT=100000 ORACLE_SEED=7 cargo test --test whole oracle -- --nocapture

use crate::harness::{Place, Run, finish, program};
use crate::replies::{for_curl, reply};
use fixtures::{Server, Step};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::thread;

/// How many replies there are, unless the environment says otherwise.
const COUNT: u64 = 2500;
/// The version of curl that the classes are about: with another, only the bytes are compared.
const VERSION: &str = "curl 7.88";
/// Seeds of replies that are always there: their classes are rare.
const RARE: &[u64] = &[161, 294, 1830, 2876, 3806, 4097, 5351, 5952, 7354, 9637];
const THREADS: u64 = 2;

/// What curl saves and fetch does not: what fetch says, what the reply has in that case, and why that is right.
const REFUSED: &[(&str, Has, &str)] = &[
    ("the header section was cut off", no_empty_line, "curl takes a close within the header section for the end of a body"),
    ("not an HTTP/1 response", no_version, "curl reads http/1.1 and HTTP/2 as HTTP/1.1"),
    ("bad version", any, "curl reads HTTP/1. 1 too"),
    ("bad status code", any, "curl reads 200OK as 200"),
    ("bad reason phrase", |reply| has(reply, b"\r"), "a bare CR ends a line for some readers (RFC 9112 section 2.2)"),
    ("bad line end", |reply| has(reply, b"\r"), "the same, and behind the data of a chunk curl skips what is there"),
    ("bad field name", any, "curl skips lines that are no fields, whatever they were before they were damaged"),
    ("bad byte in a field value", |reply| has(reply, b"\r") || has(reply, b"\0"), "a bare CR or NUL (RFC 9110 section 5.5)"),
    ("bad Content-Length", |reply| named(reply, "content-length"), "curl goes by the first digits, or by the last of several"),
    ("unsupported Transfer-Encoding", |reply| named(reply, "transfer-encoding"), "curl ignores what it does not know"),
    ("Transfer-Encoding in an HTTP/1.0", |reply| named(reply, "transfer-encoding"), "it may be the field of another hop"),
    ("contradict each other", |reply| named(reply, "content-length"), "curl lets Transfer-Encoding win, chunked or not"),
    ("bad chunk size", chunked, "curl reads digits, and skips the rest of the line"),
    ("nothing to save", |reply| has_status(reply, &[b"204", b"205"]), "204 and 205 have no content; curl says saved"),
    ("the server answered 304", |reply| has(reply, b" 304"), "it was not asked for; curl says saved, and writes nothing"),
    ("unexpected 206", |reply| has(reply, b" 206"), "a part was not asked for; curl takes it for the whole"),
    ("invalid redirect", |reply| has(reply, b" 30"), "curl saves the body of a redirect that leads nowhere"),
    ("stream is cut off", coded, "curl does not ask whether a coding reached its end"),
    ("is cut off", |reply| named(reply, "transfer-encoding: identity"), "curl ignores Content-Length beside \"identity\""),
    ("is cut off after", |reply| named(reply, "content-length: 99999"), "curl ignores a length of more than 63 bits"),
    ("is cut off after", ends_with_last_chunk, "curl does not wait for the very last line end"),
    ("is not known", coded, "curl does not ask for the coding of no bytes"),
    ("unexpected data after the end", coded, "curl ignores what follows"),
];

/// What fetch saves and curl does not: what curl says, and why fetch is right.
const ACCEPTED: &[(&str, Has, &str)] = &[
    ("(23)", two_members, "curl reads one member of gzip (RFC 1952 section 2.2 has any number)"),
    ("(61)", raw_deflate, "curl tells zlib from raw deflate only if two bytes come at once"),
    ("Too long hexadecimal", |reply| has(reply, b"0000000000"), "curl has a limit of 16 digits, zeros included"),
];

/// What both save, with other bytes.
const DIFFERENT: &[(Has, &str)] = &[(
    |reply| named(reply, "transfer-encoding: identity") && named(reply, "content-length"),
    "curl reads until the close; browsers go by the length, as for \"identity\" they always did",
)];

type Has = fn(&[u8]) -> bool;

fn any(_: &[u8]) -> bool {
    true
}

fn has(reply: &[u8], bytes: &[u8]) -> bool {
    reply.windows(bytes.len()).any(|window| window == bytes)
}

/// Whether it has a field, of which this is the start.
fn named(reply: &[u8], start: &str) -> bool {
    has(&reply.to_ascii_lowercase(), start.as_bytes())
}

fn chunked(reply: &[u8]) -> bool {
    named(reply, "chunked")
}

fn coded(reply: &[u8]) -> bool {
    named(reply, "-encoding")
}

fn two_members(reply: &[u8]) -> bool {
    // They may be under another coding.
    reply.windows(3).filter(|window| *window == b"\x1f\x8b\x08").count() > 1 || named(reply, "transfer-encoding: gzip")
}

fn raw_deflate(reply: &[u8]) -> bool {
    named(reply, "content-encoding: deflate") && chunked(reply)
}

fn has_status(reply: &[u8], statuses: &[&[u8]]) -> bool {
    let lines = reply.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"HTTP/1."));
    let mut found = lines.filter_map(|line| line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).nth(1));
    found.any(|word| statuses.contains(&word.trim_ascii_end()))
}

fn ends_with_last_chunk(reply: &[u8]) -> bool {
    chunked(reply) && reply.trim_ascii_end().ends_with(b"0")
}

fn no_empty_line(reply: &[u8]) -> bool {
    let last = reply.windows(5).rposition(|window| window == b"HTTP/").unwrap_or_default();
    !has(&reply[last..], b"\n\n") && !has(&reply[last..], b"\n\r\n")
}

fn no_version(mut reply: &[u8]) -> bool {
    while reply.starts_with(b"HTTP/1.1 1") {
        let end = reply.windows(4).position(|window| window == b"\r\n\r\n").map_or(reply.len(), |end| end + 4);
        reply = &reply[end..];
    }
    !reply.trim_ascii_start().starts_with(b"HTTP/1.")
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Same,
    BothRefused,
    Known(&'static str),
}

#[test]
fn what_fetch_saves_is_what_curl_saves() {
    let Some(curl) = program("curl") else { return };
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let (seed, count) = (number("ORACLE_SEED").unwrap_or(1), number("ORACLE_COUNT").unwrap_or(COUNT));
    let version = finish({
        let mut command = Command::new(&curl);
        command.arg("--version");
        command
    });
    let is_known = version.stdout.starts_with(VERSION.as_bytes());
    println!("ORACLE_SEED={seed} ORACLE_COUNT={count}");
    let server = Server::start(|request| {
        let path = request.path();
        let seed = path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        let reply = if path.starts_with("/curl/") { for_curl(&reply(seed)) } else { reply(seed) };
        vec![Step::send(reply), Step::Close]
    })
    .expect("started");
    let compare_all = |thread: u64| {
        let rare = RARE.iter().copied().filter(|_| count >= COUNT);
        let seeds = rare.chain(seed..seed + count).filter(|seed| seed % THREADS == thread);
        seeds.map(|seed| (seed, compare(seed, &server, &curl))).collect::<Vec<_>>()
    };
    let verdicts: Vec<(u64, Result<Verdict, String>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || compare_all(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
    });
    let mut classes: BTreeMap<Verdict, Vec<u64>> = BTreeMap::new();
    let (mut first_unknown, mut unknown) = (None, 0);
    for (seed, verdict) in verdicts {
        match verdict {
            Ok(verdict) => classes.entry(verdict).or_default().push(seed),
            Err(_) if !is_known => {}
            Err(why) => {
                println!("{why}\n");
                (first_unknown, unknown) = (first_unknown.or(Some(why)), unknown + 1);
            }
        }
    }
    for (verdict, seeds) in &classes {
        println!("{:>8} {verdict:?}, the first with seed {}", seeds.len(), seeds[0]);
    }
    assert_eq!(first_unknown, None, "{unknown} are of no class");
    let known = REFUSED.iter().map(|class| class.2).chain(ACCEPTED.iter().map(|class| class.2));
    for reason in known.chain(DIFFERENT.iter().map(|class| class.1)).filter(|_| count >= COUNT) {
        assert!(classes.contains_key(&Verdict::Known(reason)), "no reply is of the class \"{reason}\"");
    }
    assert!(count < COUNT || classes[&Verdict::Same].len() as u64 > COUNT / 10, "few replies are good");
}

/// Gives a reply to both.
fn compare(seed: u64, server: &Server, curl: &Path) -> Result<Verdict, String> {
    let place = Place::with_old_file();
    place.write("c", "");
    let ours = place.fetch(&["-q", "-m", "20", &server.url(&format!("/{seed}")), "-o", "f"]);
    let mut command = Command::new(curl);
    command.args(["-q", "-sS", "-f", "-L", "--compressed", "-m", "20", "--noproxy", "*", "-o", "c"]);
    command.arg(server.url(&format!("/curl/{seed}"))).current_dir(place.path("."));
    let theirs = finish(command);
    let refused = (3..=8).contains(&ours.status) && ours.stderr.lines().count() == 1 && place.read("f") == "old";
    if ours.status != 0 && !refused {
        return Err(format!("neither saved nor refused: {}", shown(seed, &ours, &theirs)));
    }
    let same = place.bytes("f") == place.bytes("c");
    let class = match (ours.status, theirs.status) {
        (0, 0) if same => return Ok(Verdict::Same),
        (0, 0) => DIFFERENT.iter().find(|(has, _)| has(&reply(seed))).map(|(_, reason)| *reason),
        (0, _) => {
            let class = ACCEPTED.iter().find(|(text, has, _)| theirs.stderr.contains(text) && has(&reply(seed)));
            class.map(|(.., reason)| *reason)
        }
        (_, 0) => {
            let class = REFUSED.iter().find(|(text, has, _)| ours.stderr.contains(text) && has(&reply(seed)));
            class.map(|(.., reason)| *reason)
        }
        _ => return Ok(Verdict::BothRefused),
    };
    class.map(Verdict::Known).ok_or_else(|| shown(seed, &ours, &theirs))
}

fn shown(seed: u64, ours: &Run, theirs: &Run) -> String {
    format!("ORACLE_SEED={seed} ORACLE_COUNT=1\nfetch: {ours:?}\ncurl: {theirs:?}\n{}", reply(seed).escape_ascii())
}

//! All URLs of a [`Job`]: ask, check, save. The one place that knows client, save and report.

use crate::client::{Body, Client, Observer, Response, Settings, without_userinfo};
use crate::coding::{CodingError, Decoder, content_codings};
use crate::error::{Error, Kind};
use crate::http::{Framing, Head, Method, Request};
use crate::net::{Event, NetError, Timer};
use crate::report::{Progress, Report, TerminalText};
use crate::save::{Destination, Sink, derived_name};
use ring::digest::{Context, SHA256};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};
use url::Url;

/// Below this many bytes a pipe is not worth making.
const WORTH_SPLICING: u64 = 512 * 1024;
/// How many bytes are spliced at a time: what a pipe may hold without privileges.
const SPLICE: usize = 1024 * 1024;

/// Everything that was asked for, valid as it is: after it, nothing is a usage error.
#[derive(Debug)]
pub struct Job {
    /// What to fetch: http and https URLs.
    pub urls: Vec<Url>,
    /// Where to.
    pub output: Output,
    /// How to ask.
    pub settings: Settings,
    /// The most bytes that a body may have, on the wire or decoded.
    pub max_size: Option<u64>,
    /// What the SHA-256 of the saved bytes must be.
    pub sha256: Option<[u8; 32]>,
    /// Whether the body of a 4xx or 5xx response is saved too.
    pub include_error_body: bool,
}

/// Where bodies are saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
    /// Derived names in this directory.
    Directory(PathBuf),
}

/// Does it all, and tells `report`. One failed URL stops no other; the answer is the worst
/// failure's kind, `None` where there was none.
pub fn run(mut job: Job, report: &mut Report) -> Option<Kind> {
    let urls = std::mem::take(&mut job.urls);
    let (mut client, limits) = (
        Client::new(job.settings),
        Limits { max_size: job.max_size, sha256: job.sha256, include_error_body: job.include_error_body },
    );
    let mut worst: Option<Kind> = None;
    for (index, url) in urls.iter().enumerate() {
        let (body, done) = fetch(url, &job.output, &limits, &mut client, report);
        // The last connection is of no use to anybody, and not to be waited for.
        if let Some(body) = body.filter(|_| index + 1 < urls.len()) {
            client.keep(body);
        }
        let Err(error) = done else { continue };
        crate::interrupt::end_if_caught();
        report.error(without_userinfo(url.clone()).as_str(), &error);
        worst = Some(worst.map_or(error.kind(), |worst| worst.worse(error.kind())));
        if error.kind() == Kind::ClosedPipe {
            break;
        }
    }
    worst
}

/// What a body must be.
struct Limits {
    max_size: Option<u64>,
    sha256: Option<[u8; 32]>,
    include_error_body: bool,
}

/// Asks for one URL and saves what is to be saved. The body comes back, for its connection, unless it
/// failed.
fn fetch(
    url: &Url,
    output: &Output,
    limits: &Limits,
    client: &mut Client,
    report: &mut Report,
) -> (Option<Body>, Result<(), Error>) {
    let method = client.settings().method;
    // A place that cannot be written to is found out before anything is sent.
    let destination = match output {
        Output::File(path) if method == Method::Get => Destination::file(path),
        Output::Directory(path) => Ok(Destination::directory(path)),
        _ => Ok(Destination::stdout()),
    };
    let asked = destination.and_then(|destination| Ok((destination, client.get(url, &mut Teller::new(report))?)));
    let (destination, response) = match asked {
        Ok(asked) => asked,
        Err(error) => return (None, Err(error)),
    };
    let Response { request, head, body, .. } = response;
    let verdict = judge(&head, &request);
    let wanted = match verdict {
        Ok(wanted) => wanted,
        Err(_) => limits.include_error_body && head.status() >= 400,
    };
    if !wanted || method == Method::Head {
        return (Some(body), verdict.map(drop));
    }
    match save(url, &head, body, &destination, limits, client.settings().compression, report) {
        Ok(body) => (Some(body), verdict.map(drop)),
        Err(error) => (None, Err(error)),
    }
}

/// What a status means: whether there is something to save, or a failure.
fn judge(head: &Head, request: &Request) -> Result<bool, Error> {
    let sent = |names: &[&str]| names.iter().any(|name| request.fields().get(name).is_some());
    let answered = |kind| Err(Error::new(kind, "not saved").because(format!("the server answered {}", head.status_text())));
    match head.status() {
        206 if !sent(&["Range"]) => {
            let why = "the server sent a part (206) where the whole was asked for";
            Err(Error::new(Kind::Protocol, "not saved").because(why))
        }
        304 if sent(&["If-None-Match", "If-Modified-Since"]) => Ok(false),
        304 => answered(Kind::Status),
        200..=399 => Ok(true),
        401 | 407 => answered(Kind::Authentication),
        // RFC 9110 section 15: a status out of range is treated as 5xx.
        _ => answered(Kind::Status),
    }
}

/// Receives a body and saves it; afterwards its connection is free.
fn save(
    url: &Url,
    head: &Head,
    mut body: Body,
    destination: &Destination,
    limits: &Limits,
    decode: bool,
    report: &Report,
) -> Result<Body, Error> {
    let mut codings = if decode { content_codings(head.fields()).map_err(undecodable)? } else { Vec::new() };
    codings.extend(body.transfer_codings());
    let length = match body.framing() {
        Framing::Length(length) => Some(length),
        Framing::Empty => Some(0),
        Framing::Chunked | Framing::UntilClose => None,
    };
    let mut meter = Meter {
        limits,
        wire: 0,
        saved: 0,
        digest: limits.sha256.map(|_| Context::new(&SHA256)),
        progress: report.progress(length),
        terminal: None,
        timer: body.timer().clone(),
        started: Instant::now(),
    };
    meter.allow(length.unwrap_or_default())?;
    let mut sink = destination.open(body.timer(), || derived_name(url, head))?;
    meter.terminal = sink.is_terminal().then(TerminalText::default);
    if codings.is_empty() {
        while let Some(piece) = body.piece()? {
            meter.received(piece.len() as u64)?;
            meter.save(piece, &mut sink)?;
            if meter.digest.is_none() && sink.is_file() && body.spliceable() >= WORTH_SPLICING {
                splice(&mut body, &mut sink, &mut meter)?;
            }
        }
    } else {
        let mut decoder = Decoder::new(&codings);
        while let Some(piece) = body.piece()? {
            meter.received(piece.len() as u64)?;
            decoder
                .decode(piece, &mut |plain| meter.save(plain, &mut sink).map_err(Trouble::Save))
                .map_err(Trouble::into_error)?;
        }
        decoder.finish(body.framing() != Framing::UntilClose).map_err(undecodable)?;
    }
    meter.check(&mut sink)?;
    let (saved, took) = (meter.saved, meter.started.elapsed());
    // The progress line goes before anything else is printed.
    drop(meter);
    let modified = head.fields().get("Last-Modified").and_then(date);
    if let Some(path) = sink.finish(modified)? {
        report.note(&format!("saved {} ({saved} bytes), body {:.1} ms", path.display(), took.as_secs_f64() * 1e3));
    }
    Ok(body)
}

/// A failure in the middle of decoding.
enum Trouble {
    Coding(CodingError),
    Save(Error),
}

impl From<CodingError> for Trouble {
    fn from(error: CodingError) -> Trouble {
        Trouble::Coding(error)
    }
}

impl Trouble {
    fn into_error(self) -> Error {
        match self {
            Trouble::Coding(error) => undecodable(error),
            Trouble::Save(error) => error,
        }
    }
}

fn undecodable(error: CodingError) -> Error {
    // Cut off is cut off, wherever it shows.
    let kind = if matches!(error, CodingError::CutOff(_)) { Kind::Network } else { Kind::Protocol };
    let hint = matches!(error, CodingError::Unknown(_)).then_some("--no-compression saves the body as it was sent");
    Error::new(kind, "cannot decode the body").because(error).hint(hint)
}

/// Moves what is left of a body of known length straight into the file, inside the kernel.
fn splice(body: &mut Body, sink: &mut Sink, meter: &mut Meter<'_>) -> Result<(), Error> {
    let pipe = pipe_with(PipeFlags::CLOEXEC);
    let failed = |error: Errno| Error::new(Kind::Other, "cannot make a pipe").because(io::Error::from(error));
    let (from, to) = pipe.map_err(failed)?;
    // Where the system does not allow it, the pipe stays as small as it is.
    let _ = fcntl_setpipe_size(&to, SPLICE);
    while body.spliceable() > 0 {
        let most = body.spliceable().min(SPLICE as u64);
        let moved = body.splice(to.as_fd(), most)?;
        sink.write_from_pipe(from.as_fd(), moved)?;
        meter.wire += moved;
        meter.saved += moved;
        meter.progress.add(moved);
    }
    Ok(())
}

/// Counts, limits and checks what passes.
struct Meter<'l> {
    limits: &'l Limits,
    wire: u64,
    saved: u64,
    digest: Option<Context>,
    progress: Progress,
    /// Where the body is shown on a terminal.
    terminal: Option<TerminalText>,
    /// A little on the wire may be much to decode and to save.
    timer: Timer,
    started: Instant,
}

impl Meter<'_> {
    /// Bytes of the body as they came off the wire, framing undone.
    fn received(&mut self, bytes: u64) -> Result<(), Error> {
        self.wire += bytes;
        self.progress.add(bytes);
        self.allow(self.wire)
    }

    /// Bytes as they are saved.
    fn save(&mut self, bytes: &[u8], sink: &mut Sink) -> Result<(), Error> {
        self.saved += bytes.len() as u64;
        self.allow(self.saved)?;
        let over = |error: NetError| Error::new(Kind::Network, "the body is not done").because(error);
        self.timer.patience().map_err(over)?;
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        match &mut self.terminal {
            Some(text) => sink.write(&text.next_piece(bytes)),
            None => sink.write(bytes),
        }
    }

    fn allow(&self, bytes: u64) -> Result<(), Error> {
        match self.limits.max_size {
            Some(most) if bytes > most => {
                let why = format!("it is larger than {most} bytes (--max-size)");
                Err(Error::new(Kind::Protocol, "the body is too large").because(why))
            }
            _ => Ok(()),
        }
    }

    /// The verdict once everything has passed.
    fn check(&mut self, sink: &mut Sink) -> Result<(), Error> {
        if let Some(text) = &mut self.terminal {
            sink.write(&text.rest())?;
        }
        let Some((wanted, digest)) = self.limits.sha256.zip(self.digest.take()) else { return Ok(()) };
        let found = digest.finish();
        if found.as_ref() == wanted {
            return Ok(());
        }
        let hex = data_encoding::HEXLOWER.encode(found.as_ref());
        let why = format!("its SHA-256 is {hex}, not what --sha256 asks for");
        Err(Error::new(Kind::Protocol, "not the body that was wanted").because(why))
    }
}

fn date(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

/// Brings what the client sees to the report, and for -v how long each phase of a hop took.
struct Teller<'r> {
    report: &'r mut Report,
    since: Instant,
    phases: Vec<String>,
}

impl<'r> Teller<'r> {
    fn new(report: &'r mut Report) -> Teller<'r> {
        Teller { report, since: Instant::now(), phases: Vec::new() }
    }

    /// A phase ended now, where the next begins.
    fn phase(&mut self, name: &str) {
        let now = Instant::now();
        self.phases.push(format!("{name} {:.1} ms", (now - self.since).as_secs_f64() * 1e3));
        self.since = now;
    }
}

impl Observer for Teller<'_> {
    fn connection(&mut self, event: Event) {
        if !self.report.is_verbose() {
            return;
        }
        match &event {
            Event::Resolved(_) => self.phase("dns"),
            Event::Connected(_) | Event::ConnectedUnix(_) => self.phase("connect"),
            Event::Secured { .. } => self.phase("tls"),
            Event::Refused(_) => {}
        }
        self.report.note(&match event {
            Event::Resolved(addresses) => {
                let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                format!("addresses: {}", list.join(", "))
            }
            Event::Refused(error) => error.to_string(),
            Event::Connected(address) => format!("connected to {address}"),
            Event::ConnectedUnix(path) => format!("connected to {}", path.display()),
            Event::Secured { version, cipher_suite, subject } => {
                format!("{version}, {cipher_suite}, certificate of {}", subject.unwrap_or("nobody it names".to_owned()))
            }
        });
    }

    fn request(&mut self, request: &Request, reused: bool) {
        if !self.report.is_verbose() {
            return;
        }
        if reused {
            self.report.note("using the connection again");
        }
        self.report.sent(&request.line());
        for (name, value) in request.fields().iter() {
            let secret = ["Authorization", "Cookie", "Proxy-Authorization"].iter().any(|s| s.eq_ignore_ascii_case(name));
            let value = if secret { "(hidden)".into() } else { String::from_utf8_lossy(value) };
            self.report.sent(&format!("{name}: {value}"));
        }
    }

    fn interim(&mut self, head: &Head) {
        self.report.note(&format!("interim response: {}", head.status_text()));
    }

    fn head(&mut self, head: &Head) -> Result<(), Error> {
        if self.report.is_verbose() {
            self.phase("wait");
            let phases = std::mem::take(&mut self.phases);
            self.report.note(&phases.join(", "));
        }
        self.report.header_section(head.raw())
    }
}

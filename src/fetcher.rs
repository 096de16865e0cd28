//! The front door of the library: ask, read, save, and know why not.

use crate::client::{self, Body, Client, Config, Credentials, NoopObserver};
use crate::coding::{CodingError, Decoder};
use crate::error::{Error, Kind};
use crate::http::{Fields, Framing, Head, InvalidField};
use crate::report::Report;
use crate::run::{self, Output, SaveOptions, undecodable};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use url::Url;

/// How many bytes of a body are received at a time, and the most that they may come to when decoded: what
/// comes to more wants to use up memory.
const CODED: usize = 16 * 1024;
const DECODED: usize = 64 * 1024 * 1024;

/// Fetches URLs, over connections that it keeps.
///
/// Get a response and read it:
///
/// ```
/// # use fixtures::{Server, reply};
/// # let server = Server::start(|_| reply("200 OK", "Content-Type: text/plain", "hello"))?;
/// # let url = &server.url("/");
/// use fetch::Fetcher;
/// use std::io::Read;
///
/// let mut response = Fetcher::new().get(url)?;
/// let mut text = String::new();
/// response.read_to_string(&mut text)?;
/// assert_eq!((response.status(), response.header("content-type"), text.as_str()), (200, Some("text/plain"), "hello"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Save a file: the whole body, or the old file untouched. What fails and may pass is tried again, and
/// goes on where it stopped:
///
/// ```
/// # use fixtures::{Server, cut, ranged};
/// # use std::sync::atomic::{AtomicBool, Ordering};
/// # static CUT: AtomicBool = AtomicBool::new(true);
/// # let server = Server::start(|request| match CUT.swap(false, Ordering::SeqCst) {
/// #     true => cut(&ranged(request, "ETag: \"1\"", "hello"), 2),
/// #     false => ranged(request, "ETag: \"1\"", "hello"),
/// # })?;
/// # let url = &server.url("/");
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("hello.txt");
/// use fetch::Fetcher;
///
/// let saved = Fetcher::new().save(url, &path)?;
/// assert_eq!((saved.bytes, std::fs::read(&saved.path)?), (5, b"hello".to_vec()));
/// # assert_eq!(server.requests()[1].field("Range").as_deref(), Some("bytes=2-"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Set a header:
///
/// ```
/// # use fixtures::{Server, reply};
/// # let server = Server::start(|_| reply("200 OK", "", ""))?;
/// # let url = &server.url("/");
/// use fetch::Fetcher;
///
/// Fetcher::new().header("Accept-Language", "zh-CN, zh")?.user("me", "secret").get(url)?;
/// # let request = &server.requests()[0];
/// # assert_eq!(request.field("Accept-Language").as_deref(), Some("zh-CN, zh"));
/// # assert_eq!(request.field("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Know why it failed:
///
/// ```
/// # use fixtures::{Server, reply};
/// # let server = Server::start(|_| reply("404 Not Found", "", ""))?;
/// # let url = &server.url("/");
/// use fetch::{Fetcher, Kind};
///
/// let error = Fetcher::new().save(url, "page.html").expect_err("there is no such page");
/// assert_eq!(error.kind(), Kind::Status);
/// assert_eq!(error.to_string(), "not saved: the server answered 404 Not Found");
/// assert!(error.retry().is_none(), "another try would not help");
/// # assert!(!std::path::Path::new("page.html").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fetcher {
    client: Client,
    options: SaveOptions,
}

impl Default for Fetcher {
    fn default() -> Fetcher {
        Fetcher::new()
    }
}

impl Fetcher {
    /// One that asks as the program does without options, and knows no proxies.
    pub fn new() -> Fetcher {
        Fetcher { client: Client::new(Config::default()), options: SaveOptions { retries: 2, ..SaveOptions::default() } }
    }

    /// Sends a field, in place of any of that name, to the origin asked for and no other.
    pub fn header(mut self, name: &str, value: &str) -> Result<Fetcher, InvalidField> {
        Fields::new().append(name, value.as_bytes())?;
        self.client.config_mut().fields.push((name.to_owned(), Some(value.into())));
        Ok(self)
    }

    /// Sends a name and a password (Basic authentication) to the origin asked for and no other.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Fetcher {
        self.client.config_mut().credentials = Some(Credentials::new(name, password));
        self
    }

    /// How it asks: limits, proxies, whom to trust, and all else.
    pub fn config(&mut self) -> &mut Config {
        self.client.config_mut()
    }

    /// On what options it saves: how often to try again, what is too large, and all else.
    pub fn options(&mut self) -> &mut SaveOptions {
        &mut self.options
    }

    /// Asks for a URL, and follows where the answer leads. An error status is an answer, not a failure.
    pub fn get(&mut self, url: &str) -> Result<Response, Error> {
        let decode = self.client.config().compression;
        Response::new(self.client.get(&parse(url)?, &mut NoopObserver)?, decode)
    }

    /// Saves a URL's body as a file. An error status is a failure.
    pub fn save(&mut self, url: &str, path: impl AsRef<Path>) -> Result<Saved, Error> {
        self.save_to(url, &Output::File(path.as_ref().to_owned()))
    }

    /// Saves a URL's body in a directory, under a name that the server or the URL gives and no file has.
    pub fn save_in(&mut self, url: &str, directory: impl AsRef<Path>) -> Result<Saved, Error> {
        self.save_to(url, &Output::Directory(directory.as_ref().to_owned()))
    }

    fn save_to(&mut self, url: &str, output: &Output) -> Result<Saved, Error> {
        let outcome = run::fetch(&parse(url)?, output, &self.options, &mut self.client, &mut Report::silent(), true);
        match outcome.failed {
            Some(error) => Err(error),
            None => Ok(Saved { path: outcome.summary.file.unwrap_or_default(), bytes: outcome.summary.bytes }),
        }
    }
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|why| Error::new(Kind::Usage, "this is no URL").because(why))
}

/// A file that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Where it is; nowhere, if it was written to what is no file.
    pub path: PathBuf,
    /// How many bytes were saved: none of a file that was there already.
    pub bytes: u64,
}

/// An answer. Its body is [read](Read) as the server meant it, content codings undone; one that is cut
/// off or corrupt ends in an error that holds an [`Error`], never in a short read.
pub struct Response {
    head: Head,
    url: Url,
    body: Body,
    decoder: Option<Decoder>,
    ready: Vec<u8>,
    taken: usize,
    done: bool,
    failed: bool,
}

impl Response {
    fn new(response: client::Response, decode: bool) -> Result<Response, Error> {
        let codings = response.codings(decode).map_err(undecodable)?;
        let client::Response { head, url, mut body, .. } = response;
        body.receive_at_most(CODED);
        let decoder = (!codings.is_empty()).then(|| Decoder::new(&codings));
        Ok(Response { head, url, body, decoder, ready: Vec::new(), taken: 0, done: false, failed: false })
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The address that answered, redirects followed.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The first value under that name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head.fields().get(name)?).ok()
    }

    /// All of the header section.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Receives until there is something to read, or nothing more comes.
    fn advance(&mut self) -> Result<(), Error> {
        self.ready.clear();
        self.taken = 0;
        while self.ready.is_empty() && !self.done {
            match (self.body.piece()?, &mut self.decoder) {
                (Some(piece), None) => self.ready.extend_from_slice(piece),
                (Some(piece), Some(decoder)) => {
                    decoder.decode(piece, &mut |plain| keep(&mut self.ready, plain)).map_err(|error| error.0)?;
                }
                (None, decoder) => {
                    self.done = true;
                    if let Some(mut decoder) = decoder.take() {
                        decoder.finish(self.body.framing() != Framing::UntilClose).map_err(undecodable)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Why decoding ended early.
struct Undecodable(Error);

impl From<CodingError> for Undecodable {
    fn from(error: CodingError) -> Undecodable {
        Undecodable(undecodable(error))
    }
}

fn keep(ready: &mut Vec<u8>, plain: &[u8]) -> Result<(), Undecodable> {
    ready.extend_from_slice(plain);
    if ready.len() <= DECODED {
        return Ok(());
    }
    Err(Undecodable(Error::new(Kind::Protocol, "cannot decode the body").because("a few bytes of it come to more than 64 MiB")))
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("the body failed before"));
        }
        if self.taken == self.ready.len() {
            self.advance().map_err(|error| {
                self.failed = true;
                io::Error::other(error)
            })?;
        }
        let length = buffer.len().min(self.ready.len() - self.taken);
        buffer[..length].copy_from_slice(&self.ready[self.taken..self.taken + length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{Server, Step, head, reply};
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).and_then(|()| encoder.finish()).expect("encoded")
    }

    /// What is read of a response with these fields and this body, of which as much is sent.
    fn read(fields: &str, body: &[u8], sent: usize) -> Result<Vec<u8>, String> {
        let head = head("200 OK", &format!("{fields}\nContent-Length: {}", body.len()));
        let script = vec![Step::Send([&head, &body[..sent]].concat()), Step::Close];
        let server = Server::start(move |_| script.clone()).expect("started");
        let mut read = Vec::new();
        let mut response = Fetcher::new().get(&server.url("/")).map_err(|error| error.to_string())?;
        response.read_to_end(&mut read).map(|_| read).map_err(|error| error.to_string())
    }

    #[test]
    fn a_body_is_read_decoded_and_whole_or_not_at_all() {
        let (plain, coded) = (b"hello".repeat(100_000), gzip(&b"hello".repeat(100_000)));
        assert!(read("", &plain, plain.len()) == Ok(plain.clone()));
        assert!(read("Content-Encoding: gzip", &coded, coded.len()) == Ok(plain.clone()));
        assert!(read("", &plain, 7).expect_err("cut off").contains("cut off after 7 of 500000 bytes"));
        assert!(read("Content-Encoding: gzip", &coded, 7).expect_err("cut off").contains("cut off"));
        assert!(read("Content-Encoding: gzip", &plain, plain.len()).expect_err("no gzip").contains("cannot decode"));
    }

    #[test]
    fn the_error_of_a_read_tells_what_kind_it_is() {
        let server = Server::start(|_| vec![Step::Send(head("200 OK", "Content-Length: 9")), Step::Close]).expect("started");
        let mut response = Fetcher::new().get(&server.url("/")).expect("a response");
        let error = response.read(&mut [0]).expect_err("cut off");
        response.read(&mut [0]).expect_err("still");
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).expect("ours");
        assert_eq!((inner.kind(), inner.retry().is_some()), (Kind::Network, true));
    }

    #[test]
    fn derived_names_are_told() {
        let (server, directory) =
            (Server::start(|_| reply("200 OK", "", "x")).expect("started"), tempfile::tempdir().expect("made"));
        let mut fetcher = Fetcher::new();
        let names = [1, 2].map(|_| fetcher.save_in(&server.url("/a.txt"), directory.path()).expect("saved").path);
        assert_eq!(names, ["a.txt", "a-1.txt"].map(|name| directory.path().join(name)));
        assert_eq!(server.connections(), 1);
    }
}

//! The library's entry point: request, read and save URLs.

use crate::client::{Client, Config, Credentials, Home, NoopObserver, RequestOptions, Response};
use crate::error::{Error, Kind};
use crate::http::{Fields, InvalidField, Method};
use crate::net::Timer;
use crate::report::Report;
use crate::run::{self, Entry, Input, Item, Outcome, Output, Parallel, SaveOptions, Session};
use crate::save::NamedFiles;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Fetches URLs, over connections that it keeps. Several threads may use one at once, with a reference or an
/// [`Arc`](std::sync::Arc): they share its connections, its cookies, and the addresses of names.
///
/// Request a URL and read the response:
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
/// Save a file: the whole body, or the old file untouched. A transient failure is tried again, and the
/// save resumed where it stopped:
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
/// assert_eq!((error.status(), error.to_string().as_str()), (Some(404), "the server answered 404 Not Found"));
/// assert!(error.retry().is_none(), "another try would not help");
/// # assert!(!std::path::Path::new("page.html").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
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
    /// One with the program's defaults, and without proxies.
    pub fn new() -> Fetcher {
        Fetcher::with_config(Config::default(), SaveOptions::default())
    }

    /// One with this configuration.
    pub fn with_config(config: Config, options: SaveOptions) -> Fetcher {
        Fetcher { client: Client::new(config), options }
    }

    /// Sends a header to the origin asked for and no other. The first of a name replaces a default header,
    /// further ones are added. An error for what cannot be a header of a request without content.
    pub fn header(self, name: &str, value: &str) -> Result<Fetcher, InvalidField> {
        let mut config = self.client.into_config();
        config.headers.add(name, value.as_bytes())?;
        Ok(Fetcher { client: Client::new(config), ..self })
    }

    /// Sends a name and a password (Basic authentication) to the origin asked for and no other.
    #[must_use]
    pub fn user(self, name: &str, password: &str) -> Fetcher {
        let config = Config { credentials: Some(Credentials::new(name, password)), ..self.client.into_config() };
        Fetcher { client: Client::new(config), ..self }
    }

    /// Requests a URL, and follows redirects. An error status is a response, not a failure.
    pub fn get(&self, url: &str) -> Result<Response, Error> {
        let (url, config) = (parse(url)?, self.client.config());
        let request = RequestOptions {
            url: &url,
            method: config.method,
            headers: &Fields::new(),
            home: &Home::of(&url, config)?,
            page: None,
            identity: false,
            timer: &Timer::start(config.limits),
            tap: None,
        };
        self.client.send(&request, &mut NoopObserver)
    }

    /// Saves a URL's body as a file. An error status is a failure.
    pub fn save(&self, url: &str, path: impl AsRef<Path>) -> Result<Saved, Error> {
        self.save_to(url, &Output::File(path.as_ref().to_owned()))
    }

    /// Saves a URL's body in a directory, under a name that the server or the URL gives and that is free.
    pub fn save_in(&self, url: &str, directory: impl AsRef<Path>) -> Result<Saved, Error> {
        self.save_to(url, &Output::Directory(directory.as_ref().to_owned()))
    }

    /// Saves many URLs at once, each with the same guarantees: in a directory, as
    /// [`save_in`](Fetcher::save_in) does, or as the file that an item names, whose directories are made. The
    /// items are asked for one by one as there is room for them: there may be any number, and an iterator may
    /// wait for outcomes. A retry waits in a queue and not
    /// in a thread, and a host that is slow holds up no other.
    ///
    /// Each outcome is given to `each` with the item's index, in the order in which they come about, from
    /// several threads, and before this returns. One failure stops no other URL; an error of the whole is that
    /// no thread can be started. Where `each` panics, so does this.
    ///
    /// ```
    /// # use fixtures::{Server, reply};
    /// # let server = Server::start(|request| reply(if request.path() == "/none" { "404 Not Found" } else { "200 OK" }, "", "hello"))?;
    /// # let url = |path: &str| server.url(path);
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// use fetch::{Fetcher, ListItem, Parallel};
    /// use std::sync::Mutex;
    ///
    /// let items = [ListItem::new(url("/a")), ListItem::new(url("/b")).file(directory.join("other")), ListItem::new(url("/none"))];
    /// let mut parallel = Parallel::default();
    /// parallel.jobs = 2;
    /// let failed = Mutex::new(Vec::new());
    /// Fetcher::new().save_list(items, directory, &parallel, |index, outcome| match outcome {
    ///     Ok(saved) => println!("{index}: {} bytes in {}", saved.bytes, saved.path.display()),
    ///     Err(error) => failed.lock().unwrap().push((index, error.status())),
    /// })?;
    /// assert_eq!(failed.into_inner()?, [(2, Some(404))]);
    /// assert_eq!(std::fs::read(directory.join("other"))?, b"hello");
    /// # assert_eq!(std::fs::read(directory.join("a"))?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save_list(
        &self,
        items: impl IntoIterator<Item = ListItem>,
        directory: impl AsRef<Path>,
        parallel: &Parallel,
        each: impl Fn(usize, Result<Saved, Error>) + Sync,
    ) -> Result<(), Error> {
        self.check_method()?;
        let (output, report) = (Output::Directory(directory.as_ref().to_owned()), Report::silent());
        let files = Arc::new(NamedFiles::of("items"));
        let session = Session::list(&self.client, &self.options, &report, Arc::clone(&files));
        let mut input = Items { items: items.into_iter(), read: 0, files };
        run::fetch_all(&mut input, &output, *parallel, &session, &|outcome| {
            each(usize::try_from(outcome.summary.id).unwrap_or(usize::MAX), Saved::of(outcome));
            ControlFlow::Continue(())
        })
    }

    fn save_to(&self, url: &str, output: &Output) -> Result<Saved, Error> {
        self.check_method()?;
        let report = Report::silent();
        Saved::of(run::fetch(parse(url)?, output, &Session::new(&self.client, &self.options, &report)))
    }

    fn check_method(&self) -> Result<(), Error> {
        match self.client.config().method {
            Method::Head => Err(Error::new(Kind::Usage, "HEAD has no body to save")),
            Method::Get => Ok(()),
        }
    }
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|error| Error::new(Kind::Usage, "invalid URL").caused_by(error))
}

/// A file that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// Where it is; empty, if the body was written to what is not a file.
    pub path: PathBuf,
    /// How many bytes were saved: none of a file that was there already.
    pub bytes: u64,
}

impl Saved {
    fn of(outcome: Outcome) -> Result<Saved, Error> {
        match outcome.failed {
            Some(error) => Err(error),
            None => Ok(Saved { path: outcome.summary.file.unwrap_or_default(), bytes: outcome.summary.bytes }),
        }
    }
}

/// A URL to be saved with [others](Fetcher::save_list).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListItem {
    url: String,
    file: Option<PathBuf>,
}

impl ListItem {
    /// A URL, to be saved under a name that the server or the URL gives.
    pub fn new(url: impl Into<String>) -> ListItem {
        ListItem { url: url.into(), file: None }
    }

    /// Saves it as this file. No two items may name the same.
    #[must_use]
    pub fn file(self, path: impl Into<PathBuf>) -> ListItem {
        ListItem { file: Some(path.into()), ..self }
    }
}

/// A list being read; the first item has the number 0.
struct Items<I> {
    items: I,
    read: u64,
    files: Arc<NamedFiles>,
}

impl<I: Iterator<Item = ListItem>> Input for Items<I> {
    fn next(&mut self, within: Duration) -> Result<Entry, Error> {
        // The iterator may wait for the outcome of what it gave before.
        if within.is_zero() {
            return Ok(Entry::Pending);
        }
        let Some(ListItem { url, file }) = self.items.next() else { return Ok(Entry::End) };
        let id = self.read;
        self.read += 1;
        let named = file.as_deref().map_or(Ok(()), |file| self.files.add(file, id));
        Ok(match named.and_then(|()| parse(&url)) {
            Ok(url) => Entry::Item(Item { id, url, https_guessed: false, file }),
            Err(error) => Entry::Invalid(id, url, error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::{Server, Step, head, reply};
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::sync::Mutex;

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
        let mut response = Fetcher::new().get(&server.url("/")).map_err(|error| error.full())?;
        let full = |error: std::io::Error| error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).map(Error::full);
        response.read_to_end(&mut read).map(|_| read).map_err(|error| full(error).unwrap_or_default())
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
    fn one_connection_serves_a_loop_whether_bodies_are_read_or_dropped() {
        let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
        let fetcher = Fetcher::new();
        for _ in 0..3 {
            fetcher.get(&server.url("/")).expect("a response").read_to_string(&mut String::new()).expect("read");
            drop(fetcher.get(&server.url("/")).expect("a response"));
        }
        assert_eq!((server.requests().len(), server.connections()), (6, 1));
    }

    #[test]
    fn threads_share_a_fetcher() {
        let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
        let (fetcher, url) = (Fetcher::new(), server.url("/"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| fetcher.get(&url).expect("a response").read_to_string(&mut String::new()).expect("read"));
            }
        });
        assert_eq!(server.requests().len(), 4);
    }

    #[test]
    fn a_request_without_content_has_no_header_that_frames_it() {
        for name in ["Content-Length", "transfer-encoding"] {
            assert_eq!(Fetcher::new().header(name, "5").err(), Some(InvalidField::Framing));
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let error = Fetcher::new().save("http://[", "f").expect_err("no URL");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!((error.to_string().as_str(), source.as_deref()), ("invalid URL", Some("invalid IPv6 address")));
    }

    #[test]
    fn derived_names_are_told() {
        let (server, directory) =
            (Server::start(|_| reply("200 OK", "", "x")).expect("started"), tempfile::tempdir().expect("made"));
        let fetcher = Fetcher::new();
        let names = [1, 2].map(|_| fetcher.save_in(&server.url("/a.txt"), directory.path()).expect("saved").path);
        assert_eq!(names, ["a.txt", "a-1.txt"].map(|name| directory.path().join(name)));
        assert_eq!(server.connections(), 1);
    }

    #[test]
    fn each_item_of_a_list_has_one_outcome() {
        let (server, directory) =
            (Server::start(|_| reply("200 OK", "", "x")).expect("started"), tempfile::tempdir().expect("made"));
        let named = |index: usize| ListItem::new(server.url(&format!("/{index}"))).file(directory.path().join("deep/er"));
        let urls = (0..100).map(|index| match index {
            7 => ListItem::new("http://["),
            8 | 9 => named(index),
            _ => ListItem::new(server.url(&format!("/{index}"))),
        });
        let outcomes = Mutex::new(BTreeMap::new());
        let each = |index, outcome: Result<Saved, Error>| {
            assert_eq!(outcomes.lock().expect("locked").insert(index, outcome.map_err(|error| error.full())), None);
        };
        Fetcher::new().save_list(urls, directory.path(), &Parallel::default(), each).expect("done");
        let outcomes = outcomes.into_inner().expect("locked");
        assert_eq!((outcomes.len(), outcomes.values().filter(|outcome| outcome.is_ok()).count()), (100, 98));
        assert_eq!(outcomes[&7], Err("invalid URL: invalid IPv6 address".to_owned()));
        assert!(outcomes[&9].as_ref().expect_err("named twice").starts_with("items 8 and 9 both name the file "));
        assert_eq!(std::fs::read(directory.path().join("99")).expect("saved"), b"x");
    }

    #[test]
    fn a_panic_of_the_callback_ends_a_list() {
        let (server, directory) =
            (Server::start(|_| reply("200 OK", "", "x")).expect("started"), tempfile::tempdir().expect("made"));
        let endless = (0_u64..).map(|number| ListItem::new(server.url(&format!("/{number}"))));
        let save = || Fetcher::new().save_list(endless, directory.path(), &Parallel::default(), |_, _| panic!("not today"));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(save)).is_err());
    }

    #[test]
    fn a_list_may_grow_from_its_outcomes() {
        let (server, directory) =
            (Server::start(|_| reply("200 OK", "", "x")).expect("started"), tempfile::tempdir().expect("made"));
        let (sender, items) = std::sync::mpsc::channel();
        sender.send(ListItem::new(server.url("/0"))).expect("read");
        let sender = Mutex::new(Some(sender));
        let each = |index: usize, outcome: Result<Saved, Error>| {
            outcome.expect("saved");
            let mut sender = sender.lock().expect("locked");
            match &*sender {
                Some(next) if index < 5 => next.send(ListItem::new(server.url(&format!("/{}", index + 1)))).expect("read"),
                _ => *sender = None,
            }
        };
        Fetcher::new().save_list(items, directory.path(), &Parallel::default(), each).expect("done");
        assert_eq!(server.requests().len(), 6);
    }
}

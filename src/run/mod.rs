//! All URLs of a [`Job`]: request, check, save. The one place that knows client, save and report.

mod archive;
mod engine;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod list;
mod observer;
mod outcomes;
mod page;
mod page_transfer;
mod plan;
mod queue;
mod receive;
mod retry;
mod saving;
mod transfer;

pub use list::{List, ParseUrl};

use crate::client::{Client, Config, RateLimit};
use crate::error::{Error, Kind};
use crate::http::ByteRange;
use crate::interrupt;
use crate::net::Timer;
pub use crate::page::Omit;
use crate::report::{ListProgress, Report, Summary};
use crate::save::{Directories, NamedFiles, check_private, write_private};
use crate::sys;
use archive::Archive;
use engine::{Engine, ReportFn};
use list::ListReader;
pub(crate) use list::{Entry, Input};
use outcomes::Outcomes;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use transfer::{Role, Transfer};
use url::Url;

/// A validated job: nothing in it is a usage error.
#[derive(Debug)]
pub struct Job {
    /// What to fetch.
    pub urls: Vec<JobUrl>,
    /// A file with more of it.
    pub list: Option<List>,
    /// How much of it at once.
    pub parallel: Parallel,
    /// Where to.
    pub output: Output,
    /// How requests are made.
    pub config: Config,
    /// How and what is saved.
    pub options: SaveOptions,
    /// Whether pages are saved with their assets, and without which.
    pub page: Option<Omit>,
    /// The page's HTML, if it is here already.
    pub document: Option<Vec<u8>>,
    /// Where every exchange is recorded.
    pub warc: Option<PathBuf>,
    /// Where the cookies are written at the end.
    pub cookie_jar: Option<PathBuf>,
    /// Files that were read for the job, and what is wrong in them.
    pub warnings: Vec<(String, String)>,
}

/// One URL of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobUrl {
    /// An http or https URL.
    pub url: Url,
    /// It had no scheme, and https was assumed because credentials are sent.
    pub https_guessed: bool,
}

/// How many requests are made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parallel {
    /// The most in all.
    pub jobs: usize,
    /// The most to one host and port.
    pub per_host: usize,
    /// The same for the assets of pages.
    pub per_host_parts: usize,
    /// The least time between two requests to one host and port.
    pub wait: Duration,
}

impl Parallel {
    /// The most files that a transfer has open: a connection, a file and its directory, a pipe, and an idle
    /// connection.
    const OPEN_FILES: usize = 6;
    /// The most that one has open while it waits for another try: its part file.
    const WAITING_FILES: usize = 2;
    /// The most that are open besides.
    const OTHER_FILES: usize = 24;

    /// As many jobs as the limit of open files allows, at least one.
    fn within(self, open_files: usize) -> Parallel {
        let most = open_files.saturating_sub(Parallel::OTHER_FILES) / (Parallel::OPEN_FILES + Parallel::WAITING_FILES);
        Parallel { jobs: self.jobs.min(most).max(1), ..self }
    }

    /// How many transfers may wait for another try, with what the jobs leave of the limit of open files.
    fn max_waiting(self, open_files: usize) -> usize {
        let jobs = self.jobs.saturating_mul(Parallel::OPEN_FILES);
        (open_files.saturating_sub(Parallel::OTHER_FILES + jobs) / Parallel::WAITING_FILES).max(1)
    }
}

impl Default for Parallel {
    fn default() -> Parallel {
        Parallel { jobs: 32, per_host: 6, per_host_parts: 24, wait: Duration::ZERO }
    }
}

/// How one URL is saved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SaveOptions {
    /// Whether a URL whose file is there already is done.
    pub skip_existing: bool,
    /// Whether an interrupted save is resumed.
    pub resume: bool,
    /// Whether only what changed is fetched.
    pub newer: bool,
    /// The byte range that is wanted.
    pub range: Option<ByteRange>,
    /// The most bytes that a body may have, on the wire or decoded.
    pub max_size: Option<u64>,
    /// What the SHA-256 of the saved bytes must be.
    pub sha256: Option<[u8; 32]>,
    /// Whether the body of a 4xx or 5xx response is saved too.
    pub include_error_body: bool,
    /// How often to try again after a transient failure.
    pub retries: u32,
    /// The most bytes a second.
    pub limit_rate: Option<u64>,
}

/// How often to try again, unless another number is asked for.
pub(crate) const DEFAULT_RETRIES: u32 = 2;

impl Default for SaveOptions {
    fn default() -> SaveOptions {
        SaveOptions {
            skip_existing: false,
            resume: false,
            newer: false,
            range: None,
            max_size: None,
            sha256: None,
            include_error_body: false,
            retries: DEFAULT_RETRIES,
            limit_rate: None,
        }
    }
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

/// A URL to be saved.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Which of the input it is.
    pub(crate) id: u64,
    pub(crate) url: Url,
    pub(crate) https_guessed: bool,
    /// Where to, if it has a place of its own.
    pub(crate) file: Option<PathBuf>,
}

impl Item {
    /// How many bytes of memory it takes, besides its own.
    fn size(&self) -> usize {
        self.url.as_str().len() + self.file.as_ref().map_or(0, |file| file.as_os_str().len())
    }
}

/// What became of one URL.
pub(crate) struct Outcome {
    pub(crate) summary: Summary,
    /// Why it failed.
    pub(crate) failed: Option<Error>,
    https_guessed: bool,
    progress: Option<Arc<ListProgress>>,
    /// The limits of the operation, for what is printed of it.
    timer: Timer,
}

impl Outcome {
    /// Of something for which no request was made.
    fn invalid(id: u64, url: String, error: Error, session: &Session<'_>) -> Outcome {
        let exit = error.kind().exit_status();
        let summary = Summary { id, url, exit, error: Some((&error).into()), ..Summary::default() };
        let (progress, timer) = (session.progress.clone(), Timer::start(session.client.config().limits));
        Outcome { summary, failed: Some(error), https_guessed: false, progress, timer }
    }
}

/// What all transfers of a run share.
pub(crate) struct Session<'s> {
    client: &'s Client,
    options: &'s SaveOptions,
    report: &'s Report,
    rate: Option<Arc<RateLimit>>,
    directories: Directories,
    archive: Option<Archive>,
    /// Whether pages are saved with their assets, and without which.
    page: Option<Omit>,
    /// The page's HTML, if it is here already.
    document: Mutex<Option<Vec<u8>>>,
    /// How assets are fetched.
    asset_options: SaveOptions,
    /// Whether there are several transfers.
    is_list: bool,
    /// Of all transfers, where there are several.
    progress: Option<Arc<ListProgress>>,
}

impl<'s> Session<'s> {
    /// One that records nothing.
    pub(crate) fn new(client: &'s Client, options: &'s SaveOptions, report: &'s Report) -> Session<'s> {
        let rate = options.limit_rate.map(|rate| Arc::new(RateLimit::new(rate)));
        Session {
            client,
            options,
            report,
            rate,
            directories: Directories::default(),
            archive: None,
            page: None,
            document: Mutex::default(),
            asset_options: asset_options(options),
            is_list: false,
            progress: None,
        }
    }

    /// One with several transfers, which records nothing.
    pub(crate) fn list(client: &'s Client, options: &'s SaveOptions, report: &'s Report, files: Arc<NamedFiles>) -> Session<'s> {
        Session { is_list: true, directories: Directories::new(&[], files), ..Session::new(client, options, report) }
    }
}

/// How the assets of a page are fetched that is saved with these options.
fn asset_options(options: &SaveOptions) -> SaveOptions {
    SaveOptions {
        max_size: Some(options.max_size.unwrap_or(page::MAX_ASSET)),
        retries: options.retries,
        limit_rate: options.limit_rate,
        ..SaveOptions::default()
    }
}

/// The URLs of a job: those that it names, then those of its list.
struct JobInput {
    urls: std::iter::Enumerate<std::vec::IntoIter<JobUrl>>,
    list: Option<ListReader>,
}

impl Input for JobInput {
    fn next(&mut self, within: Duration) -> Result<Entry, Error> {
        match (self.urls.next(), &mut self.list) {
            (Some((index, JobUrl { url, https_guessed })), _) => {
                Ok(Entry::Item(Item { id: index as u64 + 1, url, https_guessed, file: None }))
            }
            (None, Some(list)) => list.next(within),
            (None, None) => Ok(Entry::End),
        }
    }
}

/// Fetches all URLs and reports on each. One failed URL stops no other; the answer is the worst failure's
/// kind, `None` where there was none.
pub fn run(mut job: Job, report: &Report) -> Option<Kind> {
    job.warnings.iter().for_each(|(file, warning)| report.warning(file, warning));
    let outcomes = Outcomes::new(report);
    if let Err(error) = run_all(&mut job, &outcomes, report) {
        outcomes.fail(&error);
    }
    outcomes.worst()
}

/// An error is one of the whole run.
fn run_all(job: &mut Job, outcomes: &Outcomes<'_>, report: &Report) -> Result<(), Error> {
    // What cannot be written at the end is found out before anything is sent.
    job.cookie_jar.as_deref().map_or(Ok(()), check_private)?;
    let urls = std::mem::take(&mut job.urls);
    let files = Arc::new(NamedFiles::default());
    let list = job.list.take().map(|list| ListReader::new(list, urls.len() as u64, Arc::clone(&files))).transpose()?;
    if list.is_none() {
        files.complete();
    }
    let archive = job.warc.as_deref().map(|path| Archive::create(path, job.options.max_size)).transpose()?;
    let archive = archive.map(|(archive, left)| {
        if let Some(left) = left {
            report.note(&format!("kept: {}, which another run left", left.display()));
        }
        archive
    });
    let several = list.is_some() || urls.len() > 1 || !job.parallel.wait.is_zero() || job.page.is_some();
    // What was begun is to be ended in order; a write to a reader who does not read would outlast a signal.
    let ends_in_order = job.output != Output::Stdout && (several || job.cookie_jar.is_some());
    let _hold = ends_in_order.then(interrupt::hold);
    let client = Client::new(std::mem::take(&mut job.config));
    if several {
        sys::raise_open_files_limit();
        let (wanted, limit) = (job.parallel.jobs, sys::open_files_limit());
        job.parallel = job.parallel.within(limit);
        if job.parallel.jobs < wanted && list.is_some() {
            report.note(&format!("at most {} requests at once: the limit of open files is {limit}", job.parallel.jobs));
        }
    }
    let reserved: Vec<&Path> = job.warc.iter().chain(&job.cookie_jar).map(PathBuf::as_path).collect();
    let directories = Directories::new(&reserved, files);
    let mut session = Session {
        archive,
        directories,
        page: job.page,
        document: Mutex::new(job.document.take()),
        ..Session::new(&client, &job.options, report)
    };
    let done = if several {
        let progress = report.list_progress();
        session.progress = Some(Arc::clone(&progress));
        session.is_list = true;
        let (is_list, report) = (list.is_some(), |outcome| outcomes.report(outcome));
        let mut input = JobInput { urls: urls.into_iter().enumerate(), list };
        let done = Engine::new(&session, &job.output, job.parallel, &report).run(&mut input);
        outcomes.totals(&progress, is_list);
        done
    } else {
        for JobUrl { url, https_guessed } in urls {
            let item = Item { id: 1, url, https_guessed, file: None };
            let _ = outcomes.report(Transfer::new(&session, item, Role::File, &job.output).run());
        }
        Ok(())
    };
    if let Some(archive) = session.archive.take() {
        match archive.finish() {
            Ok(Some(path)) => report.note(&format!("recorded in {}", path.display())),
            Ok(None) => report.note("nothing was recorded: the older WARC file is as it was"),
            Err(error) => outcomes.fail(&error),
        }
    }
    if let Some(path) = &job.cookie_jar {
        let cookies = client.jar().to_netscape(SystemTime::now());
        if let Err(error) = write_private(path, &cookies, &Timer::start(client.config().limits)) {
            outcomes.fail(&error);
        }
    }
    done
}

/// Fetches one URL and saves what is to be saved, trying again where that may help.
pub(crate) fn fetch<'s>(url: Url, output: &'s Output, session: &'s Session<'s>) -> Outcome {
    Transfer::new(session, Item { id: 1, url, https_guessed: false, file: None }, Role::File, output).run()
}

/// Fetches all URLs of an input, and gives each outcome to `report`, from the thread where it came about. An
/// error is one of the input, or of the system.
pub(crate) fn fetch_all(
    input: &mut dyn Input,
    output: &Output,
    parallel: Parallel,
    session: &Session<'_>,
    report: &ReportFn<'_>,
) -> Result<(), Error> {
    let parallel = parallel.within(sys::open_files_limit());
    Engine::new(session, output, parallel, report).run(input)
}

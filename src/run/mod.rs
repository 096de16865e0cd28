//! All URLs of a [`Job`]: request, check, save. The one place that knows client, save and report.

mod observer;
mod plan;
mod receive;
mod retry;
mod transfer;

use crate::client::{Client, Config, without_userinfo};
use crate::error::{Error, Kind};
use crate::http::ByteRange;
use crate::net::Timer;
use crate::report::{Report, Summary};
use crate::save::{check_private, write_private};
use std::path::PathBuf;
use std::time::SystemTime;
use transfer::Transfer;
use url::Url;

/// A validated job: nothing in it is a usage error.
#[derive(Debug)]
pub struct Job {
    /// What to fetch.
    pub urls: Vec<JobUrl>,
    /// Where to.
    pub output: Output,
    /// How requests are made.
    pub config: Config,
    /// How and what is saved.
    pub options: SaveOptions,
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

/// What became of one URL.
pub(crate) struct Outcome {
    pub(crate) summary: Summary,
    /// Why it failed.
    pub(crate) failed: Option<Error>,
    /// The limits of the operation, for what is printed of it.
    timer: Timer,
}

/// Fetches all URLs and reports on each. One failed URL stops no other; the answer is the worst failure's
/// kind, `None` where there was none.
pub fn run(job: Job, report: &Report) -> Option<Kind> {
    let mut worst: Option<Kind> = None;
    let mut failed = |kind: Kind| worst = Some(worst.map_or(kind, |worst| worst.worse(kind)));
    job.warnings.iter().for_each(|(file, warning)| report.warning(file, warning));
    // A jar that cannot be written is found out before anything is sent.
    if let Some(error) = job.cookie_jar.as_deref().and_then(|path| check_private(path).err()) {
        report.failure(&error);
        return Some(error.kind());
    }
    let client = Client::new(job.config);
    for (index, JobUrl { url, https_guessed }) in job.urls.iter().enumerate() {
        let mut outcome = fetch(url, &job.output, &job.options, &client, report);
        if crate::interrupt::caught().is_some() {
            break;
        }
        outcome.summary.id = index + 1;
        let mut kind = None;
        if let Some(mut error) = outcome.failed {
            kind = Some(error.kind());
            if *https_guessed && error.kind() == Kind::Network {
                error = error.or_hint("https was assumed because credentials are sent; http:// sends them unencrypted");
            }
            report.error(without_userinfo(url.clone()).as_str(), outcome.summary.last_url.as_deref(), &error);
            failed(error.kind());
        }
        if let Err(error) = report.summary(&outcome.summary, &outcome.timer) {
            report.failure(&error);
            failed(error.kind());
        }
        if kind == Some(Kind::ClosedPipe) {
            break;
        }
    }
    let cookies = job.cookie_jar.as_ref().map(|path| (path, client.jar().to_netscape(SystemTime::now())));
    if let Some((path, cookies)) = cookies
        && let Err(error) = write_private(path, &cookies, &Timer::start(client.config().limits))
    {
        report.failure(&error);
        failed(error.kind());
    }
    worst
}

/// Fetches one URL and saves what is to be saved, trying again where that may help.
pub(crate) fn fetch(url: &Url, output: &Output, options: &SaveOptions, client: &Client, report: &Report) -> Outcome {
    Transfer::new(url, options, client, report).run(output)
}

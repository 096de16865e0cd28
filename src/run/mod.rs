//! All URLs of a [`Job`]: ask, check, save. The one place that knows client, save and report.

mod observer;
mod plan;
mod receive;
mod retry;
mod transfer;

use crate::client::{Client, Config, without_userinfo};
use crate::error::{Error, Kind};
use crate::http::ByteRange;
use crate::report::{Report, Summary};
use crate::save::write_private;
use std::path::PathBuf;
use std::time::SystemTime;
use transfer::Transfer;
use url::Url;

pub(crate) use receive::undecodable;

/// Everything that was asked for, valid as it is: after it, nothing is a usage error.
#[derive(Debug)]
pub struct Job {
    /// What to fetch: http and https URLs.
    pub urls: Vec<Url>,
    /// Where to.
    pub output: Output,
    /// How to ask.
    pub config: Config,
    /// How to save, and what.
    pub options: SaveOptions,
    /// Where the cookies go at the end.
    pub cookie_jar: Option<PathBuf>,
}

/// On what options one URL is saved.
#[derive(Clone, Debug, Default)]
pub struct SaveOptions {
    /// Whether a URL whose file is there already is done.
    pub skip_existing: bool,
    /// Whether an interrupted save is to be gone on with.
    pub resume: bool,
    /// Whether only what changed is wanted.
    pub newer: bool,
    /// The part that is wanted.
    pub range: Option<ByteRange>,
    /// The most bytes that a body may have, on the wire or decoded.
    pub max_size: Option<u64>,
    /// What the SHA-256 of the saved bytes must be.
    pub sha256: Option<[u8; 32]>,
    /// Whether the body of a 4xx or 5xx response is saved too.
    pub include_error_body: bool,
    /// How often to try again after a failure that may pass.
    pub retries: u32,
    /// The most bytes a second.
    pub limit_rate: Option<u64>,
}

impl SaveOptions {
    /// A failure where so many bytes are too many.
    fn allow(&self, bytes: u64) -> Result<(), Error> {
        match self.max_size {
            Some(most) if bytes > most => {
                let why = format!("it is larger than {most} bytes (--max-size)");
                Err(Error::new(Kind::Protocol, "the body is too large").because(why))
            }
            _ => Ok(()),
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
#[derive(Debug)]
pub struct Outcome {
    /// All about it.
    pub summary: Summary,
    /// Why it failed.
    pub failed: Option<Error>,
}

/// Does it all, and tells `report`. One failed URL stops no other; the answer is the worst
/// failure's kind, `None` where there was none.
pub fn run(mut job: Job, report: &mut Report) -> Option<Kind> {
    let urls = std::mem::take(&mut job.urls);
    let mut client = Client::new(job.config);
    let mut worst: Option<Kind> = None;
    let mut failed = |kind: Kind| worst = Some(worst.map_or(kind, |worst| worst.worse(kind)));
    for (index, url) in urls.iter().enumerate() {
        // The last connection is of no use to anybody, and not to be waited for.
        let keep = index + 1 < urls.len();
        let mut outcome = fetch(url, &job.output, &job.options, &mut client, report, keep);
        crate::interrupt::end_if_caught();
        outcome.summary.id = index + 1;
        if let Some(error) = &outcome.failed {
            report.error(without_userinfo(url.clone()).as_str(), error);
            failed(error.kind());
        }
        if let Err(error) = report.summary(&outcome.summary) {
            report.failure(&error);
            failed(error.kind());
        }
        if outcome.failed.is_some_and(|error| error.kind() == Kind::ClosedPipe) {
            break;
        }
    }
    if let Some(path) = &job.cookie_jar
        && let Err(error) = write_private(path, &client.cookies().to_netscape(SystemTime::now()))
    {
        report.failure(&error);
        failed(error.kind());
    }
    worst
}

/// Fetches one URL and saves what is to be saved, trying again where that may help. With `keep`, the
/// client keeps the connection for the next.
pub fn fetch(url: &Url, output: &Output, options: &SaveOptions, client: &mut Client, report: &mut Report, keep: bool) -> Outcome {
    Transfer::new(url, options, client, report).run(output, keep)
}

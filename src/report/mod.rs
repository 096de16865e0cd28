//! What is printed: header sections, JSON, notes, errors, progress. The only place where text is made
//! safe for a terminal.

mod drawer;
mod list_progress;
mod output;
mod progress;
mod safe;
mod summary;

pub(crate) use list_progress::ListProgress;
pub(crate) use output::Printed;
pub(crate) use output::columns;
pub(crate) use progress::{Progress, When};
pub(crate) use safe::TerminalText;
pub(crate) use summary::{Assets, MissingAsset, Summary, WarcLocation};

use crate::error::{Error, Kind};
use crate::net::Timer;
use drawer::Style;
use output::{ProgressLine, Terminal};
use safe::{safe_line, safe_section};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What is printed of each URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Every header section, as it comes.
    Headers,
    /// One line of JSON at the end.
    Summaries,
    /// Nothing.
    #[default]
    Nothing,
}

/// What is printed, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportOptions {
    /// What is shown of a URL.
    pub shown: Shown,
    /// Whether that goes to standard error: standard output may be the body's.
    pub on_stderr: bool,
    /// Whether there are several URLs: then each header section has its URL above it.
    pub several: bool,
    /// Whether [details](Report::detail) are printed.
    pub verbose: bool,
    /// Whether [notes](Report::note) are left out, and progress.
    pub quiet: bool,
    /// Whether nothing at all is printed, not even errors.
    pub silent: bool,
    /// When progress is shown.
    pub progress: When,
    /// The longest wait for the reader of standard error.
    pub limit: Option<Duration>,
}

/// Prints, for one run of the program; shared by all threads.
#[derive(Debug, Default)]
pub struct Report {
    options: ReportOptions,
    terminal: Arc<Terminal>,
}

impl Report {
    /// Prints this.
    pub fn new(options: ReportOptions) -> Report {
        Report { options, terminal: Arc::default() }
    }

    /// Prints nothing at all.
    pub fn silent() -> Report {
        Report::new(ReportOptions { quiet: true, silent: true, ..ReportOptions::default() })
    }

    /// Prints a header section as it was received, from this URL.
    pub fn header_section(&self, url: &Url, raw: &[u8], timer: &Timer) -> Result<(), Error> {
        if self.options.shown != Shown::Headers {
            return Ok(());
        }
        let terminal = if self.options.on_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        let section = safe_section(raw, terminal);
        // A reader who closes the pipe has seen enough; the file is still wanted.
        if self.options.several {
            return self.show(&[url.as_str().as_bytes(), b"\n", &section].concat(), Some(timer)).map(drop);
        }
        self.show(&section, Some(timer)).map(drop)
    }

    /// Whether [summaries](Report::summary) are printed.
    pub fn wants_summaries(&self) -> bool {
        self.options.shown == Shown::Summaries
    }

    /// Prints a URL's outcome, within the limits of `timer` or, where it has to be printed whole, none.
    pub fn summary(&self, summary: &Summary, timer: Option<&Timer>) -> Result<Printed, Error> {
        if self.wants_summaries() { self.show(summary.line().as_bytes(), timer) } else { Ok(Printed::All) }
    }

    fn show(&self, bytes: &[u8], timer: Option<&Timer>) -> Result<Printed, Error> {
        if self.options.on_stderr {
            return self.terminal.print_on_stderr(bytes, timer);
        }
        self.terminal.print(bytes, timer)
    }

    /// Whether details are printed.
    pub fn is_verbose(&self) -> bool {
        self.options.verbose
    }

    /// Prints a line about what was tried and used.
    pub fn detail(&self, line: &str) {
        if self.options.verbose {
            self.error_line(&format!("* {}", safe_line(line)));
        }
    }

    /// Prints lines that are sent, all at once; of several transfers, below the URL of one.
    pub fn sent(&self, url: Option<&str>, lines: &[String]) {
        if self.options.verbose {
            let url = url.map(|url| format!("* {}: request", safe_line(url)));
            let lines = lines.iter().map(|line| format!("> {}", safe_line(line)));
            self.error_line(&url.into_iter().chain(lines).collect::<Vec<_>>().join("\n"));
        }
    }

    /// Prints a line about what became of a file.
    pub fn note(&self, line: &str) {
        if !self.options.quiet {
            self.error_line(&safe_line(line));
        }
    }

    /// Prints a warning: `fetch: SUBJECT: what happened`.
    pub fn warning(&self, subject: &str, line: &str) {
        if !self.options.quiet {
            let line = format!("fetch: {}: {line}", shorten(subject, SUBJECT));
            self.error_line(&shorten(&safe_line(&line), LINE));
        }
    }

    /// Prints the failure of a URL: `fetch: URL: what happened: why`. Where the failure came after a
    /// redirect, its URL is named too.
    /// The answer is that line without its beginning; `None` where nothing is to be said.
    pub fn error(&self, url: &str, last: Option<&str>, error: &Error) -> Option<String> {
        if error.kind() == Kind::ClosedPipe {
            return None;
        }
        let redirected = last.filter(|last| *last != url).map(|last| format!("redirected to {}: ", shorten(last, SUBJECT)));
        let line = format!("{}: {}{}", shorten(url, SUBJECT), redirected.unwrap_or_default(), error.full());
        let line = shorten(&safe_line(&line), LINE);
        self.error_line(&format!("fetch: {line}"));
        Some(line)
    }

    /// Prints a failure that is not one of a URL.
    pub fn failure(&self, error: &Error) {
        let lines: Vec<_> = error.full().lines().map(safe_line).collect();
        self.error_line(&shorten(&format!("fetch: {}", lines.join("\n")), LINE));
    }

    /// One line on standard error, at once.
    fn error_line(&self, line: &str) {
        if !self.options.silent {
            self.terminal.print_error(format!("{line}\n").as_bytes(), self.options.limit);
        }
    }

    /// The progress of something that may take long. Where the body itself is on the terminal there is
    /// none, unless it is asked for.
    pub fn progress(&self, body_on_terminal: bool) -> Progress {
        self.style(body_on_terminal).map_or_else(Progress::hidden, |style| Progress::shown(style, self.line(style)))
    }

    /// The progress of several URLs.
    pub(crate) fn list_progress(&self) -> Arc<ListProgress> {
        let style = self.style(false);
        Arc::new(style.map_or_else(ListProgress::hidden, |style| ListProgress::shown(style, self.line(style))))
    }

    /// How progress is drawn, if it is.
    fn style(&self, body_on_terminal: bool) -> Option<Style> {
        let wanted = match self.options.progress {
            _ if self.options.quiet => false,
            When::Always => true,
            When::Auto => !body_on_terminal,
            When::Never => false,
        };
        if !wanted {
            return None;
        }
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let style = Style { redraws: !dumb && io::stderr().is_terminal(), always: self.options.progress == When::Always };
        (style.redraws || style.always).then_some(style)
    }

    fn line(&self, style: Style) -> ProgressLine {
        ProgressLine { terminal: Arc::clone(&self.terminal), redraws: style.redraws }
    }
}

/// How many characters of a URL are printed before what is said about it.
const SUBJECT: usize = 500;
/// How many characters a line has.
const LINE: usize = 2000;

/// What a server says may be long; what is said about it need not be.
fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

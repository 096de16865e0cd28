//! `fetch`: parse, run, exit status.

use fetch::cli::{self, Kind, Output};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Before `main`, std opens /dev/null instead of a closed standard output: a body would be lost there
/// without an error.
#[ctor::ctor(unsafe)]
fn detect_closed_stdout() {
    let closed = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err();
    STDOUT_WAS_CLOSED.store(closed, Ordering::Relaxed);
}

fn main() -> ExitCode {
    let (job, report) = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(exit) => return exit.print().into(),
    };
    let prints_results = job.output == Output::Stdout || job.list.is_some() && report.wants_summaries();
    if prints_results && STDOUT_WAS_CLOSED.load(Ordering::Relaxed) {
        return Kind::ClosedPipe.exit_status().into();
    }
    if let Err(error) = cli::install() {
        report.detail(&format!("an interrupted save may leave its part file behind: {error}"));
    }
    let failed = cli::run(job, &report);
    cli::end_if_caught();
    failed.map_or(0, Kind::exit_status).into()
}

//! `fetch`: parse, run, exit status.

use fetch::cli::{self, ParseExit};
use fetch::error::Kind;
use fetch::report::Report;
use fetch::{interrupt, run};
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (job, mut report) = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(ParseExit::Help(text)) => {
            // Whoever closes the pipe has read enough of it.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(ParseExit::Error(error)) => {
            Report::silent().failure(&error);
            return error.kind().exit_status().into();
        }
    };
    if let Err(error) = interrupt::install() {
        report.note(&format!("an interrupted save may leave its part file behind: {error}"));
    }
    let failed = run::run(job, &mut report);
    interrupt::end_if_caught();
    failed.map_or(0, Kind::exit_status).into()
}

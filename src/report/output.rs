//! Standard output and standard error, shared by all threads: whole lines, within limits of time, around
//! the progress line.

use super::drawer::Canvas;
use crate::error::{Error, Kind, system_words};
use crate::interrupt;
use crate::net::{Timer, is_writable};
use rustix::fs::{FileType, fstat};
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes a writable pipe takes without blocking: PIPE_BUF.
const PIPE_BUF: usize = 4096;
/// The longest wait before an interrupt is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Terminal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A progress line is on the screen.
    drawn: bool,
    /// The reader of standard output closed it, or it could not be written: what was to follow would be torn.
    stdout_ended: bool,
    /// Standard error has a reader that does not read.
    stderr_stuck: bool,
}

impl Terminal {
    /// The state, with the progress line out of the way.
    fn cleared(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.drawn) {
            write_stderr(&mut state, b"\r\x1b[K", Some(Duration::ZERO));
        }
        state
    }

    /// Prints on standard output at once; a reader who does not read is waited for as long as `timer` allows,
    /// without one until a second signal ends the program. After one who closed it, and after a failure, nothing more is printed.
    pub(super) fn print(&self, bytes: &[u8], timer: Option<&Timer>) -> Result<Printed, Error> {
        let mut state = self.cleared();
        if state.stdout_ended {
            return Ok(Printed::Closed);
        }
        let printed = write_within(io::stdout().lock(), bytes, timer);
        state.stdout_ended = !matches!(printed, Ok(Printed::All));
        printed
    }

    /// The same on standard error.
    pub(super) fn print_on_stderr(&self, bytes: &[u8], timer: Option<&Timer>) -> Result<Printed, Error> {
        let _state = self.cleared();
        write_within(io::stderr().lock(), bytes, timer)
    }

    /// Prints on standard error at once; a reader who does not read is waited for this long, once.
    pub(super) fn print_error(&self, bytes: &[u8], limit: Option<Duration>) {
        write_stderr(&mut self.cleared(), bytes, limit);
    }
}

/// What became of something that was to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed {
    /// All of it was printed.
    All,
    /// The reader is gone.
    Closed,
}

/// Writes piece by piece, as the reader allows, within the limit of the operation.
fn write_within(mut output: impl Write + AsFd + IsTerminal, bytes: &[u8], timer: Option<&Timer>) -> Result<Printed, Error> {
    let failed = |error: io::Error| Error::new(Kind::File, "cannot print").detail(system_words(&error));
    // A terminal that is ready takes one byte at least; a file takes all.
    let is_file = fstat(&output).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
    let length = if is_file {
        bytes.len().max(1)
    } else if output.is_terminal() {
        1
    } else {
        PIPE_BUF
    };
    for piece in bytes.chunks(length) {
        // Even past the limit, what can be printed at once is.
        let mut interval = Duration::ZERO;
        while !is_writable(output.as_fd(), interval).map_err(failed)? {
            let next = timer.map_or(Ok(POLL_INTERVAL), Timer::poll_interval);
            interval = next.map_err(|error| Error::from(error).context("cannot print"))?;
        }
        match output.write_all(piece).and_then(|()| output.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Printed::Closed),
            printed => printed.map_err(failed)?,
        }
    }
    Ok(Printed::All)
}

/// Where standard error is closed nothing can be done about it. Whether anything was written.
fn write_stderr(state: &mut State, bytes: &[u8], limit: Option<Duration>) -> bool {
    let mut stderr = io::stderr().lock();
    let end = limit.map(|limit| Instant::now() + limit);
    let mut written = false;
    for piece in bytes.chunks(if stderr.is_terminal() { 1 } else { PIPE_BUF }) {
        loop {
            let left = end.map_or(POLL_INTERVAL, |end| end.saturating_duration_since(Instant::now()));
            let wait = if state.stderr_stuck { Duration::ZERO } else { left.min(POLL_INTERVAL) };
            if is_writable(stderr.as_fd(), wait).unwrap_or(true) {
                break;
            }
            if state.stderr_stuck || interrupt::caught().is_some() || end.is_some() && left <= wait {
                state.stderr_stuck |= limit.is_none_or(|limit| !limit.is_zero());
                return written;
            }
        }
        let _ = stderr.write_all(piece);
        written = true;
    }
    written
}

/// The progress line on standard error.
pub(super) struct ProgressLine {
    pub(super) terminal: Arc<Terminal>,
    pub(super) redraws: bool,
}

impl Canvas for ProgressLine {
    fn width(&self) -> usize {
        columns(io::stderr()) - 1
    }

    fn draw(&self, line: &str) {
        let text = if self.redraws { format!("\r{line}\x1b[K") } else { format!("{}\n", line.trim_end()) };
        let mut state = self.terminal.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = write_stderr(&mut state, text.as_bytes(), Some(Duration::ZERO));
        state.drawn = self.redraws && written;
    }

    fn end(&self, keep: bool) {
        let mut state = self.terminal.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.drawn) {
            write_stderr(&mut state, if keep { b"\n" } else { b"\r\x1b[K" }, Some(Duration::ZERO));
        }
    }
}

/// How many columns a terminal has; 80 where it does not say.
pub(crate) fn columns(terminal: impl AsFd) -> usize {
    let columns = tcgetwinsize(terminal).map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { 80 } else { columns }
}

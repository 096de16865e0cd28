//! Progress: bytes, share, rate, time left. On a terminal a line that is drawn again and again, elsewhere
//! a line now and then.
//!
//! A hundred lines of our own: the library that does this draws on the mathematics library, and loading
//! that makes every start of the program a tenth longer.

use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// When progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// On a terminal that can draw a line again, once something takes a moment.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Never.
    Never,
}

/// How long something may take before a line is shown where it need not be.
const MOMENT: Duration = Duration::from_millis(700);
/// How long a drawn line stays.
const REDRAW: Duration = Duration::from_millis(100);
/// How long a printed line has to do.
const REPEAT: Duration = Duration::from_secs(1);

/// How far one body has come. Dropped, it clears its line, or prints the last.
#[derive(Debug)]
pub struct Progress {
    /// When to show next; `None` where nothing is to be shown at all.
    next: Option<Instant>,
    /// Whether lines can be drawn again.
    draws: bool,
    shown: bool,
    always: bool,
    started: Instant,
    before: u64,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    pub(super) fn new(when: When, before: u64, total: Option<u64>) -> Progress {
        let started = Instant::now();
        let mut progress = Progress {
            next: None,
            draws: false,
            shown: false,
            always: when == When::Always,
            started,
            before,
            done: before,
            total,
        };
        if when != When::Never {
            let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
            progress.draws = !dumb && io::stderr().is_terminal();
            let first = if progress.always { Duration::ZERO } else { MOMENT };
            progress.next = (progress.draws || progress.always).then(|| started + first);
        }
        progress
    }

    /// So many bytes more came.
    pub fn add(&mut self, bytes: u64) {
        self.done += bytes;
        if self.next.is_some_and(|next| Instant::now() >= next) {
            self.show();
        }
    }

    fn show(&mut self) {
        let now = Instant::now();
        // A terminal that does not know its width says 0.
        let width = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { 80 } else { width };
        let line = line(self.done, self.done - self.before, self.total, now - self.started, width.saturating_sub(1));
        if self.draws {
            print(&format!("\r{line}\x1b[K"));
        } else {
            print(&format!("{}\n", line.trim_end()));
        }
        (self.next, self.shown) = (Some(now + if self.draws { REDRAW } else { REPEAT }), true);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.always && self.done > self.before {
            self.show();
            if self.draws {
                print("\n");
            }
        } else if self.shown && self.draws {
            print("\r\x1b[K");
        }
    }
}

fn print(text: &str) {
    // Where standard error is closed there is nobody to show it to.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// One line of at most `width` columns: `new` of the bytes that are done came in the time elapsed.
fn line(done: u64, new: u64, total: Option<u64>, elapsed: Duration, width: usize) -> String {
    let rate = u128::from(new) * 1000 / elapsed.as_millis().max(1);
    let rate = u64::try_from(rate).unwrap_or(u64::MAX);
    let mut line = match total.filter(|total| *total > 0) {
        None => format!("{}, {}/s", size(done), size(rate)),
        Some(total) => {
            let left = total.saturating_sub(done).checked_div(rate).map_or("?".to_owned(), time);
            let figures = format!("{} of {}, {}/s, {left} left ", size(done), size(total), size(rate));
            let bar = width.saturating_sub(figures.len() + 2).min(50);
            let filled = usize::try_from(u128::from(done) * bar as u128 / u128::from(total)).unwrap_or(bar).min(bar);
            let bar = if bar < 5 { String::new() } else { format!("[{:<bar$}]", "=".repeat(filled)) };
            figures + &bar
        }
    };
    line.truncate(width);
    line
}

/// `1.5 MiB`.
fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, 0);
    while tenths >= 10_240 && unit < 4 {
        (tenths, unit) = (tenths / 1024, unit + 1);
    }
    match unit {
        0 => format!("{bytes} B"),
        unit => format!("{}.{} {}", tenths / 10, tenths % 10, ["KiB", "MiB", "GiB", "TiB"][unit - 1]),
    }
}

/// `1:05`, or `2:01:05`.
fn time(seconds: u64) -> String {
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_bytes_rate_and_time_left_and_fits() {
        let second = Duration::from_secs(1);
        for (done, total, width, wanted) in [
            (500, None, 79, "500 B, 500 B/s"),
            (1536, Some(1536 * 1024), 79, "1.5 KiB of 1.5 MiB, 1.5 KiB/s, 17:03 left [                                   ]"),
            (50, Some(100), 46, "50 B of 100 B, 50 B/s, 0:01 left [=====      ]"),
            (50, Some(100), 20, "50 B of 100 B, 50 B/"),
            (0, Some(100), 41, "0 B of 100 B, 0 B/s, ? left [           ]"),
            (200, Some(100), 34, "200 B of 100 B, 200 B/s, 0:00 left "),
        ] {
            let shown = line(done, done, total, second, width);
            assert_eq!(shown.trim_end(), wanted.get(..width).unwrap_or(wanted).trim_end(), "{done} of {total:?}");
            assert!(shown.len() <= width, "{shown}");
        }
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!([0, 1023, 1024, 1_572_864, u64::MAX].map(size), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16777215.9 TiB"]);
        assert_eq!([0, 65, 7265].map(time), ["0:00", "1:05", "2:01:05"]);
    }
}

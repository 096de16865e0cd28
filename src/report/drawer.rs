//! Progress lines: on a terminal one that is drawn again and again, elsewhere one now and then. A thread of
//! its own draws it, so that it is up to date while the transfer stalls.
//!
//! A hundred lines of our own: the library that does this draws on the mathematics library, and loading
//! that makes every start of the program a tenth longer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long something may take before a line is shown where it need not be.
const DELAY: Duration = Duration::from_millis(700);
/// How often a line is drawn again.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a line is printed.
const REPEAT: Duration = Duration::from_secs(1);
/// What time the rate is of.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// Where lines are drawn.
pub(super) trait Canvas: Send + 'static {
    /// How many columns a line has.
    fn width(&self) -> usize;
    /// Draws a line, in the place of the last one where lines can be drawn again.
    fn draw(&self, line: &str);
    /// Keeps the last line, or erases it.
    fn end(&self, keep: bool);
}

/// How lines are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    /// In the place of the last one.
    pub(super) redraws: bool,
    /// Even where all is done at once.
    pub(super) always: bool,
}

/// What there is to be drawn.
pub(super) struct Status {
    /// How many bytes came so far.
    pub(super) received: u64,
    /// The line: given how many of them came in the last so much time, and how many columns it may have.
    pub(super) line: Box<dyn FnOnce(u64, Duration, usize) -> String>,
}

/// A thread that draws; its line goes away when this is dropped.
#[derive(Debug)]
pub(super) struct Drawer {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Drawer {
    /// Draws from now on. Without a thread nothing is shown, and the transfer continues.
    pub(super) fn start(style: Style, canvas: impl Canvas, status: impl Fn() -> Status + Send + 'static) -> Option<Drawer> {
        let stop = Arc::new(Stop::default());
        let until = Arc::clone(&stop);
        let run = move || draw(&status, &until, style, &canvas);
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(run).ok()?;
        Some(Drawer { stop, thread: Some(thread) })
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        // It ends at once; a panic in it costs a line of progress only.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn draw(status: &dyn Fn() -> Status, stop: &Stop, style: Style, canvas: &impl Canvas) {
    let started = Instant::now();
    let first = match style {
        Style { redraws: true, always: true } => Duration::ZERO,
        Style { redraws: true, always: false } => DELAY,
        Style { redraws: false, .. } => REPEAT,
    };
    let mut samples: VecDeque<(Instant, u64)> = VecDeque::from([(started, 0)]);
    let (mut wait, mut drawn) = (first, false);
    loop {
        let stopped = stop.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) =
            stop.changed.wait_timeout_while(stopped, wait, |stopped| !*stopped).unwrap_or_else(PoisonError::into_inner);
        let (ended, now) = (*stopped, Instant::now());
        drop(stopped);
        let Status { received, line } = status();
        if samples.back().is_some_and(|(_, last)| *last > received) {
            // Another try began.
            samples = VecDeque::from([(now, received)]);
        }
        samples.push_back((now, received));
        while samples.len() > 2 && now - samples[1].0 > RATE_WINDOW {
            samples.pop_front();
        }
        let (since, first) = if ended { (started, 0) } else { samples[0] };
        if !ended || style.always && received > 0 {
            canvas.draw(&line(received - first, now - since, canvas.width()));
            drawn = true;
        }
        if ended {
            if drawn {
                canvas.end(style.always && received > 0);
            }
            return;
        }
        wait = if style.redraws { REDRAW } else { REPEAT };
    }
}

/// `1.5 MiB`.
pub(super) fn size(bytes: u64) -> String {
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
pub(super) fn clock(seconds: u64) -> String {
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!([0, 1023, 1024, 1_572_864, u64::MAX].map(size), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16777215.9 TiB"]);
        assert_eq!([0, 65, 7265].map(clock), ["0:00", "1:05", "2:01:05"]);
    }
}

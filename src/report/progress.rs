//! Progress: share, bytes, rate, time left. On a terminal a line that is drawn again and again, elsewhere
//! a line now and then. A thread of its own draws it, so that it is up to date while the transfer stalls.
//!
//! A hundred lines of our own: the library that does this draws on the mathematics library, and loading
//! that makes every start of the program a tenth longer.

use super::list_progress::ListProgress;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
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
const DELAY: Duration = Duration::from_millis(700);
/// How often a line is drawn again.
const REDRAW: Duration = Duration::from_millis(100);
/// How often a line is printed.
const REPEAT: Duration = Duration::from_secs(1);
/// What time the rate is of.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// In the place of a total that is not known.
const UNKNOWN: u64 = u64::MAX;

/// How far one body has come; its line goes away when this is dropped.
pub struct Progress(Kind);

enum Kind {
    /// A line of its own.
    Line(Arc<Counts>, #[expect(dead_code, reason = "dropped with it")] Option<Drawer>),
    /// One of several bodies.
    Part { all: Arc<ListProgress>, counted: AtomicU64 },
}

#[derive(Debug)]
struct Counts {
    /// Bytes so far; of an earlier try or run, so many at the start.
    done: AtomicU64,
    before: AtomicU64,
    total: AtomicU64,
}

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

impl Progress {
    /// Nothing is shown.
    pub(super) fn hidden() -> Progress {
        Progress(Kind::Line(Arc::new(Counts::new()), None))
    }

    /// Lines are drawn by a thread.
    pub(super) fn shown(style: Style, canvas: impl Canvas) -> Progress {
        let counts = Arc::new(Counts::new());
        let shared = Arc::clone(&counts);
        let drawer = Drawer::start(style, canvas, move || {
            let total = Some(shared.total.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN);
            let (done, before) = (shared.done.load(Ordering::Relaxed), shared.before.load(Ordering::Relaxed));
            let line = move |new: u64, time: Duration, width: usize| line(done, new, total, time, width);
            Status { received: done.saturating_sub(before), line: Box::new(line) }
        });
        Progress(Kind::Line(counts, drawer))
    }

    /// The progress of one of several bodies.
    pub(super) fn part_of(all: &Arc<ListProgress>) -> Progress {
        Progress(Kind::Part { all: Arc::clone(all), counted: AtomicU64::new(0) })
    }

    /// A body begins: so many bytes are there before it, and there are to be so many in all.
    pub fn begin(&self, before: u64, total: Option<u64>) {
        match &self.0 {
            Kind::Line(counts, _) => {
                counts.total.store(total.unwrap_or(UNKNOWN), Ordering::Relaxed);
                counts.before.store(before, Ordering::Relaxed);
                counts.done.store(before, Ordering::Relaxed);
            }
            Kind::Part { counted, .. } => counted.store(0, Ordering::Relaxed),
        }
    }

    /// So many bytes came by now, without those that were there before.
    pub fn set(&self, received: u64) {
        match &self.0 {
            Kind::Line(counts, _) => {
                counts.done.store(counts.before.load(Ordering::Relaxed) + received, Ordering::Relaxed);
            }
            Kind::Part { all, counted } => {
                let before = counted.swap(received, Ordering::Relaxed);
                all.received(received.saturating_sub(before));
            }
        }
    }
}

impl Counts {
    fn new() -> Counts {
        Counts { done: AtomicU64::new(0), before: AtomicU64::new(0), total: AtomicU64::new(UNKNOWN) }
    }
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

/// One line of at most `width` columns: `new` of the bytes that are done came in the time given.
fn line(done: u64, new: u64, total: Option<u64>, time: Duration, width: usize) -> String {
    let rate = u128::from(new) * 1000 / time.as_millis().max(1);
    let rate = u64::try_from(rate).unwrap_or(u64::MAX);
    let mut line = match total.filter(|total| *total > 0) {
        None if done == 0 => "waiting".to_owned(),
        None => format!("{}, {}/s", size(done), size(rate)),
        Some(total) => {
            let percent = u128::from(done.min(total)) * 100 / u128::from(total);
            let left = total.saturating_sub(done).checked_div(rate).map_or("?".to_owned(), clock);
            let figures = format!("{percent:3}% {} of {}, {}/s, {left} left ", size(done), size(total), size(rate));
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
    use std::sync::mpsc;

    #[test]
    fn a_line_has_share_bytes_rate_and_time_left_and_fits() {
        let second = Duration::from_secs(1);
        for (done, total, width, wanted) in [
            (0, None, 79, "waiting"),
            (500, None, 79, "500 B, 500 B/s"),
            (1536, Some(1536 * 1024), 79, "  0% 1.5 KiB of 1.5 MiB, 1.5 KiB/s, 17:03 left [                              ]"),
            (50, Some(100), 51, " 50% 50 B of 100 B, 50 B/s, 0:01 left [=====      ]"),
            (50, Some(100), 20, " 50% 50 B of 100 B, "),
            (0, Some(100), 46, "  0% 0 B of 100 B, 0 B/s, ? left [           ]"),
            (200, Some(100), 39, "100% 200 B of 100 B, 200 B/s, 0:00 left"),
        ] {
            let shown = line(done, done, total, second, width);
            assert_eq!(shown.trim_end(), wanted.trim_end(), "{done} of {total:?}");
            assert!(shown.len() <= width, "{shown}");
        }
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!([0, 1023, 1024, 1_572_864, u64::MAX].map(size), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16777215.9 TiB"]);
        assert_eq!([0, 65, 7265].map(clock), ["0:00", "1:05", "2:01:05"]);
    }

    struct Lines(mpsc::Sender<String>);

    impl Canvas for Lines {
        fn width(&self) -> usize {
            79
        }
        fn draw(&self, line: &str) {
            // The test may have seen enough.
            let _ = self.0.send(line.to_owned());
        }
        fn end(&self, _: bool) {}
    }

    #[test]
    fn the_rate_falls_while_nothing_comes() {
        let (sender, lines) = mpsc::channel();
        let progress = Progress::shown(Style { redraws: true, always: true }, Lines(sender));
        assert!(lines.recv().expect("drawn").starts_with("waiting"), "before the first byte");
        progress.begin(0, None);
        progress.set(1_000_000);
        let rates: Vec<String> = lines.iter().filter(|line| line.contains("/s")).take(12).collect();
        assert!(rates.first() != rates.last(), "{rates:?}");
        drop(progress);
    }
}

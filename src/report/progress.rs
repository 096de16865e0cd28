//! The progress of one body: share, bytes, rate, time left.

use super::drawer::{Canvas, Drawer, Status, Style, clock, size};
use super::list_progress::ListProgress;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    pub(crate) fn part_of(all: &Arc<ListProgress>) -> Progress {
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

    #[test]
    fn totals_count_what_was_not_begun_only_where_there_is_such() {
        let progress = Arc::new(ListProgress::hidden());
        (0..5).for_each(|_| progress.read());
        progress.done(false);
        progress.done(true);
        let part = Progress::part_of(&progress);
        part.begin(100, None);
        part.set(2000);
        part.set(2048);
        assert!(
            progress.finish(false).starts_with("1 of 5 URLs done, 1 failed, 2.0 KiB received in 0."),
            "{}",
            progress.finish(false)
        );
        assert!(progress.finish(true).starts_with("1 of 5 URLs done, 1 failed, 3 not begun, "));
    }
}

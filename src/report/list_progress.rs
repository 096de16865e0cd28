//! The progress of several URLs: how many are done and failed, bytes, rate, time left, the hosts at work.

use super::drawer::{Canvas, Drawer, Status, Style, clock, size};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far a list of URLs has come; its line goes away when this is dropped.
#[derive(Debug)]
pub(crate) struct ListProgress {
    counts: Arc<Counts>,
    drawer: Mutex<Option<Drawer>>,
    is_shown: bool,
}

#[derive(Debug)]
struct Counts {
    started: Instant,
    done: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    /// How many assets pages have, and what came of them.
    assets: AssetCounts,
    /// How many URLs were read.
    known: AtomicU64,
    /// Whether those are all.
    is_all: AtomicBool,
    /// How many transfers are at work at each host.
    hosts: Mutex<BTreeMap<String, usize>>,
}

#[derive(Debug, Default)]
struct AssetCounts {
    found: AtomicU64,
    fetched: AtomicU64,
    failed: AtomicU64,
}

impl ListProgress {
    /// Nothing is shown.
    pub(super) fn hidden() -> ListProgress {
        ListProgress { counts: Arc::new(Counts::new()), drawer: Mutex::default(), is_shown: false }
    }

    /// Lines are drawn by a thread.
    pub(super) fn shown(style: Style, canvas: impl Canvas) -> ListProgress {
        let counts = Arc::new(Counts::new());
        let shared = Arc::clone(&counts);
        let drawer = Drawer::start(style, canvas, move || shared.status());
        ListProgress { counts, is_shown: drawer.is_some(), drawer: Mutex::new(drawer) }
    }

    /// So many more bytes came.
    pub(super) fn received(&self, bytes: u64) {
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many more assets of pages were found.
    pub(crate) fn found_assets(&self, count: usize) {
        self.counts.assets.found.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// An asset is here, or cannot be had.
    pub(crate) fn asset_done(&self, failed: bool) {
        let AssetCounts { fetched, failed: failures, .. } = &self.counts.assets;
        if failed { failures } else { fetched }.fetch_add(1, Ordering::Relaxed);
    }

    /// A URL was read.
    pub(crate) fn read(&self) {
        self.counts.known.fetch_add(1, Ordering::Relaxed);
    }

    /// All URLs were read.
    pub(crate) fn read_all(&self) {
        self.counts.is_all.store(true, Ordering::Relaxed);
    }

    /// A transfer begins to work at a host.
    pub(crate) fn begin_at(&self, host: &impl fmt::Display) {
        if self.is_shown {
            let mut hosts = self.counts.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            *hosts.entry(host.to_string()).or_default() += 1;
        }
    }

    /// A transfer works at a host no longer.
    pub(crate) fn end_at(&self, host: &impl fmt::Display) {
        if self.is_shown {
            let mut hosts = self.counts.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            let host = host.to_string();
            if let Some(count) = hosts.get_mut(&host) {
                *count -= 1;
                if *count == 0 {
                    hosts.remove(&host);
                }
            }
        }
    }

    /// A URL is done, well or not.
    pub(crate) fn done(&self, failed: bool) {
        let count = if failed { &self.counts.failed } else { &self.counts.done };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Ends the drawing, and says in one line what it came to; with `interrupted`, that it was not all.
    pub(crate) fn finish(&self, interrupted: bool) -> String {
        // The line goes away before anything else is printed.
        *self.drawer.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.counts.totals(interrupted)
    }
}

impl Counts {
    fn new() -> Counts {
        Counts {
            started: Instant::now(),
            done: AtomicU64::default(),
            failed: AtomicU64::default(),
            bytes: AtomicU64::default(),
            assets: AssetCounts::default(),
            known: AtomicU64::default(),
            is_all: AtomicBool::default(),
            hosts: Mutex::default(),
        }
    }

    fn status(&self) -> Status {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (done, failed, bytes) = (load(&self.done), load(&self.failed), load(&self.bytes));
        let known = self.is_all.load(Ordering::Relaxed).then(|| load(&self.known));
        let hosts: Vec<String> = self.hosts.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        let elapsed = self.started.elapsed();
        let AssetCounts { found, fetched, failed: missing } = &self.assets;
        let assets = (load(found), load(fetched), load(missing));
        let line = move |new: u64, time: Duration, width: usize| {
            line(&Figures { done, failed, known, bytes, assets, elapsed }, &hosts, new, time, width)
        };
        Status { received: bytes, line: Box::new(line) }
    }

    fn totals(&self, interrupted: bool) -> String {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (done, failed, known) = (load(&self.done), load(&self.failed), load(&self.known));
        let mut text = format!("{done} of {known} URLs done, {failed} failed");
        if interrupted {
            text += &format!(", {} not begun", known.saturating_sub(done + failed));
        }
        text + &format!(", {} received in {:.1} s", size(load(&self.bytes)), self.started.elapsed().as_secs_f64())
    }
}

/// How far the list has come.
#[derive(Clone, Copy, Debug)]
struct Figures {
    done: u64,
    failed: u64,
    /// How many URLs there are, where that is known.
    known: Option<u64>,
    bytes: u64,
    /// How many assets of pages were found, are here, and cannot be had.
    assets: (u64, u64, u64),
    elapsed: Duration,
}

/// One line of at most `width` columns: `new` of the bytes came in the time given.
fn line(figures: &Figures, hosts: &[String], new: u64, time: Duration, width: usize) -> String {
    let Figures { done, failed, known, bytes, assets, elapsed } = *figures;
    let rate = u64::try_from(u128::from(new) * 1000 / time.as_millis().max(1)).unwrap_or(u64::MAX);
    let ended = done + failed;
    let mut line = known.map_or_else(|| format!("{done} done"), |known| format!("{done} of {known} done"));
    if failed > 0 {
        line += &format!(", {failed} failed");
    }
    let (found, fetched, missing) = assets;
    if found > 0 {
        line += &format!(", {fetched} of {found} assets");
    }
    if missing > 0 {
        line += &format!(" ({missing} missing)");
    }
    line += &format!(", {}, {}/s", size(bytes), size(rate));
    if let Some(known) = known.filter(|_| ended > 0) {
        let left = elapsed.as_secs_f64() / ended as f64 * known.saturating_sub(ended) as f64;
        line += &format!(", {} left", clock(left as u64));
    }
    for (index, host) in hosts.iter().enumerate() {
        let rest = if index == 0 { format!(": {host}") } else { format!(", {host}") };
        let more = format!(", +{}", hosts.len() - index);
        if line.chars().count() + rest.chars().count() + more.len() > width {
            line += if index == 0 { "" } else { &more };
            break;
        }
        line += &rest;
    }
    line.chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: Figures =
        Figures { done: 90, failed: 10, known: Some(400), bytes: 1_048_576, assets: (0, 0, 0), elapsed: Duration::from_secs(50) };

    #[test]
    fn a_line_says_what_is_done_and_who_is_at_work() {
        let hosts = ["a.example".to_owned(), "b.example".to_owned()];
        let text = |figures: &Figures, width| line(figures, &hosts, 2048, Duration::from_secs(1), width);
        assert_eq!(text(&FIGURES, 200), "90 of 400 done, 10 failed, 1.0 MiB, 2.0 KiB/s, 2:30 left: a.example, b.example");
        assert_eq!(text(&FIGURES, 75), "90 of 400 done, 10 failed, 1.0 MiB, 2.0 KiB/s, 2:30 left: a.example, +1");
        let open = Figures { known: None, failed: 0, ..FIGURES };
        assert_eq!(text(&open, 40), "90 done, 1.0 MiB, 2.0 KiB/s");
        let page = Figures { assets: (40, 12, 3), done: 0, ..open };
        assert_eq!(text(&page, 60), "0 done, 12 of 40 assets (3 missing), 1.0 MiB, 2.0 KiB/s");
    }
}

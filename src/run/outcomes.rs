//! What became of all URLs: printed as it happens, and summed up.

use super::Outcome;
use crate::error::{Error, Kind};
use crate::interrupt;
use crate::report::{ListProgress, Printed, Report};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many failures are listed again at the end.
const MAX_LISTED: usize = 100;

/// The outcomes of a run so far.
pub(super) struct Outcomes<'r> {
    report: &'r Report,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    worst: Option<Kind>,
    /// How many failures were printed.
    failed: u64,
    /// The first failures, as they were printed.
    listed: Vec<String>,
    /// An outcome could not be printed.
    lost: bool,
}

impl<'r> Outcomes<'r> {
    pub(super) fn new(report: &'r Report) -> Outcomes<'r> {
        Outcomes { report, state: Mutex::default() }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kind of the worst failure.
    pub(super) fn worst(&self) -> Option<Kind> {
        self.locked().worst
    }

    /// Reports on a failure that is not one of a URL.
    pub(super) fn fail(&self, error: &Error) {
        self.report.failure(error);
        self.count(error.kind());
    }

    fn count(&self, kind: Kind) {
        let mut state = self.locked();
        state.worst = Some(state.worst.map_or(kind, |worst| worst.worse(kind)));
    }

    /// Reports on what became of a URL. Where that is lost, because the reader of the JSON lines is gone say,
    /// no other is wanted.
    pub(super) fn report(&self, mut outcome: Outcome) -> ControlFlow<()> {
        if let Some(progress) = &outcome.progress {
            progress.done(outcome.failed.is_some());
        }
        if let Some(mut error) = outcome.failed.take() {
            if outcome.https_guessed && error.kind() == Kind::Network {
                error = error.or_hint("https was assumed because credentials are sent; http:// sends them unencrypted");
            }
            let summary = &outcome.summary;
            // What the user did need not be said.
            let is_quiet = interrupt::caught().is_some() || self.locked().lost;
            let line = if is_quiet { None } else { self.report.error(&summary.url, summary.last_url.as_deref(), &error) };
            self.count(error.kind());
            let mut state = self.locked();
            state.failed += u64::from(line.is_some());
            if state.listed.len() < MAX_LISTED {
                state.listed.extend(line);
            }
        }
        // A line of a list is a checkpoint: a slow reader is waited for.
        let timer = outcome.progress.is_none().then_some(&outcome.timer);
        match self.report.summary(&outcome.summary, timer) {
            Ok(Printed::All) => return ControlFlow::Continue(()),
            // Of a single URL, the file is the outcome.
            Ok(Printed::Closed) if outcome.progress.is_none() => {}
            Ok(Printed::Closed) => self.count(Kind::ClosedPipe),
            Err(error) => self.fail(&error),
        }
        self.locked().lost = true;
        ControlFlow::Break(())
    }

    /// Sums up several URLs, where they are those of a list or their progress was shown.
    pub(super) fn totals(&self, progress: &ListProgress, is_list: bool) {
        let state = self.locked();
        let totals = progress.finish(state.lost || interrupt::caught().is_some());
        if is_list || progress.is_shown() {
            self.report.note(&totals);
        }
        // Between the progress of others they may have gone by unseen.
        if !progress.is_shown() {
            return;
        }
        for line in &state.listed {
            self.report.note(&format!("  {line}"));
        }
        let more = state.failed.saturating_sub(state.listed.len() as u64);
        if more > 0 {
            self.report.note(&format!("  and {more} more"));
        }
    }
}

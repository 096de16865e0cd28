//! Many URLs at once: worker threads over one queue.

use super::list::{Entry, Input};
use super::queue::Queue;
use super::transfer::{Step, Transfer};
use super::{Item, Outcome, Output, Parallel, Session};
use crate::client::target;
use crate::error::{Error, Kind, system_words};
use crate::interrupt;
use crate::net::Target;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// How many URLs are read ahead: a list may begin with ten thousand of a host that is slow.
const WINDOW: usize = 32 * 1024;
/// The longest wait before an interrupt is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How many URLs are queued at a time, where as many can be read at once.
const BATCH: usize = 256;
/// The stack of a worker: its buffers are on the heap.
const STACK_SIZE: usize = 512 * 1024;

/// A URL that was read, or one that was begun.
enum Task<'s> {
    New(Item),
    Begun(Box<Transfer<'s>>),
}

/// What is done with an outcome, by the thread where it came about; after a break, no more are begun.
pub(crate) type ReportFn<'f> = dyn Fn(Outcome) -> ControlFlow<()> + Sync + 'f;

/// Saves all that an input gives, and reports each outcome from the thread where it came about.
pub(super) struct Engine<'e> {
    session: &'e Session<'e>,
    output: &'e Output,
    jobs: usize,
    report: &'e ReportFn<'e>,
    state: Mutex<State<'e>>,
    /// There is something to take, or nothing ever will be.
    work: Condvar,
    /// The queue became shorter, or a worker ended its task.
    room: Condvar,
}

struct State<'s> {
    queue: Queue<Target, Task<'s>>,
    workers: usize,
    /// How many workers wait for work.
    idle: usize,
    /// Whether the queue is waited for to become shorter, or the workers to end.
    is_watched: bool,
    /// No more tasks are taken.
    stopped: bool,
}

impl<'e> Engine<'e> {
    pub(super) fn new(session: &'e Session<'e>, output: &'e Output, parallel: Parallel, report: &'e ReportFn<'e>) -> Engine<'e> {
        session.client.keep_idle(parallel.jobs);
        let queue = Queue::new(parallel.per_host, parallel.wait);
        let state = Mutex::new(State { queue, workers: 0, idle: 0, is_watched: false, stopped: false });
        Engine { session, output, jobs: parallel.jobs.max(1), report, state, work: Condvar::new(), room: Condvar::new() }
    }

    /// Runs until everything is saved or has failed, or the program is interrupted. An error is one of the
    /// input.
    pub(super) fn run(&self, input: &mut dyn Input) -> Result<(), Error> {
        thread::scope(|scope| {
            let fed = catch_unwind(AssertUnwindSafe(|| self.feed(scope, input)));
            self.wait_for_workers();
            // Whatever happened, the workers must not wait for ever.
            let begun = {
                let mut state = self.locked();
                state.stopped = true;
                state.queue.clear()
            };
            self.work.notify_all();
            for task in begun {
                if let Task::Begun(transfer) = task {
                    let _ = (self.report)(transfer.abandon());
                }
            }
            fed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn locked(&self) -> MutexGuard<'_, State<'e>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the input into the queue, and starts a worker where none is idle.
    fn feed<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, input: &mut dyn Input) -> Result<(), Error> {
        let mut batch = Vec::new();
        while interrupt::caught().is_none() {
            let wait = if batch.is_empty() { POLL_INTERVAL } else { Duration::ZERO };
            match input.next(wait)? {
                Entry::Item(item) => {
                    self.read_one();
                    match target(&item.url) {
                        Ok(host) => batch.push((host, item)),
                        Err(error) => self.report(Outcome::invalid(item.id, item.url.to_string(), error, self.session)),
                    }
                    if batch.len() < BATCH {
                        continue;
                    }
                }
                Entry::Invalid(id, text, error) => {
                    self.read_one();
                    self.report(Outcome::invalid(id, text, error, self.session));
                }
                Entry::NotYet => {}
                Entry::End => {
                    self.push(scope, &mut batch)?;
                    break;
                }
            }
            if !self.push(scope, &mut batch)? {
                break;
            }
        }
        if let Some(progress) = &self.session.progress {
            progress.read_all();
        }
        Ok(())
    }

    fn report(&self, outcome: Outcome) {
        if (self.report)(outcome).is_break() {
            self.locked().stopped = true;
            self.room.notify_one();
            self.work.notify_all();
        }
    }

    fn read_one(&self) {
        if let Some(progress) = &self.session.progress {
            progress.read();
        }
    }

    /// Queues what was read, and starts the workers that are needed for it; false where no more is wanted.
    fn push<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, batch: &mut Vec<(Target, Item)>) -> Result<bool, Error> {
        if batch.is_empty() {
            return Ok(true);
        }
        let mut state = self.locked();
        while state.queue.len() >= WINDOW && self.goes_on(&state) {
            state = self.watch(state);
        }
        for (host, item) in batch.drain(..) {
            state.queue.push(host, Task::New(item));
        }
        self.wake(&state);
        // Each of those that are idle wakes the next, if there is something for it.
        let wanted = state.queue.available().saturating_sub(state.idle).min(self.jobs - state.workers);
        for _ in 0..wanted {
            let worker = thread::Builder::new().name("worker".to_owned()).stack_size(STACK_SIZE);
            match worker.spawn_scoped(scope, || self.work()) {
                Ok(_) => state.workers += 1,
                // Those that there are do it all.
                Err(_) if state.workers > 0 => break,
                Err(error) => return Err(Error::new(Kind::Other, "cannot start a thread").detail(system_words(&error))),
            }
        }
        Ok(!state.stopped)
    }

    /// Waits until there is nothing left to do, or nothing more is to be done.
    fn wait_for_workers(&self) {
        let mut state = self.locked();
        loop {
            if !self.goes_on(&state) || state.queue.len() == 0 && state.idle == state.workers {
                return;
            }
            state = self.watch(state);
        }
    }

    /// Waits for a change that the reader of the input waits for.
    fn watch<'g>(&'g self, mut state: MutexGuard<'g, State<'e>>) -> MutexGuard<'g, State<'e>> {
        state.is_watched = true;
        let mut state = self.room.wait_timeout(state, POLL_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        state.is_watched = false;
        state
    }

    /// Whether tasks are still taken.
    fn goes_on(&self, state: &State<'_>) -> bool {
        !state.stopped && interrupt::caught().is_none()
    }

    /// Wakes a worker that is idle, if there is something for it; and the reader of the input, if there is
    /// room for more.
    fn wake(&self, state: &State<'_>) {
        if state.is_watched && state.queue.len() == WINDOW / 2 {
            self.room.notify_one();
        }
        if state.idle > 0 && state.queue.is_ready() {
            self.work.notify_one();
        }
    }

    /// One worker: takes task after task.
    fn work(&self) {
        let _stop = StopOnPanic(self);
        let mut state = self.locked();
        while self.goes_on(&state) {
            let now = Instant::now();
            if let Some((host, task)) = state.queue.take(now) {
                self.wake(&state);
                drop(state);
                state = self.perform(host, task);
                continue;
            }
            state.idle += 1;
            if state.is_watched && state.idle == state.workers {
                self.room.notify_one();
            }
            // The reader of the input wakes all where the program is interrupted.
            state = match state.queue.next_time() {
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let time = time.saturating_duration_since(now).max(Duration::from_millis(1));
                    self.work.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.idle -= 1;
        }
    }

    /// Performs a task up to its end, or to where it has to wait; and gives the permit back.
    fn perform(&self, mut host: Target, task: Task<'e>) -> MutexGuard<'_, State<'e>> {
        let mut transfer = self.begin(task);
        loop {
            self.at_work(&host, true);
            let step = guarded(&mut transfer, |transfer| transfer.step(self.output)).unwrap_or(Step::Done);
            self.at_work(&host, false);
            let (now, next) = (Instant::now(), transfer.next_target().unwrap_or_else(|| host.clone()));
            match step {
                Step::Done => {
                    self.report(transfer.finish());
                    let mut state = self.locked();
                    state.queue.release(&host);
                    return state;
                }
                Step::Received => {
                    let mut state = self.locked();
                    state.queue.release(&host);
                    // Another request is under way while the file is made.
                    let another = if self.goes_on(&state) { state.queue.take(now) } else { None };
                    self.wake(&state);
                    drop(state);
                    let mut another = another.map(|(host, task)| (host, self.begin(task)));
                    if let Some((_, another)) = &mut another {
                        guarded(another, |another| another.send_ahead(self.output));
                    }
                    guarded(&mut transfer, Transfer::make_file);
                    self.report(transfer.finish());
                    match another {
                        Some(another) => (host, transfer) = another,
                        None => return self.locked(),
                    }
                }
                Step::Retry(delay) => {
                    let mut state = self.locked();
                    state.queue.release(&host);
                    state.queue.resume_at(next, Task::Begun(transfer), now + delay);
                    return state;
                }
                Step::Request => {
                    let mut state = self.locked();
                    state.queue.release(&host);
                    if !state.queue.acquire(&next, now) {
                        state.queue.resume(next, Task::Begun(transfer));
                        return state;
                    }
                    self.wake(&state);
                    host = next;
                }
            }
        }
    }

    fn begin(&self, task: Task<'e>) -> Box<Transfer<'e>> {
        match task {
            Task::New(item) => Box::new(Transfer::new(self.session, item)),
            Task::Begun(transfer) => transfer,
        }
    }

    fn at_work(&self, host: &Target, begins: bool) {
        if let Some(progress) = &self.session.progress {
            if begins { progress.begin_at(&host.host) } else { progress.end_at(&host.host) }
        }
    }
}

/// What is done with outcomes may panic: then all ends, instead of waiting for a worker that is no more.
struct StopOnPanic<'a, 'e>(&'a Engine<'e>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.locked().stopped = true;
            self.0.room.notify_one();
        }
    }
}

/// Does something with a transfer. A panic is that transfer's failure.
fn guarded<'s, T>(transfer: &mut Transfer<'s>, work: impl FnOnce(&mut Transfer<'s>) -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| work(transfer)));
    done.inspect_err(|_| transfer.fail(Error::new(Kind::Other, "an internal error, which is a bug of fetch"))).ok()
}

//! Many URLs at once: worker threads over one queue.

use super::list::{Entry, Input};
use super::page::Delivered;
use super::page_transfer::TakenAsset;
use super::queue::{Begun, Limits, Queue};
use super::transfer::{PageOf, Role, Step, Transfer};
use super::{Item, Outcome, Output, Parallel, Session};
use crate::client::target;
use crate::error::{Error, Kind, system_words};
use crate::interrupt;
use crate::net::Target;
use crate::page::AssetRequest;
use crate::sys;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// How many URLs are read ahead: a list may begin with ten thousand of a host that is slow.
const WINDOW: usize = 32 * 1024;
/// How many bytes of them, at most.
const WINDOW_SIZE: usize = 16 * 1024 * 1024;
/// The longest wait before an interrupt is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How many URLs are queued at a time, where as many can be read at once.
const BATCH: usize = 256;
/// The stack of a worker: its buffers are on the heap.
const STACK_SIZE: usize = 512 * 1024;
/// The same where it parses what refers to other things.
const PAGE_STACK_SIZE: usize = 4 * 1024 * 1024;
/// How many pages wait for their assets at once, at most, but for those that are being begun.
const MAX_OPEN_PAGES: usize = 8;

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
    report: &'e ReportFn<'e>,
    state: Mutex<State<'e>>,
    /// A task may be ready, or no more are taken.
    tasks_ready: Condvar,
    /// The queue became shorter, or a worker has nothing to do.
    queue_drained: Condvar,
}

struct State<'s> {
    queue: Queue<Target, Task<'s>>,
    /// How many there are, and how many there may be.
    workers: usize,
    max_workers: usize,
    /// With so many tasks that wait, those that come close their files.
    max_open: usize,
    /// How many workers wait for a task.
    idle: usize,
    /// When the worker wakes that waits for the queue's next time.
    alarm: Option<Instant>,
    /// How many pages wait for their assets.
    open_pages: usize,
    /// The thread that reads the input waits on `queue_drained`.
    reader_waits: bool,
    /// No more tasks are taken.
    stopped: bool,
}

impl<'e> Engine<'e> {
    pub(super) fn new(session: &'e Session<'e>, output: &'e Output, parallel: Parallel, report: &'e ReportFn<'e>) -> Engine<'e> {
        session.client.keep_idle(parallel.jobs);
        let begun = if session.page.is_some() { parallel.per_host_parts } else { parallel.per_host };
        let limits = Limits { new: parallel.per_host, begun };
        let state = State {
            queue: Queue::new(parallel.jobs.max(1), limits, parallel.wait),
            workers: 0,
            max_workers: parallel.jobs.max(1),
            max_open: parallel.max_waiting(sys::open_files_limit()),
            idle: 0,
            alarm: None,
            open_pages: 0,
            reader_waits: false,
            stopped: false,
        };
        let (tasks_ready, queue_drained) = (Condvar::new(), Condvar::new());
        Engine { session, output, report, state: Mutex::new(state), tasks_ready, queue_drained }
    }

    /// Runs until everything is saved or has failed, or the program is interrupted. An error is one of the
    /// input, or that no thread can be started.
    pub(super) fn run(&self, input: &mut dyn Input) -> Result<(), Error> {
        let fed = thread::scope(|scope| {
            let fed = catch_unwind(AssertUnwindSafe(|| self.feed(scope, input)));
            if fed.is_ok() {
                self.wait_for_workers();
            }
            self.stop();
            fed
        });
        // Only now is nothing put back into the queue.
        for task in self.locked().queue.clear() {
            if let Task::Begun(mut transfer) = task {
                let owner = transfer.take_asset().map(|asset| asset.page.abandon());
                if let Some(transfer) = owner.unwrap_or(Some(transfer)) {
                    let _ = (self.report)(transfer.abandon());
                }
            }
        }
        fed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn locked(&self) -> MutexGuard<'_, State<'e>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the input into the queue, and starts a worker where none is idle.
    fn feed<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, input: &mut dyn Input) -> Result<(), Error> {
        let read = self.read(scope, input);
        if let Some(progress) = &self.session.progress {
            progress.read_all();
        }
        let mut state = self.locked();
        state.queue.complete();
        read.and(self.wake(scope, &mut state))
    }

    fn read<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, input: &mut dyn Input) -> Result<(), Error> {
        let mut batch = Vec::new();
        while interrupt::caught().is_none() {
            let wait = if batch.is_empty() { POLL_INTERVAL } else { Duration::ZERO };
            let entry = match input.next(wait) {
                Ok(entry) => entry,
                Err(error) => return self.push(scope, &mut batch).and(Err(error)),
            };
            match entry {
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
                Entry::Pending => {}
                Entry::End => return self.push(scope, &mut batch).map(|_| ()),
            }
            if !self.push(scope, &mut batch)? {
                break;
            }
        }
        Ok(())
    }

    fn report(&self, outcome: Outcome) {
        if (self.report)(outcome).is_break() {
            self.stop();
        }
    }

    fn read_one(&self) {
        if let Some(progress) = &self.session.progress {
            progress.read();
        }
    }

    /// Queues what was read; false where no more is wanted.
    fn push<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, batch: &mut Vec<(Target, Item)>) -> Result<bool, Error> {
        if batch.is_empty() {
            return Ok(true);
        }
        let mut state = self.locked();
        while is_full(&state.queue) && self.is_running(&state) {
            state = self.wait_for_room(state);
        }
        for (host, item) in batch.drain(..) {
            let size = item.size();
            state.queue.push(host, Task::New(item), size);
        }
        self.wake(scope, &mut state)?;
        Ok(self.is_running(&state))
    }

    /// Waits until there is nothing left to do, or nothing more is to be done.
    fn wait_for_workers(&self) {
        let mut state = self.locked();
        let is_done = |state: &State<'_>| state.workers == 0 || state.queue.len() == 0 && state.idle == state.workers;
        while self.is_running(&state) && !is_done(&state) {
            state = self.wait_for_room(state);
        }
    }

    /// Waits for a change that the reader of the input waits for.
    fn wait_for_room<'g>(&'g self, mut state: MutexGuard<'g, State<'e>>) -> MutexGuard<'g, State<'e>> {
        state.reader_waits = true;
        let mut state = self.queue_drained.wait_timeout(state, POLL_INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
        state.reader_waits = false;
        state
    }

    /// Whether tasks are still taken.
    fn is_running(&self, state: &State<'_>) -> bool {
        !state.stopped && interrupt::caught().is_none()
    }

    /// No more tasks are taken.
    fn stop(&self) {
        self.locked().stopped = true;
        self.queue_drained.notify_one();
        self.tasks_ready.notify_all();
    }

    /// After a change of the queue: wakes a worker where there is something to take, or to wait for, and starts
    /// one where none is idle. Each that takes a task wakes the next. An error where there is no worker at all.
    fn wake<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, state: &mut State<'_>) -> Result<(), Error> {
        if state.reader_waits && state.queue.len() == WINDOW / 2 {
            self.queue_drained.notify_one();
        }
        let is_early = |time: Instant| state.alarm.is_none_or(|alarm| time < alarm);
        if !state.queue.is_ready() && !state.queue.next_time().is_some_and(is_early) {
            return Ok(());
        }
        if state.idle > 0 {
            self.tasks_ready.notify_one();
        } else if state.workers < state.max_workers {
            let worker = thread::Builder::new().name("worker".to_owned()).stack_size(if self.session.page.is_some() {
                PAGE_STACK_SIZE
            } else {
                STACK_SIZE
            });
            match worker.spawn_scoped(scope, move || self.work(scope)) {
                Ok(_) => state.workers += 1,
                Err(error) if state.workers == 0 => {
                    return Err(Error::new(Kind::Other, "cannot start a thread").detail(system_words(&error)));
                }
                // The workers already running do all tasks.
                Err(_) => state.max_workers = state.workers,
            }
        }
        Ok(())
    }

    /// One worker: takes task after task.
    fn work<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let _stop = StopOnPanic(self);
        let mut state = self.locked();
        while self.is_running(&state) {
            let now = Instant::now();
            if let Some((host, task)) = state.queue.take(now) {
                self.wake_others(scope, &mut state);
                drop(state);
                self.perform(scope, host, task, now);
                state = self.locked();
                continue;
            }
            state.idle += 1;
            if state.reader_waits && state.idle == state.workers {
                self.queue_drained.notify_one();
            }
            // One of those that are idle waits for the queue's next time, the others to be woken.
            let alarm = state.queue.next_time().filter(|time| state.alarm.is_none_or(|alarm| *time < alarm));
            state = match alarm {
                None => self.tasks_ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    state.alarm = alarm;
                    let wait = time.saturating_duration_since(now).max(Duration::from_millis(1));
                    let mut state = self.tasks_ready.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                    if state.alarm == alarm {
                        state.alarm = None;
                    }
                    state
                }
            };
            state.idle -= 1;
        }
    }

    /// As [`wake`](Engine::wake), from a worker.
    fn wake_others<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, state: &mut State<'_>) {
        // There is a worker: this one.
        let _ = self.wake(scope, state);
    }

    /// Performs a task up to its end, or to where it has to wait; and gives the permit back.
    fn perform<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, mut host: Target, task: Task<'e>, mut taken: Instant) {
        let mut transfer = self.begin(task);
        loop {
            self.at_work(&host, true);
            let step = guarded(&mut transfer, Transfer::step).unwrap_or(Step::Done);
            self.at_work(&host, false);
            let (now, next) = (Instant::now(), transfer.next_target().unwrap_or_else(|| host.clone()));
            let mut state = self.locked();
            state.queue.release(&host);
            match step {
                Step::Done => {
                    if !transfer.has_begun() {
                        state.queue.skip_wait(&host, taken);
                    }
                    self.wake_others(scope, &mut state);
                    drop(state);
                    return self.settle(scope, transfer);
                }
                Step::Received => {
                    // Another request is under way while the file is made.
                    let another = if self.is_running(&state) { state.queue.take(now) } else { None };
                    self.wake_others(scope, &mut state);
                    drop(state);
                    let mut another = another.map(|(host, task)| (host, self.begin(task)));
                    if let Some((_, another)) = &mut another {
                        guarded(another, Transfer::send_ahead);
                    }
                    self.settle(scope, transfer);
                    let Some(another) = another else { return };
                    (host, transfer) = another;
                    taken = now;
                }
                Step::Retry(_) | Step::Request => {
                    if state.queue.begun() >= state.max_open {
                        drop(state);
                        guarded(&mut transfer, Transfer::close_file);
                        state = self.locked();
                    }
                    match step {
                        Step::Retry(delay) => state.queue.resume_at(next, begun(transfer), now + delay),
                        // Other hosts may come first.
                        _ => state.queue.resume(next, begun(transfer)),
                    }
                    return self.wake_others(scope, &mut state);
                }
            }
        }
    }

    /// Does what is left of a transfer that makes no more requests: its file, or what it is for the page that it
    /// belongs to.
    fn settle<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, mut transfer: Box<Transfer<'e>>) {
        if self.session.page.is_some() {
            return self.settle_page(scope, transfer);
        }
        guarded(&mut transfer, Transfer::make_file);
        self.report(transfer.finish());
    }

    /// The same where pages are saved. It takes much of the stack, of which each worker of a list has its own.
    #[inline(never)]
    fn settle_page<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, mut transfer: Box<Transfer<'e>>) {
        let delivered = guarded(&mut transfer, Transfer::open_page).flatten();
        if let Some(page) = delivered {
            self.opened(scope, 1);
            let Delivered { requests, owner } = page.park(transfer);
            self.request(scope, &page, requests);
            let Some(owner) = owner else { return };
            return self.finish_page(scope, &page, owner);
        }
        let Some(TakenAsset { page, request, response, fetched }) = transfer.take_asset() else {
            guarded(&mut transfer, Transfer::make_file);
            return self.report(transfer.finish());
        };
        if let Some(progress) = &self.session.progress {
            progress.asset_done(response.is_err());
        }
        if interrupt::caught().is_some() {
            // What is not whole is not saved.
            let Some(owner) = page.abandon() else { return };
            self.opened(scope, -1);
            return self.report(owner.abandon());
        }
        let delivered = catch_unwind(AssertUnwindSafe(|| page.deliver(&request, response, fetched)));
        let Ok(Delivered { requests, owner }) = delivered else {
            let Some(mut owner) = page.abandon() else { return };
            owner.fail(Error::new(Kind::Other, "an internal error, which is a bug of fetch"));
            self.opened(scope, -1);
            return self.report(owner.finish());
        };
        self.request(scope, &page, requests);
        if let Some(owner) = owner {
            self.finish_page(scope, &page, owner);
        }
    }

    /// Saves a page of which all assets have come.
    fn finish_page<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, page: &PageOf<'e>, mut owner: Box<Transfer<'e>>) {
        guarded(&mut owner, |owner| owner.save_page(page));
        self.opened(scope, -1);
        self.report(owner.finish());
    }

    /// Queues requests for the assets of a page.
    fn request<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, page: &Arc<PageOf<'e>>, requests: Vec<AssetRequest>) {
        if let Some(progress) = &self.session.progress {
            progress.found_assets(requests.len());
        }
        let begin = |request: AssetRequest| {
            let host = target(&request.url).ok()?;
            let item = Item { id: 0, url: request.url.clone(), https_guessed: false, file: None };
            let transfer = Transfer::new(self.session, item, Role::Asset(Arc::clone(page), Box::new(request)), self.output);
            Some((host, Box::new(transfer)))
        };
        let transfers: Vec<_> = requests.into_iter().filter_map(begin).collect();
        let mut state = self.locked();
        for (host, transfer) in transfers {
            state.queue.resume(host, begun(transfer));
            self.wake_others(scope, &mut state);
        }
    }

    /// So many more pages are open. With too many, no new ones are begun: each takes memory.
    fn opened<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, more: isize) {
        let mut state = self.locked();
        state.open_pages = state.open_pages.saturating_add_signed(more);
        let hold = state.open_pages >= MAX_OPEN_PAGES;
        state.queue.hold_new(hold);
        self.wake_others(scope, &mut state);
    }

    fn begin(&self, task: Task<'e>) -> Box<Transfer<'e>> {
        match task {
            Task::New(item) => {
                let role = if self.session.page.is_some() { Role::Page } else { Role::File };
                Box::new(Transfer::new(self.session, item, role, self.output))
            }
            Task::Begun(transfer) => transfer,
        }
    }

    fn at_work(&self, host: &Target, begins: bool) {
        if let Some(progress) = &self.session.progress {
            if begins { progress.begin_at(&host.host) } else { progress.end_at(&host.host) }
        }
    }
}

/// A transfer as it is queued.
fn begun(transfer: Box<Transfer<'_>>) -> Begun<Task<'_>> {
    let (size, priority, deadline) = (transfer.size(), transfer.priority(), transfer.deadline());
    Begun { task: Task::Begun(transfer), size, priority, deadline }
}

/// Whether no more is read ahead.
fn is_full(queue: &Queue<Target, Task<'_>>) -> bool {
    queue.len() >= WINDOW || queue.size() >= WINDOW_SIZE
}

/// What is done with outcomes may panic: then all ends, instead of waiting for a worker that is no more.
struct StopOnPanic<'a, 'e>(&'a Engine<'e>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

/// Does something with a transfer. A panic is that transfer's failure.
fn guarded<'s, T>(transfer: &mut Transfer<'s>, work: impl FnOnce(&mut Transfer<'s>) -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| work(transfer)));
    done.inspect_err(|_| transfer.fail(Error::new(Kind::Other, "an internal error, which is a bug of fetch"))).ok()
}

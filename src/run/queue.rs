//! What is to be done next: tasks queued by host, so that a slow one holds up no other. No thread, no clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How many tasks of one host may wait for another try before no new ones of it are begun: it is failing,
/// and each of them may hold an open file.
const MAX_WAITING: usize = 32;

/// Tasks by host. A task that was taken holds one of its host's permits until that is released.
#[derive(Debug)]
pub(super) struct Queue<H, T> {
    hosts: HashMap<H, Host<T>>,
    /// Hosts that may have a task to be begun: those with the fewest permits first, so that hosts that are
    /// slow do not take all workers from one that is not, and among them in turn.
    ready: BTreeMap<Rank, H>,
    /// When tasks and hosts become ready.
    timed: BinaryHeap<Reverse<Timed<H, T>>>,
    /// Makes ranks and times different.
    count: u64,
    /// How many tasks there are.
    length: usize,
    per_host: usize,
    /// How many permits a host may have while others may yet be added: one less than there are workers.
    first_per_host: usize,
    /// The least time between two requests to one host.
    wait: Duration,
}

/// How many permits a host has, and its turn among those that have as many.
type Rank = (usize, u64);

#[derive(Debug)]
struct Host<T> {
    /// Tasks that were begun before; they go first.
    resumed: VecDeque<T>,
    new: VecDeque<T>,
    /// How many permits are held.
    active: usize,
    /// How many tasks wait for another try.
    waiting: usize,
    /// No request before this.
    not_before: Option<Instant>,
    /// Its key in the queue's `ready`.
    ready: Option<Rank>,
    /// A time is set for when `not_before` is reached.
    is_timed: bool,
}

/// A time, and what becomes ready then.
#[derive(Debug)]
struct Timed<H, T> {
    at: (Instant, u64),
    host: H,
    /// `None` where it is the host alone.
    task: Option<T>,
}

impl<H, T> PartialEq for Timed<H, T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<H, T> Eq for Timed<H, T> {}

impl<H, T> PartialOrd for Timed<H, T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<H, T> Ord for Timed<H, T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl<T> Host<T> {
    fn new() -> Host<T> {
        Host {
            resumed: VecDeque::new(),
            new: VecDeque::new(),
            active: 0,
            waiting: 0,
            not_before: None,
            ready: None,
            is_timed: false,
        }
    }

    /// Whether nothing is left to be done or waited for.
    fn is_done(&self) -> bool {
        self.resumed.is_empty() && self.new.is_empty() && self.active == 0 && self.waiting == 0 && !self.is_timed
    }

    fn has_task(&self) -> bool {
        !self.resumed.is_empty() || !self.new.is_empty() && self.waiting < MAX_WAITING
    }
}

impl<H: Clone + Eq + Hash, T> Queue<H, T> {
    /// An empty queue, for so many workers.
    pub(super) fn new(workers: usize, per_host: usize, wait: Duration) -> Queue<H, T> {
        let per_host = per_host.max(1);
        Queue {
            hosts: HashMap::new(),
            ready: BTreeMap::new(),
            timed: BinaryHeap::new(),
            count: 0,
            length: 0,
            per_host,
            first_per_host: per_host.min(workers.saturating_sub(1)).max(1),
            wait,
        }
    }

    /// How many tasks are queued.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Whether a host may have a task to be begun.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// No new tasks will be added.
    pub(super) fn complete(&mut self) {
        self.first_per_host = self.per_host;
        let hosts: Vec<H> = self.hosts.keys().cloned().collect();
        hosts.into_iter().for_each(|host| self.check(host));
    }

    /// Adds a new task.
    pub(super) fn push(&mut self, host: H, task: T) {
        self.length += 1;
        self.host(&host).new.push_back(task);
        self.check(host);
    }

    /// Adds a task that was begun, and goes before new ones.
    pub(super) fn resume(&mut self, host: H, task: T) {
        self.length += 1;
        self.host(&host).resumed.push_back(task);
        self.check(host);
    }

    /// Adds a task that was begun, and may go on at a time.
    pub(super) fn resume_at(&mut self, host: H, task: T, at: Instant) {
        self.length += 1;
        self.host(&host).waiting += 1;
        self.time(at, host, Some(task));
    }

    /// The next task that may be begun now, and its host, of which it holds a permit.
    pub(super) fn take(&mut self, now: Instant) -> Option<(H, T)> {
        while self.timed.peek().is_some_and(|Reverse(timed)| timed.at.0 <= now) {
            let Some(Reverse(Timed { host, task, .. })) = self.timed.pop() else { break };
            let state = self.host(&host);
            match task {
                Some(task) => {
                    state.waiting -= 1;
                    state.resumed.push_back(task);
                }
                None => {
                    state.is_timed = false;
                    state.not_before = state.not_before.filter(|time| *time > now);
                }
            }
            self.check(host);
        }
        loop {
            let (_, host) = self.ready.pop_first()?;
            self.host(&host).ready = None;
            if !self.may_begin(&host, now) {
                continue;
            }
            let (wait, state) = (self.wait, self.host(&host));
            let Some(task) = state.resumed.pop_front().or_else(|| state.new.pop_front()) else {
                self.check(host);
                continue;
            };
            state.active += 1;
            state.not_before = (!wait.is_zero()).then(|| now + wait);
            self.length -= 1;
            self.check(host.clone());
            return Some((host, task));
        }
    }

    /// Takes a permit for another request to a host, if one is free now.
    pub(super) fn acquire(&mut self, host: &H, now: Instant) -> bool {
        let (per_host, wait, state) = (self.first_per_host, self.wait, self.host(host));
        let free = state.active < per_host && state.not_before.is_none_or(|time| time <= now);
        if free {
            state.active += 1;
            state.not_before = (!wait.is_zero()).then(|| now + wait);
        }
        free
    }

    /// Gives a permit back.
    pub(super) fn release(&mut self, host: &H) {
        if let Some(state) = self.hosts.get_mut(host) {
            state.active -= 1;
            self.check(host.clone());
        }
    }

    /// No request was made for what was taken then: the next need not wait for it.
    pub(super) fn skip_wait(&mut self, host: &H, taken: Instant) {
        if let Some(state) = self.hosts.get_mut(host).filter(|state| state.not_before == Some(taken + self.wait)) {
            state.not_before = None;
            self.check(host.clone());
        }
    }

    /// When there may be something to take, should nothing be added or released before; `None` for never.
    pub(super) fn next_time(&self) -> Option<Instant> {
        self.timed.peek().map(|Reverse(timed)| timed.at.0)
    }

    /// Removes all tasks. Those that were begun are the answer.
    pub(super) fn clear(&mut self) -> Vec<T> {
        let mut begun: Vec<T> = self.timed.drain().filter_map(|Reverse(timed)| timed.task).collect();
        begun.extend(self.hosts.drain().flat_map(|(_, host)| host.resumed));
        self.ready.clear();
        self.length = 0;
        begun
    }

    fn host(&mut self, host: &H) -> &mut Host<T> {
        self.hosts.entry(host.clone()).or_insert_with(Host::new)
    }

    /// Whether a host may get another request; if the time for it has not come, that is noted.
    fn may_begin(&mut self, host: &H, now: Instant) -> bool {
        let Some(state) = self.hosts.get_mut(host).filter(|state| state.active < self.first_per_host) else { return false };
        match state.not_before.filter(|time| *time > now) {
            None => true,
            Some(time) => {
                if !std::mem::replace(&mut state.is_timed, true) {
                    self.time(time, host.clone(), None);
                }
                false
            }
        }
    }

    /// Makes a host ready that may have something to do, and forgets one that has nothing.
    fn check(&mut self, host: H) {
        let Some(state) = self.hosts.get_mut(&host) else { return };
        let is_ready = state.has_task() && state.active < self.first_per_host;
        match state.ready {
            Some((permits, _)) if is_ready && permits == state.active => return,
            Some(rank) => drop(self.ready.remove(&rank)),
            None => {}
        }
        if is_ready {
            self.count += 1;
            let rank = (state.active, self.count);
            state.ready = Some(rank);
            self.ready.insert(rank, host);
            return;
        }
        state.ready = None;
        if state.is_done() {
            match state.not_before {
                // It is forgotten when its time has come.
                Some(time) => {
                    state.is_timed = true;
                    self.time(time, host, None);
                }
                None => drop(self.hosts.remove(&host)),
            }
        }
    }

    fn time(&mut self, at: Instant, host: H, task: Option<T>) {
        self.count += 1;
        self.timed.push(Reverse(Timed { at: (at, self.count), host, task }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn taken(queue: &mut Queue<char, u32>, now: Instant) -> Vec<(char, u32)> {
        std::iter::from_fn(|| queue.take(now)).collect()
    }

    #[test]
    fn hosts_take_turns_and_none_gets_more_than_its_permits() {
        let (mut queue, now) = (Queue::new(100, 2, NONE), Instant::now());
        (0..10_000).for_each(|number| queue.push('a', number));
        queue.push('b', 1);
        assert_eq!(taken(&mut queue, now), [('a', 0), ('b', 1), ('a', 1)]);
        queue.release(&'a');
        assert_eq!((taken(&mut queue, now), queue.len()), (vec![('a', 2)], 9997));
    }

    #[test]
    fn the_host_with_the_fewest_permits_goes_first() {
        let (mut queue, now) = (Queue::new(100, 6, NONE), Instant::now());
        for host in ['a', 'b', 'c'] {
            (0..10).for_each(|number| queue.push(host, number));
        }
        let first: Vec<char> = (0..9).filter_map(|_| queue.take(now)).map(|(host, _)| host).collect();
        assert_eq!(first.iter().collect::<String>(), "abcabcabc");
        // Of those, only the requests to b end.
        for _ in 0..3 {
            queue.release(&'b');
            assert_eq!(queue.take(now).map(|(host, _)| host), Some('b'));
        }
    }

    #[test]
    fn while_others_may_come_a_host_leaves_one_worker_free() {
        let (mut queue, now) = (Queue::new(4, 6, NONE), Instant::now());
        (0..10).for_each(|number| queue.push('a', number));
        assert_eq!(taken(&mut queue, now).len(), 3);
        queue.push('b', 0);
        assert_eq!(taken(&mut queue, now), [('b', 0)]);
        queue.complete();
        assert_eq!(taken(&mut queue, now).len(), 3);
    }

    #[test]
    fn a_task_that_was_begun_goes_before_new_ones() {
        let (mut queue, now) = (Queue::new(100, 1, NONE), Instant::now());
        queue.push('a', 1);
        queue.push('a', 2);
        assert_eq!(taken(&mut queue, now), [('a', 1)]);
        queue.resume('a', 1);
        queue.release(&'a');
        assert_eq!(taken(&mut queue, now), [('a', 1)]);
    }

    #[test]
    fn another_try_waits_in_the_queue_and_holds_no_permit() {
        let (mut queue, now) = (Queue::new(100, 1, NONE), Instant::now());
        let later = now + Duration::from_secs(5);
        queue.resume_at('a', 1, later);
        queue.push('a', 2);
        assert_eq!(taken(&mut queue, now), [('a', 2)]);
        assert_eq!(queue.next_time(), Some(later));
        queue.release(&'a');
        assert_eq!(taken(&mut queue, later), [('a', 1)]);
    }

    #[test]
    fn a_host_that_fails_gets_no_new_tasks() {
        let (mut queue, now) = (Queue::new(100, 100, NONE), Instant::now());
        let later = now + Duration::from_secs(5);
        (0..32).for_each(|number| queue.resume_at('a', number, later));
        queue.push('a', 99);
        queue.push('b', 1);
        assert_eq!(taken(&mut queue, now), [('b', 1)]);
        assert_eq!(taken(&mut queue, later).len(), 33);
    }

    #[test]
    fn requests_to_one_host_keep_their_distance() {
        let second = Duration::from_secs(1);
        let (mut queue, now) = (Queue::new(100, 9, second), Instant::now());
        ['a', 'a', 'b'].into_iter().for_each(|host| queue.push(host, 0));
        assert_eq!(taken(&mut queue, now), [('a', 0), ('b', 0)]);
        assert!(!queue.acquire(&'a', now) && queue.next_time() == Some(now + second));
        assert_eq!(taken(&mut queue, now + second), [('a', 0)]);
    }

    #[test]
    fn a_permit_for_a_redirect_is_one_of_the_hosts() {
        let (mut queue, now) = (Queue::<char, u32>::new(100, 1, NONE), Instant::now());
        assert!(queue.acquire(&'a', now) && !queue.acquire(&'a', now));
        queue.release(&'a');
        assert!(queue.acquire(&'a', now));
    }

    #[test]
    fn hosts_that_are_done_are_forgotten() {
        for wait in [NONE, Duration::from_secs(1)] {
            let (mut queue, mut now) = (Queue::new(100, 2, wait), Instant::now());
            for number in 0..100 {
                queue.push(number, 0);
                queue.push(number, 1);
                while queue.len() > 0 {
                    if let Some((host, _)) = queue.take(now) {
                        queue.release(&host);
                    }
                    now += wait;
                }
            }
            assert!(queue.take(now + wait).is_none());
            assert_eq!((queue.hosts.len(), queue.ready.len(), queue.timed.len()), (0, 0, 0), "{wait:?}");
        }
    }

    #[test]
    fn a_long_list_of_few_hosts_takes_no_more_room_than_a_short_one() {
        let (mut queue, now) = (Queue::new(6, 3, NONE), Instant::now());
        let mut active: VecDeque<u32> = VecDeque::new();
        for number in 0..10_000 {
            (0..10).for_each(|host| queue.push(host, number));
            while active.len() < 6 {
                active.extend(queue.take(now).map(|(host, _)| host));
            }
            while queue.len() > 0 {
                active.pop_front().into_iter().for_each(|host| queue.release(&host));
                active.extend(queue.take(now).map(|(host, _)| host));
            }
            assert!(queue.ready.len() <= 10 && queue.hosts.len() <= 10);
        }
    }

    #[test]
    fn what_was_begun_is_given_back_at_the_end() {
        let (mut queue, now) = (Queue::new(100, 1, NONE), Instant::now());
        queue.push('a', 1);
        queue.resume('b', 2);
        queue.resume_at('c', 3, now);
        let mut begun = queue.clear();
        begun.sort_unstable();
        assert_eq!((begun, queue.len(), queue.take(now)), (vec![2, 3], 0, None));
    }
}

//! What is to be done next: tasks queued by host, so that a slow one holds up no other. No thread, no clock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How many tasks of one host may wait for another try before no new ones of it are begun: it is failing,
/// and each of them may hold an open file.
const MAX_WAITING: usize = 32;

/// Tasks by host. A task that was taken holds one of its host's permits until that is released.
#[derive(Debug)]
pub(super) struct Queue<H, T> {
    hosts: HashMap<H, Host<T>>,
    /// Hosts that may have a task to be begun.
    ready: BTreeMap<Rank, H>,
    /// When something becomes ready; the numbers make times different.
    timed: BTreeMap<(Instant, u64), (H, Timed<T>)>,
    /// Makes ranks and times different.
    count: u64,
    /// How many tasks are in it that were begun.
    begun: usize,
    /// How many tasks there are, and how much memory they take.
    length: usize,
    size: usize,
    limits: Limits,
    /// How many permits of one host there may be at most while others may yet be added: one less than there are
    /// workers.
    reserved: Option<usize>,
    /// No new tasks are given out for now.
    holds_new: bool,
    /// The least time between two requests to one host.
    wait: Duration,
}

/// How many permits a host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// With so many, no new task of its is begun.
    pub(super) new: usize,
    /// With so many, none that was begun goes on.
    pub(super) begun: usize,
}

/// Which host goes first: the one with the fewest permits, so that hosts that are slow do not take all workers
/// from one that is not; then one with tasks that were begun, so that they end; then the one whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    permits: usize,
    only_new: bool,
    turn: u64,
}

#[derive(Debug)]
struct Host<T> {
    /// Tasks that were begun before; they go first, the most urgent of them before others.
    resumed: BTreeMap<(u8, u64), Resumed<T>>,
    /// With how much memory each takes.
    new: VecDeque<(usize, T)>,
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

/// A task that was begun.
#[derive(Debug)]
pub(super) struct Begun<T> {
    pub(super) task: T,
    /// How many bytes of memory it takes that are not the program's to choose.
    pub(super) size: usize,
    /// The lowest goes first.
    pub(super) priority: u8,
    /// When it is given out without waiting for a permit.
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug)]
struct Resumed<T> {
    begun: Begun<T>,
    /// The key in `timed` of the time when it is given out without a permit.
    deadline: Option<(Instant, u64)>,
}

/// What becomes ready at a time.
#[derive(Debug)]
enum Timed<T> {
    /// The host, which had to wait.
    Host,
    /// Another try of a task.
    Task(Begun<T>),
    /// A task that waits for a permit, by its key.
    Deadline((u8, u64)),
}

impl<T> Host<T> {
    fn new() -> Host<T> {
        Host {
            resumed: BTreeMap::new(),
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

    /// Whether a task that was begun may be given out with these limits.
    fn has_begun(&self, limits: Limits) -> bool {
        !self.resumed.is_empty() && self.active < limits.begun
    }

    /// Whether a new task may be given out with these limits.
    fn has_new(&self, limits: Limits) -> bool {
        !self.new.is_empty() && self.waiting < MAX_WAITING && self.active < limits.new
    }
}

impl<H: Clone + Eq + Hash, T> Queue<H, T> {
    /// An empty queue, for so many workers.
    pub(super) fn new(workers: usize, limits: Limits, wait: Duration) -> Queue<H, T> {
        Queue {
            hosts: HashMap::new(),
            ready: BTreeMap::new(),
            timed: BTreeMap::new(),
            count: 0,
            begun: 0,
            length: 0,
            size: 0,
            limits,
            reserved: Some(workers.saturating_sub(1).max(1)),
            holds_new: false,
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
        self.reserved = None;
        self.check_all();
    }

    /// Whether new tasks are held back.
    pub(super) fn hold_new(&mut self, hold: bool) {
        if std::mem::replace(&mut self.holds_new, hold) != hold {
            self.check_all();
        }
    }

    fn check_all(&mut self) {
        let hosts: Vec<H> = self.hosts.keys().cloned().collect();
        hosts.into_iter().for_each(|host| self.check(host));
    }

    /// The limits that hold now.
    fn limits(&self) -> Limits {
        let limit = |limit: usize| self.reserved.map_or(limit, |reserved| limit.min(reserved)).max(1);
        Limits { new: if self.holds_new { 0 } else { limit(self.limits.new) }, begun: limit(self.limits.begun) }
    }

    /// How many tasks are queued that were begun.
    pub(super) fn begun(&self) -> usize {
        self.begun
    }

    /// How many bytes of memory the tasks take.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Adds a new task that takes so many bytes of memory.
    pub(super) fn push(&mut self, host: H, task: T, size: usize) {
        self.length += 1;
        self.size += size;
        self.host(&host).new.push_back((size, task));
        self.check(host);
    }

    /// Adds a task that was begun, and goes before new ones. At its deadline it is given out without waiting for
    /// a permit.
    pub(super) fn resume(&mut self, host: H, begun: Begun<T>) {
        self.length += 1;
        self.begun += 1;
        self.size += begun.size;
        self.add_resumed(&host, begun);
        self.check(host);
    }

    /// Adds a task that was begun, and may go on at a time.
    pub(super) fn resume_at(&mut self, host: H, begun: Begun<T>, at: Instant) {
        self.length += 1;
        self.begun += 1;
        self.size += begun.size;
        self.host(&host).waiting += 1;
        self.time(at, host, Timed::Task(begun));
    }

    /// The next task that may be begun now, and its host, of which it holds a permit.
    pub(super) fn take(&mut self, now: Instant) -> Option<(H, T)> {
        while let Some(first) = self.timed.first_entry().filter(|first| first.key().0 <= now) {
            let (host, timed) = first.remove();
            match timed {
                Timed::Task(begun) => {
                    self.host(&host).waiting -= 1;
                    self.add_resumed(&host, begun);
                }
                Timed::Host => {
                    let state = self.host(&host);
                    state.is_timed = false;
                    state.not_before = state.not_before.filter(|time| *time > now);
                }
                Timed::Deadline(key) => {
                    if let Some(Resumed { begun: Begun { task, size, .. }, .. }) = self.host(&host).resumed.remove(&key) {
                        self.size -= size;
                        self.host(&host).active += 1;
                        self.length -= 1;
                        self.begun -= 1;
                        self.check(host.clone());
                        return Some((host, task));
                    }
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
            let (wait, limits, state) = (self.wait, self.limits(), self.host(&host));
            let resumed = state.has_begun(limits).then(|| state.resumed.pop_first()).flatten().map(|(_, resumed)| resumed);
            let deadline = resumed.as_ref().and_then(|resumed| resumed.deadline);
            let is_begun = resumed.is_some();
            let task = resumed.map(|resumed| (resumed.begun.size, resumed.begun.task)).or_else(|| state.new.pop_front());
            let Some((size, task)) = task else {
                self.check(host);
                continue;
            };
            state.active += 1;
            state.not_before = (!wait.is_zero()).then(|| now + wait);
            self.length -= 1;
            self.size -= size;
            self.begun -= usize::from(is_begun);
            deadline.inspect(|key| drop(self.timed.remove(key)));
            self.check(host.clone());
            return Some((host, task));
        }
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
        self.timed.first_key_value().map(|((time, _), _)| *time)
    }

    /// Removes all tasks, and returns those that were begun.
    pub(super) fn clear(&mut self) -> Vec<T> {
        let waiting = std::mem::take(&mut self.timed).into_values().filter_map(|(_, timed)| match timed {
            Timed::Task(begun) => Some(begun.task),
            Timed::Host | Timed::Deadline(_) => None,
        });
        let mut begun: Vec<T> = waiting.collect();
        begun.extend(self.hosts.drain().flat_map(|(_, host)| host.resumed.into_values()).map(|resumed| resumed.begun.task));
        self.ready.clear();
        (self.length, self.size, self.begun) = (0, 0, 0);
        begun
    }

    fn host(&mut self, host: &H) -> &mut Host<T> {
        self.hosts.entry(host.clone()).or_insert_with(Host::new)
    }

    /// Whether a host may get another request; if the time for it has not come, that is noted.
    fn may_begin(&mut self, host: &H, now: Instant) -> bool {
        let limits = self.limits();
        let may_begin = |state: &&mut Host<T>| state.has_begun(limits) || state.has_new(limits);
        let Some(state) = self.hosts.get_mut(host).filter(may_begin) else { return false };
        match state.not_before.filter(|time| *time > now) {
            None => true,
            Some(time) => {
                if !std::mem::replace(&mut state.is_timed, true) {
                    self.time(time, host.clone(), Timed::Host);
                }
                false
            }
        }
    }

    /// Makes a host ready that may have something to do, and forgets one that has nothing.
    fn check(&mut self, host: H) {
        let limits = self.limits();
        let Some(state) = self.hosts.get_mut(&host) else { return };
        let (has_begun, permits) = (state.has_begun(limits), state.active);
        let is_ready = has_begun || state.has_new(limits);
        let only_new = !has_begun;
        match state.ready {
            Some(rank) if is_ready && (rank.only_new, rank.permits) == (only_new, permits) => return,
            Some(rank) => drop(self.ready.remove(&rank)),
            None => {}
        }
        if is_ready {
            self.count += 1;
            let rank = Rank { only_new, permits, turn: self.count };
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
                    self.time(time, host, Timed::Host);
                }
                None => drop(self.hosts.remove(&host)),
            }
        }
    }

    fn add_resumed(&mut self, host: &H, begun: Begun<T>) {
        self.count += 1;
        let key = (begun.priority, self.count);
        let deadline = begun.deadline.map(|at| self.time(at, host.clone(), Timed::Deadline(key)));
        self.host(host).resumed.insert(key, Resumed { begun, deadline });
    }

    fn time(&mut self, at: Instant, host: H, timed: Timed<T>) -> (Instant, u64) {
        self.count += 1;
        self.timed.insert((at, self.count), (host, timed));
        (at, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn begun(task: u32, priority: u8, deadline: Option<Instant>) -> Begun<u32> {
        Begun { task, size: 0, priority, deadline }
    }

    fn permits(count: usize) -> Limits {
        Limits { new: count, begun: count }
    }

    fn taken(queue: &mut Queue<char, u32>, now: Instant) -> Vec<(char, u32)> {
        std::iter::from_fn(|| queue.take(now)).collect()
    }

    #[test]
    fn hosts_take_turns_and_none_gets_more_than_its_permits() {
        let (mut queue, now) = (Queue::new(100, permits(2), NONE), Instant::now());
        (0..10_000).for_each(|number| queue.push('a', number, 0));
        queue.push('b', 1, 0);
        assert_eq!(taken(&mut queue, now), [('a', 0), ('b', 1), ('a', 1)]);
        queue.release(&'a');
        assert_eq!((taken(&mut queue, now), queue.len()), (vec![('a', 2)], 9997));
    }

    #[test]
    fn the_host_with_the_fewest_permits_goes_first() {
        let (mut queue, now) = (Queue::new(100, permits(6), NONE), Instant::now());
        for host in ['a', 'b', 'c'] {
            (0..10).for_each(|number| queue.push(host, number, 0));
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
        let (mut queue, now) = (Queue::new(4, permits(6), NONE), Instant::now());
        (0..10).for_each(|number| queue.push('a', number, 0));
        assert_eq!(taken(&mut queue, now).len(), 3);
        queue.push('b', 0, 0);
        assert_eq!(taken(&mut queue, now), [('b', 0)]);
        queue.complete();
        assert_eq!(taken(&mut queue, now).len(), 3);
    }

    #[test]
    fn a_task_that_was_begun_goes_before_new_ones() {
        let (mut queue, now) = (Queue::new(100, permits(1), NONE), Instant::now());
        queue.push('a', 1, 0);
        queue.push('a', 2, 0);
        assert_eq!(taken(&mut queue, now), [('a', 1)]);
        queue.resume('a', begun(1, 0, None));
        queue.release(&'a');
        assert_eq!(taken(&mut queue, now), [('a', 1)]);
    }

    #[test]
    fn another_try_waits_in_the_queue_and_holds_no_permit() {
        let (mut queue, now) = (Queue::new(100, permits(1), NONE), Instant::now());
        let later = now + Duration::from_secs(5);
        queue.resume_at('a', begun(1, 0, None), later);
        queue.push('a', 2, 0);
        assert_eq!(taken(&mut queue, now), [('a', 2)]);
        assert_eq!(queue.next_time(), Some(later));
        queue.release(&'a');
        assert_eq!(taken(&mut queue, later), [('a', 1)]);
    }

    #[test]
    fn a_host_that_fails_gets_no_new_tasks() {
        let (mut queue, now) = (Queue::new(100, permits(100), NONE), Instant::now());
        let later = now + Duration::from_secs(5);
        (0..32).for_each(|number| queue.resume_at('a', begun(number, 0, None), later));
        queue.push('a', 99, 0);
        queue.push('b', 1, 0);
        assert_eq!(taken(&mut queue, now), [('b', 1)]);
        assert_eq!(taken(&mut queue, later).len(), 33);
    }

    #[test]
    fn tasks_that_were_begun_are_counted() {
        let (mut queue, now) = (Queue::new(100, permits(100), NONE), Instant::now());
        queue.push('a', 1, 0);
        queue.resume('a', begun(2, 0, None));
        queue.resume('a', begun(3, 0, Some(now)));
        queue.resume_at('b', begun(4, 0, None), now);
        assert_eq!((queue.begun(), queue.len()), (3, 4));
        assert_eq!((taken(&mut queue, now).len(), queue.begun()), (4, 0));
    }

    #[test]
    fn at_its_deadline_a_task_waits_for_no_permit() {
        let (mut queue, now) = (Queue::new(100, permits(1), NONE), Instant::now());
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        queue.push('a', 0, 0);
        assert_eq!(taken(&mut queue, now), [('a', 0)]);
        queue.resume('a', begun(1, 0, Some(later)));
        queue.resume_at('a', begun(2, 0, Some(soon)), now);
        assert_eq!((taken(&mut queue, now), queue.next_time()), (vec![], Some(soon)));
        assert_eq!(taken(&mut queue, soon), [('a', 2)]);
        queue.release(&'a');
        queue.release(&'a');
        assert_eq!((taken(&mut queue, soon), queue.next_time()), (vec![('a', 1)], None));
    }

    #[test]
    fn tasks_that_were_begun_may_have_more_permits_and_the_urgent_go_first() {
        let (mut queue, now) = (Queue::new(100, Limits { new: 1, begun: 3 }, NONE), Instant::now());
        (1..=2).for_each(|number| queue.push('a', number, 0));
        [(11, 5), (12, 1), (13, 5), (14, 5)]
            .into_iter()
            .for_each(|(task, priority)| queue.resume('a', begun(task, priority, None)));
        assert_eq!(taken(&mut queue, now), [('a', 12), ('a', 11), ('a', 13)]);
        (0..3).for_each(|_| queue.release(&'a'));
        assert_eq!(taken(&mut queue, now), [('a', 14)]);
        queue.release(&'a');
        assert_eq!(taken(&mut queue, now), [('a', 1)]);
    }

    #[test]
    fn new_tasks_can_be_held_back() {
        let (mut queue, now) = (Queue::new(100, permits(9), NONE), Instant::now());
        queue.push('a', 1, 0);
        queue.resume('a', begun(2, 0, None));
        queue.hold_new(true);
        assert_eq!((taken(&mut queue, now), queue.is_ready()), (vec![('a', 2)], false));
        queue.hold_new(false);
        assert_eq!(taken(&mut queue, now), [('a', 1)]);
    }

    #[test]
    fn requests_to_one_host_keep_their_distance() {
        let second = Duration::from_secs(1);
        let (mut queue, now) = (Queue::new(100, permits(9), second), Instant::now());
        ['a', 'a', 'b'].into_iter().for_each(|host| queue.push(host, 0, 0));
        assert_eq!(taken(&mut queue, now), [('a', 0), ('b', 0)]);
        assert_eq!(queue.next_time(), Some(now + second));
        assert_eq!(taken(&mut queue, now + second), [('a', 0)]);
    }

    #[test]
    fn a_redirect_waits_for_its_hosts_turn() {
        let (mut queue, now) = (Queue::new(100, permits(6), NONE), Instant::now());
        (0..6).for_each(|number| queue.resume('a', begun(number, 0, None)));
        (0..3).for_each(|number| queue.push('b', number, 0));
        let first: String = (0..6).filter_map(|_| queue.take(now)).map(|(host, _)| host).collect();
        assert_eq!(first, "ababab");
    }

    #[test]
    fn hosts_that_are_done_are_forgotten() {
        for wait in [NONE, Duration::from_secs(1)] {
            let (mut queue, mut now) = (Queue::new(100, permits(2), wait), Instant::now());
            for number in 0..100 {
                queue.push(number, 0, 0);
                queue.push(number, 1, 0);
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
        let (mut queue, now) = (Queue::new(6, permits(3), NONE), Instant::now());
        let mut active: VecDeque<u32> = VecDeque::new();
        for number in 0..10_000 {
            (0..10).for_each(|host| queue.push(host, number, 0));
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
    fn the_size_is_that_of_all_tasks() {
        let (mut queue, now) = (Queue::new(100, permits(1), NONE), Instant::now());
        queue.push('a', 1, 100);
        queue.push('a', 2, 10);
        queue.resume('b', Begun { size: 1000, ..begun(3, 0, None) });
        queue.resume_at('c', Begun { size: 5000, ..begun(4, 0, None) }, now + Duration::from_secs(1));
        assert_eq!((queue.size(), taken(&mut queue, now).len(), queue.size()), (6110, 2, 5010));
    }

    #[test]
    fn what_was_begun_is_given_back_at_the_end() {
        let (mut queue, now) = (Queue::new(100, permits(1), NONE), Instant::now());
        queue.push('a', 1, 0);
        queue.resume('b', begun(2, 0, None));
        queue.resume_at('c', begun(3, 0, None), now);
        let mut begun = queue.clear();
        begun.sort_unstable();
        assert_eq!((begun, queue.len(), queue.take(now)), (vec![2, 3], 0, None));
    }
}

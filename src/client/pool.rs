//! Idle connections, and buffers for those in use.

use crate::http::Fields;
use crate::lock::locked;
use crate::net::{Proxy, Stream, Target};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How many bytes a buffer has at first: a small response fits, and many connections can wait for theirs.
const SMALL_BUFFER: usize = 16 * 1024;
/// How many bytes a buffer has once more came than fit. More than a header section may have, so that one
/// that is too large is seen to be; more than the processor's caches want, because the kernel hands over
/// 1 MiB with a quarter less work than 256 KiB.
const LARGE_BUFFER: usize = 1024 * 1024;
const _: () = assert!(LARGE_BUFFER > crate::http::MAX_HEAD);
/// How many large buffers are kept; of small ones, as many as idle connections.
const MAX_LARGE_BUFFERS: usize = 4;

/// What a connection was made to, and how: requests with an equal key may use it. Everything else that
/// a connection depends on is the same for all of a client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PoolKey {
    /// An origin, reached this way.
    Origin(Target, Via),
    /// A proxy that forwards requests for any origin.
    ForwardProxy(Proxy),
}

/// How an origin is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Direct,
    UnixSocket(PathBuf),
    /// A tunnel through this proxy, asked for with these fields.
    Tunnel(Proxy, Fields),
}

/// A connection that is not in use.
#[derive(Debug)]
struct Idle {
    key: PoolKey,
    stream: Stream,
    since: Instant,
    /// All that had come then was received.
    all_received: bool,
}

/// For so long after a response ended, with all that had come by then received, a connection is taken for
/// silent without another look: shorter than what separates two packets that a look could tell apart.
const FRESH: Duration = Duration::from_micros(100);

/// A connection that is idle for longer may be dead without a sign: a router on the way may have forgotten it.
const MAX_AGE: Duration = Duration::from_secs(90);

/// Shared by all threads that use a client.
#[derive(Debug)]
pub(super) struct Pool {
    /// The last used is the last.
    idle: Mutex<Vec<Idle>>,
    max_idle: AtomicUsize,
    buffers: Mutex<Buffers>,
}

/// How many idle connections are kept, unless more requests are made at once.
const DEFAULT_MAX_IDLE: usize = 8;

impl Default for Pool {
    fn default() -> Pool {
        Pool { idle: Mutex::default(), max_idle: AtomicUsize::new(DEFAULT_MAX_IDLE), buffers: Mutex::default() }
    }
}

/// Those that are not in use. What of a small one was never received into takes no memory.
#[derive(Debug, Default)]
struct Buffers {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

impl Pool {
    /// Keeps at least so many idle connections.
    pub(super) fn keep_idle(&self, count: usize) {
        self.max_idle.fetch_max(count, Ordering::Relaxed);
    }

    fn max_idle(&self) -> usize {
        self.max_idle.load(Ordering::Relaxed)
    }

    /// An idle connection; with `public_only`, one to a public address.
    pub(super) fn take(&self, key: &PoolKey, public_only: bool) -> Option<Stream> {
        // Of a connection to a forwarding proxy, the target decides.
        let is_allowed = |stream: &Stream| !public_only || stream.is_public() || matches!(key, PoolKey::ForwardProxy(_));
        loop {
            let Idle { stream, since, all_received, .. } = {
                let mut idle = locked(&self.idle);
                let index = idle.iter().rposition(|idle| idle.key == *key && is_allowed(&idle.stream))?;
                idle.remove(index)
            };
            if since.elapsed() > MAX_AGE {
                continue;
            }
            // A TLS session may hold what came and was not yet decrypted.
            let is_fresh = all_received && since.elapsed() < FRESH && matches!(key, PoolKey::Origin(_, Via::Direct));
            if is_fresh && stream.can_splice() || stream.is_silent() {
                return Some(stream);
            }
        }
    }

    /// Keeps a connection on which another request may be sent.
    pub(super) fn put(&self, key: PoolKey, stream: Stream, all_received: bool) {
        let mut idle = locked(&self.idle);
        let oldest = (idle.len() >= self.max_idle()).then(|| idle.remove(0));
        idle.push(Idle { key, stream, since: Instant::now(), all_received });
        drop(idle);
        // Closed without holding the lock.
        drop(oldest);
    }

    /// A small buffer, for an exchange.
    pub(super) fn buffer(&self) -> Box<[u8]> {
        let spare = locked(&self.buffers).small.pop();
        spare.unwrap_or_else(|| vec![0; SMALL_BUFFER].into_boxed_slice())
    }

    /// Exchanges a small buffer for a large one with the same content; a large one stays.
    pub(super) fn grow(&self, buffer: &mut Box<[u8]>) {
        if buffer.len() < LARGE_BUFFER {
            let spare = locked(&self.buffers).large.pop();
            let mut large = spare.unwrap_or_else(|| vec![0; LARGE_BUFFER].into_boxed_slice());
            large[..buffer.len()].copy_from_slice(buffer);
            self.recycle(std::mem::replace(buffer, large));
        }
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&self, buffer: Box<[u8]>) {
        let mut buffers = locked(&self.buffers);
        let is_small = buffer.len() < LARGE_BUFFER;
        let most = if is_small { self.max_idle() } else { MAX_LARGE_BUFFERS };
        let kept = if is_small { &mut buffers.small } else { &mut buffers.large };
        if kept.len() < most {
            kept.push(buffer);
        }
    }
}

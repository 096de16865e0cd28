//! Idle connections, and buffers for those in use.

use crate::http::Fields;
use crate::net::{Proxy, Stream, Target};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// How many connections are kept.
const MAX_IDLE: usize = 8;
/// How many bytes are received at a time. More than a header section may have, so that one that is
/// too large is seen to be; more than the processor's caches want, because the kernel hands over
/// 1 MiB with a quarter less work than 256 KiB.
const BUFFER_SIZE: usize = 1024 * 1024;
const _: () = assert!(BUFFER_SIZE > crate::http::MAX_HEAD);

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

/// Shared by all threads that use a client.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// The last used is the first.
    idle: Mutex<Vec<(PoolKey, Stream)>>,
    buffers: Mutex<Vec<Box<[u8]>>>,
}

impl Pool {
    /// An idle connection; with `public_only`, one to a public address.
    pub(super) fn take(&self, key: &PoolKey, public_only: bool) -> Option<Stream> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, stream)| stream.is_silent());
        // Of a connection to a forwarding proxy, the target decides.
        let is_allowed = |stream: &Stream| !public_only || stream.is_public() || matches!(key, PoolKey::ForwardProxy(_));
        let index = idle.iter().position(|(other, stream)| other == key && is_allowed(stream))?;
        Some(idle.remove(index).1)
    }

    /// Keeps a connection on which another request may be sent.
    pub(super) fn put(&self, key: PoolKey, stream: Stream) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.truncate(MAX_IDLE - 1);
        idle.insert(0, (key, stream));
    }

    /// A buffer for an exchange.
    pub(super) fn buffer(&self) -> Box<[u8]> {
        let spare = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| vec![0; BUFFER_SIZE].into_boxed_slice())
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&self, buffer: Box<[u8]>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < MAX_IDLE {
            buffers.push(buffer);
        }
    }
}

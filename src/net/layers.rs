//! A socket and the TLS sessions over it: none, one, or two where a target is reached over TLS
//! through a proxy that is.

use super::NetError;
use super::deadline::Timer;
use super::socket::Socket;
use super::tls::Session;

/// Where bytes go in and out: over the last of the sessions, that over the one before it, the first
/// over the socket.
pub(super) struct Layers<'s> {
    pub(super) sessions: &'s mut [Session],
    pub(super) socket: &'s mut Socket,
}

impl Layers<'_> {
    /// Sends all of it.
    pub(super) fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), NetError> {
        match self.sessions.split_last_mut() {
            None => self.socket.send(bytes, timer),
            Some((top, sessions)) => top.send(bytes, &mut Layers { sessions, socket: self.socket }, timer),
        }
    }

    /// Receives at least one byte, or 0 at the end.
    pub(super) fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError> {
        match self.sessions.split_last_mut() {
            None => self.socket.receive(buffer, timer),
            Some((top, sessions)) => top.receive(buffer, &mut Layers { sessions, socket: self.socket }, timer),
        }
    }

    /// Says goodbye from the top down.
    pub(super) fn send_close_notify(&mut self) {
        if let Some((top, sessions)) = self.sessions.split_last_mut() {
            top.send_close_notify(&mut Layers { sessions, socket: self.socket });
            Layers { sessions, socket: self.socket }.send_close_notify();
        }
    }

    /// Sends what can be sent at once, to a peer that need not hear it.
    pub(super) fn try_send(&mut self, bytes: &[u8]) {
        // Through a second session it could not be sent without waiting.
        if self.sessions.is_empty() {
            self.socket.try_send(bytes);
        }
    }
}

//! A socket and the TLS sessions over it: none, one, or two where a target is reached over TLS
//! through a proxy that is.

use super::NetError;
use super::deadline::Timer;
use super::socket::Socket;
use super::tls::Session;
use super::transport::Transport;

/// The transport of the innermost session: each session is over the one before it, the first over the
/// socket.
pub(super) struct Layers<'s> {
    pub(super) sessions: &'s mut [Session],
    pub(super) socket: &'s mut Socket,
}

impl Layers<'_> {
    /// Sends close_notify in every session, innermost first.
    pub(super) fn send_close_notify(&mut self) {
        if let Some((top, sessions)) = self.sessions.split_last_mut() {
            let mut below = Layers { sessions, socket: self.socket };
            top.send_close_notify(&mut below);
            below.send_close_notify();
        }
    }
}

impl Transport for Layers<'_> {
    fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), NetError> {
        match self.sessions.split_last_mut() {
            None => self.socket.send(bytes, timer),
            Some((top, sessions)) => top.send(bytes, &mut Layers { sessions, socket: self.socket }, timer),
        }
    }

    fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError> {
        match self.sessions.split_last_mut() {
            None => self.socket.receive(buffer, timer),
            Some((top, sessions)) => top.receive(buffer, &mut Layers { sessions, socket: self.socket }, timer),
        }
    }

    fn try_send(&mut self, bytes: &[u8]) {
        // Through a second session it could not be sent without waiting.
        if self.sessions.is_empty() {
            self.socket.try_send(bytes);
        }
    }

    fn acknowledge_at_once(&self) {
        self.socket.acknowledge_at_once();
    }
}

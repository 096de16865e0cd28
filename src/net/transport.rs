//! What bytes are sent over and received from: a socket, or a TLS session over another transport.

use super::NetError;
use super::deadline::Timer;

/// A byte stream on which every wait has an end.
pub(super) trait Transport {
    /// Sends all of it.
    fn send(&mut self, bytes: &[u8], timer: &Timer) -> Result<(), NetError>;

    /// Receives at least one byte, or 0 at the end.
    fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError>;

    /// Sends what can be sent without waiting, to a peer that need not get it.
    fn try_send(&mut self, bytes: &[u8]);

    /// Acknowledges what comes next at once. A server that waits for an acknowledgement before it
    /// sends more (Nagle's algorithm, with TLS's session tickets before the response) would wait 40 ms
    /// for a delayed one.
    fn acknowledge_at_once(&self);
}

//! A connected socket, TCP or Unix, on which every wait has an end.

use super::NetError;
use super::deadline::Timer;
use super::transport::Transport;
use crate::sys::{self, SEND_FLAGS, SplicePipe};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, sockopt};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The socket is in blocking mode, with a receive timeout: that costs one system call for each
/// piece that comes, where poll and a non-blocking read would cost two.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// The receive timeout that is set.
    timeout: Option<Duration>,
}

impl Socket {
    pub(super) fn new(fd: OwnedFd) -> Socket {
        Socket { fd, timeout: None }
    }

    /// Whether nothing has come that was not asked for, not even the end.
    pub(super) fn is_silent(&self) -> bool {
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(&self.fd, &mut [0], peek) == Err(Errno::AGAIN)
    }

    /// Receives into a pipe, without a copy; 0 at the end.
    pub(super) fn splice(&mut self, pipe: &SplicePipe, most: u64, timer: &Timer) -> Result<usize, NetError> {
        self.waiting(timer, |fd| pipe.fill(fd, most))
    }

    /// Repeats a receiving call until it gives something, or the timer's limits are reached.
    fn waiting(
        &mut self,
        timer: &Timer,
        mut call: impl FnMut(BorrowedFd<'_>) -> Result<usize, Errno>,
    ) -> Result<usize, NetError> {
        let wait = timer.wait();
        loop {
            let slice = wait.poll_timeout()?;
            if self.timeout != Some(slice) {
                sockopt::set_socket_timeout(&self.fd, sockopt::Timeout::Recv, Some(slice)).map_err(NetError::broken)?;
                self.timeout = Some(slice);
            }
            match call(self.fd.as_fd()) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                done => return done.map_err(NetError::broken),
            }
        }
    }
}

impl Transport for Socket {
    fn send(&mut self, mut bytes: &[u8], timer: &Timer) -> Result<(), NetError> {
        while !bytes.is_empty() {
            let wait = timer.wait();
            match rustix::net::send(&self.fd, bytes, SEND_FLAGS) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::AGAIN) => while !is_writable(self.fd.as_fd(), wait.poll_timeout()?).map_err(NetError::broken)? {},
                Err(Errno::INTR) => {}
                Err(error) => return Err(NetError::broken(error)),
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], timer: &Timer) -> Result<usize, NetError> {
        self.waiting(timer, |fd| rustix::net::recv(fd, &mut *buffer, RecvFlags::empty()).map(|(n, _)| n))
    }

    fn try_send(&mut self, bytes: &[u8]) {
        let _ = rustix::net::send(&self.fd, bytes, SEND_FLAGS);
    }

    fn acknowledge_at_once(&self) {
        sys::set_quickack(&self.fd);
    }
}

/// Waits for so long at most; whether there is room to write now.
pub(crate) fn is_writable(fd: BorrowedFd<'_>, within: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(within).map_err(io::Error::other)?;
    match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

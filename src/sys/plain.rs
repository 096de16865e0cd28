//! The plain ways, for a Unix that is not Linux.

use super::{create_then_fill, link_or_reserve};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{AddressFamily, SendFlags, SocketType};
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

/// Sends without waiting; std ignores SIGPIPE.
pub(crate) const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

/// A stream socket that does not block.
pub(crate) fn stream_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

/// Acknowledgements come when the system sends them.
pub(crate) fn set_quickack(_: &OwnedFd) {}

/// The system does not say which signals were ignored at the start.
#[cfg(feature = "cli")]
pub(crate) fn ignored_signals() -> u64 {
    0
}

/// Creates a file and fills it; `AlreadyExists` where something has its name.
pub(crate) fn create_filled(path: &Path, mode: u32, fill: &dyn Fn(&File) -> io::Result<()>) -> io::Result<()> {
    create_then_fill(path, mode, fill)
}

/// There are no files without a name.
pub(crate) fn create_unnamed(_: &Path, _: u32) -> Option<io::Result<File>> {
    None
}

/// Cannot be called with a file without a name.
pub(crate) fn link_unnamed(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Every file system is asked.
pub(crate) fn takes_bytes_at_once(_: &File) -> bool {
    false
}

/// Renames to a name that is free; `AlreadyExists` where it is not.
pub(crate) fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    link_or_reserve(from, to)
}

/// No extended attributes are kept.
pub(crate) fn set_attribute(_: &File, _: &str, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// No extended attributes are kept.
pub(crate) fn attribute(_: &File, _: &str) -> Option<Vec<u8>> {
    None
}

/// No extended attributes are kept.
pub(crate) fn keeps_attributes(_: &File) -> bool {
    false
}

/// No extended attributes are kept.
pub(crate) fn remove_attribute(_: &File, _: &str) {}

/// Access control lists are not kept.
pub(crate) fn copy_acl(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// Splice is not supported: there is no value of this type.
#[derive(Debug)]
pub(crate) enum SplicePipe {}

impl SplicePipe {
    /// Always `None`.
    pub(crate) fn new() -> Option<SplicePipe> {
        None
    }

    /// Cannot be called.
    pub(crate) fn fill(&self, _: BorrowedFd<'_>, _: u64) -> Result<usize, Errno> {
        match *self {}
    }

    /// Cannot be called.
    pub(crate) fn drain(&self, _: &File, _: usize) -> io::Result<()> {
        match *self {}
    }
}

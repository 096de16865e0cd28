//! Linux.

use super::{create_then_fill, link_or_reserve};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, XattrFlags, fgetxattr, fremovexattr, fsetxattr, getxattr, linkat, openat,
    renameat_with,
};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
#[cfg(test)]
use std::fs;
use std::fs::File;
use std::io;
#[cfg(feature = "cli")]
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// How many bytes are spliced at a time: what a pipe may hold without privileges.
const PIPE_SIZE: usize = 1024 * 1024;

/// Sends without waiting, and without SIGPIPE.
pub(crate) const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// A stream socket that does not block.
pub(crate) fn stream_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

/// Acknowledges what comes next at once, not 40 ms later.
pub(crate) fn set_quickack(socket: &OwnedFd) {
    // Where it is not supported, on a Unix socket for example, acknowledgements are delayed as usual.
    let _ = sockopt::set_tcp_quickack(socket, true);
}

/// The signals that were ignored when the program was started, a bit each.
#[cfg(feature = "cli")]
pub(crate) fn ignored_signals() -> u64 {
    // Room for all of it: files in /proc have no size, and would be read in many small pieces.
    let mut status = String::with_capacity(4096);
    let _ = File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Creates a file that has its name only once it is filled; `AlreadyExists` where something has it. Killed
/// in between, the program leaves nothing behind, where the file system has files without a name.
pub(crate) fn create_filled(path: &Path, mode: u32, fill: &dyn Fn(&File) -> io::Result<()>) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let Ok(unnamed) = openat(CWD, directory, flags, Mode::from_raw_mode(mode)) else {
        return create_then_fill(path, mode, fill);
    };
    let unnamed = File::from(unnamed);
    fill(&unnamed)?;
    match link_unnamed(&unnamed, path) {
        // Without /proc, for example.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => create_then_fill(path, mode, fill),
        linked => linked,
    }
}

/// Opens a file without a name in a directory; `None` where the file system has no such files.
pub(crate) fn create_unnamed(directory: &Path, mode: u32) -> Option<io::Result<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match openat(CWD, directory, flags, Mode::from_raw_mode(mode)) {
        Ok(file) => Some(Ok(file.into())),
        // EISDIR is what kernels say that do not know the flag.
        Err(Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => None,
        Err(error) => Some(Err(error.into())),
    }
}

/// Gives a file without a name one that is free; `AlreadyExists` where it is not.
pub(crate) fn link_unnamed(file: &File, path: &Path) -> io::Result<()> {
    // Kernels before 6.10 let only root do it the short way.
    match linkat(file, "", CWD, path, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {
            let by_descriptor = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(linkat(CWD, by_descriptor, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
        }
        linked => Ok(linked?),
    }
}

/// Whether the file system of a directory has nothing more to say about a file's bytes once it took them: a
/// local one. Others, NFS and FUSE for example, may do so when the file is closed.
pub(crate) fn takes_bytes_at_once(file: &File) -> bool {
    /// ext2 to ext4, XFS, Btrfs, tmpfs, F2FS.
    const LOCAL: [u32; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0xf2f5_2010];
    rustix::fs::fstatfs(file).is_ok_and(|system| LOCAL.iter().any(|local| i64::from(*local) == system.f_type))
}

/// Renames to a name that is free; `AlreadyExists` where it is not.
pub(crate) fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can.
        Err(Errno::INVAL | Errno::NOSYS) => link_or_reserve(from, to),
        done => done.map_err(io::Error::from),
    }
}

/// Sets an extended attribute; an error where the file system keeps none.
pub(crate) fn set_attribute(file: &File, name: &str, value: &[u8]) -> io::Result<()> {
    Ok(fsetxattr(file, name, value, XattrFlags::empty())?)
}

/// An extended attribute, where there is one.
pub(crate) fn attribute(file: &File, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 64 * 1024];
    let length = fgetxattr(file, name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

/// Whether a file is on a file system that keeps extended attributes.
pub(crate) fn keeps_attributes(file: &File) -> bool {
    fgetxattr(file, "user.fetch", &mut [0; 0][..]) != Err(Errno::NOTSUP)
}

/// Removes an extended attribute.
pub(crate) fn remove_attribute(file: &File, name: &str) {
    // Where there is none, that is what is wanted.
    let _ = fremovexattr(file, name);
}

/// Gives a file the access control list of another, or none where that has none.
pub(crate) fn copy_acl(from: &Path, to: &File) -> io::Result<()> {
    const ACL: &str = "system.posix_acl_access";
    let mut value = vec![0; 64 * 1024];
    match getxattr(from, ACL, &mut value[..]) {
        Ok(length) => Ok(fsetxattr(to, ACL, &value[..length], XattrFlags::empty())?),
        Err(_) => {
            // A new file may have inherited one from its directory.
            let _ = fremovexattr(to, ACL);
            Ok(())
        }
    }
}

/// A pipe through which bytes get from a socket into a file without being copied.
#[derive(Debug)]
pub(crate) struct SplicePipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl SplicePipe {
    /// A pipe, where splice is supported.
    pub(crate) fn new() -> Option<SplicePipe> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        // Where the system does not allow it, the pipe stays as small as it is.
        let _ = fcntl_setpipe_size(&write, PIPE_SIZE);
        Some(SplicePipe { read, write })
    }

    /// Moves what a socket has into the pipe, so many bytes at most; 0 at its end. `SPLICE_F_MORE`
    /// would do nothing: a file has no segments to fill.
    pub(crate) fn fill(&self, socket: BorrowedFd<'_>, most: u64) -> Result<usize, Errno> {
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(PIPE_SIZE);
        splice(socket, None, &self.write, None, most, SpliceFlags::MOVE)
    }

    /// Moves so many bytes of the pipe into a file.
    pub(crate) fn drain(&self, file: &File, mut count: usize) -> io::Result<()> {
        while count > 0 {
            match splice(&self.read, None, file.as_fd(), None, count, SpliceFlags::MOVE) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(moved) => count -= moved,
                Err(Errno::INTR) => {}
                // A file system that cannot splice.
                Err(Errno::INVAL) => return self.copy(file, count),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn copy(&self, mut file: &File, count: usize) -> io::Result<()> {
        use io::{Read, Write};
        let mut bytes = vec![0; count];
        File::from(self.read.try_clone()?).read_exact(&mut bytes)?;
        file.write_all(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn bytes_through_the_pipe_are_the_same_spliced_and_copied() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let file = File::create(&path).expect("created");
        let (mut there, here) = UnixStream::pair().expect("a pair");
        there.write_all(b"spliced, copied, left").expect("written");
        let pipe = SplicePipe::new().expect("a pipe");
        assert_eq!(pipe.fill(here.as_fd(), 16), Ok(16));
        pipe.drain(&file, 9).expect("spliced");
        pipe.copy(&file, 7).expect("copied");
        assert_eq!(fs::read(&path).expect("there"), b"spliced, copied,");
    }
}

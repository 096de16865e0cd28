//! What only some systems have: splice, quick acknowledgement, /proc, renaming without replacing,
//! extended attributes. Each has a plain way beside it, for a system that lacks it; `--cfg
//! fetch_plain` chooses the plain ways on Linux too, so that the tests can run them.

#[cfg(all(target_os = "linux", not(fetch_plain)))]
mod linux;
#[cfg(all(target_os = "linux", not(fetch_plain)))]
pub(crate) use linux::*;

#[cfg(not(all(target_os = "linux", not(fetch_plain))))]
mod plain;
#[cfg(not(all(target_os = "linux", not(fetch_plain))))]
pub(crate) use plain::*;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whether a path names an open file descriptor.
pub(crate) fn is_descriptor_path(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path.starts_with("/proc")
}

/// Creates a file and fills it; killed in between, the program leaves it behind half filled.
fn create_then_fill(path: &Path, mode: u32, fill: &dyn Fn(&File) -> io::Result<()>) -> io::Result<()> {
    let file = File::options().read(true).write(true).mode(mode).create_new(true).open(path)?;
    fill(&file).inspect_err(|_| {
        // The error that led here is the one to report.
        let _ = fs::remove_file(path);
    })
}

/// Renames to a name that is free, where the system has no call for that.
fn link_or_reserve(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => {
            // The file has its name; one name too many is no failure.
            let _ = fs::remove_file(from);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // A file system without links: an empty file reserves the name.
        Err(_) => {
            File::options().write(true).create_new(true).open(to)?;
            fs::rename(from, to).inspect_err(|_| {
                // The error that led here is the one to report.
                let _ = fs::remove_file(to);
            })
        }
    }
}

/// Lets this process have as many files open as its hard limit allows.
pub(crate) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised stays as it is, and is respected.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// How many files this process may have open.
pub(crate) fn open_files_limit() -> usize {
    getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// What the file system says when a file is closed: on NFS, under a quota, or with FUSE, only now
/// that it has not taken the bytes. The file itself stays open: its duplicate is closed.
pub(crate) fn check_close(file: &File) -> io::Result<()> {
    close(file.try_clone()?)
}

/// Closes a file, with what the file system says.
pub(crate) fn close(file: File) -> io::Result<()> {
    // Dropped, a `File` throws the verdict away.
    nix::unistd::close(file).map_err(io::Error::from)
}

//! Standard output, and what is not a regular file: a FIFO, a device, a terminal. Bytes go there as they
//! come; nothing is replaced.

use super::error::{cannot, unfit};
use crate::error::{Error, Kind};
use crate::net::{Timer, is_writable};
use crate::sys;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How many bytes a writable pipe takes without blocking: PIPE_BUF.
const PIPE_BUF: usize = 4096;
/// How long to wait before a FIFO without a reader is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// A file that takes bytes at its reader's pace, but within the limit of the whole operation, if
/// it has one.
#[derive(Debug)]
pub(super) struct DirectWriter {
    file: File,
    path: PathBuf,
    timer: Option<Timer>,
}

impl DirectWriter {
    /// Writes to standard output.
    pub(super) fn stdout(timer: &Timer) -> Result<DirectWriter, Error> {
        let path = PathBuf::from("standard output");
        let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(|error| cannot("open", &path, &error))?;
        Ok(DirectWriter::new(stdout.into(), path, timer))
    }

    fn new(file: File, path: PathBuf, timer: &Timer) -> DirectWriter {
        // A regular file, which standard output may be, does not wait for a reader.
        let waits = timer.is_limited() && file.metadata().is_ok_and(|metadata| !metadata.is_file());
        DirectWriter { file, path, timer: waits.then(|| timer.clone()) }
    }

    /// Opens a FIFO or device, whose links were followed before, and which was this.
    pub(super) fn open(path: &Path, expected: &Metadata, timer: &Timer) -> Result<DirectWriter, Error> {
        let failed = |error: io::Error| cannot("open", path, &error);
        // To open a FIFO is to wait for its reader.
        let waits = expected.file_type().is_fifo();
        let mut flags = OFlags::empty();
        // The path may have changed since it was checked. The system's own links, /dev/stderr for example,
        // have to be followed.
        flags.set(OFlags::NOFOLLOW, !sys::is_descriptor_path(path));
        flags.set(OFlags::NONBLOCK, waits);
        let mut options = File::options();
        options.write(true).custom_flags(flags.bits().cast_signed());
        let file = loop {
            match options.open(path) {
                Err(error) if waits && Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                    thread::sleep(timer.poll_interval().map_err(|error| not_written("open", path, error))?.min(RETRY_INTERVAL));
                }
                opened => break opened.map_err(failed)?,
            }
        };
        let opened = file.metadata().map_err(failed)?;
        if (opened.dev(), opened.ino()) != (expected.dev(), expected.ino()) {
            return Err(unfit(path, "it was replaced by another program"));
        }
        if waits {
            fcntl_setfl(&file, OFlags::empty()).map_err(|error| failed(error.into()))?;
        }
        Ok(DirectWriter::new(file, path.to_owned(), timer))
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(timer) = &self.timer else {
            return self.file.write_all(bytes).map_err(|error| self.failed(&error));
        };
        // A terminal that is ready takes one byte at least.
        let length = if self.file.is_terminal() { 1 } else { PIPE_BUF };
        for piece in bytes.chunks(length) {
            loop {
                let interval = timer.poll_interval().map_err(|error| not_written("write", &self.path, error))?;
                if is_writable(self.file.as_fd(), interval).map_err(|error| self.failed(&error))? {
                    break;
                }
            }
            (&self.file).write_all(piece).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    /// Whether the file took it all: a regular file that standard output is may say so only now.
    pub(super) fn finish(&self) -> Result<(), Error> {
        sys::check_close(&self.file).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Error {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Error::new(Kind::ClosedPipe, format!("cannot write {}", self.path.display())).detail("broken pipe");
        }
        cannot("write", &self.path, error)
    }
}

/// A limit of the operation, and no fault of the file.
fn not_written(what: &str, path: &Path, error: crate::net::NetError) -> Error {
    Error::new(error.kind(), format!("cannot {what} {}", path.display())).caused_by(error)
}

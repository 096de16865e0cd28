//! What is no regular file: a FIFO, a device, a terminal, standard output. Bytes go there as they
//! come; nothing is replaced.

use crate::net::{Timer, is_writable};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// So many bytes a pipe that is ready takes without waiting: a page.
const READY: usize = 4096;
/// How long to wait before a FIFO without a reader is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// A file that takes bytes at its reader's pace, but within the limit of the whole operation, if
/// it has one.
#[derive(Debug)]
pub(super) struct DirectWriter {
    pub(super) file: File,
    timer: Option<Timer>,
}

impl DirectWriter {
    pub(super) fn new(file: File, timer: &Timer) -> DirectWriter {
        // A regular file, which standard output may be, keeps nobody waiting.
        let waits = timer.is_limited() && file.metadata().is_ok_and(|metadata| !metadata.is_file());
        DirectWriter { file, timer: waits.then(|| timer.clone()) }
    }

    pub(super) fn open(path: &Path, timer: &Timer) -> io::Result<DirectWriter> {
        let mut options = File::options();
        options.write(true);
        if !timer.is_limited() || !fs::metadata(path)?.file_type().is_fifo() {
            return options.open(path).map(|file| DirectWriter::new(file, timer));
        }
        // To open a FIFO is to wait for its reader.
        options.custom_flags(i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default());
        loop {
            match options.open(path) {
                Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => {
                    thread::sleep(timer.poll_interval().map_err(io::Error::other)?.min(AGAIN));
                }
                opened => {
                    let file = opened?;
                    fcntl_setfl(&file, OFlags::empty())?;
                    return Ok(DirectWriter::new(file, timer));
                }
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(timer) = &self.timer else { return self.file.write_all(bytes) };
        for piece in bytes.chunks(READY) {
            while !is_writable(self.file.as_fd(), timer.poll_interval().map_err(io::Error::other)?)? {}
            self.file.write_all(piece)?;
        }
        Ok(())
    }
}

//! The file of an archive: it grows record by record under a temporary name, and has its own at the end.

use super::error::{cannot, unfit};
use super::leftover::is_named;
use super::part::lock_new;
use super::path::{PART_SUFFIX, beside, check_replaceable, directory_of, follow, numbered};
use crate::error::Error;
use crate::{interrupt, sys};
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many names are tried before giving up.
const MAX_NAMES: usize = 1000;

/// A file that records are appended to. What was appended stays, whatever happens: where the program is
/// killed, under the temporary name.
#[derive(Debug)]
pub(crate) struct ArchiveFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
    /// What has the name at the start.
    old: Option<(u64, u64)>,
    length: u64,
    /// It ends with half a record.
    is_broken: bool,
    _hold: interrupt::Hold,
}

impl ArchiveFile {
    /// Creates the file under its temporary name. One that an interrupted run left is not touched: another
    /// name is taken, and the answer has the one that was found.
    pub(crate) fn create(target: &Path) -> Result<(ArchiveFile, Option<PathBuf>), Error> {
        let target = follow(target)?;
        let old = fs::symlink_metadata(&target).ok();
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            return Err(unfit(&target, "it is not a regular file"));
        }
        check_replaceable(&target, old.as_ref())?;
        let hold = interrupt::hold();
        let mut left = None;
        for number in 0..MAX_NAMES {
            let path = beside(&numbered(&target, number), PART_SUFFIX);
            match File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    // As long as it is open, another run sees that it is no leftover.
                    lock_new(&file).map_err(|error| cannot("lock", &path, &error))?;
                    let old = old.as_ref().map(identity);
                    return Ok((ArchiveFile { file, path, target, old, length: 0, is_broken: false, _hold: hold }, left));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if is_in_use(&path) {
                        return Err(unfit(&target, "another process is recording in it"));
                    }
                    left = Some(path);
                }
                Err(error) => return Err(cannot("write", &path, &error)),
            }
        }
        Err(unfit(&target, "too many interrupted runs left their files"))
    }

    /// Appends what was spooled; where it begins.
    pub(crate) fn append(&mut self, spool: &mut Spool) -> Result<u64, Error> {
        if self.is_broken {
            return Err(unfit(&self.target, "half a record could not be taken back"));
        }
        let offset = self.length;
        match spool.write_to(&mut self.file) {
            Ok(()) => self.length += spool.length(),
            Err(error) => {
                // Half a record would make what follows it unreadable.
                let restored = self.file.set_len(offset).and_then(|()| self.file.seek(SeekFrom::Start(offset)));
                self.is_broken = restored.is_err();
                return Err(cannot("write", &self.path, &error));
            }
        }
        Ok(offset)
    }

    /// A file without a name beside it, for what is too large for memory.
    pub(crate) fn spool(directory: &Path) -> io::Result<File> {
        sys::create_unnamed(directory, 0o600).unwrap_or_else(|| named_spool(directory))
    }

    /// The directory for [`spool`](ArchiveFile::spool).
    pub(crate) fn directory(&self) -> PathBuf {
        directory_of(&self.path).to_owned()
    }

    /// How many bytes were appended.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether an older file is to be replaced.
    pub(crate) fn replaces(&self) -> bool {
        self.old.is_some()
    }

    /// Removes it.
    pub(crate) fn discard(self) -> Result<(), Error> {
        let removed = is_named(&self.file, &self.path).and_then(|named| if named { fs::remove_file(&self.path) } else { Ok(()) });
        removed.map_err(|error| cannot("remove", &self.path, &error))
    }

    /// Gives the file its name, and answers with it. Where another program has taken that meanwhile, it gets
    /// another, and the answer is an error.
    pub(crate) fn finish(self) -> Result<PathBuf, Error> {
        let failed = |error| cannot("write", &self.path, &error);
        self.file.sync_data().map_err(failed)?;
        sys::check_close(&self.file).map_err(failed)?;
        if !is_named(&self.file, &self.path).map_err(failed)? {
            return Err(unfit(&self.path, "it was replaced by another program"));
        }
        let now = fs::symlink_metadata(&self.target).ok().as_ref().map(identity);
        if now.is_none() || now == self.old {
            let name = || cannot_name(&self.target);
            if now.is_some() {
                return fs::rename(&self.path, &self.target).map_err(name()).map(|()| self.target.clone());
            }
            match sys::rename_noreplace(&self.path, &self.target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                renamed => return renamed.map_err(name()).map(|()| self.target.clone()),
            }
        }
        for number in 1..MAX_NAMES {
            let name = numbered(&self.target, number);
            match sys::rename_noreplace(&self.path, &name) {
                Ok(()) => {
                    let what = format!("another program has made it meanwhile; the records are in {}", name.display());
                    return Err(unfit(&self.target, &what));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot_name(&name)(error)),
            }
        }
        Err(unfit(&self.target, "too many files of that name"))
    }
}

fn cannot_name(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |error| cannot("save as", &path, &error)
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether another process has a file locked, which it does while it records.
fn is_in_use(path: &Path) -> bool {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Where the file system has no files without a name.
fn named_spool(directory: &Path) -> io::Result<File> {
    let process = std::process::id();
    for number in 0..MAX_NAMES {
        let path = directory.join(format!(".fetch-{process}-spool-{number}"));
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return fs::remove_file(&path).map(|()| file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Bytes in memory while they are few, else in a file.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
}

impl Spool {
    /// How many bytes are kept in memory.
    const MAX_MEMORY: usize = 256 * 1024;

    /// How many bytes it has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes; `directory` is for a file, should one be needed.
    pub(crate) fn add(&mut self, bytes: &[u8], directory: &Path) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + bytes.len() > Spool::MAX_MEMORY {
            let mut file = ArchiveFile::spool(directory)?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.memory.extend_from_slice(bytes),
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Writes all of it.
    fn write_to(&mut self, to: &mut File) -> io::Result<()> {
        match &mut self.file {
            Some(file) => {
                file.seek(SeekFrom::Start(0))?;
                io::copy(file, to).map(drop)
            }
            None => to.write_all(&self.memory),
        }
    }

    /// Reads all of it.
    pub(crate) fn read(&mut self) -> io::Result<Box<dyn Read + '_>> {
        match &mut self.file {
            Some(file) => {
                file.seek(SeekFrom::Start(0))?;
                Ok(Box::new(file))
            }
            None => Ok(Box::new(&self.memory[..])),
        }
    }
}

/// A [`Spool`] that is written to.
pub(crate) struct SpoolWriter<'s> {
    /// What is added to.
    pub(crate) spool: &'s mut Spool,
    /// Where a file would be.
    pub(crate) directory: &'s Path,
}

impl Write for SpoolWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.spool.add(bytes, self.directory).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

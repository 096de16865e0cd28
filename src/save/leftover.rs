//! What stands at `FILE.part` and `FILE.part.info` before a save: nothing, the part file of a save that is
//! running or was interrupted, or something that is not provably ours and therefore never removed.

use super::error::cannot;
use super::origin::{PartMark, belongs_to_user};
use super::path::{PART_SUFFIX, RECORD_SUFFIX, beside};
use super::record;
use super::resume_info::{ResumeInfo, UrlDigest};
use crate::error::{Error, Kind};
use crate::sys;
use rustix::fs::OFlags;
use std::fs::{self, File, TryLockError};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What was found.
pub(super) enum Leftover {
    /// No part file.
    Nothing,
    /// A part file that another program is writing.
    InUse,
    /// Something that is not provably a part file of ours: what it is, or is not.
    Foreign(&'static str),
    /// A part file of ours; its lock is held.
    Ours(Found),
}

/// A part file of ours that no program is writing.
pub(super) struct Found {
    pub(super) file: File,
    /// The URL asked for.
    pub(super) source: UrlDigest,
    pub(super) length: u64,
    /// Where the save can be resumed.
    pub(super) resume_info: Option<ResumeInfo>,
    path: PathBuf,
    record_path: PathBuf,
}

/// Why a part file is not ours any more.
const MODIFIED: &str = "it was modified after fetch wrote it";

/// Looks at the part file of a target; with `only`, one of another source is treated as foreign, and is not
/// locked.
pub(super) fn inspect(target: &Path, only: Option<&UrlDigest>) -> Result<Leftover, Error> {
    let (path, record_path) = (beside(target, PART_SUFFIX), beside(target, RECORD_SUFFIX));
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Leftover::Nothing),
        Err(_) => return Ok(Leftover::Foreign("it is not a file that can be read and written")),
    };
    look(file, path, record_path, only).map_err(|error| cannot("read", &beside(target, PART_SUFFIX), &error))
}

fn look(mut file: File, path: PathBuf, record_path: PathBuf, only: Option<&UrlDigest>) -> io::Result<Leftover> {
    const FOREIGN: Leftover = Leftover::Foreign("it is not a part file of fetch");
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Leftover::Foreign("it is not a regular file"));
    }
    let mark = PartMark::of(&file, &path, &metadata);
    let written_over = |file: &File| mark.as_ref().map_or(Ok(false), |mark| mark.start.fits(file).map(|fits| !fits));
    let recorded = || record::read(&record_path).filter(|recorded| recorded.inode == metadata.ino());
    // Where no attribute can mark it, the program may have been killed before there was a record.
    let unmarked = || {
        let plain = !sys::keeps_attributes(&file) && (metadata.len() == 0 || record::is_torn(&record_path));
        plain.then(UrlDigest::unknown)
    };
    let source =
        mark.as_ref().map(|mark| mark.source.clone()).or_else(|| recorded().map(|recorded| recorded.source)).or_else(unmarked);
    if only.is_some_and(|only| source.as_ref() != Some(only)) {
        return Ok(FOREIGN);
    }
    if !lock(&file)? {
        return Ok(Leftover::InUse);
    }
    // Its writer may have renamed or removed it before unlocking.
    if !is_named(&file, &path)? {
        return Ok(Leftover::Nothing);
    }
    // Only now: up to here, another program may have been writing both.
    let (metadata, recorded) = (file.metadata()?, recorded());
    let Some(source) = source.filter(|_| belongs_to_user(&metadata)) else { return Ok(FOREIGN) };
    let length = metadata.len();
    let mut resume_info = None;
    if written_over(&file)? {
        return Ok(Leftover::Foreign(MODIFIED));
    }
    if let Some(recorded) = recorded {
        let whole = recorded.info.as_ref().and_then(|info| info.length);
        if !recorded.fits(&file)? || whole.is_some_and(|whole| length > whole) {
            return Ok(Leftover::Foreign(MODIFIED));
        }
        resume_info = recorded.resume_info();
    }
    file.seek(SeekFrom::End(0))?;
    Ok(Leftover::Ours(Found { file, source, length, resume_info, path, record_path }))
}

impl Found {
    /// Removes it, and its record first: beside another part file that would be wrong.
    pub(super) fn remove(self) -> Result<(), Error> {
        if !sys::keeps_attributes(&self.file) {
            // The record is all that marks it.
            remove(&self.path).map_err(|error| cannot("remove", &self.path, &error))?;
            return remove_record(&self.record_path);
        }
        remove_record(&self.record_path)?;
        remove(&self.path).map_err(|error| cannot("remove", &self.path, &error))
    }
}

/// Fails where something stands in the place of a record that is not one of ours.
pub(super) fn check_record(path: &Path) -> Result<(), Error> {
    let foreign = fs::symlink_metadata(path).is_ok() && record::read(path).is_none() && !record::is_torn(path);
    if foreign { Err(in_the_way(path, "it is not a record of fetch")) } else { Ok(()) }
}

/// Removes a record of ours; to be called by who holds the part file's lock.
pub(super) fn remove_record(path: &Path) -> Result<(), Error> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    check_record(path)?;
    remove(path).map_err(|error| cannot("remove", path, &error))
}

/// Something that is not ours stands where a part file or its record would be.
pub(super) fn in_the_way(path: &Path, why: &str) -> Error {
    Error::new(Kind::File, format!("{} is in the way", path.display()))
        .detail(why)
        .hint("move it away, or save under another name")
}

/// Another program is writing the part file.
pub(super) fn in_use(path: &Path) -> Error {
    Error::new(Kind::File, format!("cannot write {}", path.display())).detail("another program is saving to it")
}

/// Opens what may be a part file. A link of that name is not followed.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    File::options().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether a path still leads to this very file.
pub(super) fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let (file, named) = (file.metadata()?, fs::symlink_metadata(path));
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (file.dev(), file.ino())))
}

/// Locks a file; false where another program holds the lock. On file systems without locks every program
/// gets it.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if matches!(error.raw_os_error(), Some(code) if NO_LOCKS.contains(&code)) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// What file systems without locks say.
const NO_LOCKS: [i32; 3] = {
    use rustix::io::Errno;
    [Errno::NOTSUP.raw_os_error(), Errno::NOSYS.raw_os_error(), Errno::NOLCK.raw_os_error()]
};

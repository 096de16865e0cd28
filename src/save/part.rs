//! The part file: a body grows in `FILE.part`, beside FILE, and becomes FILE in one step.

use super::Sink;
use super::directory::Directory;
use super::error::{cannot, unfit};
use super::leftover::{Found, Leftover, in_the_way, in_use, inspect, is_named, lock, open, remove_record};
use super::origin::{Origin, PartMark, mark_part, since_1970, unmark_part};
use super::path::{MAX_NAMES, PART_SUFFIX, RECORD_SUFFIX, beside, directory_of, numbered};
use super::record;
use super::resume_info::{ResumeInfo, UrlDigest};
use super::start::Start;
use crate::error::Error;
use crate::{interrupt, sys};
use rustix::io::Errno;
use std::cell::Cell;
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

/// How often something is tried that another program may have undone meanwhile.
const MAX_TRIES: u32 = 100;

/// What the finished file does to what has its name already.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    /// It replaces that file, which was like this, or none.
    Replace(Option<Metadata>),
    /// It takes another name: `page-1.html`; the directory knows which.
    New(Arc<Directory>),
}

/// What is known of a body that is whole.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Its Last-Modified.
    pub modified: Option<SystemTime>,
    /// Whether it is the whole of what the URL has: not a byte range, nor the body of an error.
    pub whole: bool,
    /// The entity tag of that.
    pub entity_tag: Option<String>,
}

/// A file that does not have its name yet. Dropped before it is finished, it is removed, unless the save
/// can be resumed.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// The name beside which it is.
    name: PathBuf,
    record_path: PathBuf,
    /// The name it is to get, before any number.
    target: PathBuf,
    naming: Naming,
    source: UrlDigest,
    resume_info: Option<ResumeInfo>,
    /// An attribute marks it as ours.
    marked: bool,
    /// How it begins is in the mark.
    start_marked: bool,
    /// There is a record: one that marks it as ours, or the one of `resume_info`.
    has_record: bool,
    /// The record is up to date.
    recorded: bool,
    finished: bool,
    _hold: interrupt::Hold,
}

impl PartFile {
    /// Creates the part file of `target`, for the body of `source`. One that an interrupted save left is
    /// replaced; nothing else is touched.
    pub(super) fn create(target: &Path, naming: Naming, source: &UrlDigest) -> Result<PartFile, Error> {
        match naming {
            Naming::Replace(old) => {
                PartFile::create_replacing(target, old, source)?.ok_or_else(|| in_use(&beside(target, PART_SUFFIX)))
            }
            Naming::New(directory) => PartFile::create_new(target, directory, source),
        }
    }

    /// Creates the part file of `target`, which is to replace `old`, for the body of `source`; `None` where
    /// another save is writing it.
    pub(super) fn create_replacing(target: &Path, old: Option<Metadata>, source: &UrlDigest) -> Result<Option<PartFile>, Error> {
        // From here on a signal must not end the program before the file is removed.
        let hold = interrupt::hold();
        let path = beside(target, PART_SUFFIX);
        // What others could not read must not become readable meanwhile.
        let mode = if old.is_some() { 0o600 } else { 0o666 };
        for _ in 0..MAX_TRIES {
            if let Some((file, marked)) = create_locked(&path, mode, source).map_err(|error| cannot("write", &path, &error))? {
                let mut part = PartFile::new(file, target, target, Naming::Replace(old), source, hold);
                part.marked = marked;
                // Its lock is held: no other program writes a record here.
                remove_record(&part.record_path)?;
                part.ensure_marked()?;
                return Ok(Some(part));
            }
            match inspect(target, None)? {
                Leftover::Nothing => {}
                Leftover::InUse => return Ok(None),
                Leftover::Foreign(why) => return Err(in_the_way(&path, why)),
                Leftover::Ours(found) => found.remove()?,
            }
        }
        Ok(None)
    }

    fn create_new(target: &Path, directory: Arc<Directory>, source: &UrlDigest) -> Result<PartFile, Error> {
        let hold = interrupt::hold();
        for number in 0..MAX_NAMES {
            let name = numbered(target, number);
            let path = beside(&name, PART_SUFFIX);
            let record = beside(&name, RECORD_SUFFIX);
            if [&name, &path, &record].iter().any(|path| directory.is_given(path)) || fs::symlink_metadata(&record).is_ok() {
                continue;
            }
            if let Some((file, marked)) = create_locked(&path, 0o666, source).map_err(|error| cannot("write", &path, &error))? {
                let mut part = PartFile::new(file, &name, target, Naming::New(directory), source, hold);
                part.marked = marked;
                return part.ensure_marked().map(|()| part);
            }
        }
        Err(unfit(target, "too many files of that name"))
    }

    fn new(file: File, name: &Path, target: &Path, naming: Naming, source: &UrlDigest, hold: interrupt::Hold) -> PartFile {
        PartFile {
            file,
            path: beside(name, PART_SUFFIX),
            name: name.to_owned(),
            record_path: beside(name, RECORD_SUFFIX),
            target: target.to_owned(),
            naming,
            source: source.clone(),
            resume_info: None,
            marked: false,
            start_marked: false,
            has_record: false,
            recorded: false,
            finished: false,
            _hold: hold,
        }
    }

    /// Where the file system keeps no mark, a record makes it known for what it is, should the program be
    /// killed.
    fn ensure_marked(&mut self) -> Result<(), Error> {
        if !self.marked {
            let written = record::write(&self.record_path, &self.file, &self.source, None, false);
            written.map_err(|error| cannot("write", &self.record_path, &error))?;
            self.has_record = true;
        }
        Ok(())
    }

    /// A part file that an interrupted save left, to be resumed.
    pub(super) fn resume(found: Found, name: &Path, target: &Path, naming: Naming, hold: interrupt::Hold) -> PartFile {
        let mut part = PartFile::new(found.file, name, target, naming, &found.source, hold);
        part.resume_info = found.resume_info;
        part.marked = part.file.metadata().is_ok_and(|metadata| PartMark::of(&part.file, &part.path, &metadata).is_some());
        part.has_record = true;
        // From now on it grows: the record must not say any more what it was when it was kept.
        part.record();
        part
    }

    /// What the save can be resumed with.
    pub(super) fn resume_info(&self) -> Option<&ResumeInfo> {
        self.resume_info.as_ref()
    }

    /// Says what the save can be resumed with; `None` where it cannot.
    pub(super) fn set_resume_info(&mut self, info: Option<ResumeInfo>) -> Result<(), Error> {
        if self.resume_info == info {
            return Ok(());
        }
        self.recorded = false;
        self.resume_info = info;
        if self.resume_info.is_none() {
            if self.marked {
                self.remove_record()?;
            }
            self.ensure_marked()?;
        }
        Ok(())
    }

    /// Writes the record, if the save can be resumed and there is none yet; else, notes in the mark how the
    /// part file begins.
    pub(super) fn record(&mut self) {
        if self.marked
            && !self.start_marked
            && let Ok(start) = Start::of(&self.file)
        {
            // Without it, the mark alone tells.
            let _ = mark_part(&self.file, &self.path, &self.source, &start);
            self.start_marked = start.is_full();
        }
        if let Some(info) = self.resume_info.as_ref().filter(|_| !self.recorded) {
            // Without one, a later run starts over.
            self.recorded = record::write(&self.record_path, &self.file, &self.source, Some(info), false).is_ok();
            self.has_record |= self.recorded;
        }
    }

    fn remove_record(&mut self) -> Result<(), Error> {
        if self.has_record {
            remove_record(&self.record_path)?;
            (self.has_record, self.recorded) = (false, false);
        }
        Ok(())
    }

    /// Discards what was written.
    pub(super) fn start_over(&mut self) -> Result<(), Error> {
        self.set_resume_info(None)?;
        if self.marked {
            // What it says of the start is not true any more.
            self.start_marked = false;
            let _ = mark_part(&self.file, &self.path, &self.source, &Start::empty());
        }
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map(drop).map_err(|error| cannot("write", &self.path, &error))
    }

    /// Whether it stays when it is dropped, so that the save can be resumed.
    pub(super) fn is_kept(&mut self) -> bool {
        let has_bytes = self.file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        match self.resume_info.as_ref().filter(|_| has_bytes) {
            None => self.resume_info.is_some() && self.recorded,
            Some(info) => record::write(&self.record_path, &self.file, &self.source, Some(info), true).is_ok(),
        }
    }

    /// What is needed to open it again.
    pub(super) fn closed(&self) -> ClosedPart {
        ClosedPart {
            name: self.name.clone(),
            target: self.target.clone(),
            naming: self.naming.clone(),
            source: self.source.clone(),
        }
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self, finished: &Finished) -> Result<PathBuf, Error> {
        let done = self.take_name(finished);
        match &done {
            Ok(_) => self.finished = true,
            // Bytes that a disk did not take are not to be resumed from.
            Err(_) => self.resume_info = None,
        }
        done
    }

    fn take_name(&mut self, finished: &Finished) -> Result<PathBuf, Error> {
        let failed = |error| cannot("write", &self.path, &error);
        if let Naming::Replace(at_start) = &self.naming {
            // As it is now; should it be gone, as it was.
            let now = fs::symlink_metadata(&self.target).ok().filter(Metadata::is_file);
            if let Some(old) = now.as_ref().or(at_start.as_ref()) {
                self.take_over(old).map_err(failed)?;
                // What is replaced would be lost if the system stopped before the new bytes are on disk.
                sync(&self.file).map_err(failed)?;
            }
        }
        sys::check_close(&self.file).map_err(failed)?;
        if let Some(modified) = finished.modified {
            // A file system without times is no reason to lose the file.
            let _ = self.file.set_times(FileTimes::new().set_modified(modified));
        }
        if self.marked {
            // While the lock is held: once the part has its name, another program may write a new record. A
            // record too many is no failure.
            let _ = self.remove_record();
        }
        let recorded = self.record_origin(finished);
        let failed = |path: &Path, error| cannot("save as", path, &error);
        if !is_named(&self.file, &self.path).map_err(|error| failed(&self.path, error))? {
            return Err(failed(&self.path, io::Error::other("it was replaced by another program")));
        }
        let name = match self.naming {
            Naming::Replace(_) => {
                fs::rename(&self.path, &self.target).map_err(|error| failed(&self.target, error))?;
                self.target.clone()
            }
            Naming::New(ref directory) => directory
                .give_name(&self.target, &self.source, recorded, |name| sys::rename_noreplace(&self.path, name))?
                .map_err(|error| cannot("save as", &self.target, &error))?,
        };
        unmark_part(&self.file);
        if self.has_record {
            // Where the record is the only mark, it has to stay as long as the part. By now, there may be one of
            // another program's part.
            let inode = self.file.metadata().map(|metadata| metadata.ino());
            if record::read(&self.record_path).is_some_and(|record| inode.is_ok_and(|inode| inode == record.inode)) {
                let _ = self.remove_record();
            }
        }
        Ok(name)
    }

    /// Records where the file comes from; false where that cannot be done.
    fn record_origin(&self, finished: &Finished) -> bool {
        let Ok(metadata) = self.file.metadata() else { return false };
        let length = finished.whole.then_some(metadata.len());
        let modified = metadata.modified().map(since_1970).unwrap_or_default();
        Origin { source: self.source.clone(), length, modified, entity_tag: finished.entity_tag.clone() }.record(&self.file)
    }

    /// Owner, group and permissions of the file that is replaced; but neither set-user-ID nor set-group-ID,
    /// and no permissions for a group that it cannot be given to.
    fn take_over(&self, old: &Metadata) -> io::Result<()> {
        let new = self.file.metadata()?;
        let mut group_kept = new.gid() == old.gid();
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            // Only root can give files away; for others the file stays their own.
            group_kept |=
                fchown(&self.file, Some(old.uid()), Some(old.gid())).is_ok() || fchown(&self.file, None, Some(old.gid())).is_ok();
        }
        // With an access control list, the group's bits are its mask, and mean more than the group.
        let acl_kept = group_kept && sys::copy_acl(&self.target, &self.file).is_ok();
        let mode = old.mode() & if acl_kept { 0o777 } else { 0o707 };
        self.file.set_permissions(Permissions::from_mode(mode))
    }
}

/// A part file that was closed, to be opened again.
#[derive(Debug)]
pub(crate) struct ClosedPart {
    name: PathBuf,
    target: PathBuf,
    naming: Naming,
    source: UrlDigest,
}

impl ClosedPart {
    /// Opens it; `None` where it is not there any more as it was.
    pub(crate) fn reopen(self) -> Result<Option<Sink>, Error> {
        let hold = interrupt::hold();
        match inspect(&self.name, Some(&self.source))? {
            Leftover::Ours(found) if found.resume_info.is_some() && found.length > 0 => {
                let length = found.length;
                let part = PartFile::resume(found, &self.name, &self.target, self.naming, hold);
                Ok(Some(Sink::part(part, length)))
            }
            Leftover::Ours(_) | Leftover::Nothing | Leftover::InUse | Leftover::Foreign(_) => Ok(None),
        }
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // What has its name now may not be ours.
        if self.finished || !is_named(&self.file, &self.path).unwrap_or(false) || self.is_kept() {
            return;
        }
        // The error that led here is the one to report.
        let _ = self.remove_record();
        let _ = fs::remove_file(&self.path);
    }
}

/// Creates a file that is locked and, where the file system can, marked as ours: whether it is comes along.
/// `None` where something has its name.
fn create_locked(path: &Path, mode: u32, source: &UrlDigest) -> io::Result<Option<(File, bool)>> {
    let marked = Cell::new(false);
    let mark = |file: &File| {
        marked.set(mark_part(file, path, source, &Start::empty()).is_ok());
        Ok(())
    };
    for _ in 0..MAX_TRIES {
        match sys::create_filled(path, mode, &mark).and_then(|()| open(path)) {
            Ok(file) if lock_new(&file)? && is_named(&file, path)? => return Ok(Some((file, marked.get()))),
            // Before it was locked, another program took it for one that an interrupted save left.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && directory_of(path).exists() => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    // Its directory was removed, or others remove it as soon as it is made.
    Err(io::ErrorKind::NotFound.into())
}

/// Locks a new file. Another program that looks at it at this moment unlocks it at once.
pub(super) fn lock_new(file: &File) -> io::Result<bool> {
    for _ in 0..MAX_TRIES {
        if lock(file)? {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

/// Waits until the bytes are on disk, where the file system has such a thing.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => Ok(()),
        synced => synced,
    }
}

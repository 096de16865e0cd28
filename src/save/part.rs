//! The part file: a body grows in `FILE.part`, beside FILE, and becomes FILE in one step.

use super::name::numbered;
use super::target::directory_of;
use super::{cannot, unfit};
use crate::error::{Error, Kind};
use crate::interrupt;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, FileTimes, Metadata, TryLockError};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const SUFFIX: &[u8] = b".part";
/// The longest file name that file systems take, in bytes.
const NAME_MAX: usize = 255;
/// How many names are tried before giving up.
const NAMES: usize = 100_000;

/// What the finished file does to what has its name already.
#[derive(Debug)]
pub(super) enum Naming {
    /// It replaces that file, which was like this, or none.
    Replace(Option<Metadata>),
    /// It takes another name: `page-1.html`.
    New,
}

/// A file that does not have its name yet. Dropped before it is finished, it is removed.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// The name it is to get, before any number.
    target: PathBuf,
    naming: Naming,
    finished: bool,
    _hold: interrupt::Hold,
}

impl PartFile {
    /// Starts the part file of `target`. One that an ended program left behind is started over; one
    /// that another program is writing is not touched.
    pub(super) fn create(target: &Path, naming: Naming) -> Result<PartFile, Error> {
        // From here on a signal must not end the program before the file is removed.
        let hold = interrupt::hold();
        for number in 0..NAMES {
            let name = match naming {
                Naming::Replace(_) => target.to_owned(),
                Naming::New => numbered(target, number),
            };
            let path = part_path(&name);
            let mode = match &naming {
                // What others could not read does not become readable on the way.
                Naming::Replace(Some(old)) => old.permissions().mode() & 0o777,
                _ => 0o666,
            };
            // A new name touches nothing that is there, not even a part that was left behind.
            let start_over = matches!(naming, Naming::Replace(_));
            match create(&path, mode, start_over) {
                Ok(Some(file)) => {
                    return Ok(PartFile { file, path, target: target.to_owned(), naming, finished: false, _hold: hold });
                }
                Ok(None) if matches!(naming, Naming::New) => {}
                Ok(None) => {
                    let error = Error::new(Kind::File, format!("cannot write {}", path.display()));
                    return Err(error.because("another program is saving to it"));
                }
                Err(error) => return Err(cannot("write", &path, &error)),
            }
        }
        Err(unfit(target, "too many of that name"))
    }

    /// Makes it the file it was to be.
    pub(super) fn finish(mut self, modified: Option<SystemTime>) -> Result<PathBuf, Error> {
        if let Naming::Replace(Some(old)) = &self.naming {
            let failed = |error| cannot("write", &self.path, &error);
            self.take_over(old).map_err(failed)?;
            // What is replaced would be lost if the system stopped before the new bytes are on disk.
            self.file.sync_data().map_err(failed)?;
        }
        if let Some(modified) = modified {
            // A file system without times is no reason to lose the file.
            let _ = self.file.set_times(FileTimes::new().set_modified(modified));
        }
        let failed = |path: &Path, error| cannot("save as", path, &error);
        if !is_named(&self.file, &self.path).map_err(|error| failed(&self.path, error))? {
            return Err(failed(&self.path, io::Error::other("another program took its place")));
        }
        let saved = match self.naming {
            Naming::Replace(_) => {
                fs::rename(&self.path, &self.target).map_err(|error| failed(&self.target, error))?;
                self.target.clone()
            }
            Naming::New => self.take_new_name()?,
        };
        self.finished = true;
        Ok(saved)
    }

    /// Owner, group and permissions of the file that is replaced.
    fn take_over(&self, old: &Metadata) -> io::Result<()> {
        let new = self.file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            // Only root can give files away; for anyone else the file stays their own.
            let _ = fchown(&self.file, Some(old.uid()), Some(old.gid()));
        }
        if new.mode() != old.mode() { self.file.set_permissions(old.permissions()) } else { Ok(()) }
    }

    fn take_new_name(&self) -> Result<PathBuf, Error> {
        for number in 0..NAMES {
            let name = numbered(&self.target, number);
            match rename_to_new(&self.path, &name) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot("save as", &name, &error)),
            }
        }
        Err(unfit(&self.target, "too many of that name"))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // What has its name now may not be ours.
        if !self.finished && is_named(&self.file, &self.path).unwrap_or(false) {
            // There is nobody to tell, and the error that led here is being told.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `FILE.part`; of a name that leaves no room for that, as much as there is room for.
fn part_path(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().as_bytes();
    let name = [&name[..name.len().min(NAME_MAX - SUFFIX.len())], SUFFIX].concat();
    directory_of(target).join(OsString::from_vec(name))
}

/// Creates and locks a part file; `None` where there is one that another program holds, or that is
/// not to be started over.
fn create(path: &Path, mode: u32, start_over: bool) -> io::Result<Option<File>> {
    loop {
        let mut options = File::options();
        options.write(true).mode(mode);
        match options.clone().create_new(true).open(path) {
            Ok(file) if !lock(&file)? => return Ok(None),
            Ok(file) if is_named(&file, path)? => return Ok(Some(file)),
            // Between the two, another program took it for one left behind.
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && start_over => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        }
        // Left behind by a program that was ended? Then nobody holds its lock. It is removed rather
        // than written over, so that no link of that name leads anywhere.
        let no_follow = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let stale = match options.custom_flags(i32::try_from(no_follow.bits()).unwrap_or_default()).open(path) {
            Ok(stale) => stale,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if !stale.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if !lock(&stale)? {
            return Ok(None);
        }
        // Its holder may have renamed or removed it before letting go.
        if is_named(&stale, path)? {
            fs::remove_file(path)?;
        }
    }
}

/// Whether a path still leads to this very file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let (file, named) = (file.metadata()?, fs::symlink_metadata(path));
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (file.dev(), file.ino())))
}

/// Whether the lock was to be had. On file systems without locks everyone has it.
fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Renames to a name that nothing has; `AlreadyExists` where something has.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can; all that matters have hard links.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to)?;
            // The file has its name; one name too many is no failure.
            let _ = fs::remove_file(from);
            Ok(())
        }
        done => done.map_err(io::Error::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn directory() -> tempfile::TempDir {
        tempfile::tempdir().expect("a directory")
    }

    fn listing(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable").file_name());
        let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_dropped_part_leaves_nothing() {
        let directory = directory();
        let target = directory.path().join("f");
        let mut part = PartFile::create(&target, Naming::Replace(None)).expect("created");
        part.file.write_all(b"half").expect("written");
        assert_eq!(listing(directory.path()), ["f.part"]);
        drop(part);
        assert!(listing(directory.path()).is_empty());
    }

    #[test]
    fn a_new_name_never_replaces() {
        let directory = directory();
        let target = directory.path().join("page.html");
        for _ in 0..3 {
            PartFile::create(&target, Naming::New).and_then(|part| part.finish(None)).expect("saved");
        }
        assert_eq!(listing(directory.path()), ["page-1.html", "page-2.html", "page.html"]);
    }

    #[test]
    fn a_part_that_is_being_written_is_not_touched() {
        let directory = directory();
        let target = directory.path().join("f");
        let first = PartFile::create(&target, Naming::Replace(None)).expect("created");
        let second = PartFile::create(&target, Naming::Replace(None)).expect_err("held");
        assert!(second.to_string().contains("another program"), "{second}");
        let derived = PartFile::create(&target, Naming::New).expect("another name");
        assert_eq!(listing(directory.path()), ["f-1.part", "f.part"]);
        drop((first, derived));
    }

    #[test]
    fn a_part_left_behind_is_started_over_and_a_planted_link_not_followed() {
        let directory = directory();
        let target = directory.path().join("f");
        fs::write(directory.path().join("f.part"), "left behind").expect("written");
        PartFile::create(&target, Naming::Replace(None)).and_then(|part| part.finish(None)).expect("saved");
        assert_eq!(fs::read(&target).expect("readable"), b"");

        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").expect("written");
        std::os::unix::fs::symlink(&victim, directory.path().join("f.part")).expect("linked");
        PartFile::create(&target, Naming::Replace(None)).expect_err("a link");
        assert_eq!(fs::read(&victim).expect("readable"), b"precious");
    }

    #[test]
    fn what_takes_the_parts_place_is_neither_saved_nor_removed() {
        let directory = directory();
        let part = PartFile::create(&directory.path().join("f"), Naming::Replace(None)).expect("created");
        fs::remove_file(directory.path().join("f.part")).expect("removed");
        fs::write(directory.path().join("f.part"), "planted").expect("written");
        part.finish(None).expect_err("not ours");
        assert_eq!(listing(directory.path()), ["f.part"]);
    }

    #[test]
    fn a_new_name_does_not_touch_a_part_that_is_there() {
        let directory = directory();
        fs::write(directory.path().join("f.part"), "precious").expect("written");
        let saved = PartFile::create(&directory.path().join("f"), Naming::New).and_then(|part| part.finish(None));
        assert_eq!(saved.expect("saved"), directory.path().join("f"));
        assert_eq!(fs::read(directory.path().join("f.part")).expect("there"), b"precious");
    }

    #[test]
    fn the_longest_of_names_has_a_part_too() {
        let directory = directory();
        let target = directory.path().join("n".repeat(NAME_MAX));
        let saved = PartFile::create(&target, Naming::Replace(None)).and_then(|part| part.finish(None));
        assert_eq!(saved.expect("saved"), target);
    }
}

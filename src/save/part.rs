//! The part file: a body grows in `FILE.part`, beside FILE, and becomes FILE in one step. What is left
//! of one that did not can be gone on with, if the record beside it says of what it is a part.

use super::name::numbered;
use super::record::{self, Origin, belongs_to_user};
use super::system::{is_named, lock, remove, rename_to_new, sync};
use super::target::directory_of;
use super::{cannot, unfit};
use crate::error::{Error, Kind};
use crate::http::{Representation, UrlDigest};
use crate::interrupt;
use rustix::fs::OFlags;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(super) const SUFFIX: &str = ".part";
/// What the record beside a part file has behind its name.
pub(super) const RECORD_SUFFIX: &str = ".part.info";
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

/// A file that does not have its name yet. Dropped before it is finished, it is removed, unless it is
/// known of what it is a part.
#[derive(Debug)]
pub(super) struct PartFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    record_path: PathBuf,
    /// The name it is to get, before any number.
    target: PathBuf,
    naming: Naming,
    source: UrlDigest,
    of: Option<Representation>,
    /// The record has been written.
    recorded: bool,
    finished: bool,
    _hold: interrupt::Hold,
}

impl PartFile {
    /// Starts the part file of `target`, for the body of `source`. One that an ended program left
    /// behind is started over; one that another program is writing is not touched.
    pub(super) fn create(target: &Path, naming: Naming, source: UrlDigest) -> Result<PartFile, Error> {
        // From here on a signal must not end the program before the file is removed.
        let hold = interrupt::hold();
        for number in 0..NAMES {
            let name = match naming {
                Naming::Replace(_) => target.to_owned(),
                Naming::New => numbered(target, number),
            };
            let (path, record_path) = (beside(&name, SUFFIX), beside(&name, RECORD_SUFFIX));
            let mode = match &naming {
                // What others could not read does not become readable on the way.
                Naming::Replace(Some(old)) => old.permissions().mode() & 0o777,
                _ => 0o666,
            };
            let created = match naming {
                Naming::Replace(_) => create(&path, mode, Some(&record_path)),
                // A new name touches nothing that is there, not even a part that was left behind.
                Naming::New if fs::symlink_metadata(&record_path).is_ok() => Ok(None),
                Naming::New => create(&path, mode, None),
            };
            match created {
                Ok(Some(file)) => {
                    if matches!(naming, Naming::New) {
                        // So that it is known for what it is, should the program end before there is a record.
                        Origin { source: source.clone(), length: None, entity_tag: None }.remember(&file);
                    }
                    let mut part = PartFile::new(file, &name, naming, source, hold);
                    part.target = target.to_owned();
                    return Ok(part);
                }
                Ok(None) if matches!(naming, Naming::New) => {}
                Ok(None) => return Err(held(&path)),
                Err(error) => return Err(cannot("write", &path, &error)),
            }
        }
        Err(unfit(target, "too many of that name"))
    }

    fn new(file: File, name: &Path, naming: Naming, source: UrlDigest, hold: interrupt::Hold) -> PartFile {
        PartFile {
            file,
            path: beside(name, SUFFIX),
            record_path: beside(name, RECORD_SUFFIX),
            target: name.to_owned(),
            naming,
            source,
            of: None,
            recorded: false,
            finished: false,
            _hold: hold,
        }
    }

    /// Finds what is left of the part file of `target`, if it is a part of what `source` had: how many
    /// bytes there are comes along. What cannot be gone on with is removed; but where `only_own`, nothing
    /// that is not plainly this source's, and a part that another program is writing is as good as none.
    pub(super) fn find(
        target: &Path,
        naming: Naming,
        source: &UrlDigest,
        only_own: bool,
    ) -> Result<Option<(PartFile, u64)>, Error> {
        let hold = interrupt::hold();
        let (path, record_path) = (beside(target, SUFFIX), beside(target, RECORD_SUFFIX));
        let failed = |error| cannot("read", &path, &error);
        let forget = || remove(&record_path).map_err(|error| cannot("remove", &record_path, &error));
        let recorded = || record::read(&record_path);
        let is_ours = || recorded().is_some_and(|recorded| recorded.source == *source);
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if only_own && !is_ours() { Ok(None) } else { forget().map(|()| None) };
            }
            Err(_) if only_own => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let marked = || Origin::of(&file).is_some_and(|origin| origin.source == *source);
        if only_own && !is_ours() && !marked() {
            return Ok(None);
        }
        if !lock(&file).map_err(failed)? {
            return if only_own { Ok(None) } else { Err(held(&path)) };
        }
        if !is_named(&file, &path).map_err(failed)? {
            return Ok(None);
        }
        let metadata = file.metadata().map_err(failed)?;
        // Only now: up to here, another program may have been writing both.
        if let Some(recorded) = recorded()
            && recorded.source == *source
            && belongs_to_user(&metadata)
            && recorded.is_of(&file).map_err(failed)?
            && recorded.of.length.is_none_or(|whole| metadata.len() <= whole)
        {
            let mut part = PartFile::new(file, target, naming, source.clone(), hold);
            (part.of, part.recorded) = (Some(recorded.of), true);
            return Ok(Some((part, metadata.len())));
        }
        // In this order: a record without its part is of no harm, with another part it would be.
        forget()?;
        remove(&path).map_err(failed)?;
        Ok(None)
    }

    /// Of what it is a part.
    pub(super) fn of(&self) -> Option<&Representation> {
        self.of.as_ref()
    }

    /// Says of what it is a part; `None` where the rest could not be got later.
    pub(super) fn set_resume_info(&mut self, of: Option<Representation>) -> io::Result<()> {
        if self.of != of {
            self.forget()?;
            self.of = of;
        }
        Ok(())
    }

    /// Writes the record, if there is something to record that is not yet.
    pub(super) fn record(&mut self) {
        if let Some(of) = self.of.as_ref().filter(|_| !self.recorded) {
            // Without one, a later run starts over.
            self.recorded = record::write(&self.record_path, &self.file, &self.source, of).is_ok();
            if !self.recorded {
                let _ = remove(&self.record_path);
            }
        }
    }

    /// Removes the record.
    fn forget(&mut self) -> io::Result<()> {
        if self.recorded {
            remove(&self.record_path)?;
            self.recorded = false;
        }
        Ok(())
    }

    /// Throws away what was written.
    pub(super) fn start_over(&mut self) -> io::Result<()> {
        self.set_resume_info(None)?;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }

    /// Makes it the file it was to be, which remembers its length and its entity tag if it is whole.
    pub(super) fn finish(
        mut self,
        modified: Option<SystemTime>,
        length: Option<u64>,
        entity_tag: Option<String>,
    ) -> Result<PathBuf, Error> {
        Origin { source: self.source.clone(), length, entity_tag }.remember(&self.file);
        let done = self.take_name(modified);
        match &done {
            Ok(_) => {
                self.finished = true;
                // It has its name; a record too many is no failure.
                let _ = self.forget();
            }
            // Bytes that a disk did not take are none to go on with.
            Err(_) => self.of = None,
        }
        done
    }

    fn take_name(&self, modified: Option<SystemTime>) -> Result<PathBuf, Error> {
        if let Naming::Replace(Some(old)) = &self.naming {
            let failed = |error| cannot("write", &self.path, &error);
            self.take_over(old).map_err(failed)?;
            // What is replaced would be lost if the system stopped before the new bytes are on disk.
            sync(&self.file).map_err(failed)?;
        }
        if let Some(modified) = modified {
            // A file system without times is no reason to lose the file.
            let _ = self.file.set_times(FileTimes::new().set_modified(modified));
        }
        let failed = |path: &Path, error| cannot("save as", path, &error);
        if !is_named(&self.file, &self.path).map_err(|error| failed(&self.path, error))? {
            return Err(failed(&self.path, io::Error::other("another program took its place")));
        }
        match self.naming {
            Naming::Replace(_) => {
                fs::rename(&self.path, &self.target).map_err(|error| failed(&self.target, error))?;
                Ok(self.target.clone())
            }
            Naming::New => self.take_new_name(),
        }
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
        if self.finished || !is_named(&self.file, &self.path).unwrap_or(false) {
            return;
        }
        if self.file.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            self.record();
        }
        // There is nobody to tell, and the error that led here is being told.
        if self.of.is_none() || !self.recorded {
            let _ = self.forget();
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The name of a file beside another: its name and a suffix; of a name that leaves no room for that,
/// as much as there is room for.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().as_bytes();
    let name = &name[..name.len().min(NAME_MAX - RECORD_SUFFIX.len())];
    directory_of(target).join(OsString::from_vec([name, suffix.as_bytes()].concat()))
}

/// Whether a file has a part beside it.
pub(super) fn has_part(target: &Path) -> bool {
    beside(target, SUFFIX).exists()
}

/// The files in a directory of which there are records that they have a part.
pub(super) fn recorded_in(directory: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let target = |name: OsString| {
        name.as_bytes().strip_suffix(RECORD_SUFFIX.as_bytes()).map(OsStr::from_bytes).map(|name| directory.join(name))
    };
    let mut targets: Vec<PathBuf> = names.filter_map(target).collect();
    targets.sort();
    targets
}

fn held(path: &Path) -> Error {
    Error::new(Kind::File, format!("cannot write {}", path.display())).because("another program is saving to it")
}

/// Opens a part file that is there, at its end. A link of that name leads nowhere.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let mut file = File::options().read(true).write(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// Creates and locks a part file; `None` where there is one that another program holds, or, without a
/// record to remove beside it, one at all.
fn create(path: &Path, mode: u32, record: Option<&Path>) -> io::Result<Option<File>> {
    loop {
        if let Some(record) = record {
            // First of all: beside a new part it would be a lie.
            remove_unless_held(path, record)?;
        }
        match File::options().read(true).write(true).mode(mode).create_new(true).open(path) {
            Ok(file) if !lock(&file)? => return Ok(None),
            Ok(file) if is_named(&file, path)? => return Ok(Some(file)),
            // Between the two, another program took it for one left behind.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Removes what an ended program left behind: then nobody holds its lock. It is removed rather than
/// written over, so that no link of that name leads anywhere.
fn remove_unless_held(path: &Path, record: &Path) -> io::Result<()> {
    let stale = match open(path) {
        Ok(stale) => stale,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return remove(record),
        Err(error) => return Err(error),
    };
    // Its holder may have renamed or removed it before letting go.
    if lock(&stale)? && is_named(&stale, path)? {
        remove(record)?;
        remove(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn source() -> UrlDigest {
        UrlDigest::of(&url::Url::parse("http://h/").expect("a URL"))
    }

    fn start(target: &Path, naming: Naming) -> Result<PartFile, Error> {
        PartFile::create(target, naming, source())
    }

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
        let mut part = start(&target, Naming::Replace(None)).expect("created");
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
            start(&target, Naming::New).and_then(|part| part.finish(None, None, None)).expect("saved");
        }
        assert_eq!(listing(directory.path()), ["page-1.html", "page-2.html", "page.html"]);
    }

    #[test]
    fn a_part_that_is_being_written_is_not_touched() {
        let directory = directory();
        let target = directory.path().join("f");
        let first = start(&target, Naming::Replace(None)).expect("created");
        let second = start(&target, Naming::Replace(None)).expect_err("held");
        assert!(second.to_string().contains("another program"), "{second}");
        let derived = start(&target, Naming::New).expect("another name");
        assert_eq!(listing(directory.path()), ["f-1.part", "f.part"]);
        drop((first, derived));
    }

    #[test]
    fn a_part_left_behind_is_started_over_and_a_planted_link_not_followed() {
        let directory = directory();
        let target = directory.path().join("f");
        fs::write(directory.path().join("f.part"), "left behind").expect("written");
        start(&target, Naming::Replace(None)).and_then(|part| part.finish(None, None, None)).expect("saved");
        assert_eq!(fs::read(&target).expect("readable"), b"");

        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").expect("written");
        std::os::unix::fs::symlink(&victim, directory.path().join("f.part")).expect("linked");
        start(&target, Naming::Replace(None)).expect_err("a link");
        assert_eq!(fs::read(&victim).expect("readable"), b"precious");
    }

    #[test]
    fn what_takes_the_parts_place_is_neither_saved_nor_removed() {
        let directory = directory();
        let part = start(&directory.path().join("f"), Naming::Replace(None)).expect("created");
        fs::remove_file(directory.path().join("f.part")).expect("removed");
        fs::write(directory.path().join("f.part"), "planted").expect("written");
        part.finish(None, None, None).expect_err("not ours");
        assert_eq!(listing(directory.path()), ["f.part"]);
    }

    #[test]
    fn a_new_name_does_not_touch_a_part_that_is_there() {
        let directory = directory();
        fs::write(directory.path().join("f.part"), "precious").expect("written");
        let saved = start(&directory.path().join("f"), Naming::New).and_then(|part| part.finish(None, None, None));
        assert_eq!(saved.expect("saved"), directory.path().join("f"));
        assert_eq!(fs::read(directory.path().join("f.part")).expect("there"), b"precious");
    }

    /// A part file of five bytes that was dropped, with a record of what it is a part.
    fn find_partial(target: &Path) {
        let mut part = start(target, Naming::Replace(None)).expect("created");
        let validator = crate::http::StrongValidator::EntityTag("\"a\"".to_owned());
        part.set_resume_info(Some(Representation { resource: source(), validator, length: Some(10), last_modified: None }))
            .expect("set");
        part.file.write_all(b"12345").expect("written");
    }

    #[test]
    fn what_is_known_to_be_a_part_stays_and_is_found_again() {
        let directory = directory();
        let target = directory.path().join("f");
        find_partial(&target);
        assert_eq!(listing(directory.path()), ["f.part", "f.part.info"]);
        let (mut part, length) =
            PartFile::find(&target, Naming::Replace(None), &source(), false).expect("readable").expect("found");
        part.file.write_all(b"67890").expect("written");
        part.finish(None, None, None).expect("saved");
        assert_eq!((length, fs::read(&target).expect("there").as_slice()), (5, &b"1234567890"[..]));
        assert_eq!(listing(directory.path()), ["f"]);
    }

    #[test]
    fn a_part_of_something_else_is_not_gone_on_with() {
        let other = UrlDigest::of(&url::Url::parse("http://other/").expect("a URL"));
        let find = |directory: &Path, source: &UrlDigest, only_own| {
            PartFile::find(&directory.join("f"), Naming::New, source, only_own).expect("readable").is_some()
        };
        for damage in [
            |d: &Path| fs::write(d.join("f.part.info"), "{}"),
            |d: &Path| fs::remove_file(d.join("f.part.info")),
            |d: &Path| fs::remove_file(d.join("f.part")),
            |d: &Path| fs::write(d.join("f.part"), ""),
            |d: &Path| fs::write(d.join("f.part"), "other"),
            |d: &Path| fs::write(d.join("f.part"), "more than it has"),
            |d: &Path| fs::copy(d.join("f.part"), d.join("copy")).and_then(|_| fs::rename(d.join("copy"), d.join("f.part"))),
        ] {
            let directory = directory();
            find_partial(&directory.path().join("f"));
            damage(directory.path()).expect("damaged");
            assert!(!find(directory.path(), &source(), false));
            assert!(listing(directory.path()).is_empty(), "{:?}", listing(directory.path()));
        }
        let directory = directory();
        find_partial(&directory.path().join("f"));
        assert!(!find(directory.path(), &other, true));
        assert_eq!(listing(directory.path()), ["f.part", "f.part.info"]);
        assert!(!find(directory.path(), &other, false));
        assert!(listing(directory.path()).is_empty());
    }

    #[test]
    fn a_new_part_has_no_old_record_beside_it() {
        let directory = directory();
        fs::write(directory.path().join("f.part.info"), "left behind").expect("written");
        let part = start(&directory.path().join("f"), Naming::Replace(None)).expect("created");
        assert_eq!(listing(directory.path()), ["f.part"]);
        drop(part);
        fs::write(directory.path().join("f.part.info"), "somebody's").expect("written");
        start(&directory.path().join("f"), Naming::New).and_then(|part| part.finish(None, None, None)).expect("saved");
        assert_eq!(listing(directory.path()), ["f", "f.part.info"]);
    }

    #[test]
    fn the_longest_of_names_has_a_part_too() {
        let directory = directory();
        let target = directory.path().join("n".repeat(NAME_MAX));
        let saved = start(&target, Naming::Replace(None)).and_then(|part| part.finish(None, None, None));
        assert_eq!(saved.expect("saved"), target);
    }
}

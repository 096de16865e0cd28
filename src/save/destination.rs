//! Where a body is to be saved, looked at before anything is sent.

use super::directory::{Directories, Directory};
use super::error::{cannot, unfit};
use super::existing::{Existing, Provenance};
use super::leftover::{Leftover, check_record, in_the_way, in_use, inspect};
use super::name::names_of;
use super::new_file::NewFile;
use super::part::{Naming, PartFile};
use super::path::{
    PART_SUFFIX, RECORD_SUFFIX, beside, check_links, check_owner, check_replaceable, directory_of, follow, is_numbered,
};
use super::resume_info::{Source, UrlDigest};
use super::{Sink, writer::DirectWriter};
use crate::error::Error;
use crate::net::Timer;
use crate::{interrupt, sys::is_descriptor_path};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Where a body is to be saved.
#[derive(Debug)]
pub(crate) struct Destination(Place);

#[derive(Debug)]
enum Place {
    Stdout,
    Memory,
    /// FIFO, device, terminal.
    Direct(PathBuf, Metadata),
    /// A regular file, or one yet to be: its own path, symbolic links followed.
    File {
        path: PathBuf,
        old: Option<Metadata>,
    },
    /// A name yet to be derived, in this directory.
    Directory(Arc<Directory>),
}

/// What an interrupted save left.
#[derive(Debug)]
pub(crate) enum Partial {
    /// Nothing of ours.
    None,
    /// A part file that could not be resumed, and was removed.
    Discarded(PathBuf),
    /// A part file to be resumed.
    Resumable(Box<Sink>),
}

impl Destination {
    /// Standard output.
    pub(crate) fn stdout() -> Destination {
        Destination(Place::Stdout)
    }

    /// Memory.
    pub(crate) fn memory() -> Destination {
        Destination(Place::Memory)
    }

    /// A directory for [derived names](super::derived_name), made when it is first needed.
    pub(crate) fn directory(path: &Path, directories: &Directories) -> Destination {
        Destination(Place::Directory(directories.at(path)))
    }

    /// A file, or something else of that name that can be written to. Fails where that is a directory, or
    /// may be an attack of another user.
    pub(crate) fn file(path: &Path) -> Result<Destination, Error> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(unfit(path, "it is a directory"));
        }
        let path = follow(path)?;
        match fs::metadata(&path) {
            // A file that is open in another program cannot be replaced there, and to open it again is to
            // write over its start.
            Ok(metadata) if is_descriptor_path(&path) && metadata.is_file() => {
                Err(unfit(&path, "it is an open file").hint("-o - writes to standard output, wherever that goes"))
            }
            Ok(metadata) if metadata.is_dir() => {
                Err(unfit(&path, "it is a directory").hint("-P DIR saves under a derived name in it"))
            }
            Ok(metadata) if metadata.is_file() => Ok(Destination(Place::File { path, old: Some(metadata) })),
            Ok(metadata) => {
                check_owner(&path, &metadata, "special file")?;
                Ok(Destination(Place::Direct(path, metadata)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Destination(Place::File { path, old: None })),
            Err(error) => Err(cannot("write", &path, &error)),
        }
    }

    /// Fails where a file plainly cannot be saved: it is not writable, its directory is missing or not
    /// writable.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        let Place::File { path, old } = &self.0 else { return Ok(()) };
        check_replaceable(path, old.as_ref())
    }

    /// Fails where something that is not ours stands where the part file of a file would be.
    pub(crate) fn check_part(&self) -> Result<(), Error> {
        let Place::File { path, .. } = &self.0 else { return Ok(()) };
        match inspect(path, None)? {
            Leftover::Foreign(why) => Err(in_the_way(&beside(path, PART_SUFFIX), why)),
            Leftover::InUse => Err(in_use(&beside(path, PART_SUFFIX))),
            Leftover::Nothing | Leftover::Ours(_) => check_record(&beside(path, RECORD_SUFFIX)),
        }
    }

    /// Opens it for one body of `url`, of which `name` is the derived name, asked for only where it is
    /// needed. `timer` limits the wait for the reader of a FIFO.
    pub(crate) fn open<'u>(
        &self,
        source: impl Into<Source<'u>>,
        timer: &Timer,
        name: impl FnOnce() -> String,
    ) -> Result<Sink, Error> {
        let digest = source.into().digest();
        match &self.0 {
            Place::Stdout => Ok(Sink::stdout(DirectWriter::stdout(timer)?)),
            Place::Memory => Ok(Sink::memory()),
            Place::Direct(path, metadata) => Ok(Sink::direct(DirectWriter::open(path, metadata, timer)?)),
            Place::File { path, old } => {
                // A directory on the way may be a link by now.
                check_links(directory_of(path))?;
                let is_free = |suffix| fs::symlink_metadata(beside(path, suffix)).is_err();
                if old.is_none() && is_free(PART_SUFFIX) && is_free(RECORD_SUFFIX) {
                    return Ok(Sink::new_file(NewFile::named(path, digest)));
                }
                Ok(Sink::part(PartFile::create(path, Naming::Replace(old.clone()), &digest)?, 0))
            }
            Place::Directory(directory) => {
                directory.prepare()?;
                Ok(Sink::new_file(NewFile::derived(directory, &name(), digest)))
            }
        }
    }

    /// Opens a file that is there for a body that replaces it; `None` where another one is replacing it. Links are
    /// not followed any more: its name was looked at before.
    pub(crate) fn replace<'u>(existing: &Existing, source: impl Into<Source<'u>>) -> Result<Option<Sink>, Error> {
        let old = fs::symlink_metadata(&existing.path).ok().filter(Metadata::is_file);
        check_replaceable(&existing.path, old.as_ref())?;
        let part = PartFile::create_replacing(&existing.path, old, &source.into().digest())?;
        Ok(part.map(|part| Sink::part(part, 0)))
    }

    /// Finds the part file that an interrupted save of `url` left. One of ours that cannot be resumed is
    /// removed.
    pub(crate) fn find_partial(&self, url: &Url) -> Result<Partial, Error> {
        let source = UrlDigest::of(url);
        match &self.0 {
            Place::Stdout | Place::Memory | Place::Direct(..) => Ok(Partial::None),
            Place::File { path, old } => find_at(path, old.as_ref(), &source),
            Place::Directory(directory) => {
                let plain: Vec<PathBuf> = names_of(url.into()).iter().map(|name| directory.path.join(name)).collect();
                for target in directory.with_part(&source) {
                    // Its number is the part file's; the file may get another.
                    let plain = plain.iter().find(|plain| is_numbered(&target, plain)).unwrap_or(&target);
                    match find_own(&target, plain, directory, url)? {
                        Partial::None => {}
                        found => return Ok(found),
                    }
                }
                Ok(Partial::None)
            }
        }
    }

    /// The file that is there already; of those in a directory, the one that has a name that `url`
    /// alone would give.
    pub(crate) fn existing<'u>(&self, source: impl Into<Source<'u>>) -> Option<Existing> {
        match &self.0 {
            Place::Stdout | Place::Memory | Place::Direct(..) => None,
            Place::File { path, .. } => Existing::at(path.clone(), source.into()),
            Place::Directory(_) => {
                let source = source.into();
                let names = names_of(source);
                let mut files: Vec<Existing> = names.iter().filter_map(|name| self.existing_named(name, source)).collect();
                let own = files.iter().position(|file| file.provenance == Provenance::SameUrl).unwrap_or(0);
                (own < files.len()).then(|| files.swap_remove(own))
            }
        }
    }

    /// Whether the name is yet to be derived.
    pub(crate) fn derives_name(&self) -> bool {
        matches!(self.0, Place::Directory(_))
    }

    /// Where bytes go that go to no file: a FIFO or device.
    pub(crate) fn direct(&self) -> Option<&Path> {
        if let Place::Direct(path, _) = &self.0 { Some(path) } else { None }
    }

    /// The file of a directory that a derived name gives, if it is there: one that was saved from `url`
    /// under that name or a number of it, else the one of just that name.
    pub(crate) fn existing_named<'u>(&self, name: &str, source: impl Into<Source<'u>>) -> Option<Existing> {
        let Place::Directory(directory) = &self.0 else { return None };
        let source = source.into();
        let path = directory.path.join(name);
        let mut first = Existing::at(path.clone(), source).filter(|_| !directory.is_given(&path));
        if let Some(file) = first.as_mut().filter(|file| file.provenance == Provenance::Unknown)
            && !directory.claim_unknown(&path, &source.digest())
        {
            file.provenance = Provenance::OtherUrl;
        }
        let own = if first.as_ref().is_some_and(|file| file.provenance == Provenance::SameUrl) {
            first
        } else {
            let of_name = |other: &PathBuf| is_numbered(other, &path) && !directory.is_given(other);
            let mut others = directory.numbered(&source.digest()).into_iter().filter(of_name);
            let own = others.find_map(|other| Existing::at(other, source).filter(|file| file.provenance == Provenance::SameUrl));
            own.or(first)
        };
        // What is a URL's is not to be a FILE of the list any more.
        own.inspect(|file| {
            if file.provenance != Provenance::OtherUrl {
                directory.keep(&file.path);
            }
        })
    }
}

/// The part file of a file that the user named; what is not ours there is an error.
fn find_at(target: &Path, old: Option<&Metadata>, source: &UrlDigest) -> Result<Partial, Error> {
    let hold = interrupt::hold();
    let path = beside(target, PART_SUFFIX);
    match inspect(target, None)? {
        Leftover::Nothing => Ok(Partial::None),
        Leftover::InUse => Err(in_use(&path)),
        Leftover::Foreign(why) => Err(in_the_way(&path, why)),
        Leftover::Ours(found) if found.source == *source && found.resume_info.is_some() && found.length > 0 => {
            let length = found.length;
            let part = PartFile::resume(found, target, target, Naming::Replace(old.cloned()), hold);
            Ok(Partial::Resumable(Box::new(Sink::part(part, length))))
        }
        Leftover::Ours(found) => found.remove().map(|()| Partial::Discarded(path)),
    }
}

/// The part file of a derived name, if it is one of this source; nothing else is touched. `plain` is the name
/// without a number.
fn find_own(target: &Path, plain: &Path, directory: &Arc<Directory>, url: &Url) -> Result<Partial, Error> {
    let hold = interrupt::hold();
    match inspect(target, Some(&UrlDigest::of(url)))? {
        Leftover::Ours(found) if found.resume_info.is_some() && found.length > 0 => {
            let length = found.length;
            // What it was to replace, if it was.
            let old = fs::symlink_metadata(target).ok().filter(Metadata::is_file);
            let is_own = Existing::at(target.to_owned(), Source { url, is_page: false })
                .is_some_and(|file| file.provenance == Provenance::SameUrl);
            let part = match old.filter(|_| is_own && !directory.is_given(target)) {
                Some(old) => PartFile::resume(found, target, target, Naming::Replace(Some(old)), hold),
                None => PartFile::resume(found, target, plain, Naming::New(Arc::clone(directory)), hold),
            };
            Ok(Partial::Resumable(Box::new(Sink::part(part, length))))
        }
        Leftover::Ours(found) => found.remove().map(|()| Partial::Discarded(beside(target, PART_SUFFIX))),
        Leftover::Nothing | Leftover::InUse | Leftover::Foreign(_) => Ok(Partial::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::StrongValidator;
    use crate::net::Limits;
    use crate::save::{Finished, ResumeInfo};

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn timer() -> Timer {
        Timer::start(Limits::default())
    }

    /// Opens a file of that name, for the body of `http://h/`.
    fn file(path: &Path) -> Result<Sink, Error> {
        Destination::file(path)?.open(&url("http://h/"), &timer(), String::new)
    }

    /// Opens a derived name in a directory.
    fn derived(directory: &Path, name: &str) -> Result<Sink, Error> {
        Destination::directory(directory, &Directories::default()).open(&url("http://h/"), &timer(), || name.to_owned())
    }

    fn finish(sink: Sink) -> Result<PathBuf, Error> {
        sink.finish(&Finished::default()).map(Option::unwrap_or_default)
    }

    fn find(path: &Path, asked: &str) -> Result<Option<Sink>, Error> {
        resumable(&Destination::file(path)?, asked)
    }

    fn resumable(destination: &Destination, asked: &str) -> Result<Option<Sink>, Error> {
        Ok(match destination.find_partial(&url(asked))? {
            Partial::Resumable(sink) => Some(*sink),
            Partial::None | Partial::Discarded(_) => None,
        })
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
        let mut sink = file(&directory.path().join("f")).expect("opened");
        sink.write(b"half", false).expect("written");
        assert!(listing(directory.path()).contains(&"f.part".to_owned()));
        drop(sink);
        assert!(listing(directory.path()).is_empty());
    }

    #[test]
    fn a_new_name_never_replaces() {
        let directory = directory();
        for _ in 0..3 {
            derived(directory.path(), "page.html").and_then(finish).expect("saved");
        }
        assert_eq!(listing(directory.path()), ["page-1.html", "page-2.html", "page.html"]);
    }

    #[test]
    fn a_part_that_is_being_written_is_not_touched() {
        let directory = directory();
        let mut first = file(&directory.path().join("f")).expect("opened");
        first.write(b"a", false).expect("written");
        let second = file(&directory.path().join("f")).expect_err("in use");
        assert!(second.to_string().contains("another program"), "{second}");
        let mut third = derived(directory.path(), "f").expect("another name");
        third.write(b"c", false).expect("written");
        assert!(listing(directory.path()).iter().any(|name| name == "f-1.part"));
        drop((first, third));
    }

    #[test]
    fn what_is_not_provably_ours_is_never_removed() {
        for name in ["f.part", "f.part.info"] {
            for contents in ["", "precious", "{\"version\":1}"] {
                if contents.is_empty() && cfg!(fetch_plain) {
                    // Without attributes, an empty file is what a killed program leaves first.
                    continue;
                }
                let directory = directory();
                fs::write(directory.path().join(name), contents).expect("written");
                let error = file(&directory.path().join("f")).expect_err("in the way");
                assert!(error.to_string().contains(&format!("{name} is in the way")), "{error}");
                assert_eq!(listing(directory.path()), [name]);
                derived(directory.path(), "f").and_then(finish).expect("saved under another name");
                assert_eq!(fs::read_to_string(directory.path().join(name)).expect("there"), contents);
            }
        }
        let directory = directory();
        fs::write(directory.path().join("victim"), "precious").expect("written");
        std::os::unix::fs::symlink("victim", directory.path().join("f.part")).expect("linked");
        file(&directory.path().join("f")).expect_err("a link");
        assert_eq!(fs::read(directory.path().join("victim")).expect("there"), b"precious");
    }

    #[test]
    fn a_saved_file_is_not_a_part_whatever_its_name() {
        let directory = directory();
        let mut sink = file(&directory.path().join("f.part")).expect("opened");
        sink.write(b"whole", false).expect("written");
        finish(sink).expect("saved");
        file(&directory.path().join("f")).expect_err("in the way");
        assert_eq!(listing(directory.path()), ["f.part"]);
    }

    #[test]
    fn what_takes_the_parts_place_is_neither_saved_nor_removed() {
        let directory = directory();
        let mut sink = file(&directory.path().join("f")).expect("opened");
        sink.write(b"a", false).expect("written");
        fs::remove_file(directory.path().join("f.part")).expect("removed");
        fs::write(directory.path().join("f.part"), "planted").expect("written");
        finish(sink).expect_err("not ours");
        assert_eq!(fs::read(directory.path().join("f.part")).expect("there"), b"planted");
    }

    /// Leaves a part file of five bytes of `http://h/`.
    fn leave(target: &Path) {
        let mut sink = file(target).expect("opened");
        let validator = StrongValidator::EntityTag("\"a\"".to_owned());
        let resource = UrlDigest::of(&url("http://h/"));
        sink.set_resume_info(Some(ResumeInfo { resource, validator, length: Some(10), last_modified: None })).expect("set");
        sink.write(b"12345", false).expect("written");
        assert_eq!(sink.keep(), Some(beside(target, PART_SUFFIX)));
    }

    #[test]
    fn an_interrupted_save_is_found_and_resumed() {
        let directory = directory();
        let target = directory.path().join("f");
        leave(&target);
        assert_eq!(listing(directory.path()), ["f.part", "f.part.info"]);
        let mut sink = find(&target, "http://h/").expect("readable").expect("found");
        sink.write(b"67890", false).expect("written");
        assert_eq!(sink.length(), 10);
        finish(sink).expect("saved");
        assert_eq!(fs::read(&target).expect("there"), b"1234567890");
        assert_eq!(listing(directory.path()), ["f"]);
    }

    #[test]
    fn a_part_of_another_url_is_replaced_under_its_own_name_only() {
        let directory = directory();
        leave(&directory.path().join("f"));
        let elsewhere = Destination::directory(directory.path(), &Directories::default());
        assert!(resumable(&elsewhere, "http://other/f").expect("readable").is_none());
        assert_eq!(listing(directory.path()), ["f.part", "f.part.info"]);
        assert!(find(&directory.path().join("f"), "http://other/").expect("readable").is_none());
        assert!(listing(directory.path()).is_empty());
    }

    #[test]
    fn a_part_that_was_changed_is_not_resumed_and_not_removed() {
        for damage in [
            |d: &Path| fs::write(d.join("f.part"), "other"),
            |d: &Path| fs::write(d.join("f.part"), "12345 and more than it has"),
            |d: &Path| fs::copy(d.join("f.part"), d.join("copy")).and_then(|_| fs::rename(d.join("copy"), d.join("f.part"))),
        ] {
            let directory = directory();
            leave(&directory.path().join("f"));
            damage(directory.path()).expect("damaged");
            let before = fs::read(directory.path().join("f.part")).expect("there");
            find(&directory.path().join("f"), "http://h/").expect_err("in the way");
            file(&directory.path().join("f")).expect_err("in the way");
            assert_eq!(fs::read(directory.path().join("f.part")).expect("there"), before);
        }
    }

    #[test]
    fn a_record_without_its_part_is_replaced() {
        let directory = directory();
        leave(&directory.path().join("f"));
        fs::remove_file(directory.path().join("f.part")).expect("removed");
        assert!(find(&directory.path().join("f"), "http://h/").expect("readable").is_none());
        file(&directory.path().join("f")).and_then(finish).expect("saved");
        assert_eq!(listing(directory.path()), ["f"]);
    }

    #[test]
    fn a_second_program_leaves_the_record_of_a_running_save() {
        let directory = directory();
        let target = directory.path().join("f");
        leave(&target);
        let running = find(&target, "http://h/").expect("readable").expect("found");
        file(&target).expect_err("in use");
        find(&target, "http://h/").expect_err("in use");
        assert!(
            resumable(&Destination::directory(directory.path(), &Directories::default()), "http://h/")
                .expect("readable")
                .is_none()
        );
        assert_eq!(listing(directory.path()), ["f.part", "f.part.info"]);
        assert_eq!(running.keep(), Some(directory.path().join("f.part")));
    }

    #[test]
    fn every_length_of_name_has_a_part_that_is_not_the_file_itself() {
        for length in 240..=255 {
            for end in ["", ".part", ".part.info"] {
                let directory = directory();
                let target = directory.path().join("n".repeat(length - end.len()) + end);
                fs::write(&target, "old").expect("written");
                let mut sink = file(&target).expect("opened");
                sink.write(b"half", false).expect("written");
                drop(sink);
                assert_eq!(fs::read(&target).expect("there"), b"old", "{length} bytes, {end}");
                assert_eq!(file(&target).and_then(finish).expect("saved"), target);
                assert_eq!(listing(directory.path()).len(), 1);
            }
        }
    }
}

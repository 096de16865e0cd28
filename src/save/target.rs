//! What the user named as the place to save to, looked at before anything is sent.

use super::name::{names_of, numbered};
use super::part::{Naming, PartFile, has_part, recorded_in};
use super::record::Origin;
use super::system::each_piece;
use super::{Sink, cannot, unfit};
use crate::error::Error;
use crate::http::UrlDigest;
use crate::net::Timer;
use ring::digest::{Context, SHA256};
use rustix::fs::{Access, access};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::Url;

/// How many symbolic links may lead to a file, as for the system itself.
const LINKS: usize = 40;

/// Where a body is to be saved.
#[derive(Debug)]
pub struct Destination(Place);

#[derive(Debug)]
enum Place {
    Stdout,
    /// FIFO, device, terminal.
    DirectWriter(PathBuf),
    /// A regular file, or one yet to be: its own path, symbolic links followed.
    File {
        path: PathBuf,
        old: Option<Metadata>,
    },
    /// A name yet to be derived, in this directory.
    Directory(PathBuf),
}

impl Destination {
    /// Standard output.
    pub fn stdout() -> Destination {
        Destination(Place::Stdout)
    }

    /// A directory for [derived names](super::derived_name), made when it is first needed.
    pub fn directory(path: &Path) -> Destination {
        Destination(Place::Directory(path.to_owned()))
    }

    /// A file, or something else of that name that can be written to. Fails where it plainly
    /// cannot: it is a directory, it is not writable, it would be in a directory that is missing or
    /// not writable.
    pub fn file(path: &Path) -> Result<Destination, Error> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(unfit(path, "it is a directory"));
        }
        let path = follow(path)?;
        match fs::metadata(&path) {
            // A file that somebody has open cannot be replaced under them, and to open it again is to
            // write over its start.
            Ok(metadata) if is_open_file(&path) && metadata.is_file() => {
                Err(unfit(&path, "it is an open file").hint("-o - writes to standard output, wherever that goes"))
            }
            Ok(metadata) if metadata.is_dir() => {
                Err(unfit(&path, "it is a directory").hint("-P DIR saves under a derived name in it"))
            }
            Ok(metadata) if metadata.is_file() => {
                // A rename does not ask whether the file it replaces may be written.
                access(&path, Access::WRITE_OK).map_err(|error| cannot("write", &path, &error.into()))?;
                writable(directory_of(&path))?;
                Ok(Destination(Place::File { path, old: Some(metadata) }))
            }
            Ok(_) => Ok(Destination(Place::DirectWriter(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                writable(directory_of(&path))?;
                Ok(Destination(Place::File { path, old: None }))
            }
            Err(error) => Err(cannot("write", &path, &error)),
        }
    }

    /// Opens it for one body of `url`, of which `name` is the derived name, asked for only where it is
    /// needed. `timer` limits the wait for whoever reads what is no regular file.
    pub fn open(&self, url: &Url, timer: &Timer, name: impl FnOnce() -> String) -> Result<Sink, Error> {
        let create = |path: &Path, naming| Ok(Sink::part(PartFile::create(path, naming, UrlDigest::of(url))?, 0));
        match &self.0 {
            Place::Stdout => Sink::stdout(timer),
            Place::DirectWriter(path) => Sink::direct(path, timer),
            Place::File { path, old } => create(path, Naming::Replace(old.clone())),
            Place::Directory(directory) => {
                fs::create_dir_all(directory).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => unfit(directory, "it is no directory"),
                    _ => cannot("make the directory", directory, &error),
                })?;
                create(&directory.join(name()), Naming::New)
            }
        }
    }

    /// Finds what an interrupted save of `url` left behind, if it can be gone on with; what plainly
    /// cannot is removed.
    pub fn find_partial(&self, url: &Url) -> Result<Option<Sink>, Error> {
        let source = UrlDigest::of(url);
        let sink = |(part, length)| Sink::part(part, length);
        match &self.0 {
            Place::Stdout | Place::DirectWriter(_) => Ok(None),
            Place::File { path, old } => Ok(PartFile::find(path, Naming::Replace(old.clone()), &source, false)?.map(sink)),
            Place::Directory(directory) => {
                // One that was ended before it had a record is found by its name, or a number of that.
                let named = names_of(url).into_iter().flat_map(|name| {
                    let path = directory.join(name);
                    (0..).map(move |number| numbered(&path, number)).take_while(|target| target.exists() || has_part(target))
                });
                for target in recorded_in(directory).into_iter().chain(named) {
                    if let Some(found) = PartFile::find(&target, Naming::New, &source, true)? {
                        return Ok(Some(sink(found)));
                    }
                }
                Ok(None)
            }
        }
    }

    /// The file that is there already; of those in a directory, the one that has a name that `url`
    /// alone would give.
    pub fn existing(&self, url: &Url) -> Option<Existing> {
        match &self.0 {
            Place::Stdout | Place::DirectWriter(_) => None,
            Place::File { path, .. } => Existing::at(path.clone(), url),
            Place::Directory(_) => names_of(url).iter().find_map(|name| self.taken(name, url)),
        }
    }

    /// Whether the name is yet to be derived.
    pub fn derives(&self) -> bool {
        matches!(self.0, Place::Directory(_))
    }

    /// The file of a directory that a derived name gives, if it is there: one that was saved from `url`
    /// under that name or a number of it, else the one of just that name.
    pub fn taken(&self, name: &str, url: &Url) -> Option<Existing> {
        let Place::Directory(directory) = &self.0 else { return None };
        let path = directory.join(name);
        let mut files = (0..).map_while(|number| Existing::at(numbered(&path, number), url));
        let first = files.next()?;
        if first.from == Provenance::Own {
            return Some(first);
        }
        Some(files.find(|file| file.from == Provenance::Own).unwrap_or(first))
    }
}

/// A file that is there before anything is asked for.
#[derive(Clone, Debug)]
pub struct Existing {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub length: u64,
    /// When it was modified, by the server's clock if it was saved with its time.
    pub modified: SystemTime,
    /// The entity tag that the representation had, if it was saved from the same URL and has kept its
    /// length.
    pub entity_tag: Option<String>,
    /// Where it came from.
    pub from: Provenance,
    /// Whether its name is a symbolic link. One that has a derived name is not to be written through:
    /// nobody asked for that.
    pub is_link: bool,
}

/// Where a file came from, as far as it remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// It was saved from the same URL, and is the whole of what that had.
    Own,
    /// It does not say.
    Unknown,
    /// It was saved from another URL, or is not the whole of what this one had.
    Other,
}

impl Existing {
    fn at(path: PathBuf, url: &Url) -> Option<Existing> {
        let metadata = fs::metadata(&path).ok().filter(Metadata::is_file)?;
        let (length, modified) = (metadata.len(), metadata.modified().ok()?);
        let origin = File::open(&path).ok().and_then(|file| Origin::of(&file));
        let from = match &origin {
            Some(origin) if origin.source == UrlDigest::of(url) && origin.length.is_some() => Provenance::Own,
            Some(_) => Provenance::Other,
            None => Provenance::Unknown,
        };
        let as_saved = origin.filter(|origin| from == Provenance::Own && origin.length == Some(length));
        let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
        let entity_tag = as_saved.and_then(|origin| origin.entity_tag);
        Some(Existing { path, length, modified, entity_tag, from, is_link })
    }

    /// Its entity tag, if bytes can be compared by it.
    pub fn strong_entity_tag(&self) -> Option<&str> {
        self.entity_tag.as_deref().filter(|tag| !tag.starts_with("W/"))
    }

    /// Whether the SHA-256 of its bytes is this.
    pub fn has_digest(&self, wanted: &[u8]) -> Result<bool, Error> {
        let mut digest = Context::new(&SHA256);
        let read = File::open(&self.path).and_then(|mut file| each_piece(&mut file, |bytes| digest.update(bytes)));
        read.map_err(|error| cannot("read", &self.path, &error))?;
        Ok(digest.finish().as_ref() == wanted)
    }
}

/// The directory that a file is in, as a path that can be opened.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn writable(directory: &Path) -> Result<(), Error> {
    access(directory, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| cannot("write to the directory", directory, &error.into()))
}

/// Whether this names a file descriptor.
pub(super) fn is_open_file(path: &Path) -> bool {
    path.starts_with("/dev/fd") || path.starts_with("/proc")
}

/// Follows symbolic links, to a name that may not exist yet.
pub(super) fn follow(path: &Path) -> Result<PathBuf, Error> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(link) if !is_open_file(&path) => path = directory_of(&path).join(link),
            // Not a link, not there at all, or not one to follow.
            _ => return Ok(path),
        }
    }
    Err(unfit(&path, "too many symbolic links"))
}

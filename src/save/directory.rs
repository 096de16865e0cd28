//! What a run knows of the directories it saves in, so that it does not ask the system for each file.

use super::error::{cannot, unfit};
use super::named::NamedFiles;
use super::origin::{Origin, PartMark};
use super::path::{MAX_NAMES, PART_SUFFIX, RECORD_SUFFIX, beside, check_links, directory_of, numbered, resolved_directory};
use super::record;
use super::resume_info::UrlDigest;
use crate::error::Error;
use crate::lock::locked;
use crate::sys;
use rustix::fs::OFlags;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// How many directories are remembered; then all are forgotten.
const MAX_DIRECTORIES: usize = 10_000;
/// How many names in one are remembered; then one is forgotten for each that is added.
const MAX_NAMES_KNOWN: usize = 64 * 1024;
/// How many files with a number are remembered of one URL.
const MAX_NUMBERED: usize = 1000;

/// The directories of a run.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    known: Mutex<HashMap<PathBuf, Arc<Directory>>>,
    reserved: Arc<Reserved>,
    named: Arc<NamedFiles>,
}

/// Files that a run writes besides bodies: the archive, the cookies.
#[derive(Debug, Default)]
struct Reserved(Vec<PathBuf>);

impl Reserved {
    fn has(&self, path: &Path) -> bool {
        let has_name = |reserved: &&PathBuf| reserved.file_name() == path.file_name();
        let mut named = self.0.iter().filter(has_name).peekable();
        named.peek().is_some() && resolved(path).is_some_and(|path| named.any(|reserved| *reserved == path))
    }
}

/// A path without links on the way to its directory.
fn resolved(path: &Path) -> Option<PathBuf> {
    Some(fs::canonicalize(directory_of(path)).ok()?.join(path.file_name()?))
}

/// One directory, made when it is first needed.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(super) path: PathBuf,
    /// Its path without links.
    resolved: PathBuf,
    reserved: Arc<Reserved>,
    named: Arc<NamedFiles>,
    prepared: Mutex<bool>,
    takes_bytes_at_once: OnceLock<bool>,
    /// For hashes of names of which there are several files: the number to try first.
    numbers: Mutex<HashMap<u64, usize>>,
    /// By a hash of the name, the URLs of files that cannot say themselves where they came from: those that this
    /// run saved, and those that were there and that one of its URLs took for its own.
    saved: Mutex<HashMap<u64, u64>>,
    hasher: RandomState,
    /// What was in it when it was first asked for.
    index: OnceLock<Mutex<Index>>,
}

/// What saves have left in a directory, by the start of a digest of the URL they are of.
#[derive(Debug, Default)]
struct Index {
    /// Files that have a part file.
    parts: HashMap<u64, Vec<OsString>>,
    /// Files with a number behind their name.
    numbered: HashMap<u64, Vec<OsString>>,
}

impl Directories {
    /// No body is saved in the reserved files, nor in those in which they grow; and none under a derived name in
    /// those that items of a list name.
    pub(crate) fn new(reserved: &[&Path], named: Arc<NamedFiles>) -> Directories {
        let reserved = reserved.iter().flat_map(|file| [resolved(file), resolved(&beside(file, PART_SUFFIX))]).flatten();
        Directories { reserved: Arc::new(Reserved(reserved.collect())), named, ..Directories::default() }
    }

    /// Fails for a reserved file.
    pub(crate) fn check(&self, file: &Path) -> Result<(), Error> {
        // A link may lead there.
        let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        if self.reserved.has(file) || self.reserved.has(&target) {
            return Err(unfit(file, "--warc or --cookie-jar is written there"));
        }
        Ok(())
    }

    /// A directory.
    pub(super) fn at(&self, path: &Path) -> Arc<Directory> {
        let mut known = locked(&self.known);
        if let Some(directory) = known.get(path) {
            return Arc::clone(directory);
        }
        if known.len() >= MAX_DIRECTORIES {
            known.clear();
        }
        let directory = Arc::new(Directory {
            path: path.to_owned(),
            resolved: resolved_directory(path),
            reserved: Arc::clone(&self.reserved),
            named: Arc::clone(&self.named),
            prepared: Mutex::default(),
            takes_bytes_at_once: OnceLock::new(),
            numbers: Mutex::default(),
            saved: Mutex::default(),
            hasher: RandomState::new(),
            index: OnceLock::new(),
        });
        known.insert(path.to_owned(), Arc::clone(&directory));
        directory
    }

    /// Makes the directory that a file is to be in.
    pub(crate) fn make_for(&self, file: &Path) -> Result<(), Error> {
        match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => self.at(parent).prepare(),
            _ => Ok(()),
        }
    }
}

impl Directory {
    /// Makes it, unless that was done before. No link on the way to it may be an attack.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        let mut prepared = locked(&self.prepared);
        if !*prepared {
            check_links(&self.path)?;
            fs::create_dir_all(&self.path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => unfit(&self.path, "it is not a directory"),
                _ => cannot("make the directory", &self.path, &error),
            })?;
            *prepared = true;
        }
        Ok(())
    }

    /// Whether a file in it, once it took bytes, has nothing more to say about them when it is closed.
    pub(super) fn takes_bytes_at_once(&self, file: &File) -> bool {
        *self.takes_bytes_at_once.get_or_init(|| sys::takes_bytes_at_once(file))
    }

    /// The files that may have a part file of this source.
    pub(super) fn with_part(&self, source: &UrlDigest) -> Vec<PathBuf> {
        let index = locked(self.index());
        index.parts.get(&source.start()).into_iter().flatten().map(|name| self.path.join(name)).collect()
    }

    /// The files with a number behind their name that may be of this source.
    pub(super) fn numbered(&self, source: &UrlDigest) -> Vec<PathBuf> {
        let index = locked(self.index());
        index.numbered.get(&source.start()).into_iter().flatten().map(|name| self.path.join(name)).collect()
    }

    fn index(&self) -> &Mutex<Index> {
        self.index.get_or_init(|| Mutex::new(Index::of(&self.path)))
    }

    /// The number to try first for a name; where there are several files of it, another for each caller.
    fn next_number(&self, name: &OsStr) -> usize {
        locked(&self.numbers).get_mut(&self.hasher.hash_one(name)).map_or(0, |next| {
            *next += 1;
            *next - 1
        })
    }

    /// Takes a file that does not say where it came from for one of this source; false where it is another's,
    /// which saved it in this run or was first to take it.
    pub(super) fn claim_unknown(&self, path: &Path, source: &UrlDigest) -> bool {
        let mut saved = locked(&self.saved);
        let owner = saved.get(&self.hash(path)).copied();
        if owner.is_none() {
            *entry(&mut saved, self.hash(path)) = source.start();
        }
        owner.is_none_or(|owner| owner == source.start())
    }

    /// Whether a file is reserved, or an item of the list names it.
    pub(super) fn is_given(&self, file: &Path) -> bool {
        self.reserved.has(file) || self.named.is_given(&self.resolved.join(file.file_name().unwrap_or_default()))
    }

    /// No item of the list is to name this file any more.
    pub(super) fn keep(&self, file: &Path) {
        self.named.claim(&self.resolved.join(file.file_name().unwrap_or_default()));
    }

    /// Gives a file of this source the name of `target` or, where that is taken, one with a number behind it.
    /// `give` fails with [`io::ErrorKind::AlreadyExists`] where a name is taken. The file may have `recorded` where it
    /// came from; else the run remembers.
    pub(super) fn give_name(
        &self,
        target: &Path,
        source: &UrlDigest,
        recorded: bool,
        mut give: impl FnMut(&Path) -> io::Result<()>,
    ) -> Result<io::Result<PathBuf>, Error> {
        let first = self.next_number(target.file_name().unwrap_or_default());
        for number in first..first + MAX_NAMES {
            let path = numbered(target, number);
            let claimed = self.resolved.join(path.file_name().unwrap_or_default());
            if self.reserved.has(&path) || !self.named.claim(&claimed) {
                continue;
            }
            // Whoever finds the file also finds whose it is.
            let mut saved = (!recorded).then(|| locked(&self.saved));
            match give(&path) {
                Ok(()) => {
                    if let Some(saved) = &mut saved {
                        *entry(saved, self.hash(&path)) = source.start();
                    }
                    self.took_number(target, number, source);
                    return Ok(Ok(path));
                }
                Err(error) => {
                    self.named.unclaim(&claimed);
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        return Ok(Err(error));
                    }
                }
            }
        }
        Err(unfit(target, "too many files of that name"))
    }

    /// A file of this source got this number of a name.
    fn took_number(&self, target: &Path, number: usize, source: &UrlDigest) {
        // Where there is but one file of the name, the number is known without being remembered.
        if number == 0 {
            return;
        }
        let mut numbers = locked(&self.numbers);
        let next = entry(&mut numbers, self.hash(target));
        *next = (number + 1).max(*next);
        if let Some(index) = self.index.get() {
            let name = numbered(target, number).file_name().unwrap_or_default().to_owned();
            let (mut index, most) = (locked(index), MAX_NUMBERED);
            let names = entry(&mut index.numbered, source.start());
            names.extend((names.len() < most).then_some(name));
        }
    }

    /// A hash of a name in it.
    fn hash(&self, path: &Path) -> u64 {
        self.hasher.hash_one(path.file_name().unwrap_or_default())
    }
}

/// The entry of a map, which is kept from growing without end.
fn entry<V: Default>(map: &mut HashMap<u64, V>, key: u64) -> &mut V {
    if map.len() >= MAX_NAMES_KNOWN
        && !map.contains_key(&key)
        && let Some(other) = map.keys().next().copied()
    {
        map.remove(&other);
    }
    map.entry(key).or_default()
}

impl Index {
    fn of(directory: &Path) -> Index {
        let mut index = Index::default();
        let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        for name in fs::read_dir(listed).into_iter().flatten().flatten().map(|entry| entry.file_name()) {
            index.add(directory, name);
        }
        index.parts.values_mut().for_each(|names| {
            names.sort();
            names.dedup();
        });
        index
    }

    fn add(&mut self, directory: &Path, name: OsString) {
        let path = directory.join(&name);
        let without =
            |suffix: &str| name.as_bytes().strip_suffix(suffix.as_bytes()).map(|name| OsStr::from_bytes(name).to_owned());
        if let Some(target) = without(RECORD_SUFFIX) {
            if let Some(record) = record::read(&path) {
                self.parts.entry(record.source.start()).or_default().push(target);
            }
        } else if let Some(target) = without(PART_SUFFIX) {
            if let Some(source) = marked_source(&path) {
                self.parts.entry(source.start()).or_default().push(target);
            }
        } else if has_number(&name)
            && let Some(origin) = open(&path).ok().and_then(|file| Origin::of(&file))
        {
            self.numbered.entry(origin.source.start()).or_default().push(name);
        }
    }
}

/// The URL that a part file is marked with.
fn marked_source(path: &Path) -> Option<UrlDigest> {
    let file = open(path).ok()?;
    let metadata = file.metadata().ok()?;
    PartMark::of(&file, path, &metadata).map(|mark| mark.source)
}

/// Whether a name may be one with a number behind it: `page-1.html`.
fn has_number(name: &OsStr) -> bool {
    name.as_bytes().windows(2).any(|pair| pair[0] == b'-' && pair[1].is_ascii_digit())
}

/// Opens what may be a file of ours, without waiting for whatever may stand there instead.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

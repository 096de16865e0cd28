//! What a run knows of the directories it saves in, so that it does not ask the system for each file.

use super::error::{cannot, unfit};
use super::path::{RECORD_SUFFIX, check_links};
use super::record;
use super::resume_info::UrlDigest;
use crate::error::Error;
use crate::sys;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many directories, and how many names in one, are remembered; then all are forgotten.
const MAX_KNOWN: usize = 10_000;

/// The directories of a run.
#[derive(Debug, Default)]
pub(crate) struct Directories(Mutex<HashMap<PathBuf, Arc<Directory>>>);

/// One directory, made when it is first needed.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(super) path: PathBuf,
    prepared: Mutex<bool>,
    takes_bytes_at_once: OnceLock<bool>,
    /// For names of which there are several files: the number to try first.
    numbers: Mutex<HashMap<OsString, usize>>,
    /// The files of which there were records that they have a part file, when they were first asked for.
    recorded: OnceLock<Vec<(UrlDigest, PathBuf)>>,
}

impl Directories {
    /// A directory.
    pub(super) fn at(&self, path: &Path) -> Arc<Directory> {
        let mut known = locked(&self.0);
        if let Some(directory) = known.get(path) {
            return Arc::clone(directory);
        }
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let directory = Arc::new(Directory {
            path: path.to_owned(),
            prepared: Mutex::default(),
            takes_bytes_at_once: OnceLock::new(),
            numbers: Mutex::default(),
            recorded: OnceLock::new(),
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

    /// The files of which there are records that they have a part file of this source.
    pub(super) fn recorded(&self, source: &UrlDigest) -> Vec<PathBuf> {
        let all = self.recorded.get_or_init(|| recorded_in(&self.path));
        all.iter().filter(|(of, _)| of == source).map(|(_, path)| path.clone()).collect()
    }

    /// The number to try first for a name.
    pub(super) fn first_number(&self, name: &OsStr) -> usize {
        locked(&self.numbers).get(name).copied().unwrap_or(0)
    }

    /// A file got this number of a name.
    pub(super) fn took_number(&self, name: &OsStr, number: usize) {
        // Where there is but one file of the name, the number is known without being remembered.
        if number > 0 {
            let mut numbers = locked(&self.numbers);
            if numbers.len() >= MAX_KNOWN {
                numbers.clear();
            }
            numbers.insert(name.to_owned(), number + 1);
        }
    }
}

/// The files in a directory of which there are records, and the URLs that they are of.
fn recorded_in(directory: &Path) -> Vec<(UrlDigest, PathBuf)> {
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let names = fs::read_dir(listed).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut found: Vec<(UrlDigest, PathBuf)> = names
        .filter_map(|name| {
            let target = name.as_bytes().strip_suffix(RECORD_SUFFIX.as_bytes()).map(OsStr::from_bytes)?;
            Some((record::read(&directory.join(&name))?.source, directory.join(target)))
        })
        .collect();
    found.sort_by(|(_, a), (_, b)| a.cmp(b));
    found
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Which files the items of a list name, so that no two bodies are saved in one.

use super::path::{files_beside, resolved_directory, resolved_file};
use crate::error::{Error, Kind};
use crate::lock::locked;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// How many derived names are remembered; then all are forgotten.
const MAX_DERIVED: usize = 64 * 1024;
/// How many directories are remembered; then all are forgotten.
const MAX_DIRECTORIES: usize = 10_000;

/// The names of standard output, which has the outcomes of a list.
const STDOUT: &[&[u8]] = &[b"-", b"/dev/stdout", b"/dev/fd/1", b"/proc/self/fd/1"];

/// The files that items of a list name, and those that got a derived name in the same run.
#[derive(Debug)]
pub(crate) struct NamedFiles {
    /// What the items are called.
    items: &'static str,
    hasher: RandomState,
    names: Mutex<Names>,
    /// Directories without links.
    directories: Mutex<HashMap<PathBuf, PathBuf>>,
}

/// Hashes of paths: the paths themselves may be many.
#[derive(Debug, Default)]
struct Names {
    /// With the number of the item.
    given: HashMap<u64, u64>,
    derived: HashSet<u64>,
    /// No item names another file: derived names need not be remembered.
    is_complete: bool,
}

impl Default for NamedFiles {
    fn default() -> NamedFiles {
        NamedFiles::of("lines")
    }
}

impl NamedFiles {
    /// None yet, of items that are called so.
    pub(crate) fn of(items: &'static str) -> NamedFiles {
        NamedFiles { items, hasher: RandomState::new(), names: Mutex::default(), directories: Mutex::default() }
    }

    /// An item names a file. Fails where another one has named the same, or one beside which that is saved,
    /// and where it is a body's of this run.
    pub(crate) fn add(&self, path: &Path, number: u64) -> Result<(), Error> {
        check_name(path.as_os_str().as_bytes())?;
        let plain = self.resolved(path);
        let mut names = locked(&self.names);
        let other = |path: &Path| names.given.get(&self.hasher.hash_one(path)).filter(|other| **other != number);
        let (items, shown) = (self.items, path.display());
        let why = if let Some(other) = other(&plain) {
            // What is no regular file is written to, and not replaced.
            if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
                return Ok(());
            }
            format!("{items} {other} and {number} both name the file {shown}")
        } else if let Some(other) = files_beside(&plain).iter().find_map(|path| other(path)) {
            format!("{items} {other} and {number} name a file and its part file, {shown}")
        } else if names.derived.contains(&self.hasher.hash_one(&plain)) {
            format!("{shown} has been saved in this run already, under a name that its URL gave")
        } else {
            names.given.insert(self.hasher.hash_one(&plain), number);
            return Ok(());
        };
        Err(Error::new(Kind::Usage, why))
    }

    /// All that items name is known.
    pub(crate) fn complete(&self) {
        locked(&self.names).is_complete = true;
    }

    fn resolved(&self, path: &Path) -> PathBuf {
        resolved_file(path, |directory| {
            let mut known = locked(&self.directories);
            if let Some(resolved) = known.get(directory) {
                return resolved.clone();
            }
            if known.len() >= MAX_DIRECTORIES {
                known.clear();
            }
            let resolved = resolved_directory(directory);
            known.insert(directory.to_owned(), resolved.clone());
            resolved
        })
    }

    /// Whether an item names a resolved path.
    pub(super) fn is_given(&self, path: &Path) -> bool {
        let names = locked(&self.names);
        !names.given.is_empty() && names.given.contains_key(&self.hasher.hash_one(path))
    }

    /// Takes a resolved path for a derived name; false where it is an item's, or is known to have been taken.
    pub(super) fn claim(&self, path: &Path) -> bool {
        let mut names = locked(&self.names);
        if names.is_complete && names.given.is_empty() {
            return true;
        }
        let hash = self.hasher.hash_one(path);
        if names.given.contains_key(&hash) {
            return false;
        }
        if names.is_complete {
            return true;
        }
        if names.derived.len() >= MAX_DERIVED {
            names.derived.clear();
        }
        names.derived.insert(hash)
    }

    /// Gives a path back that was not needed.
    pub(super) fn unclaim(&self, path: &Path) {
        locked(&self.names).derived.remove(&self.hasher.hash_one(path));
    }
}

/// Whether an item of a list may be saved under a name.
pub(crate) fn check_name(file: &[u8]) -> Result<(), Error> {
    if STDOUT.contains(&file) {
        return Err(Error::new(Kind::Usage, "a list saves to files, not to standard output (./- is a file)"));
    }
    if file.contains(&0) {
        return Err(Error::new(Kind::Usage, "a file name has no NUL"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_once() {
        let files = NamedFiles::of("lines");
        assert!(files.add(Path::new("a"), 1).is_ok() && files.add(Path::new("b"), 2).is_ok());
        assert!(files.add(Path::new("a"), 1).is_ok(), "the same line again");
        for again in ["a", "./a", ".//a"] {
            assert!(files.add(Path::new(again), 7).expect_err("twice").full().starts_with("lines 1 and 7 both name the file "));
        }
        assert!(["-", "/dev/stdout"].iter().all(|name| files.add(Path::new(name), 8).is_err()));
    }

    #[test]
    fn a_file_is_the_same_under_every_path() {
        let directory = tempfile::tempdir().expect("made");
        let path = |name: &str| directory.path().join(name);
        fs::create_dir_all(path("real/sub")).expect("made");
        std::os::unix::fs::symlink("real", path("link")).expect("linked");
        std::os::unix::fs::symlink("real/y", path("dangling")).expect("linked");
        for again in ["link/y", "real/../real/y", "link/sub/../y", "dangling", "missing/../real/y"] {
            let files = NamedFiles::of("lines");
            files.add(&path("real/y"), 1).expect("named");
            files.add(&path(again), 2).expect_err(again);
        }
        let files = NamedFiles::of("lines");
        assert!((1..=2).all(|number| files.add(Path::new("/dev/null"), number).is_ok()));
    }

    #[test]
    fn a_derived_name_is_not_an_items() {
        let files = NamedFiles::of("lines");
        files.add(Path::new("a"), 1).expect("named");
        assert!(!files.claim(&files.resolved(Path::new("a"))));
        assert!(files.claim(&files.resolved(Path::new("b"))) && !files.claim(&files.resolved(Path::new("b"))));
        assert!(files.add(Path::new("./b"), 2).expect_err("saved").full().contains("saved in this run already"));
        files.unclaim(&files.resolved(Path::new("b")));
        assert!(files.add(Path::new("./b"), 2).is_ok());
    }
}

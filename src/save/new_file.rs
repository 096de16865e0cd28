//! A file that is not there yet. A body that is small and comes at once is written to it in one go, and
//! needs no part file: it has no name before it is whole.

use super::directory::Directory;
use super::error::cannot;
use super::origin::{Origin, since_1970};
use super::part::{Finished, Naming, PartFile};
use super::path::directory_of;
use super::resume_info::UrlDigest;
use crate::error::Error;
use crate::sys;
use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The most bytes that are written in one go.
const MAX_BYTES: usize = 64 * 1024;

/// A file to be made, and what of its body has come.
#[derive(Debug)]
pub(super) struct NewFile {
    target: PathBuf,
    /// Where it may get a number behind its name; else, the name is the user's.
    directory: Option<Arc<Directory>>,
    source: UrlDigest,
    bytes: Vec<u8>,
}

impl NewFile {
    /// A file that the user named.
    pub(super) fn named(target: &Path, source: UrlDigest) -> NewFile {
        NewFile { target: target.to_owned(), directory: None, source, bytes: Vec::new() }
    }

    /// A file with a derived name.
    pub(super) fn derived(directory: &Arc<Directory>, name: &str, source: UrlDigest) -> NewFile {
        let target = directory.path.join(name);
        NewFile { target, directory: Some(Arc::clone(directory)), source, bytes: Vec::new() }
    }

    /// Adds bytes if, with all that is still to come, they may be written in one go.
    pub(super) fn add(&mut self, bytes: &[u8], all_received: bool) -> bool {
        let fits = all_received && self.bytes.len() + bytes.len() <= MAX_BYTES;
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    /// Discards what was added.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// A part file with what was added.
    pub(super) fn to_part(&self) -> Result<PartFile, Error> {
        let mut part = match &self.directory {
            None => PartFile::create(&self.target, Naming::Replace(None), &self.source)?,
            Some(directory) => PartFile::create(&self.target, Naming::New(Arc::clone(directory)), &self.source)?,
        };
        part.file.write_all(&self.bytes).map_err(|error| cannot("write", &part.path, &error))?;
        Ok(part)
    }

    /// Makes the file.
    pub(super) fn finish(self, finished: &Finished) -> Result<PathBuf, Error> {
        let made = self.fill(finished).map_err(|error| cannot("write", &self.target, &error))?;
        if let Some((file, recorded)) = made
            && let Some(path) = self.link(&file, recorded)?
        {
            // Where this could go wrong, it was asked before.
            return sys::close(file).map(|()| path.clone()).map_err(|error| {
                let _ = fs::remove_file(&path);
                cannot("write", &path, &error)
            });
        }
        // The file system has no files without a name, or the user's name is taken by now.
        self.to_part()?.finish(finished)
    }

    /// The file, whole, and still without a name.
    /// With it, whether it says where it came from.
    fn fill(&self, finished: &Finished) -> io::Result<Option<(File, bool)>> {
        let Some(file) = sys::create_unnamed(directory_of(&self.target), 0o666) else { return Ok(None) };
        let mut file = file?;
        file.write_all(&self.bytes)?;
        let takes_at_once = match &self.directory {
            Some(directory) => directory.takes_bytes_at_once(&file),
            None => sys::takes_bytes_at_once(&file),
        };
        if !takes_at_once {
            sys::check_close(&file)?;
        }
        let modified = match finished.modified {
            // A file system without times is no reason to lose the file.
            // One that it cannot keep, it changes.
            Some(modified) if file.set_times(FileTimes::new().set_modified(modified)).is_ok() && is_usual(modified) => modified,
            _ => file.metadata()?.modified()?,
        };
        let length = finished.whole.then_some(self.bytes.len() as u64);
        let entity_tag = finished.entity_tag.clone();
        let origin = Origin { source: self.source.clone(), length, modified: since_1970(modified), entity_tag };
        let recorded = origin.record(&file);
        Ok(Some((file, recorded)))
    }

    /// Gives the file its name; `None` where it does not get it this way.
    fn link(&self, file: &File, recorded: bool) -> Result<Option<PathBuf>, Error> {
        let Some(directory) = &self.directory else {
            return Ok(sys::link_unnamed(file, &self.target).ok().map(|()| self.target.clone()));
        };
        Ok(directory.give_name(&self.target, &self.source, recorded, |path| sys::link_unnamed(file, path))?.ok())
    }
}

/// Whether every file system can keep a time: until 2038.
fn is_usual(time: SystemTime) -> bool {
    let seconds = time.duration_since(UNIX_EPOCH).map(|time| time.as_secs());
    seconds.is_ok_and(|seconds| i32::try_from(seconds).is_ok())
}

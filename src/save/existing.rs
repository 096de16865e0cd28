//! A file that is there before anything is requested.

use super::error::cannot;
use super::origin::{Origin, is_users, since_1970};
use super::path::check_owner;
use super::read::read_file;
use super::resume_info::Source;
use crate::error::Error;
use crate::net::Timer;
use ring::digest::{Context, SHA256};
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file, and where it came from as far as it has recorded that.
#[derive(Clone, Debug)]
pub(crate) struct Existing {
    /// Where it is.
    pub path: PathBuf,
    /// How many bytes it has.
    pub length: u64,
    /// When it was modified, by the server's clock if it was saved with its time.
    pub modified: SystemTime,
    /// The entity tag that it was saved with, if it was saved from the same URL and is as it was saved.
    pub entity_tag: Option<String>,
    /// Where it came from.
    pub provenance: Provenance,
    /// Whether its name is a symbolic link. One that has a derived name is not written through: the user
    /// did not name it.
    pub is_link: bool,
}

/// Opens a regular file for reading, without waiting for whatever may stand there instead.
fn open_file(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Where a file came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provenance {
    /// It was saved from the same URL, is the whole of what that had, and is as it was saved.
    SameUrl,
    /// It was saved from the same URL, but has another length or time than then; or it is another user's, and
    /// what it says of itself cannot be trusted.
    Changed,
    /// There is no record.
    Unknown,
    /// It was saved from another URL, or is not the whole of what this one had.
    OtherUrl,
}

impl Existing {
    /// The regular file at a path; symbolic links are followed, unless they may be an attack.
    pub(super) fn at(path: PathBuf, source: Source<'_>) -> Option<Existing> {
        let link = fs::symlink_metadata(&path).ok().filter(Metadata::is_symlink);
        if let Some(link) = &link {
            check_owner(&path, link, "symbolic link").ok()?;
        }
        let is_link = link.is_some();
        let metadata = fs::metadata(&path).ok().filter(Metadata::is_file)?;
        let file = open_file(&path).ok();
        // Of the file that is read, which may be another by now.
        let metadata = file.as_ref().and_then(|file| file.metadata().ok()).unwrap_or(metadata);
        let (length, modified) = (metadata.len(), metadata.modified().ok()?);
        let origin = file.as_ref().filter(|_| is_users(&metadata)).and_then(Origin::of);
        let provenance = match &origin {
            None if !is_users(&metadata) => Provenance::Changed,
            None => Provenance::Unknown,
            Some(origin) if origin.source != source.digest() => Provenance::OtherUrl,
            Some(Origin { length: None, .. }) => Provenance::OtherUrl,
            Some(origin) if origin.length == Some(length) && origin.modified == since_1970(modified) => Provenance::SameUrl,
            Some(_) => Provenance::Changed,
        };
        let entity_tag = origin.filter(|_| provenance == Provenance::SameUrl).and_then(|origin| origin.entity_tag);
        Some(Existing { path, length, modified, entity_tag, provenance, is_link })
    }

    /// Whether the SHA-256 of its bytes is this.
    pub(crate) fn has_digest(&self, wanted: &[u8], timer: &Timer) -> Result<bool, Error> {
        let mut digest = Context::new(&SHA256);
        let file = open_file(&self.path).map_err(|error| cannot("read", &self.path, &error))?;
        read_file(&file, &self.path, timer, |bytes| digest.update(bytes))?;
        Ok(digest.finish().as_ref() == wanted)
    }
}

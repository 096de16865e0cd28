//! The record beside a part file, `FILE.part.info`: of what its bytes are a part, so that the save can be
//! resumed. Where the file system keeps no attributes, it also marks the part file as ours.

use super::origin::{belongs_to_user, since_1970};
use super::resume_info::{ResumeInfo, UrlDigest};
use super::start::Start;
use crate::http::StrongValidator;
use crate::sys;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The version of this format.
const VERSION: u32 = 2;
/// The longest record: an entity tag and two dates.
const LONGEST: u64 = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Record {
    /// The name and version of the format.
    fetch: u32,
    /// The digest of the URL asked for.
    url: String,
    /// The part file's: a record is of no other file that has its name.
    inode: u64,
    /// How the part file began: nor is it of one that was written over.
    start: Start,
    /// Its length and modification time when the save was given up; missing as long as it grows.
    kept: Option<(u64, Duration)>,
    #[serde(flatten)]
    version: Option<Version>,
}

/// What the save can be resumed with; missing in a record that only marks the part.
#[derive(Serialize, Deserialize)]
struct Version {
    /// The digest of the URL that answered.
    resource: String,
    entity_tag: Option<String>,
    last_modified: Option<String>,
    length: Option<u64>,
}

/// Writes the record of a part file where there is none, or where there is its own; `kept` where the part
/// file does not grow any more.
pub(super) fn write(path: &Path, part: &File, source: &UrlDigest, info: Option<&ResumeInfo>, kept: bool) -> io::Result<()> {
    let metadata = part.metadata()?;
    let inode = metadata.ino();
    let kept = kept.then(|| (metadata.len(), metadata.modified().map(since_1970).unwrap_or_default()));
    let start = Start::of(part)?;
    let version = info.map(|info| Version {
        resource: info.resource.0.clone(),
        entity_tag: match &info.validator {
            StrongValidator::EntityTag(tag) => Some(tag.clone()),
            StrongValidator::LastModified(_) => None,
        },
        last_modified: info.last_modified.clone(),
        length: info.length,
    });
    let record = Record { fetch: VERSION, url: source.0.clone(), inode, start, kept, version };
    let text = serde_json::to_string(&record).map_err(io::Error::other)?;
    let is_own = || is_torn(path) || read(path).is_some_and(|old| old.inode == inode);
    if !sys::keeps_attributes(part) && is_own() {
        // It is all that marks the part: it must not be missing for a moment.
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = File::options().write(true).truncate(true).custom_flags(no_link).open(path)?;
        return file.write_all(text.as_bytes());
    }
    if is_own() {
        fs::remove_file(path)?;
    }
    sys::create_filled(path, 0o600, &|mut file| file.write_all(text.as_bytes()))
}

/// Whether it is a record that the program was killed before writing: an empty file, where the file system
/// keeps no attributes to mark a part in.
pub(super) fn is_torn(path: &Path) -> bool {
    let is_empty =
        fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0 && belongs_to_user(&metadata));
    is_empty && File::open(path).is_ok_and(|file| !sys::keeps_attributes(&file))
}

/// What a record says.
pub(super) struct Recorded {
    pub(super) source: UrlDigest,
    pub(super) inode: u64,
    start: Start,
    kept: Option<(u64, Duration)>,
    pub(super) info: Option<ResumeInfo>,
}

impl Recorded {
    /// Whether a part file is as the record says.
    pub(super) fn fits(&self, part: &File) -> io::Result<bool> {
        let metadata = part.metadata()?;
        let now = (metadata.len(), metadata.modified().map(since_1970).unwrap_or_default());
        Ok(self.start.fits(part)? && self.kept.is_none_or(|kept| kept == now))
    }

    /// What the save can be resumed with.
    pub(super) fn resume_info(self) -> Option<ResumeInfo> {
        self.info.filter(|_| self.start.length > 0)
    }
}

/// Reads a record; `None` for anything else, one that was not written to its end included.
pub(super) fn read(path: &Path) -> Option<Recorded> {
    // What stands there may be a link or a FIFO of another user, and may change meanwhile.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST || !belongs_to_user(&metadata) {
        return None;
    }
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text).ok()?;
    recorded(parse(&text)?)
}

fn parse(text: &[u8]) -> Option<Record> {
    let record: Record = serde_json::from_slice(text).ok()?;
    (record.fetch == VERSION).then_some(record)
}

fn recorded(record: Record) -> Option<Recorded> {
    let info = record.version.and_then(|version| {
        let validator = match (version.entity_tag, &version.last_modified) {
            (Some(tag), _) => StrongValidator::EntityTag(tag),
            (None, date) => StrongValidator::LastModified(date.clone()?),
        };
        let resource = UrlDigest(version.resource);
        Some(ResumeInfo { resource, validator, length: version.length, last_modified: version.last_modified })
    });
    let (source, start) = (UrlDigest(record.url), record.start);
    Some(Recorded { source, inode: record.inode, start, kept: record.kept, info })
}

/// Checks that a record is read as it is written, and not when torn; for any bytes.
#[cfg(any(test, fuzzing))]
pub(super) fn check(data: &[u8]) {
    let Some(record) = parse(data) else { return };
    let written = serde_json::to_string(&record).expect("it was read");
    let again = parse(written.as_bytes()).expect("as it was written");
    assert_eq!(serde_json::to_string(&again).expect("it was read"), written);
    for end in 0..written.len() {
        assert!(parse(&written.as_bytes()[..end]).is_none(), "torn at {end}");
    }
    let is_empty = record.start.length == 0;
    assert!(!is_empty || recorded(record).and_then(Recorded::resume_info).is_none());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str) -> UrlDigest {
        UrlDigest::of(&url::Url::parse(url).expect("a URL"))
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_not_when_torn() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f.part.info");
        fs::write(directory.path().join("f.part"), "its start").expect("written");
        let part = File::open(directory.path().join("f.part")).expect("readable");
        let info = ResumeInfo {
            resource: source("http://h/"),
            validator: StrongValidator::EntityTag("\"a\"".to_owned()),
            length: Some(10),
            last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        };
        write(&path, &part, &source("http://h/"), None, false).expect("written");
        assert!(read(&path).expect("a record").resume_info().is_none());
        write(&path, &part, &source("http://h/"), Some(&info), true).expect("written");
        let read_back = read(&path).expect("a record");
        assert!(read_back.fits(&part).expect("a file") && read_back.source == source("http://h/"));
        assert_eq!(read_back.resume_info(), Some(info));
        let text = fs::read(&path).expect("there");
        for end in 0..text.len() {
            fs::write(&path, &text[..end]).expect("written");
            assert!(read(&path).is_none(), "torn at {end}");
        }
    }
}

//! The record beside a part file: of what its bytes are a part, so that the rest can be got later.
//! And what a file remembers of where it came from.

use crate::http::{Representation, StrongValidator, UrlDigest};
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustix::fs::{XattrFlags, fgetxattr, fsetxattr};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What this file means by its fields.
const VERSION: u32 = 1;
/// How many bytes of a part file's start are looked at, to recognise it.
const START: usize = 4096;
/// The longest record: an entity tag and two dates.
const LONGEST: u64 = 256 * 1024;
/// The extended attribute in which a file remembers where it came from.
const ORIGIN: &str = "user.fetch.origin";

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    /// The digest of the URL asked for.
    url: String,
    /// The digest of what answered.
    resource: String,
    /// The part file's: a record is of no other file that has its name.
    inode: u64,
    /// How many bytes the part file began with, and their digest: nor of one that was written over.
    start: usize,
    start_digest: String,
    entity_tag: Option<String>,
    last_modified: Option<String>,
    length: Option<u64>,
}

/// How many bytes a file begins with, at most so many, and their digest.
fn start_of(file: &File, most: usize) -> io::Result<(usize, String)> {
    let mut bytes = vec![0; most.min(START)];
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok((length, HEXLOWER.encode(digest(&SHA256, &bytes[..length]).as_ref())))
}

/// Writes the record of a part file, where there is none.
pub(super) fn write(path: &Path, part: &File, source: &UrlDigest, of: &Representation) -> io::Result<()> {
    let entity_tag = match &of.validator {
        StrongValidator::EntityTag(tag) => Some(tag.clone()),
        StrongValidator::LastModified(_) => None,
    };
    let (start, start_digest) = start_of(part, START)?;
    let record = Record {
        version: VERSION,
        url: source.0.clone(),
        resource: of.resource.0.clone(),
        inode: part.metadata()?.ino(),
        start,
        start_digest,
        entity_tag,
        last_modified: of.last_modified.clone(),
        length: of.length,
    };
    let text = serde_json::to_string(&record).map_err(io::Error::other)?;
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Whether a file is this user's, and has one name only: in a directory that is open to all, what is
/// not may be a trap.
pub(super) fn belongs_to_user(metadata: &Metadata) -> bool {
    metadata.uid() == geteuid().as_raw() && metadata.nlink() == 1
}

/// What a record says.
pub(super) struct Recorded {
    pub(super) source: UrlDigest,
    inode: u64,
    start: (usize, String),
    pub(super) of: Representation,
}

impl Recorded {
    /// Whether it is of this part file.
    pub(super) fn is_of(&self, part: &File) -> io::Result<bool> {
        let known = self.start.0 > 0 && part.metadata()?.ino() == self.inode;
        Ok(known && start_of(part, self.start.0)? == self.start)
    }
}

/// Reads a record; `None` for anything else, one that was not written to its end among them.
pub(super) fn read(path: &Path) -> Option<Recorded> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LONGEST || !belongs_to_user(&metadata) {
        return None;
    }
    let record: Record = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let validator = match (record.entity_tag, &record.last_modified) {
        (Some(tag), _) => StrongValidator::EntityTag(tag),
        (None, Some(date)) => StrongValidator::LastModified(date.clone()),
        (None, None) => return None,
    };
    let resource = UrlDigest(record.resource);
    let of = Representation { resource, validator, length: record.length, last_modified: record.last_modified };
    let start = (record.start, record.start_digest);
    (record.version == VERSION).then_some(Recorded { source: UrlDigest(record.url), inode: record.inode, start, of })
}

/// What a file remembers of where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The URL asked for.
    pub(super) source: UrlDigest,
    /// How many bytes it had when it was saved; `None` for what is not the whole of what the URL has.
    pub(super) length: Option<u64>,
    /// The entity tag of what it is the whole of.
    pub(super) entity_tag: Option<String>,
}

impl Origin {
    /// Lets a file remember this. Where the file system keeps no attributes, nothing is remembered.
    pub(super) fn remember(&self, file: &File) {
        let length = self.length.map(|length| format!(" {length}")).unwrap_or_default();
        let tag = self.entity_tag.as_ref().map(|tag| format!(" {tag}")).unwrap_or_default();
        let _ = fsetxattr(file, ORIGIN, format!("{}{length}{tag}", self.source.0).as_bytes(), XattrFlags::empty());
    }

    /// What a file remembers.
    pub(super) fn of(file: &File) -> Option<Origin> {
        let mut value = vec![0; 64 * 1024];
        let length = fgetxattr(file, ORIGIN, &mut value[..]).ok()?;
        let mut words = std::str::from_utf8(&value[..length]).ok()?.splitn(3, ' ');
        let source = UrlDigest(words.next()?.to_owned());
        let length = words.next().and_then(|length| length.parse().ok());
        Some(Origin { source, length, entity_tag: words.next().map(str::to_owned) })
    }
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
        let of = Representation {
            resource: source("http://h/"),
            validator: StrongValidator::EntityTag("\"a\"".to_owned()),
            length: Some(10),
            last_modified: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        };
        write(&path, &part, &source("http://h/"), &of).expect("written");
        let read_back = read(&path).expect("a record");
        assert_eq!((&read_back.of, &read_back.source), (&of, &source("http://h/")));
        assert!(read_back.is_of(&part).expect("a file"));
        let text = fs::read(&path).expect("there");
        for end in 0..text.len() {
            fs::write(&path, &text[..end]).expect("written");
            assert!(read(&path).is_none(), "torn at {end}");
        }
    }

    #[test]
    fn a_file_remembers_where_it_came_from() {
        let file = tempfile::tempfile_in(".").expect("a file");
        for (length, tag) in [(None, None), (Some(5), None), (Some(5), Some("\"a b\"".to_owned()))] {
            let origin = Origin { source: source("http://h/"), length, entity_tag: tag };
            origin.remember(&file);
            // Where the file system keeps no attributes there is nothing to test.
            assert!(Origin::of(&file).is_none_or(|found| found == origin), "{origin:?}");
        }
    }
}

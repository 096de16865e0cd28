//! What a file says about itself, in extended attributes: that it is a part file of ours, and which URL it was
//! saved from.

use super::resume_info::UrlDigest;
use super::start::Start;
use crate::sys;
use rustix::process::geteuid;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The attribute of a saved file. A part file gets it just before its name, so that no file of that name ever
/// lacks it.
const ORIGIN: &str = "user.fetch.origin";
/// The attribute of a part file. It is void where the file has another name.
const PART: &str = "user.fetch.part";
/// The longest entity tag that is recorded: file systems have room for 4 KiB of attributes.
const MAX_ENTITY_TAG: usize = 1024;

/// Whether a file is this user's, and has one name only: in a directory that is open to all, another may
/// be an attack.
pub(super) fn belongs_to_user(metadata: &Metadata) -> bool {
    is_users(metadata) && metadata.nlink() == 1
}

/// Whether a file is this user's: what another user's file says about itself is not to be trusted.
pub(super) fn is_users(metadata: &Metadata) -> bool {
    metadata.uid() == geteuid().as_raw()
}

/// Marks a part file of this path as ours. Its inode and name are in the mark: neither a copy of the file
/// is marked, nor the file under another name; and with `start`, how it begins.
pub(super) fn mark_part(file: &File, path: &Path, source: &UrlDigest, start: &Start) -> io::Result<()> {
    let inode = file.metadata()?.ino();
    let mark = [format!("{inode} {} {} {} ", source.0, start.length, start.digest).as_bytes(), name_of(path)].concat();
    sys::set_attribute(file, PART, &mark)
}

fn name_of(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_bytes()
}

/// Removes the mark: the file has its own name.
pub(super) fn unmark_part(file: &File) {
    sys::remove_attribute(file, PART);
}

/// The mark of a part file of ours.
pub(super) struct PartMark {
    /// The URL asked for.
    pub(super) source: UrlDigest,
    /// How it began when it was marked.
    pub(super) start: Start,
}

impl PartMark {
    /// The mark of a file, if that is of this file under this name.
    pub(super) fn of(file: &File, path: &Path, metadata: &Metadata) -> Option<PartMark> {
        let value = sys::attribute(file, PART)?;
        let words: Vec<&[u8]> = value.splitn(5, |byte| *byte == b' ').collect();
        let [inode, source, length, digest, name] = words[..] else { return None };
        let text = |word: &[u8]| String::from_utf8(word.to_owned()).ok();
        let start = Start { length: text(length)?.parse().ok()?, digest: text(digest)? };
        let is_of_file = inode == metadata.ino().to_string().as_bytes() && name == name_of(path);
        is_of_file.then_some(PartMark { source: UrlDigest(text(source)?), start })
    }
}

/// What a saved file was when it was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// The URL asked for.
    pub(super) source: UrlDigest,
    /// How many bytes it had; `None` for what is not the whole of what the URL has.
    pub(super) length: Option<u64>,
    /// Its modification time.
    pub(super) modified: Duration,
    /// The entity tag of what it is the whole of.
    pub(super) entity_tag: Option<String>,
}

impl Origin {
    /// Records this in a file; false where the file system keeps no attributes.
    pub(super) fn record(&self, file: &File) -> bool {
        let length = self.length.map_or("-".to_owned(), |length| length.to_string());
        let (seconds, nanoseconds) = (self.modified.as_secs(), self.modified.subsec_nanos());
        let tag = self.entity_tag.as_ref().filter(|tag| tag.len() <= MAX_ENTITY_TAG);
        let (before, tag) = tag.map_or(("", ""), |tag| (" ", tag));
        let value = format!("saved {} {length} {seconds}.{nanoseconds:09}{before}{tag}", self.source.0);
        sys::set_attribute(file, ORIGIN, value.as_bytes()).is_ok()
    }

    /// What a file has recorded.
    pub(super) fn of(file: &File) -> Option<Origin> {
        let value = String::from_utf8(sys::attribute(file, ORIGIN)?).ok()?;
        let mut words = value.splitn(5, ' ');
        let (Some("saved"), source, length, modified) = (words.next(), words.next()?, words.next()?, words.next()?) else {
            return None;
        };
        let length = if length == "-" { None } else { Some(length.parse().ok()?) };
        let (seconds, nanoseconds) = modified.split_once('.')?;
        let nanoseconds: u32 = nanoseconds.parse().ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
        let modified = Duration::new(seconds.parse().ok()?, nanoseconds);
        Some(Origin { source: UrlDigest(source.to_owned()), length, modified, entity_tag: words.next().map(str::to_owned) })
    }
}

/// A modification time as it is recorded.
pub(super) fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    fn start() -> Start {
        Start { length: 0, digest: "-".to_owned() }
    }

    fn source() -> UrlDigest {
        UrlDigest::of(&Url::parse("http://h/").expect("a URL"))
    }

    #[test]
    fn a_file_says_where_it_came_from() {
        let file = tempfile::tempfile().expect("a file");
        let modified = Duration::new(784_111_777, 5);
        for (length, tag) in [(None, None), (Some(5), None), (Some(5), Some("\"a b\"".to_owned()))] {
            let origin = Origin { source: source(), length, modified, entity_tag: tag };
            origin.record(&file);
            // Where the file system keeps no attributes there is nothing to test.
            assert!(Origin::of(&file).is_none_or(|found| found == origin), "{origin:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_origin() {
        let file = tempfile::tempfile().expect("a file");
        for value in ["saved x 5 18446744073709551615.4294967295", "saved x 5 1", "saved x - x.0", "saved x", "", "part"] {
            if sys::set_attribute(&file, ORIGIN, value.as_bytes()).is_ok() {
                assert_eq!(Origin::of(&file), None, "{value}");
            }
        }
    }

    #[test]
    fn a_mark_is_of_one_file_under_one_name() {
        let file = tempfile::tempfile().expect("a file");
        let metadata = file.metadata().expect("readable");
        let path = Path::new("d/f g.part");
        let Ok(()) = mark_part(&file, path, &source(), &start()) else { return };
        assert!(PartMark::of(&file, path, &metadata).is_some_and(|mark| mark.source == source() && mark.start == start()));
        assert!(PartMark::of(&file, Path::new("d/g.part"), &metadata).is_none());
        let other = tempfile::tempfile().expect("a file").metadata().expect("readable");
        assert!(PartMark::of(&file, path, &other).is_none());
    }

    #[test]
    fn an_entity_tag_that_is_too_long_is_left_out() {
        let file = tempfile::tempfile().expect("a file");
        let long = Some(format!("\"{}\"", "x".repeat(MAX_ENTITY_TAG)));
        let origin = Origin { source: source(), length: Some(5), modified: Duration::ZERO, entity_tag: long };
        assert!(!origin.record(&file) || Origin::of(&file) == Some(Origin { entity_tag: None, ..origin }));
    }
}

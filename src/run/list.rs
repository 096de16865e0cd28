//! Lists of URLs: one a line, read as they come.

use super::{Item, JobUrl};
use crate::error::{Error, Kind, system_words};
use percent_encoding::{AsciiSet, percent_encode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// The longest line, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// How many bytes are read at a time.
const READ_SIZE: usize = 64 * 1024;

/// Makes a URL of text.
pub type ParseUrl = Box<dyn Fn(&str) -> Result<JobUrl, Error> + Send + Sync>;

/// A file with a URL on each line.
pub struct List {
    /// What it is called in messages.
    pub name: String,
    /// The file, or standard input.
    pub file: File,
    /// What makes a URL of the text before a tab.
    pub parse: ParseUrl,
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What comes next in a list.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A URL.
    Item(Item),
    /// A line that is none: its number, its text, and what is wrong.
    Invalid(u64, String, Error),
    /// Nothing yet.
    NotYet,
    /// Nothing more.
    End,
}

/// Where URLs come from.
pub(crate) trait Input {
    /// The next one; where there is none yet, waits for so long at most.
    fn next(&mut self, within: Duration) -> Result<Entry, Error>;
}

/// A list being read.
pub(super) struct ListReader {
    list: List,
    lines: Lines,
    files: Files,
    /// What is added to a line's number.
    offset: u64,
}

impl ListReader {
    /// A reader at the start of a list; line numbers are counted from `offset` on. In a regular file, two
    /// lines that name the same FILE are found out now.
    pub(super) fn new(mut list: List, offset: u64) -> Result<ListReader, Error> {
        if list.file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let start = list.file.stream_position().map_err(|error| unreadable(&list.name, &error))?;
            let (mut lines, mut files) = (Lines::default(), Files::of("lines"));
            while let Some((number, line)) = lines.next(&mut list.file).map_err(|error| unreadable(&list.name, &error))? {
                if let Some((_, Some(file))) = split(line) {
                    files.add(Path::new(OsStr::from_bytes(file)), number).map_err(|error| error.context(&list.name))?;
                }
            }
            list.file.seek(SeekFrom::Start(start)).map_err(|error| unreadable(&list.name, &error))?;
        }
        Ok(ListReader { list, lines: Lines::default(), files: Files::of("lines"), offset })
    }

    fn entry(&mut self) -> Result<Entry, Error> {
        let List { name, file, parse } = &mut self.list;
        loop {
            let Some((number, line)) = self.lines.next(file).map_err(|error| unreadable(name, &error))? else {
                return Ok(Entry::End);
            };
            let id = self.offset + number;
            let Some((text, file)) = split(line) else { continue };
            let file = file.map(|file| Path::new(OsStr::from_bytes(file)));
            // Bytes of another charset go out percent-encoded as they are.
            let text = std::str::from_utf8(text).map_or_else(|_| percent_encode(text, &AsciiSet::EMPTY).into(), Cow::Borrowed);
            let parsed = if line.len() > MAX_LINE {
                Err(Error::new(Kind::Usage, format!("the line is longer than {} KiB", MAX_LINE / 1024)))
            } else {
                let named = file.map_or(Ok(()), |file| self.files.add(file, number));
                named.and_then(|()| parse(&text))
            };
            let place = |error: Error| error.context(format!("{name}, line {number}"));
            return Ok(match parsed.map_err(place) {
                Ok(JobUrl { url, https_guessed }) => Entry::Item(Item { id, url, https_guessed, file: file.map(Path::to_owned) }),
                Err(error) => Entry::Invalid(id, text.chars().take(MAX_LINE).collect(), error),
            });
        }
    }
}

impl Input for ListReader {
    fn next(&mut self, within: Duration) -> Result<Entry, Error> {
        if !self.lines.has_line() && !is_readable(&self.list.file, within).map_err(|error| unreadable(&self.list.name, &error))? {
            return Ok(Entry::NotYet);
        }
        self.entry()
    }
}

fn unreadable(name: &str, error: &io::Error) -> Error {
    Error::new(Kind::File, format!("cannot read URLs from {name}")).detail(system_words(error))
}

/// Whether there is something to be read, the end included.
fn is_readable(file: &File, within: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(within).map_err(io::Error::other)?;
    match poll(&mut [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The URL of a line and the FILE behind it; `None` for a comment or an empty line.
fn split(line: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (url, file) = match line.iter().position(|byte| *byte == b'\t') {
        // White space before it is no tab between two things.
        Some(tab) if !line[..tab].trim_ascii().is_empty() => (&line[..tab], Some(&line[tab + 1..])),
        _ => (line, None),
    };
    let url = url.trim_ascii();
    let file = file.map(<[u8]>::trim_ascii).filter(|file| !file.is_empty());
    (!url.is_empty() && !url.starts_with(b"#")).then_some((url, file))
}

/// The FILEs that items of a list have named.
pub(crate) struct Files {
    /// What the items are called.
    items: &'static str,
    /// Numbers of items by a hash of the path: the paths themselves may be many.
    numbers: HashMap<u64, u64>,
    hasher: RandomState,
}

impl Files {
    /// None yet, of items that are called so.
    pub(crate) fn of(items: &'static str) -> Files {
        Files { items, numbers: HashMap::new(), hasher: RandomState::new() }
    }

    /// Fails where an earlier item has named the same.
    pub(crate) fn add(&mut self, path: &Path, number: u64) -> Result<(), Error> {
        let file = path.as_os_str().as_bytes();
        if file == b"-" {
            return Err(Error::new(Kind::Usage, "a list saves to files, not to standard output (./- is a file)"));
        }
        if file.contains(&0) {
            return Err(Error::new(Kind::Usage, "a file name has no NUL"));
        }
        // The same by another spelling, ./a for a, is the same; links are not looked at.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match self.numbers.insert(self.hasher.hash_one(&absolute), number) {
            None => Ok(()),
            Some(earlier) => {
                self.numbers.insert(self.hasher.hash_one(&absolute), earlier);
                let what = format!("{} {earlier} and {number} both name the file {}", self.items, path.display());
                Err(Error::new(Kind::Usage, what))
            }
        }
    }
}

/// Lines of bytes as they come.
#[derive(Default)]
struct Lines {
    /// Read and not yet given: `buffer[start..]`.
    buffer: Vec<u8>,
    start: usize,
    /// How far there is no line end.
    searched: usize,
    number: u64,
    ended: bool,
}

impl Lines {
    /// Whether a line can be given without reading.
    fn has_line(&self) -> bool {
        self.ended || self.buffer[self.searched..].contains(&b'\n')
    }

    /// The next line without its end, and its number from 1. Of one that is too long, only the start: a
    /// little more than may be.
    fn next(&mut self, file: &mut impl Read) -> io::Result<Option<(u64, &[u8])>> {
        let mut skipping: Option<Vec<u8>> = None;
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.start..self.searched + end;
                (self.start, self.searched) = (line.end + 1, line.end + 1);
                self.number += 1;
                if let Some(start) = skipping {
                    // What is left of the buffer stays behind it.
                    self.buffer.splice(..self.start, start.iter().copied());
                    (self.start, self.searched) = (start.len(), start.len());
                    return Ok(Some((self.number, &self.buffer[..start.len()])));
                }
                return Ok(Some((self.number, &self.buffer[line])));
            }
            self.searched = self.buffer.len();
            let pending = self.buffer.len() - self.start;
            if pending > MAX_LINE {
                skipping.get_or_insert_with(|| self.buffer[self.start..=self.start + MAX_LINE].to_vec());
                self.buffer.clear();
                (self.start, self.searched) = (0, 0);
            }
            if self.ended {
                if pending == 0 && skipping.is_none() {
                    return Ok(None);
                }
                self.number += 1;
                let last = skipping.unwrap_or_else(|| self.buffer[self.start..].to_vec());
                self.buffer = last;
                (self.start, self.searched) = (self.buffer.len(), self.buffer.len());
                return Ok(Some((self.number, &self.buffer[..])));
            }
            self.fill(file)?;
        }
    }

    fn fill(&mut self, file: &mut impl Read) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let length = self.buffer.len();
        self.buffer.resize(length + READ_SIZE, 0);
        let read = loop {
            match file.read(&mut self.buffer[length..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(length + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time.
    struct Slow<'b>(&'b [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn lines(bytes: &[u8], step: usize) -> Vec<(u64, Vec<u8>)> {
        let (mut lines, mut file, mut all) = (Lines::default(), Slow(bytes, step), Vec::new());
        while let Some((number, line)) = lines.next(&mut file).expect("read") {
            all.push((number, line.to_vec()));
        }
        all
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let bytes = b"a\n\nbb\r\nccc";
        let wanted: Vec<(u64, Vec<u8>)> = [(1, "a"), (2, ""), (3, "bb\r"), (4, "ccc")].map(|(n, l)| (n, l.into())).into();
        for step in 1..=bytes.len() {
            assert_eq!(lines(bytes, step), wanted, "{step} at a time");
        }
        assert_eq!((lines(b"", 1), lines(b"a\n", 1)), (vec![], vec![(1, b"a".to_vec())]));
    }

    #[test]
    fn a_line_that_is_too_long_is_told_from_those_around_it() {
        let bytes = [&b"a\n"[..], &vec![b'x'; 3 * MAX_LINE], b"\nb\n", &vec![b'y'; 2 * MAX_LINE]].concat();
        for step in [1000, READ_SIZE, usize::MAX] {
            let all = lines(&bytes, step);
            let short: Vec<_> = all.iter().map(|(number, line)| (*number, line.len() > MAX_LINE, line[0])).collect();
            assert_eq!(short, [(1, false, b'a'), (2, true, b'x'), (3, false, b'b'), (4, true, b'y')], "{step} at a time");
            assert!(all.iter().all(|(_, line)| line.len() <= 2 * MAX_LINE + READ_SIZE));
        }
    }

    #[test]
    fn a_line_is_a_url_and_perhaps_a_file() {
        for (line, wanted) in [
            (&b"http://a/"[..], Some((&b"http://a/"[..], None))),
            (b"  a.example/x  \r", Some((b"a.example/x", None))),
            (b"http://a/\tdir/f g\r", Some((b"http://a/", Some(&b"dir/f g"[..])))),
            (b"http://a/\t", Some((b"http://a/", None))),
            (b"\thttp://a/", Some((b"http://a/", None))),
            (b"# http://a/", None),
            (b"   ", None),
            (b"http://a/#top", Some((b"http://a/#top", None))),
        ] {
            assert_eq!(split(line), wanted, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_file_is_named_once() {
        let mut files = Files::of("lines");
        assert!(files.add(Path::new("a"), 1).is_ok() && files.add(Path::new("b"), 2).is_ok());
        for again in ["a", "./a", ".//a"] {
            assert!(files.add(Path::new(again), 7).expect_err("twice").full().starts_with("lines 1 and 7 both name the file "));
        }
        assert!(files.add(Path::new("-"), 8).is_err());
    }
}

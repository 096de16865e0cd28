//! Lists of URLs: one a line, read as they come.

use super::{Item, JobUrl};
use crate::error::{Error, Kind, system_words};
use crate::http::without_secrets;
use crate::save::{NamedFiles, check_name};
use percent_encoding::{AsciiSet, percent_encode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The longest line, in bytes.
const MAX_LINE: usize = 64 * 1024;
/// How many bytes are read at a time.
const READ_SIZE: usize = 64 * 1024;
/// How often, before something else may be done.
const MAX_FILLS: u32 = 16;
/// How many characters are shown of a line that is no URL.
const MAX_SHOWN: usize = 500;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    /// A line that is not valid: its number, its text, and what is wrong.
    Invalid(u64, String, Error),
    /// Nothing yet.
    Pending,
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
    files: Arc<NamedFiles>,
    /// What is added to a line's number.
    offset: u64,
}

impl ListReader {
    /// A reader at the start of a list; line numbers are counted from `offset` on. The FILEs of a regular file
    /// are added to `files` now, and two lines that name the same are found out.
    pub(super) fn new(mut list: List, offset: u64, files: Arc<NamedFiles>) -> Result<ListReader, Error> {
        if list.file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let start = list.file.stream_position().map_err(|error| unreadable(&list.name, &error))?;
            let mut lines = Lines::default();
            while let Some((number, line)) = lines.next(&mut list.file).map_err(|error| unreadable(&list.name, &error))? {
                if let Some((_, Some(file))) = split(line)
                    && check_name(file).is_ok()
                {
                    files.add(Path::new(OsStr::from_bytes(file)), number).map_err(|error| error.context(&list.name))?;
                }
            }
            files.complete();
            list.file.seek(SeekFrom::Start(start)).map_err(|error| unreadable(&list.name, &error))?;
        }
        Ok(ListReader { list, lines: Lines::default(), files, offset })
    }

    /// What the lines that were read give.
    fn entry(&mut self) -> Entry {
        let List { name, parse, .. } = &self.list;
        loop {
            if !self.lines.has_line() {
                return Entry::Pending;
            }
            let Some((number, line)) = self.lines.take() else { return Entry::End };
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
            return match parsed.map_err(place) {
                Ok(JobUrl { url, https_guessed }) => Entry::Item(Item { id, url, https_guessed, file: file.map(Path::to_owned) }),
                Err(error) => Entry::Invalid(id, without_secrets(&text).chars().take(MAX_SHOWN).collect(), error),
            };
        }
    }
}

impl Input for ListReader {
    fn next(&mut self, within: Duration) -> Result<Entry, Error> {
        let List { name, file, .. } = &mut self.list;
        // Half a line may have come, and the rest of it not; or a line may have no end.
        let mut fills = 0..MAX_FILLS;
        while !self.lines.has_line() {
            if fills.next().is_none() || !is_readable(file, within).map_err(|error| unreadable(name, &error))? {
                return Ok(Entry::Pending);
            }
            self.lines.fill(file).map_err(|error| unreadable(name, &error))?;
        }
        Ok(self.entry())
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
    /// Whether a line, or the end, can be given without reading.
    fn has_line(&self) -> bool {
        self.ended || self.buffer[self.searched..].contains(&b'\n')
    }

    /// The next line, read as far as needed.
    fn next(&mut self, file: &mut impl Read) -> io::Result<Option<(u64, &[u8])>> {
        while !self.has_line() {
            self.fill(file)?;
        }
        Ok(self.take())
    }

    /// The next line of those that were read, without its end, and its number from 1. Of one that is too long,
    /// only a part, which is too long as well.
    fn take(&mut self) -> Option<(u64, &[u8])> {
        if self.number == 0 && self.buffer.starts_with(BYTE_ORDER_MARK) {
            (self.start, self.searched) = (BYTE_ORDER_MARK.len(), self.searched.max(BYTE_ORDER_MARK.len()));
        }
        let end = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let line = self.start..end.map_or(self.buffer.len(), |end| self.searched + end);
        if end.is_none() && line.is_empty() {
            return None;
        }
        self.start = (line.end + 1).min(self.buffer.len());
        self.searched = self.start;
        self.number += 1;
        Some((self.number, &self.buffer[line]))
    }

    /// Reads more, where there is no whole line.
    fn fill(&mut self, file: &mut impl Read) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.truncate(MAX_LINE + 1);
        let length = self.buffer.len();
        self.searched = length;
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
}

//! Saving atomically: FILE is the whole body, or it is exactly what it was.

mod archive;
mod destination;
mod directory;
mod disposition;
mod error;
mod existing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod leftover;
mod name;
mod named;
mod new_file;
mod origin;
mod part;
mod path;
mod private;
mod read;
mod record;
mod resume_info;
mod start;
mod writer;

pub(crate) use archive::{ArchiveFile, Spool, SpoolWriter};
pub(crate) use destination::{Destination, Partial};
pub(crate) use directory::Directories;
pub(crate) use existing::{Existing, Provenance};
pub(crate) use name::{derived_name, is_html, page_name};
pub(crate) use named::{NamedFiles, check_name};
pub(crate) use part::ClosedPart;
pub(crate) use part::Finished;
pub(crate) use private::{check_private, write_private};
pub(crate) use resume_info::{ResumeInfo, Source, UrlDigest};

use crate::error::{Error, Kind};
use crate::net::Timer;
use crate::sys::SplicePipe;
use error::cannot;
use new_file::NewFile;
use part::PartFile;
use read::read_file;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use writer::DirectWriter;

/// Where the bytes of one body go. Only [`Sink::finish`] makes a file appear; one that is dropped
/// leaves every file as it was, and keeps the part file where the save can be resumed.
#[derive(Debug)]
pub(crate) struct Sink {
    kind: SinkKind,
    length: u64,
    /// What the body can be resumed with, where there is no part file.
    resume_info: Option<ResumeInfo>,
}

#[derive(Debug)]
enum SinkKind {
    /// A file that was not begun: the first bytes decide how.
    New(Box<NewFile>),
    Part(Box<PartFile>),
    /// Not a regular file: it is written to directly, and nothing is replaced.
    Direct(DirectWriter),
    Stdout(DirectWriter),
    /// No file at all.
    Memory(Vec<u8>),
}

impl Sink {
    fn part(part: PartFile, length: u64) -> Sink {
        Sink { kind: SinkKind::Part(Box::new(part)), length, resume_info: None }
    }

    fn new_file(file: NewFile) -> Sink {
        Sink { kind: SinkKind::New(Box::new(file)), length: 0, resume_info: None }
    }

    fn direct(writer: DirectWriter) -> Sink {
        Sink { kind: SinkKind::Direct(writer), length: 0, resume_info: None }
    }

    fn stdout(writer: DirectWriter) -> Sink {
        Sink { kind: SinkKind::Stdout(writer), length: 0, resume_info: None }
    }

    /// One that keeps the body in memory.
    pub(crate) fn memory() -> Sink {
        Sink { kind: SinkKind::Memory(Vec::new()), length: 0, resume_info: None }
    }

    /// Whether the body is kept in memory, and no file is made.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.kind, SinkKind::Memory(_))
    }

    /// The body, if it was kept in memory.
    pub(crate) fn into_memory(self) -> Option<Vec<u8>> {
        if let SinkKind::Memory(bytes) = self.kind { Some(bytes) } else { None }
    }

    /// Whether what it has can be discarded.
    pub(crate) fn can_start_over(&self) -> bool {
        self.is_file() || self.length == 0 || matches!(self.kind, SinkKind::Memory(_))
    }

    /// Whether a file is being written that does not appear before it is finished.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.kind, SinkKind::New(_) | SinkKind::Part(_))
    }

    /// Whether its bytes are in memory only: all that is left is to make a file of them.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.kind, SinkKind::New(_) | SinkKind::Memory(_))
    }

    /// How many bytes of the body it has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// What the body can be resumed with.
    pub(crate) fn resume_info(&self) -> Option<&ResumeInfo> {
        match &self.kind {
            SinkKind::Part(part) => part.resume_info(),
            _ => self.resume_info.as_ref(),
        }
    }

    /// Says what the body can be resumed with; `None` where it cannot.
    pub(crate) fn set_resume_info(&mut self, info: Option<ResumeInfo>) -> Result<(), Error> {
        match &mut self.kind {
            SinkKind::Part(part) => part.set_resume_info(info),
            _ => {
                self.resume_info = info;
                Ok(())
            }
        }
    }

    /// Records what the save can be resumed with, in case the program is killed.
    pub(crate) fn record(&mut self) {
        if let SinkKind::Part(part) = &mut self.kind {
            part.record();
        }
    }

    /// Drops it, and gives the part file that is kept because the save can be resumed.
    pub(crate) fn keep(mut self) -> Option<PathBuf> {
        let SinkKind::Part(part) = &mut self.kind else { return None };
        part.is_kept().then(|| part.path.clone())
    }

    /// Closes its part file, which stays if the save can be resumed.
    pub(crate) fn close(self) -> Option<ClosedPart> {
        let SinkKind::Part(mut part) = self.kind else { return None };
        part.is_kept().then(|| part.closed())
    }

    /// Discards what it has. Fails where that cannot be taken back.
    pub(crate) fn start_over(&mut self) -> Result<(), Error> {
        match &mut self.kind {
            SinkKind::New(file) => file.clear(),
            SinkKind::Memory(bytes) => bytes.clear(),
            SinkKind::Part(part) => part.start_over()?,
            SinkKind::Direct(_) | SinkKind::Stdout(_) if self.length > 0 => {
                let why = "output was already written, and the server cannot resume";
                return Err(Error::new(Kind::Network, "cannot start over").detail(why));
            }
            SinkKind::Direct(_) | SinkKind::Stdout(_) => {}
        }
        self.length = 0;
        Ok(())
    }

    /// Reads what it has, from the start.
    pub(crate) fn read_back(&mut self, timer: &Timer, visit: impl FnMut(&[u8])) -> Result<(), Error> {
        let SinkKind::Part(part) = &mut self.kind else { return Ok(()) };
        part.file.seek(SeekFrom::Start(0)).map_err(|error| cannot("read", &part.path, &error))?;
        read_file(&part.file, &part.path, timer, visit)
    }

    /// Adds bytes; `all_received` says that what may follow is here already.
    pub(crate) fn write(&mut self, bytes: &[u8], all_received: bool) -> Result<(), Error> {
        if let SinkKind::New(file) = &mut self.kind {
            if file.add(bytes, all_received) {
                self.length += bytes.len() as u64;
                return Ok(());
            }
            self.begin_part()?;
        }
        self.show(bytes, bytes.len())
    }

    /// The body grows in a part file from now on.
    fn begin_part(&mut self) -> Result<(), Error> {
        if let SinkKind::New(file) = &self.kind {
            let mut part = file.to_part()?;
            part.set_resume_info(self.resume_info.take())?;
            self.kind = SinkKind::Part(Box::new(part));
        }
        Ok(())
    }

    /// Adds text that stands for so many bytes of the body.
    pub(crate) fn show(&mut self, bytes: &[u8], stands_for: usize) -> Result<(), Error> {
        match &mut self.kind {
            // Text is for terminals only.
            SinkKind::New(_) => {}
            SinkKind::Memory(kept) => kept.extend_from_slice(bytes),
            SinkKind::Part(part) => part.file.write_all(bytes).map_err(|error| cannot("write", &part.path, &error))?,
            SinkKind::Direct(writer) | SinkKind::Stdout(writer) => writer.write(bytes)?,
        }
        self.length += stands_for as u64;
        Ok(())
    }

    /// Whether the bytes go to a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        match &self.kind {
            SinkKind::New(_) | SinkKind::Part(_) | SinkKind::Memory(_) => false,
            SinkKind::Direct(writer) | SinkKind::Stdout(writer) => writer.is_terminal(),
        }
    }

    /// Adds bytes that wait in a pipe, without looking at them. For a [file](Sink::is_file) only.
    pub(crate) fn write_from_pipe(&mut self, pipe: &SplicePipe, count: usize) -> Result<(), Error> {
        if matches!(self.kind, SinkKind::New(_)) {
            self.begin_part()?;
        }
        if let SinkKind::Part(part) = &self.kind {
            pipe.drain(&part.file, count).map_err(|error| cannot("write", &part.path, &error))?;
            self.length += count as u64;
        }
        Ok(())
    }

    /// The body is whole: gives the file its name, permissions and modification time, and records where it
    /// came from. Where the bytes went to a file, that is the answer.
    pub(crate) fn finish(self, finished: &Finished) -> Result<Option<PathBuf>, Error> {
        match self.kind {
            SinkKind::New(file) => file.finish(finished).map(Some),
            SinkKind::Part(part) => part.finish(finished).map(Some),
            SinkKind::Direct(writer) | SinkKind::Stdout(writer) => writer.finish().map(|()| None),
            SinkKind::Memory(_) => Ok(None),
        }
    }
}

//! Bytes to a file, truthfully: FILE is the whole body, or it is exactly what it was.

mod direct;
mod disposition;
mod name;
mod part;
mod private;
mod record;
mod system;
mod target;

pub use name::derived_name;
pub use private::write_private;
pub use target::{Destination, Existing, Provenance};

use crate::error::{Error, Kind, system_words};
use crate::http::Representation;
use crate::net::{NetError, Timer};
use direct::DirectWriter;
use part::PartFile;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use system::each_piece;

/// Where the bytes of one body go. Only [`Sink::finish`] makes a file appear; one that is dropped
/// leaves every file as it was, and keeps what it has where the rest can be got later.
#[derive(Debug)]
pub struct Sink {
    kept: SinkKind,
    length: u64,
    /// Of what it has the bytes, where no part file knows.
    of: Option<Representation>,
}

#[derive(Debug)]
enum SinkKind {
    Part(Box<PartFile>),
    /// Not a regular file: there is nothing to replace, bytes go where they go.
    DirectWriter(DirectWriter, PathBuf),
    Stdout(DirectWriter),
}

impl Sink {
    fn part(part: PartFile, length: u64) -> Sink {
        Sink { kept: SinkKind::Part(Box::new(part)), length, of: None }
    }

    fn direct(path: &Path, timer: &Timer) -> Result<Sink, Error> {
        let direct = DirectWriter::open(path, timer).map_err(|error| cannot("open", path, &error))?;
        Ok(Sink { kept: SinkKind::DirectWriter(direct, path.to_owned()), length: 0, of: None })
    }

    fn stdout(timer: &Timer) -> Result<Sink, Error> {
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let failed = |error: io::Error| cannot("open", Path::new("standard output"), &error);
        Ok(Sink { kept: SinkKind::Stdout(DirectWriter::new(stdout.map_err(failed)?.into(), timer)), length: 0, of: None })
    }

    /// Whether a file is being written that does not appear before it is finished.
    pub fn is_file(&self) -> bool {
        matches!(self.kept, SinkKind::Part(_))
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Of what its bytes are a part, if it was [found](Destination::find_partial) or
    /// [said](Sink::set_resume_info).
    pub fn of(&self) -> Option<&Representation> {
        match &self.kept {
            SinkKind::Part(part) => part.of(),
            SinkKind::DirectWriter(..) | SinkKind::Stdout(_) => self.of.as_ref(),
        }
    }

    /// Says of what its bytes are a part; `None` where the rest could not be got later.
    pub fn set_resume_info(&mut self, of: Option<Representation>) -> Result<(), Error> {
        match &mut self.kept {
            SinkKind::Part(part) => part.set_resume_info(of).map_err(|error| cannot("write beside", &part.path, &error)),
            SinkKind::DirectWriter(..) | SinkKind::Stdout(_) => {
                self.of = of;
                Ok(())
            }
        }
    }

    /// Notes of what its bytes are a part, for the case that nothing else can be done any more.
    pub fn record(&mut self) {
        if let SinkKind::Part(part) = &mut self.kept {
            part.record();
        }
    }

    /// Throws away what it has. Fails where that is somebody else's already.
    pub fn start_over(&mut self) -> Result<(), Error> {
        match &mut self.kept {
            SinkKind::Part(part) => part.start_over().map_err(|error| cannot("write", &part.path, &error))?,
            SinkKind::DirectWriter(..) | SinkKind::Stdout(_) if self.length > 0 => {
                let why = "what was written cannot be taken back, and the rest cannot be had alone";
                return Err(Error::new(Kind::Network, "cannot start over").because(why));
            }
            SinkKind::DirectWriter(..) | SinkKind::Stdout(_) => {}
        }
        self.length = 0;
        Ok(())
    }

    /// Reads what it has, from the start.
    pub fn read_back(&mut self, see: impl FnMut(&[u8])) -> Result<(), Error> {
        let SinkKind::Part(part) = &mut self.kept else { return Ok(()) };
        let read = part.file.seek(SeekFrom::Start(0)).and_then(|_| each_piece(&mut part.file, see));
        read.map_err(|error| cannot("read", &part.path, &error))
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.show(bytes, bytes.len())
    }

    /// Adds text that stands for so many bytes of the body.
    pub fn show(&mut self, bytes: &[u8], stands_for: usize) -> Result<(), Error> {
        let written = match &mut self.kept {
            SinkKind::Part(part) => part.file.write_all(bytes),
            SinkKind::DirectWriter(direct, _) | SinkKind::Stdout(direct) => direct.write(bytes),
        };
        self.length += stands_for as u64;
        written.map_err(|error| self.failed(&error))
    }

    /// Whether the bytes go to somebody's terminal.
    pub fn is_terminal(&self) -> bool {
        match &self.kept {
            SinkKind::Part(_) => false,
            SinkKind::DirectWriter(direct, _) | SinkKind::Stdout(direct) => direct.file.is_terminal(),
        }
    }

    /// Adds bytes that wait in a pipe, without looking at them where the system can.
    pub fn write_from_pipe(&mut self, pipe: BorrowedFd<'_>, mut count: u64) -> Result<(), Error> {
        while count > 0 {
            match self.splice(pipe, count) {
                Ok(0) => return Err(self.failed(&io::ErrorKind::WriteZero.into())),
                Ok(moved) => {
                    self.length += moved as u64;
                    count -= moved as u64;
                }
                Err(Errno::INTR) => {}
                Err(Errno::INVAL) => return self.copy_from_pipe(pipe, count),
                Err(error) => return Err(self.failed(&error.into())),
            }
        }
        Ok(())
    }

    fn splice(&self, pipe: BorrowedFd<'_>, count: u64) -> Result<usize, Errno> {
        use rustix::pipe::{SpliceFlags, splice};
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        splice(pipe, None, self.file(), None, count, SpliceFlags::MOVE)
    }

    /// For file systems that do not splice.
    fn copy_from_pipe(&mut self, pipe: BorrowedFd<'_>, count: u64) -> Result<(), Error> {
        let pipe = pipe.try_clone_to_owned().map_err(|error| self.failed(&error))?;
        let mut bytes = Vec::new();
        File::from(pipe).take(count).read_to_end(&mut bytes).map_err(|error| self.failed(&error))?;
        self.write(&bytes)
    }

    fn file(&self) -> &File {
        match &self.kept {
            SinkKind::Part(part) => &part.file,
            SinkKind::DirectWriter(direct, _) | SinkKind::Stdout(direct) => &direct.file,
        }
    }

    fn failed(&self, error: &io::Error) -> Error {
        match &self.kept {
            SinkKind::Part(part) => cannot("write", &part.path, error),
            SinkKind::DirectWriter(..) | SinkKind::Stdout(_) if error.kind() == io::ErrorKind::BrokenPipe => {
                Error::new(Kind::ClosedPipe, "nobody reads the body any more")
            }
            SinkKind::DirectWriter(_, path) => cannot("write", path, error),
            SinkKind::Stdout(_) => cannot("write", Path::new("standard output"), error),
        }
    }

    /// The body is whole: gives the file its name, permissions and modification time, and lets it
    /// remember where it came from, with its entity tag; or, unless it is the `whole` of something, that it
    /// is not. Where the bytes went to a file, that is the answer.
    pub fn finish(self, modified: Option<SystemTime>, whole: bool, entity_tag: Option<String>) -> Result<Option<PathBuf>, Error> {
        match self.kept {
            SinkKind::Part(part) => part.finish(modified, whole.then_some(self.length), entity_tag).map(Some),
            SinkKind::DirectWriter(..) | SinkKind::Stdout(_) => Ok(None),
        }
    }
}

/// A place that will not do, whatever the system says.
fn unfit(path: &Path, why: &str) -> Error {
    Error::new(Kind::File, format!("cannot save as {}", path.display())).because(why.to_owned())
}

/// A failed file operation as the user meets it.
fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let what = format!("cannot {what} {}", path.display());
    // A limit of the operation, and no fault of the file.
    if let Some(limit) = error.get_ref().filter(|inner| inner.is::<NetError>()) {
        return Error::new(Kind::Network, what).because(limit.to_string());
    }
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "no space left on the device".to_owned(),
        _ => system_words(error),
    };
    Error::new(Kind::File, what).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Limits;

    #[test]
    fn bytes_from_a_pipe_are_the_same_with_and_without_splice() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let url = url::Url::parse("http://h/").expect("a URL");
        let timer = Timer::start(Limits::default());
        let mut sink = Destination::file(&path).and_then(|place| place.open(&url, &timer, String::new)).expect("opened");
        let (from, to) = rustix::pipe::pipe().expect("a pipe");
        rustix::io::write(&to, b"spliced, copied, left").expect("written");
        sink.write_from_pipe(from.as_fd(), 9).expect("spliced");
        sink.copy_from_pipe(from.as_fd(), 7).expect("copied");
        sink.finish(None, true, None).expect("saved");
        assert_eq!(std::fs::read(&path).expect("there"), b"spliced, copied,");
    }
}

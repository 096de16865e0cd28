//! A fresh directory, and the program run in it.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A directory of its own for one test.
pub(crate) struct Place(TempDir);

/// What a run of the program left behind, other than files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The exit status; 128 and the signal's number where a signal ended it.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place(tempfile::tempdir().expect("a directory"))
    }

    /// One with a file `f` in it, which says "old".
    pub(crate) fn with_old_file() -> Place {
        let place = Place::new();
        place.write("f", "old");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of everything in it, sorted, as one string.
    pub(crate) fn listing(&self) -> String {
        let entries = fs::read_dir(self.0.path()).expect("readable");
        let mut names: Vec<_> = entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names.join(" ")
    }

    /// The program, to be run in this directory, with an environment that changes nothing.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command_in(self.0.path(), arguments)
    }

    /// Runs the program to its end.
    pub(crate) fn fetch(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }
}

fn command_in(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fetch"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    // Most tests are about one try.
    if !arguments.contains(&"--retry") {
        command.args(["--retry", "0"]);
    }
    for (name, _) in std::env::vars_os() {
        let lower = name.to_string_lossy().to_lowercase();
        if lower.ends_with("_proxy") || lower.starts_with("ssl_cert") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Run {
    use std::os::unix::process::ExitStatusExt;
    let output = command.output().expect("it runs");
    let status = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
    Run { status, stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

impl Run {
    /// The run failed with this status, and said why, in one line of the right form.
    #[track_caller]
    pub(crate) fn failed(&self, status: i32, url: &str, why: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let start = format!("fetch: {url}: ");
        let line = self.stderr.lines().find(|line| line.starts_with(&start));
        assert!(line.is_some_and(|line| line.contains(why)), "\"{start}...{why}\" is wanted: {self:?}");
    }

    /// The run succeeded, and said nothing on standard error.
    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self:?}");
    }
}

/// Says that a test was left out. DirectWriter on standard error: what a test that passes prints is not
/// shown.
pub(crate) fn left_out(why: &str) {
    std::io::stderr().write_all(format!("left out: {why}\n").as_bytes()).expect("written");
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    read_all(flate2::read::GzEncoder::new(plain, flate2::Compression::new(6)))
}

pub(crate) fn deflate(plain: &[u8]) -> Vec<u8> {
    read_all(flate2::read::ZlibEncoder::new(plain, flate2::Compression::new(6)))
}

pub(crate) fn br(plain: &[u8]) -> Vec<u8> {
    read_all(brotli::CompressorReader::new(plain, 4096, 5, 22))
}

pub(crate) fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(plain, 3).expect("encodes")
}

fn read_all(mut encoder: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).expect("encodes");
    bytes
}

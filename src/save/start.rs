//! How a part file begins, to tell whether it was written over.

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How many bytes are looked at.
const MAX: usize = 4096;

/// How many bytes a file begins with, and their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) length: usize,
    pub(super) digest: String,
}

impl Start {
    /// Of a file that is empty.
    pub(super) fn empty() -> Start {
        Start { length: 0, digest: "-".to_owned() }
    }

    /// Whether no more bytes are looked at, however many the file gets.
    pub(super) fn is_full(&self) -> bool {
        self.length == MAX
    }

    /// Of a file as it is.
    pub(super) fn of(file: &File) -> io::Result<Start> {
        Start::of_length(file, MAX)
    }

    /// Whether a file begins this way.
    pub(super) fn fits(&self, file: &File) -> io::Result<bool> {
        Ok(self.length == 0 || Start::of_length(file, self.length.min(MAX))? == *self)
    }

    fn of_length(file: &File, most: usize) -> io::Result<Start> {
        let mut bytes = vec![0; most];
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], length as u64)? {
                0 => break,
                more => length += more,
            }
        }
        Ok(Start { length, digest: HEXLOWER.encode(digest(&SHA256, &bytes[..length]).as_ref()) })
    }
}

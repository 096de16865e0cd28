//! Files that are nobody else's business: a cookie jar.

use super::cannot;
use super::target::{directory_of, follow, is_open_file};
use crate::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a file that only its owner can read: whole, or not at all. What is no regular file is written
/// direct.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let path = follow(path)?;
    let failed = |error| cannot("write", &path, &error);
    if is_open_file(&path) || fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return File::options().write(true).open(&path).and_then(|mut file| file.write_all(bytes)).map_err(failed);
    }
    let (mut file, temporary) = create(&path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_data()).and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|error| {
        // The error that led here is the one to tell.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
}

/// A new file beside it, of a name that nothing has.
fn create(path: &Path) -> io::Result<(File, PathBuf)> {
    let process = std::process::id();
    for number in 0.. {
        let temporary = directory_of(path).join(format!(".fetch-{process}-{number}"));
        match File::options().write(true).create_new(true).mode(0o600).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, temporary)),
        }
    }
    unreachable!("some number is free")
}

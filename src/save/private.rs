//! Files that only their owner may read: a cookie jar.

use super::error::cannot;
use super::path::{check_owner, directory_of, follow};
use crate::error::Error;
use crate::interrupt;
use crate::sys::{check_close, is_descriptor_path};
use rustix::fs::{Access, access};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Fails where [`write_private`] plainly would.
pub(crate) fn check_private(path: &Path) -> Result<(), Error> {
    let path = resolve(path)?;
    let failed = |error| cannot("write", &path, &error);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(metadata) if !metadata.is_file() => access(&path, Access::WRITE_OK).map_err(|error| failed(error.into())),
        _ => access(directory_of(&path), Access::WRITE_OK | Access::EXEC_OK).map_err(|error| failed(error.into())),
    }
}

/// Writes a file that only its owner can read: whole, or not at all. What is not a regular file is written
/// to directly.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // A signal must not leave the temporary file behind.
    let _hold = interrupt::hold();
    let path = resolve(path)?;
    let failed = |error| cannot("write", &path, &error);
    if is_descriptor_path(&path) || fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return File::options().write(true).truncate(true).open(&path).and_then(|mut file| file.write_all(bytes)).map_err(failed);
    }
    let (file, temporary) = create(&path).map_err(failed)?;
    let written = (&file).write_all(bytes).and_then(|()| file.sync_data()).and_then(|()| check_close(&file));
    written.and_then(|()| fs::rename(&temporary, &path)).map_err(|error| {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
}

/// Where links lead; a FIFO of another user may be an attack.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    let path = follow(path)?;
    if let Ok(metadata) = fs::symlink_metadata(&path)
        && metadata.file_type().is_fifo()
    {
        check_owner(&path, &metadata, "FIFO")?;
    }
    Ok(path)
}

/// A new file beside it, of a name that is free.
fn create(path: &Path) -> io::Result<(File, PathBuf)> {
    const TRIES: u32 = 1000;
    let process = std::process::id();
    for number in 0..TRIES {
        let temporary = directory_of(path).join(format!(".fetch-{process}-{number}"));
        match File::options().write(true).create_new(true).mode(0o600).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, temporary)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

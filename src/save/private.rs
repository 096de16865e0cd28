//! Files that only their owner may read: a cookie jar.

use super::error::cannot;
use super::path::{check_owner, check_replaceable, directory_of, follow};
use super::writer::DirectWriter;
use crate::error::Error;
use crate::interrupt;
use crate::net::Timer;
use crate::sys::{check_close, is_descriptor_path};
use rustix::fs::{Access, access};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Fails where [`write_private`] plainly would.
pub(crate) fn check_private(path: &Path) -> Result<(), Error> {
    let path = follow(path)?;
    let failed = |error| cannot("write", &path, &error);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
        Ok(metadata) if metadata.is_file() => check_replaceable(&path, Some(&metadata)),
        Ok(metadata) => {
            check_owner(&path, &metadata, "special file")?;
            access(&path, Access::WRITE_OK).map_err(|error| failed(error.into()))
        }
        Err(_) => access(directory_of(&path), Access::WRITE_OK | Access::EXEC_OK).map_err(|error| failed(error.into())),
    }
}

/// Writes a file that only its owner can read: whole, or not at all. What is not a regular file is written
/// to directly, within the limits of `timer`.
pub(crate) fn write_private(path: &Path, bytes: &[u8], timer: &Timer) -> Result<(), Error> {
    let path = follow(path)?;
    let failed = |error| cannot("write", &path, &error);
    match fs::metadata(&path) {
        Ok(metadata) if is_descriptor_path(&path) || !metadata.is_file() => {
            check_owner(&path, &metadata, "special file")?;
            let mut writer = DirectWriter::open(&path, &metadata, timer)?;
            return writer.write(bytes).and_then(|()| writer.finish());
        }
        _ => {}
    }
    // A signal must not leave the temporary file behind.
    let _hold = interrupt::hold();
    let (file, temporary) = create(&path).map_err(failed)?;
    let written = (&file).write_all(bytes).and_then(|()| file.sync_data()).and_then(|()| check_close(&file));
    written.and_then(|()| fs::rename(&temporary, &path)).map_err(|error| {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
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

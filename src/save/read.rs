//! Reading a file that may be large.

use super::error::cannot;
use crate::error::Error;
use crate::net::Timer;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file from its position to its end, within the limit of the whole operation.
pub(super) fn read_file(mut file: &File, path: &Path, timer: &Timer, mut visit: impl FnMut(&[u8])) -> Result<(), Error> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        timer.poll_interval().map_err(|error| Error::from(error).context(format!("cannot read {}", path.display())))?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => visit(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot("read", path, &error)),
        }
    }
}

//! Failed file operations as the user meets them.

use crate::error::{Error, Kind, system_words};
use std::io;
use std::path::Path;

/// A path that cannot be saved to, whatever the system says.
pub(super) fn unfit(path: &Path, why: &str) -> Error {
    Error::new(Kind::File, format!("cannot save as {}", path.display())).detail(why)
}

/// A failed file operation.
pub(super) fn cannot(what: &str, path: &Path, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "no space left on the device".to_owned(),
        _ => system_words(error),
    };
    Error::new(Kind::File, format!("cannot {what} {}", path.display())).detail(why)
}

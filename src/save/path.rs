//! Paths: the names of part files, numbered names, symbolic links.

use super::error::{cannot, unfit};
use crate::error::Error;
use crate::sys::is_descriptor_path;
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustix::fs::{Access, access};
use rustix::process::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// How many names are tried before giving up.
pub(super) const MAX_NAMES: usize = 100_000;
/// What a part file has behind its name.
pub(super) const PART_SUFFIX: &str = ".part";
/// What the record beside a part file has behind its name.
pub(super) const RECORD_SUFFIX: &str = ".part.info";
/// The longest file name that file systems take, in bytes.
pub(super) const NAME_MAX: usize = 255;
/// How many symbolic links may lead to a file, as for the system itself.
const MAX_LINKS: usize = 40;
/// Extensions that stand before another: `.tar.gz` is one.
const DOUBLE_EXTENSIONS: &[&str] = &["tar", "cpio", "warc"];

/// The directory that a file is in, as a path that can be opened.
pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The name of a file beside another: its name and a suffix. Of a name that leaves no room for that, as
/// much as there is room for, and a digest of it all: cut short alone, it could be the name itself.
pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default().as_bytes();
    let room = NAME_MAX - RECORD_SUFFIX.len();
    if name.len() <= room {
        return target.with_file_name(OsString::from_vec([name, suffix.as_bytes()].concat()));
    }
    let id = format!("~{}", HEXLOWER.encode(&digest(&SHA256, name).as_ref()[..8]));
    let stem = &name[..room - id.len()];
    target.with_file_name(OsString::from_vec([stem, id.as_bytes(), suffix.as_bytes()].concat()))
}

/// `page.html` for 0, `page-1.html` for 1; `a-1.tar.gz` for `a.tar.gz`.
pub(super) fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let name = path.file_name().unwrap_or_default().as_bytes();
    let stem = path.file_stem().unwrap_or_default();
    let inner =
        Path::new(stem).extension().filter(|inner| DOUBLE_EXTENSIONS.iter().any(|double| inner.eq_ignore_ascii_case(double)));
    let stem = inner.and_then(|_| Path::new(stem).file_stem()).unwrap_or(stem).as_bytes();
    let name = [stem, format!("-{number}").as_bytes(), &name[stem.len()..]].concat();
    path.with_file_name(OsString::from_vec(name))
}

/// The path of a file, without links and `..`, as far as it exists; what does not exist has none. `resolve` gives
/// that of a directory.
pub(super) fn resolved_file(path: &Path, resolve: impl Fn(&Path) -> PathBuf) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => break,
        }
    }
    resolve(directory_of(&path)).join(path.file_name().unwrap_or_default())
}

/// The same of a directory.
pub(super) fn resolved_directory(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match fs::canonicalize(path) {
        Ok(real) => return real,
        // The current directory was removed.
        Err(_) if path == Path::new(".") => return path.to_owned(),
        Err(_) => {}
    }
    match (path.parent(), path.components().next_back()) {
        (Some(parent), Some(Component::ParentDir)) => {
            let mut parent = resolved_directory(parent);
            parent.pop();
            parent
        }
        (Some(parent), Some(name)) => resolved_directory(parent).join(name),
        _ => path.to_owned(),
    }
}

/// The files that a save of this one uses, and those whose saves use it.
pub(crate) fn files_beside(path: &Path) -> Vec<PathBuf> {
    let bytes = path.as_os_str().as_bytes();
    let without = |suffix: &&str| bytes.strip_suffix(suffix.as_bytes()).map(|bytes| OsStr::from_bytes(bytes).into());
    let suffixes = [PART_SUFFIX, RECORD_SUFFIX];
    suffixes.iter().map(|suffix| beside(path, suffix)).chain(suffixes.iter().filter_map(without)).collect()
}

/// Whether a path is [numbered] from another.
pub(super) fn is_numbered(path: &Path, plain: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let dashes = (0..name.len()).filter(|index| name[*index] == b'-');
    let mut numbers = dashes.filter_map(|dash| {
        let digits = name[dash + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&name[dash + 1..dash + 1 + digits]).ok()?.parse().ok()
    });
    numbers.any(|number| number > 0 && numbered(plain, number) == path)
}

/// Follows symbolic links, to a name that may not exist yet. None on the way may be an attack.
pub(super) fn follow(path: &Path) -> Result<PathBuf, Error> {
    check_links(path)?;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(link) if !is_descriptor_path(&path) => path = path.parent().unwrap_or(Path::new("")).join(link),
            _ => return Ok(path),
        }
    }
    Err(unfit(&path, "too many symbolic links"))
}

/// Checks every link on the way to a path, those that links lead through included.
pub(super) fn check_links(path: &Path) -> Result<(), Error> {
    let mut left = MAX_LINKS;
    check_links_of(path, &mut left)
}

fn check_links_of(path: &Path, left: &mut usize) -> Result<(), Error> {
    for ancestor in path.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty() && !is_descriptor_path(ancestor)) {
        let Some(metadata) = fs::symlink_metadata(ancestor).ok().filter(Metadata::is_symlink) else { continue };
        *left = left.checked_sub(1).ok_or_else(|| unfit(path, "too many symbolic links"))?;
        check_owner(ancestor, &metadata, "symbolic link")?;
        if let Ok(link) = fs::read_link(ancestor) {
            check_links_of(&ancestor.parent().unwrap_or(Path::new("")).join(link), left)?;
        }
    }
    Ok(())
}

/// In a sticky directory that everyone can write to, a link or FIFO of another user may be an attack: it has
/// to belong to this user or to the directory's owner. The kernel has the same rule where it follows
/// links itself (`protected_symlinks`, `protected_fifos`).
pub(super) fn check_owner(path: &Path, metadata: &Metadata, what: &str) -> Result<(), Error> {
    const STICKY: u32 = 0o1000;
    const WRITABLE_BY_ALL: u32 = 0o002;
    let Ok(directory) = fs::metadata(directory_of(path)) else { return Ok(()) };
    let shared = directory.mode() & (STICKY | WRITABLE_BY_ALL) == STICKY | WRITABLE_BY_ALL;
    if shared && metadata.uid() != geteuid().as_raw() && metadata.uid() != directory.uid() {
        return Err(unfit(path, &format!("it is a {what} of another user in a directory that everyone can write to")));
    }
    Ok(())
}

/// Fails where a file plainly cannot be replaced, or made where there is none: a rename does not ask whether
/// the file may be written, and in a sticky directory it has to be this user's.
pub(super) fn check_replaceable(path: &Path, old: Option<&Metadata>) -> Result<(), Error> {
    const STICKY: u32 = 0o1000;
    let directory = directory_of(path);
    let writable = access(directory, Access::WRITE_OK | Access::EXEC_OK);
    if let Some(old) = old {
        access(path, Access::WRITE_OK).map_err(|error| cannot("write", path, &error.into()))?;
        let user = geteuid();
        let parent = fs::metadata(directory).map_err(|error| cannot("read", directory, &error))?;
        let is_owner = [old.uid(), parent.uid()].contains(&user.as_raw());
        if parent.mode() & STICKY != 0 && !is_owner && !user.is_root() {
            return Err(unfit(path, "it is another user's file in a sticky directory, and cannot be replaced"));
        }
    }
    writable.map_err(|error| cannot("write to the directory", directory, &error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_before_the_extension() {
        for (number, from, wanted) in [
            (0, "d/a.b.c", "d/a.b.c"),
            (1, "d/a.b.c", "d/a.b-1.c"),
            (12, "a", "a-12"),
            (1, "d/a.tar.gz", "d/a-1.tar.gz"),
            (1, "a.1.TAR.xz", "a.1-1.TAR.xz"),
            (1, "tar.gz", "tar-1.gz"),
            (1, ".tar.gz", ".tar-1.gz"),
        ] {
            assert_eq!(numbered(Path::new(from), number), Path::new(wanted));
        }
    }

    #[test]
    fn what_stands_beside_a_file_is_never_the_file() {
        for length in 1..=NAME_MAX {
            for suffix in [PART_SUFFIX, RECORD_SUFFIX] {
                let stem = "n".repeat(length.saturating_sub(suffix.len()));
                let target = PathBuf::from(format!("d/{stem}{suffix}"));
                let names = [PART_SUFFIX, RECORD_SUFFIX].map(|suffix| beside(&target, suffix));
                assert!(names.iter().all(|name| *name != target && name.file_name().is_some_and(|n| n.len() <= NAME_MAX)));
                assert!(names[0] != names[1]);
            }
        }
        let long = |end: &str| PathBuf::from("n".repeat(250) + end);
        assert_ne!(beside(&long("a"), PART_SUFFIX), beside(&long("b"), PART_SUFFIX));
    }
}

//! Properties of the command line.

use super::{ParseExit, parse};
use crate::error::Kind;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

const PASSWORD: &str = "hunter2";

/// Arguments, a line each: they make a job or a usage error of some words, and an error shows no password of a URL,
/// wherever that stands.
pub(crate) fn command_line(data: &[u8]) {
    if data.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()) {
        return;
    }
    let mut arguments = vec![OsString::from("fetch")];
    for line in data.split(|byte| *byte == b'\n') {
        if is_left_out(line) {
            return;
        }
        arguments.push(OsString::from_vec(line.to_vec()));
    }
    // As an argument of its own, which may be taken for the value of the one before, and at the end of the last one.
    for url in ["http://me:hunter2@h.example:8080/", "me:hunter2@h.example"] {
        check([&arguments[..], &[url.into()]].concat());
        let mut attached = arguments.clone();
        if let Some(last) = attached.last_mut() {
            last.push("=");
            last.push(url);
        }
        check(attached);
    }
}

fn check(arguments: Vec<OsString>) {
    match parse(arguments.into_iter()) {
        Ok((job, _)) => assert!(!job.urls.is_empty()),
        Err(ParseExit::Print(text)) => assert!(!text.is_empty()),
        Err(ParseExit::Error(error)) => {
            assert!(matches!(error.kind(), Kind::Usage | Kind::File), "{error}");
            let text = error.full();
            assert!(!text.is_empty() && !text.contains(PASSWORD), "{text}");
        }
    }
}

/// Whether an argument would read from a device or standard input, or prompt for a password.
fn is_left_out(line: &[u8]) -> bool {
    let is_special = [&b"/dev"[..], b"/proc", b"/sys"].iter().any(|path| line.windows(path.len()).any(|part| part == *path));
    let short = |letter: u8| line.starts_with(b"-") && !line.starts_with(b"--") && line.contains(&letter);
    let reads = line == b"-" || line.starts_with(b"--input") || short(b'i');
    let asks = line.starts_with(b"--user") && !line.starts_with(b"--user-agent=") || short(b'u');
    is_special || reads || asks || line.contains(&0)
}

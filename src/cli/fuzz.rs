//! Properties of the command line.

use super::{ParseExit, parse};
use crate::error::Kind;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Arguments, a line each: they make a job or a usage error of some words, and an error shows no password.
pub(crate) fn command_line(data: &[u8]) {
    const PASSWORD: &str = "hunter2";
    if data.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes()) {
        return;
    }
    let mut arguments = vec![OsString::from("fetch")];
    for line in data.split(|byte| *byte == b'\n') {
        // Nothing is read that is no file of this machine's disk, and nobody is asked for a password.
        let is_special = [&b"/dev"[..], b"/proc", b"/sys"].iter().any(|path| line.windows(path.len()).any(|part| part == *path));
        let reads = line == b"-" || line.starts_with(b"-i") || line.starts_with(b"--input");
        let asks = line.starts_with(b"--user") && !line.starts_with(b"--user-agent=") || short_option(line, b'u');
        if is_special || reads || asks || line.contains(&0) || short_option(line, b'i') {
            return;
        }
        arguments.push(OsString::from_vec(line.to_vec()));
    }
    // Behind them, so that what is wrong is in them: an address with a password.
    arguments.push(format!("http://me:{PASSWORD}@h.example:8080/").into());
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

fn short_option(line: &[u8], letter: u8) -> bool {
    line.starts_with(b"-") && !line.starts_with(b"--") && line.contains(&letter)
}

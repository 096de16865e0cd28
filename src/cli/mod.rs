//! The command line: `Cli` is what was typed, [`Job`] what is to be done. After the second
//! nothing is a usage error.

mod args;
mod credentials;
mod curl_hints;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod job;
mod url;
mod values;

pub use crate::error::Kind;
pub use crate::interrupt::{end_if_caught, install};
pub use crate::report::Report;
pub use crate::run::{Job, List, Omit, Output, ParseUrl, run};

use crate::error::{Error, system_words};
use crate::report::columns;
use args::Cli;
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::io::{self, Write};

/// The widest help: longer lines are hard to read.
const MAX_WIDTH: usize = 120;

/// The definition of the command line, for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Why a command line makes no job.
#[derive(Debug)]
pub enum ParseExit {
    /// This was asked for: the help, or the version.
    Print(String),
    /// Bad usage, or a file that it names cannot be read.
    Error(Error),
}

impl ParseExit {
    /// Prints it; the exit status.
    pub fn print(self) -> u8 {
        let error = match self {
            ParseExit::Error(error) => error,
            ParseExit::Print(text) => match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
                Ok(()) => return 0,
                // Its reader has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
                Err(error) => Error::new(Kind::File, "cannot print").detail(system_words(&error)),
            },
        };
        Report::default().failure(&error);
        error.kind().exit_status()
    }
}

/// Parses a command line, and reads the files that it names for the request.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<(Job, Report), ParseExit> {
    let arguments: Vec<OsString> = arguments.collect();
    let mut command = command();
    let parsed = command.try_get_matches_from_mut(&arguments).and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let usage = |text: String| ParseExit::Error(Error::new(Kind::Usage, text));
    let cli = parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp => ParseExit::Print(help(columns(io::stdout()).min(MAX_WIDTH))),
        ErrorKind::DisplayVersion => ParseExit::Print(error.to_string()),
        ErrorKind::UnknownArgument => {
            let takes_value = |letter| {
                let argument = command.get_arguments().find(|argument| argument.get_short() == Some(letter))?;
                Some(argument.get_action().takes_values())
            };
            let refused = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
            let rest = curl_hints::rest_of_bundle(&arguments, takes_value, &refused);
            usage(curl_hints::explain(&error) + &rest)
        }
        _ => usage(curl_hints::explain(&error)),
    })?;
    // To take the definition apart would be a tenth of the work of a short run; a fuzzer makes many.
    if !cfg!(fuzzing) {
        std::mem::forget(command);
    }
    cli.into_job().map_err(ParseExit::Error)
}

/// The help, wrapped to so many columns.
fn help(width: usize) -> String {
    command().term_width(width).render_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn parsed(arguments: &[&str]) -> Result<Job, String> {
        let arguments = std::iter::once("fetch").chain(arguments.iter().copied()).map(OsString::from);
        match parse(arguments) {
            Ok((job, _)) => Ok(job),
            Err(ParseExit::Error(error)) => Err(error.full()),
            Err(ParseExit::Print(text)) => Err(text),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn an_address_is_taken_as_people_type_it() {
        for (arguments, url) in [
            (&["www.sina.com.cn"][..], "http://www.sina.com.cn/"),
            (&["localhost:8080/x"], "http://localhost:8080/x"),
            (&["HTTPS://h/?u=http://x"], "https://h/?u=http://x"),
            (&["h/?u=http://x"], "http://h/?u=http://x"),
            (&["-u", "a:b", "h"], "https://h/"),
            (&["-u", "a:b", "http://h"], "http://h/"),
            (&["a@h"], "https://a@h/"),
            (&["a:b@h/x"], "https://a:b@h/x"),
            (&["a:b@h:81"], "https://a:b@h:81/"),
            (&["-b", "a=1", "h"], "https://h/"),
            (&["-H", "Authorization: x", "h"], "https://h/"),
            (&["-H", "X: y", "h"], "http://h/"),
            (&["//h/x"], "http://h/x"),
            (&["http:/h/x"], "http://h/x"),
            (&["h/a@b"], "http://h/a@b"),
            (&["[::1]:81"], "http://[::1]:81/"),
            (&["--", "-h.example"], "http://-h.example/"),
        ] {
            assert_eq!(parsed(arguments).map(|job| job.urls[0].url.to_string()), Ok(url.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        for (arguments, why) in [
            (&[][..], "URL"),
            (&["ftp://h/"], "neither http nor https"),
            (&["mailto:a@b"], "neither http nor https"),
            (&["sip:a@b"], "neither http nor https"),
            (&["http://"], "empty host"),
            (&["/etc/passwd"], "is a file path"),
            (&["./file.html"], "is a file path"),
            (&["../file.html"], "is a file path"),
            (&["file:///etc/passwd"], "is a file path"),
            (&["h", "-4", "-6"], "cannot be used with"),
            (&["http:"], "empty host"),
            (&["http://h:99999/"], "invalid port"),
            (&["h", "g", "-o", "f"], "takes one URL"),
            (&["h", "-o", ""], "the name is empty"),
            (&["h", "-o", "f", "-P", "d"], "cannot be used with"),
            (&["h", "-H", "no colon"], "Name: value"),
            (&["h", "-H", "A: b\r\nC: d"], "CR, LF or NUL"),
            (&["h", "-H", "A: b\n"], "CR, LF or NUL"),
            (&["h", "-H", "A B: c"], "field name"),
            (&["h", "-H", "Content-Length: 5"], "without content"),
            (&["h", "-A", "a\nb"], "CR, LF or NUL"),
            (&["h", "-u", "a\n:b"], "control characters"),
            (&["h", "-T", "x"], "seconds"),
            (&["h", "-T", "-1"], "seconds"),
            (&["h", "-T", "nan"], "seconds"),
            (&["h", "--max-size", "+5"], "bytes"),
            (&["h", "--max-size", "5T"], "bytes"),
            (&["h", "--max-size", "99999999999G"], "too large"),
            (&["h", "--sha256", "abc"], "64 hexadecimal digits"),
            (&["h", "--resolve", "h:80"], "HOST:PORT:ADDR"),
            (&["h", "--nonsense"], "--nonsense"),
            (&["h", "-L"], "--max-redirects"),
            (&["h", "-s"], "-q"),
            (&["h", "-f"], "--include-error-body"),
            (&["h", "-C", "-"], "-c resumes"),
            (&["h", "-c", "-r", "0-1"], "cannot be used with"),
            (&["h", "-r", "5-1"], "byte range"),
            (&["h", "-r", "0-1,5-6"], "byte range"),
            (&["h", "-x", "socks4://h"], "is not a proxy"),
            (&["h", "-x", "h:1", "--unix-socket", "s"], "cannot be used together"),
            (&["h", "-b", "a=1\r\nX: y"], "control characters"),
            (&["h", "-b", "/missing"], "cannot read cookies"),
            (&["h", "--progress", "x"], "possible values: auto, always, never"),
            (&["h", "--retry", "-1"], "expected a number"),
            (&["h", "--retry", "x"], "expected a number"),
        ] {
            let refused = parsed(arguments).expect_err("refused");
            assert!(refused.contains(why), "{arguments:?}: {refused}");
        }
    }

    #[test]
    fn credentials_without_a_scheme_make_it_https_and_that_is_noted() {
        let guessed = |arguments: &[&str]| parsed(arguments).map(|job| job.urls[0].https_guessed);
        assert_eq!(guessed(&["-u", "a:b", "h"]), Ok(true));
        assert_eq!(guessed(&["-u", "a:b", "https://h"]), Ok(false));
        assert_eq!(guessed(&["h"]), Ok(false));
    }

    #[test]
    fn the_help_fits_the_terminal_and_ends_with_what_everyone_needs() {
        for width in [80, 100] {
            let help = help(width);
            assert!(help.lines().all(|line| line.chars().count() <= width), "{width}: {help}");
            for word in ["Content-Disposition", "Standard output:", "Exit status:", "fetch www.sina.com.cn -o sina.html"] {
                assert!(help.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn no_refusal_shows_a_secret() {
        for arguments in [
            &["http://me:secret@h:99999/"][..],
            &["ftp://me:secret@h/"],
            &["me:secret@h:99999"],
            &["me:secret@h:99999//x"],
            &["http:\\\\me:secret@h:99999/"],
            &["https:/me:secret@h:99999/"],
            &["me:secret@h:x?a=//b"],
            &["h", "-H", "Authorization: secret\n"],
            &["h", "-H", "Authorization secret"],
            &["h", "--limit-rate", "http://me:secret@h/"],
            &["h", "--cacert", "http://me:secret@h/"],
            &["h", "--cacert", "me:secret@h/"],
            &["h", "--omit", "js,http://me:secret@h/", "-p"],
            &["-i", "me:secret@h"],
            &["--http://me:secret@h"],
        ] {
            let refused = parsed(arguments).expect_err("refused");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn numbers_have_suffixes_and_fractions() {
        let job = parsed(&["h", "--max-size", "2k", "-T", "0.5", "-m", "0", "--connect-timeout", "1e300"]).expect("valid");
        assert_eq!(job.options.max_size, Some(2048));
        let limits = job.config.limits;
        assert_eq!((limits.idle, limits.max_time, limits.connect), (Some(Duration::from_millis(500)), None, None));
    }

    #[test]
    fn an_override_takes_every_kind_of_address() {
        for (text, host, address) in [
            ("Example.COM:443:127.0.0.1", "example.com", "127.0.0.1"),
            ("例え.テスト:80:::1", "xn--r8jz45g.xn--zckzah", "::1"),
            ("[::2]:80:[::1]", "[::2]", "::1"),
        ] {
            let parsed = values::host_override(text).expect("valid");
            assert_eq!((parsed.host.to_string(), parsed.address.to_string()), (host.to_owned(), address.to_owned()));
        }
    }
}

//! Options of curl and wget, and what to write instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Options of curl (and wget) that are none here, and what to write instead.
const CURL_HINTS: &[(&[&str], &str)] = &[
    (&["-L", "--location", "--location-trusted"], "redirects are followed without it; --max-redirects 0 follows none"),
    (&["-s", "--silent"], "-q is quiet"),
    (&["-S", "--show-error", "--server-response"], "errors are always shown, and headers unless -q"),
    (&["-f", "--fail"], "an error status is a failure without it; --include-error-body saves the body all the same"),
    (&["--fail-with-body", "--content-on-error"], "--include-error-body saves the body of an error"),
    (
        &[
            "-O",
            "--remote-name",
            "--remote-name-all",
            "-J",
            "--remote-header-name",
            "--content-disposition",
            "--trust-server-names",
        ],
        "without -o the name is derived; -o FILE names it, and -o - writes to standard output",
    ),
    (&["--output-document"], "-o FILE names the file"),
    (&["--include", "-D", "--dump-header", "--save-headers"], "headers are printed without it, to standard output"),
    (&["-C", "--continue-at", "--start-pos"], "-c resumes an interrupted save"),
    (
        &[
            "-d",
            "--data",
            "--data-raw",
            "--data-binary",
            "--data-urlencode",
            "-F",
            "--form",
            "--post-data",
            "--post-file",
            "--body-data",
            "--upload-file",
        ],
        "fetch only reads: it sends no data",
    ),
    (&["-X", "--request", "--method"], "fetch only reads: GET, and with -I HEAD"),
    (&["--spider"], "-I asks for the headers only"),
    (&["--compressed", "--compression"], "content codings are decoded without it; --no-compression leaves them"),
    (
        &["-n", "--no-clobber", "--no-verbose", "--no-directories"],
        "--netrc reads ~/.netrc (curl's -n), --skip-existing leaves what is there (wget's -nc), -q is quiet (wget's -nv)",
    ),
    (&["-e", "--referer"], "-H 'Referer: URL' sends it (wget's -e: fetch reads no configuration)"),
    (&["-z", "--time-cond", "--timestamping", "--etag-save", "--etag-compare"], "-N fetches only what changed"),
    (&["-t", "--tries"], "--retry N tries again N times"),
    (&["-w", "--write-out"], "--json prints what is known of each URL"),
    (&["-g", "--globoff"], "URLs are taken as they are, without it"),
    (&["-R", "--remote-time"], "files get the server's time without it (wget's -R: fetch follows no links of a page)"),
    (&["-E"], "client certificates are not supported (wget's -E: HTML gets .html without it, where the name has no extension)"),
    (&["-Z", "--parallel", "-K", "--config", "--next"], "fetch reads no configuration, and takes several URLs as they are"),
    (&["-#", "--progress-bar", "--show-progress"], "--progress always shows it"),
    (&["--no-progress-meter"], "--progress never leaves it out"),
    (&["-U", "--proxy-user"], "the proxy's credentials are part of its URL: -x http://NAME:PASSWORD@HOST:PORT (wget's -U is -A)"),
    (&["--no-proxy", "--noproxy"], "-x '' uses no proxy; no_proxy in the environment names hosts"),
    (&["--socks5"], "-x socks5://HOST:PORT"),
    (&["--socks5-hostname"], "-x socks5h://HOST:PORT"),
    (&["--max-redirs", "--max-redirect"], "--max-redirects N"),
    (&["--max-filesize", "-Q", "--quota"], "--max-size BYTES"),
    (&["--no-check-certificate"], "-k trusts any certificate"),
    (&["--ca-certificate", "--capath", "--ca-directory"], "--cacert FILE; SSL_CERT_DIR names a directory"),
    (&["--load-cookies"], "-b FILE reads cookies"),
    (&["--save-cookies", "--keep-session-cookies", "--junk-session-cookies"], "--cookie-jar FILE writes all cookies"),
    (&["--netrc-file", "--netrc-optional"], "--netrc reads the file that NETRC names in the environment"),
    (&["--http-user", "--http-password", "--password"], "-u NAME[:PASSWORD]"),
    (&["--basic", "--anyauth", "--digest"], "-u sends Basic credentials"),
    (&["--directory-prefix", "--output-dir", "--create-dirs"], "-P DIR is the directory, made if missing"),
    (&["--inet4-only"], "-4"),
    (&["--inet6-only"], "-6"),
    (&["--speed-limit", "--speed-time", "-y", "-Y", "--read-timeout", "--dns-timeout"], "-T SECS is the longest silence"),
    (
        &["--retry-delay", "--retry-max-time", "--retry-all-errors", "--retry-connrefused", "--waitretry"],
        "--retry N waits by itself; -m SECS is the limit of everything",
    ),
    (&["--http1.1", "--http1.0", "-0", "--http2", "--http3"], "fetch speaks HTTP/1.1"),
    (&["--tlsv1.2", "--tlsv1.3", "--secure-protocol", "-1", "-2", "-3"], "fetch speaks TLS 1.3 and 1.2"),
    (&["--mirror", "--recursive", "-l", "--level"], "fetch follows no links of a page"),
    (&["--connect-to"], "--resolve HOST:PORT:ADDR"),
    (&["-G", "--get"], "fetch only reads: put the query into the URL"),
    (&["--url"], "URLs are taken as they are"),
    (&["--cert", "--key", "--cert-type", "--private-key", "--certificate"], "client certificates are not supported"),
    (&["--http-passwd", "--ask-password"], "-u NAME asks for the password"),
    (
        &["--tlsv1", "--tls-max", "--ciphers", "--proto", "--proto-redir", "--https-only"],
        "fetch speaks TLS 1.3 and 1.2, and http where the URL says so",
    ),
    (&["--interface", "--bind-address", "--local-port"], "the system chooses the address to connect from"),
    (&["--proxy-header"], "the proxy's credentials are part of its URL: -x http://NAME:PASSWORD@HOST:PORT"),
    (&["--no-buffer"], "-o - writes what comes as it comes"),
    (&["--adjust-extension", "--html-extension"], "HTML gets .html without it, where the name has no extension"),
    (&["--xattr"], "where a file came from is recorded without it"),
    (&["--negotiate", "--ntlm", "--oauth2-bearer"], "-H 'Authorization: ...' sends other credentials than -u"),
    (&["--no-cache", "--no-http-keep-alive"], "-H 'Cache-Control: no-cache', -H 'Connection: close'"),
    (&["--no-parent", "--random-wait"], "fetch follows no links of a page"),
    (&["--stderr"], "2> FILE keeps the messages"),
    (&["--trace", "--trace-ascii", "--debug"], "-v tells what was tried and used"),
    (&["--ca-native"], "the system's certificates are trusted without it"),
    (&["-a", "--output-file"], "2> FILE keeps the messages"),
];

/// Options that have another meaning here: what is said where their value makes no sense.
const MISLEADING_OPTIONS: &[(&str, &str)] = &[
    ("--range", "-r asks for a byte range; fetch follows no links of a page"),
    ("--timeout", "-T is the longest silence; fetch sends no data"),
    ("--max-time", "-m is the limit of everything; fetch follows no links of a page"),
];

/// A failed parse as the user meets it.
pub(super) fn explain(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return text.to_owned() };
    match error.kind() {
        ErrorKind::UnknownArgument => match curl_hint(argument) {
            Some(instead) => format!("unknown option {argument}: {instead}"),
            None => unknown(error, argument),
        },
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let first = text.lines().next().unwrap_or_default();
            let friend = MISLEADING_OPTIONS.iter().find(|(habit, _)| argument.contains(habit));
            friend.map_or_else(|| text.to_owned(), |(_, meaning)| format!("{first}\n({meaning})"))
        }
        _ => text.to_owned(),
    }
}

fn curl_hint(argument: &str) -> Option<&'static str> {
    CURL_HINTS.iter().find(|(habits, _)| habits.contains(&argument)).map(|(_, instead)| *instead)
}

/// An option of no tool. One that it is the beginning of may be what was meant; one that it merely
/// resembles is not.
fn unknown(error: &clap::Error, argument: &str) -> String {
    let begun = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(known)) if known.starts_with(argument) => format!(", did you mean {known}?"),
        _ => String::new(),
    };
    format!("unknown option {argument}{begun} (--help lists all options)")
}

/// The options behind the refused one in a bundle like curl's `-fsSL`, where they are none here, one a line.
/// `takes_value` tells what is an option here, and whether a value follows it.
pub(super) fn rest_of_bundle(arguments: &[OsString], takes_value: impl Fn(char) -> Option<bool>, refused: &str) -> String {
    let Some(letter) = refused.strip_prefix('-').filter(|rest| rest.len() == 1) else { return String::new() };
    let options = arguments.iter().filter_map(|argument| argument.to_str()).take_while(|argument| *argument != "--");
    let mut bundles = options.filter_map(|option| option.strip_prefix('-')).filter(|bundle| !bundle.starts_with('-'));
    let rest = bundles.find_map(|bundle| bundle.split_once(letter)).map(|(_, rest)| rest).unwrap_or_default();
    let mut lines = String::new();
    for letter in rest.chars() {
        match takes_value(letter) {
            Some(true) => break,
            Some(false) => {}
            None => {
                let option = format!("-{letter}");
                let Some(instead) = curl_hint(&option) else { break };
                let line = format!("\nunknown option {option}: {instead}");
                if option != refused && !lines.contains(&line) {
                    lines += &line;
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    #[test]
    fn no_hint_is_for_an_option_of_ours_and_each_is_given_once() {
        let mut seen = Vec::new();
        for habit in CURL_HINTS.iter().flat_map(|(habits, _)| *habits) {
            let refused = command().try_get_matches_from(["fetch", "h", habit]).expect_err("refused");
            assert_eq!(refused.kind(), ErrorKind::UnknownArgument, "{habit}");
            assert!(explain(&refused).starts_with(&format!("unknown option {habit}: ")), "{}", explain(&refused));
            assert!(!seen.contains(habit), "{habit} twice");
            seen.push(*habit);
        }
    }

    #[test]
    fn an_unknown_option_is_no_url_and_not_another() {
        for (option, wanted) in [
            ("--nonsense", "unknown option --nonsense (--help lists all options)"),
            ("--hea", "unknown option --hea, did you mean --head? (--help lists all options)"),
            ("--usr", "unknown option --usr (--help lists all options)"),
        ] {
            let refused = command().try_get_matches_from(["fetch", "h", option]).expect_err("refused");
            assert_eq!(explain(&refused), wanted);
        }
    }

    #[test]
    fn every_letter_of_a_bundle_is_explained_at_once() {
        for (arguments, refused, wanted) in [
            (&["fetch", "-fsSL", "-o", "f"][..], "-f", &["-s", "-S", "-L"][..]),
            (&["fetch", "-L", "-odates"], "-L", &[]),
            (&["fetch", "-fqsodates"], "-f", &["-s"]),
            (&["fetch", "--nonsense", "-fS"], "--nonsense", &[]),
        ] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let takes_value = |letter| ['o', 'q'].contains(&letter).then_some(letter == 'o');
            let lines = rest_of_bundle(&arguments, takes_value, refused);
            let options: Vec<_> = lines.lines().filter_map(|line| line.split([' ', ':']).nth(2)).collect();
            assert_eq!(options, wanted, "{arguments:?}");
        }
    }

    #[test]
    fn options_with_another_meaning_are_told_apart() {
        for (arguments, wanted) in [
            (["-r", "http://h/"], "follows no links"),
            (["-T", "file"], "sends no data"),
            (["-m", "http://h/"], "follows no links"),
        ] {
            let refused = command().try_get_matches_from(["fetch"].into_iter().chain(arguments)).expect_err("refused");
            assert!(explain(&refused).contains(wanted), "{}", explain(&refused));
        }
    }
}

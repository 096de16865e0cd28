//! What a habit from curl or wget is here.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options of curl (and wget) that are none here, and what to write instead.
const REFLEXES: &[(&[&str], &str)] = &[
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
        "without -o the name is derived; -o FILE names it",
    ),
    (&["--output-document"], "-o FILE names the file"),
    (&["-i", "--include", "-D", "--dump-header", "--save-headers"], "headers are printed without it, to standard output"),
    (&["-C", "--continue-at", "--start-pos"], "-c goes on with an interrupted save"),
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
    (&["--compressed", "--compression"], "content codings are undone without it; --no-compression leaves them"),
    (
        &["-n", "--no-clobber", "--no-verbose", "--no-directories"],
        "--netrc reads ~/.netrc (curl's -n), --skip-existing leaves what is there (wget's -nc), -q is quiet (wget's -nv)",
    ),
    (&["-e", "--referer"], "-H 'Referer: URL' sends it"),
    (&["-z", "--time-cond", "--timestamping", "--etag-save", "--etag-compare"], "-N fetches only what changed"),
    (&["-t", "--tries"], "--retry N tries again N times"),
    (&["-w"], "--json prints what is known of each URL"),
    (&["--write-out"], "--json prints what is known of each URL"),
    (&["-g", "--globoff"], "URLs are taken as they are, without it"),
    (&["-R", "--remote-time"], "files get the server's time without it"),
    (&["-Z", "--parallel", "-K", "--config", "--next"], "fetch reads no configuration, and takes several URLs as they are"),
    (&["-#", "--progress-bar", "--show-progress"], "--progress always shows it"),
    (&["--no-progress-meter"], "--progress never leaves it out"),
    (&["-U", "--proxy-user"], "the proxy's credentials stand in its URL: -x http://NAME:PASSWORD@HOST:PORT (wget's -U is -A)"),
    (&["--no-proxy", "--noproxy"], "-x '' uses no proxy; no_proxy in the environment names hosts"),
    (&["--socks5"], "-x socks5://HOST:PORT"),
    (&["--socks5-hostname"], "-x socks5h://HOST:PORT"),
    (&["--max-redirs", "--max-redirect"], "--max-redirects N"),
    (&["--max-filesize", "-Q", "--quota"], "--max-size BYTES"),
    (&["--no-check-certificate"], "-k trusts whoever answers"),
    (&["--ca-certificate", "--capath", "--ca-directory"], "--cacert FILE; SSL_CERT_DIR names a directory"),
    (&["--load-cookies"], "-b FILE reads cookies"),
    (&["--save-cookies", "--keep-session-cookies", "-j", "--junk-session-cookies"], "--cookie-jar FILE writes all cookies"),
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
    (&["-a", "--output-file"], "2> FILE keeps the messages"),
];

/// Options that have another meaning here: what is said where their value makes no sense.
const FALSE_FRIENDS: &[(&str, &str)] = &[
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
        ErrorKind::UnknownArgument => {
            let reflex = REFLEXES.iter().find(|(habits, _)| habits.contains(&argument.as_str()));
            reflex.map_or_else(|| text.to_owned(), |(_, instead)| format!("there is no {argument} here: {instead}"))
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let friend = FALSE_FRIENDS.iter().find(|(habit, _)| argument.contains(habit));
            friend.map_or_else(
                || text.to_owned(),
                |(_, meaning)| format!("{}\n({meaning})", text.lines().next().unwrap_or_default()),
            )
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    #[test]
    fn no_reflex_is_an_option_of_ours_and_each_is_explained_once() {
        let mut seen = Vec::new();
        for habit in REFLEXES.iter().flat_map(|(habits, _)| *habits) {
            let refused = command().try_get_matches_from(["fetch", "h", habit]).expect_err("refused");
            assert_eq!(refused.kind(), ErrorKind::UnknownArgument, "{habit}");
            assert!(explain(&refused).starts_with(&format!("there is no {habit} here: ")), "{}", explain(&refused));
            assert!(!seen.contains(habit), "{habit} twice");
            seen.push(*habit);
        }
    }

    #[test]
    fn false_friends_are_told_apart() {
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

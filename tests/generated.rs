//! The manual page and the completions of shells: what is checked in is what the definition of the
//! command line gives. `UPDATE=1 cargo test generated` writes them anew.

use clap_complete::{Shell, generate};
use std::fs;
use std::path::Path;

const SYNOPSIS: &str = ".SH SYNOPSIS\n\\fBfetch\\fR [\\fIOPTIONS\\fR] \\fIURL\\fR...\n";

/// What the manual page says besides the options.
const MORE: &str = r#".SH "WHAT SAVED MEANS"
A body grows in \fIFILE\fR.part and becomes \fIFILE\fR in one step, once its framing, its content codings and its checksum are as they must be. Short of that \fIFILE\fR is exactly what it was. A part that can be gone on with stays, with a record of its version in \fIFILE\fR.part.info; \fB\-c\fR goes on with it.
.SH "EXIT STATUS"
.TP
\fB0\fR
all saved
.TP
\fB1\fR
other
.TP
\fB2\fR
usage
.TP
\fB3\fR
a file could not be read or written
.TP
\fB4\fR
network: DNS, connecting, a timeout, a reset, a body cut off
.TP
\fB5\fR
the server\(aqs certificate is not to be trusted
.TP
\fB6\fR
authentication: 401, 407
.TP
\fB7\fR
protocol: a malformed response, a limit, an undecodable body, a checksum
.TP
\fB8\fR
the server answered with an error status
.PP
Where several URLs failed, the lowest of 2 to 8 wins, then 1.
.SH ENVIRONMENT
.TP
\fBhttp_proxy\fR, \fBhttps_proxy\fR, \fBall_proxy\fR
The proxies for http, https, and whichever of the two has none. All but the first also in upper case.
.TP
\fBno_proxy\fR
Where to go without: host names (and all below them), addresses, networks as in 10.0.0.0/8, with a port or without; * for everywhere.
.TP
\fBNETRC\fR
The file that \fB\-\-netrc\fR reads instead of ~/.netrc.
.TP
\fBSSL_CERT_FILE\fR, \fBSSL_CERT_DIR\fR
Certificates to trust instead of the system\(aqs.
.TP
\fBTERM\fR
On a terminal that is \(lqdumb\(rq no progress is drawn. Colours are never used, with \fBNO_COLOR\fR or without.
.SH FILES
.TP
\fIFILE\fR.part, \fIFILE\fR.part.info
A body that is not whole yet, and of what version it is a part. The record holds no credentials. Both names are \fBfetch\fR\(aqs own: what else stands there when \fIFILE\fR is to be saved is removed.
.TP
user.fetch.origin
The extended attribute in which \fIFILE\fR remembers a digest of the URL that it was saved from, its length and its entity tag, for \fB\-N\fR and \fB\-c\fR.
.SH EXAMPLES
.nf
fetch www.sina.com.cn \-o sina.html
fetch \-c https://example.com/large.iso \-o large.iso
fetch \-N https://example.com/feed.xml \-o feed.xml
fetch \-x socks5h://127.0.0.1:9050 http://example.com/ \-o \- | less
.fi
"#;

fn manual() -> Vec<u8> {
    // The date of the version, the same on every day.
    let man = clap_mangen::Man::new(fetch::cli::command()).date("2026-11-21");
    let mut page = Vec::new();
    let rendered = man.render_title(&mut page).and_then(|()| man.render_name_section(&mut page));
    page.extend_from_slice(SYNOPSIS.as_bytes());
    rendered.and_then(|()| man.render_options_section(&mut page)).expect("rendered");
    page.extend_from_slice(MORE.as_bytes());
    page
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut fetch::cli::command(), "fetch", &mut script);
    script
}

#[track_caller]
fn is_fresh(path: &str, wanted: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).and_then(|()| fs::write(&path, wanted)).expect("written");
    }
    let found = fs::read(&path).unwrap_or_default();
    assert!(found == wanted, "{} is not what the command line is: UPDATE=1 cargo test generated", path.display());
}

#[test]
fn the_manual_page_is_fresh() {
    is_fresh("man/fetch.1", &manual());
}

#[test]
fn the_completions_are_fresh() {
    is_fresh("completions/fetch.bash", &completions(Shell::Bash));
    is_fresh("completions/_fetch", &completions(Shell::Zsh));
    is_fresh("completions/fetch.fish", &completions(Shell::Fish));
}

#[test]
fn every_option_is_in_the_help_in_order() {
    // As the contract of the command line has them.
    let wanted = [
        "--output",
        "--dir",
        "--skip-existing",
        "--continue",
        "--newer",
        "--range",
        "--max-size",
        "--sha256",
        "--no-compression",
        "--include-error-body",
        "--quiet",
        "--verbose",
        "--json",
        "--progress",
        "--head",
        "--header",
        "--user-agent",
        "--user",
        "--netrc",
        "--cookie",
        "--cookie-jar",
        "--max-redirects",
        "--proxy",
        "--resolve",
        "--unix-socket",
        "--ipv4",
        "--ipv6",
        "--insecure",
        "--cacert",
        "--connect-timeout",
        "--timeout",
        "--max-time",
        "--retry",
        "--limit-rate",
        "--allow-private",
    ];
    let help = fetch::cli::command().render_help().to_string();
    let options: Vec<&str> = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")))
        .collect();
    assert_eq!(options, [&["--help", "--version"], &wanted[..]].concat());
}

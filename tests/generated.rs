//! The manual page and the completions of shells: what is checked in is what the definition of the
//! command line gives. `UPDATE=1 cargo test generated` writes them anew.

use clap_complete::{Shell, generate};
use std::fs;
use std::path::Path;

const SYNOPSIS: &str = ".SH SYNOPSIS\n\\fBfetch\\fR [\\fIOPTIONS\\fR] \\fIURL\\fR...\n.br\n\\fBfetch\\fR [\\fIOPTIONS\\fR] \\fB\\-i\\fR \\fIFILE\\fR\n";

/// What the manual page says before the options.
const DESCRIPTION: &str = r#".SH DESCRIPTION
\fBfetch\fR requests each \fIURL\fR with an HTTP/1.1 GET, follows redirects, decodes the content codings, prints the response headers on standard output and saves the body.
.PP
A save is atomic. A body grows in \fIFILE\fR.part and becomes \fIFILE\fR in one step, once its framing, its content codings and its checksum are as they must be. Short of that \fIFILE\fR is exactly what it was, and the reason is on standard error. A part that can be resumed is kept, with a record of its version in \fIFILE\fR.part.info; \fB\-c\fR completes it.
.PP
Without \fB\-o\fR the name is Content\-Disposition\(aqs, else the last path segment of the URL that is not empty, else its host; HTML gets .html where the name has no extension. A derived name is one plain file name, and never replaces a file: page.html, page\-1.html.
.PP
After a save, one line on standard error names the file and its size; one says what is already complete, not newer, started over, or kept for \fB\-c\fR. With \fB\-o \-\fR the body goes to standard output, and the headers to standard error.
.PP
With \fB\-i\fR each line of \fIFILE\fR is a URL, or a URL, a tab and a FILE, whose directories are made. Many are fetched at once (\fB\-j\fR, \fB\-\-per\-host\fR, \fB\-\-wait\fR); one failure stops no other, and a host that is slow or dead holds up no other. The lines of \fB\-\-json\fR are a checkpoint: a URL that has one is done, and an error that is \fBretryable\fR, an interrupted URL\(aqs too, may go away. Only a last line can lack its end.
.PP
With \fB\-p\fR a page is saved with what it refers to, as one file that opens without a network. What cannot be had keeps its absolute URL, and is named; the exit status is 0 all the same, also where \fB\-m\fR ends the wait for the rest. Scripts are not run: what they load by themselves is not in the file.
.PP
Transient failures are tried again, and a retry resumes. Credentials, cookies given literally and \fB\-H\fR fields go to the origin that was asked for and no other.
"#;

/// What it says after them.
const MORE: &str = r#".SH EXAMPLES
.TP
\fBfetch www.sina.com.cn \-o sina.html\fR
Save a page under this name, or leave the old file as it was.
.TP
\fBfetch example.com \-o \- | less\fR
Read it.
.TP
\fBfetch \-c https://example.com/large.iso\fR
Complete an interrupted save.
.TP
\fBfetch \-N https://example.com/feed.xml \-o feed.xml\fR
Fetch it if it has changed.
.TP
\fBfetch \-p example.com \-o page.html\fR
Save a page with its images, style sheets, fonts, scripts, frames and media in it.
.TP
\fBfetch \-q https://example.com/a https://example.com/b \-P dir\fR
Save several, over one connection.
.TP
\fBfetch \-i urls.txt \-P dir \-\-skip\-existing\fR
Save what is missing of a list.
.TP
\fBfetch \-q \-\-json \-i urls.txt \-P dir \-\-warc crawl.warc.gz > done.jsonl\fR
Save a list, with a line for each URL and a record of every exchange.
.TP
\fBfetch \-x socks5h://127.0.0.1:9050 http://example.com/\fR
Go through a SOCKS proxy, which resolves the name.
.SH "JSON"
\fB\-\-json\fR prints one object for each URL, on a line of its own. What was not found out is null.
.TP
\fBid\fR
the number of its line in the input, counted from 1 and behind the URLs of the command line
.TP
\fBurl\fR, \fBfinal_url\fR
the URL asked for, without userinfo, and the one that answered last
.TP
\fBstatus\fR, \fBheaders\fR
the last response: its status code, and an object of its fields: names in lower case, each with a list of values
.TP
\fBfile\fR, \fBbytes\fR, \fBsha256\fR
the file that was saved or was there already, how many bytes were saved, and their SHA\-256
.TP
\fBwire_bytes\fR
how many bytes of the bodies to be saved came over the wire, framing not counted, every try included
.TP
\fBip\fR, \fBredirects\fR, \fBattempts\fR
the address connected to last, the redirects followed, the tries made
.TP
\fBtimings\fR
seconds: \fBdns\fR, \fBconnect\fR and \fBtls\fR of the last connection, \fBfirst_byte\fR and \fBtotal\fR from the start
.TP
\fBwarc\fR
where \fB\-\-warc\fR recorded the last response: an object of \fBfile\fR, \fBoffset\fR and \fBlength\fR, in bytes
.TP
\fBassets\fR
with \fB\-p\fR, what the page refers to: how many URLs were \fBfound\fR, how many of them are \fBsaved\fR in it, and a list of those that are \fBmissing\fR, each with its \fBurl\fR and a \fBreason\fR
.TP
\fBexit\fR, \fBerror\fR
the exit status of this URL alone; null, or an object of \fBkind\fR (other, usage, file, network, verification, authentication, protocol, status, closed_pipe), \fBmessage\fR and \fBretryable\fR
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
a file could not be read or written; the reader of the body, or of the JSON lines of a list, closed the pipe
.TP
\fB4\fR
network: DNS, connecting, a timeout, a reset, a body cut off
.TP
\fB5\fR
the server\(aqs certificate cannot be trusted
.TP
\fB6\fR
authentication: 401, 407
.TP
\fB7\fR
protocol: a malformed response, a limit, an undecodable body, a checksum
.TP
\fB8\fR
the server answered with an error status, or with nothing to save (204, 205)
.PP
Where several URLs failed, the lowest of 2 to 8 wins, then 1.
.SH ENVIRONMENT
.TP
\fBhttp_proxy\fR, \fBhttps_proxy\fR, \fBall_proxy\fR
The proxies for http, for https, and for either that has none. All but the first also in upper case.
.TP
\fBno_proxy\fR
Where to go without: host names (and all below them), addresses, networks as in 10.0.0.0/8, with a port or without; * for everywhere.
.TP
\fBHOME\fR, \fBNETRC\fR
\fB\-\-netrc\fR reads the file that \fBNETRC\fR names, else .netrc in the home directory.
.TP
\fBSSL_CERT_FILE\fR, \fBSSL_CERT_DIR\fR
Certificates to trust instead of the system\(aqs.
.TP
\fBTERM\fR
On a terminal that is \(lqdumb\(rq no progress is drawn. Colours are never used, with \fBNO_COLOR\fR or without.
.SH FILES
.TP
\fIFILE\fR.part, \fIFILE\fR.part.info
A body that is not whole yet, and of what version it is a part. The record holds no address and no credentials. What else stands there is never removed or written to: exit status 3.
.TP
user.fetch.origin
The extended attribute in which \fIFILE\fR records a digest of the URL that it was saved from, its length, time and entity tag, for \fB\-N\fR and \fB\-c\fR. A part file is marked in it.
.SH "SEE ALSO"
.BR curl (1),
.BR wget (1)
"#;

fn manual() -> Vec<u8> {
    // The date of the version, the same on every day.
    let man = clap_mangen::Man::new(fetch::cli::command()).date("2026-11-25");
    let mut page = Vec::new();
    let rendered = man.render_title(&mut page).and_then(|()| man.render_name_section(&mut page));
    page.extend_from_slice([SYNOPSIS, DESCRIPTION].concat().as_bytes());
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
        "--page",
        "--omit",
        "--base",
        "--warc",
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
        "--input-file",
        "--jobs",
        "--per-host",
        "--wait",
    ];
    let help = fetch::cli::command().render_help().to_string();
    let options: Vec<&str> = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")))
        .collect();
    assert_eq!(options, [&["--help", "--version"], &wanted[..]].concat());
}

//! The definition of the command line.

use super::values::{Seconds, at_least_one, bytes, count, host_override, named, pause, range, seconds, sha256, when};
use crate::client::DEFAULT_MAX_REDIRECTS;
use crate::http::ByteRange;
use crate::net::{DEFAULT_LIMITS, HostOverride};
use crate::page::Omit;
use crate::report::When;
use crate::run::DEFAULT_RETRIES;
use clap::{ArgAction, Parser, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

/// What --help says after the options.
const AFTER_HELP: &str = "\
File names: without -o, Content-Disposition's, else the last path segment of the URL, else its host; HTML gets .html \
where the name has no extension, and with -p always. It never replaces a file: page.html, page-1.html, ...

Standard output: the response headers, or with -o - the body (the headers then go to standard error). Standard error: the \
name and size of what was saved, progress, notes, errors.

Exit status: 0 all saved, 1 other, 2 usage, 3 file, 4 network, 5 TLS verification, 6 authentication (401, 407), 7 protocol, \
8 the server answered with an error status.

Examples:
  fetch www.sina.com.cn -o sina.html
  fetch example.com -o - | less
  fetch -c https://example.com/large.iso
  fetch -N https://example.com/feed.xml -o feed.xml
  fetch -p example.com -o page.html
  fetch -q https://example.com/a https://example.com/b -P dir
  fetch -i urls.txt -P dir --skip-existing
  fetch -q --json -i urls.txt -P dir --warc crawl.warc.gz > done.jsonl";

/// Fetches a page and saves it: the whole body under its name, or the old file untouched.
#[derive(Debug, Parser)]
#[command(
    name = "fetch",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "fetch [OPTIONS] URL...\n       fetch [OPTIONS] -i FILE",
    after_help = AFTER_HELP
)]
pub(super) struct Cli {
    /// What to fetch; without a scheme, http:// (with -u, https://)
    #[arg(value_name = "URL", required_unless_present = "input_file")]
    pub(super) urls: Vec<OsString>,

    /// Save the body as FILE (one URL only); - writes it to standard output
    #[arg(short, long, value_name = "FILE", value_parser = named(), help_heading = "What is saved")]
    pub(super) output: Option<PathBuf>,
    /// The directory for derived names; made if missing
    #[arg(short = 'P', long = "dir", value_name = "DIR", value_parser = named(), conflicts_with = "output", help_heading = "What is saved")]
    pub(super) directory: Option<PathBuf>,
    /// A URL whose file is already there is done
    #[arg(long, help_heading = "What is saved")]
    pub(super) skip_existing: bool,
    /// Save the complete page as one self-contained HTML file: images, style sheets, fonts, scripts, frames and media in
    /// it, and nothing from the network when it is opened. What is no HTML, or an error, is saved as it is; not with -c,
    /// -N, -r or -I
    #[arg(short, long, conflicts_with_all = ["resume", "newer", "range", "head"], help_heading = "What is saved")]
    pub(super) page: bool,
    /// With -p: leave out some of images, css, fonts, js, frames, media (comma-separated)
    #[arg(long, value_name = "KINDS", requires = "page", help_heading = "What is saved")]
    pub(super) omit: Option<Omit>,
    /// With -p -: the HTML comes from standard input (a browser's rendered DOM, say), and this is its address
    #[arg(long, value_name = "URL", requires = "page", help_heading = "What is saved")]
    pub(super) base: Option<String>,
    /// Also record every exchange in FILE as WARC/1.1, redirects and assets too; one gzip member a record where FILE ends in .gz
    #[arg(long, value_name = "FILE", value_parser = named(), help_heading = "What is saved")]
    pub(super) warc: Option<PathBuf>,
    /// Finish an interrupted save: FILE.part is completed with Range and If-Range, only on a strong validator that
    /// the 206 confirms and if that starts where it must; else it starts over. A file that is already complete, by
    /// its recorded entity tag or its time and length, is done
    #[arg(short = 'c', long = "continue", help_heading = "What is saved")]
    pub(super) resume: bool,
    /// Fetch only what changed: If-Modified-Since from FILE's time, If-None-Match from its recorded ETag; unchanged
    /// exits 0 and touches nothing. A FILE that is no longer what was saved is asked for whole
    #[arg(short = 'N', long, help_heading = "What is saved")]
    pub(super) newer: bool,
    /// Ask for this byte range (0-499, 500-, -500); not with -c or -N
    #[arg(short, long, value_name = "RANGE", value_parser = range, allow_hyphen_values = true, conflicts_with_all = ["resume", "newer"], help_heading = "What is saved")]
    pub(super) range: Option<ByteRange>,
    /// Refuse a body that is larger, on the wire or decoded (suffixes k, M, G). With -p this limits
    /// each asset [default: 64M]; the page's own limit is 512M, or BYTES if larger
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true, help_heading = "What is saved")]
    pub(super) max_size: Option<u64>,
    /// Save only a body with this SHA-256
    #[arg(long, value_name = "HEX", value_parser = sha256, help_heading = "What is saved")]
    pub(super) sha256: Option<[u8; 32]>,
    /// Neither request nor decode content codings (gzip, deflate, br, zstd are decoded by default)
    #[arg(long, help_heading = "What is saved")]
    pub(super) no_compression: bool,
    /// Save the body of a 4xx or 5xx response too (the exit status stays 8)
    #[arg(long, help_heading = "What is saved")]
    pub(super) include_error_body: bool,

    /// No headers, no progress, no notes; errors still
    #[arg(short, long, help_heading = "What is printed")]
    pub(super) quiet: bool,
    /// Also what was tried and used: addresses, TLS version and certificate subject, the request's header section
    /// (credentials hidden), timings
    #[arg(short, long, help_heading = "What is printed")]
    pub(super) verbose: bool,
    /// Instead of headers, one JSON object for each URL on standard output, written whole and at once, in order of
    /// completion; with -p it says which assets are missing, and why
    #[arg(long, help_heading = "What is printed")]
    pub(super) json: bool,
    /// Show progress: auto (a bar on a terminal), always, never
    #[arg(long, value_name = "WHEN", value_parser = when(), hide_possible_values = true, default_value = "auto", hide_default_value = true, help_heading = "What is printed")]
    pub(super) progress: When,

    /// HEAD: print the headers, save nothing
    #[arg(short = 'I', long, help_heading = "The request")]
    pub(super) head: bool,
    /// Add a field; the first of a name takes the place of fetch's own, further ones are added; 'Name:' removes it;
    /// CR, LF or NUL in it is bad usage
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = "The request")]
    pub(super) headers: Vec<OsString>,
    /// User-Agent
    #[arg(short = 'A', long, value_name = "TEXT", help_heading = "The request")]
    pub(super) user_agent: Option<String>,
    /// Basic authentication (asks on the terminal for a missing password); else the URL's userinfo, else --netrc
    #[arg(short, long, value_name = "NAME[:PASSWORD]", help_heading = "The request")]
    pub(super) user: Option<String>,
    /// Credentials from ~/.netrc (or $NETRC)
    #[arg(long, help_heading = "The request")]
    pub(super) netrc: bool,
    /// Send these, or read a Netscape cookie file; read only. A file that is missing is an error, unless it is the
    /// --cookie-jar too: then it is empty
    #[arg(short = 'b', long, value_name = "'a=1; b=2'|FILE", value_hint = ValueHint::FilePath, help_heading = "The request")]
    pub(super) cookie: Vec<OsString>,
    /// Write all cookies here at the end (atomic, mode 0600)
    #[arg(long, value_name = "FILE", value_parser = named(), help_heading = "The request")]
    pub(super) cookie_jar: Option<PathBuf>,

    /// Follow at most N redirects; with 0 the 3xx response is the result
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_REDIRECTS, value_parser = count, allow_negative_numbers = true, help_heading = "The connection")]
    pub(super) max_redirects: u32,
    /// http://, https://, socks5://, socks5h://; else http_proxy (lower case only), https_proxy, all_proxy, no_proxy;
    /// -x '' for none
    #[arg(short = 'x', long, value_name = "URL", help_heading = "The connection")]
    pub(super) proxy: Option<String>,
    /// Use ADDR for that host and port (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = host_override, help_heading = "The connection")]
    pub(super) resolve: Vec<HostOverride>,
    /// Connect through this Unix socket
    #[arg(long, value_name = "PATH", value_parser = named(), help_heading = "The connection")]
    pub(super) unix_socket: Option<PathBuf>,
    /// Only IPv4 addresses
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "The connection")]
    pub(super) ipv4: bool,
    /// Only IPv6 addresses
    #[arg(short = '6', long, help_heading = "The connection")]
    pub(super) ipv6: bool,
    /// Do not verify the server's certificate
    #[arg(short = 'k', long, help_heading = "The connection")]
    pub(super) insecure: bool,
    /// Trust these PEM roots instead of the system's (SSL_CERT_FILE and SSL_CERT_DIR work too)
    #[arg(long, value_name = "FILE", value_parser = named(), help_heading = "The connection")]
    pub(super) cacert: Option<PathBuf>,
    /// The longest that connecting may take, every address tried included; 0 for no limit
    #[arg(long, value_name = "SECS", default_value_t = Seconds(DEFAULT_LIMITS.connect), value_parser = seconds(), allow_negative_numbers = true, help_heading = "The connection")]
    pub(super) connect_timeout: Seconds,
    /// The longest silence while waiting for bytes; 0 for no limit
    #[arg(short = 'T', long, value_name = "SECS", default_value_t = Seconds(DEFAULT_LIMITS.idle), value_parser = seconds(), allow_negative_numbers = true, help_heading = "The connection")]
    pub(super) timeout: Seconds,
    /// The whole operation's limit, redirects, retries, decoding and printing included
    #[arg(short, long, value_name = "SECS", default_value_t = Seconds(DEFAULT_LIMITS.max_time), hide_default_value = true, value_parser = seconds(), allow_negative_numbers = true, help_heading = "The connection")]
    pub(super) max_time: Seconds,
    /// Again after a transient failure (connect, timeout, reset, cut-off body, 408, 429, 500, 502, 503, 504): exponential
    /// back-off with jitter, Retry-After honoured up to 60 s; a retry resumes where the last try stopped, by the rules
    /// of -c
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETRIES, value_parser = count, allow_negative_numbers = true, help_heading = "The connection")]
    pub(super) retry: u32,
    /// At most this many bytes a second (suffixes k, M, G)
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true, help_heading = "The connection")]
    pub(super) limit_rate: Option<u64>,
    /// Let redirects and the assets of pages lead from a public address to a loopback, private, link-local or otherwise
    /// special one
    #[arg(long, help_heading = "The connection")]
    pub(super) allow_private: bool,

    /// More URLs, one a line, # comments, optionally a tab and a FILE after the URL; - reads standard input as it comes
    #[arg(short = 'i', long, value_name = "FILE", value_parser = named(), conflicts_with = "output", help_heading = "Many URLs")]
    pub(super) input_file: Vec<PathBuf>,
    /// At most N requests at once in all [default: 32]
    #[arg(short = 'j', long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true, help_heading = "Many URLs")]
    pub(super) jobs: Option<usize>,
    /// At most N requests at once to one host and port [default: 6, and 24 for the assets of a page; without -i and -j
    /// the URLs of a host are fetched one after another]
    #[arg(long, value_name = "N", value_parser = at_least_one, allow_negative_numbers = true, help_heading = "Many URLs")]
    pub(super) per_host: Option<usize>,
    /// At least this long between requests to one host and port
    #[arg(long, value_name = "SECS", default_value_t = Seconds(None), hide_default_value = true, value_parser = pause(), allow_negative_numbers = true, help_heading = "Many URLs")]
    pub(super) wait: Seconds,

    #[arg(short = 'h', long, action = ArgAction::Help, help = "Print this help")]
    pub(super) help: Option<bool>,
    #[arg(short = 'V', long, action = ArgAction::Version, help = "Print the version")]
    pub(super) version: Option<bool>,
}

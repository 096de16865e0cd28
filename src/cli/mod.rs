//! The command line: [`Cli`] is what was typed, [`Job`] what was meant. After the second nothing is
//! a usage error.

mod address;
mod curl_hints;
mod values;

use crate::client::{Config, Credentials, FieldEdits, Jar, Netrc};
use crate::error::{Error, Kind, system_words};
use crate::http::{ByteRange, Fields, Method};
use crate::net::{Family, HostOverride, Limits, Proxies, Proxy, ResolveConfig, Trust};
use crate::report::{Report, Shown, When};
use crate::run::{Job, Output, SaveOptions};
use address::url;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, ValueHint};
use percent_encoding::{AsciiSet, percent_encode};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::Url;
use values::{Seconds, bytes, count, field, host_override, named, range, seconds, sha256, when};

/// Fetches a page and saves it: the whole body under its name, or the old file untouched.
#[derive(Debug, Parser)]
#[command(
    name = "fetch",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    override_usage = "fetch [OPTIONS] URL..."
)]
pub struct Cli {
    /// What to fetch; without a scheme, http:// (with -u, https://)
    #[arg(value_name = "URL", required = true)]
    urls: Vec<OsString>,

    /// Save the body as FILE (one URL only); - writes it to standard output
    #[arg(short, long, value_name = "FILE", value_parser = named(), help_heading = "What is saved")]
    output: Option<PathBuf>,
    /// The directory for derived names; made if missing
    #[arg(short = 'P', long = "dir", value_name = "DIR", value_parser = named(), conflicts_with = "output", help_heading = "What is saved")]
    directory: Option<PathBuf>,
    /// A URL whose file is already there is done
    #[arg(long, help_heading = "What is saved")]
    skip_existing: bool,
    /// Finish an interrupted save: FILE.part goes on with Range and If-Range, only on a strong validator that still
    /// matches and a 206 that starts where it must; else it starts over. A file that is already complete is done
    #[arg(short = 'c', long = "continue", help_heading = "What is saved")]
    resume: bool,
    /// Fetch only what changed: If-Modified-Since from FILE's time, If-None-Match from its recorded ETag; unchanged
    /// exits 0 and touches nothing
    #[arg(short = 'N', long, help_heading = "What is saved")]
    newer: bool,
    /// RequestOptions for this byte range (0-499, 500-, -500); not with -c
    #[arg(short, long, value_name = "RANGE", value_parser = range, allow_hyphen_values = true, conflicts_with_all = ["resume", "newer"], help_heading = "What is saved")]
    range: Option<ByteRange>,
    /// Refuse a body that is larger, on the wire or decoded (suffixes k, M, G)
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true, help_heading = "What is saved")]
    max_size: Option<u64>,
    /// Save only a body with this SHA-256
    #[arg(long, value_name = "HEX", value_parser = sha256, help_heading = "What is saved")]
    sha256: Option<[u8; 32]>,
    /// Neither ask for nor undo content codings (gzip, deflate, br, zstd are undone by default)
    #[arg(long, help_heading = "What is saved")]
    no_compression: bool,
    /// Save the body of a 4xx or 5xx response too (the exit status stays 8)
    #[arg(long, help_heading = "What is saved")]
    include_error_body: bool,

    /// No headers, no progress; errors still
    #[arg(short, long, help_heading = "What is printed")]
    quiet: bool,
    /// Also what was tried and used: addresses, TLS version and certificate subject, the request's header section
    /// (credentials hidden), timings
    #[arg(short, long, help_heading = "What is printed")]
    verbose: bool,
    /// Instead of headers, one JSON object for each URL on standard output, written whole and at once, in order of
    /// completion
    #[arg(long, help_heading = "What is printed")]
    json: bool,
    /// Show progress: auto (a bar on a terminal), always, never
    #[arg(long, value_name = "WHEN", value_parser = when(), hide_possible_values = true, default_value = "auto", hide_default_value = true, help_heading = "What is printed")]
    progress: When,

    /// HEAD: print the headers, save nothing
    #[arg(short = 'I', long, help_heading = "The request")]
    head: bool,
    /// Add or replace a field; 'Name:' removes it; CR, LF or NUL in it is bad usage
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = "The request")]
    headers: Vec<OsString>,
    /// User-Agent
    #[arg(short = 'A', long, value_name = "TEXT", help_heading = "The request")]
    user_agent: Option<String>,
    /// Basic authentication; also from the URL's userinfo, and from --netrc (asks on the terminal for a missing password)
    #[arg(short, long, value_name = "NAME[:PASSWORD]", help_heading = "The request")]
    user: Option<String>,
    /// Credentials from ~/.netrc (or $NETRC)
    #[arg(long, help_heading = "The request")]
    netrc: bool,
    /// Send these, or read a Netscape cookie file; read only. A file that is missing is an error, unless it is the
    /// --cookie-jar too: then it is empty
    #[arg(short = 'b', long, value_name = "'a=1; b=2'|FILE", value_hint = ValueHint::FilePath, help_heading = "The request")]
    cookie: Vec<OsString>,
    /// Write all cookies here at the end (atomic, mode 0600)
    #[arg(long, value_name = "FILE", value_parser = named(), help_heading = "The request")]
    cookie_jar: Option<PathBuf>,

    /// Follow at most N; with 0 the 3xx response is the result
    #[arg(long, value_name = "N", default_value = "20", value_parser = count, allow_negative_numbers = true, help_heading = "The connection")]
    max_redirects: u32,
    /// http://, https://, socks5://, socks5h://; else http_proxy (lower case only), https_proxy, all_proxy, no_proxy; -x ''
    /// for none
    #[arg(short = 'x', long, value_name = "URL", help_heading = "The connection")]
    proxy: Option<String>,
    /// Use ADDR for that host and port (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = host_override, help_heading = "The connection")]
    resolve: Vec<HostOverride>,
    /// Connect through this Unix socket
    #[arg(long, value_name = "PATH", value_parser = named(), help_heading = "The connection")]
    unix_socket: Option<PathBuf>,
    /// Only IPv4 addresses
    #[arg(short = '4', long, overrides_with = "ipv6", help_heading = "The connection")]
    ipv4: bool,
    /// Only IPv6 addresses
    #[arg(short = '6', long, overrides_with = "ipv4", help_heading = "The connection")]
    ipv6: bool,
    /// Do not verify the server's certificate
    #[arg(short = 'k', long, help_heading = "The connection")]
    insecure: bool,
    /// Trust these PEM roots instead of the system's (SSL_CERT_FILE and SSL_CERT_DIR work too)
    #[arg(long, value_name = "FILE", value_parser = named(), help_heading = "The connection")]
    cacert: Option<PathBuf>,
    /// The longest that connecting may take, every address tried included; 0 for no limit
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds(), allow_negative_numbers = true, help_heading = "The connection")]
    connect_timeout: Seconds,
    /// The longest idle while waiting for bytes; 0 for no limit
    #[arg(short = 'T', long, value_name = "SECS", default_value = "30", value_parser = seconds(), allow_negative_numbers = true, help_heading = "The connection")]
    timeout: Seconds,
    /// The whole operation's limit, redirects and retries included
    #[arg(short, long, value_name = "SECS", default_value = "0", hide_default_value = true, value_parser = seconds(), allow_negative_numbers = true, help_heading = "The connection")]
    max_time: Seconds,
    /// Again after a passing failure (connect, timeout, reset, cut-off body, 408, 429, 500, 502, 503, 504): exponential
    /// back-off with jitter, Retry-After honoured up to 60 s; a retry goes on where the last try stopped, by the rules of -c
    #[arg(long, value_name = "N", default_value = "2", value_parser = count, allow_negative_numbers = true, help_heading = "The connection")]
    retry: u32,
    /// At most this many bytes a second (suffixes k, M, G)
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_negative_numbers = true, help_heading = "The connection")]
    limit_rate: Option<u64>,
    /// Let redirects lead from a public address to a loopback, private, link-local or otherwise special one
    #[arg(long, help_heading = "The connection")]
    allow_private: bool,

    #[arg(short = 'h', long, action = ArgAction::Help, help = "Print this help")]
    help: Option<bool>,
    #[arg(short = 'V', long, action = ArgAction::Version, help = "Print the version")]
    version: Option<bool>,
}

/// The definition of the command line, for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// The names of standard output: opened again under its own, it would lose what was printed.
const STDOUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Reads a command line, and the files that it names for the request.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<(Job, Report), ParseExit> {
    let arguments: Vec<OsString> = arguments.collect();
    let mut command = command();
    let parsed = command.try_get_matches_from_mut(&arguments).and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli = parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ParseExit::Help(error.to_string()),
        ErrorKind::UnknownArgument => {
            let known = |letter| command.get_arguments().any(|argument| argument.get_short() == Some(letter));
            let explained = curl_hints::explain(&error);
            let rest = curl_hints::rest_of_bundle(&arguments, known, &explained);
            ParseExit::Error(Error::new(Kind::Usage, explained + &rest))
        }
        _ => ParseExit::Error(Error::new(Kind::Usage, curl_hints::explain(&error))),
    })?;
    // To take the definition apart would be a tenth of the work of a short run.
    std::mem::forget(command);
    cli.into_job().map_err(ParseExit::Error)
}

/// Why a command line makes no job.
#[derive(Debug)]
pub enum ParseExit {
    /// Help was asked for: this.
    Help(String),
    /// Something is wrong with it, or with a file that it names.
    Error(Error),
}

impl Cli {
    fn into_job(self) -> Result<(Job, Report), Error> {
        if self.output.is_some() && self.urls.len() > 1 {
            let what = "-o names one file, and there are several URLs";
            let hint = match self.resume {
                true => "-c continues a save, and --cookie-jar FILE is curl's -c",
                false => "-P DIR saves them under derived names",
            };
            return Err(Error::new(Kind::Usage, what).hint(hint));
        }
        let netrc = if self.netrc { Some(read_netrc()?) } else { None };
        let cookies = self.cookies()?;
        let (user_agent, fields) = self.fields()?;
        let with_credentials = self.has_credentials(&cookies, &fields);
        let mut urls = Vec::with_capacity(self.urls.len());
        for text in &self.urls {
            // Bytes of whatever charset go out percent-encoded as they are.
            let text = text.to_str().map_or_else(|| percent_encode(text.as_bytes(), &AsciiSet::EMPTY).into(), Cow::Borrowed);
            urls.push(url(&text, with_credentials, netrc.as_ref())?);
        }
        let (login, credentials) = match &self.user {
            Some(user) => credentials(user, &urls, netrc.as_ref())?,
            None => (None, None),
        };
        let output = match (&self.output, &self.directory) {
            (Some(file), _) if STDOUT.iter().any(|name| file == OsStr::new(name)) => Output::Stdout,
            (Some(file), _) => Output::File(file.clone()),
            (None, directory) => Output::Directory(directory.clone().unwrap_or(PathBuf::from("."))),
        };
        let config = Config {
            method: if self.head { Method::Head } else { Method::Get },
            user_agent,
            fields,
            credentials,
            login,
            netrc,
            cookies: cookies.jar,
            origin_cookies: cookies.home,
            compression: !self.no_compression,
            max_redirects: self.max_redirects,
            limits: Limits { connect: self.connect_timeout.0, idle: self.timeout.0, max_time: self.max_time.0 },
            proxies: self.proxies()?,
            route: ResolveConfig { family: self.family(), overrides: self.resolve, unix_socket: self.unix_socket },
            allow_private: self.allow_private,
            trust: match self.cacert {
                _ if self.insecure => Trust::anyone(),
                Some(path) => Trust::file(path),
                None => Trust::system(),
            },
        };
        let report = Report {
            shown: match (self.json, self.quiet) {
                (true, _) => Shown::Summaries,
                (false, false) => Shown::Heads,
                (false, true) => Shown::Nothing,
            },
            on_stderr: output == Output::Stdout && !self.head,
            verbose: self.verbose,
            quiet: self.quiet,
            progress: if self.quiet && self.progress == When::Auto { When::Never } else { self.progress },
            closed: false,
        };
        for (file, notice) in cookies.notices {
            report.notice(&file, &notice);
        }
        let options = SaveOptions {
            skip_existing: self.skip_existing,
            resume: self.resume,
            newer: self.newer,
            range: self.range,
            max_size: self.max_size,
            sha256: self.sha256,
            include_error_body: self.include_error_body,
            retries: self.retry,
            limit_rate: self.limit_rate.filter(|rate| *rate > 0),
        };
        Ok((Job { urls, output, config, options, cookie_jar: self.cookie_jar }, report))
    }

    /// User-Agent, and what -H says.
    fn fields(&self) -> Result<(String, FieldEdits), Error> {
        let mut fields = FieldEdits::new();
        for text in &self.headers {
            fields.push(field(text).map_err(|why| Error::new(Kind::Usage, "cannot send what -H says").because(why))?);
        }
        let user_agent = self.user_agent.clone().unwrap_or(Config::default().user_agent);
        if Fields::new().append("User-Agent", user_agent.as_bytes()).is_err() {
            return Err(Error::new(Kind::Usage, "-A: a field value has no CR, LF or NUL"));
        }
        Ok((user_agent, fields))
    }

    /// Whether credentials go along: then a URL without a scheme is https.
    fn has_credentials(&self, cookies: &Cookies, fields: &FieldEdits) -> bool {
        let secret = |name: &str| ["Authorization", "Cookie", "Proxy-Authorization"].iter().any(|s| s.eq_ignore_ascii_case(name));
        let field = fields.iter().any(|(name, value)| value.is_some() && secret(name));
        self.user.is_some() || !cookies.home.is_empty() || field
    }

    fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }

    fn proxies(&self) -> Result<Proxies, Error> {
        match self.proxy.as_deref() {
            None => Ok(Proxies::from_environment(|name| std::env::var(name).ok())),
            Some("") => Ok(Proxies::default()),
            Some(_) if self.unix_socket.is_some() => {
                Err(Error::new(Kind::Usage, "-x and --unix-socket: there is one way only, a proxy or a Unix socket"))
            }
            Some(text) => Proxy::parse(text).map(Proxies::all).map_err(|why| Error::new(Kind::Usage, format!("-x: {why}"))),
        }
    }

    fn cookies(&self) -> Result<Cookies, Error> {
        let Cookies { mut jar, mut home, mut notices } = Cookies::default();
        let is_jar = |path: &Path| {
            let absolute = |path: &Path| std::path::absolute(path).ok();
            self.cookie_jar.as_deref().is_some_and(|jar| absolute(jar) == absolute(path))
        };
        for value in self.cookie.iter().filter(|value| !value.is_empty()) {
            if value.as_bytes().contains(&b'=') {
                let text = value.to_str().filter(|text| !text.contains(char::is_control));
                let text = text.ok_or_else(|| Error::new(Kind::Usage, "-b: cookies are text without control characters"))?;
                home.push(text.trim_matches([';', ' ']).to_owned());
                continue;
            }
            let path = Path::new(value);
            match fs::read(path) {
                Ok(file) => notices.extend(jar.add_netscape(&file, SystemTime::now()).map(|number| {
                    let notice = format!(
                        "line {number} is no cookie in Netscape's format, and is left out like any after it that is none"
                    );
                    (path.display().to_string(), notice)
                })),
                Err(error) if error.kind() == io::ErrorKind::NotFound && is_jar(path) => {}
                Err(error) => return Err(unreadable("cookies", path, system_words(&error))),
            }
        }
        Ok(Cookies { jar, home, notices })
    }
}

/// What -b says.
#[derive(Default)]
struct Cookies {
    /// Those in files.
    jar: Jar,
    /// Those on the command line.
    home: Vec<String>,
    /// Files, and what is to be said of them.
    notices: Vec<(String, String)>,
}

fn unreadable(what: &str, path: &Path, why: String) -> Error {
    Error::new(Kind::File, format!("cannot read {what} from {}", path.display())).because(why)
}

fn read_netrc() -> Result<Netrc, Error> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME").filter(|home| !home.is_empty())?).join(".netrc"));
    let named = std::env::var_os("NETRC").filter(|name| !name.is_empty()).map(PathBuf::from);
    let path = named.or_else(home).ok_or_else(|| Error::new(Kind::File, "--netrc: neither NETRC nor HOME says where it is"))?;
    let bytes = fs::read(&path).map_err(|error| unreadable("credentials", &path, system_words(&error)))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("credentials", &path, "it is not UTF-8".to_owned()))?;
    Netrc::parse(&text).map_err(|why| unreadable("credentials", &path, why))
}

/// What -u says: whom to look up on file, and the credentials of a user who is not there for some URL,
/// asked for if need be.
fn credentials(user: &str, urls: &[Url], netrc: Option<&Netrc>) -> Result<(Option<String>, Option<Credentials>), Error> {
    if user.contains(char::is_control) {
        return Err(Error::new(Kind::Usage, "-u: a name or password has no control characters (RFC 7617)"));
    }
    if let Some((name, password)) = user.split_once(':') {
        return Ok((None, Some(Credentials::new(name, password))));
    }
    let login = Some(user.to_owned());
    if urls.iter().all(|url| netrc.is_some_and(|netrc| netrc.find(url, Some(user)).is_some())) {
        return Ok((login, None));
    }
    let failed = |error: io::Error| {
        Error::new(Kind::Usage, "-u without a password, and no terminal to ask on").because(system_words(&error))
    };
    let password = rpassword::prompt_password(format!("password for {user}: ")).map_err(failed)?;
    Ok((login, Some(Credentials::new(user, &password))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn parsed(arguments: &[&str]) -> Result<Job, String> {
        let arguments = std::iter::once("fetch").chain(arguments.iter().copied()).map(OsString::from);
        match parse(arguments) {
            Ok((job, _)) => Ok(job),
            Err(ParseExit::Error(error)) => Err(error.to_string()),
            Err(ParseExit::Help(text)) => Err(text),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
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
            assert_eq!(parsed(arguments).map(|job| job.urls[0].to_string()), Ok(url.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        for (arguments, why) in [
            (&[][..], "URL"),
            (&["ftp://h/"], "neither http nor https"),
            (&["file:/etc/passwd"], "neither http nor https"),
            (&["mailto:a@b"], "neither http nor https"),
            (&["sip:a@b"], "neither http nor https"),
            (&["http://"], "empty host"),
            (&["http:"], "empty host"),
            (&["http://h:99999/"], "invalid port"),
            (&["h", "g", "-o", "f"], "one file"),
            (&["h", "-o", ""], "name is missing"),
            (&["h", "-o", "f", "-P", "d"], "cannot be used with"),
            (&["h", "-H", "no colon"], "Name: value"),
            (&["h", "-H", "A: b\r\nC: d"], "CR, LF or NUL"),
            (&["h", "-H", "A: b\n"], "CR, LF or NUL"),
            (&["h", "-H", "A B: c"], "field name"),
            (&["h", "-H", "Content-Length: 5"], "no content"),
            (&["h", "-A", "a\nb"], "CR, LF or NUL"),
            (&["h", "-u", "a\n:b"], "control characters"),
            (&["h", "-T", "x"], "seconds"),
            (&["h", "-T", "-1"], "seconds"),
            (&["h", "-T", "nan"], "seconds"),
            (&["h", "--max-size", "+5"], "bytes"),
            (&["h", "--max-size", "5T"], "bytes"),
            (&["h", "--max-size", "99999999999G"], "more bytes"),
            (&["h", "--sha256", "abc"], "64 hexadecimal digits"),
            (&["h", "--resolve", "h:80"], "HOST:PORT:ADDR"),
            (&["h", "--nonsense"], "--nonsense"),
            (&["h", "-L"], "--max-redirects"),
            (&["h", "-s"], "-q"),
            (&["h", "-f"], "--include-error-body"),
            (&["h", "-C", "-"], "-c goes on"),
            (&["h", "-c", "-r", "0-1"], "cannot be used with"),
            (&["h", "-r", "5-1"], "byte range"),
            (&["h", "-r", "0-1,5-6"], "byte range"),
            (&["h", "-x", "socks4://h"], "is no proxy"),
            (&["h", "-x", "h:1", "--unix-socket", "s"], "one way only"),
            (&["h", "-b", "a=1\r\nX: y"], "control characters"),
            (&["h", "-b", "/missing"], "cannot read cookies"),
            (&["h", "--progress", "x"], "possible values: auto, always, never"),
            (&["h", "--retry", "-1"], "a number is wanted"),
            (&["h", "--retry", "x"], "a number is wanted"),
        ] {
            let refused = parsed(arguments).expect_err("refused");
            assert!(refused.contains(why), "{arguments:?}: {refused}");
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
            let parsed = host_override(text).expect("valid");
            assert_eq!((parsed.host.to_string(), parsed.address.to_string()), (host.to_owned(), address.to_owned()));
        }
    }
}

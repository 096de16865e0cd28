//! The command line: [`Cli`] is what was typed, [`Job`] what was meant. After the second nothing is
//! a usage error.

use crate::client::{Credentials, FieldEdits, Settings, without_secrets};
use crate::error::{Error, Kind, system_words};
use crate::http::{Fields, Method};
use crate::net::{Family, Limits, Override, Route, Trust};
use crate::report::{Headers, Report};
use crate::run::{Job, Output};
use clap::builder::{TypedValueParser, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Parser};
use data_encoding::HEXLOWER_PERMISSIVE;
use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Fetches a page and saves it: the whole body under its name, or the old file untouched.
#[derive(Debug, Parser)]
#[command(
    name = "fetch",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    override_usage = "fetch [OPTIONS] URL..."
)]
pub struct Cli {
    /// What to fetch; without a scheme, http:// (with -u, https://)
    #[arg(value_name = "URL", required = true)]
    urls: Vec<String>,

    /// Save the body as FILE (one URL only); - writes it to standard output
    #[arg(short, long, value_name = "FILE", value_parser = named(), help_heading = "What is saved")]
    output: Option<PathBuf>,
    /// The directory for derived names; made if missing
    #[arg(short = 'P', long = "dir", value_name = "DIR", value_parser = named(), conflicts_with = "output", help_heading = "What is saved")]
    directory: Option<PathBuf>,
    /// Refuse a body that is larger, on the wire or decoded (suffixes k, M, G)
    #[arg(long, value_name = "BYTES", value_parser = bytes, help_heading = "What is saved")]
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

    /// HEAD: print the headers, save nothing
    #[arg(short = 'I', long, help_heading = "The request")]
    head: bool,
    /// Add or replace a field; 'Name:' removes it
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = "The request")]
    headers: Vec<OsString>,
    /// User-Agent
    #[arg(short = 'A', long, value_name = "TEXT", help_heading = "The request")]
    user_agent: Option<String>,
    /// Basic authentication; also from the URL's userinfo (asks on the terminal for a missing password)
    #[arg(short, long, value_name = "NAME[:PASSWORD]", help_heading = "The request")]
    user: Option<String>,

    /// Follow at most N; with 0 the 3xx response is the result
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "The connection")]
    max_redirects: u32,
    /// Use ADDR for that host and port (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = address_override, help_heading = "The connection")]
    resolve: Vec<Override>,
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
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = seconds(), help_heading = "The connection")]
    connect_timeout: Seconds,
    /// The longest silence while waiting for bytes; 0 for no limit
    #[arg(short = 'T', long, value_name = "SECS", default_value = "30", value_parser = seconds(), help_heading = "The connection")]
    timeout: Seconds,
    /// The whole operation's limit, redirects included
    #[arg(short, long, value_name = "SECS", default_value = "0", hide_default_value = true, value_parser = seconds(), help_heading = "The connection")]
    max_time: Seconds,

    #[arg(short = 'h', long, action = ArgAction::Help, help = "Print this help")]
    help: Option<bool>,
    #[arg(short = 'V', long, action = ArgAction::Version, help = "Print the version")]
    version: Option<bool>,
}

/// A time limit; `None` is none.
#[derive(Clone, Copy, Debug)]
struct Seconds(Option<Duration>);

/// The names of standard output: opened again under its own, it would lose what was printed.
const STDOUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Reads a command line. The error is either help to print, or a [`Kind::Usage`] failure.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<(Job, Report), Refusal> {
    let cli = Cli::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refusal::Help(error.to_string()),
        _ => Refusal::Usage(explain(&error)),
    })?;
    cli.meant().map_err(|error| Refusal::Usage(error.to_string()))
}

/// Why a command line makes no job.
#[derive(Debug)]
pub enum Refusal {
    /// Help was asked for: this.
    Help(String),
    /// Something is wrong with it.
    Usage(String),
}

/// What a habit from curl or wget is here.
const REFLEXES: &[(&str, &str)] = &[
    ("-L", "redirects are followed without it; --max-redirects 0 follows none"),
    ("--location", "redirects are followed without it; --max-redirects 0 follows none"),
    ("-s", "-q is quiet"),
    ("--silent", "-q is quiet"),
    ("-S", "errors are always shown, and headers unless -q"),
    ("--show-error", "errors are always shown"),
    ("-f", "an error status is a failure without it; --include-error-body saves the body all the same"),
    ("--fail", "an error status is a failure without it; --include-error-body saves the body all the same"),
    ("-O", "without -o the name is derived; -o FILE names it"),
    ("-i", "headers are printed without it"),
    ("-C", "an interrupted save starts over"),
    ("-d", "fetch only reads: it sends no data"),
    ("-X", "fetch only reads: GET, and with -I HEAD"),
    ("--compressed", "content codings are undone without it; --no-compression leaves them"),
];

fn explain(error: &clap::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let reflex = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => {
            REFLEXES.iter().find(|(habit, _)| habit == argument)
        }
        _ => None,
    };
    reflex.map_or_else(|| text.to_owned(), |(habit, instead)| format!("there is no {habit} here: {instead}"))
}

impl Cli {
    fn meant(self) -> Result<(Job, Report), Error> {
        let usage = |what: String| Err(Error::new(Kind::Usage, what));
        if self.output.is_some() && self.urls.len() > 1 {
            return usage("-o names one file, and there are several URLs (-P DIR saves them under derived names)".to_owned());
        }
        let mut urls = Vec::with_capacity(self.urls.len());
        for text in &self.urls {
            urls.push(url(text, self.user.is_some())?);
        }
        let output = match (self.output, self.directory) {
            (Some(file), _) if STDOUT.iter().any(|name| file == OsStr::new(name)) => Output::Stdout,
            (Some(file), _) => Output::File(file),
            (None, directory) => Output::Directory(directory.unwrap_or(PathBuf::from("."))),
        };
        let mut fields = FieldEdits::new();
        for text in &self.headers {
            fields.push(field(text).map_err(|why| Error::new(Kind::Usage, "cannot send what -H says").because(why))?);
        }
        let mut user_agent = Settings::default().user_agent;
        match self.user_agent {
            Some(text) if text.is_empty() => fields.insert(0, ("User-Agent".to_owned(), None)),
            Some(text) if Fields::new().append("User-Agent", text.as_bytes()).is_err() => {
                return usage("-A: a field value has no CR, LF or NUL".to_owned());
            }
            Some(text) => user_agent = text,
            None => {}
        }
        let trust = match self.cacert {
            _ if self.insecure => Trust::anyone(),
            Some(path) => Trust::file(path),
            None => Trust::system(),
        };
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        let settings = Settings {
            method: if self.head { Method::Head } else { Method::Get },
            user_agent,
            fields,
            credentials: self.user.map(|user| credentials(&user)).transpose()?,
            compression: !self.no_compression,
            max_redirects: self.max_redirects,
            limits: Limits { connect: self.connect_timeout.0, silence: self.timeout.0, max_time: self.max_time.0 },
            route: Route { family, overrides: self.resolve, unix_socket: self.unix_socket },
            trust,
        };
        let headers = match output {
            _ if self.quiet => Headers::Hidden,
            Output::Stdout if !self.head => Headers::Stderr,
            _ => Headers::Stdout,
        };
        let report = Report::new(headers, self.verbose, !self.quiet);
        let job = Job {
            urls,
            output,
            settings,
            max_size: self.max_size,
            sha256: self.sha256,
            include_error_body: self.include_error_body,
        };
        Ok((job, report))
    }
}

/// An address as people type it.
fn url(text: &str, with_credentials: bool) -> Result<Url, Error> {
    let failed = |why: String| Error::new(Kind::Usage, format!("cannot fetch \"{}\"", without_secrets(text))).because(why);
    let trimmed = text.trim();
    let full = if has_scheme(trimmed) {
        trimmed.to_owned()
    } else {
        // Credentials never go out in clear by a guess.
        let authority = trimmed.split(['/', '?', '#']).next().unwrap_or_default();
        let scheme = if with_credentials || authority.contains('@') { "https" } else { "http" };
        format!("{scheme}://{trimmed}")
    };
    let url = Url::parse(&full).map_err(|error| failed(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(failed(format!("\"{other}:\" is neither http nor https"))),
    }
}

/// Whether it begins with a scheme: a name and a colon, and behind that not just a port.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !is_port
}

fn credentials(user: &str) -> Result<Credentials, Error> {
    if user.contains(char::is_control) {
        return Err(Error::new(Kind::Usage, "-u: a name or password has no control characters (RFC 7617)"));
    }
    if let Some((name, password)) = user.split_once(':') {
        return Ok(Credentials::new(name, password));
    }
    let failed = |error: std::io::Error| {
        Error::new(Kind::Usage, "-u without a password, and no terminal to ask on").because(system_words(&error))
    };
    let password = rpassword::prompt_password(format!("password for {user}: ")).map_err(failed)?;
    Ok(Credentials::new(user, &password))
}

/// A path that is not empty.
fn named() -> ValueParser {
    let not_empty = |value: OsString| if value.is_empty() { Err("a name is missing") } else { Ok(PathBuf::from(value)) };
    ValueParser::from(clap::builder::OsStringValueParser::new().try_map(not_empty))
}

/// A field to send or to remove. Read here and not by clap, which would print a secret that is not
/// written well.
fn field(text: &OsStr) -> Result<(String, Option<Vec<u8>>), String> {
    let bytes = text.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or("a field is 'Name: value', and 'Name:' removes it")?;
    let name = std::str::from_utf8(&bytes[..colon]).map_err(|error| error.to_string())?;
    // Not trimmed before it was looked at: a line end at the end of it is bad usage too.
    let value = &bytes[colon + 1..];
    Fields::new().append(name, value).map_err(|why| why.to_string())?;
    if ["Content-Length", "Transfer-Encoding"].iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
        return Err("a request of fetch has no content".to_owned());
    }
    let value = value.trim_ascii();
    Ok((name.to_owned(), (!value.is_empty()).then(|| value.to_owned())))
}

fn seconds() -> ValueParser {
    ValueParser::from(|text: &str| {
        // What is longer than a human life is no limit, and would overflow a clock.
        const LIFE: f64 = 4e9;
        match text.parse::<f64>() {
            Ok(seconds) if seconds == 0.0 || seconds > LIFE => Ok(Seconds(None)),
            Ok(seconds) if seconds > 0.0 => Ok(Seconds(Some(Duration::from_secs_f64(seconds.max(0.001))))),
            _ => Err("a number of seconds is wanted, as in 30 or 0.5"),
        }
    })
}

fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((end, 'k' | 'K')) => (&text[..end], 10),
        Some((end, 'm' | 'M')) => (&text[..end], 20),
        Some((end, 'g' | 'G')) => (&text[..end], 30),
        _ => (text, 0),
    };
    let wanted = || "a number of bytes is wanted, as in 1000, 64k or 2G".to_owned();
    let number: u64 = digits.parse().ok().filter(|_| !digits.starts_with('+')).ok_or_else(wanted)?;
    number.checked_mul(1 << shift).ok_or_else(|| "more bytes than can be counted".to_owned())
}

fn sha256(text: &str) -> Result<[u8; 32], String> {
    let decoded = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    decoded.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| "64 hexadecimal digits are wanted".to_owned())
}

/// HOST:PORT:ADDR; IPv6 addresses may be in brackets, a host must.
fn address_override(text: &str) -> Result<Override, String> {
    let wanted = || "HOST:PORT:ADDR is wanted, as in example.com:443:127.0.0.1".to_owned();
    let host_end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or_else(wanted)? + 2,
        None => text.find(':').ok_or_else(wanted)?,
    };
    let (host, rest) = text.split_at(host_end);
    let (port, address) = rest.strip_prefix(':').and_then(|rest| rest.split_once(':')).ok_or_else(wanted)?;
    let address = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    Ok(Override {
        host: Host::parse(host).map_err(|error| error.to_string())?,
        port: port.parse().map_err(|_| wanted())?,
        address: address.parse::<IpAddr>().map_err(|error| error.to_string())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Job, String> {
        let arguments = std::iter::once("fetch").chain(arguments.iter().copied()).map(OsString::from);
        match parse(arguments) {
            Ok((job, _)) => Ok(job),
            Err(Refusal::Usage(why)) => Err(why),
            Err(Refusal::Help(text)) => Err(text),
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
            (&["a:b@h"], "neither http nor https"),
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
            (&["h", "-T", "-1"], "-1"),
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
            (&["h", "-C", "-"], "starts over"),
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
            &["me:secret@h"],
            &["me:secret@h//x"],
            &["http:\\\\me:secret@h:99999/"],
            &["https:/me:secret@h:99999/"],
            &["me:secret@h?a=//b"],
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
        assert_eq!(job.max_size, Some(2048));
        let limits = job.settings.limits;
        assert_eq!((limits.silence, limits.max_time, limits.connect), (Some(Duration::from_millis(500)), None, None));
    }

    #[test]
    fn an_override_takes_every_kind_of_address() {
        for (text, host, address) in [
            ("Example.COM:443:127.0.0.1", "example.com", "127.0.0.1"),
            ("例え.テスト:80:::1", "xn--r8jz45g.xn--zckzah", "::1"),
            ("[::2]:80:[::1]", "[::2]", "::1"),
        ] {
            let parsed = address_override(text).expect("valid");
            assert_eq!((parsed.host.to_string(), parsed.address.to_string()), (host.to_owned(), address.to_owned()));
        }
    }
}

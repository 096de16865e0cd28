//! From what was typed to what is to be done.

use super::args::Cli;
use super::credentials::{Cookies, User, read_netrc, unreadable};
use super::url::parse_url;
use super::values::edit_field;
use crate::client::{Config, Netrc};
use crate::error::{Error, Kind, system_words};
use crate::http::{FieldEdits, Fields, Method};
use crate::net::{Family, Limits, Proxies, Proxy, ResolveConfig, Trust};
use crate::report::{Report, ReportOptions, Shown};
use crate::run::{Job, List, Output, Parallel, SaveOptions};
use percent_encoding::{AsciiSet, percent_encode};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

/// The most bytes of HTML that are read from standard input.
const MAX_DOCUMENT: u64 = 512 * 1024 * 1024;
/// The names of standard output: opened again under its own, it would lose what was printed.
const STDOUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

impl Cli {
    /// The job, and how it is reported.
    pub(super) fn into_job(self) -> Result<(Job, Report), Error> {
        self.check()?;
        let netrc = if self.netrc { Some(read_netrc()?) } else { None };
        let cookies = Cookies::parse(&self.cookie, self.cookie_jar.as_deref())?;
        if let Some(path) = self.cacert.as_deref().filter(|_| !self.insecure) {
            File::open(path).map_err(|error| unreadable("certificates", path, &system_words(&error)))?;
        }
        let headers = self.headers()?;
        let with_credentials = self.user.is_some() || !cookies.literals.is_empty() || has_credentials(&headers);
        let mut urls = Vec::with_capacity(self.urls.len());
        let document = self.document()?;
        let texts = if document.is_some() { &[] } else { &self.urls[..] };
        for text in texts {
            // Bytes of another charset go out percent-encoded as they are.
            let text = text.to_str().map_or_else(|| percent_encode(text.as_bytes(), &AsciiSet::EMPTY).into(), Cow::Borrowed);
            urls.push(parse_url(&text, with_credentials, netrc.as_ref())?);
        }
        if let (Some(_), Some(base)) = (&document, &self.base) {
            urls.push(parse_url(base, with_credentials, netrc.as_ref())?);
        }
        let plain: Vec<_> = urls.iter().map(|url| &url.url).collect();
        if self.input_file.len() > 1 {
            return Err(Error::new(Kind::Usage, "-i is given twice").hint("cat FILE... | fetch -i - reads several"));
        }
        let list = self.input_file.first().map(|path| open_list(path, with_credentials, netrc.clone())).transpose()?;
        // Which credentials the URLs of a list want is not known.
        let known = netrc.as_ref().filter(|_| list.is_none());
        let user = self.user.as_deref().map(|user| User::parse(user, &plain, known)).transpose()?;
        let User { login, credentials } = user.unwrap_or_default();
        let parallel = self.parallel();
        let report = self.report();
        let (output, options) = (self.output(), self.save_options());
        let mut config = Config {
            method: if self.head { Method::Head } else { Method::Get },
            compression: !self.no_compression,
            max_redirects: self.max_redirects,
            limits: Limits { connect: self.connect_timeout.0, idle: self.timeout.0, max_time: self.max_time.0 },
            allow_private: self.allow_private,
            proxies: self.proxies()?,
            headers,
            credentials,
            netrc,
            login,
            cookies: cookies.jar,
            origin_cookies: cookies.literals,
            resolve: ResolveConfig { family: self.family(), overrides: self.resolve, unix_socket: self.unix_socket },
            trust: match self.cacert {
                _ if self.insecure => Trust::any(),
                Some(path) => Trust::file(path),
                None => Trust::system(),
            },
            ..Config::default()
        };
        if let Some(user_agent) = self.user_agent {
            config.user_agent = user_agent;
        }
        let job = Job {
            urls,
            list,
            parallel,
            output,
            config,
            options,
            document,
            page: self.page.then_some(self.omit.unwrap_or_default()),
            warc: self.warc,
            cookie_jar: self.cookie_jar,
            warnings: cookies.warnings,
        };
        Ok((job, report))
    }

    /// The HTML of a page that comes from standard input.
    fn document(&self) -> Result<Option<Vec<u8>>, Error> {
        let is_stdin = self.page && self.urls.iter().any(|url| url == OsStr::new("-"));
        let wrong = |why: &str| Error::new(Kind::Usage, why.to_owned());
        match (is_stdin, &self.base) {
            (false, None) => return Ok(None),
            (false, Some(_)) => return Err(wrong("--base is the address of HTML on standard input: fetch -p - --base URL")),
            (true, None) => return Err(wrong("-p - needs --base URL, the address of the HTML on standard input")),
            (true, Some(_)) if self.urls.len() > 1 || !self.input_file.is_empty() => {
                return Err(wrong("-p - takes no other URLs"));
            }
            (true, Some(_)) => {}
        }
        let mut html = Vec::new();
        let read = io::stdin().lock().take(MAX_DOCUMENT + 1).read_to_end(&mut html);
        read.map_err(|error| Error::new(Kind::File, "cannot read standard input").detail(system_words(&error)))?;
        if html.len() as u64 > self.max_size.unwrap_or(MAX_DOCUMENT) {
            return Err(Error::new(Kind::Protocol, "the HTML on standard input is too large").hint("--max-size raises the limit"));
        }
        Ok(Some(html))
    }

    /// What clap cannot check.
    fn check(&self) -> Result<(), Error> {
        if self.output.is_some() && self.urls.len() > 1 {
            let hint = match self.resume {
                true => "-c resumes a save, and --cookie-jar FILE is curl's -c",
                false => "-P DIR saves them under derived names",
            };
            return Err(Error::new(Kind::Usage, "-o takes one URL, and there are several").hint(hint));
        }
        let user_agent = self.user_agent.as_deref().unwrap_or_default();
        Fields::new().append("User-Agent", user_agent.as_bytes()).map_err(|error| Error::new(Kind::Usage, "-A").detail(error))
    }

    /// What -H says.
    fn headers(&self) -> Result<FieldEdits, Error> {
        let mut headers = FieldEdits::default();
        for text in &self.headers {
            edit_field(&mut headers, text).map_err(|why| Error::new(Kind::Usage, "invalid -H").detail(why))?;
        }
        Ok(headers)
    }

    fn output(&self) -> Output {
        match (&self.output, &self.directory) {
            (Some(file), _) if STDOUT.iter().any(|name| file == OsStr::new(name)) => Output::Stdout,
            (Some(file), _) => Output::File(file.clone()),
            (None, directory) => Output::Directory(directory.clone().unwrap_or_default()),
        }
    }

    fn report(&self) -> Report {
        Report::new(ReportOptions {
            shown: match (self.json, self.quiet) {
                (true, _) => Shown::Summaries,
                (false, false) => Shown::Headers,
                (false, true) => Shown::Nothing,
            },
            on_stderr: self.output() == Output::Stdout && !self.head,
            several: self.urls.len() > 1 || !self.input_file.is_empty(),
            verbose: self.verbose,
            quiet: self.quiet,
            progress: self.progress,
            // Beyond the limit of the operation: a reader of errors that does not read.
            limit: self.max_time.0.map(|limit| limit.min(Duration::from_secs(1))),
            ..ReportOptions::default()
        })
    }

    fn save_options(&self) -> SaveOptions {
        SaveOptions {
            skip_existing: self.skip_existing,
            resume: self.resume,
            newer: self.newer,
            range: self.range,
            max_size: self.max_size,
            sha256: self.sha256,
            include_error_body: self.include_error_body,
            retries: self.retry,
            limit_rate: self.limit_rate.filter(|rate| *rate > 0),
        }
    }

    /// Without a list, and where nothing else is asked for, the URLs of a host are fetched one after another,
    /// as curl and wget do: the second may need a cookie that the first one sets.
    fn parallel(&self) -> Parallel {
        let default = Parallel::default();
        let in_order = self.input_file.is_empty() && self.jobs.is_none();
        let per_host = self.per_host.unwrap_or(if in_order { 1 } else { default.per_host });
        let per_host_parts = self.per_host.unwrap_or(default.per_host_parts);
        Parallel { jobs: self.jobs.unwrap_or(default.jobs), per_host, per_host_parts, wait: self.wait.0.unwrap_or_default() }
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
            None => {
                Ok(Proxies::from_environment(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())))
            }
            Some("") => Ok(Proxies::default()),
            Some(_) if self.unix_socket.is_some() => Err(Error::new(Kind::Usage, "-x and --unix-socket cannot be used together")),
            Some(text) => Proxy::parse(text).map(Proxies::all).map_err(|error| error.context("-x")),
        }
    }
}

/// The file with a list of URLs; for `-`, standard input.
fn open_list(path: &Path, with_credentials: bool, netrc: Option<Netrc>) -> Result<List, Error> {
    let failed = |why: &str| unreadable("URLs", path, why);
    let (name, file) = if path == Path::new("-") {
        let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|error| failed(&system_words(&error)))?;
        ("standard input".to_owned(), File::from(stdin))
    } else {
        (path.display().to_string(), File::open(path).map_err(|error| failed(&system_words(&error)))?)
    };
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(failed("it is a directory"));
    }
    let parse = move |text: &str| parse_url(text, with_credentials, netrc.as_ref());
    Ok(List { name, file, parse: Box::new(parse) })
}

/// Whether credentials are among the fields: then a URL without a scheme is https.
fn has_credentials(headers: &FieldEdits) -> bool {
    ["Authorization", "Cookie", "Proxy-Authorization"].iter().any(|name| headers.added().get(name).is_some())
}

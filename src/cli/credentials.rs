//! Credentials and cookies: from the command line, the terminal, and files.

use crate::client::{Credentials, Jar, Netrc};
use crate::error::{Error, Kind, system_words};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::Url;

/// What -b says.
#[derive(Default)]
pub(super) struct Cookies {
    /// Those in files.
    pub(super) jar: Jar,
    /// Those on the command line.
    pub(super) literals: Vec<String>,
    /// Files, and what is wrong in them.
    pub(super) warnings: Vec<(String, String)>,
}

impl Cookies {
    /// Literals, and files. One that is missing is an error, unless it is the one that is written at the end.
    pub(super) fn parse(values: &[OsString], cookie_jar: Option<&Path>) -> Result<Cookies, Error> {
        let mut cookies = Cookies::default();
        let absolute = |path: &Path| std::path::absolute(path).ok();
        for value in values.iter().filter(|value| !value.is_empty()) {
            if value.as_bytes().contains(&b'=') {
                let text = value.to_str().filter(|text| !text.contains(char::is_control));
                let text = text.ok_or_else(|| Error::new(Kind::Usage, "-b: cookies are text without control characters"))?;
                cookies.literals.push(text.trim_matches([';', ' ']).to_owned());
                continue;
            }
            let path = Path::new(value);
            match fs::read(path) {
                Ok(file) => cookies.read(path, &file),
                Err(error) if error.kind() == io::ErrorKind::NotFound && cookie_jar.map(absolute) == Some(absolute(path)) => {}
                Err(error) => return Err(unreadable("cookies", path, &system_words(&error))),
            }
        }
        Ok(cookies)
    }

    fn read(&mut self, path: &Path, file: &[u8]) {
        if let Some(number) = self.jar.add_netscape(file, SystemTime::now()) {
            let warning = format!("line {number} is not a cookie in Netscape's format; such lines are ignored");
            self.warnings.push((path.display().to_string(), warning));
        }
    }
}

/// A file that the command line names cannot be read.
pub(super) fn unreadable(what: &str, path: &Path, why: &str) -> Error {
    Error::new(Kind::File, format!("cannot read {what} from {}", path.display())).detail(why)
}

/// The netrc file that the environment names, or that is in the home directory.
pub(super) fn read_netrc() -> Result<Netrc, Error> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME").filter(|home| !home.is_empty())?).join(".netrc"));
    let named = std::env::var_os("NETRC").filter(|name| !name.is_empty()).map(PathBuf::from);
    let path = named.or_else(home).ok_or_else(|| Error::new(Kind::File, "--netrc: neither NETRC nor HOME is set"))?;
    let bytes = fs::read(&path).map_err(|error| unreadable("credentials", &path, &system_words(&error)))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("credentials", &path, "it is not UTF-8"))?;
    Netrc::parse(&text).map_err(|why| unreadable("credentials", &path, &why))
}

/// What -u says: a user to look up in netrc, and credentials for where that has none.
#[derive(Default)]
pub(super) struct User {
    pub(super) login: Option<String>,
    pub(super) credentials: Option<Credentials>,
}

impl User {
    /// `NAME:PASSWORD`, or `NAME`: then the password is netrc's, or asked for where that has none.
    pub(super) fn parse(text: &str, urls: &[&Url], netrc: Option<&Netrc>) -> Result<User, Error> {
        if text.contains(char::is_control) {
            return Err(Error::new(Kind::Usage, "-u: a name or password has no control characters (RFC 7617)"));
        }
        if let Some((name, password)) = text.split_once(':') {
            return Ok(User { login: None, credentials: Some(Credentials::new(name, password)) });
        }
        let login = Some(text.to_owned());
        if netrc.is_some_and(|netrc| urls.iter().all(|url| netrc.find(url, Some(text)).is_some())) {
            return Ok(User { login, credentials: None });
        }
        let password = ask_password(text)?;
        Ok(User { login, credentials: Some(Credentials::new(text, &password)) })
    }
}

fn ask_password(name: &str) -> Result<String, Error> {
    rpassword::prompt_password(format!("password for {name}: ")).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            // The prompt has no line end.
            let _ = io::stderr().write_all(b"\n");
            Error::new(Kind::Usage, "-u: no password was entered")
        }
        _ => Error::new(Kind::Usage, "-u without a password, and no terminal to ask on").detail(system_words(&error)),
    })
}

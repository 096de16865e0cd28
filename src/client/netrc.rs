//! The netrc file: names and passwords by host.

use crate::http::Credentials;
use std::fmt;
use url::Url;

/// What a netrc file says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Netrc {
    entries: Vec<Entry>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Entry {
    /// `None` for the default entry.
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netrc({} entries)", self.entries.len())
    }
}

impl Netrc {
    /// Parses a file. The error has the line number, and nothing of the content.
    pub(crate) fn parse(text: &str) -> Result<Netrc, String> {
        let mut words = Tokens { rest: text, line: 1 };
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(word) = words.next(true)? {
            let mut value = |what: &str| {
                let line = words.line;
                words.next(false)?.ok_or_else(|| format!("line {line}: \"{what}\" without a value"))
            };
            match word.as_str() {
                "machine" => entries.push(Entry { machine: Some(value("machine")?), ..Entry::default() }),
                "default" => entries.push(Entry::default()),
                "login" | "user" => {
                    let login = Some(value("login")?);
                    if let Some(entry) = entries.last_mut() {
                        entry.login = login;
                    }
                }
                "password" | "passwd" => {
                    let password = Some(value("password")?);
                    if let Some(entry) = entries.last_mut() {
                        entry.password = password;
                    }
                }
                "account" => drop(value("account")?),
                "macdef" => words.skip_macro(),
                // Other programs have other words in it.
                _ => {}
            }
        }
        Ok(Netrc { entries })
    }

    /// The credentials for the host of a URL, those of this login where one is given. An entry of its own
    /// goes before the default one.
    pub(crate) fn find(&self, url: &Url, login: Option<&str>) -> Option<Credentials> {
        let host = url.host_str()?.trim_matches(['[', ']']);
        let fits = |entry: &&Entry| login.is_none() || entry.login.is_none() || entry.login.as_deref() == login;
        let named = |entry: &&Entry| entry.machine.as_deref().is_some_and(|machine| machine.eq_ignore_ascii_case(host));
        let own = self.entries.iter().filter(named).find(fits);
        let entry = own.or_else(|| self.entries.iter().filter(|entry| entry.machine.is_none()).find(fits))?;
        let name = login.or(entry.login.as_deref());
        let known = name.is_some() && login.is_none() || entry.password.is_some();
        known.then(|| Credentials::new(name.unwrap_or_default(), entry.password.as_deref().unwrap_or_default()))
    }
}

#[cfg(any(test, fuzzing))]
impl Netrc {
    /// A file that says the same.
    pub(super) fn to_text(&self) -> String {
        let quoted = |name: &str, value: &Option<String>| {
            let escaped = value.as_ref()?.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            Some(format!("{name} \"{escaped}\" "))
        };
        let line = |entry: &Entry| {
            let machine = quoted("machine", &entry.machine).unwrap_or("default ".to_owned());
            let rest = [quoted("login", &entry.login), quoted("password", &entry.password)];
            rest.into_iter().flatten().fold(machine, |line, word| line + &word) + "\n"
        };
        self.entries.iter().map(line).collect()
    }
}

/// The tokens of the file, unquoted.
struct Tokens<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Tokens<'t> {
    /// The next word. Where a keyword may stand, a `#` begins a comment; a value may begin with one.
    fn next(&mut self, keyword: bool) -> Result<Option<String>, String> {
        loop {
            let trimmed = self.rest.trim_start();
            self.line += self.rest[..self.rest.len() - trimmed.len()].matches('\n').count();
            self.rest = trimmed;
            if !(keyword && trimmed.starts_with('#')) {
                break;
            }
            self.rest = &trimmed[trimmed.find('\n').unwrap_or(trimmed.len())..];
        }
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted).map(Some);
        }
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok((!word.is_empty()).then(|| word.to_owned()))
    }

    /// A word up to the closing quote, unescaped.
    fn quoted(&mut self, text: &'t str) -> Result<String, String> {
        let mut word = String::new();
        let mut characters = text.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &text[at + 1..];
                    return Ok(word);
                }
                '\n' => break,
                '\\' => word.extend(characters.next().map(|(_, escaped)| match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                })),
                c => word.push(c),
            }
        }
        Err(format!("line {}: a quote is never closed", self.line))
    }

    /// A macro goes up to an empty line.
    fn skip_macro(&mut self) {
        let end = ["\n\n", "\n\r\n"].iter().filter_map(|empty| self.rest.find(empty)).min().unwrap_or(self.rest.len());
        self.line += self.rest[..end].matches('\n').count();
        self.rest = &self.rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, host: &str, login: Option<&str>) -> String {
        let url = Url::parse(&format!("http://{host}/")).expect("a URL");
        let credentials = Netrc::parse(file).expect("a netrc file").find(&url, login);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        credentials.map_or("-".to_owned(), |found| format!("{} {}", text(found.name()), text(found.password())))
    }

    const FILE: &str = "# a comment\n\
        machine example.com login me password se#cret\n\
        machine quoted.example\n  login \"a b\"\n\tpassword \"c\\\"d\\\\e\\tf\"\n\
        machine example.com login you password other\n\
        machine ftp.example login anonymous account x password guest macdef init\ncd /pub\nmachine trap login a password b\n\n\
        machine hash.example password #1 login h\n\
        machine no.login password p\n\
        machine no.password login l\n\
        machine ::1 login six password s\n";

    #[test]
    fn an_entry_is_found_by_host_and_login() {
        for (host, login, wanted) in [
            ("example.com", None, "me se#cret"),
            ("EXAMPLE.com", None, "me se#cret"),
            ("example.com", Some("you"), "you other"),
            ("example.com", Some("stranger"), "-"),
            ("quoted.example", None, "a b c\"d\\e\tf"),
            ("ftp.example", None, "anonymous guest"),
            ("trap", None, "-"),
            ("hash.example", None, "h #1"),
            ("no.login", None, " p"),
            ("no.login", Some("x"), "x p"),
            ("no.password", None, "l "),
            ("[::1]", None, "six s"),
            ("sub.example.com", None, "-"),
        ] {
            assert_eq!(found(FILE, host, login), wanted, "{host} {login:?}");
        }
    }

    #[test]
    fn the_default_entry_is_for_all_others() {
        let file = "default login any password thing\nmachine h login me password own";
        assert_eq!(found(file, "h", None), "me own");
        assert_eq!(found(file, "other", None), "any thing");
        assert_eq!(found("", "h", None), "-");
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_without_secrets() {
        for (file, wanted) in
            [("\nmachine h login", "line 2"), ("machine h\npassword \"secret\n", "line 2"), ("machine", "line 1")]
        {
            let why = Netrc::parse(file).expect_err("refused");
            assert!(why.starts_with(wanted) && !why.contains("secret"), "{why}");
        }
    }
    proptest::proptest! {
        #[test]
        fn whatever_stands_in_it_is_read_or_refused(words in "(machine|login|password|default|macdef|\"|#|\\\\|[a-z ]|\n|新){0,60}") {
            let url = Url::parse("http://a/").expect("a URL");
            let _ = Netrc::parse(&words).map(|netrc| (netrc.find(&url, None), netrc.find(&url, Some("b"))));
        }
    }
}

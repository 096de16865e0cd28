//! Cookie files in Netscape's format, as browsers' exports, curl and wget write them: seven columns
//! with tabs between them.

use super::{Cookie, is_public_suffix, seconds, site_of};
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};
use url::Host;

/// Before the domain of a cookie that scripts may not see; to others, a comment.
const HTTP_ONLY: &[u8] = b"#HttpOnly_";

/// Reads a file. Lines that make no sense are left out; the number of the first comes along.
pub(super) fn read(file: &[u8]) -> (Vec<Cookie>, Option<usize>) {
    let (mut cookies, mut first_bad) = (Vec::new(), None);
    for (number, line) in (1..).zip(file.split(|byte| *byte == b'\n')) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (http_only, line) = match line.strip_prefix(HTTP_ONLY) {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            continue;
        }
        match cookie(line, http_only) {
            // The rule holds for files too.
            Some(cookie) if !cookie.host_only && is_public_suffix(&cookie.domain) => {}
            Some(cookie) => cookies.push(cookie),
            None => first_bad = first_bad.or(Some(number)),
        }
    }
    (cookies, first_bad)
}

fn cookie(line: &[u8], http_only: bool) -> Option<Cookie> {
    let columns: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    // Editors that trim lines take an empty value's tab away.
    let ([domain, below, path, secure, expires, name], value) = match columns[..] {
        [a, b, c, d, e, f, value] => ([a, b, c, d, e, f], value),
        [a, b, c, d, e, f] => ([a, b, c, d, e, f], &b""[..]),
        _ => return None,
    };
    let domain = std::str::from_utf8(domain).ok()?;
    let domain = host(domain.strip_prefix('.').unwrap_or(domain))?;
    let expires: u64 = std::str::from_utf8(expires).ok()?.trim().parse().ok()?;
    // What would not fit into a field never came out of one.
    let clean = |text: &[u8]| !text.iter().any(u8::is_ascii_control);
    if !path.starts_with(b"/") || !clean(name) || !clean(value) || name.is_empty() && value.is_empty() {
        return None;
    }
    Some(Cookie {
        site: site_of(&domain),
        loaded: true,
        name: name.to_owned(),
        value: value.to_owned(),
        domain,
        host_only: !flag(below)?,
        path: path.to_owned(),
        secure: flag(secure)?,
        http_only,
        // A time that cannot be represented counts as the end of the session.
        expires: Some(expires)
            .filter(|expires| *expires != 0)
            .and_then(|expires| UNIX_EPOCH.checked_add(Duration::from_secs(expires))),
    })
}

/// A host as the URL standard writes it, an IPv6 address without brackets.
fn host(text: &str) -> Option<String> {
    let text = text.trim_matches(['[', ']']);
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let host = Host::parse(text).ok()?.to_string();
    Some(host).filter(|host| !host.starts_with('.'))
}

fn flag(column: &[u8]) -> Option<bool> {
    match &column.to_ascii_uppercase()[..] {
        b"TRUE" => Some(true),
        b"FALSE" => Some(false),
        _ => None,
    }
}

/// Writes a file.
pub(super) fn write<'c>(cookies: impl Iterator<Item = &'c Cookie>) -> Vec<u8> {
    let mut file = b"# Netscape HTTP Cookie File\n".to_vec();
    for cookie in cookies {
        let flag = |set: bool| if set { &b"TRUE"[..] } else { b"FALSE" };
        let expires = cookie.expires.map_or(0, seconds).to_string();
        if cookie.http_only {
            file.extend_from_slice(HTTP_ONLY);
        }
        if !cookie.host_only {
            file.push(b'.');
        }
        let columns = [
            cookie.domain.as_bytes(),
            flag(!cookie.host_only),
            &cookie.path,
            flag(cookie.secure),
            expires.as_bytes(),
            &cookie.name,
            &cookie.value,
        ];
        file.extend(columns.join(&b'\t'));
        file.push(b'\n');
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let file = b"# Netscape HTTP Cookie File\n\
            .example.com\tTRUE\t/\tFALSE\t0\ta\t1\n\
            a~b.h\tFALSE\t/\tFALSE\t0\ta\t1\n\
            #HttpOnly_h\tFALSE\t/x\tTRUE\t2000000000\tb\tc d=\n\
            h\tFALSE\t/\tFALSE\t0\tempty\t\n";
        let (cookies, first_bad) = read(file);
        assert_eq!(first_bad, None);
        assert_eq!(String::from_utf8_lossy(&write(cookies.iter())), String::from_utf8_lossy(file));
    }

    #[test]
    fn what_other_programs_write_is_read() {
        for (file, wanted, first_bad) in [
            ("# comment\r\n\r\nh\tFALSE\t/\tFALSE\t0\ta\t1\r\nnonsense\nh\tfalse\t/\tFALSE\t0\tb\n", &["a", "b"][..], Some(4)),
            (".com\tTRUE\t/\tFALSE\t0\ta\t1\n", &[], None),
            ("# nothing in it\n", &[], None),
            ("<html>\n", &[], Some(1)),
            ("h\tFALSE\t/\tFALSE\tsoon\ta\t1\n", &[], Some(1)),
            ("[.h\tFALSE\t/\tFALSE\t0\ta\t1\n[#]\tFALSE\t/\tFALSE\t0\ta\t1\n..h\tTRUE\t/\tFALSE\t0\ta\t1\n", &[], Some(1)),
        ] {
            let (cookies, bad) = read(file.as_bytes());
            let names: Vec<_> = cookies.iter().map(|cookie| String::from_utf8_lossy(&cookie.name)).collect();
            assert_eq!(
                (&names[..], bad),
                (&wanted.iter().map(|name| (*name).into()).collect::<Vec<_>>()[..], first_bad),
                "{file}"
            );
        }
    }
}

//! A file name derived from a response: one plain name, whatever the server says.

use super::disposition;
use super::path::{PART_SUFFIX, RECORD_SUFFIX};
use super::resume_info::Source;
use crate::http::{Fields, Head};
use crate::text::is_bidi_or_separator;
use percent_encoding::percent_decode_str;
use std::path::Path;
use url::{Host, Url};

/// The longest derived name, in bytes: room is left for a number and for `.part`.
pub(super) const MAX_NAME: usize = 230;
/// The longest extension that is kept whole when a name is shortened.
const LONGEST_EXTENSION: usize = 20;

/// The name to save a response under: Content-Disposition's, else the last path segment of the URL
/// asked for that is not empty, else its host. HTML gets `.html` where the name has no extension.
pub(crate) fn derived_name(asked: &Url, head: &Head) -> String {
    let html = is_html(head.fields());
    let from_server = head.fields().get("Content-Disposition").and_then(disposition::file_name);
    let (name, has_extension) = match from_server.map(|name| plain(&name)).filter(|name| !name.is_empty()) {
        Some(name) => with_extension(name),
        None => name_of(asked),
    };
    if html && !has_extension { with_html(&name) } else { fit(&name) }
}

/// The name to save a page and its assets under: always with `.html`.
pub(crate) fn page_name(asked: &Url, head: Option<&Head>) -> String {
    let from_server = head.and_then(|head| head.fields().get("Content-Disposition")).and_then(disposition::file_name);
    let (name, _) = match from_server.map(|name| plain(&name)).filter(|name| !name.is_empty()) {
        Some(name) => with_extension(name),
        None => name_of(asked),
    };
    let is_html =
        Path::new(&name).extension().is_some_and(|end| end.eq_ignore_ascii_case("html") || end.eq_ignore_ascii_case("htm"));
    if is_html { fit(&name) } else { with_html(&name) }
}

/// The names that [`derived_name`] or [`page_name`] may give where the server names nothing, told from the URL alone.
pub(super) fn names_of(source: Source<'_>) -> Vec<String> {
    if source.is_page {
        return vec![page_name(source.url, None)];
    }
    let (name, has_extension) = name_of(source.url);
    let html = (!has_extension).then(|| with_html(&name));
    [fit(&name)].into_iter().chain(html).collect()
}

/// The name that a URL gives, and whether it has an extension. The dots of a host are none.
fn name_of(url: &Url) -> (String, bool) {
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8().map_or_else(|_| segment.to_owned(), Into::into);
    let mut names = url.path_segments().into_iter().flatten().rev().map(|segment| plain(&decoded(segment)));
    match names.find(|name| !name.is_empty()) {
        Some(name) => with_extension(name),
        None => (host(url), false),
    }
}

fn with_html(name: &str) -> String {
    fit(&format!("{}.html", name.trim_end_matches('.')))
}

/// A name that is not too long, and not one that a part of another file would have.
fn fit(name: &str) -> String {
    let name = shorten(name);
    match [RECORD_SUFFIX, PART_SUFFIX].iter().find_map(|suffix| name.strip_suffix(suffix).map(|stem| (stem, suffix))) {
        Some((stem, suffix)) => format!("{stem}-{}", &suffix[1..]),
        None => name,
    }
}

/// A name, and whether it has an extension.
fn with_extension(name: String) -> (String, bool) {
    let has_extension = Path::new(&name).extension().is_some_and(|extension| !extension.is_empty());
    (name, has_extension)
}

/// Whether a response is an HTML document, as far as it says so.
pub(crate) fn is_html(fields: &Fields) -> bool {
    let Some(content_type) = fields.get("Content-Type") else { return false };
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"text/html") || essence.eq_ignore_ascii_case(b"application/xhtml+xml")
}

fn host(url: &Url) -> String {
    let name = match url.host() {
        Some(Host::Domain(name)) => plain(name),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    };
    if name.is_empty() { "index".to_owned() } else { name }
}

/// Sanitises a file name: the last component, without control characters, leading
/// dots, dashes and tildes, and white space around it.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let printable: String = last.chars().filter(|c| !c.is_control() && !is_bidi_or_separator(*c)).collect();
    printable.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '-' | '~')).trim_end().to_owned()
}

/// Shortens a name that is too long, in the middle of its stem.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= LONGEST_EXTENSION => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let end = stem.floor_char_boundary(MAX_NAME - extension.len());
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadParser;

    fn name(url: &str, fields: &str) -> String {
        let section = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").replace("\r\n\r\n\r\n", "\r\n\r\n");
        let (head, _) = HeadParser::new().parse(section.as_bytes()).expect("good").expect("whole");
        derived_name(&Url::parse(url).expect("a URL"), &head)
    }

    #[test]
    fn names_come_from_the_path_or_the_host() {
        const HTML: &str = "Content-Type: Text/HTML; charset=gbk";
        for (url, fields, wanted) in [
            ("http://h/a/b.txt", "", "b.txt"),
            ("http://h/a/b.txt?c=d.e#f", "", "b.txt"),
            ("http://h/a/b", "", "b"),
            ("http://h/a.part", "", "a-part"),
            ("http://h/a.part.info", "", "a-part.info"),
            ("http://h/a/b", HTML, "b.html"),
            ("http://h/a/b.php", HTML, "b.php"),
            ("http://h/a/b.", HTML, "b.html"),
            ("http://h/%E6%96%B0%20x", "", "新 x"),
            ("http://h/%FF", "", "%FF"),
            ("http://www.sina.com.cn", HTML, "www.sina.com.cn.html"),
            ("http://127.0.0.1:81/", HTML, "127.0.0.1.html"),
            ("http://[::1]/", "", "::1"),
            ("http://h/a/", "", "a"),
            ("http://h/blog/my-post/", HTML, "my-post.html"),
            ("http://h/a//", "", "a"),
            ("http://h/", "", "h"),
        ] {
            assert_eq!(name(url, fields), wanted, "{url} {fields}");
        }
    }

    #[test]
    fn a_page_is_always_html() {
        for (url, wanted) in [
            ("http://h/a/b.php?c", "b.php.html"),
            ("http://h/a/b.HTML", "b.HTML"),
            ("http://h/a/b.htm", "b.htm"),
            ("http://h/a/b", "b.html"),
            ("http://h/", "h.html"),
        ] {
            assert_eq!(page_name(&Url::parse(url).expect("a URL"), None), wanted);
        }
    }

    #[test]
    fn where_the_server_names_nothing_the_url_tells_the_names() {
        for (url, names) in [
            ("http://h/a/b.txt?c", &["b.txt"][..]),
            ("http://h/a/b", &["b", "b.html"]),
            ("http://h/a/b.", &["b.", "b.html"]),
            ("http://www.h.com/", &["www.h.com", "www.h.com.html"]),
            ("http://h/..%2fx", &["x", "x.html"]),
        ] {
            assert_eq!(names_of(Source::from(&Url::parse(url).expect("a URL"))), names, "{url}");
            for fields in ["X: y", "Content-Type: text/html"] {
                assert!(names.contains(&name(url, fields).as_str()), "{url} {fields}");
            }
        }
    }

    #[test]
    fn no_name_leaves_the_directory() {
        for (url, wanted) in [
            ("http://h/..%2F..%2Fetc%2Fpasswd", "passwd"),
            ("http://h/a%5C..%5Cb", "b"),
            ("http://h/~root", "root"),
            ("http://h/a/%2E%2E/~.~", "h"),
            ("http://h/%2E%2E%2F", "h"),
            ("http://h/.bashrc", "bashrc"),
            ("http://h/-rf", "rf"),
            ("http://h/%20-.-x", "x"),
            ("http://h/%00a%0Ab%1B%C2%9Bc%7F", "abc"),
            ("http://h/a%E2%80%AEgpj.exe", "agpj.exe"),
            ("http://h/...", "h"),
        ] {
            assert_eq!(name(url, ""), wanted, "{url}");
        }
    }

    #[test]
    fn the_server_may_name_the_file_but_not_its_place() {
        for (value, wanted) in [
            ("attachment; filename=\"report.pdf\"", "report.pdf"),
            ("attachment; filename=\"../../.ssh/authorized_keys\"", "authorized_keys"),
            ("attachment; filename=\"/\"", "u.txt"),
            ("attachment; filename*=UTF-8''..%2f%e6%96%b0.txt", "新.txt"),
            ("inline", "u.txt"),
        ] {
            assert_eq!(name("http://h/u.txt", &format!("Content-Disposition: {value}")), wanted, "{value}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let long = name(&format!("http://h/{}.tar", "新".repeat(100)), "");
        assert!(long.len() <= MAX_NAME && long.ends_with("新.tar"), "{long}");
        assert_eq!(name(&format!("http://h/{}", "x".repeat(300)), "").len(), MAX_NAME);
    }
}

//! Real pages that nobody here wrote, saved and opened by a real browser without a network.

use crate::browser::{Browser, Tab, pixels};
use crate::harness::{Place, missing};
use fixtures::{Request, Script, Server, reply};
use std::path::{Path, PathBuf};

/// A site, and which of its pages are looked at.
#[derive(Clone)]
struct Site {
    host: String,
    /// Where its files are.
    root: PathBuf,
    /// Below this directory are the pages.
    pages: String,
    /// How many of them.
    count: usize,
    /// The charset that they are put in.
    charset: Option<String>,
}

/// Host, directory, directory of the pages, how many of them, their charset where it is not their own: from Debian's
/// documentation packages, and packages of npm that `.ci/run` unpacks.
const SITES: &[(&str, &str, &str, usize, Option<&str>)] = &[
    ("sqlite.test", "/usr/share/doc/sqlite3", "", 10, None),
    // EUC-KR and ISO-8859-1, some of them.
    ("apache.test", "/usr/share/doc/apache2-doc/manual", "ko", 5, None),
    ("apache.test", "/usr/share/doc/apache2-doc/manual", "de", 4, None),
    ("faq-cn.test", "/usr/share/doc/debian/FAQ/zh-cn", "", 3, Some("gbk")),
    ("faq-ja.test", "/usr/share/doc/debian/FAQ/ja", "", 3, Some("shift_jis")),
    ("faq-ru.test", "/usr/share/doc/debian/FAQ/ru", "", 3, Some("windows-1251")),
    ("guide.test", "/usr/share/doc/maint-guide-zh-cn/html", "", 2, Some("gb18030")),
    ("aptitude.test", "/usr/share/doc/aptitude/html/ru", "", 2, Some("koi8-r")),
    ("reference.test", "/usr/share/developers-reference/ja", "", 2, Some("euc-jp")),
    ("admin-lte.test", "target/sites/admin-lte", "pages", 7, None),
    ("sb-admin.test", "target/sites/startbootstrap-sb-admin-2", "", 5, None),
    ("reveal.test", "target/sites/reveal.js", "", 3, None),
    ("slick.test", "target/sites/slick-carousel", "", 1, None),
];

/// The sites to look at: those of the environment's `SITES`, `host=directory[=pages[=charset]]` with spaces between,
/// else all.
fn sites() -> Vec<Site> {
    let Ok(named) = std::env::var("SITES") else {
        let own = |(host, root, pages, count, charset): &(&str, &str, &str, usize, Option<&str>)| Site {
            host: String::from(*host),
            root: Path::new(env!("CARGO_MANIFEST_DIR")).join(root),
            pages: String::from(*pages),
            count: *count,
            charset: charset.map(str::to_owned),
        };
        return SITES.iter().map(own).collect();
    };
    let count = std::env::var("COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(usize::MAX);
    let site = |text: &str| {
        let mut parts = text.split('=').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Site { host: next(), root: next().into(), pages: next(), count, charset: parts.next() }
    };
    named.split_whitespace().map(site).collect()
}

/// The pages below a directory, some of them: spread over all.
fn pages_below(root: &Path, count: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.is_symlink() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html" || extension == "htm") {
                files.push(path);
            }
        }
    }
    // What is on this page jitters.
    files.retain(|file| !file.ends_with("startbootstrap-sb-admin-2/404.html"));
    files.sort();
    let step = (files.len() / count).max(1);
    files.into_iter().step_by(step).take(count).collect()
}

/// A proxy behind which there are only these sites.
fn web(request: &Request) -> Script {
    let refused = || reply("404 Not Found", "", "");
    let Some((host, path)) = request.path().strip_prefix("http://").and_then(|url| url.split_once('/')) else { return refused() };
    let Some(Site { root, charset, .. }) = sites().into_iter().find(|site| site.host == host) else { return refused() };
    let path = percent_encoding::percent_decode_str(path.split(['?', '#']).next().unwrap_or_default()).decode_utf8_lossy();
    if path.split('/').any(|name| name == "..") {
        return refused();
    }
    let Ok(bytes) = std::fs::read(root.join(&*path)) else { return refused() };
    let media_type = match path.rsplit('.').next().unwrap_or_default() {
        "html" | "htm" => match charset {
            Some(charset) => return reply("200 OK", "Content-Type: text/html", in_charset(&bytes, &charset)),
            None => "text/html",
        },
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "txt" | "md" => "text/plain",
        _ => "application/octet-stream",
    };
    reply("200 OK", &format!("Content-Type: {media_type}"), bytes)
}

/// A page of UTF-8 in another charset, which it declares where it declared UTF-8.
fn in_charset(page: &[u8], charset: &str) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(page).into_owned();
    let start = text.floor_char_boundary(1024.min(text.len()));
    let declared = text[..start].replace("UTF-8", charset).replace("utf-8", charset);
    text.replace_range(..start, &declared);
    encoding_rs::Encoding::for_label(charset.as_bytes()).expect("known").encode(&text).0.into_owned()
}

/// How two pages differ, if they do by more than one pixel in a thousand.
fn difference(browser: &mut Browser, live: &Tab, saved: &Tab) -> Option<String> {
    // This page hides it itself where it has no http address.
    let hidden = "document.getElementById('search_menubutton')?.remove()";
    [live, saved].into_iter().for_each(|tab| _ = browser.evaluate(tab, hidden));
    let (before, after) = (browser.still(live), browser.still(saved));
    let text = "document.body ? document.body.innerText : ''";
    if browser.evaluate(live, text) != browser.evaluate(saved, text) {
        return Some("another text".to_owned());
    }
    if before == after {
        return None;
    }
    let (before, after) = (pixels(&before), pixels(&after));
    let (count, different) = (before.len() / 3, before.chunks(3).zip(after.chunks(3)).filter(|(a, b)| a != b).count());
    match () {
        () if before.len() != after.len() => Some("another height".to_owned()),
        () if different * 1000 > count => Some(format!("{different} of {count} pixels")),
        () => None,
    }
}

#[test]
fn real_pages_look_the_same_without_a_network() {
    let Some(mut browser) = Browser::start() else { return };
    let (proxy, place) = (Server::start(web).expect("started"), Place::new());
    let network = browser.network(proxy.port());
    let (mut differ, mut seen) = (Vec::new(), 0);
    for Site { host, root, pages, count, .. } in sites() {
        let pages = pages_below(&root.join(pages), count);
        if pages.is_empty() {
            return missing(&format!("the test of real pages: {} is not on this machine", root.display()));
        }
        for page in pages {
            let path = page.strip_prefix(&root).expect("below").to_str().expect("UTF-8").replace(' ', "%20");
            let url = format!("http://{host}/{path}");
            let run = place.fetch(&["-p", &url, "-o", "page.html", "-x", &proxy.url("/")]);
            assert_eq!(run.status, 0, "{run:?}");
            let (live, saved) = (browser.open_in(&url, &network), browser.open_offline(&place.path("page.html")));
            if let Some(how) = difference(&mut browser, &live, &saved) {
                let assets = run.stderr.lines().last().unwrap_or_default();
                differ.push(format!("{url}: {how}; {assets}"));
                browser.keep_pictures(&[(&live, "live"), (&saved, "saved")], &format!("{host}_{}", path.replace('/', "_")));
            }
            browser.close(&live);
            browser.close(&saved);
            seen += 1;
        }
    }
    assert!(differ.is_empty(), "{} of {seen}:\n{}", differ.len(), differ.join("\n"));
    assert!(std::env::var_os("SITES").is_some() || seen >= 45, "{seen}");
    assert_eq!(browser.attempts(), (Vec::new(), 0));
}

//! Cookies (RFC 6265bis): which are kept, and which go with a request.

mod netscape;
mod set_cookie;

use set_cookie::SetCookie;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use url::{Host, Url};

/// The longest that a cookie lives (RFC 6265bis section 5.5).
const LONGEST_LIFE: Duration = Duration::from_secs(400 * 24 * 3600);
/// The most cookies that are set by one site, and by all; those that are loaded from a file come on top.
const MAX_PER_SITE: usize = 200;
const MAX: usize = 3000;

/// One cookie.
#[derive(Clone, PartialEq, Eq)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    /// The host it is for; unless it is for that alone, for all below it too.
    domain: String,
    host_only: bool,
    path: Vec<u8>,
    secure: bool,
    http_only: bool,
    /// `None` for the end of the session.
    expires: Option<SystemTime>,
    /// The registrable domain that `domain` is in: cookies are counted by it.
    site: String,
    /// It was in a file: cookies that are set on the way do not displace it.
    loaded: bool,
}

/// The cookies of a session. They are not shown by `{:?}`.
#[derive(Clone, Default)]
pub(crate) struct Jar {
    /// In the order in which they were made.
    cookies: Vec<Cookie>,
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jar({} cookies)", self.cookies.len())
    }
}

impl Jar {
    /// Keeps what a Set-Cookie field in a response from `url` says, where it may say that
    /// (RFC 6265bis section 5.7).
    pub(crate) fn store(&mut self, url: &Url, field: &[u8], now: SystemTime) {
        if let Some(cookie) = SetCookie::parse(field, now).and_then(|set| accept(set, url)) {
            let secure_origin = url.scheme() == "https";
            if secure_origin || !self.overlays_secure(&cookie) {
                self.put(cookie, now);
            }
        }
    }

    /// Whether a cookie that came in clear would hide one that is kept from it.
    fn overlays_secure(&self, new: &Cookie) -> bool {
        self.cookies.iter().any(|old| {
            let same_domain = domain_matches(&old.domain, &new.domain) || domain_matches(&new.domain, &old.domain);
            old.secure && old.name == new.name && same_domain && path_matches(&new.path, &old.path)
        })
    }

    fn put(&mut self, cookie: Cookie, now: SystemTime) {
        let same = |old: &Cookie| {
            (&old.name, &old.domain, old.host_only, &old.path) == (&cookie.name, &cookie.domain, cookie.host_only, &cookie.path)
        };
        let place = self.cookies.iter().position(same);
        let expired = cookie.expires.is_some_and(|expires| expires <= now);
        match (place, expired) {
            (Some(place), true) => drop(self.cookies.remove(place)),
            (Some(place), false) => {
                self.cookies[place] = Cookie { loaded: self.cookies[place].loaded || cookie.loaded, ..cookie }
            }
            (None, true) => {}
            (None, false) => {
                if !cookie.loaded {
                    self.evict_for(&cookie.site);
                }
                self.cookies.push(cookie);
            }
        }
    }

    /// Evicts the oldest cookie of the site where that has too many, of the site with the most where there are
    /// too many in all. Those that were loaded from a file do not count, and stay.
    fn evict_for(&mut self, site: &str) {
        let set = || self.cookies.iter().filter(|cookie| !cookie.loaded);
        let crowded = if set().filter(|cookie| cookie.site == site).count() >= MAX_PER_SITE {
            site.to_owned()
        } else if set().count() >= MAX {
            let mut counts: HashMap<&str, usize> = HashMap::new();
            set().for_each(|cookie| *counts.entry(&cookie.site).or_default() += 1);
            let most = counts.into_iter().max_by_key(|(site, count)| (*count, std::cmp::Reverse(*site)));
            most.map(|(site, _)| site.to_owned()).unwrap_or_default()
        } else {
            return;
        };
        let oldest = self.cookies.iter().position(|cookie| cookie.site == crowded && !cookie.loaded);
        oldest.map(|oldest| self.cookies.remove(oldest));
    }

    /// The value of the Cookie field for a request; `None` where no cookie goes along
    /// (RFC 6265bis section 5.8.3).
    pub(crate) fn field(&self, url: &Url, now: SystemTime) -> Option<Vec<u8>> {
        let host = host_of(url)?;
        let mut sent: Vec<&Cookie> = self.cookies.iter().filter(|cookie| cookie.is_sent_to(url, &host, now)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<Vec<u8>> = sent.iter().map(|cookie| cookie.pair()).collect();
        (!pairs.is_empty()).then(|| pairs.join(&b"; "[..]))
    }

    /// Adds those of a file in Netscape's format; those that have expired are left out. The answer is
    /// the number of the first line that makes no sense, and was left out too.
    pub(crate) fn add_netscape(&mut self, file: &[u8], now: SystemTime) -> Option<usize> {
        let (cookies, first_bad) = netscape::read(file);
        cookies.into_iter().for_each(|cookie| self.put(Cookie { loaded: true, ..cookie }, now));
        first_bad
    }

    /// All that are alive, as a file in Netscape's format.
    pub(crate) fn to_netscape(&self, now: SystemTime) -> Vec<u8> {
        netscape::write(self.cookies.iter().filter(|cookie| cookie.is_alive(now)))
    }
}

impl Cookie {
    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn is_sent_to(&self, url: &Url, host: &str, now: SystemTime) -> bool {
        let host_matches = if self.host_only { host == self.domain } else { domain_matches(host, &self.domain) };
        host_matches
            && path_matches(url.path().as_bytes(), &self.path)
            && (!self.secure || url.scheme() == "https")
            && self.is_alive(now)
    }

    fn pair(&self) -> Vec<u8> {
        if self.name.is_empty() { self.value.clone() } else { [&self.name[..], b"=", &self.value].concat() }
    }
}

/// Turns what a server says into a cookie, if it is the server's to set.
fn accept(set: SetCookie, url: &Url) -> Option<Cookie> {
    let host = host_of(url)?;
    let mut domain = set.domain.filter(|domain| !domain.is_empty());
    if domain.as_deref().is_some_and(|domain| is_public_suffix(domain) || !matches!(url.host(), Some(Host::Domain(_)))) {
        // A public suffix may set cookies for itself only.
        domain = domain.filter(|domain| *domain != host);
        if domain.is_some() {
            return None;
        }
    }
    if domain.as_deref().is_some_and(|domain| !domain_matches(&host, domain)) {
        return None;
    }
    let host_only = domain.is_none();
    let path = set.path.clone().unwrap_or_else(|| default_path(url));
    let prefixed = |prefix: &str| {
        // A nameless cookie may not look as if it had such a name.
        let text = if set.name.is_empty() { &set.value } else { &set.name };
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let (secure_name, host_name) = (prefixed("__Secure-"), prefixed("__Host-"));
    let refused = set.secure && url.scheme() != "https"
        || (secure_name || host_name) && (set.name.is_empty() || !set.secure)
        || host_name && (!host_only || set.path.as_deref() != Some(b"/"));
    let domain = domain.unwrap_or(host);
    (!refused).then(|| Cookie {
        site: site_of(&domain),
        loaded: false,
        domain,
        host_only,
        path,
        name: set.name,
        value: set.value,
        secure: set.secure,
        http_only: set.http_only,
        expires: set.expires,
    })
}

/// Whether two URLs are of one site: of hosts with the same registrable domain.
pub(super) fn is_same_site(one: &Url, other: &Url) -> bool {
    let site = |url: &Url| host_of(url).map(|host| site_of(&host));
    site(one) == site(other)
}

/// The registrable domain of a domain: the domain itself where that is an address or a public suffix.
fn site_of(domain: &str) -> String {
    let is_address = domain.parse::<std::net::IpAddr>().is_ok();
    psl::domain_str(domain).filter(|_| !is_address).unwrap_or(domain).to_owned()
}

/// The host of a URL, as domains are written.
fn host_of(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned())
}

/// Whether a host is a domain, or below it (RFC 6265bis section 5.1.3).
fn domain_matches(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain);
    below.is_some_and(|below| below.is_empty() || below.ends_with('.') && host.parse::<std::net::IpAddr>().is_err())
}

/// Whether names below a domain belong to many: `co.uk`, say. Where all that is right below one does,
/// as below `kawasaki.jp`, it does itself.
fn is_public_suffix(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.');
    let is_suffix = |name: &str| psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix == name.as_bytes());
    is_suffix(domain) || is_suffix(&format!("any-other.{domain}"))
}

/// Whether a request's path is a cookie's, or below it (RFC 6265bis section 5.1.4).
fn path_matches(path: &[u8], cookie: &[u8]) -> bool {
    path.strip_prefix(cookie).is_some_and(|below| below.is_empty() || cookie.ends_with(b"/") || below.starts_with(b"/"))
}

/// The directory of a URL's path.
fn default_path(url: &Url) -> Vec<u8> {
    match url.path().rfind('/') {
        None | Some(0) => b"/".to_vec(),
        Some(slash) => url.path().as_bytes()[..slash].to_vec(),
    }
}

/// Seconds since 1970, as Netscape's format counts.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    /// What goes to the second address after the first has set these.
    fn sent(from: &str, set: &[&str], to: &str) -> String {
        let mut jar = Jar::default();
        for field in set {
            jar.store(&url(from), field.as_bytes(), NOW);
        }
        jar.field(&url(to), NOW).map_or("-".to_owned(), |field| String::from_utf8_lossy(&field).into_owned())
    }

    #[test]
    fn a_cookie_is_sent_to_its_host_only() {
        for (from, set, to, wanted) in [
            // The examples of RFC 6265 section 3.1.
            ("http://example.com/", &["SID=31d4d96e407aad42"][..], "http://example.com/x", "SID=31d4d96e407aad42"),
            ("http://example.com/", &["SID=1; Path=/; Domain=example.com"], "http://www.example.com/", "SID=1"),
            (
                "https://example.com/",
                &["SID=1; Path=/; Secure; HttpOnly", "lang=en-US; Path=/; Domain=example.com"],
                "https://example.com/",
                "SID=1; lang=en-US",
            ),
            (
                "http://example.com/",
                &["lang=en", "lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=0"],
                "http://example.com/",
                "-",
            ),
            ("http://example.com/", &["a=1"], "http://www.example.com/", "-"),
            ("http://example.com/", &["a=1"], "http://example.com:8080/", "a=1"),
            ("http://a.example.com/", &["a=1; Domain=.EXAMPLE.com"], "http://b.example.com/", "a=1"),
            ("http://a.example.com/", &["a=1; Domain=b.example.com"], "http://b.example.com/", "-"),
            ("http://example.com/", &["a=1; Domain=a.example.com"], "http://a.example.com/", "-"),
            ("http://notexample.com/", &["a=1; Domain=example.com"], "http://example.com/", "-"),
            ("http://example.com/", &["a=1; Domain="], "http://example.com/", "a=1"),
            ("http://127.0.0.1/", &["a=1; Domain=127.0.0.1"], "http://127.0.0.1/", "a=1"),
            ("http://127.0.0.1/", &["a=1; Domain=0.0.1"], "http://127.0.0.1/", "-"),
            ("http://[::1]/", &["a=1"], "http://[::1]/", "a=1"),
        ] {
            assert_eq!(sent(from, set, to), wanted, "{set:?} from {from} to {to}");
        }
    }

    #[test]
    fn many_cookies_of_one_site_displace_its_own_and_never_loaded_ones() {
        let mut jar = Jar::default();
        let line = |site: &str, name: usize| format!("{site}\tFALSE\t/\tFALSE\t0\tn{name}\tv\n");
        let file: String = (0..250).map(|name| line("mine.com", name)).chain([line("evil.com", 0)]).collect();
        assert_eq!(jar.add_netscape(file.as_bytes(), NOW), None);
        jar.store(&url("http://other.com/"), b"a=1", NOW);
        for host in 0..30 {
            for name in 0..200 {
                jar.store(&url(&format!("http://h{host}.evil.com/")), format!("x{name}=1").as_bytes(), NOW);
            }
        }
        let of = |site: &str| jar.cookies.iter().filter(|cookie| cookie.site == site).count();
        assert_eq!((of("mine.com"), of("other.com"), of("evil.com")), (250, 1, MAX_PER_SITE + 1));
        // A site with many loaded ones can still set some.
        jar.store(&url("http://mine.com/"), b"new=1", NOW);
        assert!(jar.field(&url("http://mine.com/"), NOW).is_some_and(|field| field.ends_with(b"new=1")));
        assert_eq!(site_of("10.0.0.1"), "10.0.0.1");
        assert!(jar.field(&url("http://evil.com/"), NOW).is_some_and(|field| field == b"n0=v"));
        // Not even many sites displace another's.
        for site in 0..40 {
            for name in 0..200 {
                jar.store(&url(&format!("http://evil{site}.com/")), format!("x{name}=1").as_bytes(), NOW);
            }
        }
        assert!(jar.cookies.len() <= MAX + 251 && jar.field(&url("http://other.com/"), NOW).is_some());
    }

    #[test]
    fn cookies_for_a_public_suffix_are_rejected() {
        for (from, domain, to, wanted) in [
            ("http://a.co.uk/", "co.uk", "http://b.co.uk/", "-"),
            ("http://a.com/", "com", "http://b.com/", "-"),
            ("http://me.github.io/", "github.io", "http://you.github.io/", "-"),
            ("http://github.io/", "github.io", "http://github.io/", "a=1"),
            ("http://github.io/", "github.io", "http://me.github.io/", "-"),
            ("http://www.a.co.uk/", "a.co.uk", "http://b.a.co.uk/", "a=1"),
            ("http://b.city.kawasaki.jp/", "kawasaki.jp", "http://a.kawasaki.jp/", "-"),
            ("http://b.city.kawasaki.jp/", "city.kawasaki.jp", "http://a.city.kawasaki.jp/", "a=1"),
            ("http://localhost/", "localhost", "http://localhost/", "a=1"),
        ] {
            assert_eq!(sent(from, &[&format!("a=1; Domain={domain}")], to), wanted, "{domain} from {from}");
        }
    }

    #[test]
    fn a_cookie_is_for_its_path_and_what_is_below() {
        for (from, set, to, wanted) in [
            ("http://h/a/b", "x=1", "http://h/a/c", "x=1"),
            ("http://h/a/b", "x=1", "http://h/a", "x=1"),
            ("http://h/a/b", "x=1", "http://h/ab", "-"),
            ("http://h/a/b", "x=1; Path=relative", "http://h/a/c", "x=1"),
            ("http://h/a/b", "x=1; Path=/", "http://h/", "x=1"),
            ("http://h/", "x=1; Path=/a/", "http://h/a", "-"),
            ("http://h/", "x=1; Path=/a/", "http://h/a/b", "x=1"),
        ] {
            assert_eq!(sent(from, &[set], to), wanted, "{set} from {from} to {to}");
        }
        assert_eq!(sent("http://h/a/", &["x=1; Path=/", "x=2", "y=3; Path=/"], "http://h/a/"), "x=2; x=1; y=3");
    }

    #[test]
    fn secure_and_prefixed_cookies_are_kept_from_clear_text() {
        for (from, set, to, wanted) in [
            ("https://h/", &["a=1; Secure"][..], "http://h/", "-"),
            ("https://h/", &["a=1; Secure"], "https://h/", "a=1"),
            ("http://h/", &["a=1; Secure"], "https://h/", "-"),
            ("https://h/", &["__Secure-a=1"], "https://h/", "-"),
            ("https://h/", &["__secure-a=1; Secure"], "https://h/", "__secure-a=1"),
            ("https://h/", &["__Host-a=1; Secure; Path=/"], "https://h/", "__Host-a=1"),
            ("https://h/", &["__Host-a=1; Secure"], "https://h/", "-"),
            ("https://h.com/", &["__Host-a=1; Secure; Path=/; Domain=h.com"], "https://h.com/", "-"),
            ("https://h/", &["=__Host-a=1; Secure; Path=/"], "https://h/", "-"),
        ] {
            assert_eq!(sent(from, set, to), wanted, "{set:?} from {from} to {to}");
        }
        let mut jar = Jar::default();
        jar.store(&url("https://h/"), b"a=1; Secure", NOW);
        jar.store(&url("http://h/"), b"a=planted", NOW);
        assert_eq!(jar.field(&url("https://h/"), NOW), Some(b"a=1".to_vec()));
    }

    #[test]
    fn a_cookie_lives_as_long_as_it_says_but_no_longer_than_400_days() {
        let mut jar = Jar::default();
        for field in
            ["a=1; Max-Age=10", "b=2; Max-Age=99999999999", "c=3", "d=4; Expires=Thu, 01 Jan 1970 00:00:20 GMT; Max-Age=5"]
        {
            jar.store(&url("http://h/"), field.as_bytes(), NOW);
        }
        for (after, wanted) in [(0, "a=1; b=2; c=3; d=4"), (7, "a=1; b=2; c=3"), (11, "b=2; c=3"), (400 * 86400, "c=3")] {
            let field = jar.field(&url("http://h/"), NOW + Duration::from_secs(after)).expect("some");
            assert_eq!(String::from_utf8_lossy(&field), wanted, "after {after} s");
        }
    }

    #[test]
    fn a_flood_of_cookies_drives_out_its_own_first() {
        let mut jar = Jar::default();
        jar.store(&url("http://other/"), b"mine=1", NOW);
        for number in 0..1000 {
            jar.store(&url("http://h/"), format!("c{number}=x").as_bytes(), NOW);
        }
        assert_eq!(jar.cookies.len(), MAX_PER_SITE + 1);
        assert_eq!(jar.field(&url("http://other/"), NOW), Some(b"mine=1".to_vec()));
    }
    proptest::proptest! {
        #[test]
        fn whatever_is_set_or_read_is_kept_or_refused(field in "\\PC{0,80}|[ -~]{0,200}", file in "[ -~\t\r\n]{0,300}") {
            let mut jar = Jar::default();
            for host in ["https://www.example.co.uk/a/b", "http://127.0.0.1/", "http://[::1]/"] {
                jar.store(&url(host), field.as_bytes(), NOW);
                let expires = format!("a=b; Expires={field}; Max-Age={field}; Domain={field}; Path={field}");
                jar.store(&url(host), expires.as_bytes(), NOW);
            }
            jar.add_netscape(file.as_bytes(), NOW);
            // What is written is read again as it was.
            let written = jar.to_netscape(NOW);
            let mut read = Jar::default();
            assert_eq!(read.add_netscape(&written, NOW), None, "{}", String::from_utf8_lossy(&written));
            assert_eq!(String::from_utf8_lossy(&read.to_netscape(NOW)), String::from_utf8_lossy(&written));
        }
    }
}

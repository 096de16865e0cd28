//! Proxies: which one a target is reached through, if any.

use super::{Limit, NetError, Target};
use crate::error::{Error, Kind};
use crate::http::{Credentials, without_secrets};
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// HTTP, in clear.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS5 (RFC 1928), names resolved here.
    Socks5,
    /// SOCKS5, names resolved by the proxy.
    Socks5h,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How it is spoken to.
    pub(crate) kind: ProxyKind,
    /// Its host.
    pub(crate) host: Host,
    /// Its port.
    pub(crate) port: u16,
    /// Its credentials.
    pub(crate) credentials: Option<Credentials>,
    /// The environment variable that named it.
    pub(crate) variable: Option<&'static str>,
}

impl Proxy {
    /// Reads the URL of a proxy; without a scheme it is `http://`. The error does not show what the
    /// URL says of credentials.
    pub fn parse(text: &str) -> Result<Proxy, Error> {
        Proxy::try_parse(text).map_err(|why| Error::new(Kind::Usage, why))
    }

    fn try_parse(text: &str) -> Result<Proxy, String> {
        let failed = |why: &str| format!("\"{}\" is not a proxy: {why}", without_secrets(text));
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        if !text.contains("://") && text.trim_end_matches('/').contains('/') {
            return Err(failed("expected a URL or HOST:PORT"));
        }
        let url = Url::parse(&full).map_err(|error| failed(&error.to_string()))?;
        let (kind, port) = match url.scheme() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" => (ProxyKind::Socks5, 1080),
            "socks5h" => (ProxyKind::Socks5h, 1080),
            other => return Err(failed(&format!("\"{other}:\" is none of http, https, socks5 and socks5h"))),
        };
        // The URL standard does not look into the hosts of schemes that are not its own.
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| failed("the host is missing"))?;
        let host = Host::parse(host).map_err(|error| failed(&error.to_string()))?;
        let credentials = Credentials::of(&url);
        Ok(Proxy { kind, host, port: url.port().unwrap_or(port), credentials, variable: None })
    }

    /// An error on the way to it, as one of the proxy.
    pub(crate) fn explain(&self, error: NetError) -> NetError {
        match error {
            // Not the proxy's fault.
            NetError::Interrupted | NetError::TimedOut { limit: Limit::MaxTime, .. } => error,
            error => NetError::Proxy { proxy: self.label(), error: Box::new(error) },
        }
    }

    /// What it is called in messages: the variable that named it comes along.
    pub(crate) fn label(&self) -> String {
        self.variable.map_or_else(|| format!("proxy {self}"), |variable| format!("proxy {self} (from {variable})"))
    }

    /// Whether it forwards requests for this target, instead of making a tunnel.
    pub(crate) fn forwards(&self, target: &Target) -> bool {
        matches!(self.kind, ProxyKind::Http | ProxyKind::Https) && !target.secure
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The proxies to use, by scheme, and where to go without.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// What is wrong with a variable of the environment matters only where it is used.
    http: Option<Result<Proxy, String>>,
    https: Option<Result<Proxy, String>>,
    without: Vec<Without>,
}

impl Proxies {
    /// This one, for everything.
    pub fn all(proxy: Proxy) -> Proxies {
        Proxies { http: Some(Ok(proxy.clone())), https: Some(Ok(proxy)), without: Vec::new() }
    }

    /// Those that environment variables name: `http_proxy` in lower case only (a CGI program's
    /// HTTP_PROXY is what its client sent as a field), `https_proxy`, `all_proxy` and `no_proxy` in
    /// upper case too.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let find = |names: &[&'static str]| {
            let set = |name: &'static str| variable(name).map(|value| (name, value.trim().to_owned()));
            names.iter().filter_map(|name| set(name)).find(|(_, value)| !value.is_empty())
        };
        let all = find(&["all_proxy", "ALL_PROXY"]);
        let read = |found: Option<(&'static str, String)>| {
            let (name, value) = found.or_else(|| all.clone())?;
            let proxy = Proxy::try_parse(&value).map_err(|why| format!("{name} in the environment: {why}"));
            Some(proxy.map(|proxy| Proxy { variable: Some(name), ..proxy }))
        };
        let http = read(find(&["http_proxy"]));
        let https = read(find(&["https_proxy", "HTTPS_PROXY"]));
        let (_, without) = find(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        let entries = without.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Proxies { http, https, without: entries.filter_map(Without::parse).collect() }
    }

    /// The proxy for a target; an error where the environment names one that cannot be understood.
    pub(crate) fn of(&self, target: &Target) -> Result<Option<&Proxy>, &str> {
        match if target.secure { &self.https } else { &self.http } {
            None => Ok(None),
            Some(_) if self.without.iter().any(|without| without.covers(target)) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(why)) => Err(why),
        }
    }
}

/// One entry of `no_proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Without {
    Everything,
    /// A name and all below it.
    Suffix(String, Option<u16>),
    /// So many first bits of an address.
    Network(IpAddr, u32, Option<u16>),
}

impl Without {
    /// `None` for what names nothing.
    fn parse(entry: &str) -> Option<Without> {
        if entry == "*" {
            return Some(Without::Everything);
        }
        let address = |text: &str| -> Option<IpAddr> {
            let inner = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
            inner.parse().ok()
        };
        if let Some((network, bits)) = entry.split_once('/') {
            let network = address(network)?;
            let all = if network.is_ipv4() { 32 } else { 128 };
            return bits.parse().ok().filter(|bits| *bits <= all).map(|bits| Without::Network(network, bits, None));
        }
        let whole = |address: IpAddr, port| Without::Network(address, if address.is_ipv4() { 32 } else { 128 }, port);
        if let Some(address) = address(entry) {
            return Some(whole(address, None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        if let Some(address) = address(host) {
            return Some(whole(address, port));
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_matches('.');
        // As the URL standard writes names, so that they compare.
        match Host::parse(name) {
            Ok(Host::Domain(name)) => Some(Without::Suffix(name, port)),
            _ => None,
        }
    }

    fn covers(&self, target: &Target) -> bool {
        let is_port = |port: &Option<u16>| port.is_none_or(|port| port == target.port);
        match (self, &target.host) {
            (Without::Everything, _) => true,
            (Without::Suffix(suffix, port), Host::Domain(name)) => {
                let below = name.trim_end_matches('.').strip_suffix(suffix.as_str());
                is_port(port) && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            (Without::Network(network, bits, port), Host::Ipv4(address)) => {
                is_port(port) && same_network(*network, (*address).into(), *bits)
            }
            (Without::Network(network, bits, port), Host::Ipv6(address)) => {
                is_port(port) && same_network(*network, (*address).into(), *bits)
            }
            _ => false,
        }
    }
}

/// Whether two addresses of one family have the same first bits.
fn same_network(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::of(&Url::parse(url).expect("a URL")).expect("http")
    }

    fn environment(variables: &'static str) -> Proxies {
        let pairs = variables.split('|').filter_map(|pair| pair.split_once('='));
        Proxies::from_environment(|wanted| pairs.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned()))
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host_and_a_port() {
        for (text, shown) in [
            ("http://h", "Http h:80"),
            ("h:3128", "Http h:3128"),
            ("https://h/", "Https h:443"),
            ("socks5://127.0.0.1", "Socks5 127.0.0.1:1080"),
            ("SOCKS5H://[::1]:9", "Socks5h [::1]:9"),
        ] {
            let proxy = Proxy::parse(text).expect("a proxy");
            assert_eq!(format!("{:?} {proxy}", proxy.kind), shown, "{text}");
        }
        assert_eq!(Proxy::try_parse("socks5://127.0.0.1").map(|proxy| proxy.host), Ok(Host::Ipv4([127, 0, 0, 1].into())));
        let me = Proxy::parse("http://me:p%40ss@h:1").expect("a proxy").credentials.expect("some");
        assert_eq!((me.name(), me.password()), (&b"me"[..], &b"p@ss"[..]));
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_shows_no_secret() {
        for text in [
            "socks4://me:secret@h",
            "ftp://h",
            "http://",
            "http://me:secret@h:99999",
            "socks5://",
            "http://[",
            "://",
            "unix:/x",
            " ",
        ] {
            let why = Proxy::try_parse(text).expect_err("refused");
            assert!(why.contains("is not a proxy") && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn the_environment_names_proxies() {
        for (variables, url, wanted) in [
            ("http_proxy=h:1|https_proxy=s:2|all_proxy=a:3", "http://x/", Some("h:1")),
            ("http_proxy=h:1|https_proxy=s:2|all_proxy=a:3", "https://x/", Some("s:2")),
            ("all_proxy=a:3", "http://x/", Some("a:3")),
            ("ALL_PROXY=a:3|HTTPS_PROXY=s:2", "https://x/", Some("s:2")),
            ("HTTP_PROXY=evil:1", "http://x/", None),
            ("https_proxy=s:2", "http://x/", None),
            ("http_proxy=", "http://x/", None),
            ("", "http://x/", None),
        ] {
            let proxies = environment(variables);
            let proxy = proxies.of(&target(url)).expect("valid").map(ToString::to_string);
            assert_eq!(proxy.as_deref(), wanted, "{variables} for {url}");
        }
        assert!(environment("http_proxy=socks4://h").of(&target("http://x/")).expect_err("no proxy").contains("http_proxy"));
        assert_eq!(environment("http_proxy=socks4://h").of(&target("https://x/")), Ok(None));
    }

    #[test]
    fn no_proxy_names_hosts_suffixes_addresses_and_networks() {
        for (list, url, without) in [
            ("*", "http://x/", true),
            ("example.com", "http://example.com/", true),
            ("example.com", "http://a.b.EXAMPLE.com/", true),
            ("example.com", "http://example.com./", true),
            ("example.com", "http://notexample.com/", false),
            (".example.com", "http://a.example.com/", true),
            (".example.com", "http://example.com/", true),
            ("*.example.com", "http://a.example.com/", true),
            ("EXAMPLE.COM.", "http://example.com/", true),
            ("x, example.com ,y", "http://example.com/", true),
            ("x example.com", "http://example.com/", true),
            ("example.com:80", "http://example.com/", true),
            ("example.com:81", "http://example.com/", false),
            ("例え.テスト", "http://xn--r8jz45g.xn--zckzah/", true),
            ("127.0.0.1", "http://127.0.0.1:8080/", true),
            ("127.0.0.1:81", "http://127.0.0.1:8080/", false),
            ("0.0.1", "http://127.0.0.1/", false),
            ("10.0.0.0/8", "http://10.200.3.4/", true),
            ("10.0.0.0/8", "http://11.0.0.1/", false),
            ("10.0.0.0/0", "http://11.0.0.1/", true),
            ("10.0.0.0/33", "http://10.0.0.0/", false),
            ("::1", "http://[::1]/", true),
            ("[::1]:80", "http://[::1]/", true),
            ("fd00::/8", "http://[fd12::1]/", true),
            ("fd00::/8", "http://[fe80::1]/", false),
            ("1", "http://h1/", false),
            ("", "http://x/", false),
        ] {
            let variables = [("http_proxy", "p:1"), ("no_proxy", list)];
            let proxies = Proxies::from_environment(|wanted| {
                variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(proxies.of(&target(url)).expect("valid").is_none(), without, "{list} for {url}");
        }
    }
}

//! The request: a method, a target and fields become the bytes that are sent.

use super::{Fields, InvalidField};
use url::{Position, Url};

/// The methods that fetch knows: it reads the web and changes nothing on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// The header section and the content.
    #[default]
    Get,
    /// The header section only.
    Head,
}

/// A request without content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    method: Method,
    /// It asks for a tunnel: CONNECT, whatever `method` says.
    tunnel: bool,
    target: String,
    fields: Fields,
}

impl Request {
    /// A request for `url` in origin-form (RFC 9112 section 3.2.1): path and query exactly as the
    /// URL standard serialises them, the fragment dropped, with the Host field that belongs to it.
    ///
    /// Expects an http or https URL: those always have a host and a path.
    pub(crate) fn new(method: Method, url: &Url) -> Request {
        let target = url[Position::BeforePath..Position::AfterQuery].to_owned();
        let mut fields = Fields::new();
        // The URL standard leaves out a default port and puts an IPv6 address in brackets.
        fields.push("Host", url[Position::BeforeHost..Position::AfterPort].as_bytes());
        Request { method, tunnel: false, target, fields }
    }

    /// A request to a proxy for a tunnel to `authority`, a host and a port (RFC 9110 section 9.3.6).
    pub(crate) fn tunnel(authority: &str) -> Request {
        let mut fields = Fields::new();
        fields.push("Host", authority.as_bytes());
        Request { method: Method::Get, tunnel: true, target: authority.to_owned(), fields }
    }

    /// Turns a request for `url` into absolute-form (RFC 9112 section 3.2.2), as a proxy wants it.
    pub(crate) fn make_absolute(&mut self, url: &Url) {
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        self.target = format!("{}://{authority}{}", url.scheme(), &url[Position::BeforePath..Position::AfterQuery]);
    }

    /// Adds a field, in place of any of that name.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidField> {
        self.fields.replace(name, value)
    }

    /// Drops every field of that name.
    pub(crate) fn remove(&mut self, name: &str) {
        self.fields.remove(name);
    }

    /// The method.
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The fields, in the order they are sent.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields, to be changed.
    pub(crate) fn fields_mut(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// The request line, without its line end.
    pub(crate) fn line(&self) -> String {
        let method = match self.method {
            _ if self.tunnel => "CONNECT",
            Method::Get => "GET",
            Method::Head => "HEAD",
        };
        format!("{method} {} HTTP/1.1", self.target)
    }

    /// The whole header section, as it is sent.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(self.line().as_bytes());
        bytes.extend_from_slice(b"\r\n");
        for (name, value) in self.fields.iter() {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL, and the request line and Host field that it must become.
    const TARGETS: &[(&str, &str, &str)] = &[
        ("http://h", "/", "h"),
        ("http://h?", "/?", "h"),
        ("http://h?a=b", "/?a=b", "h"),
        ("http://h/a%2fb%41?x=%zz&y", "/a%2fb%41?x=%zz&y", "h"),
        ("http://h/a b", "/a%20b", "h"),
        ("http://h/a/../b/./c", "/b/c", "h"),
        ("http://h//x", "//x", "h"),
        ("http://h/x#part?no", "/x", "h"),
        ("http://h/新", "/%E6%96%B0", "h"),
        ("http://h:80/", "/", "h"),
        ("https://h:443/", "/", "h"),
        ("https://h:80/", "/", "h:80"),
        ("http://h:8080/", "/", "h:8080"),
        ("http://user:pw@h:81/", "/", "h:81"),
        ("http://[::1]/", "/", "[::1]"),
        ("http://[2001:DB8::0:1]:8080/", "/", "[2001:db8::1]:8080"),
        ("http://例え.テスト/", "/", "xn--r8jz45g.xn--zckzah"),
        ("http://EXAMPLE.com/", "/", "example.com"),
        ("http://h/\r\nX:y", "/X:y", "h"),
        ("http://0x7f.1/", "/", "127.0.0.1"),
    ];

    #[test]
    fn the_target_is_what_the_url_standard_serialises() {
        for (url, target, host) in TARGETS {
            let request = Request::new(Method::Get, &Url::parse(url).expect("a URL"));
            assert_eq!(request.line(), format!("GET {target} HTTP/1.1"), "{url}");
            assert_eq!(request.fields().get("host"), Some(host.as_bytes()), "{url}");
        }
    }

    #[test]
    fn a_proxy_gets_the_whole_address_but_neither_userinfo_nor_fragment() {
        let url = Url::parse("http://me:pw@h:8080/a?b#c").expect("a URL");
        let mut request = Request::new(Method::Get, &url);
        request.make_absolute(&url);
        assert_eq!(request.line(), "GET http://h:8080/a?b HTTP/1.1");
        assert_eq!(Request::tunnel("h:443").to_bytes(), b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n");
    }

    #[test]
    fn is_written_as_a_header_section() {
        let url = Url::parse("http://h/x").expect("a URL");
        let mut request = Request::new(Method::Head, &url);
        request.set("Accept", b"*/*").expect("valid");
        assert_eq!(request.to_bytes(), b"HEAD /x HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n");
    }
}

//! Proxies: what they are told, what they may not know, and real ones.

use crate::daemon::Daemon;
use crate::harness::{Place, Run, finish, program};
use fixtures::{Authority, Closed, Script, Server, Step, reply};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn hello() -> Server {
    Server::start(|_| reply("200 OK", "", "hello")).expect("started")
}

/// A server over TLS, and a place that trusts it.
fn secure_hello() -> (Server, Place, Authority) {
    let authority = Authority::new().expect("made");
    let place = Place::new();
    place.write("ca.pem", authority.pem());
    (Server::start_tls(&authority, |_| reply("200 OK", "", "hello")).expect("started"), place, authority)
}

fn address(server: &Server) -> SocketAddr {
    ([127, 0, 0, 1], server.port()).into()
}

/// A proxy that answers CONNECT with a tunnel to this server.
pub(crate) fn tunnel_to(server: &Server) -> Server {
    let to = address(server);
    Server::start(move |_| vec![Step::send("HTTP/1.1 200 Connection established\r\n\r\n"), Step::Relay(to)]).expect("started")
}

/// A SOCKS5 proxy that says this whatever it is asked, and then is the server itself.
fn socks(replies: &[u8], answer: fn() -> Script) -> Server {
    Server::on("127.0.0.1:0", None, vec![Step::send(replies)], move |_| answer()).expect("started")
}

const SOCKS_DONE: &[u8] = &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

#[test]
fn an_http_request_goes_to_the_proxy_as_it_is() {
    let proxy = hello();
    let place = Place::new();
    let by = proxy.url("/").replace("http://", "http://me:p%40ss@");
    place.fetch(&["-q", "-x", &by, "http://user:pw@h.test:81/a?b#c", "-o", "f"]).succeeded();
    let request = &proxy.requests()[0];
    assert!(request.text().starts_with("GET http://h.test:81/a?b HTTP/1.1\r\nHost: h.test:81\r\n"), "{request:?}");
    assert_eq!(request.field("Proxy-Authorization").as_deref(), Some("Basic bWU6cEBzcw=="));
    assert_eq!(request.field("Authorization").as_deref(), Some("Basic dXNlcjpwdw=="));
    assert_eq!(place.read("f"), "hello");
}

#[test]
fn an_https_request_goes_through_a_tunnel_and_the_proxys_credentials_do_not() {
    let (server, place, _) = secure_hello();
    let proxy = tunnel_to(&server);
    let by = proxy.url("").replace("http://", "me:secret@");
    let run = place.fetch(&["-v", "-x", &by, &server.url("/"), "-o", "f", "--cacert", "ca.pem"]);
    assert!(run.status == 0 && run.stderr.contains("* connected through the proxy 127.0.0.1:"), "{run:?}");
    assert!(!run.stderr.contains("secret") && !run.stderr.contains("bWU6c2VjcmV0"));
    assert_eq!(place.read("f"), "hello");
    let asked = proxy.requests()[0].text();
    assert!(asked.starts_with(&format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\nHost: 127.0.0.1:", server.port())), "{asked}");
    assert!(asked.contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n") && asked.contains("\r\nUser-Agent: fetch/"));
    assert_eq!(server.requests()[0].field("Proxy-Authorization"), None);
    // Nor does what -H has for the proxy.
    place
        .fetch(&["-q", "-x", &proxy.url(""), &server.url("/"), "-o", "f", "--cacert", "ca.pem", "-H", "Proxy-Authorization: x"])
        .succeeded();
    assert_eq!(proxy.requests()[1].field("Proxy-Authorization").as_deref(), Some("x"));
    assert_eq!(server.requests()[1].field("Proxy-Authorization"), None);
}

#[test]
fn tls_is_spoken_through_a_proxy_that_speaks_tls() {
    let (server, place, authority) = secure_hello();
    let to = address(&server);
    let proxy = Server::start_tls(&authority, move |request| match request.text().starts_with("CONNECT ") {
        true => vec![Step::send("HTTP/1.1 200 OK\r\n\r\n"), Step::Relay(to)],
        false => reply("200 OK", "", "forwarded"),
    })
    .expect("started");
    place.fetch(&["-q", "-x", &proxy.url(""), &server.url("/"), "-o", "f", "--cacert", "ca.pem"]).succeeded();
    assert_eq!(place.read("f"), "hello");
    place.fetch(&["-q", "-x", &proxy.url(""), "http://h.test/", "-o", "f", "--cacert", "ca.pem"]).succeeded();
    assert_eq!(place.read("f"), "forwarded");
    place.fetch(&["-q", "-x", &proxy.url(""), &server.url("/"), "-o", "f"]).failed(5, &server.url("/"), "certificate");
}

#[test]
fn a_proxy_that_refuses_is_quoted() {
    for (status, exit, tries) in [
        ("407 Proxy Authentication Required", 6, 1),
        ("403 Forbidden", 4, 1),
        ("502 Bad Gateway", 4, 2),
        ("503 Busy", 4, 2),
        ("302 Found\r\nLocation: http://evil.test/", 4, 1),
    ] {
        let proxy = Server::start(move |_| reply(status, "", "no")).expect("started");
        let run = Place::new().fetch(&["-q", "-x", &proxy.url(""), "https://h.test/", "-o", "f", "--retry", "1"]);
        run.failed(exit, "https://h.test/", &format!("the proxy answered {}", status.split('\r').next().unwrap_or_default()));
        assert_eq!(proxy.requests().len(), tries, "{status}");
    }
    let proxy = Server::start(|_| reply("407 Proxy Authentication Required", "", "no")).expect("started");
    Place::new().fetch(&["-q", "-x", &proxy.url(""), "http://h.test/", "-o", "f"]).failed(
        6,
        "http://h.test/",
        "-x SCHEME://NAME:PASSWORD@",
    );
}

#[test]
fn a_proxy_that_makes_no_sense_is_a_protocol_error() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    for (answer, exit, why) in [
        ("nonsense\r\n\r\n", 7, "not an HTTP/1 response"),
        ("HTTP/1.1 200 OK\r\n\r\nunasked", 7, "unsolicited bytes"),
        (&long, 7, "256 KiB"),
        ("HTTP/1.1 200", 4, "closed by the proxy"),
        ("", 4, "closed by the proxy"),
    ] {
        let script = vec![Step::send(answer), Step::Close];
        let proxy = Server::start(move |_| script.clone()).expect("started");
        Place::new().fetch(&["-q", "-x", &proxy.url(""), "https://h.test/", "-o", "f"]).failed(exit, "https://h.test/", why);
    }
}

/// A run with these variables in the environment.
fn with_environment(place: &Place, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = place.command(arguments);
    command.envs(variables.iter().copied());
    finish(command)
}

#[test]
fn the_environment_names_the_proxy() {
    let (proxy, server, place) = (hello(), Server::start(|_| reply("200 OK", "", "direct")).expect("started"), Place::new());
    let (by, url) = (proxy.url(""), server.url("/"));
    for (variables, saved) in [
        (&[("http_proxy", by.as_str())][..], "hello"),
        (&[("ALL_PROXY", &by)], "hello"),
        (&[("HTTP_PROXY", &by)], "direct"),
        (&[("http_proxy", &by), ("no_proxy", "127.0.0.0/8")], "direct"),
        (&[("http_proxy", &by), ("no_proxy", "*")], "direct"),
        (&[("http_proxy", &by), ("NO_PROXY", "example.com, 127.0.0.1")], "direct"),
    ] {
        with_environment(&place, variables, &["-q", &url, "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), saved, "{variables:?}");
    }
    with_environment(&place, &[("http_proxy", &by)], &["-q", "-x", "", &url, "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "direct");
    with_environment(&place, &[("http_proxy", "socks4://h")], &["-q", &url, "-o", "f"]).failed(
        2,
        &url,
        "http_proxy in the environment",
    );
}

#[test]
fn socks_replies_are_understood() {
    for (replies, exit, why) in [
        (&[5, 0xff][..], 6, "requires a name and password"),
        (&[4, 0], 7, "does not speak SOCKS5"),
        (&[5, 0, 5, 1, 0, 1], 4, "general failure"),
        (&[5, 0, 5, 2, 0, 1], 4, "not allowed"),
        (&[5, 0, 5, 5, 0, 1], 4, "connection refused"),
        (&[5, 0, 5, 99, 0, 1], 4, "unknown reply 99"),
        (&[5, 0, 5, 0, 0, 9], 7, "unknown address type"),
        (&[5, 0, 5], 4, "closed by the proxy"),
    ] {
        let proxy = Server::on("127.0.0.1:0", None, vec![Step::send(replies), Step::HalfClose], |_| Vec::new());
        let by = proxy.expect("started");
        let run = Place::new().fetch(&["-q", "-x", &by.url("").replace("http", "socks5h"), "http://h.test/", "-o", "f"]);
        run.failed(exit, "http://h.test/", why);
    }
}

#[test]
fn socks5h_leaves_the_name_to_the_proxy_and_socks5_does_not() {
    let proxy = socks(SOCKS_DONE, || reply("200 OK", "", "hello"));
    let (by, place) = (proxy.url("").replace("http://", "socks5h://"), Place::new());
    place.fetch(&["-q", "-x", &by, "http://name.invalid/", "-o", "f"]).succeeded();
    assert!(proxy.requests()[0].0.starts_with(b"\x05\x01\x00\x05\x01\x00\x03\x0cname.invalid\x00\x50GET / HTTP/1.1\r\n"));
    let by = by.replace("socks5h", "socks5");
    let url = format!("http://{}.test/", "x".repeat(64));
    place.fetch(&["-q", "-x", &by, &url, "-o", "f"]).failed(4, &url, "cannot resolve");
    place.fetch(&["-q", "-x", &by, "http://name.invalid/", "-o", "f", "--resolve", "name.invalid:80:1.2.3.4"]).succeeded();
    assert!(proxy.requests()[1].0.starts_with(b"\x05\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50GET / HTTP/1.1\r\n"));
}

#[test]
fn a_redirect_from_a_public_address_to_a_private_one_is_refused() {
    // The proxy pretends to be anywhere: the first address is a public one.
    let private = hello();
    let proxy = socks(SOCKS_DONE, || reply("302 Found", "Location: http://127.0.0.1:9/", ""));
    let by = proxy.url("").replace("http://", "socks5://");
    let public = "http://1.2.3.4/";
    let run = Place::new().fetch(&["-q", "-x", &by, public, "-o", "f"]);
    run.failed(7, public, "127.0.0.1 is not a public address");
    assert_eq!(proxy.connections(), 1);
    // The same where the second is connected to directly, by address or by name.
    static TO: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TO.set(format!("Location: http://h.test:{}/", private.port())).expect("once");
    let proxy = socks(SOCKS_DONE, || reply("302 Found", TO.get().expect("set"), ""));
    let by = proxy.url("").replace("http://", "socks5://");
    let resolve = format!("h.test:{}:127.0.0.1", private.port());
    let arguments = ["-q", public, "-o", "f", "--resolve", &resolve];
    let variables = [("http_proxy", by.as_str()), ("no_proxy", "h.test")];
    let place = Place::new();
    with_environment(&place, &variables, &arguments).failed(7, public, "127.0.0.1 is not a public address");
    assert_eq!(private.connections(), 0);
    with_environment(&place, &variables, &[&arguments[..], &["--allow-private"]].concat()).succeeded();
    assert_eq!(place.read("f"), "hello");
}

/// Squid on a port of its own, and over TLS on another through HAProxy; it wants `me` and `p@ss word`.
struct Proxies {
    _daemons: [Daemon; 2],
    squid: u16,
    haproxy: u16,
}

fn real_proxies(place: &Place, authority: &Authority) -> Option<Proxies> {
    let (squid_program, haproxy_program) = (program("squid")?, program("haproxy")?);
    let helper = "/usr/lib/squid/basic_ncsa_auth";
    // Squid's helper reads it as another user.
    std::fs::set_permissions(place.path("."), std::fs::Permissions::from_mode(0o755)).expect("set");
    place.write("passwords", "me:$apr1$fixtures$YKu/GOlJGNzPot0HZ0VrW0\n");
    // Relative paths are below the directory that they run in, whatever its name has in it.
    let config = |port: u16| {
        format!(
            "http_port 127.0.0.1:{port}\npid_filename none\ncache deny all\naccess_log none\ncache_log /dev/null\n\
             shutdown_lifetime 0 seconds\npinger_enable off\nnetdb_filename none\ncoredump_dir none\n\
             auth_param basic program {helper} passwords\nauth_param basic children 1\n\
             acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n"
        )
    };
    let (first, [squid]) = Daemon::start(&place.path("squid.log"), |[port]| {
        place.write("squid.conf", config(port));
        let mut command = Command::new(&squid_program);
        command.args(["-N", "-f", "squid.conf"]).current_dir(place.path("."));
        command
    });
    let (certificate, key) = authority.pem_for(&["127.0.0.1"]).expect("signed");
    place.write("haproxy.pem", certificate + &key);
    let config = |port: u16| {
        format!(
            "defaults\n mode tcp\n timeout connect 10s\n timeout client 1m\n timeout server 1m\n\
             listen front\n bind 127.0.0.1:{port} ssl crt haproxy.pem\n server squid 127.0.0.1:{squid}\n"
        )
    };
    let (second, [haproxy]) = Daemon::start(&place.path("haproxy.log"), |[port]| {
        place.write("haproxy.cfg", config(port));
        let mut command = Command::new(&haproxy_program);
        command.args(["-db", "-f", "haproxy.cfg"]).current_dir(place.path("."));
        command
    });
    Some(Proxies { _daemons: [first, second], squid, haproxy })
}

#[test]
fn real_http_proxies_serve() {
    let (secure, place, authority) = secure_hello();
    let plain = hello();
    let Some(proxies) = real_proxies(&place, &authority) else { return };
    for proxy in [
        format!("http://me:p%40ss%20word@127.0.0.1:{}", proxies.squid),
        format!("https://me:p%40ss%20word@127.0.0.1:{}", proxies.haproxy),
    ] {
        for url in [plain.url("/"), secure.url("/")] {
            place.fetch(&["-q", "-x", &proxy, &url, "-o", "f", "--cacert", "ca.pem"]).succeeded();
            assert_eq!(place.read("f"), "hello", "{url} by {proxy}");
        }
    }
    for url in [plain.url("/"), secure.url("/")] {
        let by = format!("http://me:wrong@127.0.0.1:{}", proxies.squid);
        place.fetch(&["-q", "-x", &by, &url, "-o", "f", "--cacert", "ca.pem"]).failed(
            6,
            &url,
            "407 Proxy Authentication Required",
        );
    }
    assert!(plain.requests().iter().chain(&secure.requests()).all(|request| request.field("Proxy-Authorization").is_none()));
}

#[test]
fn a_real_socks_server_serves() {
    let Some(microsocks) = program("microsocks") else { return };
    let (server, place, _) = secure_hello();
    let start = |options: &[&str]| {
        Daemon::start(&place.path("microsocks.log"), |[port]| {
            let mut command = Command::new(&microsocks);
            command.args(["-i", "127.0.0.1", "-p", &port.to_string()]).args(options);
            command
        })
    };
    let ((_open, [open]), (_closed, [closed])) = (start(&[]), start(&["-u", "me", "-P", "p@ss"]));
    let url = format!("https://localhost:{}/", server.port());
    for by in [format!("socks5://127.0.0.1:{open}"), format!("socks5h://me:p%40ss@127.0.0.1:{closed}")] {
        place.fetch(&["-q", "-x", &by, &url, "-o", "f", "--cacert", "ca.pem", "-4"]).succeeded();
        assert_eq!(place.read("f"), "hello", "{by}");
    }
    for credentials in ["", "me:wrong@"] {
        let by = format!("socks5://{credentials}127.0.0.1:{closed}");
        let run = place.fetch(&["-q", "-x", &by, &url, "-o", "f", "--cacert", "ca.pem", "-4"]);
        run.failed(6, &url, "the proxy refused");
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_called_one_with_the_variable_that_named_it() {
    let closed = Closed::bind().expect("bound");
    let by = format!("http://127.0.0.1:{}", closed.port());
    let (place, url) = (Place::new(), "http://h.test/");
    let proxy = format!("proxy 127.0.0.1:{}", closed.port());
    place.fetch(&["-q", "-x", &by, url, "-o", "f"]).failed(4, url, &format!("{proxy}: cannot connect"));
    let run = with_environment(&place, &[("http_proxy", &by)], &["-q", url, "-o", "f"]);
    run.failed(4, url, &format!("{proxy} (from http_proxy): cannot connect"));
}

#[test]
fn a_forwarding_proxys_connection_serves_several_origins() {
    let proxy = hello();
    let place = Place::new();
    place.fetch(&["-q", "-j", "1", "-x", &proxy.url(""), "http://a.test/1", "http://b.test/2"]).succeeded();
    assert_eq!((place.listing().as_str(), proxy.connections()), ("1 2", 1));
    assert_eq!(proxy.requests()[1].field("Host").as_deref(), Some("b.test"));
}

//! What is sent.

use crate::harness::Place;
use fixtures::{Request, Server, reply};

/// The request that the program sends when it is run with these arguments; `@` stands for
/// `http://127.0.0.1:PORT`.
fn sent(arguments: &[&str]) -> Request {
    let server = Server::start(|_| reply("200 OK", "", "")).expect("started");
    let base = server.url("");
    let arguments: Vec<String> = arguments.iter().map(|argument| argument.replace('@', &base)).collect();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.extend(["-q", "-o", "f"]);
    Place::new().fetch(&arguments).succeeded();
    server.requests().pop().expect("a request")
}

#[test]
fn a_plain_get_is_just_this() {
    let request = sent(&["@"]);
    let host = request.field("Host").expect("one");
    let version = env!("CARGO_PKG_VERSION");
    let wanted = format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fetch/{version}\r\nAccept: */*\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\r\n"
    );
    assert_eq!(request.text(), wanted);
}

#[test]
fn the_target_is_left_as_it_is() {
    for (url, target) in [
        ("@/a%2Fb%20c?d=%zz&e=+", "/a%2Fb%20c?d=%zz&e=+"),
        ("@/?", "/?"),
        ("@?x#y", "/?x"),
        ("@/新#y", "/%E6%96%B0"),
        ("@/x\r\nEvil: y", "/xEvil:%20y"),
    ] {
        assert_eq!(sent(&[url]).path(), target, "{url}");
    }
}

#[test]
fn fields_are_added_replaced_and_removed() {
    let request = sent(&["@", "-H", "X-Key: a b ", "-H", "accept: text/html", "-H", "Accept-Encoding:", "-A", "Me/1"]);
    assert_eq!(request.field("X-Key").as_deref(), Some("a b"));
    assert_eq!(request.field("Accept").as_deref(), Some("text/html"));
    assert_eq!(request.field("User-Agent").as_deref(), Some("Me/1"));
    assert_eq!(request.field("Accept-Encoding"), None);
    assert_eq!(sent(&["@", "-H", "Host: other"]).field("Host").as_deref(), Some("other"));
}

#[test]
fn nothing_smuggles_a_line() {
    for evil in ["X: a\r\nEvil: b", "X: a\nEvil: b", "X\r\nEvil: b", "X: a\r\n"] {
        let server = Server::start(|_| reply("200 OK", "", "")).expect("started");
        let run = Place::new().fetch(&[&server.url("/"), "-H", evil]);
        assert_eq!((run.status, server.requests().len()), (2, 0), "{evil:?}: {run:?}");
    }
}

#[test]
fn names_are_sent_as_dns_has_them() {
    let server = Server::start(|_| reply("200 OK", "", "")).expect("started");
    let port = server.port();
    let resolve = format!("例え.テスト:{port}:127.0.0.1");
    let url = format!("http://例え.テスト:{port}/");
    Place::new().fetch(&["-q", &url, "-o", "f", "--resolve", &resolve]).succeeded();
    assert_eq!(server.requests()[0].field("Host"), Some(format!("xn--r8jz45g.xn--zckzah:{port}")));
}

#[test]
fn a_user_is_sent_as_basic_authentication() {
    assert_eq!(sent(&["@", "-u", "me:a:b"]).field("Authorization").as_deref(), Some("Basic bWU6YTpi"));
}

#[test]
fn every_field_of_a_name_is_sent_the_first_in_place_of_the_programs_own() {
    let request = sent(&["@", "-H", "X: 1", "-H", "Accept: a/b", "-H", "X: 2", "-H", "accept: c/d", "-H", "User-Agent:"]);
    let text = request.text();
    assert!(text.contains("X: 1\r\n") && text.contains("X: 2\r\n") && !text.contains("*/*"), "{text}");
    assert!(text.contains("Accept: a/b\r\n") && text.contains("accept: c/d\r\n") && !text.contains("User-Agent"), "{text}");
}

#[test]
fn credentials_of_the_command_line_go_before_those_of_the_url() {
    let server = Server::start(|_| reply("200 OK", "", "")).expect("started");
    let url = server.url("/").replace("http://", "http://url:pw@");
    Place::new().fetch(&["-q", "-u", "me:secret", &url, "-o", "f"]).succeeded();
    assert_eq!(server.requests()[0].field("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"));
}

//! Addresses, TLS, deadlines.

use crate::harness::Place;
use fixtures::{Authority, Closed, Flaw, Server, Step, Unresponsive, head, reply};
use nix::sys::stat::Mode;
use std::fs::File;
use std::time::{Duration, Instant};

#[test]
fn a_refused_connection_says_where() {
    let closed = Closed::bind().expect("bound");
    let url = format!("http://127.0.0.1:{}/", closed.port());
    Place::with_old_file().fetch(&[&url, "-o", "f"]).failed(4, &url, "Connection refused");
}

#[test]
fn a_name_that_does_not_exist_is_a_network_error() {
    // Too long a label to be asked for: no name server hears of it.
    let url = format!("http://{}.test/", "x".repeat(64));
    Place::new().fetch(&[&url, "-o", "f"]).failed(4, &url, "cannot resolve the name");
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    let port = server.port();
    let (dead, live) = (format!("h.test:{port}:127.0.0.2"), format!("h.test:{port}:127.0.0.1"));
    let place = Place::new();
    place.fetch(&["-q", &format!("http://h.test:{port}/"), "-o", "f", "--resolve", &dead, "--resolve", &live]).succeeded();
    assert_eq!(place.read("f"), "hello");
}

#[test]
fn the_next_address_is_tried_beside_one_that_does_not_answer() {
    let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    let port = server.port();
    let _deaf = Unresponsive::listen(([127, 0, 0, 2], port).into()).expect("deaf");
    let (deaf, live) = (format!("h.test:{port}:127.0.0.2"), format!("h.test:{port}:127.0.0.1"));
    let (place, started) = (Place::new(), Instant::now());
    let url = format!("http://h.test:{port}/");
    // Without a limit: on its own, the first would be waited for.
    place.fetch(&["-q", &url, "-o", "f", "--resolve", &deaf, "--resolve", &live, "--connect-timeout", "0"]).succeeded();
    assert_eq!(place.read("f"), "hello");
    assert!(started.elapsed() >= Duration::from_millis(250), "{:?}", started.elapsed());
}

#[test]
fn an_address_that_does_not_answer_is_given_up_after_the_connect_limit() {
    let deaf = Unresponsive::listen(([127, 0, 0, 1], 0).into()).expect("deaf");
    let url = format!("http://127.0.0.1:{}/", deaf.port());
    Place::new().fetch(&["-q", &url, "-o", "f", "--connect-timeout", "0.4"]).failed(4, &url, "no connection within 0.4 s");
}

#[test]
fn tls_1_2_is_spoken_too() {
    let authority = Authority::new().expect("made");
    let tls = authority.server_of_tls12(&["127.0.0.1"]).expect("signed");
    let server = Server::on("127.0.0.1:0", Some(tls), Vec::new(), |_| reply("200 OK", "", "x".repeat(100_000)));
    let (place, server) = (Place::new(), server.expect("started"));
    place.write("ca.pem", authority.pem());
    let run = place.fetch(&["-v", &server.url("/"), "-o", "f", "--cacert", "ca.pem"]);
    assert!(
        run.status == 0 && run.stderr.contains("* TLS 1.2, TLS_") && run.stderr.contains("certificate of CN=fixtures server"),
        "{run:?}"
    );
    assert_eq!(place.bytes("f").len(), 100_000);
}

#[test]
fn what_follows_a_whole_body_over_tls_harms_nothing() {
    let authority = Authority::new().expect("made");
    let server = Server::start_tls(&authority, |_| {
        // One piece on the wire, or two: the body is whole before the rubbish either way.
        [reply("200 OK", "", "hello"), vec![Step::SendRaw(b"no record at all".to_vec()), Step::CloseWithoutNotify]].concat()
    })
    .expect("started");
    let place = Place::new();
    place.write("ca.pem", authority.pem());
    for _ in 0..20 {
        place.fetch(&["-q", &server.url("/"), "-o", "f", "--cacert", "ca.pem"]).succeeded();
        assert_eq!(place.read("f"), "hello");
    }
}

#[test]
fn only_the_family_asked_for_is_used() {
    let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    let url = server.url("/");
    Place::new().fetch(&["-q", "-6", &url, "-o", "f"]).failed(4, &url, "family");
    Place::new().fetch(&["-q", "-4", &url, "-o", "f"]).succeeded();
}

#[test]
fn ipv6_addresses_go_in_brackets() {
    let Ok(server) = Server::on("[::1]:0", None, Vec::new(), |_| reply("200 OK", "", "hello")) else {
        crate::harness::skip("the test of IPv6: this machine has none");
        return;
    };
    Place::new().fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(server.requests()[0].field("Host"), Some(format!("[::1]:{}", server.port())));
}

#[test]
fn a_unix_socket_serves_as_well() {
    let place = Place::new();
    let server = Server::on_unix(&place.path("socket"), |_| reply("200 OK", "", "hello")).expect("started");
    place.fetch(&["-q", "http://example.com/x", "-o", "f", "--unix-socket", "socket"]).succeeded();
    assert_eq!((place.read("f").as_str(), server.requests()[0].path()), ("hello", "/x"));
    place.fetch(&["http://h/", "-o", "g", "--unix-socket", "none"]).failed(4, "http://h/", "cannot connect to none");
}

#[test]
fn a_certificate_is_verified_by_the_roots_given() {
    let authority = Authority::new().expect("made");
    let server = Server::start_tls(&authority, |_| reply("200 OK", "", "hello")).expect("started");
    let (place, url) = (Place::with_old_file(), server.url("/"));
    place.write("ca.pem", authority.pem());
    place.fetch(&[&url, "-o", "f"]).failed(5, &url, "certificate");
    assert_eq!(place.read("f"), "old");
    place.fetch(&["-q", &url, "-o", "f", "--cacert", "ca.pem"]).succeeded();
    let mut by_environment = place.command(&["-q", &url, "-o", "g"]);
    by_environment.env("SSL_CERT_FILE", place.path("ca.pem"));
    crate::harness::finish(by_environment).succeeded();
    assert_eq!((place.read("f"), place.read("g")), ("hello".into(), "hello".into()));
    place.fetch(&["-q", &url, "-o", "h", "-k"]).succeeded();
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new().expect("made");
    let tls = authority.server(&["other.test"]).expect("signed");
    let server = Server::on("127.0.0.1:0", Some(tls), Vec::new(), |_| reply("200 OK", "", "")).expect("started");
    let (place, url) = (Place::new(), server.url("/"));
    place.write("ca.pem", authority.pem());
    place.fetch(&[&url, "-o", "f", "--cacert", "ca.pem"]).failed(5, &url, "certificate");
    place.fetch(&["-q", &url, "-o", "f", "-k"]).succeeded();
}

#[test]
fn roots_that_cannot_be_read_are_a_file_error() {
    let place = Place::new();
    place.write("empty.pem", "");
    let server = Server::start(|_| Vec::new()).expect("started");
    let url = server.url("/").replace("http:", "https:");
    let run = place.fetch(&[&url, "-o", "f", "--cacert", "missing.pem"]);
    assert!(run.status == 3 && run.stderr.contains("cannot read certificates from missing.pem"), "{run:?}");
    assert_eq!(server.connections(), 0, "found out before anything is sent");
    place.fetch(&[&url, "-o", "f", "--cacert", "empty.pem"]).failed(3, &url, "empty.pem");
    let mut by_environment = place.command(&[&url, "-o", "f"]);
    by_environment.env("SSL_CERT_FILE", "missing.pem");
    crate::harness::finish(by_environment).failed(3, &url, "SSL_CERT_FILE: missing.pem");
}

#[test]
fn plain_text_where_tls_is_wanted_and_the_other_way_round() {
    let plain = Server::greeting(vec![Step::send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Close]).expect("started");
    let url = plain.url("/").replace("http:", "https:");
    Place::new().fetch(&[&url, "-o", "f"]).failed(4, &url, "the server does not speak TLS");
    let guessed = url.trim_start_matches("https://");
    Place::new().fetch(&["-u", "a:b", guessed, "-o", "f"]).failed(4, &url, "https was assumed because credentials are sent");
    let alert = Server::greeting(vec![Step::send(b"\x15\x03\x01\x00\x02\x02\x46"), Step::Close]).expect("started");
    Place::new().fetch(&[&alert.url("/"), "-o", "f"]).failed(7, &alert.url("/"), "try https");
}

#[test]
fn a_kept_tls_connection_is_used_again() {
    let authority = Authority::new().expect("made");
    let server = Server::start_tls(&authority, |request| match request.path() {
        "/" => reply("302 Found", "Location: /x", "moved"),
        path => reply("200 OK", "", path.repeat(100_000)),
    })
    .expect("started");
    let place = Place::new();
    place.write("ca.pem", authority.pem());
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--cacert", "ca.pem"]).succeeded();
    assert_eq!((place.read("f").len(), server.connections()), (200_000, 1));
}

/// Runs against a server that does not end by itself, and checks why it is stopped.
fn stopped(server: &Server, options: &[&str], why: &str) {
    let (place, url) = (Place::with_old_file(), server.url("/"));
    let run = place.fetch(&[&["-q", &url, "-o", "f"], options].concat());
    run.failed(4, &url, why);
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
}

fn drip(bytes: &str) -> Vec<Step> {
    let minute = bytes.bytes().cycle().take(600);
    minute.flat_map(|byte| [Step::send([byte]), Step::Pause(Duration::from_millis(100))]).collect()
}

#[test]
fn silence_is_noticed() {
    let minute = Step::Pause(Duration::from_secs(60));
    let before = Server::greeting(vec![minute.clone()]).expect("started");
    stopped(&before, &["-T", "0.3"], "no bytes came within 0.3 s");
    let during = Server::start(move |_| vec![Step::send(head("200 OK", "Content-Length: 9")), minute.clone()]);
    stopped(&during.expect("started"), &["-T", "0.3"], "cut off after 0 of 9 bytes");
}

#[test]
fn no_drip_outlasts_the_whole_operations_limit() {
    let in_head = Server::start(|_| [vec![Step::send("HTTP/1.1 200 OK\r\nX: ")], drip("y")].concat());
    stopped(&in_head.expect("started"), &["-m", "0.5"], "not done within 0.5 s");
    let in_body = Server::start(|_| [vec![Step::send(head("200 OK", ""))], drip("y")].concat());
    stopped(&in_body.expect("started"), &["-m", "0.5"], "not done within 0.5 s");
    let in_redirects =
        Server::start(|_| [vec![Step::Pause(Duration::from_millis(200))], reply("302 Found", "Location: /", "")].concat());
    stopped(&in_redirects.expect("started"), &["-m", "0.5"], "not done within 0.5 s");
    // A kilobyte on the wire, and seconds of zeros to save.
    let mut bomb = zstd::stream::encode_all(&vec![0; 64 << 20][..], 1).expect("encodes");
    bomb = bomb.repeat(100);
    let in_decoding = Server::start(move |_| reply("200 OK", "Content-Encoding: zstd", &bomb));
    stopped(&in_decoding.expect("started"), &["-m", "0.1"], "not done within 0.1 s");
}

#[test]
fn silence_in_the_tls_handshake_is_noticed() {
    let server = Server::greeting(vec![Step::Pause(Duration::from_secs(60))]).expect("started");
    let url = server.url("/").replace("http:", "https:");
    Place::new().fetch(&["-q", &url, "-o", "f", "-T", "0.3"]).failed(4, &url, "no bytes came within 0.3 s");
}

#[test]
fn a_reader_that_does_not_come_or_does_not_read_is_not_waited_for_beyond_the_limit() {
    let server = Server::start(|_| reply("200 OK", "", "x".repeat(1_000_000))).expect("started");
    let (place, url) = (Place::new(), server.url("/"));
    let fifo = place.path("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).expect("made");
    place.fetch(&["-q", &url, "-o", "fifo", "-m", "0.3"]).failed(4, &url, "cannot open fifo: timed out");
    let stuck = File::options().read(true).write(true).open(&fifo).expect("opened");
    place.fetch(&["-q", &url, "-o", "fifo", "-m", "0.3"]).failed(4, &url, "cannot write fifo: timed out");
    drop(stuck);
}

#[test]
fn the_connect_limit_covers_the_tls_handshake() {
    // The start of a TLS record that never ends, byte after byte.
    let server = Server::greeting([vec![Step::send(b"\x16\x03\x03\x3f\xff\x02")], drip("\0")].concat()).expect("started");
    let (place, url) = (Place::new(), server.url("/").replace("http:", "https:"));
    place.fetch(&["-q", &url, "-o", "f", "--connect-timeout", "0.5"]).failed(4, &url, "no TLS handshake within 0.5 s");
}

#[test]
fn a_certificate_that_is_its_own_authority_is_trusted_as_itself() {
    let place = Place::new();
    let start = |names: &[&str], flaw| {
        let (tls, pem) = Authority::self_signed_server(names, flaw).expect("made");
        (Server::on("127.0.0.1:0", Some(tls), Vec::new(), |_| reply("200 OK", "", "hello")).expect("started"), pem)
    };
    let (server, pem) = start(&["127.0.0.1"], None);
    place.write("own.pem", &pem);
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--cacert", "own.pem"]).succeeded();
    let mut command = place.command(&["-q", &server.url("/"), "-o", "f"]);
    command.env("SSL_CERT_FILE", place.path("own.pem"));
    crate::harness::finish(command).succeeded();
    // Not if it is another's name, out of date, or not the one that is trusted.
    let (other, other_pem) = start(&["127.0.0.2"], None);
    place.write("other.pem", other_pem);
    place.fetch(&["-q", &other.url("/"), "-o", "g", "--cacert", "other.pem"]).failed(5, &other.url("/"), "not valid for");
    let (old, old_pem) = start(&["127.0.0.1"], Some(Flaw::Expired));
    place.write("old.pem", old_pem);
    place.fetch(&["-q", &old.url("/"), "-o", "g", "--cacert", "old.pem"]).failed(5, &old.url("/"), "expired");
    let (client, client_pem) = start(&["127.0.0.1"], Some(Flaw::ForClients));
    place.write("client.pem", client_pem);
    place.fetch(&["-q", &client.url("/"), "-o", "g", "--cacert", "client.pem"]).failed(5, &client.url("/"), "certificate");
    place.fetch(&["-q", &server.url("/"), "-o", "g", "--cacert", "other.pem"]).failed(
        5,
        &server.url("/"),
        "self-signed CA certificate, not trusted",
    );
    assert!(!place.path("g").exists());
}

#[test]
fn localhost_and_names_below_it_are_this_machine() {
    let server = Server::start(|_| reply("200 OK", "", "hello")).expect("started");
    for host in ["localhost", "any.localhost", "LOCALHOST."] {
        let place = Place::new();
        place.fetch(&["-q", &format!("http://{host}:{}/", server.port()), "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), "hello", "{host}");
    }
}

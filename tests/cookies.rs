//! Cookies, cookie files, and netrc.

use crate::harness::{Place, Run, finish, program};
use fixtures::{Server, reply};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A server that sets cookies at `/set`, and answers any other request.
fn server() -> Server {
    Server::start(|request| match request.path() {
        "/set" => reply(
            "302 Found",
            "Location: /\nSet-Cookie: a=1\nSet-Cookie: b=2; Max-Age=3600; HttpOnly\nSet-Cookie: c=3; Path=/x",
            "",
        ),
        _ => reply("200 OK", "", "hello"),
    })
    .expect("started")
}

fn cookie(server: &Server, request: usize) -> String {
    server.requests()[request].field("Cookie").unwrap_or("-".to_owned())
}

#[test]
fn cookies_that_are_set_on_the_way_are_sent_back() {
    let server = server();
    Place::new().fetch(&["-q", &server.url("/set"), &server.url("/x"), "-b", "mine=0"]).succeeded();
    assert_eq!([0, 1, 2].map(|n| cookie(&server, n)), ["mine=0", "a=1; b=2; mine=0", "c=3; a=1; b=2; mine=0"]);
}

#[test]
fn literal_cookies_stay_home_and_those_of_a_file_go_where_they_belong() {
    let away = server();
    let to = format!("Location: http://other.test:{}/", away.port());
    let home = Server::start(move |_| reply("302 Found", &to, "")).expect("started");
    let place = Place::new();
    place.write(
        "jar",
        "home.test\tFALSE\t/\tFALSE\t0\th\t1\n.test.test\tTRUE\t/\tFALSE\t0\tt\t2\nother.test\tFALSE\t/\tFALSE\t0\to\t3\n",
    );
    let resolve = [&home, &away]
        .map(Server::port)
        .map(|port| [format!("home.test:{port}:127.0.0.1"), format!("other.test:{port}:127.0.0.1")]);
    let url = format!("http://home.test:{}/", home.port());
    let mut arguments = vec!["-q", &url, "-o", "f", "-b", "mine=0", "-b", "jar"];
    resolve.iter().flatten().for_each(|known| arguments.extend(["--resolve", known]));
    place.fetch(&arguments).succeeded();
    // One that is typed takes the place of all others, at home.
    arguments.extend(["-H", "Cookie: typed=4"]);
    place.fetch(&arguments).succeeded();
    assert_eq!((cookie(&home, 1), cookie(&away, 1)), ("typed=4".to_owned(), "o=3".to_owned()));
    assert_eq!((cookie(&home, 0), cookie(&away, 0)), ("h=1; mine=0".to_owned(), "o=3".to_owned()));
}

#[test]
fn the_jar_is_written_at_the_end_and_read_by_the_next_run() {
    let (server, place) = (server(), Place::new());
    place.fetch(&["-q", &server.url("/set"), "-o", "f", "-b", "jar", "--cookie-jar", "jar"]).succeeded();
    assert_eq!(fs::metadata(place.path("jar")).expect("there").permissions().mode() & 0o777, 0o600);
    let jar = place.read("jar");
    assert!(jar.starts_with("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t1\n"), "{jar}");
    assert!(jar.contains("\n#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t") && place.listing() == "f jar", "{jar}");
    place.fetch(&["-q", &server.url("/x"), "-o", "f", "-b", "jar"]).succeeded();
    assert_eq!(cookie(&server, 2), "c=3; a=1; b=2");
    assert_eq!(place.read("jar"), jar);
    // A failure is no reason to lose the cookies.
    let failing = Server::start(|_| reply("404 Not Found", "Set-Cookie: d=4", "")).expect("started");
    assert_eq!(place.fetch(&["-q", &failing.url("/"), "-o", "f", "--cookie-jar", "jar"]).status, 8);
    assert!(place.read("jar").contains("\td\t4\n"));
}

#[test]
fn a_cookie_file_is_there_or_is_to_be_written() {
    let (server, place) = (server(), Place::new());
    let run = place.fetch(&[&server.url("/"), "-o", "f", "-b", "missing"]);
    assert!(run.status == 3 && run.stderr.starts_with("fetch: cannot read cookies from missing"), "{run:?}");
    assert!(server.requests().is_empty());
    place.write("odd", "nonsense\n");
    let run = place.fetch(&[&server.url("/"), "-o", "f", "-b", "odd"]);
    assert!(run.status == 0 && run.stderr.contains("odd: line 1 is not a cookie"), "{run:?}");
    let run = place.fetch(&["-q", &server.url("/"), "-o", "f", "--cookie-jar", "missing/jar"]);
    assert!(run.status == 3 && run.stderr.contains("cannot write missing/jar"), "{run:?}");
    assert_eq!(server.requests().len(), 1, "found out before anything is sent");
}

#[test]
fn curl_reads_our_jar_and_we_read_curls() {
    let Some(curl) = program("curl") else { return };
    let (server, place) = (server(), Place::new());
    let run_curl = |arguments: &[&str]| {
        let mut command = Command::new(&curl);
        command.args(["-s", "-o", "/dev/null"]).args(arguments).current_dir(place.path(".")).env_clear();
        assert_eq!(finish(command).status, 0);
    };
    place.fetch(&["-q", &server.url("/set"), "-o", "f", "--cookie-jar", "ours"]).succeeded();
    run_curl(&["-b", "ours", &server.url("/x")]);
    run_curl(&["-L", "-c", "theirs", &server.url("/set")]);
    place.fetch(&["-q", &server.url("/x"), "-o", "f", "-b", "theirs"]).succeeded();
    for request in [2, 5] {
        let sent = cookie(&server, request);
        let mut pairs: Vec<&str> = sent.split("; ").collect();
        pairs.sort_unstable();
        assert_eq!(pairs, ["a=1", "b=2", "c=3"], "{request}");
    }
}

/// A run whose netrc file says this.
fn with_netrc(place: &Place, netrc: &str, arguments: &[&str]) -> Run {
    place.write("secrets", netrc);
    let mut command = place.command(arguments);
    command.env("NETRC", place.path("secrets")).env_remove("HOME");
    finish(command)
}

#[test]
fn netrc_has_the_credentials_of_a_host() {
    let (server, place) = (server(), Place::new());
    let url = server.url("/");
    let named = url.replace("http://", "http://you@");
    let netrc =
        "machine 127.0.0.1 login me password \"a b\"\nmachine 127.0.0.1 login you password c\ndefault login any password d";
    for (arguments, credentials) in [
        (&["-q", &url, "-o", "f", "--netrc"][..], "Basic bWU6YSBi"),
        (&["-q", &named, "-o", "f", "--netrc"], "Basic eW91OmM="),
        (&["-q", &url, "-o", "f", "--netrc", "-u", "you"], "Basic eW91OmM="),
        (&["-q", &url, "-o", "f", "--netrc", "-u", "x:y"], "Basic eDp5"),
        (&["-q", &url, "-o", "f"], "-"),
    ] {
        with_netrc(&place, netrc, arguments).succeeded();
        let sent = server.requests().pop().and_then(|request| request.field("Authorization"));
        assert_eq!(sent.as_deref().unwrap_or("-"), credentials, "{arguments:?}");
    }
    let run = with_netrc(&place, "machine h password \"never closed", &[&url, "-o", "f", "--netrc"]);
    assert!(run.status == 3 && run.stderr.contains("line 1: a quote is never closed"), "{run:?}");
    place.write(".netrc", "default login any password d");
    let mut command = place.command(&["-q", &url, "-o", "f", "--netrc"]);
    command.env_remove("NETRC").env("HOME", place.path("."));
    finish(command).succeeded();
    assert_eq!(server.requests().pop().and_then(|r| r.field("Authorization")).as_deref(), Some("Basic YW55OmQ="));
}

#[test]
fn netrc_credentials_stay_home_and_out_of_clear_text() {
    let away = server();
    let to = format!("Location: http://localhost:{}/", away.port());
    let home = Server::start(move |_| reply("302 Found", &to, "")).expect("started");
    let place = Place::new();
    with_netrc(&place, "default login any password d", &["-q", "-4", &home.url("/"), "-o", "f", "--netrc"]).succeeded();
    assert!(home.requests()[0].field("Authorization").is_some() && away.requests()[0].field("Authorization").is_none());
    // Without a scheme, what has credentials goes over TLS.
    let bare = home.url("/").replace("http://", "");
    let run = with_netrc(&place, "default login any password d", &["-q", &bare, "-o", "f", "--netrc"]);
    assert!(run.status == 4 && run.stderr.contains("fetch: https://127.0.0.1:"), "{run:?}");
    assert_eq!(home.requests().len(), 1);
}

#[test]
fn a_login_is_looked_up_for_each_host() {
    let (server, place) = (server(), Place::new());
    let urls = [server.url("/"), format!("http://localhost:{}/", server.port())];
    let netrc = "machine localhost login me password one\nmachine 127.0.0.1 login me password two";
    with_netrc(&place, netrc, &["-q", "-4", "-j", "1", "--netrc", "-u", "me", &urls[0], &urls[1]]).succeeded();
    let sent: Vec<_> = server.requests().iter().map(|request| request.field("Authorization").unwrap_or_default()).collect();
    assert_eq!(sent, ["Basic bWU6dHdv", "Basic bWU6b25l"]);
}

#[test]
fn no_number_of_cookies_displaces_another_sites_from_the_jar() {
    // Twenty redirects over sub-domains, each with as many cookies as a site may have.
    let server = Server::start(|request| {
        let hop: usize = request.path().trim_start_matches('/').parse().unwrap_or(0);
        let cookies: String = (0..200).map(|n| format!("Set-Cookie: c{hop}-{n}=1\n")).collect();
        let host = request.field("Host").unwrap_or_default();
        let port = host.rsplit(':').next().unwrap_or_default();
        let to = format!("Location: http://h{}.evil.test:{port}/{}\n", hop + 1, hop + 1);
        if hop < 20 { reply("302 Found", &(to + &cookies), "") } else { reply("200 OK", &cookies, "hello") }
    })
    .expect("started");
    let place = Place::new();
    place.write("jar", "bank.test\tFALSE\t/\tFALSE\t0\tsession\tprecious\n");
    let resolve: Vec<String> = (0..21).map(|hop| format!("h{hop}.evil.test:{0}:127.0.0.1", server.port())).collect();
    let url = format!("http://h0.evil.test:{}/0", server.port());
    let mut arguments = vec!["-q", &url, "-o", "f", "-b", "jar", "--cookie-jar", "jar"];
    resolve.iter().for_each(|known| arguments.extend(["--resolve", known]));
    place.fetch(&arguments).succeeded();
    let jar = place.read("jar");
    assert!(jar.contains("session\tprecious"), "{jar}");
    assert_eq!(jar.matches("evil.test").count(), 200);
}

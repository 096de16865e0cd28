//! Redirects, and what goes along on the way.

use crate::harness::Place;
use fixtures::{Request, Script, Server, Step, reply};
use std::time::Duration;

fn redirect(status: &str, to: &str) -> Script {
    reply(status, &format!("Location: {to}"), "moved")
}

fn start(answer: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Server {
    Server::start(answer).expect("started")
}

#[test]
fn every_kind_of_redirect_is_followed_over_one_connection() {
    let server = start(|request| match request.path() {
        "/1" => redirect("301 Moved Permanently", "/a/2"),
        "/a/2" => redirect("302 Found", "3"),
        "/a/3" => redirect("303 See Other", "?4"),
        "/a/3?4" => redirect(
            "307 Temporary Redirect",
            &format!("//127.0.0.1:{}/5", request.field("Host").expect("one").split_once(':').expect("a port").1),
        ),
        "/5" => redirect("308 Permanent Redirect", "/6#part"),
        path => reply("200 OK", "", path),
    });
    let place = Place::new();
    place.fetch(&["-q", &server.url("/1"), "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "/6");
    assert_eq!((server.requests().len(), server.connections()), (6, 1));
}

#[test]
fn a_loop_ends_at_the_limit() {
    let (server, place) = (start(|_| redirect("302 Found", "/")), Place::with_old_file());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), "too many redirects: more than 20");
    assert_eq!((server.requests().len(), place.read("f").as_str()), (21, "old"));
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--max-redirects", "1"]).failed(
        7,
        &server.url("/"),
        "too many redirects: more than 1",
    );
}

#[test]
fn with_none_to_follow_the_redirect_is_the_result() {
    let (server, place) = (start(|_| redirect("302 Found", "/x")), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f", "--max-redirects", "0"]).succeeded();
    assert_eq!(place.read("f"), "moved");
}

#[test]
fn where_no_page_can_be_is_not_followed() {
    for (to, why) in [("ftp://h/", "neither http nor https"), ("data:,x", "neither http nor https"), ("http://[", "IPv6")] {
        let (server, place) = (start(move |_| redirect("302 Found", to)), Place::with_old_file());
        place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), why);
        assert_eq!(place.read("f"), "old");
    }
    let (server, place) = (start(|_| reply("302 Found", "", "")), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), "no Location");
}

#[test]
fn credentials_and_fields_stay_home() {
    let away = start(|request| redirect("302 Found", &request.path()[1..].replace("@", "http://")));
    let to_away = format!("{}@", away.url("/"));
    let home = start(move |request| match request.path() {
        "/here" => redirect("302 Found", "/there"),
        "/there" => redirect("302 Found", &(to_away.clone() + &request.field("Host").expect("one") + "/back")),
        _ => reply("200 OK", "", "done"),
    });
    let url = home.url("/here").replace("http://", "http://me:secret@");
    let place = Place::new();
    place.fetch(&["-q", &url, "-o", "f", "-H", "X-Key: k", "-H", "Cookie: c=1"]).succeeded();
    assert_eq!(place.read("f"), "done");
    for request in home.requests() {
        assert_eq!(request.field("Authorization").as_deref(), Some("Basic bWU6c2VjcmV0"), "{request:?}");
        assert_eq!(request.field("X-Key").as_deref(), Some("k"), "{request:?}");
    }
    let strange = away.requests();
    assert_eq!((home.requests().len(), strange.len()), (3, 1));
    for name in ["Authorization", "X-Key", "Cookie"] {
        assert_eq!(strange[0].field(name), None, "{name}");
    }
}

#[test]
fn what_comes_unasked_on_a_kept_connection_answers_nothing() {
    // What comes unasked comes while this server takes its time.
    let slowly = Step::Pause(Duration::from_millis(300));
    let away = start(move |request| {
        let back = redirect("302 Found", &request.path()[1..].replace("@", "http://"));
        [vec![slowly.clone()], back].concat()
    });
    let to_away = format!("{}@", away.url("/"));
    let home = start(move |request| match request.path() {
        "/" => {
            let to = to_away.clone() + &request.field("Host").expect("one") + "/back";
            // A second response, to a request that was not made.
            [redirect("302 Found", &to), vec![Step::Pause(Duration::from_millis(10))], reply("200 OK", "", "planted")].concat()
        }
        _ => reply("200 OK", "", "asked for"),
    });
    let place = Place::new();
    place.fetch(&["-q", &home.url("/"), "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "asked for");
}

#[test]
fn a_redirects_own_body_is_not_waited_for() {
    let server = start(|request| match request.path() {
        "/" => vec![
            Step::send("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\n"),
            Step::Pause(Duration::from_secs(60)),
        ],
        path => reply("200 OK", "", path),
    });
    let place = Place::new();
    // Waited for, it would be the end of the operation.
    place.fetch(&["-q", &server.url("/"), "-o", "f", "-m", "30"]).succeeded();
    assert_eq!(place.read("f"), "/x");
}

#[test]
fn a_part_from_an_origin_that_was_not_asked_for_one_is_refused() {
    let away = start(|_| reply("206 Partial Content", "Content-Range: bytes 5-9/100", "other"));
    let to = away.url("/");
    let home = start(move |_| redirect("302 Found", &to));
    let place = Place::with_old_file();
    place.fetch(&["-q", &home.url("/"), "-o", "f", "-H", "Range: bytes=0-4"]).failed(7, &home.url("/"), "unexpected 206");
    assert_eq!(place.read("f"), "old");
}

#[test]
fn userinfo_in_a_location_is_not_sent() {
    let server = start(|request| match request.path() {
        "/" => redirect("302 Found", &format!("http://a:b@{}/x", request.field("Host").expect("one"))),
        _ => reply("200 OK", "", ""),
    });
    Place::new().fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(server.requests()[1].field("Authorization"), None);
}

#[test]
fn a_kept_connection_that_the_server_closed_is_no_failure() {
    let server = start(|request| match request.path() {
        "/" => [redirect("302 Found", "/x"), vec![Step::Close]].concat(),
        path => reply("200 OK", "", path),
    });
    let place = Place::new();
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!((place.read("f").as_str(), server.connections()), ("/x", 2));
}

#[test]
fn choices_with_a_location_are_followed_and_without_one_saved() {
    let server = start(|request| match request.path() {
        "/1" => redirect("300 Multiple Choices", "/2"),
        "/choices" => reply("300 Multiple Choices", "", "choose"),
        path => reply("200 OK", "", path),
    });
    for (path, saved) in [("/1", "/2"), ("/choices", "choose")] {
        let place = Place::new();
        place.fetch(&["-q", &server.url(path), "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), saved);
    }
}

#[test]
fn an_empty_location_leads_nowhere_at_once() {
    let (server, place) = (start(|_| reply("302 Found", "Location:", "")), Place::with_old_file());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), "an empty Location");
    assert_eq!((server.requests().len(), place.read("f").as_str()), (1, "old"));
}

#[test]
fn a_failure_after_a_redirect_names_the_url_that_answered() {
    let server = start(|request| match request.path() {
        "/" => redirect("302 Found", "/gone"),
        _ => reply("404 Not Found", "", ""),
    });
    let wanted = format!("redirected to {}: the server answered 404", server.url("/gone"));
    Place::new().fetch(&["-q", &server.url("/"), "-o", "f"]).failed(8, &server.url("/"), &wanted);
}

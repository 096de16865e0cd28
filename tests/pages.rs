//! `-p`: pages in one file, opened by a real browser without a network.

use crate::bmp::bmp;
use crate::harness::{Place, finish, no_attributes, shell, signal, wait_until};
use fixtures::{Request, Script, Server, Step, reply};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

/// The assets that the pages refer to.
fn asset(request: &Request) -> Option<Script> {
    Some(match request.path() {
        "/7.bmp" | "/any/7.bmp" => reply("200 OK", "Content-Type: image/bmp", bmp(7, 5)),
        "/9.bmp" => reply("200 OK", "Content-Type: image/bmp", bmp(9, 4)),
        "/a.css" => reply("200 OK", "Content-Type: text/css", "#a { width: 11px; background: url(7.bmp) }"),
        "/a.svg" => {
            reply("200 OK", "Content-Type: image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='13' height='6'/>")
        }
        _ => return None,
    })
}

#[test]
fn what_is_used_many_times_is_in_the_file_once() {
    let server = Server::start(|request| match request.path() {
        "/images" => {
            reply("200 OK", "Content-Type: text/html", "<!DOCTYPE html>".to_owned() + &"<img src=large.bmp>".repeat(500))
        }
        "/backgrounds" => reply(
            "200 OK",
            "Content-Type: text/html",
            "<!DOCTYPE html>".to_owned() + &"<p style='background:url(large.bmp)'>".repeat(500),
        ),
        "/sprites" => {
            let uses = "<svg><use href='large.svg#s'/></svg>".repeat(500);
            reply("200 OK", "Content-Type: text/html", "<!DOCTYPE html>".to_owned() + &uses)
        }
        "/large.svg" => {
            let padding = " ".repeat(30_000);
            reply(
                "200 OK",
                "Content-Type: image/svg+xml",
                format!("<svg xmlns='http://www.w3.org/2000/svg'><g id='s'/>{padding}</svg>"),
            )
        }
        _ => reply("200 OK", "Content-Type: image/bmp", bmp(100, 100)),
    });
    let (server, place) = (server.expect("started"), Place::new());
    for page in ["/images", "/backgrounds", "/sprites"] {
        place.fetch(&["-q", "-p", &server.url(page), "-o", "page.html"]).succeeded();
        let length = place.bytes("page.html").len();
        assert!((30_000..150_000).contains(&length), "{page}: {length} bytes");
    }
}

/// A page with one asset of each kind of outcome.
fn mixed(request: &Request) -> Script {
    match request.path() {
        "/page" => {
            let html = "<!DOCTYPE html><title>t</title><img src=7.bmp><img src=gone.png><link rel=stylesheet href=no.css><img src=large.bmp>";
            reply("200 OK", "Content-Type: text/html\nSet-Cookie: a=b\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT", html)
        }
        "/untyped" => reply("200 OK", "", "<html><img src=7.bmp>"),
        "/bytes" => reply("200 OK", "", "<pre>"),
        "/no.css" => reply("200 OK", "Content-Type: text/plain", "b {}"),
        "/large.bmp" => reply("200 OK", "Content-Type: image/bmp", bmp(1000, 1000)),
        "/moved.bmp" => reply("302 Found", "Location: /7.bmp", ""),
        _ => asset(request).unwrap_or_else(|| reply("404 Not Found", "", "")),
    }
}

#[test]
fn an_asset_that_cannot_be_had_is_reported_and_the_page_saved() {
    let (server, place) = (Server::start(mixed).expect("started"), Place::new());
    let run = place.fetch(&["--json", "-p", &server.url("/page"), "--max-size", "1M"]);
    assert_eq!(run.status, 0, "{run:?}");
    let line: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((&line["assets"]["found"], &line["assets"]["saved"], &line["file"]), (&4.into(), &1.into(), &"page.html".into()));
    assert_eq!(line["bytes"], place.bytes("page.html").len());
    let missing: Vec<String> = line["assets"]["missing"].as_array().expect("a list").iter().map(ToString::to_string).collect();
    for (path, why) in [("/gone.png", "404"), ("/no.css", "not a style sheet: text/plain"), ("/large.bmp", "larger than")] {
        let url = server.url(path);
        assert!(missing.iter().any(|missing| missing.contains(&url) && missing.contains(why)), "{path}: {missing:?}");
        assert!(place.read("page.html").contains(&format!("\"{url}\"")), "{path}");
    }
    assert!(run.stderr.contains("saved page.html (") && run.stderr.contains("1 of 4 assets are in it; missing: http"), "{run:?}");
}

#[test]
fn the_details_end_with_what_was_fetched_when() {
    let (server, place) = (Server::start(mixed).expect("started"), Place::new());
    let run = place.fetch(&["-v", "-p", &server.url("/page"), "-o", "f"]);
    let lines: Vec<&str> = run.stderr.lines().skip_while(|line| !line.starts_with("* 4 assets in ")).collect();
    assert_eq!(lines.len(), 5, "{run:?}");
    assert!(lines[1..].iter().all(|line| line.starts_with("* |") && line.contains('=')), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("404 Not Found: http")), "{lines:?}");
}

#[test]
fn the_same_page_is_the_same_file() {
    let (server, place) = (Server::start(mixed).expect("started"), Place::new());
    for file in ["a", "b"] {
        place.fetch(&["-q", "-p", &server.url("/page"), "-o", file]).succeeded();
    }
    assert!(place.bytes("a") == place.bytes("b"));
    let modified = std::fs::metadata(place.path("a")).and_then(|metadata| metadata.modified()).expect("a time");
    assert_eq!(modified.duration_since(std::time::UNIX_EPOCH).expect("later").as_secs(), 784_111_777);
}

#[test]
fn assets_are_requested_as_a_browser_would() {
    let other = Server::start(mixed).expect("started");
    let html = format!("<!DOCTYPE html><img src=7.bmp><link rel=stylesheet href=a.css><img src={}>", other.url("/9.bmp"));
    let page = move |request: &Request| match request.path() {
        "/page?q" => reply("200 OK", "Content-Type: text/html\nSet-Cookie: c=d", &html),
        _ => mixed(request),
    };
    let (server, place) = (Server::start(page).expect("started"), Place::new());
    place.fetch(&["-q", "-p", "-u", "me:secret", "-H", "X-Mine: 1", &server.url("/page?q")]).succeeded();
    let requests = server.requests();
    let of = |path: &str| requests.iter().find(|request| request.path() == path).expect("requested");
    let (image, sheet) = (of("/7.bmp"), of("/a.css"));
    assert_eq!(image.field("Referer"), Some(server.url("/page?q")));
    assert_eq!((image.field("Cookie"), sheet.field("X-Mine")), (Some("c=d".to_owned()), Some("1".to_owned())));
    assert!(image.field("Accept").is_some_and(|accept| accept.starts_with("image/")) && sheet.field("Authorization").is_some());
    // The image of the style sheet is the page's too.
    assert_eq!(requests.iter().filter(|request| request.path() == "/7.bmp").count(), 1);
    let elsewhere = &other.requests()[0];
    assert_eq!(elsewhere.field("Referer"), Some(server.url("/")));
    assert_eq!((elsewhere.field("Authorization"), elsewhere.field("X-Mine")), (None, None));
}

#[test]
fn a_document_of_another_origin_sees_nothing_of_the_users() {
    let other = Server::start(|request| {
        let home = request.field("Referer").expect("the page");
        reply("200 OK", "Content-Type: text/html", format!("<iframe src={home}private></iframe><img src={home}7.bmp>"))
    });
    let frame = other.expect("started");
    let html = format!("<iframe src={}></iframe><img src=7.bmp>", frame.url("/ad"));
    let server = Server::start(move |request| match request.path() {
        "/page" => reply("200 OK", "Content-Type: text/html\nSet-Cookie: c=d", &html),
        _ => mixed(request),
    });
    let (server, place) = (server.expect("started"), Place::new());
    let url = server.url("/page").replace("127.0.0.1", "localhost");
    place.fetch(&["-q", "-p", "-u", "me:secret", "-H", "X-Mine: 1", &url, "-o", "f"]).succeeded();
    let asked = |path: &str| server.requests().into_iter().filter(|request| request.path() == path).collect::<Vec<_>>();
    let is_bare = |request: &Request| ["Authorization", "Cookie", "X-Mine"].iter().all(|name| request.field(name).is_none());
    assert!(asked("/private").iter().all(is_bare) && asked("/private").len() == 1);
    // The page's own, and the frame's.
    let mut images = asked("/7.bmp");
    images.sort_by_key(is_bare);
    assert!(images.len() == 2 && !is_bare(&images[0]) && is_bare(&images[1]), "{images:?}");
}

#[test]
fn the_cookies_of_other_sites_are_not_sent_along() {
    let server = Server::start(|request| match request.path() {
        "/page" => {
            let port = request.field("Host").and_then(|host| host.split(':').nth(1).map(str::to_owned)).expect("a port");
            let html = format!(
                "<img src=7.bmp><img src=http://other.localhost:{port}/9.bmp><img src=http://sub.page.localhost:{port}/a.svg>"
            );
            reply("200 OK", "Content-Type: text/html", html)
        }
        _ => mixed(request),
    });
    let (server, place) = (server.expect("started"), Place::new());
    let cookie = |domain: &str| format!("{domain}\tTRUE\t/\tFALSE\t0\tname\tvalue\n");
    place.write("jar", cookie(".page.localhost") + &cookie(".other.localhost"));
    let url = format!("http://page.localhost:{}/page", server.port());
    place.fetch(&["-q", "-p", &url, "-b", "jar", "-o", "f"]).succeeded();
    let sent =
        |path: &str| server.requests().iter().find(|request| request.path() == path).and_then(|request| request.field("Cookie"));
    let own = Some("name=value".to_owned());
    assert_eq!([sent("/page"), sent("/7.bmp"), sent("/a.svg"), sent("/9.bmp")], [own.clone(), own.clone(), own, None]);
}

#[test]
fn a_public_page_does_not_reach_into_a_private_network() {
    let proxy = Server::start(|request| match request.path() {
        "http://www.example.com/page" => {
            let html =
                "<img src=http://10.0.0.1/secret.png><img src=http://localhost/x.png><img src=file:///etc/passwd><img src=7.bmp>";
            reply("200 OK", "Content-Type: text/html", html)
        }
        _ => reply("200 OK", "Content-Type: image/bmp", bmp(7, 5)),
    });
    let (proxy, place) = (proxy.expect("started"), Place::new());
    let run = place.fetch(&["-q", "--json", "-p", "-x", &proxy.url("/"), "http://www.example.com/page", "-o", "f"]);
    let line: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((&line["assets"]["found"], &line["assets"]["saved"]), (&3.into(), &1.into()), "{line}");
    let requests = proxy.requests();
    let targets: Vec<&str> = requests.iter().map(Request::path).collect();
    assert_eq!(targets, ["http://www.example.com/page", "http://www.example.com/7.bmp"]);
}

#[test]
fn a_host_that_cannot_be_reached_is_not_tried_for_each_asset() {
    let closed = fixtures::Closed::bind().expect("a port");
    let html: String = (0..200).map(|number| format!("<img src=http://127.0.0.1:{}/{number}>", closed.port())).collect();
    let server = Server::start(move |_| reply("200 OK", "Content-Type: text/html", html.clone())).expect("started");
    let place = Place::new();
    let run = place.fetch(&["-q", "--json", "-p", &server.url("/"), "-o", "f", "--retry", "1"]);
    let line: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((run.status, &line["assets"]["found"], &line["assets"]["saved"]), (0, &200.into(), &0.into()));
    // The first whose tries came to an end speaks for the others.
    let untried = line["assets"]["missing"].to_string().matches("127.0.0.1 could not be reached before").count();
    assert!((100..200).contains(&untried), "{untried} of 200");
}

#[test]
fn a_host_that_is_silent_is_waited_for_once() {
    let silent = Server::start(|_| vec![Step::Pause(Duration::from_secs(60))]).expect("started");
    let html: String = (0..100).map(|number| format!("<img src={}>", silent.url(&format!("/{number}")))).collect();
    let server = Server::start(move |_| reply("200 OK", "Content-Type: text/html", html.clone())).expect("started");
    let place = Place::new();
    let run = place.fetch(&["-q", "--json", "-p", &server.url("/"), "-o", "f", "-T", "1", "--retry", "2"]);
    let line: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!((run.status, &line["assets"]["found"], &line["assets"]["saved"]), (0, &100.into(), &0.into()));
    // As many as are requested at once.
    assert!(silent.requests().len() <= 24);
}

#[test]
fn frames_in_frames_end() {
    let html = |request: &Request| format!("<iframe src={}a></iframe><iframe src={}b></iframe>", request.path(), request.path());
    let server = Server::start(move |request| reply("200 OK", "Content-Type: text/html", html(request))).expect("started");
    let place = Place::new();
    place.fetch(&["-q", "-p", &server.url("/x"), "-o", "f"]).succeeded();
    let paths: std::collections::BTreeSet<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths.len(), 1001);
}

#[test]
fn an_interrupted_page_is_not_saved() {
    let server = Server::start(|request| match request.path() {
        "/page" => reply("200 OK", "Content-Type: text/html", "<img src=slow><img src=7.bmp>"),
        "/slow" => vec![Step::Pause(Duration::from_secs(60))],
        _ => mixed(request),
    });
    let (server, place) = (server.expect("started"), Place::new());
    let mut child = place.command(&["-q", "--json", "-p", &server.url("/page")]).stdout(Stdio::piped()).spawn().expect("started");
    wait_until("the slow one is requested", || server.requests().iter().any(|request| request.path() == "/slow"));
    signal(&child, Signal::SIGINT);
    let mut line = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut line).expect("read");
    wait_until("it ends", || child.try_wait().expect("known").is_some());
    assert!(line.contains("\"file\":null") && line.contains("\"retryable\":true") && place.listing().is_empty(), "{line}");
}

#[test]
fn pages_of_a_list_are_saved_and_not_again() {
    let server = Server::start(|request| match request.path() {
        path if path.starts_with("/p") => reply("200 OK", "Content-Type: text/html", format!("<img src=7.bmp><p>{path}")),
        _ => mixed(request),
    });
    let (server, place) = (server.expect("started"), Place::new());
    place.write("list", (0..30).map(|number| server.url(&format!("/p{number}\n"))).collect::<String>());
    for _ in 0..2 {
        place.fetch(&["-q", "-p", "-i", "list", "--skip-existing", "-P", "d"]).succeeded();
        assert!((0..30).all(|number| place.read(&format!("d/p{number}.html")).contains(&format!("<p>/p{number}"))));
        assert_eq!(server.requests().len(), 60);
    }
    if no_attributes() {
        return;
    }
    // The resource is not the page.
    place.fetch(&["-q", &server.url("/p0"), "--skip-existing", "-P", "d"]).succeeded();
    assert!(place.read("d/p0-1.html").starts_with("<img src=7.bmp>"));
}

#[test]
fn a_page_can_come_from_standard_input() {
    let (server, place) = (Server::start(mixed).expect("started"), Place::new());
    place.write("dom.html", "<!DOCTYPE html><p>\u{65b0}<img src=7.bmp>");
    let base = server.url("/any/where");
    let run = finish(shell(&place, &format!("exec \"$FETCH\" -q -p - --base {base} -o out.html < dom.html")));
    run.succeeded();
    let saved = place.read("out.html");
    assert!(
        saved.contains(&format!("<!-- saved from url=({:04}){base} -->", base.len())) && saved.contains('\u{65b0}'),
        "{saved}"
    );
    assert_eq!(server.requests()[0].path(), "/any/7.bmp");
    for (arguments, why) in [
        (&["-p", "-"][..], "-p - needs --base URL"),
        (&["-p", "http://h/", "--base", "http://h/"], "--base is the address of HTML on standard input"),
        (&["--base", "http://h/", "http://h/"], "--page"),
        (&["-p", "-c", "http://h/"], "cannot be used with"),
        (&["-p", "--omit", "scripts", "http://h/"], "is none of images, css, fonts, js, frames, media"),
    ] {
        let run = place.fetch(arguments);
        assert!(run.status == 2 && run.stderr.contains(why), "{arguments:?}: {run:?}");
    }
}

#[test]
fn what_is_no_page_is_saved_as_it_is() {
    let (server, place) = (Server::start(mixed).expect("started"), Place::new());
    place.fetch(&["-q", "-p", &server.url("/7.bmp")]).succeeded();
    assert!(place.bytes("7.bmp") == bmp(7, 5));
    assert_eq!(place.fetch(&["-q", "-p", &server.url("/gone")]).status, 8);
    // Without a media type, the bytes tell.
    place.fetch(&["-q", "-p", &server.url("/untyped")]).succeeded();
    assert!(place.read("untyped.html").contains("src=\"data:image/bmp"), "{}", place.listing());
    place.fetch(&["-q", "-p", &server.url("/bytes")]).succeeded();
    assert_eq!(place.read("bytes"), "<pre>");
    let run = place.fetch(&["-q", "-p", &server.url("/page"), "-o", "-"]);
    assert!(run.status == 0 && run.stdout.starts_with(b"<!DOCTYPE html>\n<!-- saved from"), "{run:?}");
}

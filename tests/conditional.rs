//! What is asked for only if it is needed: -N, -r, --skip-existing.

use crate::harness::{Place, no_attributes, skip};
use fixtures::{Request, Script, Server, Step, head, ranged, reply};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;

const FIELDS: &str = "ETag: \"v1\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT";

fn start(answer: impl Fn(&Request) -> Script + Send + Sync + 'static) -> Server {
    Server::start(answer).expect("started")
}

/// A server that knows how to say that nothing has changed.
fn conditional() -> Server {
    start(|request| {
        let same_tag = request.field("If-None-Match").map(|tag| tag == "\"v1\"");
        let same_time = request.field("If-Modified-Since").is_some_and(|date| date == "Sun, 06 Nov 1994 08:49:37 GMT");
        if same_tag.unwrap_or(same_time) { reply("304 Not Modified", "", "") } else { reply("200 OK", FIELDS, "hello") }
    })
}

fn inode(place: &Place, name: &str) -> u64 {
    fs::metadata(place.path(name)).expect("there").ino()
}

#[test]
fn what_has_not_changed_is_not_touched() {
    if no_attributes() {
        return;
    }
    let (server, place) = (conditional(), Place::new());
    place.fetch(&["-q", "-N", &server.url("/"), "-o", "f"]).succeeded();
    let before = inode(&place, "f");
    place.fetch(&["-q", "-N", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!((inode(&place, "f"), place.read("f").as_str(), place.listing().as_str()), (before, "hello", "f"));
    let requests = server.requests();
    assert_eq!(requests[0].field("If-Modified-Since"), None);
    assert_eq!(requests[1].field("If-Modified-Since").as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(requests[1].field("If-None-Match").as_deref(), Some("\"v1\""));
    // An entity tag means something for one URL only.
    place.fetch(&["-q", "-N", &server.url("/other"), "-o", "f"]).succeeded();
    assert_eq!(server.requests()[2].field("If-None-Match"), None);
}

#[test]
fn what_has_changed_is_replaced() {
    let (server, place) = (start(|_| reply("200 OK", "ETag: \"v2\"", "new")), Place::with_old_file());
    place.fetch(&["-q", "-N", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("new", "f"));
}

#[test]
fn a_server_that_knows_no_conditions_is_understood_all_the_same() {
    let (server, place) = (start(|_| reply("200 OK", FIELDS, "hello")), Place::new());
    place.fetch(&["-q", "-N", &server.url("/"), "-o", "f"]).succeeded();
    let before = inode(&place, "f");
    place.fetch(&["-q", "-N", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(inode(&place, "f"), before);
}

#[test]
fn with_newer_the_urls_own_name_is_the_file() {
    let (server, place) = (start(|_| reply("200 OK", "Last-Modified: Sun, 06 Nov 2005 08:49:37 GMT", "new")), Place::new());
    place.write("page.txt", "old");
    place.fetch(&["-q", "-N", &server.url("/page.txt")]).succeeded();
    assert_eq!((place.read("page.txt").as_str(), place.listing().as_str()), ("new", "page.txt"));
    // A name of the server's choice replaces nothing.
    let server = start(|_| reply("200 OK", "Content-Disposition: attachment; filename=page.txt", "planted"));
    place.fetch(&["-q", "-N", &server.url("/x")]).succeeded();
    assert_eq!((place.read("page.txt").as_str(), place.read("page-1.txt").as_str()), ("new", "planted"));
}

#[test]
fn a_time_that_no_date_can_say_is_left_out() {
    let (server, place) = (conditional(), Place::with_old_file());
    let before_1970 = std::time::UNIX_EPOCH - std::time::Duration::from_secs(1000);
    fs::File::open(place.path("f")).and_then(|file| file.set_modified(before_1970)).expect("set");
    for option in ["-N", "-c"] {
        place.fetch(&["-q", option, &server.url("/"), "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), "hello");
    }
}

#[test]
fn a_part_is_saved_if_it_is_the_one_asked_for() {
    let (server, place) = (start(|request| ranged(request, FIELDS, "0123456789")), Place::with_old_file());
    for (range, saved) in [("2-4", "234"), ("7-", "789"), ("-2", "89"), ("0-99", "0123456789")] {
        place.fetch(&["-q", "-r", range, &server.url("/"), "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), saved, "{range}");
    }
    place.fetch(&["-q", "-r", "10-", &server.url("/"), "-o", "f"]).failed(8, &server.url("/"), "416");
    assert_eq!(server.requests()[0].field("Accept-Encoding").as_deref(), Some("identity"));
    assert_eq!(place.listing(), "f");
}

#[test]
fn another_part_than_the_one_asked_for_is_a_failure() {
    for (status, fields, why) in [
        ("206 Partial Content", "Content-Range: bytes 1-3/10", "not the requested range"),
        ("206 Partial Content", "Content-Range: bytes 0-2/10\nContent-Range: bytes 1-3/10", "not the requested range"),
        ("206 Partial Content", "Content-Type: multipart/byteranges; boundary=x", "not the requested range"),
        ("206 Partial Content", "Content-Range: bytes 0-3/10", "not the requested range"),
        ("200 OK", "", "ignored the Range header (200)"),
    ] {
        let (server, place) = (start(move |_| reply(status, fields, "0123")), Place::with_old_file());
        place.fetch(&["-q", "-r", "0-2", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), why);
        assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
    }
    let (server, place) =
        (start(|_| reply("206 Partial Content", "Content-Range: bytes 0-2/10", "0123")), Place::with_old_file());
    place.fetch(&["-q", "-r", "0-2", &server.url("/"), "-o", "f"]).failed(7, &server.url("/"), "says 3 bytes, Content-Length 4");
}

#[test]
fn a_url_whose_file_is_there_is_done() {
    let (server, place) = (start(|_| reply("200 OK", "Content-Type: text/html", "new")), Place::with_old_file());
    place.fetch(&["-q", "--skip-existing", &server.url("/"), "-o", "f"]).succeeded();
    for name in ["page", "127.0.0.1.html"] {
        place.write(name, "old");
    }
    place.fetch(&["-q", "--skip-existing", &server.url("/page"), &server.url("/")]).succeeded();
    assert!(server.requests().is_empty());
    place.fetch(&["-q", "--skip-existing", &server.url("/other")]).succeeded();
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "127.0.0.1.html f other.html page"));
    // A name that only the server knows.
    let server = start(|_| reply("200 OK", "Content-Disposition: attachment; filename=f", "new"));
    place.fetch(&["-q", "--skip-existing", &server.url("/x")]).succeeded();
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "127.0.0.1.html f other.html page"));
}

#[test]
fn a_file_with_another_checksum_is_not_the_one_that_is_wanted() {
    let (server, place) = (conditional(), Place::with_old_file());
    let wanted = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let run = place.fetch(&["-q", "--skip-existing", &server.url("/"), "-o", "f", "--sha256", wanted]);
    run.failed(7, &server.url("/"), "already there: f, but its SHA-256");
    for option in ["-N", "-c"] {
        place.write("f", "jello");
        place.fetch(&["-q", option, &server.url("/"), "-o", "f", "--sha256", wanted]).succeeded();
        assert_eq!(place.read("f"), "hello");
    }
}

#[test]
fn a_file_of_another_url_is_not_this_ones() {
    if no_attributes() {
        return;
    }
    // Two pages of one name, length and time: only where a file came from tells them apart.
    let server = start(|request| {
        let body = if request.path().starts_with("/a/") { "aaaaa" } else { "bbbbb" };
        let same = request.field("If-Modified-Since").is_some() || request.field("Range").is_some();
        if same { reply("304 Not Modified", "", "") } else { reply("200 OK", FIELDS, body) }
    });
    for option in ["-N", "-c"] {
        let place = Place::new();
        place.fetch(&["-q", option, &server.url("/a/x.bin"), &server.url("/b/x.bin")]).succeeded();
        assert_eq!((place.read("x.bin").as_str(), place.read("x-1.bin").as_str()), ("aaaaa", "bbbbb"), "{option}");
        place.fetch(&["-q", &server.url("/a/x.bin"), "-o", "f"]).succeeded();
        place.fetch(&["-q", option, &server.url("/b/x.bin"), "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), "bbbbb", "{option}");
    }
}

#[test]
fn a_file_that_was_cut_short_since_is_not_what_was_saved() {
    let (server, place) = (start(|_| reply("200 OK", FIELDS, "hello")), Place::new());
    for option in ["-N", "-c"] {
        place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
        fs::File::options().write(true).open(place.path("f")).and_then(|file| file.set_len(3)).expect("cut short");
        place.fetch(&["-q", option, &server.url("/"), "-o", "f"]).succeeded();
        assert_eq!(place.read("f"), "hello", "{option}");
    }
}

#[test]
fn a_name_of_the_servers_is_found_again() {
    let server = start(|_| reply("200 OK", &format!("{FIELDS}\nContent-Disposition: attachment; filename=named.bin"), "hello"));
    let place = Place::new();
    for option in ["-N", "-c", "-N"] {
        place.fetch(&["-q", option, &server.url("/x")]).succeeded();
        assert_eq!(place.listing(), "named.bin", "{option}");
    }
    let run = place.fetch(&["-q", "--skip-existing", &server.url("/x"), "--sha256", &"0".repeat(64)]);
    run.failed(7, &server.url("/x"), "already there: named.bin, but its SHA-256");
}

#[test]
fn a_file_remembers_no_entity_tag_of_an_earlier_version() {
    let (server, place) = (conditional(), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    let untagged = start(|_| reply("200 OK", "", "other"));
    place.fetch(&["-q", &untagged.url("/"), "-o", "f"]).succeeded();
    place.fetch(&["-q", "-N", &untagged.url("/"), "-o", "f"]).succeeded();
    assert_eq!(untagged.requests()[1].field("If-None-Match"), None);
}

#[test]
fn a_link_that_has_a_derived_name_is_not_written_through() {
    let (server, place) = (start(|_| reply("200 OK", "", "new")), Place::with_old_file());
    std::os::unix::fs::symlink(place.path("f"), place.path("page.txt")).expect("linked");
    place.fetch(&["-q", "--skip-existing", &server.url("/page.txt")]).succeeded();
    assert_eq!(place.listing(), "f page.txt");
    for option in ["-N", "-c"] {
        place.fetch(&["-q", option, &server.url("/page.txt")]).succeeded();
        assert_eq!((place.read("f").as_str(), place.read("page-1.txt").as_str()), ("old", "new"));
        fs::remove_file(place.path("page-1.txt")).expect("removed");
    }
}

#[test]
fn a_file_under_a_number_is_found_again() {
    if no_attributes() {
        return;
    }
    let server = conditional();
    let place = Place::new();
    for _ in 0..3 {
        place.fetch(&["-q", "-N", &server.url("/a/x"), &server.url("/b/x")]).succeeded();
        place.fetch(&["-q", "-c", &server.url("/a/x"), &server.url("/b/x")]).succeeded();
        assert_eq!(place.listing(), "x x-1");
    }
    // A server that tells no versions apart: a length alone says nothing.
    let server = start(|_| reply("200 OK", "Content-Disposition: attachment; filename=named.bin", "same"));
    let place = Place::new();
    for requests in [1, 2] {
        place.fetch(&["-q", "-c", &server.url("/x")]).succeeded();
        assert_eq!((place.listing().as_str(), server.requests().len()), ("named.bin", requests));
    }
    // What the user has made of it stays.
    place.write("named.bin", "mine");
    place.fetch(&["-q", "-c", &server.url("/x")]).succeeded();
    assert_eq!((place.read("named.bin").as_str(), place.read("named-1.bin").as_str()), ("mine", "same"));
}

#[test]
fn what_is_not_the_whole_is_never_unchanged() {
    if no_attributes() {
        return;
    }
    let (server, place) = (start(|request| ranged(request, FIELDS, "0123456789")), Place::new());
    place.fetch(&["-q", "-r", "0-2", &server.url("/"), "-o", "f"]).succeeded();
    place.fetch(&["-q", "-N", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!((place.read("f").as_str(), server.requests()[1].field("If-Modified-Since")), ("0123456789", None));
    let failing = start(|_| reply("404 Not Found", "", "sorry"));
    assert_eq!(place.fetch(&["-q", "--include-error-body", &failing.url("/"), "-o", "f"]).status, 8);
    let _ = place.fetch(&["-q", "-N", &failing.url("/"), "-o", "f"]);
    assert_eq!((place.read("f").as_str(), failing.requests()[1].field("If-Modified-Since")), ("sorry", None));
}

#[test]
fn the_body_of_an_error_replaces_no_page_under_a_derived_name() {
    let (server, place) = (start(|_| reply("404 Not Found", "", "sorry")), Place::new());
    place.write("page.txt", "good");
    assert_eq!(place.fetch(&["-q", "-N", "--include-error-body", &server.url("/page.txt")]).status, 8);
    assert_eq!((place.read("page.txt").as_str(), place.read("page-1.txt").as_str()), ("good", "sorry"));
}

#[test]
fn a_part_has_the_length_that_its_range_says_however_large_it_is() {
    // Large enough for the way through the kernel.
    let server = start(|_| {
        let fields = "Content-Range: bytes 0-999999/9000000\nContent-Length: 3000000";
        vec![Step::Send(head("206 Partial Content", fields)), Step::Send(vec![0; 3_000_000])]
    });
    let place = Place::with_old_file();
    let run = place.fetch(&["-q", "-r", "0-999999", &server.url("/"), "-o", "f"]);
    run.failed(7, &server.url("/"), "Content-Range says 1000000 bytes, Content-Length 3000000");
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
}

/// Saves a file, lets it be changed, and gives what -N or -c then asks and leaves.
fn after(change: impl Fn(&Place), option: &str) -> (Option<String>, Option<String>, String) {
    let (server, place) = (conditional(), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    change(&place);
    place.fetch(&["-q", option, &server.url("/"), "-o", "f"]).succeeded();
    let request = &server.requests()[1];
    (request.field("If-None-Match"), request.field("If-Modified-Since"), place.read("f"))
}

#[test]
fn a_file_that_is_no_longer_what_was_saved_is_asked_for_whole() {
    if no_attributes() {
        return;
    }
    let same_time = |place: &Place, bytes: &str| {
        let before = fs::metadata(place.path("f")).and_then(|metadata| metadata.modified()).expect("a time");
        // In place, so that its attributes stay.
        let mut file = fs::File::options().write(true).truncate(true).open(place.path("f")).expect("opened");
        file.write_all(bytes.as_bytes()).and_then(|()| file.set_modified(before)).expect("written");
    };
    let same_length = |place: &Place| {
        let mut file = fs::File::options().write(true).open(place.path("f")).expect("opened");
        file.write_all(b"HELLO").expect("written");
    };
    for option in ["-N", "-c"] {
        let whole = (None, None, "hello".to_owned());
        assert_eq!(after(|place| same_time(place, "hell"), option), whole, "another length, {option}");
        assert_eq!(after(same_length, option), whole, "another time, {option}");
        assert_eq!(after(|_| (), option).0.as_deref(), Some("\"v1\""), "unchanged, {option}");
    }
}

#[test]
fn what_another_users_file_says_of_itself_is_not_believed() {
    if cfg!(fetch_plain) || !nix::unistd::geteuid().is_root() {
        return skip("the test of another user's record: it takes root, and attributes");
    }
    let give_away = |place: &Place| std::os::unix::fs::chown(place.path("f"), Some(65_534), None).expect("given away");
    assert_eq!(after(give_away, "-N"), (None, None, "hello".to_owned()));
}

#[test]
fn a_416_says_nothing_of_a_file_of_unknown_origin() {
    let server = start(|request| match request.field("Range") {
        Some(_) => reply("416 Range Not Satisfiable", "Content-Range: bytes */3", ""),
        None => reply("200 OK", "", "new"),
    });
    let place = Place::with_old_file();
    place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(place.read("f"), "new");
    let server = start(|_| reply("416 Range Not Satisfiable", "Content-Range: bytes */3", ""));
    assert_eq!(place.fetch(&["-q", "-c", &server.url("/"), "-o", "f"]).status, 8);
}

#[test]
fn a_file_that_is_there_is_done_even_where_it_cannot_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let (server, place) = (start(|_| reply("200 OK", "", "new")), Place::with_old_file());
    fs::set_permissions(place.path("f"), fs::Permissions::from_mode(0o444)).expect("set");
    let run = place.fetch(&["--skip-existing", &server.url("/"), "-o", "f"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, "already there: f\n"));
    assert!(server.requests().is_empty());
}

#[test]
fn what_is_not_saved_is_told_in_a_line() {
    let (server, place) = (conditional(), Place::new());
    for (option, line) in [("-N", "saved f (5 bytes)\n"), ("-N", "not newer: f\n"), ("-c", "already complete: f\n")] {
        let run = place.fetch(&[option, &server.url("/"), "-o", "f"]);
        assert_eq!((run.status, run.stderr.as_str()), (0, line));
        place.fetch(&["-q", option, &server.url("/"), "-o", "f"]).succeeded();
    }
}

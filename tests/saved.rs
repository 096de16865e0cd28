//! What is on disk afterwards, and what is not.

use crate::harness::{Place, finish, program, shell, skip, wait_until};
use fixtures::{Server, Step, head, reply};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

fn hello() -> Server {
    Server::start(|_| reply("200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "hello")).expect("started")
}

fn page(fields: &'static str) -> Server {
    Server::start(move |_| reply("200 OK", fields, "page")).expect("started")
}

#[test]
fn a_body_becomes_the_file_with_the_servers_time() {
    let (server, place) = (hello(), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("hello", "f"));
    let modified = fs::metadata(place.path("f")).and_then(|m| m.modified()).expect("a time");
    assert_eq!(modified, UNIX_EPOCH + Duration::from_secs(784_111_777));
}

#[test]
fn a_replaced_file_keeps_its_permissions() {
    let (server, place) = (hello(), Place::with_old_file());
    // More than a new file gets under the usual umask.
    fs::set_permissions(place.path("f"), fs::Permissions::from_mode(0o666)).expect("set");
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(fs::metadata(place.path("f")).expect("there").mode() & 0o7777, 0o666);
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("hello", "f"));
}

#[test]
fn a_symbolic_link_is_followed_even_where_it_dangles() {
    let (server, place) = (hello(), Place::with_old_file());
    fs::create_dir(place.path("d")).expect("made");
    symlink("../f", place.path("d/link")).expect("linked");
    symlink("d/new", place.path("dangling")).expect("linked");
    place.fetch(&["-q", &server.url("/"), "-o", "d/link"]).succeeded();
    place.fetch(&["-q", &server.url("/"), "-o", "dangling"]).succeeded();
    assert_eq!((place.read("f"), place.read("d/new")), ("hello".into(), "hello".into()));
    assert!(fs::symlink_metadata(place.path("d/link")).expect("there").is_symlink());
    assert!(fs::symlink_metadata(place.path("dangling")).expect("there").is_symlink());
}

#[test]
fn what_is_no_regular_file_is_written_straight() {
    let (server, place) = (hello(), Place::new());
    place.fetch(&["-q", &server.url("/"), "-o", "/dev/null"]).succeeded();
    assert!(!fs::metadata("/dev/null").expect("there").is_file());

    let fifo = place.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("made");
    let reader = std::thread::spawn(move || fs::read_to_string(fifo).expect("readable"));
    place.fetch(&["-q", &server.url("/"), "-o", "fifo"]).succeeded();
    assert_eq!((reader.join().expect("read").as_str(), place.listing().as_str()), ("hello", "fifo"));
}

#[test]
fn a_place_that_cannot_be_written_to_is_found_out_before_anything_is_sent() {
    let (server, place) = (hello(), Place::with_old_file());
    let url = server.url("/");
    symlink("loop", place.path("loop")).expect("linked");
    for (output, why) in [
        ("missing/f", "no such file or directory"),
        (".", "directory"),
        ("new/", "directory"),
        ("f/g", "Not a directory"),
        ("loop", "symbolic links"),
        ("/proc/version/x", "Not a directory"),
    ] {
        place.fetch(&[&url, "-o", output]).failed(3, &url, why);
    }
    assert!(server.requests().is_empty());
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f loop"));
}

#[test]
fn a_file_that_is_open_already_is_not_written_over() {
    let (server, place) = (hello(), Place::new());
    place.write("log", "precious");
    let run = finish(shell(&place, &format!("exec \"$FETCH\" -q {} -o /dev/fd/3 3>>log", server.url("/"))));
    run.failed(3, &server.url("/"), "it is an open file");
    assert_eq!(place.read("log"), "precious");
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    // A file size limit fails like a full disk does: write(2) refuses. One block is 512 bytes.
    let server = Server::start(|_| reply("200 OK", "", "x".repeat(100_000))).expect("started");
    let place = Place::with_old_file();
    let url = server.url("/");
    finish(shell(&place, &format!("ulimit -f 10; exec \"$FETCH\" -q {url} -o f"))).failed(3, &url, "cannot write");
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
}

#[test]
fn the_name_is_derived_and_never_replaces() {
    let (server, place) = (page("Content-Type: text/html"), Place::new());
    for _ in 0..2 {
        place.fetch(&["-q", &server.url("/a/news?id=1#top")]).succeeded();
    }
    place.fetch(&["-q", &server.url("/"), "-P", "d/e"]).succeeded();
    place.fetch(&["-q", &server.url("/%2e%2e%2fup.txt")]).succeeded();
    assert_eq!(place.listing(), "d news-1.html news.html up.txt");
    assert_eq!(place.read("d/e/127.0.0.1.html"), "page");
}

#[test]
fn the_server_may_name_the_file_but_not_its_place() {
    let server = page("Content-Disposition: attachment; filename=\"../../.profile\"");
    let place = Place::new();
    place.fetch(&["-q", &server.url("/x")]).succeeded();
    assert_eq!(place.listing(), "profile");
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length_and_by_its_bytes() {
    let honest = Server::start(|_| reply("200 OK", "", "x".repeat(2049))).expect("started");
    let unknown = Server::start(|_| vec![Step::send(head("200 OK", "")), Step::send("x".repeat(2049)), Step::Close]);
    for server in [honest, unknown.expect("started")] {
        let (place, url) = (Place::with_old_file(), server.url("/"));
        place.fetch(&[&url, "-o", "f", "--max-size", "2k"]).failed(7, &url, "too large: it is larger than 2048 bytes");
        assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
        place.fetch(&["-q", &url, "-o", "f", "--max-size", "2049"]).succeeded();
        assert_eq!(place.read("f").len(), 2049);
    }
}

#[test]
fn only_a_body_with_the_right_digest_is_saved() {
    const HELLO: &str = "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824";
    let (server, place) = (hello(), Place::with_old_file());
    let url = server.url("/");
    place.fetch(&[&url, "-o", "f", "--sha256", &"0".repeat(64)]).failed(7, &url, &HELLO.to_lowercase());
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "f"));
    place.fetch(&["-q", &url, "-o", "f", "--sha256", HELLO]).succeeded();
    assert_eq!(place.read("f"), "hello");
}

#[test]
fn a_large_body_is_the_same_bytes() {
    // Large enough for the way through the kernel, and no multiple of anything.
    let body: Vec<u8> = (0..5_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sent = body.clone();
    let server = Server::start(move |_| reply("200 OK", "", &sent)).expect("started");
    let place = Place::new();
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert!(place.bytes("f") == body);
}

#[test]
fn several_urls_are_saved_over_one_connection_and_one_failure_stops_no_other() {
    let server = Server::start(|request| match request.path() {
        "/missing" => reply("404 Not Found", "", "sorry"),
        path => reply("200 OK", "", path),
    })
    .expect("started");
    let place = Place::new();
    let run = place.fetch(&["-q", &server.url("/a"), &server.url("/missing"), &server.url("/b")]);
    run.failed(8, &server.url("/missing"), "404 Not Found");
    assert_eq!((place.read("a").as_str(), place.read("b").as_str(), place.listing().as_str()), ("/a", "/b", "a b"));
    assert_eq!(server.connections(), 1, "an error's body is no reason to connect again");
}

#[test]
fn a_disk_that_takes_the_bytes_back_at_the_close_loses_nothing() {
    let Some(cc) = program("cc") else { return };
    let (server, place) = (hello(), Place::with_old_file());
    // As over NFS beyond a quota: every write goes well, and then close(2) does not.
    place.write(
        "close.c",
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <errno.h>\n#include <stdio.h>\n#include <string.h>\n#include <unistd.h>\n\
         int close(int fd) { char link[64], path[4096]; ssize_t n; int (*real)(int) = dlsym(RTLD_NEXT, \"close\");\n\
         snprintf(link, sizeof link, \"/proc/self/fd/%d\", fd); n = readlink(link, path, sizeof path - 1); int failed = real(fd);\n\
         if (n > 5) { path[n] = 0; if (strstr(path, \".part\") || strstr(path, \"/#\") || strstr(path, \"taken\")) { errno = EDQUOT; return -1; } } return failed; }\n",
    );
    let mut compiler = std::process::Command::new(cc);
    compiler.args(["-shared", "-fPIC", "-o", "close.so", "close.c"]).current_dir(place.path("."));
    assert!(compiler.status().expect("runs").success());
    for (output, line) in [("f", "cannot write f.part: "), ("new", "cannot write new")] {
        let mut command = place.command(&["-q", &server.url("/"), "-o", output]);
        command.env("LD_PRELOAD", "./close.so");
        finish(command).failed(3, &server.url("/"), line);
    }
    assert_eq!((place.read("f").as_str(), place.listing().as_str()), ("old", "close.c close.so f"));
    let script = format!("LD_PRELOAD=./close.so exec \"$FETCH\" -q {} -o - > taken", server.url("/"));
    finish(shell(&place, &script)).failed(3, &server.url("/"), "cannot write standard output");
}

#[test]
fn set_user_id_and_set_group_id_do_not_survive() {
    let (server, place) = (hello(), Place::with_old_file());
    fs::set_permissions(place.path("f"), fs::Permissions::from_mode(0o6755)).expect("set");
    place.fetch(&["-q", &server.url("/"), "-o", "f"]).succeeded();
    assert_eq!(fs::metadata(place.path("f")).expect("there").mode() & 0o7777, 0o755);
}

#[test]
fn permissions_that_are_changed_during_the_save_stay() {
    let server = Server::start(|_| {
        vec![
            Step::send(head("200 OK", "Content-Length: 4")),
            Step::send("bo"),
            Step::Pause(Duration::from_secs(1)),
            Step::send("dy"),
        ]
    })
    .expect("started");
    let place = Place::with_old_file();
    fs::set_permissions(place.path("f"), fs::Permissions::from_mode(0o644)).expect("set");
    let mut child = place.command(&["-q", &server.url("/"), "-o", "f"]).spawn().expect("started");
    wait_until("the save has begun", || place.path("f.part").exists());
    fs::set_permissions(place.path("f"), fs::Permissions::from_mode(0o600)).expect("set");
    assert!(child.wait().expect("ended").success());
    assert_eq!((place.read("f").as_str(), fs::metadata(place.path("f")).expect("there").mode() & 0o7777), ("body", 0o600));
}

/// A directory that everyone can write to, with the sticky bit, which another user's things can be put in;
/// only root can make those.
fn shared_place() -> Option<Place> {
    if !nix::unistd::geteuid().is_root() {
        skip("the test of a shared directory: it takes root to be two users");
        return None;
    }
    let place = Place::new();
    fs::create_dir(place.path("tmp")).expect("made");
    fs::set_permissions(place.path("tmp"), fs::Permissions::from_mode(0o1777)).expect("set");
    Some(place)
}

#[test]
fn links_and_fifos_of_others_in_a_sticky_directory_are_refused() {
    const OTHER: Option<u32> = Some(65_534);
    let Some(place) = shared_place() else { return };
    let server = hello();
    let url = server.url("/");
    place.write("victim", "precious");
    symlink(place.path("victim"), place.path("tmp/theirs")).expect("linked");
    symlink(place.path("victim"), place.path("tmp/mine")).expect("linked");
    std::os::unix::fs::lchown(place.path("tmp/theirs"), OTHER, OTHER).expect("given away");
    nix::unistd::mkfifo(&place.path("tmp/fifo"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    std::os::unix::fs::chown(place.path("tmp/fifo"), OTHER, OTHER).expect("given away");
    for name in ["tmp/theirs", "tmp/fifo"] {
        place.fetch(&["-q", &url, "-o", name]).failed(3, &url, "of another user");
        let run = place.fetch(&["-q", &url, "-o", "f", "--cookie-jar", name]);
        assert!(run.status == 3 && run.stderr.contains("of another user"), "{run:?}");
    }
    assert_eq!((place.read("victim").as_str(), server.requests().len()), ("precious", 0));
    place.fetch(&["-q", &url, "-o", "tmp/mine"]).succeeded();
    assert_eq!(place.read("victim"), "hello");
}

#[test]
fn a_link_that_takes_a_derived_names_place_during_the_request_is_replaced_and_not_followed() {
    static PLACE: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    let place = Place::new();
    let server = Server::start(|_| {
        let directory = PLACE.get().expect("set");
        let _ = fs::remove_file(directory.join("page.txt"));
        symlink("victim", directory.join("page.txt")).expect("linked");
        reply("200 OK", "", "new")
    })
    .expect("started");
    PLACE.set(place.path(".")).expect("once");
    place.write("victim", "precious");
    place.write("page.txt", "old");
    place.fetch(&["-q", "-N", &server.url("/page.txt")]).succeeded();
    assert_eq!((place.read("victim").as_str(), place.read("page.txt").as_str()), ("precious", "new"));
}

#[test]
fn a_copy_of_an_archive_keeps_its_extension() {
    let (server, place) = (hello(), Place::new());
    for name in ["a.tar.gz", "a-1.tar.gz"] {
        let run = place.fetch(&[&server.url("/a.tar.gz")]);
        assert_eq!((run.status, run.stderr), (0, format!("saved {name} (5 bytes)\n")));
    }
}

#[test]
fn names_come_from_the_last_segment_that_is_not_empty_and_have_no_tilde() {
    let (server, place) = (page("Content-Type: text/html"), Place::new());
    place.fetch(&["-q", &server.url("/blog/my-post/"), &server.url("/~root")]).succeeded();
    assert_eq!(place.listing(), "my-post.html root.html");
}

#[test]
fn a_special_file_that_is_replaced_during_the_request_is_not_written_to() {
    static PLACE: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    let place = Place::new();
    let server = Server::start(|_| {
        let path = PLACE.get().expect("set");
        let _ = fs::remove_file(path);
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("made");
        reply("200 OK", "", "secret")
    })
    .expect("started");
    PLACE.set(place.path("fifo")).expect("once");
    nix::unistd::mkfifo(&place.path("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    // Kept open, so that its inode is not used again, and so that a writer is not kept waiting.
    let _kept = fs::OpenOptions::new().read(true).write(true).open(place.path("fifo")).expect("opened");
    let run = place.fetch(&["-q", &server.url("/"), "-o", "fifo", "-m", "1"]);
    assert!(matches!(run.status, 3 | 4), "{run:?}");
}

#[test]
fn a_link_reports_the_file_it_leads_to() {
    let (server, place) = (hello(), Place::with_old_file());
    symlink("f", place.path("link")).expect("linked");
    let run = place.fetch(&[&server.url("/"), "-o", "link"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, "saved f (5 bytes)\n"));
}

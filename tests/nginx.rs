//! A real nginx serving a real tree of HTML files: every one saved must equal the file on disk.
//!
//! Needs nginx and the files of Debian's `sqlite3-doc`. Without them these tests are left out, and
//! say so; where `CI` is set they fail instead.

use crate::daemon::Daemon;
use crate::harness::{Place, missing, program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Trees of HTML files that Debian's documentation packages install.
const TREES: &[&str] = &["/usr/share/doc/sqlite3"];
/// How many files a tree must have to be worth it.
const ENOUGH: usize = 500;

struct Nginx {
    _daemon: Daemon,
    place: Place,
    ports: [u16; 2],
}

/// An nginx over a tree of files: http on the first port, https on the second.
fn start(root: &Path) -> Option<Nginx> {
    let program = program("nginx")?;
    let place = Place::new();
    let authority = fixtures::Authority::new().expect("made");
    let (certificate, key) = authority.pem_for(&["127.0.0.1"]).expect("signed");
    place.write("ca.pem", authority.pem());
    place.write("cert.pem", certificate);
    place.write("key.pem", key);
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {name};")).concat();
    let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
    // Relative paths are below the prefix, whatever its name has in it.
    let config = |[http, https]: [u16; 2]| {
        format!(
            "daemon off; {user} pid pid; error_log error.log; events {{}}
             http {{ access_log off; {paths} types {{ text/html html htm; }} root {root};
             gzip_types *; gzip_min_length 1; gzip_comp_level 1;
             server {{ listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl;
             ssl_certificate cert.pem; ssl_certificate_key key.pem;
             location /zip/ {{ gzip on; alias {root}/; }} }} }}",
            root = root.display(),
        )
    };
    let (daemon, ports) = Daemon::start(&place.path("error.log"), |ports| {
        place.write("nginx.conf", config(ports));
        let mut command = Command::new(&program);
        command.arg("-p").arg(place.path("")).args(["-c", "nginx.conf", "-e", "error.log"]);
        command
    });
    Some(Nginx { _daemon: daemon, place, ports })
}

fn html_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            html_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            files.push(path);
        }
    }
}

/// Saves every file of the tree from under a prefix, and compares.
fn all_files_are_saved(port: usize, prefix: &str, options: &[&str]) {
    let Some((nginx, root, files)) = setting() else {
        return missing("the test against nginx: nginx, or sqlite3-doc with its HTML files, is not on this machine");
    };
    let scheme = ["http", "https"][port];
    for (number, file) in files.iter().enumerate() {
        let path = file.strip_prefix(&root).expect("under the root").to_string_lossy();
        let base = url::Url::parse(&format!("{scheme}://127.0.0.1:{}{prefix}/", nginx.ports[port])).expect("a URL");
        let url = base.join(&path).expect("a URL");
        let arguments = [&["-q", url.as_str(), "-o", "saved", "--cacert", "ca.pem"], options].concat();
        nginx.place.fetch(&arguments).succeeded();
        assert!(nginx.place.bytes("saved") == fs::read(file).expect("readable"), "{number}: {url}");
    }
    println!("{} files saved from {scheme}://...{prefix}/", files.len());
}

fn setting() -> Option<(Nginx, PathBuf, Vec<PathBuf>)> {
    let tree = TREES.iter().map(PathBuf::from).find_map(|root| {
        let mut files = Vec::new();
        html_files(&root, &mut files);
        (files.len() >= ENOUGH).then_some((root, files))
    });
    let (root, files) = tree?;
    Some((start(&root)?, root, files))
}

#[test]
fn over_http() {
    all_files_are_saved(0, "", &[]);
}

#[test]
fn over_http_with_nginxs_gzip() {
    all_files_are_saved(0, "/zip", &[]);
}

#[test]
fn over_https() {
    all_files_are_saved(1, "", &[]);
}

#[test]
fn over_https_with_nginxs_gzip() {
    all_files_are_saved(1, "/zip", &[]);
}

#[test]
fn its_ranges_and_conditions_are_understood() {
    let Some((nginx, root, files)) = setting() else {
        return missing("the test of ranges against nginx: nginx, or sqlite3-doc with its HTML files, is not on this machine");
    };
    let file = files.iter().max_by_key(|file| fs::metadata(file).map_or(0, |m| m.len())).expect("some");
    let whole = fs::read(file).expect("readable");
    let path = file.strip_prefix(&root).expect("under the root").to_string_lossy();
    let url = format!("http://127.0.0.1:{}/{path}", nginx.ports[0]);
    nginx.place.fetch(&["-q", "-r", "100-199", &url, "-o", "part"]).succeeded();
    assert_eq!(nginx.place.bytes("part"), &whole[100..200]);
    nginx.place.fetch(&["-q", "-r", "-100", &url, "-o", "part"]).succeeded();
    assert_eq!(nginx.place.bytes("part"), &whole[whole.len() - 100..]);
    // Out of time before it is done: what came is kept, and the save resumed.
    let rate = (whole.len() / 3).to_string();
    let run = nginx.place.fetch(&["-q", &url, "-o", "f", "--limit-rate", &rate, "-m", "1", "--no-compression"]);
    assert!(run.status == 4 && nginx.place.path("f.part.info").exists(), "{run:?}");
    let run = nginx.place.fetch(&["-v", "-c", &url, "-o", "f"]);
    assert!(run.status == 0 && run.stderr.contains("resuming at byte"), "{run:?}");
    assert!(nginx.place.bytes("f") == whole && !nginx.place.path("f.part.info").exists());
    for (option, said) in [("-c", "already complete: f"), ("-N", "not newer: f")] {
        let run = nginx.place.fetch(&["-v", option, &url, "-o", "f"]);
        assert!(run.status == 0 && run.stderr.contains(said), "{run:?}");
    }
}

//! A real nginx serving a real tree of HTML files: every one saved must equal the file on disk.
//!
//! Needs nginx and the files of Debian's `sqlite3-doc`. Without them these tests are left out, and
//! say so; where `CI` is set they fail instead.

use crate::harness::{Place, left_out};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Trees of HTML files that Debian's documentation packages install.
const TREES: &[&str] = &["/usr/share/doc/sqlite3"];
/// How many files a tree must have to be worth it.
const ENOUGH: usize = 500;

struct Nginx {
    process: Child,
    place: Place,
    ports: [u16; 2],
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master is asked to end its workers too; killed, it could not.
        let id = self.process.id().try_into().map(nix::unistd::Pid::from_raw);
        let _ = id.map(|id| nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM));
        let _ = self.process.wait();
    }
}

/// An nginx over a tree of files: http on the first port, https on the second.
fn start(root: &Path) -> Option<Nginx> {
    let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].iter().find(|path| Path::new(path).exists())?;
    let place = Place::new();
    let authority = fixtures::Authority::new().expect("made");
    let (certificate, key) = authority.pem_for(&["127.0.0.1"]).expect("signed");
    place.write("ca.pem", authority.pem());
    place.write("cert.pem", certificate);
    place.write("key.pem", key);
    // Two free ports: both are held until both are known.
    let listeners = [TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0")];
    let ports = listeners.map(|listener| listener.and_then(|l| l.local_addr()).expect("a port").port());
    let directory = place.path("");
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};", directory.display()))
        .concat();
    let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
    let config = format!(
        "daemon off; {user} pid {dir}/pid; error_log {dir}/error.log; events {{}}
         http {{ access_log off; {paths} types {{ text/html html htm; }} root {root};
         gzip_types *; gzip_min_length 1; gzip_comp_level 1;
         server {{ listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl;
         ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
         location /zip/ {{ gzip on; alias {root}/; }} }} }}",
        dir = directory.display(),
        root = root.display(),
        http = ports[0],
        https = ports[1],
    );
    place.write("nginx.conf", config);
    let mut command = Command::new(program);
    command.arg("-p").arg(&directory).arg("-c").arg(place.path("nginx.conf")).arg("-e").arg(place.path("error.log"));
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts");
    while ports.iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
        let ended = process.try_wait().expect("asked");
        assert!(ended.is_none(), "nginx ended: {}", fs::read_to_string(place.path("error.log")).unwrap_or_default());
        std::thread::yield_now();
    }
    Some(Nginx { process, place, ports })
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
        assert!(std::env::var_os("CI").is_none(), "in CI nginx and sqlite3-doc have to be there");
        left_out("the test against nginx: nginx, or sqlite3-doc with its HTML files, is not on this machine");
        return;
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

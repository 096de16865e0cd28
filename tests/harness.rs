//! A fresh directory, and the program run in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A directory of its own for one test.
pub(crate) struct Place(TempDir);

/// What a run of the program left behind, other than files.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The exit status; 128 and the signal's number where a signal ended it.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place(tempfile::tempdir().expect("a directory"))
    }

    /// One with a file `f` in it, which says "old".
    pub(crate) fn with_old_file() -> Place {
        let place = Place::new();
        place.write("f", "old");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The names of everything in it, sorted, as one string.
    pub(crate) fn listing(&self) -> String {
        let entries = fs::read_dir(self.0.path()).expect("readable");
        let mut names: Vec<_> = entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names.join(" ")
    }

    /// The program, to be run in this directory, with an environment that changes nothing.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command_in(self.0.path(), arguments)
    }

    /// Runs the program to its end.
    pub(crate) fn fetch(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }
}

fn command_in(directory: &Path, arguments: &[&str]) -> Command {
    default_signals();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fetch"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    // Most tests are about one try.
    if !arguments.contains(&"--retry") {
        command.args(["--retry", "0"]);
    }
    for (name, _) in std::env::vars_os() {
        let lower = name.to_string_lossy().to_lowercase();
        if lower.ends_with("_proxy") || lower.starts_with("ssl_cert") {
            command.env_remove(&name);
        }
    }
    command
}

/// Lets the programs that are started here have signals at their defaults, whatever this program was
/// started with: under nohup or in the background of a script, some are ignored, and a child inherits that.
/// A handler it does not inherit.
pub(crate) fn default_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let at_once = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal, at_once).expect("registered");
        }
    });
}

/// Waits until something is the case; far longer than it takes on the slowest machine, and not for ever.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_secs(120), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to a program.
pub(crate) fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let id = nix::unistd::Pid::from_raw(child.id().try_into().expect("a pid"));
    nix::sys::signal::kill(id, signal).expect("sent");
}

/// A command line for `sh`, and the program's path in it as `$FETCH`.
pub(crate) fn shell(place: &Place, script: &str) -> Command {
    default_signals();
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(place.path(".")).env("FETCH", env!("CARGO_BIN_EXE_fetch")).stdin(Stdio::null());
    shell
}

/// A run on a terminal of so many columns, if `script` is on this machine; what it shows comes on standard
/// output.
pub(crate) fn on_terminal(place: &Place, columns: u16, command: &str) -> Option<Command> {
    let script = program("script")?;
    default_signals();
    let mut terminal = Command::new(script);
    let command = format!("stty cols {columns}; exec {command}");
    terminal.args(["-qec", &command, "/dev/null"]).current_dir(place.path("."));
    terminal.env("FETCH", env!("CARGO_BIN_EXE_fetch")).env("TERM", "xterm").env("NO_COLOR", "1");
    Some(terminal)
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Run {
    use std::os::unix::process::ExitStatusExt;
    let output = command.output().expect("it runs");
    let status = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
    Run { status, stdout: output.stdout, stderr: String::from_utf8_lossy(&output.stderr).into_owned() }
}

impl Run {
    /// The run failed with this status, and said why, in one line of the right form.
    #[track_caller]
    pub(crate) fn failed(&self, status: i32, url: &str, why: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let start = format!("fetch: {url}: ");
        let line = self.stderr.lines().find(|line| line.starts_with(&start));
        assert!(line.is_some_and(|line| line.contains(why)), "\"{start}...{why}\" is wanted: {self:?}");
    }

    /// The run succeeded, and said nothing on standard error.
    #[track_caller]
    pub(crate) fn succeeded(&self) {
        assert_eq!((self.status, self.stderr.as_str()), (0, ""), "{self:?}");
    }
}

/// Says that a test was skipped. Written to standard error directly: what a test that passes prints is not
/// shown.
pub(crate) fn skip(why: &str) {
    std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).expect("written");
}

/// Where a program is. Where it is not, the test is left out and says so; in CI that is a failure.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        missing(&format!("{name} is not on this machine"));
    }
    found
}

/// Something that a test needs is not there.
pub(crate) fn missing(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "in CI it has to be there: {what}");
    skip(what);
}

/// Whether the plain way of keeping attributes, which is not to keep any, is what is tested: then a test of
/// what a file says of itself is left out.
pub(crate) fn no_attributes() -> bool {
    if cfg!(fetch_plain) {
        skip("a test of extended attributes: the plain way keeps none");
    }
    cfg!(fetch_plain)
}

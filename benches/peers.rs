//! `fetch` beside curl and wget, where they are installed, against the fixture server.
//!
//!     cargo bench --bench peers            # five rounds
//!     cargo bench --bench peers -- 9       # nine
//!     cargo bench --bench peers -- --svg   # and writes docs/speed.svg
//!
//! Every tool runs in turn, round after round, as a process of its own; the table has the medians of
//! wall time and processor time (user and system), and each tool's share of the best other's. What a
//! tool saved is compared with what was served. Only shares within one run mean anything.

mod chart;

use chart::{Bar, Panel};
use fixtures::{Authority, Server, Step, head, reply};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One thing to be saved.
struct Scenario {
    name: &'static str,
    url: String,
    body: Vec<u8>,
    /// Runs in one round: what takes a millisecond is measured many times.
    times: usize,
    /// Whether the body comes under gzip.
    coded: bool,
}

/// Medians of one tool's runs.
struct Figures {
    tool: &'static str,
    wall: f64,
    cpu: f64,
    right: bool,
}

fn main() -> io::Result<()> {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(5);
    let directory = tempfile::tempdir()?;
    let authority = Authority::new()?;
    let ca = directory.path().join("ca.pem");
    fs::write(&ca, authority.pem())?;
    // Compressible, but not trivially.
    let large: Arc<Vec<u8>> = Arc::new((0..64_u32 << 20).map(|i| (i.wrapping_mul(i) >> 13) as u8 & 0x3f).collect());
    let mut zipped = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzEncoder::new(&large[..], flate2::Compression::new(6)), &mut zipped)?;
    let served = Arc::clone(&large);
    let answer = move |request: &fixtures::Request| match request.path() {
        "/small" => reply("200 OK", "", &served[..1024]),
        "/gzip" => reply("200 OK", "Content-Encoding: gzip", &zipped),
        "/chunked" => {
            let chunks =
                served.chunks(16 * 1024).map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
            let mut script = vec![Step::send(head("200 OK", "Transfer-Encoding: chunked"))];
            script.extend(chunks.map(Step::Send));
            script.push(Step::send("0\r\n\r\n"));
            script
        }
        _ => reply("200 OK", "", &served[..]),
    };
    let answer = Arc::new(answer);
    let (for_plain, for_tls) = (Arc::clone(&answer), answer);
    let plain = Server::start(move |request| for_plain(request))?;
    let tls = Server::start_tls(&authority, move |request| for_tls(request))?;
    let scenario = |name, server: &Server, path, size: usize, times| Scenario {
        name,
        url: server.url(path),
        body: large[..size].to_vec(),
        times,
        coded: path == "/gzip",
    };
    let mut panels = Vec::new();
    for scenario in [
        scenario("1 KiB", &plain, "/small", 1024, 40),
        scenario("1 KiB over TLS", &tls, "/small", 1024, 20),
        scenario("64 MiB", &plain, "/large", large.len(), 1),
        scenario("64 MiB in chunks", &plain, "/chunked", large.len(), 1),
        scenario("64 MiB over TLS", &tls, "/large", large.len(), 1),
        scenario("64 MiB under gzip", &plain, "/gzip", large.len(), 1),
    ] {
        let figures = measure(&scenario, rounds, directory.path(), &ca)?;
        print(&scenario, &figures);
        panels.push(panel(&scenario, &figures));
    }
    start_up(&plain.url("/small"), directory.path())?;
    if std::env::args().any(|argument| argument == "--svg") {
        let note = "Milliseconds for a run of each program.\ncargo bench --bench peers";
        fs::write("docs/speed.svg", chart::svg("How fast", &panels, note))?;
    }
    Ok(())
}

/// The tools that are there, and the command line of each.
fn tools(scenario: &Scenario, output: &Path, ca: &Path) -> Vec<(&'static str, Command)> {
    let mut tools = Vec::new();
    for (tool, program, options, trust, coded) in [
        ("fetch", env!("CARGO_BIN_EXE_fetch"), &["-q", "-o"][..], "--cacert", None),
        ("curl", "curl", &["-sS", "-o"], "--cacert", Some("--compressed")),
        ("wget", "wget", &["-q", "-O"], "--ca-certificate", Some("--compression=gzip")),
    ] {
        let there = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
        if there {
            let mut command = Command::new(program);
            command.args(options).arg(output).arg(&scenario.url).env("HOME", output.with_file_name("home"));
            if scenario.url.starts_with("https:") {
                command.arg(trust).arg(ca);
            }
            command.args(coded.filter(|_| scenario.coded));
            tools.push((tool, command));
        }
    }
    tools
}

fn measure(scenario: &Scenario, rounds: usize, directory: &Path, ca: &Path) -> io::Result<Vec<Figures>> {
    let output: PathBuf = directory.join("saved");
    let mut tools = tools(scenario, &output, ca);
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new(); tools.len()];
    let mut right = vec![true; tools.len()];
    // The first round warms up and is not counted.
    for round in 0..=rounds {
        for (index, (_, command)) in tools.iter_mut().enumerate() {
            for _ in 0..scenario.times {
                let run = run(command)?;
                if round > 0 {
                    runs[index].push(run);
                }
            }
            right[index] &= fs::read(&output).is_ok_and(|saved| saved == scenario.body);
            // Each starts without an old file to replace.
            let _ = fs::remove_file(&output);
        }
    }
    let figures = tools.iter().zip(runs).zip(right).map(|(((tool, _), runs), right)| Figures {
        tool,
        wall: median(runs.iter().map(|run| run.0)),
        cpu: median(runs.iter().map(|run| run.1)),
        right,
    });
    Ok(figures.collect())
}

/// Wall seconds and processor seconds of one run.
fn run(command: &mut Command) -> io::Result<(f64, f64)> {
    let before = children();
    let started = Instant::now();
    command.stdin(Stdio::null()).status()?;
    let wall = started.elapsed();
    Ok((wall.as_secs_f64(), (children() - before).as_secs_f64()))
}

/// The processor time of all finished child processes.
fn children() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts");
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Duration::from_micros(micros.try_into().unwrap_or_default())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What a short run is made of: each line does all that the one above it does, and more.
fn start_up(url: &str, directory: &Path) -> io::Result<()> {
    let file = directory.join("started");
    println!("\n{:<44}{:>12}{:>12}", "a short run", "wall ms", "cpu ms");
    let fetch = env!("CARGO_BIN_EXE_fetch");
    for (what, program, arguments) in [
        ("/bin/true, a program that does nothing", "/bin/true", &[][..]),
        ("fetch --version", fetch, &["--version"]),
        ("fetch, and nobody answers", fetch, &["-q", "--retry", "0", "http://127.0.0.1:1/", "-o", "started"]),
        ("fetch to standard output", fetch, &["-q", url, "-o", "-"]),
        ("fetch to a file", fetch, &["-q", url, "-o", "started"]),
        ("wget to a file", "wget", &["-q", "--no-config", url, "-O", "started"]),
    ] {
        let mut runs = Vec::new();
        for _ in 0..200 {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
            let Ok(run) = run(&mut command) else { break };
            runs.push(run);
            let _ = fs::remove_file(&file);
        }
        let (wall, cpu) = (median(runs.iter().map(|run| run.0)), median(runs.iter().map(|run| run.1)));
        println!("{what:<44}{:>12.2}{:>12.2}", wall * 1e3, cpu * 1e3);
    }
    Ok(())
}

fn panel(scenario: &Scenario, figures: &[Figures]) -> Panel {
    let bar = |one: &Figures| Bar { label: one.tool.to_owned(), value: one.wall, figure: format!("{:.1}", one.wall * 1e3) };
    Panel { title: scenario.name.to_owned(), bars: figures.iter().map(bar).collect() }
}

fn print(scenario: &Scenario, figures: &[Figures]) {
    println!("\n{:<20}{:>12}{:>12}{:>14}{:>14}", scenario.name, "wall ms", "cpu ms", "wall share", "cpu share");
    for one in figures {
        let others = || figures.iter().filter(|other| other.tool != one.tool && other.right);
        let wall = others().map(|other| other.wall).min_by(f64::total_cmp);
        let cpu = others().map(|other| other.cpu).min_by(f64::total_cmp);
        let share = |own: f64, best: Option<f64>| best.map_or("-".to_owned(), |best| format!("{:.2}", own / best));
        let wrong = if one.right { "" } else { "  WRONG BODY" };
        println!(
            "{:<20}{:>12.2}{:>12.2}{:>14}{:>14}{wrong}",
            one.tool,
            one.wall * 1e3,
            one.cpu * 1e3,
            share(one.wall, wall),
            share(one.cpu, cpu)
        );
    }
}

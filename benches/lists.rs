//! Lists of URLs, against a server of its own (Linux only): many small files of one host beside curl and wget,
//! and many hosts that are slow to answer.
//!
//!     TMPDIR=/dev/shm cargo bench --bench lists            # five rounds, the files in memory
//!     TMPDIR=/dev/shm cargo bench --bench lists -- 9       # nine
//!
//! The tools run in turn, round after round; the table has medians, and each tool's share of the best
//! other's. Every file that was saved is compared with what was served. Only shares within one run mean
//! anything.

use fixtures::many;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const FILES: usize = 5000;
const SIZE: usize = 8 * 1024;

/// What the slow hosts are.
const HOSTS: usize = 2000;
const JOBS: usize = 500;
const DELAY: Duration = Duration::from_millis(200);

/// What a run took.
#[derive(Clone, Copy)]
struct Run {
    wall: f64,
    cpu: f64,
    /// The most memory in use at once, in KiB; 0 where the system does not tell.
    memory: u64,
}

fn main() -> io::Result<()> {
    let rounds = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(5);
    small_files(rounds)?;
    slow_hosts(rounds)
}

fn body(path: &str) -> Vec<u8> {
    path.bytes().cycle().take(SIZE).collect()
}

fn small_files(rounds: usize) -> io::Result<()> {
    let port = many::serve(Duration::ZERO, body)?;
    let directory = tempfile::tempdir()?;
    let (list, config) = (directory.path().join("urls"), directory.path().join("curl"));
    let urls: Vec<String> = (0..FILES).map(|number| format!("http://127.0.0.1:{port}/{number}")).collect();
    fs::write(&list, urls.join("\n"))?;
    let entry = |(number, url): (usize, &String)| format!("url = \"{url}\"\noutput = \"{number}\"\n");
    fs::write(&config, urls.iter().enumerate().map(entry).collect::<String>())?;
    let mut tools = Vec::new();
    for (tool, program, options, input) in [
        ("fetch", env!("CARGO_BIN_EXE_fetch"), &["-q", "-j16", "--per-host=16", "-i"][..], &list),
        ("curl --parallel", "curl", &["-sS", "--parallel", "--parallel-max", "16", "-K"], &config),
        ("wget2", "wget2", &["-q", "--max-threads=16", "-i"], &list),
        ("wget", "wget", &["-q", "-i"], &list),
    ] {
        if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok() {
            let mut command = Command::new(program);
            command.args(options).arg(input).env("HOME", directory.path());
            tools.push((tool, command, Vec::new(), true));
        }
    }
    // The first round warms up and is not counted.
    for round in 0..=rounds {
        for (_, command, runs, right) in &mut tools {
            let saved = tempfile::tempdir()?;
            let run = measure(command.current_dir(saved.path()))?;
            *right &= (0..FILES).all(|number| is_right(saved.path(), number));
            if round > 0 {
                runs.push(run);
            }
        }
    }
    println!("{FILES} files of {SIZE} bytes from one host, 16 connections");
    println!("{:<20}{:>10}{:>10}{:>12}{:>12}{:>12}", "", "wall ms", "cpu ms", "memory KiB", "wall share", "cpu share");
    let medians: Vec<Run> = tools.iter().map(|(_, _, runs, _)| median(runs)).collect();
    for (index, (tool, _, _, right)) in tools.iter().enumerate() {
        let others = || (0..tools.len()).filter(|other| *other != index && tools[*other].3).map(|other| medians[other]);
        let share = |own: f64, of: fn(Run) -> f64| {
            others().map(of).min_by(f64::total_cmp).map_or("-".to_owned(), |best| format!("{:.2}", own / best))
        };
        let Run { wall, cpu, memory } = medians[index];
        let (wall_share, cpu_share) = (share(wall, |run| run.wall), share(cpu, |run| run.cpu));
        let wrong = if *right { "" } else { "  WRONG FILES" };
        println!("{tool:<20}{:>10.0}{:>10.0}{memory:>12}{wall_share:>12}{cpu_share:>12}{wrong}", wall * 1e3, cpu * 1e3);
    }
    Ok(())
}

fn is_right(directory: &Path, number: usize) -> bool {
    fs::read(directory.join(number.to_string())).is_ok_and(|saved| saved == body(&format!("/{number}")))
}

/// Each host has a loopback address.
fn slow_hosts(rounds: usize) -> io::Result<()> {
    let port = many::serve(DELAY, body)?;
    let directory = tempfile::tempdir()?;
    let list = directory.path().join("urls");
    let url = |host: usize| format!("http://127.1.{}.{}:{}/{host}\n", host / 250, 1 + host % 250, port);
    fs::write(&list, (0..HOSTS).map(url).collect::<String>())?;
    let mut runs = Vec::new();
    for _ in 0..rounds {
        let saved = tempfile::tempdir()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_fetch"));
        runs.push(measure(command.args(["-q", "-j"]).arg(JOBS.to_string()).arg("-i").arg(&list).current_dir(saved.path()))?);
        let right = (0..HOSTS).all(|host| is_right(saved.path(), host));
        if !right {
            println!("WRONG FILES");
        }
    }
    let Run { wall, cpu, memory } = median(&runs);
    let bound = HOSTS.div_ceil(JOBS) as f64 * DELAY.as_secs_f64();
    println!("\n{HOSTS} hosts that answer after {} ms, one URL each, {JOBS} jobs", DELAY.as_millis());
    println!("wall {:.0} ms, {:.0} ms above the bound; cpu {:.0} ms", wall * 1e3, (wall - bound) * 1e3, cpu * 1e3);
    println!("memory {memory} KiB, {} for each connection that waits", memory / JOBS as u64);
    Ok(())
}

/// Runs a command to its end.
fn measure(command: &mut Command) -> io::Result<Run> {
    let before = children();
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    while child.try_wait()?.is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        memory = peak.unwrap_or(0).max(memory);
        thread::sleep(Duration::from_millis(2));
    }
    let wall = started.elapsed().as_secs_f64();
    Ok(Run { wall, cpu: (children() - before).as_secs_f64(), memory })
}

/// The processor time of all finished child processes.
fn children() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system counts");
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Duration::from_micros(micros.try_into().unwrap_or_default())
}

fn median(runs: &[Run]) -> Run {
    let middle = |of: fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Run { wall: middle(|run| run.wall), cpu: middle(|run| run.cpu), memory: runs.iter().map(|run| run.memory).max().unwrap_or(0) }
}

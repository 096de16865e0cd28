//! Who reports a broken response as saved: each fault that the fixture server knows, and a dozen kinds of response cut off at every
//! byte, given to fetch and to its peers, where they are installed, over an old file.
//!
//!     cargo bench --bench truth                     # prints the table
//!     cargo bench --bench truth -- --svg            # and writes docs/truth.svg
//!
//! Every tool is asked to fail where it can (`curl -f`, `xh --check-status`), tries once, and gets only the content
//! codings that it asks for.

mod chart;
#[path = "../tests/framed.rs"]
mod framed;

use chart::{Bar, Panel};
use fixtures::routes::{self, Outcome};
use fixtures::{Server, Step, reply};
use framed::{BODY, responses};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const OLD: &[u8] = b"the old file";

/// What is served, and what a correct client makes of it.
#[derive(Clone)]
struct Case {
    path: String,
    outcome: Outcome,
    /// The content codings that have to be asked for.
    codings: &'static [&'static str],
}

struct Tool {
    name: &'static str,
    arguments: &'static [&'static str],
}

const TOOLS: &[Tool] = &[
    Tool { name: "fetch", arguments: &["-q", "--retry", "0", "-T", "2", "-o", "f"] },
    Tool { name: "curl", arguments: &["-q", "-sS", "-f", "-L", "--compressed", "-m", "2", "-o", "f"] },
    Tool { name: "wget", arguments: &["-q", "--no-config", "-t", "1", "-T", "2", "--compression=auto", "-O", "f"] },
    Tool { name: "wget2", arguments: &["-q", "--no-config", "--tries=1", "-T", "2", "-O", "f"] },
    Tool {
        name: "aria2c",
        arguments: &[
            "-q",
            "--no-conf",
            "--http-accept-gzip=true",
            "--allow-overwrite=true",
            "--auto-file-renaming=false",
            "-m1",
            "-t2",
            "--connect-timeout=2",
            "-of",
        ],
    },
    Tool { name: "xh", arguments: &["--ignore-stdin", "--check-status", "--follow", "--timeout", "2", "-q", "-d", "-o", "f"] },
];

/// What a tool made of all cases.
#[derive(Default)]
struct Score {
    broken: usize,
    /// Reported as saved, although nothing whole was served.
    wrongly_saved: usize,
    /// The old file is gone, whatever was reported of the broken response.
    lost: usize,
    whole: usize,
    /// Reported as saved, but another body than was served.
    wrong_body: usize,
    /// Reported as a failure, although all was right.
    false_alarms: usize,
}

fn main() -> io::Result<()> {
    // No peer asks for transfer codings.
    let responses = Arc::new(responses().into_iter().filter(|(name, _)| !name.contains("transfer coding")).collect::<Vec<_>>());
    let mut cases: Vec<Case> = Vec::new();
    for (path, outcome) in routes::outcomes().filter(|(_, outcome)| !matches!(outcome, Outcome::SavedInTime)) {
        let codings: &[&str] = if path.contains("gzip") { &["gzip"] } else { &[] };
        cases.push(Case { path: path.to_owned(), outcome, codings });
    }
    for (kind, (name, response)) in responses.iter().enumerate() {
        let codings: &[&str] = match name.split(',').next() {
            Some("gzip") => &["gzip"],
            Some("deflate") => &["deflate"],
            Some("br") => &["br"],
            Some("zstd") => &["zstd"],
            _ => &[],
        };
        for end in 0..=response.len() {
            let outcome = if end == response.len() { Outcome::Saved(BODY.as_bytes()) } else { Outcome::Failed };
            cases.push(Case { path: format!("/cut/{kind}/{end}"), outcome, codings });
        }
    }
    let server = Server::start(move |request| {
        let mut parts = request.path().split('/').skip(2).map(|part| part.parse::<usize>().unwrap_or_default());
        match (request.path().starts_with("/cut/"), parts.next(), parts.next()) {
            (true, Some(kind), Some(end)) => vec![Step::send(&responses[kind].1[..end]), Step::Close],
            _ if request.path() == "/probe" => reply("200 OK", "", ""),
            _ => routes::answer(request),
        }
    })?;
    let mut columns = Vec::new();
    for tool in TOOLS {
        if let Some(version) = version(tool) {
            columns.push((tool.name, version, score(tool, &cases, &server)?));
        }
    }
    print(&columns);
    if std::env::args().any(|argument| argument == "--svg") {
        fs::write("docs/truth.svg", picture(&columns))?;
    }
    Ok(())
}

fn program(tool: &Tool) -> &'static str {
    if tool.name == "fetch" { env!("CARGO_BIN_EXE_fetch") } else { tool.name }
}

/// The version of a tool, if it is installed.
fn version(tool: &Tool) -> Option<String> {
    let output = Command::new(program(tool)).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace().map(|word| word.trim_start_matches('v'));
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')).map(str::to_owned)
}

fn score(tool: &Tool, cases: &[Case], server: &Server) -> io::Result<Score> {
    let directory = tempfile::tempdir()?;
    run(tool, &server.url("/probe"), directory.path())?;
    let accepted = server.requests().last().and_then(|request| request.field("Accept-Encoding")).unwrap_or_default();
    let accepts = |coding: &&str| accepted.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == *coding);
    let mut score = Score::default();
    for case in cases.iter().filter(|case| case.codings.iter().all(accepts)) {
        // What another run left beside its file is none of this one's.
        for entry in fs::read_dir(directory.path())? {
            fs::remove_file(entry?.path())?;
        }
        let file = directory.path().join("f");
        fs::write(&file, OLD)?;
        let saved = run(tool, &server.url(&case.path), directory.path())?;
        let bytes = fs::read(&file).ok();
        match case.outcome {
            Outcome::SavedInTime => {}
            Outcome::Saved(body) => {
                score.whole += 1;
                score.false_alarms += usize::from(!saved);
                score.wrong_body += usize::from(saved && bytes.as_deref() != Some(body));
            }
            Outcome::Failed => {
                score.broken += 1;
                score.wrongly_saved += usize::from(saved);
                // The very last line end of chunks may be missing: the body is whole all the same.
                score.lost += usize::from(![Some(OLD), Some(BODY.as_bytes())].contains(&bytes.as_deref()));
            }
        }
    }
    Ok(score)
}

/// Whether it says that it saved the URL.
fn run(tool: &Tool, url: &str, directory: &Path) -> io::Result<bool> {
    let mut command = Command::new(program(tool));
    command.args(tool.arguments).arg(url).current_dir(directory).env("HOME", directory);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().to_lowercase().ends_with("_proxy")) {
        command.env_remove(name);
    }
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
}

fn print(columns: &[(&str, String, Score)]) {
    println!(
        "| | incomplete, reported as saved | old file lost | complete, saved with other bytes | complete, reported as failed |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (name, version, score) in columns {
        let Score { broken, wrongly_saved, lost, whole, wrong_body, false_alarms } = score;
        println!(
            "| {name} {version} | {wrongly_saved} of {broken} | {lost} of {broken} | {wrong_body} of {whole} | {false_alarms} of {whole} |"
        );
    }
}

fn picture(columns: &[(&str, String, Score)]) -> String {
    let panel = |title: &str, share: &dyn Fn(&Score) -> usize| {
        let bar = |(name, _, score): &(&str, String, Score)| Bar {
            label: (*name).to_owned(),
            value: share(score) as f64 / score.broken as f64,
            figure: format!("{} of {}", share(score), score.broken),
        };
        Panel { title: title.to_owned(), bars: columns.iter().map(bar).collect() }
    };
    let panels = [panel("Reported as saved", &|score| score.wrongly_saved), panel("Old file lost", &|score| score.lost)];
    chart::svg("Broken responses", &panels, "Faults, and responses cut off at every byte.\ncargo bench --bench truth")
}

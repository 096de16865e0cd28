//! The main job, with no internet: starts the fixture server on a free port, does what
//! `fetch www.sina.com.cn -o sina.html` does, prints the headers and leaves `sina.html`.
//!
//!     cargo run --release --example demo

use fetch::cli;
use fixtures::{Server, routes};
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let server = Server::start(routes::answer)?;
    let port = server.port();
    // The name leads to the local server; the rest is the command line as usual.
    let resolve = format!("--resolve=www.sina.com.cn:{port}:127.0.0.1");
    let command = ["fetch".to_owned(), resolve, format!("www.sina.com.cn:{port}"), "-o".to_owned(), "sina.html".to_owned()];
    println!("$ {}\n", command.join(" "));
    let (job, report) = cli::parse(command.into_iter().map(OsString::from)).map_err(|exit| format!("{exit:?}"))?;
    if let Some(kind) = cli::run(job, &report) {
        return Ok(kind.exit_status().into());
    }
    let saved = std::fs::read("sina.html")?;
    assert!(saved == routes::home_page(), "what was saved is what the server has");
    println!("sina.html: {} bytes, as the server has them", saved.len());
    Ok(ExitCode::SUCCESS)
}

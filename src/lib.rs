//! A minimal HTTP fetcher and page saver: the whole body under its name, or the old file untouched.
//!
//! The program is this library and a short `main.rs`. Its entry point is [`Fetcher`]: request a URL and
//! read the [`Response`], save a file or a list of them, set a header, and know from an [`Error`] why it
//! failed:
//!
//! ```no_run
//! use fetch::Fetcher;
//!
//! let saved = Fetcher::new().save("http://www.sina.com.cn/", "sina.html")?;
//! println!("{} bytes in {}", saved.bytes, saved.path.display());
//! # Ok::<(), fetch::Error>(())
//! ```
//!
//! The feature `cli`, which is on by default, is the program's command line and its handling of signals. A
//! library does without: `default-features = false`.

// Some of what is below serves the command line only: cookie files, netrc, messages.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports, unreachable_pub))]

#[cfg(not(unix))]
compile_error!("fetch is written for Unix: it uses file descriptors, poll(2), flock(2) and file permissions");

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod client;
mod coding;
mod error;
mod fetcher;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod http;
mod interrupt;
mod lock;
mod net;
mod page;
#[cfg(any(test, fuzzing))]
mod pieces;
mod report;
mod run;
mod save;
mod sys;
mod text;
mod warc;

pub use client::{Config, Response};
pub use error::{Error, Kind};
pub use fetcher::{Fetcher, ListItem, Saved};
pub use http::{ByteRange, InvalidField, Method};
pub use net::{Limits, Proxies, Proxy, Trust};
pub use run::{Parallel, SaveOptions};

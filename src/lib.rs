//! A minimal HTTP fetcher and page saver: the whole body under its name, or the old file untouched.
//!
//! The program is this library and thirty lines of `main.rs`. Its front door is [`Fetcher`]: get a
//! [`Response`] and read it, save a file, set a header, and know from an [`Error`] why it failed:
//!
//! ```no_run
//! use fetch::Fetcher;
//!
//! let saved = Fetcher::new().save("http://www.sina.com.cn/", "sina.html")?;
//! println!("{} bytes in {}", saved.bytes, saved.path.display());
//! # Ok::<(), fetch::Error>(())
//! ```
//!
//! Behind it, from the bottom up:
//!
//! - [`http`]: HTTP/1.1 as bytes in, bytes out
//! - [`net`]: a byte stream to a server, with deadlines
//! - [`coding`]: content codings undone
//! - [`client`]: one URL to one response
//! - [`save`]: bytes to a file, atomically
//! - [`report`]: what is printed
//! - [`run`]: all of it together, for one [`run::Job`]
//! - [`cli`]: from a command line to a job

pub mod cli;
pub mod client;
pub mod coding;
pub mod error;
mod fetcher;
pub mod http;
pub mod interrupt;
pub mod net;
pub mod report;
pub mod run;
pub mod save;
mod text;

pub use error::{Error, Kind};
pub use fetcher::{Fetcher, Response, Saved};

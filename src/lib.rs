//! A minimal HTTP fetcher and page saver: the whole body under its name, or the old file untouched.
//!
//! The program is this library and thirty lines of `main.rs`. From the bottom up:
//!
//! - [`http`]: HTTP/1.1 as bytes in, bytes out
//! - [`net`]: a byte stream to a server, with deadlines
//! - [`coding`]: content codings undone
//! - [`client`]: one URL to one response
//! - [`save`]: bytes to a file, atomically
//! - [`report`]: what is printed
//! - [`run`]: all of it together, for one [`run::Job`]
//! - [`cli`]: from a command line to a job
//!
//! A response without the rest:
//!
//! ```
//! # use fixtures::{Server, reply};
//! # let server = Server::start(|_| reply("200 OK", "", "hello"))?;
//! # let address = server.url("/");
//! use fetch::client::{Client, Quiet, Settings};
//!
//! let mut client = Client::new(Settings::default());
//! let mut response = client.get(&address.parse()?, &mut Quiet)?;
//! let mut body = Vec::new();
//! while let Some(piece) = response.body.piece()? {
//!     body.extend_from_slice(piece);
//! }
//! assert_eq!((response.head.status(), &body[..]), (200, &b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cli;
pub mod client;
pub mod coding;
pub mod error;
pub mod http;
pub mod interrupt;
pub mod net;
pub mod report;
pub mod run;
pub mod save;

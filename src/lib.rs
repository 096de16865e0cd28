//! A minimal HTTP fetcher and page saver.
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

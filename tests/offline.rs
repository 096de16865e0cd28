//! Saved pages, opened by a real browser without a network beside the live ones. They are a program of their own: a
//! browser takes all the processors there are, and the other tests have deadlines.
//!
//! | module | what it pins |
//! | --- | --- |
//! | [`traps`] | pages with one asset each, which a check or a picture shows |
//! | [`charsets`] | pages in all charsets |
//! | [`sites`] | real pages |

mod bmp;
mod browser;
mod charsets;
// Three programs share it, and this one starts no shell and sends no signal.
#[expect(dead_code, reason = "what only tests/whole.rs uses")]
mod harness;
mod media;
mod sites;
mod traps;

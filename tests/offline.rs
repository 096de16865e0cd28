//! Saved pages, opened by a real browser without a network beside the live ones. They are a program of their own: a
//! browser takes all the processors there are, and the other tests have deadlines.
//!
//! | module | what it pins |
//! | --- | --- |
//! | [`traps`] | pages with one asset each, which a check or a picture shows |
//! | [`charsets`] | pages in all charsets |
//! | [`sites`] | real pages |

mod browser;
mod charsets;
#[allow(dead_code, reason = "the other tests need the rest")]
mod daemon;
#[allow(dead_code, reason = "the other tests need the rest")]
mod harness;
mod media;
mod sites;
mod traps;

//! What takes long, or happens in the middle of a run.
//!
//!     cargo test --release --test endurance -- --include-ignored --nocapture
//!
//! Files go to `TMPDIR`: /dev/shm, where that has 8 GB, keeps a million of them in memory.

// Three programs share it.
#[expect(dead_code, reason = "what only tests/whole.rs uses")]
mod harness;

#[path = "endurance/namespaces.rs"]
mod namespaces;
// Its server is Linux's.
#[cfg(target_os = "linux")]
#[path = "endurance/numbers.rs"]
mod numbers;
#[path = "endurance/surprises.rs"]
mod surprises;

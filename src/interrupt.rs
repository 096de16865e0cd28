//! Ctrl-C, SIGTERM and SIGHUP.
//!
//! A signal ends the program at once, as it does every program, except while a [`Hold`] exists:
//! then it is noted, every wait sees it in [`caught`], and the holder cleans up first. A second
//! signal ends the program even then. Only the program takes signals over; in a library nothing
//! here has any effect.

#[cfg(feature = "cli")]
pub use signals::{end_if_caught, install};

/// The signal that came while a [`Hold`] existed.
pub(crate) fn caught() -> Option<i32> {
    #[cfg(feature = "cli")]
    return signals::caught();
    #[cfg(not(feature = "cli"))]
    None
}

/// As long as it exists, signals are noted instead of ending the program.
#[derive(Debug)]
pub(crate) struct Hold(());

/// Defers the end of the program until the guard is dropped.
#[must_use]
pub(crate) fn hold() -> Hold {
    #[cfg(feature = "cli")]
    signals::count(|holds| holds + 1);
    Hold(())
}

impl Drop for Hold {
    fn drop(&mut self) {
        #[cfg(feature = "cli")]
        signals::count(|holds| holds - 1);
    }
}

#[cfg(feature = "cli")]
mod signals {
    use crate::sys;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::{flag, low_level};
    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};

    struct State {
        end_at_once: Arc<AtomicBool>,
        signal: Arc<AtomicUsize>,
        holds: Mutex<usize>,
    }

    static STATE: OnceLock<State> = OnceLock::new();

    /// Installs handlers for the three signals; until then, holds have no effect. A signal that the program was
    /// started to ignore, by nohup say, stays ignored.
    pub fn install() -> io::Result<()> {
        let state = STATE.get_or_init(|| State {
            end_at_once: Arc::new(AtomicBool::new(true)),
            signal: Arc::new(AtomicUsize::new(0)),
            holds: Mutex::new(0),
        });
        let ignored = sys::ignored_signals();
        let is_ignored = |signal: &i32| ignored & (1 << (signal - 1)) != 0;
        for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(signal)) {
            // In this order: the flag as it was before this signal decides, then it is set.
            flag::register_conditional_default(signal, Arc::clone(&state.end_at_once))?;
            flag::register(signal, Arc::clone(&state.end_at_once))?;
            flag::register_usize(signal, Arc::clone(&state.signal), signal.unsigned_abs() as usize)?;
        }
        // A write past the limit of a file's size is to fail, not to end the program.
        flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(())
    }

    pub(super) fn caught() -> Option<i32> {
        let signal = STATE.get()?.signal.load(Ordering::Relaxed);
        i32::try_from(signal).ok().filter(|signal| *signal != 0)
    }

    /// Ends the program as the caught signal would have, if one was caught.
    pub fn end_if_caught() {
        if let Some(signal) = caught() {
            // Where it fails the program ends normally, with the error's exit status.
            let _ = low_level::emulate_default_handler(signal);
        }
    }

    pub(super) fn count(change: impl Fn(usize) -> usize) {
        let Some(state) = STATE.get() else { return };
        let mut holds = state.holds.lock().unwrap_or_else(PoisonError::into_inner);
        *holds = change(*holds);
        state.end_at_once.store(*holds == 0, Ordering::SeqCst);
        if caught().is_some() {
            // The one that was caught is the first: the next ends the program.
            state.end_at_once.store(true, Ordering::SeqCst);
        }
    }
}

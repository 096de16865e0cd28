//! Names that become addresses: each is looked up once, and the answer shared.

use super::NetError;
use super::deadline::Timer;
use crate::error::system_words;
use crate::lock::locked;
use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long addresses are used.
const LIFETIME: Duration = Duration::from_secs(3600);
/// How long it is believed that there are none.
const FAILURE_LIFETIME: Duration = Duration::from_secs(60);
/// How many names are remembered; then all are forgotten.
const MAX_NAMES: usize = 10_000;

/// Looks names up, and remembers the answers.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    lookups: Mutex<HashMap<String, Arc<Lookup>>>,
}

/// One name.
#[derive(Debug)]
struct Lookup {
    started: Instant,
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

impl Lookup {
    fn lifetime(&self) -> Duration {
        if matches!(&*locked(&self.answer), Some(Err(_))) { FAILURE_LIFETIME } else { LIFETIME }
    }
}

type Answer = Result<Vec<IpAddr>, NetError>;

impl Resolver {
    /// The addresses of a name. The system is asked on a thread of its own: getaddrinfo has no time limit.
    pub(super) fn resolve(&self, name: &str, timer: &Timer) -> Answer {
        let lookup = self.lookup(name)?;
        let wait = timer.wait();
        let mut answer = locked(&lookup.answer);
        loop {
            if let Some(answer) = &*answer {
                if matches!(answer, Err(NetError::Resolve { transient: true, .. })) {
                    self.forget(name, &lookup);
                }
                return answer.clone();
            }
            let interval = wait.poll_timeout()?;
            answer = lookup.answered.wait_timeout(answer, interval).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The lookup of a name, which may be under way or done already.
    fn lookup(&self, name: &str) -> Result<Arc<Lookup>, NetError> {
        let mut lookups = locked(&self.lookups);
        if let Some(known) = lookups.get(name).filter(|known| known.started.elapsed() < known.lifetime()) {
            return Ok(Arc::clone(known));
        }
        let lookup = Arc::new(Lookup { started: Instant::now(), answer: Mutex::default(), answered: Condvar::new() });
        let (shared, owned) = (Arc::clone(&lookup), name.to_owned());
        let ask = move || {
            let answer = system_lookup(&owned);
            *locked(&shared.answer) = Some(answer);
            shared.answered.notify_all();
        };
        let failed = |error: std::io::Error| NetError::Resolve { error: system_words(&error), transient: true };
        thread::Builder::new().name("resolver".to_owned()).spawn(ask).map_err(failed)?;
        if lookups.len() >= MAX_NAMES {
            lookups.clear();
        }
        lookups.insert(name.to_owned(), Arc::clone(&lookup));
        Ok(lookup)
    }

    /// Another try is to ask again.
    fn forget(&self, name: &str, lookup: &Arc<Lookup>) {
        let mut lookups = locked(&self.lookups);
        if lookups.get(name).is_some_and(|known| Arc::ptr_eq(known, lookup)) {
            lookups.remove(name);
        }
    }
}

/// Asks the system.
fn system_lookup(name: &str) -> Answer {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| {
        // A failure of this machine, to open a socket say, tells nothing of the name either.
        let transient = matches!(error.kind(), LookupErrorKind::Again | LookupErrorKind::System | LookupErrorKind::Memory);
        let error = match error.kind() {
            LookupErrorKind::NoName => "no such host".to_owned(),
            LookupErrorKind::NoData => "the host has no address".to_owned(),
            LookupErrorKind::Again => "temporary failure, the name server does not answer".to_owned(),
            LookupErrorKind::Fail => "the name server failed".to_owned(),
            LookupErrorKind::System => system_words(&error.into()),
            _ => format!("getaddrinfo error {}", error.error_num()),
        };
        NetError::Resolve { error, transient }
    })?;
    Ok(found.flatten().map(|info| info.sockaddr.ip()).collect())
}

//! The real program against real servers, as a user meets it.
//!
//! | module | what it pins |
//! | --- | --- |
//! | [`saved`] | what is on disk afterwards, and what is not |
//! | [`answers`] | responses good and bad: exit status and body |
//! | [`torn`] | the connection closed or reset at every byte |
//! | [`coded`] | content codings |
//! | [`hops`] | redirects, and credentials on the way |
//! | [`resumed`] | saves gone on with, tried again, started over |
//! | [`conditional`] | -N, -r, --skip-existing |
//! | [`request`] | what is sent |
//! | [`connection`] | addresses, TLS, deadlines |
//! | [`proxies`] | proxies, scripted and real; the address rule |
//! | [`cookies`] | cookies, jars, netrc |
//! | [`printed`] | standard output and standard error |
//! | [`generated`] | the manual page and the completions |
//! | [`interrupted`] | signals and closed pipes |
//! | [`nginx`] | a real nginx serving a real tree of files |

mod answers;
mod coded;
mod conditional;
mod connection;
mod cookies;
mod daemon;
mod generated;
mod harness;
mod hops;
mod interrupted;
mod nginx;
mod printed;
mod proxies;
mod request;
mod resumed;
mod saved;
mod torn;

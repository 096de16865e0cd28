//! The real program against real servers, as a user meets it.
//!
//! | module | what it pins |
//! | --- | --- |
//! | [`saved`] | what is on disk afterwards, and what is not |
//! | [`responses`] | responses good and bad: exit status and body |
//! | [`truncated`] | the connection closed or reset at every byte |
//! | [`codings`] | content codings |
//! | [`redirects`] | redirects, and credentials on the way |
//! | [`resumed`] | saves resumed, tried again, started over |
//! | [`conditional`] | -N, -r, --skip-existing |
//! | [`request`] | what is sent |
//! | [`connection`] | addresses, TLS, deadlines |
//! | [`proxies`] | proxies, scripted and real; the address rule |
//! | [`cookies`] | cookies, jars, netrc |
//! | [`output`] | standard output and standard error |
//! | [`generated`] | the manual page and the completions |
//! | [`interrupted`] | signals and closed pipes |
//! | [`lists`] | many URLs at once |
//! | [`archive`] | WARC files, judged by the tools of archivists |
//! | [`pages`] | pages with their assets in one file |
//! | [`nginx`] | a real nginx serving a real tree of files |
//! | [`oracle`] | replies made at random ([`replies`]): what is saved is what curl saves |
//!
//! [`framed`] has the responses that several of them cut off.

mod archive;
mod bmp;
mod codings;
mod conditional;
mod connection;
mod cookies;
mod daemon;
mod framed;
mod generated;
mod harness;
mod interrupted;
mod lists;
mod nginx;
mod oracle;
mod output;
mod pages;
mod proxies;
mod redirects;
mod replies;
mod request;
mod responses;
mod resumed;
mod saved;
mod truncated;

//! Brings what the client observes to the report, and collects the summary.

use crate::client::Observer;
use crate::error::Error;
use crate::http::{Head, Request, may_be_secret};
use crate::net::{Event, Timer};
use crate::report::{Report, Summary};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use url::Url;

/// Observes one hop.
pub(super) struct TransferObserver<'r> {
    pub(super) report: &'r Report,
    pub(super) summary: &'r mut Summary,
    pub(super) timer: &'r Timer,
    /// When the first try began.
    pub(super) started: Instant,
    pub(super) trace: &'r mut Trace,
    /// Whether there are other transfers at the same time.
    pub(super) several: bool,
    /// Whether it is part of a page: its header sections are not printed.
    pub(super) is_asset: bool,
}

/// What is remembered from one hop to the next.
pub(super) struct Trace {
    since: Instant,
    phases: Vec<String>,
    heads: u32,
}

impl Default for Trace {
    fn default() -> Trace {
        Trace { since: Instant::now(), phases: Vec::new(), heads: 0 }
    }
}

impl TransferObserver<'_> {
    /// A phase ended now, where the next begins.
    fn phase(&mut self, name: &str) -> Duration {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.trace.since, now);
        if self.report.is_verbose() {
            self.trace.phases.push(format!("{name} {:.1} ms", took.as_secs_f64() * 1e3));
        }
        took
    }
}

impl TransferObserver<'_> {
    /// Prints a line, and of several transfers, whose.
    fn detail(&self, line: &str) {
        if self.several && self.report.is_verbose() {
            self.report.detail(&format!("{}: {line}", self.summary.url));
        } else {
            self.report.detail(line);
        }
    }
}

impl Observer for TransferObserver<'_> {
    fn hop(&mut self, url: &Url) {
        self.summary.last_url = Some(url.to_string());
    }

    fn connection(&mut self, event: Event) {
        match &event {
            Event::Resolved(_) => self.summary.timings.dns = Some(self.phase("dns").as_secs_f64()),
            Event::Connected(_) | Event::ConnectedUnix(_) => {
                self.summary.timings.connect = Some(self.phase("connect").as_secs_f64());
                self.summary.timings.tls = None;
            }
            Event::Secured { .. } => self.summary.timings.tls = Some(self.phase("tls").as_secs_f64()),
            Event::Tunnelled(_) => drop(self.phase("proxy")),
            Event::AttemptFailed(_) | Event::Forwarded(_) => {}
        }
        if !self.report.is_verbose() {
            return;
        }
        self.detail(&match event {
            Event::Resolved(addresses) => {
                let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                format!("addresses: {}", list.join(", "))
            }
            Event::AttemptFailed(error) => error.to_string(),
            Event::Connected(address) => format!("connected to {address}"),
            Event::ConnectedUnix(path) => format!("connected to {}", path.display()),
            Event::Forwarded(proxy) => format!("the proxy {proxy} forwards the request"),
            Event::Tunnelled(proxy) => format!("connected through the proxy {proxy}"),
            Event::Secured { version, cipher_suite, subject } => {
                format!("{version}, {cipher_suite}, certificate of {}", subject.unwrap_or("an unnamed subject".to_owned()))
            }
        });
    }

    fn request(&mut self, request: &Request, peer: Option<IpAddr>, reused: bool) {
        self.summary.ip = peer;
        if reused {
            self.detail("reusing the connection");
        }
        if !self.report.is_verbose() {
            return;
        }
        let mut lines = vec![request.line()];
        lines.extend(request.fields().iter().map(|(name, value)| {
            let value = if may_be_secret(name) { "(hidden)".into() } else { String::from_utf8_lossy(value) };
            format!("{name}: {value}")
        }));
        self.report.sent(self.several.then_some(self.summary.url.as_str()), &lines);
    }

    fn interim(&mut self, head: &Head) {
        self.detail(&format!("interim response: {}", head.status_text()));
    }

    fn head(&mut self, url: &Url, head: &Head) -> Result<(), Error> {
        self.phase("wait");
        self.summary.timings.first_byte = Some(self.started.elapsed().as_secs_f64());
        self.summary.redirects = self.trace.heads;
        self.trace.heads += 1;
        if self.report.wants_summaries() {
            self.summary.final_url = Some(url.to_string());
            self.summary.status = Some(head.status());
            self.summary.headers = head.fields().into();
        }
        if self.report.is_verbose() {
            let phases = std::mem::take(&mut self.trace.phases);
            self.detail(&phases.join(", "));
        }
        if self.is_asset { Ok(()) } else { self.report.header_section(url, head.raw(), self.timer) }
    }
}

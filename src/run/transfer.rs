//! One URL: requested, saved, and tried again where that may help.
//!
//! ```text
//! run:     try -> transient failure? -> wait -> try ...
//! one try: plan -> request -> reply -> save | append | start over | nothing to do
//! ```

use super::observer::TransferObserver;
use super::plan::{Action, Plan, Reply, classify, is_same};
use super::receive::receive;
use super::{Outcome, Output, SaveOptions, retry};
use crate::client::{BodyLimits, Client, Home, RequestOptions, Response, without_userinfo};
use crate::error::{Error, Kind};
use crate::http::{ContentRange, Head, Method, StrongValidator, entity_tag, parse_date};
use crate::interrupt;
use crate::net::Timer;
use crate::report::{Progress, Report, Summary};
use crate::save::{Destination, Existing, Finished, Partial, Provenance, ResumeInfo, Sink, derived_name};
use ring::digest::{Context, SHA256};
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// One URL on its way to a file.
pub(super) struct Transfer<'j> {
    url: &'j Url,
    options: &'j SaveOptions,
    client: &'j Client,
    report: &'j Report,
    timer: Timer,
    started: Instant,
    summary: Summary,
    /// Where bytes go; from the first of them on.
    sink: Option<Sink>,
    /// Of those bytes, where it is needed.
    digest: Option<Context>,
    /// What was there before.
    existing: Option<Existing>,
    progress: Option<Progress>,
    /// `-c` is to complete a file that has no part file.
    completes: bool,
    /// It has been said that the save starts over.
    started_over: bool,
    /// What was decided after a try: how long to wait before the next, if there is one.
    retry_delay: Option<(u32, Option<Duration>)>,
}

/// What follows a reply.
enum Next {
    Done,
    Request(Plan),
}

impl<'j> Transfer<'j> {
    pub(super) fn new(url: &'j Url, options: &'j SaveOptions, client: &'j Client, report: &'j Report) -> Transfer<'j> {
        Transfer {
            url,
            options,
            timer: Timer::start(client.config().limits),
            started: Instant::now(),
            summary: Summary { url: without_userinfo(url.clone()).into(), ..Summary::default() },
            client,
            report,
            sink: None,
            digest: None,
            existing: None,
            progress: None,
            completes: false,
            started_over: false,
            retry_delay: None,
        }
    }

    /// Runs tries until success, a permanent failure or the limit of retries.
    pub(super) fn run(mut self, output: &Output) -> Outcome {
        let failed = self.all_tries(output).err();
        // The progress line goes away before anything else is printed.
        self.progress = None;
        if let Some(sink) = self.sink.take() {
            let (length, is_file) = (sink.length(), sink.is_file());
            match sink.keep() {
                Some(path) => self.report.note(&format!("kept for -c: {} ({length} bytes)", path.display())),
                None if is_file && length > 0 && interrupt::caught().is_some() => {
                    self.report.note(&format!("not kept: {length} bytes, which cannot be resumed"));
                }
                None => {}
            }
        }
        self.summary.timings.total = self.started.elapsed().as_secs_f64();
        self.summary.exit = failed.as_ref().map_or(0, |error| error.kind().exit_status());
        self.summary.error = failed.as_ref().map(Into::into);
        Outcome { summary: self.summary, failed, timer: self.timer }
    }

    fn all_tries(&mut self, output: &Output) -> Result<(), Error> {
        let is_get = self.method() == Method::Get;
        let destination = match output {
            Output::File(path) if is_get => Destination::file(path)?,
            Output::Directory(path) => Destination::directory(path),
            _ => Destination::stdout(),
        };
        if is_get {
            if self.check_existing(&destination)? {
                return Ok(());
            }
            // A file that cannot be saved is found out before anything is sent.
            destination.check_writable()?;
            if self.sink.is_none() {
                destination.check_part()?;
            }
        }
        let home = Home::of(self.url, self.client.config())?;
        self.progress = Some(self.report.progress(*output == Output::Stdout && io::stdout().is_terminal()));
        let mut tries = 0;
        loop {
            tries += 1;
            self.summary.attempts = tries;
            let Err(error) = self.one_try(&destination, &home) else { return Ok(()) };
            let Some(delay) = self.retry_delay(&error) else { return Err(error) };
            self.report.warning(&self.summary.url, &retry::notice(&error, delay));
            if retry::sleep(delay, &self.timer).is_err() {
                return Err(error);
            }
        }
    }

    /// How long to wait before another try; `None` where there is none.
    fn retry_delay(&mut self, error: &Error) -> Option<Duration> {
        let tries = self.summary.attempts;
        // Part of it is random: it is chosen once for each try.
        if let Some((of, delay)) = self.retry_delay
            && of == tries
        {
            return delay;
        }
        let delay = self.choose_retry_delay(error);
        self.retry_delay = Some((tries, delay));
        delay
    }

    fn choose_retry_delay(&self, error: &Error) -> Option<Duration> {
        let tries = self.summary.attempts;
        let retry_after = error.retry().filter(|_| tries <= self.options.retries)?;
        // Where output was written already, only a resume is possible.
        let sink = self.sink.as_ref();
        let can_continue = sink.is_none_or(|sink| sink.is_file() || sink.length() == 0 || sink.resume_info().is_some());
        let delay = retry::delay(tries - 1, retry_after);
        (can_continue && retry::has_time(delay, &self.timer)).then_some(delay)
    }

    /// Looks for the part file and the file; true where nothing is left to be done.
    fn check_existing(&mut self, destination: &Destination) -> Result<bool, Error> {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if resume {
            match destination.find_partial(self.url)? {
                Partial::None => {}
                Partial::Discarded(path) => {
                    self.report.note(&format!("started over: {} cannot be resumed", path.display()));
                    self.started_over = true;
                }
                Partial::Resumable(mut sink) => {
                    self.digest = self.new_digest();
                    if let Some(digest) = &mut self.digest {
                        sink.read_back(&self.timer, |bytes| digest.update(bytes))?;
                    }
                    self.sink = Some(*sink);
                }
            }
        }
        if skip_existing || newer || resume && self.sink.is_none() {
            let may_be_it = |file: &Existing| skip_existing || file.provenance != Provenance::OtherUrl;
            let existing = destination.existing(self.url);
            self.completes = resume && !newer && existing.is_some() && !destination.derives_name();
            self.existing = existing.filter(may_be_it);
        }
        let Some(file) = self.existing.clone() else { return Ok(false) };
        if skip_existing {
            return self.report_existing(&file, "already there").map(|()| true);
        }
        match self.options.sha256.map(|wanted| file.has_digest(&wanted, &self.timer)).transpose()? {
            // There is no better evidence.
            Some(true) if resume => return self.report_existing(&file, "already complete").map(|()| true),
            // Then it is not what is wanted, whatever the server says of it.
            Some(false) => self.existing = None,
            _ => {}
        }
        Ok(false)
    }

    /// Nothing is to be saved: a file is there. It has to be the one that is wanted.
    fn report_existing(&mut self, file: &Existing, what: &str) -> Result<(), Error> {
        if let Some(wanted) = self.options.sha256
            && !file.has_digest(&wanted, &self.timer)?
        {
            let what = format!("{what}: {}, but its SHA-256 does not match", file.path.display());
            return Err(Error::new(Kind::Protocol, what));
        }
        self.progress = None;
        self.report.note(&format!("{what}: {}", file.path.display()));
        self.summary.file = Some(file.path.clone());
        Ok(())
    }

    /// One try: up to the whole body, or a failure.
    fn one_try(&mut self, destination: &Destination, home: &Home) -> Result<(), Error> {
        let mut plan = self.plan();
        loop {
            let options = RequestOptions {
                url: self.url,
                method: self.method(),
                headers: &plan.fields(),
                home,
                public_only: false,
                // A save that breaks off can only be resumed if the body is not coded.
                identity: self.options.resume || self.sink.is_some() || plan.needs_identity(),
                timer: &self.timer,
            };
            let mut observer = TransferObserver::new(self.report, &mut self.summary, &self.timer, self.started);
            let response = self.client.send(&options, &mut observer)?;
            let reply = Reply {
                request: &response.request,
                url: response.url(),
                head: response.head(),
                length: response.content_length(),
                now: SystemTime::now(),
            };
            let next = match classify(&plan, &reply) {
                Ok(action) => self.act(action, destination, response)?,
                Err(error) => return Err(self.refused(error, destination, response)),
            };
            match next {
                Next::Done => return Ok(()),
                Next::Request(next) => plan = next,
            }
        }
    }

    /// What is to be requested first.
    fn plan(&self) -> Plan {
        let SaveOptions { range, newer, resume, .. } = *self.options;
        let is_unchanged = |file: &&Existing| matches!(file.provenance, Provenance::SameUrl | Provenance::Unknown);
        match (range, self.resume_plan(), self.existing.as_ref().filter(is_unchanged)) {
            (Some(range), ..) => Plan::Range(range),
            // A Range field of the user's own is not to be interfered with.
            _ if self.wants_part() => Plan::Full,
            (None, Some(plan), _) => plan,
            (None, None, Some(file)) if newer => Plan::IfModified(file.clone()),
            (None, None, Some(file)) if resume && file.length > 0 => Plan::CheckComplete(file.clone()),
            _ => Plan::Full,
        }
    }

    /// The resume request, if one is possible. A part file that is complete already gets one too, unless this
    /// run received it.
    fn resume_plan(&self) -> Option<Plan> {
        let sink = self.sink.as_ref().filter(|sink| sink.length() > 0)?;
        let info = sink.resume_info()?;
        let done = self.summary.wire_bytes > 0 && info.length == Some(sink.length());
        (!done).then(|| Plan::Resume(sink.length(), info.clone()))
    }

    /// Does what a reply calls for.
    fn act(&mut self, action: Action, destination: &Destination, response: Response) -> Result<Next, Error> {
        if self.method() == Method::Head {
            return Ok(Next::Done);
        }
        match action {
            Action::Save => self.save(destination, response, None)?,
            Action::SavePart(part) => self.save(destination, response, Some(part))?,
            Action::Append(part) => return self.append(response, part),
            Action::StartOver => {
                drop(response);
                return self.start_over("the part file cannot be resumed").map(Next::Request);
            }
            Action::Unchanged => {
                let what = if self.options.newer || !self.options.resume { "not newer" } else { "already complete" };
                match self.existing.clone() {
                    Some(file) => self.report_existing(&file, what)?,
                    None => self.report.note(&format!("not modified: {}", self.summary.url)),
                }
            }
            Action::Complete => {
                let length = self.sink.as_ref().map_or(0, Sink::length);
                self.limits(None).check_size(length)?;
                self.finish(None)?;
            }
        }
        Ok(Next::Done)
    }

    /// An error status: its body may be wanted all the same, if it is the last.
    fn refused(&mut self, error: Error, destination: &Destination, response: Response) -> Error {
        let is_error = response.status() >= 400 && self.method() == Method::Get;
        let error = match response.forwarded_by() {
            Some(proxy) if response.status() == 407 => error.context(proxy),
            _ => error,
        };
        if !is_error || !self.options.include_error_body || self.retry_delay(&error).is_some() {
            return error;
        }
        let kept = self.sink.as_ref().is_some_and(|sink| sink.length() > 0 && sink.resume_info().is_some());
        let saved = match kept {
            true => Err(Error::new(Kind::File, "the part file is kept for -c")),
            false => self.save(destination, response, None),
        };
        if let Err(unsaved) = saved {
            self.report.warning(&self.summary.url, &format!("cannot save the error body: {}", unsaved.full()));
        }
        error
    }

    /// The part file cannot be completed: the whole is requested.
    fn start_over(&mut self, why: &str) -> Result<Plan, Error> {
        self.report.note(&format!("started over: {why}"));
        self.existing = None;
        if let Some(sink) = &mut self.sink {
            sink.start_over()?;
        }
        Ok(Plan::Full)
    }

    /// Receives the rest, or the start of it.
    fn append(&mut self, response: Response, part: ContentRange) -> Result<Next, Error> {
        self.report.detail(&format!("resuming at byte {}", part.first));
        if let Some(info) = self.sink.as_ref().and_then(Sink::resume_info).cloned() {
            let length = info.length.or(part.total);
            self.set_resume_info(Some(ResumeInfo { length, ..info }))?;
        }
        let head = match self.receive(response, Some(part)) {
            // The part is invalid, and now so is what it was appended to.
            Err(error)
                if error.kind() == Kind::Protocol && self.sink.as_ref().is_none_or(|sink| sink.resume_info().is_none()) =>
            {
                return self.start_over(&error.full()).map(Next::Request);
            }
            received => received?,
        };
        match self.resume_plan() {
            // The server sent less than the rest: what is left is requested.
            Some(plan) => Ok(Next::Request(plan)),
            None => self.finish(Some(&head)).map(|()| Next::Done),
        }
    }

    /// Saves a body from its first byte on; one that is a part, of as many bytes as that says.
    fn save(&mut self, destination: &Destination, response: Response, part: Option<ContentRange>) -> Result<(), Error> {
        if self.name_is_taken(destination, &response)? {
            return Ok(());
        }
        match &mut self.sink {
            Some(sink) if sink.length() > 0 => {
                sink.start_over()?;
                self.report.note("started over: the server sent the full body");
            }
            Some(sink) => sink.start_over()?,
            None => {
                if self.completes && !self.started_over && response.status() < 400 {
                    self.report.note("started over: the file is not what the server has");
                }
                self.sink = Some(self.open(destination, &response)?);
            }
        }
        self.started_over = true;
        self.digest = self.new_digest();
        self.set_resume_info(self.resume_info_of(&response))?;
        let head = self.receive(response, part)?;
        self.finish(Some(&head))?;
        if let Some(path) = destination.direct() {
            self.report.note(&format!("written to {} ({} bytes)", path.display(), self.summary.bytes));
        }
        Ok(())
    }

    /// Whether the name that only the response gives is a file's already, and nothing is to be saved.
    fn name_is_taken(&mut self, destination: &Destination, response: &Response) -> Result<bool, Error> {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if !(skip_existing || resume || newer) || response.status() >= 400 {
            return Ok(false);
        }
        let name = derived_name(self.url, response.head());
        let Some(file) = destination.existing_named(&name, self.url) else { return Ok(false) };
        if skip_existing {
            return self.report_existing(&file, "already there").map(|()| true);
        }
        if self.sink.is_none() && is_same(&file, response.head(), response.content_length()) {
            return self.report_existing(&file, if newer { "not newer" } else { "already complete" }).map(|()| true);
        }
        // It has changed: a name of the server's choice replaces only what was saved from the same URL.
        self.existing = self.existing.take().or(Some(file).filter(|file| file.provenance == Provenance::SameUrl));
        Ok(false)
    }

    /// Opens the place for a body.
    fn open(&self, destination: &Destination, response: &Response) -> Result<Sink, Error> {
        // Before a file is made: a body that is known to be too large needs none.
        self.limits(None).check_size(response.content_length().unwrap_or_default())?;
        let replaces = |file: &&Existing| self.options.newer && !file.is_link && response.status() < 400;
        match self.existing.as_ref().filter(replaces) {
            // The name that the URL gives is the file's to be replaced.
            Some(file) if destination.derives_name() => Destination::replace(file, self.url),
            _ => destination.open(self.url, &self.timer, || derived_name(self.url, response.head())),
        }
    }

    /// What a response can be resumed with, if it can.
    fn resume_info_of(&self, response: &Response) -> Option<ResumeInfo> {
        let whole = response.status() == 200 && !self.wants_part() && !response.is_coded();
        if whole { ResumeInfo::of(response.url(), response.head().fields(), response.content_length()) } else { None }
    }

    /// Whether a part is requested, by a Range field of the user's own included.
    fn wants_part(&self) -> bool {
        self.options.range.is_some() || self.client.config().headers.added().get("Range").is_some()
    }

    fn set_resume_info(&mut self, info: Option<ResumeInfo>) -> Result<(), Error> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.set_resume_info(info))
    }

    fn limits(&self, part: Option<ContentRange>) -> BodyLimits {
        let SaveOptions { max_size, limit_rate, .. } = *self.options;
        BodyLimits { max_size, rate: limit_rate, expected: part.map(|part| part.length()) }
    }

    /// Receives a body into the sink; one that is a part, of as many bytes as that says.
    fn receive(&mut self, response: Response, part: Option<ContentRange>) -> Result<Head, Error> {
        let limits = self.limits(part);
        let total = response.content_length();
        let (head, mut body) = response.into_body(limits)?;
        let (Some(sink), Some(progress)) = (&mut self.sink, &self.progress) else { return Ok(head) };
        let before = sink.length();
        let whole = total.map(|total| total.saturating_add(before));
        progress.begin(before, whole);
        // What is there already is not to blame.
        limits.check_size(whole.unwrap_or_default())?;
        let received = receive(&mut body, sink, self.digest.as_mut(), progress, &limits);
        self.summary.wire_bytes += body.wire_bytes();
        if let Err(error) = received {
            // What is malformed cannot be resumed; and a full disk need not stay full.
            if matches!(error.kind(), Kind::Protocol | Kind::File) {
                let _ = sink.set_resume_info(None);
            }
            return Err(error);
        }
        self.report.detail(&format!("body {:.1} ms", body.elapsed().as_secs_f64() * 1e3));
        Ok(head)
    }

    /// The body is whole: checks its digest, and gives the file its name. `head` is of the last response.
    fn finish(&mut self, head: Option<&Head>) -> Result<(), Error> {
        let Some(mut sink) = self.sink.take() else { return Ok(()) };
        let digest = self.digest.take().map(Context::finish);
        if let (Some(wanted), Some(found)) = (&self.options.sha256, &digest)
            && found.as_ref() != wanted
        {
            let hex = data_encoding::HEXLOWER.encode(found.as_ref());
            let _ = sink.set_resume_info(None);
            let expected = data_encoding::HEXLOWER.encode(wanted);
            let what = format!("checksum mismatch: the SHA-256 is {hex}, expected {expected}");
            return Err(Error::new(Kind::Protocol, what));
        }
        let info = sink.resume_info().cloned();
        let modified = head.and_then(|head| head.fields().get("Last-Modified")).and_then(parse_date);
        let modified = modified.or_else(|| parse_date(info.as_ref()?.last_modified.as_ref()?.as_bytes()));
        // Not what was requested as a part, nor the body of an error.
        let whole = info.is_some() || head.is_some_and(|head| head.status() == 200 && !self.wants_part());
        let entity_tag = match (head, info.map(|info| info.validator)) {
            (Some(head), _) if head.status() == 200 => entity_tag(head.fields()).filter(|_| whole),
            (_, Some(StrongValidator::EntityTag(tag))) => Some(tag),
            _ => None,
        };
        let bytes = sink.length();
        let path = sink.finish(&Finished { modified, whole, entity_tag })?;
        self.progress = None;
        self.summary.bytes = bytes;
        self.summary.sha256 = digest.map(|digest| data_encoding::HEXLOWER.encode(digest.as_ref()));
        if let Some(path) = path {
            self.report.note(&format!("saved {} ({bytes} bytes)", path.display()));
            self.summary.file = Some(path);
        }
        Ok(())
    }

    fn method(&self) -> Method {
        self.client.config().method
    }

    fn new_digest(&self) -> Option<Context> {
        (self.options.sha256.is_some() || self.report.wants_summaries()).then(|| Context::new(&SHA256))
    }
}

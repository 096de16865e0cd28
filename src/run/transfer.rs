//! One URL: asked for, reply, saved, and tried again where that may help.
//!
//! ```text
//! run:     try -> failure that may pass? -> wait -> try ...
//! one try: plan -> answer -> save | go on | start over | nothing to do
//! ```

use super::observer::TransferObserver;
use super::plan::{Action, Plan, Reply, classify, is_same};
use super::receive::{Meter, receive, undecodable};
use super::{Outcome, Output, SaveOptions, retry};
use crate::client::{Body, Client, RequestOptions, Response, without_userinfo};
use crate::error::{Error, Kind};
use crate::http::{ContentRange, Framing, Head, Method, Representation, StrongValidator, entity_tag, parse_date};
use crate::net::Timer;
use crate::report::{Report, Summary};
use crate::save::{Destination, Existing, Provenance, Sink, derived_name};
use ring::digest::{Context, SHA256};
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// One URL on its way to a file.
pub(super) struct Transfer<'j> {
    url: &'j Url,
    options: &'j SaveOptions,
    client: &'j mut Client,
    report: &'j mut Report,
    timer: Timer,
    started: Instant,
    summary: Summary,
    /// Where bytes go; from the first of them on.
    sink: Option<Sink>,
    /// Of those bytes, if somebody wants to know.
    digest: Option<Context>,
    /// What was there before.
    existing: Option<Existing>,
    /// A body that nobody reads any more, for its connection.
    unread: Option<Body>,
}

/// What follows an answer.
enum Next {
    Done,
    RequestOptions(Plan),
}

impl<'j> Transfer<'j> {
    pub(super) fn new(url: &'j Url, options: &'j SaveOptions, client: &'j mut Client, report: &'j mut Report) -> Transfer<'j> {
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
            unread: None,
        }
    }

    /// Does it all.
    pub(super) fn run(mut self, output: &Output, keep: bool) -> Outcome {
        let failed = self.all_tries(output).err();
        self.summary.timings.total = self.started.elapsed().as_secs_f64();
        self.summary.exit = failed.as_ref().map_or(0, |error| error.kind().exit_status());
        self.summary.error = failed.as_ref().map(Into::into);
        if let Some(body) = self.unread.take().filter(|_| keep) {
            self.client.keep(body);
        }
        Outcome { summary: self.summary, failed }
    }

    fn all_tries(&mut self, output: &Output) -> Result<(), Error> {
        // A place that cannot be written to is found out before anything is sent.
        let destination = match output {
            Output::File(path) if self.method() == Method::Get => Destination::file(path)?,
            Output::Directory(path) => Destination::directory(path),
            _ => Destination::stdout(),
        };
        if self.method() == Method::Get && self.check_existing(&destination)? {
            return Ok(());
        }
        for tries in 0.. {
            self.summary.attempts = tries + 1;
            let Err(error) = self.one_try(&destination, tries) else { return Ok(()) };
            let Some(pause) = self.pause(&error, tries) else { return Err(self.with_hint(error)) };
            self.report.notice(&self.summary.url, &retry::notice(&error, pause));
            if retry::sleep(pause, &self.timer).is_err() {
                return Err(error);
            }
        }
        unreachable!("the loop ends at the limit of tries")
    }

    /// How long to wait before another try; `None` where there is none.
    fn pause(&self, error: &Error, tries: u32) -> Option<Duration> {
        let retry_after = error.retry().filter(|_| tries < self.options.retries)?;
        // Where bytes are out that cannot be taken back, only the rest of them is of use.
        let sink = self.sink.as_ref();
        let can_go_on = sink.is_none_or(|sink| sink.is_file() || sink.length() == 0 || sink.of().is_some());
        let pause = retry::pause(tries, retry_after);
        (can_go_on && retry::has_time(pause, &self.timer)).then_some(pause)
    }

    /// The last failure, with what can be done about it.
    fn with_hint(&self, error: Error) -> Error {
        let kept = self.sink.as_ref().is_some_and(|sink| sink.is_file() && sink.length() > 0 && sink.of().is_some());
        if kept && error.kind() == Kind::Network { error.hint("what came is kept: -c goes on from there") } else { error }
    }

    /// Looks at what is there already; true where nothing is left to be done.
    fn check_existing(&mut self, destination: &Destination) -> Result<bool, Error> {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if resume && let Some(mut sink) = destination.find_partial(self.url)? {
            self.digest = self.new_digest();
            if let Some(digest) = &mut self.digest {
                sink.read_back(|bytes| digest.update(bytes))?;
            }
            self.sink = Some(sink);
        }
        if skip_existing || newer || resume && self.sink.is_none() {
            self.existing = destination.existing(self.url).filter(|file| skip_existing || file.from != Provenance::Other);
        }
        let Some(file) = self.existing.clone() else { return Ok(false) };
        if skip_existing {
            return self.report_existing(&file).map(|()| true);
        }
        match self.options.sha256.map(|wanted| file.has_digest(&wanted)).transpose()? {
            // There is no better evidence.
            Some(true) if resume => return self.report_existing(&file).map(|()| true),
            // Then it is not what is wanted, whatever the server says of it.
            Some(false) => self.existing = None,
            _ => {}
        }
        Ok(false)
    }

    /// Nothing is to be saved: a file is there. It has to be the one that is wanted.
    fn report_existing(&mut self, file: &Existing) -> Result<(), Error> {
        if let Some(wanted) = self.options.sha256
            && !file.has_digest(&wanted)?
        {
            let what = format!("{} is there already", file.path.display());
            return Err(Error::new(Kind::Protocol, what).because("its SHA-256 is not what --sha256 asks for"));
        }
        self.report.note(&format!("{} is there already", file.path.display()));
        self.summary.file = Some(file.path.clone());
        Ok(())
    }

    /// One try: up to the whole body, or a failure.
    fn one_try(&mut self, destination: &Destination, tries: u32) -> Result<(), Error> {
        let mut plan = self.plan();
        loop {
            let fields = plan.fields();
            // Something that was begun and broke off can be gone on with the next time only if it is not coded.
            let identity = self.options.resume || self.sink.is_some() || plan.wants_identity();
            let ask = RequestOptions { url: self.url, fields: &fields, identity, timer: &self.timer };
            let mut observer = TransferObserver::new(self.report, &mut self.summary, self.started);
            let response = self.client.ask(&ask, &mut observer)?;
            let Response { request, url, head, body } = &response;
            let reply = Reply { request, url, head, length: announced(body), now: SystemTime::now() };
            let next = match classify(&plan, &reply) {
                Ok(answer) => self.act(answer, destination, response)?,
                Err(error) => return Err(self.refused(error, destination, response, tries)),
            };
            match next {
                Next::Done => return Ok(()),
                Next::RequestOptions(next) => plan = next,
            }
        }
    }

    /// What is to be asked first.
    fn plan(&self) -> Plan {
        match (self.options.range, self.rest(), &self.existing) {
            (Some(range), ..) => Plan::Range(range),
            // Somebody who asks for a part in their own words is not to be interfered with.
            _ if self.wants_part() => Plan::Full,
            (None, Some(rest), _) => rest,
            (None, None, Some(file)) if self.options.newer => Plan::IfModified(file.clone()),
            (None, None, Some(file)) if self.options.resume && file.length > 0 => Plan::CheckComplete(file.clone()),
            _ => Plan::Full,
        }
    }

    /// What is missing, if it can be had alone: nothing, of a version of known length that is all there,
    /// is asked for too where it was not this run that received it.
    fn rest(&self) -> Option<Plan> {
        let sink = self.sink.as_ref().filter(|sink| sink.length() > 0)?;
        let of = sink.of()?;
        let done = self.summary.wire_bytes > 0 && of.length == Some(sink.length());
        (!done).then(|| Plan::Resume(sink.length(), of.clone()))
    }

    /// Does what an answer is for.
    fn act(&mut self, answer: Action, destination: &Destination, response: Response) -> Result<Next, Error> {
        if self.method() == Method::Head {
            self.unread = Some(response.body);
            return Ok(Next::Done);
        }
        match answer {
            Action::Save => self.save(destination, response, None)?,
            Action::SavePart(part) => self.save(destination, response, Some(part))?,
            Action::Append(part) => return self.resume(response, part),
            Action::StartOver => {
                self.client.keep(response.body);
                return self.start_over().map(Next::RequestOptions);
            }
            Action::Unchanged => {
                self.unread = Some(response.body);
                if let Some(file) = self.existing.clone() {
                    self.report_existing(&file)?;
                }
            }
            Action::Complete => {
                self.unread = Some(response.body);
                self.finish(None)?;
            }
        }
        Ok(Next::Done)
    }

    /// An error status: its body may be wanted all the same, if it is the last.
    fn refused(&mut self, error: Error, destination: &Destination, response: Response, tries: u32) -> Error {
        let is_error = response.head.status() >= 400 && self.method() == Method::Get;
        if !is_error || !self.options.include_error_body || self.pause(&error, tries).is_some() {
            self.client.keep(response.body);
            return error;
        }
        if let Err(unsaved) = self.save(destination, response, None) {
            self.report.notice(&self.summary.url, &format!("its body is not saved either: {unsaved}"));
        }
        error
    }

    /// What is there cannot be gone on with: the whole is asked for.
    fn start_over(&mut self) -> Result<Plan, Error> {
        self.report.note("what is there cannot be gone on with: starting over");
        self.existing = None;
        self.set_resume_info(None)?;
        Ok(Plan::Full)
    }

    /// Receives the rest, or the start of it.
    fn resume(&mut self, response: Response, part: ContentRange) -> Result<Next, Error> {
        self.report.note(&format!("going on from byte {}", part.first));
        if let Some(of) = self.sink.as_ref().and_then(Sink::of).cloned() {
            let length = of.length.or(part.total);
            self.set_resume_info(Some(Representation { length, ..of }))?;
        }
        let (head, body) = match self.receive(response, Some(part)) {
            // A part that is not what it says is of no use, and neither is what it was added to.
            Err(error) if error.kind() == Kind::Protocol => return self.start_over().map(Next::RequestOptions),
            received => received?,
        };
        match self.rest() {
            // The server sent less than the rest: it is asked for what is left.
            Some(rest) => {
                self.client.keep(body);
                Ok(Next::RequestOptions(rest))
            }
            None => {
                self.unread = Some(body);
                self.finish(Some(&head)).map(|()| Next::Done)
            }
        }
    }

    /// Saves a body from its first byte on; one that is a part, of as many bytes as that says.
    fn save(&mut self, destination: &Destination, response: Response, part: Option<ContentRange>) -> Result<(), Error> {
        if self.name_is_taken(destination, &response)? {
            self.unread = Some(response.body);
            return Ok(());
        }
        match &mut self.sink {
            Some(sink) => sink.start_over()?,
            None => self.sink = Some(self.open(destination, &response)?),
        }
        self.digest = self.new_digest();
        self.set_resume_info(self.resume_info_of(&response))?;
        let (head, body) = self.receive(response, part)?;
        self.unread = Some(body);
        self.finish(Some(&head))
    }

    /// Whether the name that only the response gives is a file's already, and nothing is to be saved.
    fn name_is_taken(&mut self, destination: &Destination, response: &Response) -> Result<bool, Error> {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if !(skip_existing || resume || newer) || response.head.status() >= 400 {
            return Ok(false);
        }
        let Some(file) = destination.taken(&derived_name(self.url, &response.head), self.url) else { return Ok(false) };
        let same = file.from != Provenance::Other && is_same(&file, &response.head, announced(&response.body), resume);
        if skip_existing || same && self.sink.is_none() {
            return self.report_existing(&file).map(|()| true);
        }
        // It has changed: a name of the server's choice replaces only what was saved from the same URL.
        self.existing = self.existing.take().or(Some(file).filter(|file| file.from == Provenance::Own));
        Ok(false)
    }

    /// Opens the place for a body.
    fn open(&self, destination: &Destination, response: &Response) -> Result<Sink, Error> {
        let replaces = |file: &&Existing| {
            let harmless = !file.is_link && response.head.status() < 400;
            self.options.newer && (harmless || !destination.derives())
        };
        if let Some(file) = self.existing.as_ref().filter(replaces) {
            // The name that the URL gives is the file's to be replaced.
            return Destination::file(&file.path)?.open(self.url, &self.timer, String::new);
        }
        // Before a file is made: a body that is known to be too large needs none.
        self.options.allow(announced(&response.body).unwrap_or_default())?;
        destination.open(self.url, &self.timer, || derived_name(self.url, &response.head))
    }

    /// Of what version a response is the whole, if parts of it could be had.
    fn resume_info_of(&self, response: &Response) -> Option<Representation> {
        let Response { head, body, .. } = response;
        let coded = head.fields().get("Content-Encoding").is_some() || !body.transfer_codings().is_empty();
        let whole = head.status() == 200 && !self.wants_part();
        if whole && !coded { Representation::of(&response.url, head.fields(), announced(body)) } else { None }
    }

    /// Whether a part is asked for, in the user's own words it may be.
    fn wants_part(&self) -> bool {
        let fields = &self.client.config().fields;
        self.options.range.is_some() || fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("Range"))
    }

    fn set_resume_info(&mut self, of: Option<Representation>) -> Result<(), Error> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.set_resume_info(of))
    }

    /// Receives a body into the sink; one that is a part, of as many bytes as that says.
    fn receive(&mut self, response: Response, part: Option<ContentRange>) -> Result<(Head, Body), Error> {
        let codings = response.codings(self.client.config().compression).map_err(undecodable)?;
        let Response { head, mut body, .. } = response;
        let total = announced(&body);
        let Some(sink) = &mut self.sink else { return Ok((head, body)) };
        let before = sink.length();
        let whole = total.map(|total| total.saturating_add(before));
        // On a terminal, the body is what is to be seen.
        let progress = self.report.progress(before, whole, sink.is_terminal());
        let mut meter = Meter::new(self.options, self.digest.as_mut(), progress, self.timer.clone());
        meter.expect(part.map(|part| part.length()));
        self.options.allow(whole.unwrap_or_default())?;
        let mut received = receive(&mut body, &codings, sink, &mut meter);
        self.summary.wire_bytes += meter.wire;
        let took = meter.elapsed();
        // The progress line goes before anything else is printed.
        drop(meter);
        if let Some(part) = part.filter(|part| received.is_ok() && sink.length() - before < part.length()) {
            let why = format!("Content-Range says {} bytes, and {} came", part.length(), sink.length() - before);
            received = Err(Error::new(Kind::Protocol, "malformed response").because(why));
        }
        if let Err(error) = received {
            // What is malformed is nothing to go on with; and nobody wants a full disk to stay full.
            if matches!(error.kind(), Kind::Protocol | Kind::File) {
                sink.set_resume_info(None)?;
            }
            return Err(error);
        }
        self.report.note(&format!("body {:.1} ms", took.as_secs_f64() * 1e3));
        Ok((head, body))
    }

    /// Everything is there: is it what was wanted? Then it gets its name. `head` is what came with the
    /// last of it.
    fn finish(&mut self, head: Option<&Head>) -> Result<(), Error> {
        let Some(mut sink) = self.sink.take() else { return Ok(()) };
        let digest = self.digest.take().map(Context::finish);
        if let (Some(wanted), Some(found)) = (self.options.sha256, &digest)
            && found.as_ref() != wanted
        {
            let hex = data_encoding::HEXLOWER.encode(found.as_ref());
            let why = format!("its SHA-256 is {hex}, not what --sha256 asks for");
            sink.set_resume_info(None)?;
            return Err(Error::new(Kind::Protocol, "not the body that was wanted").because(why));
        }
        let of = sink.of().cloned();
        let modified = head.and_then(|head| head.fields().get("Last-Modified")).and_then(parse_date);
        let modified = modified.or_else(|| parse_date(of.as_ref()?.last_modified.as_ref()?.as_bytes()));
        // Not what was asked for as a part, nor the body of an error.
        let whole = of.is_some() || head.is_some_and(|head| head.status() == 200 && !self.wants_part());
        let tag = match (head, of.map(|of| of.validator)) {
            (Some(head), _) if head.status() == 200 => entity_tag(head.fields()).filter(|_| whole),
            (_, Some(StrongValidator::EntityTag(tag))) => Some(tag),
            _ => None,
        };
        self.summary.bytes = sink.length();
        self.summary.sha256 = digest.map(|digest| data_encoding::HEXLOWER.encode(digest.as_ref()));
        if let Some(path) = sink.finish(modified, whole, tag)? {
            self.report.note(&format!("saved {} ({} bytes)", path.display(), self.summary.bytes));
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

/// How many bytes a body is to have, where that is known.
fn announced(body: &Body) -> Option<u64> {
    match body.framing() {
        Framing::Length(length) => Some(length),
        Framing::Empty => Some(0),
        Framing::Chunked | Framing::UntilClose => None,
    }
}

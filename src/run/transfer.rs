//! One URL: asked for, answered, saved, and tried again where that may help.
//!
//! ```text
//! run:     try -> failure that may pass? -> wait -> try ...
//! one try: question -> answer -> save | go on | start over | nothing to do
//! ```

use super::answer::{Answer, Question};
use super::receive::{Meter, receive, undecodable};
use super::teller::Teller;
use super::{Outcome, Output, Terms, retry};
use crate::client::{Ask, Body, Client, Response, without_userinfo};
use crate::coding::content_codings;
use crate::error::{Error, Kind};
use crate::http::{Coding, ContentRange, Framing, Head, Method, Representation, StrongValidator, entity_tag, parse_date};
use crate::net::Timer;
use crate::report::{Report, Summary};
use crate::save::{Destination, Existing, Sink, derived_name};
use ring::digest::{Context, SHA256};
use std::path::Path;
use std::time::Instant;
use url::Url;

/// One URL on its way to a file.
pub(super) struct Transfer<'j> {
    url: &'j Url,
    terms: &'j Terms,
    client: &'j mut Client,
    report: &'j mut Report,
    timer: Timer,
    started: Instant,
    summary: Summary,
    /// Where bytes go; from the first of them on.
    sink: Option<Sink>,
    /// Of what those bytes are a part, if the rest can be had alone.
    of: Option<Representation>,
    /// Of those bytes, if somebody wants to know.
    digest: Option<Context>,
    /// What was there before.
    existing: Option<Existing>,
    /// A body that nobody reads any more, for its connection.
    unread: Option<Body>,
}

impl<'j> Transfer<'j> {
    pub(super) fn new(url: &'j Url, terms: &'j Terms, client: &'j mut Client, report: &'j mut Report) -> Transfer<'j> {
        let timer = Timer::start(client.settings().limits);
        let summary = Summary { url: without_userinfo(url.clone()).into(), ..Summary::default() };
        let started = Instant::now();
        let (sink, of, digest, existing, unread) = (None, None, None, None, None);
        Transfer { url, terms, client, report, timer, started, summary, sink, of, digest, existing, unread }
    }

    /// Does it all.
    pub(super) fn run(mut self, output: &Output, keep: bool) -> Outcome {
        let failed = self.tries(output).err();
        self.summary.timings.total = self.started.elapsed().as_secs_f64();
        self.summary.exit = failed.as_ref().map_or(0, |error| error.kind().exit_status());
        self.summary.error = failed.as_ref().map(Into::into);
        if let Some(body) = self.unread.take().filter(|_| keep) {
            self.client.keep(body);
        }
        Outcome { summary: self.summary, failed }
    }

    fn tries(&mut self, output: &Output) -> Result<(), Error> {
        // A place that cannot be written to is found out before anything is sent.
        let destination = match output {
            Output::File(path) if self.method() == Method::Get => Destination::file(path)?,
            Output::Directory(path) => Destination::directory(path),
            _ => Destination::stdout(),
        };
        if self.method() == Method::Get && self.look_around(&destination)? {
            return Ok(());
        }
        for tries in 0.. {
            self.summary.attempts = tries + 1;
            let Err(error) = self.once(&destination, tries) else { return Ok(()) };
            // What is malformed is nothing to go on with; and nobody wants a full disk to stay full.
            if matches!(error.kind(), Kind::Protocol | Kind::File) {
                self.forget()?;
            }
            let Some(wish) = error.retry().filter(|_| tries < self.terms.retries && self.can_go_on()) else {
                return Err(self.told(error));
            };
            let pause = retry::pause(tries, wish);
            if !retry::has_time(pause, &self.timer) {
                return Err(self.told(error));
            }
            self.report.notice(&self.summary.url, &retry::notice(&error, pause));
            if retry::sleep(pause, &self.timer).is_err() {
                return Err(error);
            }
        }
        unreachable!("the loop ends at the limit of tries")
    }

    /// Looks at what is there already; true where nothing is left to be done.
    fn look_around(&mut self, destination: &Destination) -> Result<bool, Error> {
        let Terms { skip_existing, go_on, newer, .. } = *self.terms;
        if go_on && let Some(mut sink) = destination.left_behind(self.url)? {
            self.of = sink.of().cloned();
            self.digest = self.new_digest();
            if let Some(digest) = &mut self.digest {
                sink.read_back(|bytes| digest.update(bytes))?;
            }
            self.sink = Some(sink);
        }
        if skip_existing || newer || go_on && self.sink.is_none() {
            self.existing = destination.existing(self.url);
        }
        let Some(file) = self.existing.clone() else { return Ok(false) };
        match self.terms.sha256.map(|wanted| file.has_digest(&wanted)).transpose()? {
            // There is no better evidence.
            Some(true) if go_on || skip_existing => {}
            Some(false) if skip_existing => {
                let what = format!("{} is there already", file.path.display());
                return Err(Error::new(Kind::Protocol, what).because("its SHA-256 is not what --sha256 asks for"));
            }
            // Then it is not what is wanted, whatever the server says of it.
            Some(false) => {
                self.existing = None;
                return Ok(false);
            }
            None if skip_existing => {}
            _ => return Ok(false),
        }
        self.there_already(&file.path);
        Ok(true)
    }

    fn there_already(&mut self, path: &Path) {
        self.report.note(&format!("{} is there already", path.display()));
        self.summary.file = Some(path.to_owned());
    }

    /// One try: up to the whole body, or a failure.
    fn once(&mut self, destination: &Destination, tries: u32) -> Result<(), Error> {
        let mut question = self.question();
        loop {
            let fields = question.fields();
            let identity = self.terms.go_on || tries > 0 || question.wants_identity();
            let ask = Ask { url: self.url, fields: &fields, identity, timer: &self.timer };
            let mut teller = Teller::new(self.report, &mut self.summary, self.started);
            let response = self.client.ask(&ask, &mut teller)?;
            let answer = Answer::to(&question, &response.request, &response.url, &response.head);
            let method = self.method();
            question = match answer {
                Ok(_) if method == Method::Head => return self.leave(response.body),
                Ok(Answer::Unchanged) => {
                    if let Some(path) = self.existing.as_ref().map(|file| file.path.clone()) {
                        self.there_already(&path);
                    }
                    return self.leave(response.body);
                }
                Ok(Answer::Complete) => {
                    self.unread = Some(response.body);
                    return self.finish(None);
                }
                Ok(Answer::StartOver) => {
                    self.start_over(response.body)?;
                    Question::Whole
                }
                Ok(Answer::Rest(part)) => {
                    self.report.note(&format!("going on from byte {}", part.first));
                    if let Some(of) = &mut self.of {
                        of.length = of.length.or(part.total);
                    }
                    let (head, body) = self.receive(response)?;
                    if !self.grew_by(part) {
                        self.start_over(body)?;
                        question = Question::Whole;
                        continue;
                    }
                    match self.rest() {
                        // The server sent less than the rest: it is asked for what is left.
                        Some(rest) => {
                            self.client.keep(body);
                            rest
                        }
                        None => {
                            self.unread = Some(body);
                            return self.finish(Some(&head));
                        }
                    }
                }
                Ok(Answer::Part(part)) => return self.save(destination, response, Some(part)),
                Ok(Answer::Whole) => return self.save(destination, response, None),
                Err(error) => {
                    let wanted = self.terms.include_error_body && response.head.status() >= 400 && method == Method::Get;
                    let last = error.retry().is_none() || tries == self.terms.retries;
                    if wanted && last {
                        self.save(destination, response, None)?;
                    } else {
                        self.client.keep(response.body);
                    }
                    return Err(error);
                }
            };
        }
    }

    /// What is to be asked next.
    fn question(&self) -> Question {
        match (self.terms.range, self.rest(), &self.existing) {
            (Some(range), ..) => Question::Part(range),
            // Somebody who asks for a part in their own words is not to be interfered with.
            _ if self.wants_part() => Question::Whole,
            (None, Some(rest), _) => rest,
            (None, None, Some(file)) if self.terms.newer => Question::Newer(file.clone()),
            (None, None, Some(file)) if self.terms.go_on && file.length > 0 => Question::Beyond(file.clone()),
            _ => Question::Whole,
        }
    }

    /// What is missing, if it can be had alone: nothing, of a version of known length that is all there,
    /// is asked for too where it was not this run that received it.
    fn rest(&self) -> Option<Question> {
        let from = self.sink.as_ref().map(Sink::length).filter(|length| *length > 0)?;
        let of = self.of.clone()?;
        let done = self.summary.wire_bytes > 0 && of.length == Some(from);
        (!done).then_some(Question::Rest(from, of))
    }

    /// Saves a body from its first byte on; of as many bytes as its part says, if it is one.
    fn save(&mut self, destination: &Destination, response: Response, part: Option<ContentRange>) -> Result<(), Error> {
        let name = || derived_name(self.url, &response.head);
        if self.terms.skip_existing
            && let Some(path) = destination.taken(&name())
        {
            self.there_already(&path);
            return self.leave(response.body);
        }
        if let Some(sink) = &mut self.sink {
            sink.start_over()?;
        } else {
            let sink = match &self.existing {
                // The name that the URL gives is the file's to be replaced.
                Some(file) if self.terms.newer => Destination::file(&file.path)?.open(self.url, &self.timer, String::new)?,
                _ => {
                    // Before a file is made: a body that is known to be too large needs none.
                    self.meter(&response.body).allow(announced(&response.body).unwrap_or_default())?;
                    destination.open(self.url, &self.timer, name)?
                }
            };
            self.sink = Some(sink);
        }
        self.digest = self.new_digest();
        self.of = self.version_of(&response);
        if let Some(sink) = &mut self.sink {
            sink.set_of(self.of.clone())?;
        }
        let (head, body) = self.receive(response)?;
        self.unread = Some(body);
        if let Some(part) = part.filter(|part| self.length() != part.length()) {
            let why = format!("Content-Range says {} bytes, and {} came", part.length(), self.length());
            return Err(Error::new(Kind::Protocol, "malformed response").because(why));
        }
        self.finish(Some(&head))
    }

    /// Of what version a response is the whole, if parts of it could be had.
    fn version_of(&self, response: &Response) -> Option<Representation> {
        let Response { head, body, .. } = response;
        let coded = head.fields().get("Content-Encoding").is_some() || !body.transfer_codings().is_empty();
        let whole = head.status() == 200 && !self.wants_part();
        if whole && !coded { Representation::of(&response.url, head.fields(), announced(body)) } else { None }
    }

    /// Whether a part is asked for, in the user's own words it may be.
    fn wants_part(&self) -> bool {
        let fields = &self.client.settings().fields;
        self.terms.range.is_some() || fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("Range"))
    }

    /// Receives a body into the sink.
    fn receive(&mut self, response: Response) -> Result<(Head, Body), Error> {
        let Response { head, mut body, .. } = response;
        let codings = self.codings(&head, &body)?;
        let total = announced(&body);
        let Some(sink) = &mut self.sink else { return Ok((head, body)) };
        let before = sink.length();
        let progress = self.report.progress(before, total.map(|total| total + before));
        let mut meter = Meter::new(self.terms, self.digest.as_mut(), progress, self.timer.clone());
        let received =
            meter.allow(total.unwrap_or_default() + before).and_then(|()| receive(&mut body, &codings, sink, &mut meter));
        self.summary.wire_bytes += meter.wire;
        let took = meter.elapsed();
        // The progress line goes before anything else is printed.
        drop(meter);
        received?;
        self.report.note(&format!("body {:.1} ms", took.as_secs_f64() * 1e3));
        Ok((head, body))
    }

    /// Whether what is there ends where the part does that came last.
    fn grew_by(&self, part: ContentRange) -> bool {
        self.length() == part.last + 1
    }

    fn length(&self) -> u64 {
        self.sink.as_ref().map_or(0, Sink::length)
    }

    fn codings(&self, head: &Head, body: &Body) -> Result<Vec<Coding>, Error> {
        let decode = self.client.settings().compression;
        let mut codings = if decode { content_codings(head.fields()).map_err(undecodable)? } else { Vec::new() };
        codings.extend(body.transfer_codings());
        Ok(codings)
    }

    fn meter(&self, body: &Body) -> Meter<'_> {
        Meter::new(self.terms, None, self.report.progress(0, None), body.timer().clone())
    }

    /// Everything is there: is it what was wanted? Then it gets its name. `head` is what came with the
    /// last of it.
    fn finish(&mut self, head: Option<&Head>) -> Result<(), Error> {
        let Some(sink) = self.sink.take() else { return Ok(()) };
        let digest = self.digest.take().map(Context::finish);
        if let (Some(wanted), Some(found)) = (self.terms.sha256, &digest)
            && found.as_ref() != wanted
        {
            let hex = data_encoding::HEXLOWER.encode(found.as_ref());
            let why = format!("its SHA-256 is {hex}, not what --sha256 asks for");
            self.sink = Some(sink);
            return Err(Error::new(Kind::Protocol, "not the body that was wanted").because(why));
        }
        let modified = head.and_then(|head| head.fields().get("Last-Modified")).and_then(parse_date);
        let modified = modified.or_else(|| parse_date(self.of.as_ref()?.last_modified.as_ref()?.as_bytes()));
        // A part, or the body of an error, is not what an entity tag of the whole stands for.
        let tag = match (head, self.of.as_ref().map(|of| &of.validator)) {
            (Some(head), _) if head.status() == 200 && !self.wants_part() => entity_tag(head.fields()),
            (_, Some(StrongValidator::EntityTag(tag))) => Some(tag.clone()),
            _ => None,
        };
        self.summary.bytes = sink.length();
        self.summary.sha256 = digest.map(|digest| data_encoding::HEXLOWER.encode(digest.as_ref()));
        match sink.finish(modified, tag.as_deref())? {
            None => self.summary.file = None,
            Some(path) => {
                self.report.note(&format!("saved {} ({} bytes)", path.display(), self.summary.bytes));
                self.summary.file = Some(path);
            }
        }
        Ok(())
    }

    /// Nothing is wanted of a body.
    fn leave(&mut self, body: Body) -> Result<(), Error> {
        self.unread = Some(body);
        Ok(())
    }

    /// What is there cannot be gone on with.
    fn start_over(&mut self, body: Body) -> Result<(), Error> {
        self.report.note("what is there cannot be gone on with: starting over");
        self.client.keep(body);
        self.existing = None;
        self.forget()
    }

    /// What is there is no part of anything.
    fn forget(&mut self) -> Result<(), Error> {
        self.of = None;
        self.sink.as_mut().map_or(Ok(()), |sink| sink.set_of(None))
    }

    /// Whether another try could come to an end: where bytes are out that cannot be taken back, only
    /// with the rest of them.
    fn can_go_on(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.is_file() || sink.length() == 0 || self.of.is_some())
    }

    /// The last failure, with what can be done about it.
    fn told(&self, error: Error) -> Error {
        let kept = error.retry().is_some() && self.sink.as_ref().is_some_and(|sink| sink.is_file() && sink.length() > 0);
        if kept && self.of.is_some() { error.hint("what came is kept: -c goes on from there") } else { error }
    }

    fn method(&self) -> Method {
        self.client.settings().method
    }

    fn new_digest(&self) -> Option<Context> {
        (self.terms.sha256.is_some() || self.report.wants_summaries()).then(|| Context::new(&SHA256))
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

//! What a reply calls for: a body saved from its first byte on, appended to, or not wanted.

use super::SaveOptions;
use super::plan::{Action, Plan, is_same};
use super::receive::receive;
use super::transfer::{Next, Received, Role, Transfer};
use crate::client::{BodyLimits, Response};
use crate::error::{Error, Kind};
use crate::http::{ContentRange, Head, Method, StrongValidator, entity_tag, parse_date};
use crate::page::AssetKind;
use crate::save::{Destination, Existing, Finished, Provenance, ResumeInfo, Sink, derived_name, is_html, page_name};
use ring::digest::{Context, SHA256};

impl Transfer<'_> {
    /// Does what a reply calls for.
    pub(super) fn act(&mut self, action: Action, destination: &Destination, response: Response) -> Result<Next, Error> {
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
                    None => self.session.report.note(&format!("not modified: {}", self.summary.url)),
                }
            }
            Action::Complete => {
                let length = self.sink.as_ref().map_or(0, Sink::length);
                self.limits(None).check_size(length)?;
                self.finish_file(None)?;
            }
        }
        Ok(Next::Done)
    }

    /// An error status: its body may be wanted all the same, if it is the last.
    pub(super) fn refused(&mut self, error: Error, destination: &Destination, response: Response) -> Error {
        let is_error = response.status() >= 400 && self.method() == Method::Get;
        let error = match response.forwarded_by() {
            Some(proxy) if response.status() == 407 => error.context(proxy),
            _ => error,
        };
        if !is_error || !self.keeps_error_body() || self.retry_delay(&error).is_some() {
            return error;
        }
        if matches!(self.role, Role::Asset(..)) {
            // If it is no image after all, the error is what there is to say.
            let _ = self.save(destination, response, None);
            return error;
        }
        let kept = self.sink.as_ref().is_some_and(|sink| sink.length() > 0 && sink.resume_info().is_some());
        let saved = match kept {
            true => Err(Error::new(Kind::File, "the part file is kept for -c")),
            false => self.save(destination, response, None).and_then(|()| match self.received.take() {
                Some(received) => self.finish_file(received.head.as_ref()),
                None => Ok(()),
            }),
        };
        if let Err(unsaved) = saved {
            self.session.report.warning(&self.summary.url, &format!("cannot save the error body: {}", unsaved.full()));
        }
        error
    }

    /// Whether the body of an error response is wanted. Browsers show images whatever their status.
    fn keeps_error_body(&self) -> bool {
        match &self.role {
            Role::Asset(_, request) => matches!(request.kind, AssetKind::Image | AssetKind::Frame),
            Role::File | Role::Page => self.options.include_error_body,
        }
    }

    /// Prints a note that does not say of which URL it is.
    fn note(&self, line: &str) {
        match self.session.is_list {
            true => self.session.report.warning(&self.summary.url, line),
            false => self.session.report.note(line),
        }
    }

    /// The part file cannot be completed: the whole is requested.
    fn start_over(&mut self, why: &str) -> Result<Plan, Error> {
        self.note(&format!("started over: {why}"));
        self.existing = None;
        if let Some(sink) = &mut self.sink {
            sink.start_over()?;
        }
        Ok(Plan::Full)
    }

    /// Receives the rest, or the start of it.
    fn append(&mut self, response: Response, part: ContentRange) -> Result<Next, Error> {
        self.session.report.detail(&format!("resuming at byte {}", part.first));
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
            None => self.finish_file(Some(&head)).map(|()| Next::Done),
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
                self.note("started over: the server sent the full body");
            }
            Some(sink) => sink.start_over()?,
            None => {
                if self.completes && !self.started_over && response.status() < 400 {
                    self.note("started over: the file is not what the server has");
                }
                if matches!(self.role, Role::Page) && !self.is_page(&response) && response.status() < 400 {
                    self.note("not HTML: saved as it is");
                }
                self.sink = Some(self.open(destination, &response)?);
            }
        }
        self.started_over = true;
        self.digest = self.new_digest();
        self.set_resume_info(self.resume_info_of(&response))?;
        let url = response.url().clone();
        let head = self.receive(response, part)?;
        if self.session.is_list && self.sink.as_ref().is_some_and(Sink::is_in_memory) {
            self.received = Some(Box::new(Received { head: Some(head), url, public: self.came_from_public }));
            return Ok(());
        }
        self.finish_file(Some(&head))?;
        if let Some(path) = destination.direct() {
            self.session.report.note(&format!("written to {} ({} bytes)", path.display(), self.summary.bytes));
        }
        Ok(())
    }

    fn derived_name(&self, response: &Response) -> String {
        match self.is_page(response) {
            true => page_name(&self.item.url, Some(response.head())),
            false => derived_name(&self.item.url, response.head()),
        }
    }

    /// Whether a response is a page that is to be saved with its assets.
    fn is_page(&self, response: &Response) -> bool {
        let fields = response.head().fields();
        let may_be_html = is_html(fields) || fields.get("Content-Type").is_none_or(|value| !value.contains(&b'/'));
        matches!(self.role, Role::Page) && may_be_html && response.status() < 400
    }

    /// Whether the name that only the response gives is a file's already, and nothing is to be saved.
    fn name_is_taken(&mut self, destination: &Destination, response: &Response) -> Result<bool, Error> {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if !(skip_existing || resume || newer) || response.status() >= 400 {
            return Ok(false);
        }
        let name = self.derived_name(response);
        let Some(file) = destination.existing_named(&name, self.source()) else { return Ok(false) };
        if skip_existing && file.provenance != Provenance::OtherUrl {
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
        if self.is_page(response) {
            return Ok(Sink::memory());
        }
        let SaveOptions { newer, resume, .. } = *self.options;
        let is_own = |file: &Existing| newer || resume && file.provenance == Provenance::SameUrl;
        let replaces = |file: &&Existing| is_own(file) && !file.is_link && response.status() < 400;
        // The name that the URL gives is the file's to be replaced.
        let own = self.existing.as_ref().filter(|_| destination.derives_name()).filter(replaces);
        let replaced = own.map(|file| Destination::replace(file, self.source())).transpose()?.flatten();
        match replaced {
            Some(sink) => Ok(sink),
            None => destination.open(self.source(), &self.timer, || self.derived_name(response)),
        }
    }

    /// What a response can be resumed with, if it can.
    fn resume_info_of(&self, response: &Response) -> Option<ResumeInfo> {
        let whole = response.status() == 200 && !self.wants_part() && !response.is_coded();
        if whole { ResumeInfo::of(response.url(), response.head().fields(), response.content_length()) } else { None }
    }

    /// Whether a part is requested, by a Range field of the user's own included.
    pub(super) fn wants_part(&self) -> bool {
        self.options.range.is_some() || self.session.client.config().headers.added().get("Range").is_some()
    }

    fn set_resume_info(&mut self, info: Option<ResumeInfo>) -> Result<(), Error> {
        self.sink.as_mut().map_or(Ok(()), |sink| sink.set_resume_info(info))
    }

    fn limits(&self, part: Option<ContentRange>) -> BodyLimits {
        BodyLimits { max_size: self.options.max_size, rate: self.session.rate.clone(), expected: part.map(|part| part.length()) }
    }

    /// Receives a body into the sink; one that is a part, of as many bytes as that says.
    fn receive(&mut self, response: Response, part: Option<ContentRange>) -> Result<Head, Error> {
        let limits = self.limits(part);
        let total = response.content_length();
        let (head, mut body) = response.into_body(limits.clone())?;
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
        self.session.report.detail(&format!("body {:.1} ms", body.elapsed().as_secs_f64() * 1e3));
        Ok(head)
    }

    /// The body is whole: checks its digest, and gives the file its name. `head` is of the last response.
    pub(super) fn finish_file(&mut self, head: Option<&Head>) -> Result<(), Error> {
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
            self.session.report.note(&format!("saved {} ({bytes} bytes)", path.display()));
            self.summary.file = Some(path);
        }
        Ok(())
    }

    pub(super) fn new_digest(&self) -> Option<Context> {
        (self.options.sha256.is_some() || self.session.report.wants_summaries()).then(|| Context::new(&SHA256))
    }
}

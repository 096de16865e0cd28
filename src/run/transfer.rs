//! One URL: requested, saved, and tried again where that may help.
//!
//! ```text
//! step:    one request, and what follows from its reply; until the transfer is done, or has to wait
//! one try: plan -> request -> (redirect -> request ...) -> reply -> save | append | start over | nothing to do
//! ```

use super::observer::{Trace, TransferObserver};
use super::page::{self, MAX_ASSET_TIME, PageRun};
use super::plan::{Plan, Reply, classify};
use super::{Item, Outcome, Output, SaveOptions, Session, retry};
use crate::client::{Home, Navigation, RequestOptions, Response, target, without_userinfo};
use crate::error::{Error, Kind};
use crate::http::{Fields, Head, Method};
use crate::interrupt;
use crate::lock::locked;
use crate::net::{NetError, Target, Timer, may_be_public};
use crate::page::AssetRequest;
use crate::report::{Progress, Summary};
use crate::save::{ClosedPart, Destination, Existing, Partial, Provenance, Sink, Source};
use ring::digest::Context;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// One URL on its way to a file.
pub(super) struct Transfer<'s> {
    pub(super) session: &'s Session<'s>,
    pub(super) item: Item,
    pub(super) role: Role<'s>,
    pub(super) options: &'s SaveOptions,
    output: &'s Output,
    pub(super) timer: Timer,
    pub(super) started: Instant,
    /// When it was first given out.
    pub(super) requested: Option<Instant>,
    pub(super) summary: Summary,
    prepared: Option<Arc<Prepared>>,
    /// What is requested; `None` before a try.
    plan: Option<Plan>,
    /// The request under way, between two hops.
    navigation: Option<Navigation>,
    trace: Trace,
    tap: Option<Arc<super::archive::TransferTap>>,
    /// Where bytes go; from the first of them on.
    pub(super) sink: Option<Sink>,
    /// It instead, while another try is waited for with its file closed.
    closed: Option<Box<ClosedPart>>,
    /// Of those bytes, where it is needed.
    pub(super) digest: Option<Context>,
    /// What was there before.
    pub(super) existing: Option<Existing>,
    pub(super) progress: Option<Progress>,
    /// `-c` is to complete a file that has no part file.
    pub(super) completes: bool,
    /// A body was begun from its first byte, or it was said that one will be.
    pub(super) started_over: bool,
    /// What was decided after a try: how long to wait before the next, if there is one.
    retry_delay: Option<(u32, Option<Duration>)>,
    /// The header section of a body that is here, and of which no file was made yet.
    pub(super) received: Option<Box<Received>>,
    /// The response came from a public address, or by way of one.
    pub(super) came_from_public: bool,
    /// Why the last try failed.
    pub(super) failure: Option<Error>,
}

/// A page that a transfer waits for.
pub(super) type PageOf<'s> = PageRun<Box<Transfer<'s>>>;

/// What is done with a body.
pub(super) enum Role<'s> {
    /// It is saved as it is.
    File,
    /// If it is HTML, it is saved with its assets.
    Page,
    /// It is part of a page.
    Asset(Arc<PageOf<'s>>, Box<AssetRequest>),
}

/// A body that is here.
pub(super) struct Received {
    /// The header section that came before it; `None` where it was not requested.
    pub(super) head: Option<Head>,
    /// Where it came from in the end.
    pub(super) url: Url,
    /// Whether that, or what led there, had a public address.
    pub(super) public: bool,
}

/// What is known before the first request.
pub(super) struct Prepared {
    pub(super) destination: Destination,
    pub(super) home: Home,
}

/// What follows a reply.
pub(super) enum Next {
    Done,
    Request(Plan),
}

/// What a transfer does after a [step](Transfer::step).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is done, well or not.
    Done,
    /// Its body is here; all that is left is to [make the file](Transfer::make_file).
    Received,
    /// It makes another request, to [`next_target`](Transfer::next_target).
    Request,
    /// It tries again after so long.
    Retry(Duration),
}

impl<'s> Transfer<'s> {
    pub(super) fn new(session: &'s Session<'s>, item: Item, role: Role<'s>, output: &'s Output) -> Transfer<'s> {
        let (options, timer) = match &role {
            Role::Asset(page, _) => (&session.asset_options, page.timer.clone()),
            Role::File | Role::Page => (session.options, Timer::start(session.client.config().limits)),
        };
        Transfer {
            timer,
            role,
            options,
            output,
            started: Instant::now(),
            requested: None,
            summary: Summary { id: item.id, url: without_userinfo(item.url.clone()).into(), ..Summary::default() },
            session,
            item,
            prepared: None,
            plan: None,
            navigation: None,
            trace: Trace::default(),
            tap: session.archive.as_ref().map(|archive| archive.tap(session.rate.clone())),
            sink: None,
            closed: None,
            digest: None,
            existing: None,
            progress: None,
            completes: false,
            started_over: false,
            retry_delay: None,
            received: None,
            came_from_public: false,
            failure: None,
        }
    }

    /// Runs it to its end, all waits included.
    pub(super) fn run(mut self) -> Outcome {
        loop {
            match self.step() {
                Step::Request => {}
                Step::Received => {
                    self.make_file();
                    return self.finish();
                }
                Step::Retry(delay) if retry::sleep(delay, &self.timer).is_ok() => {}
                Step::Done | Step::Retry(_) => return self.finish(),
            }
        }
    }

    /// Makes one request, and does what follows from the reply.
    pub(super) fn step(&mut self) -> Step {
        if self.requested.is_none() {
            self.requested = Some(Instant::now());
            if let Role::Asset(page, _) = &self.role {
                self.timer = page.timer.at_most(MAX_ASSET_TIME);
            }
        }
        let reachable = self.page().zip(self.next_target()).map_or(Ok(()), |(page, origin)| page.check_reachable(&origin));
        if let Err(error) = reachable {
            self.failure = Some(error);
            return Step::Done;
        }
        let error = match self.advance() {
            Ok(step) => return step,
            Err(error) => error,
        };
        (self.plan, self.navigation) = (None, None);
        let delay = self.retry_delay(&error);
        if let Some(delay) = delay {
            self.session.report.warning(&self.summary.url, &retry::notice(&error, delay));
        }
        // Another response is to come. This one's fields would take memory as long as the transfer waits.
        if delay.is_some() {
            self.summary.shrink();
        } else if error.kind() == Kind::Network
            && let Some((page, origin)) = self.page().zip(self.next_target())
            && (self.summary.ip.is_none() || error.is_timeout() && !page.has_answered(&origin))
        {
            page.set_unreachable(origin);
        }
        self.failure = Some(error);
        delay.map_or(Step::Done, Step::Retry)
    }

    /// Sends its first request, if there is an idle connection for it and nothing has to be looked at before:
    /// the response is on its way while something else is done.
    pub(super) fn send_ahead(&mut self) {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if skip_existing || resume || newer || self.item.file.is_some() || self.prepared.is_some() {
            return;
        }
        let Ok(Some(prepared)) = self.prepare() else { return };
        let plan = self.first_plan();
        let mut navigation = self.navigate();
        let page = self.asking_document();
        let options = RequestOptions {
            url: &self.item.url,
            method: self.method(),
            headers: &self.fields(&plan),
            home: &prepared.home,
            page: page.as_ref(),
            identity: plan.needs_identity(),
            timer: &self.timer,
            tap: None,
        };
        self.session.client.send_ahead(&mut navigation, &options);
        self.navigation = Some(navigation);
        self.prepared = Some(Arc::new(prepared));
    }

    /// Makes the file of a body that is here.
    pub(super) fn make_file(&mut self) {
        if let Some(received) = self.received.take() {
            self.failure = self.finish_file(received.head.as_ref()).err();
        }
    }

    /// Closes its part file while it waits: too many are open. What cannot be resumed is discarded.
    pub(super) fn close_file(&mut self) {
        if let Some(sink) = self.sink.take_if(|sink| sink.is_file()) {
            self.closed = sink.close().map(Box::new);
        }
    }

    fn reopen_file(&mut self) -> Result<(), Error> {
        if let Some(closed) = self.closed.take() {
            self.sink = closed.reopen()?;
            if self.sink.is_none() {
                // It is gone: the whole is requested.
                (self.plan, self.navigation, self.digest) = (None, None, None);
            }
        }
        Ok(())
    }

    /// The origin of the next request.
    pub(super) fn next_target(&self) -> Option<Target> {
        target(self.navigation.as_ref().map_or(&self.item.url, Navigation::url)).ok()
    }

    /// How many bytes of memory it takes that a list or a server chose.
    pub(super) fn size(&self) -> usize {
        self.item.size() + self.navigation.as_ref().map_or(0, |navigation| navigation.url().as_str().len())
    }

    /// How urgent it is, the lowest number first.
    pub(super) fn priority(&self) -> u8 {
        match &self.role {
            Role::File | Role::Page => 0,
            // What is tried again shows whether its host can be reached at all.
            Role::Asset(..) if self.has_begun() => 0,
            Role::Asset(_, request) => page::priority(request.kind),
        }
    }

    /// What was known before the first request.
    pub(super) fn prepared(&self) -> Option<Arc<Prepared>> {
        self.prepared.clone()
    }

    /// When it has to end.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timer.left().and_then(|left| Instant::now().checked_add(left))
    }

    /// Whether a request was made.
    pub(super) fn has_begun(&self) -> bool {
        self.summary.attempts > 0
    }

    /// Ends it while it waits: the program was interrupted.
    pub(super) fn abandon(mut self) -> Outcome {
        self.failure.get_or_insert_with(|| NetError::Interrupted.into());
        self.finish()
    }

    /// Makes it one that failed.
    pub(super) fn fail(&mut self, error: Error) {
        // What was received and written is of unknown meaning.
        (self.sink, self.received) = (None, None);
        self.failure = Some(error);
    }

    /// What became of it. A part file stays where the save can be resumed.
    pub(super) fn finish(mut self) -> Outcome {
        // The progress line goes away before anything else is printed.
        self.progress = None;
        if let Err(error) = self.reopen_file() {
            self.failure.get_or_insert(error);
        }
        if let Some(sink) = self.sink.take() {
            let (length, is_file) = (sink.length(), sink.is_file());
            match sink.keep() {
                Some(path) => self.session.report.note(&format!("kept for -c: {} ({length} bytes)", path.display())),
                None if is_file && length > 0 && interrupt::caught().is_some() => {
                    self.session.report.note(&format!("not kept: {length} bytes, which cannot be resumed"));
                }
                None => {}
            }
        }
        let failed = self.failure.take();
        self.summary.timings.total = self.started.elapsed().as_secs_f64();
        self.summary.exit = failed.as_ref().map_or(0, |error| error.kind().exit_status());
        self.summary.error = failed.as_ref().map(Into::into);
        self.summary.warc = self.tap.as_ref().and_then(|tap| tap.last());
        let (progress, https_guessed) = (self.session.progress.clone(), self.item.https_guessed);
        Outcome { summary: self.summary, failed, https_guessed, progress, timer: self.timer }
    }

    fn advance(&mut self) -> Result<Step, Error> {
        let prepared = match &self.prepared {
            Some(prepared) => Arc::clone(prepared),
            None => {
                let Some(prepared) = self.prepare()? else { return Ok(Step::Done) };
                let prepared = Arc::new(prepared);
                self.prepared = Some(Arc::clone(&prepared));
                prepared
            }
        };
        if let Role::Page = self.role
            && let Some(html) = locked(&self.session.document).take()
        {
            let mut sink = Sink::memory();
            sink.write(&html, true)?;
            self.sink = Some(sink);
            // What it refers to is as private as it is.
            let public = may_be_public(&target(&self.item.url)?.host) && !self.session.client.config().allow_private;
            self.received = Some(Box::new(Received { head: None, url: self.item.url.clone(), public }));
            return Ok(Step::Received);
        }
        self.reopen_file()?;
        let plan = match self.plan.take() {
            Some(plan) => plan,
            None => {
                self.summary.attempts += 1;
                self.failure = None;
                self.first_plan()
            }
        };
        let response = self.hop(&plan, &prepared.home)?;
        let Some(response) = response else {
            self.summary.shrink();
            self.plan = Some(plan);
            return Ok(Step::Request);
        };
        let public = self.navigation.take().is_some_and(|navigation| navigation.public_only());
        self.came_from_public = public;
        let reply = Reply {
            request: &response.request,
            url: response.url(),
            head: response.head(),
            length: response.content_length(),
            now: SystemTime::now(),
        };
        let next = match classify(&plan, &reply) {
            Ok(action) => self.act(action, &prepared.destination, response)?,
            Err(error) => return Err(self.refused(error, &prepared.destination, response)),
        };
        match next {
            Next::Done if self.received.is_some() => Ok(Step::Received),
            Next::Done => Ok(Step::Done),
            Next::Request(plan) => {
                self.plan = Some(plan);
                Ok(Step::Request)
            }
        }
    }

    /// Looks at what is there, before anything is sent; `None` where nothing is left to be done.
    fn prepare(&mut self) -> Result<Option<Prepared>, Error> {
        if let Role::Asset(page, request) = &self.role {
            let home = if request.third_party.is_none() { page.home.clone() } else { Home::none() };
            self.progress = self.session.progress.as_ref().map(Progress::part_of);
            return Ok(Some(Prepared { destination: Destination::memory(), home }));
        }
        let output = self.output;
        let is_get = self.method() == Method::Get;
        let directories = &self.session.directories;
        let destination = match (&self.item.file, output) {
            (Some(path), _) if is_get => {
                directories.check(path)?;
                directories.make_for(path)?;
                Destination::file(path)?
            }
            (_, Output::File(path)) if is_get => {
                directories.check(path)?;
                Destination::file(path)?
            }
            (_, Output::Directory(path)) => Destination::directory(path, directories),
            _ => Destination::stdout(),
        };
        if is_get {
            if self.check_existing(&destination)? {
                return Ok(None);
            }
            // A file that cannot be saved is found out before anything is sent.
            destination.check_writable()?;
            if self.sink.is_none() {
                destination.check_part()?;
            }
        }
        let home = Home::of(&self.item.url, self.session.client.config())?;
        let on_terminal = *output == Output::Stdout && io::stdout().is_terminal();
        self.progress =
            Some(self.session.progress.as_ref().map_or_else(|| self.session.report.progress(on_terminal), Progress::part_of));
        Ok(Some(Prepared { destination, home }))
    }

    /// Makes one request; `None` for a redirect.
    fn hop(&mut self, plan: &Plan, home: &Home) -> Result<Option<Response>, Error> {
        let mut navigation = self.navigation.take().unwrap_or_else(|| self.navigate());
        let Session { client, report, .. } = *self.session;
        let (tap, fields) = (self.tap.clone(), self.fields(plan));
        let identity = self.options.resume || self.sink.is_some() || plan.needs_identity();
        let page = self.asking_document();
        let options = RequestOptions {
            url: &self.item.url,
            method: client.config().method,
            headers: &fields,
            home,
            page: page.as_ref(),
            // A save that breaks off can only be resumed if the body is not coded.
            identity,
            timer: &self.timer,
            tap: tap.as_deref().map(|tap| tap as _),
        };
        let mut observer = TransferObserver {
            report,
            summary: &mut self.summary,
            timer: &self.timer,
            started: self.started,
            trace: &mut self.trace,
            several: self.session.is_list,
            is_asset: matches!(self.role, Role::Asset(..)),
        };
        let response = client.hop(&mut navigation, &options, &mut observer)?;
        if let Some((page, origin)) = self.page().zip(self.next_target()) {
            page.set_answered(origin);
        }
        self.navigation = Some(navigation);
        Ok(response)
    }

    /// A request begins, from the URL asked for.
    fn navigate(&mut self) -> Navigation {
        // The results of an earlier one are not those of this.
        self.summary.reset();
        self.tap.iter().for_each(|tap| tap.forget());
        self.trace = Trace::default();
        Navigation::new(&self.item.url, self.page().is_some_and(|page| page.public_only))
    }

    /// The document that an asset is for, whose site decides which cookies are sent.
    fn asking_document(&self) -> Option<Url> {
        match &self.role {
            Role::Asset(page, request) => Some(request.third_party.as_ref().unwrap_or(&page.url).clone()),
            Role::File | Role::Page => None,
        }
    }

    /// The page that it is an asset of.
    fn page(&self) -> Option<&Arc<PageOf<'s>>> {
        if let Role::Asset(page, _) = &self.role { Some(page) } else { None }
    }

    /// The fields of a request, besides those of every request.
    fn fields(&self, plan: &Plan) -> Fields {
        let mut fields = plan.fields();
        // A URL has nothing that a field may not have.
        let mut add = |name: &str, value: &str| _ = fields.append(name, value.as_bytes());
        match &self.role {
            Role::File => {}
            Role::Page => add("Accept", page::ACCEPT_DOCUMENT),
            Role::Asset(_, request) => {
                add("Accept", page::accept(request.kind));
                if let Some(referer) = page::referer(&request.referrer, &self.item.url) {
                    add("Referer", &referer);
                }
                if let Some(origin) = &request.origin {
                    add("Origin", origin);
                }
            }
        }
        fields
    }

    /// What it saves, as it is recorded.
    pub(super) fn source(&self) -> Source<'_> {
        Source { url: &self.item.url, is_page: matches!(self.role, Role::Page) }
    }

    /// How long to wait before another try; `None` where there is none.
    pub(super) fn retry_delay(&mut self, error: &Error) -> Option<Duration> {
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
        if interrupt::caught().is_some() {
            return None;
        }
        // The page is not to wait for each of many assets over and over.
        if error.is_timeout() && self.page().is_some() {
            return None;
        }
        let tries = self.summary.attempts;
        let retry_after = error.retry().filter(|_| tries <= self.options.retries)?;
        // Where output was written already, only a resume is possible.
        let sink = self.sink.as_ref();
        let can_continue = sink.is_none_or(|sink| sink.can_start_over() || sink.resume_info().is_some());
        let delay = retry::delay(tries.saturating_sub(1), retry_after);
        (can_continue && retry::has_time(delay, &self.timer)).then_some(delay)
    }

    /// Looks for the part file and the file; true where nothing is left to be done.
    fn check_existing(&mut self, destination: &Destination) -> Result<bool, Error> {
        let SaveOptions { skip_existing, resume, newer, .. } = *self.options;
        if resume {
            match destination.find_partial(&self.item.url)? {
                Partial::None => {}
                Partial::Discarded(path) => {
                    self.session.report.note(&format!("started over: {} cannot be resumed", path.display()));
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
            // A name of the user's is the file's, wherever that came from; a derived name may be several URLs'.
            let is_named = skip_existing && !destination.derives_name();
            let may_be_it = |file: &Existing| is_named || file.provenance != Provenance::OtherUrl;
            let existing = destination.existing(self.source());
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
    pub(super) fn report_existing(&mut self, file: &Existing, what: &str) -> Result<(), Error> {
        if let Some(wanted) = self.options.sha256
            && !file.has_digest(&wanted, &self.timer)?
        {
            let what = format!("{what}: {}, but its SHA-256 does not match", file.path.display());
            return Err(Error::new(Kind::Protocol, what));
        }
        self.progress = None;
        self.session.report.note(&format!("{what}: {}", file.path.display()));
        self.summary.file = Some(file.path.clone());
        Ok(())
    }

    /// What is to be requested first.
    fn first_plan(&self) -> Plan {
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
    pub(super) fn resume_plan(&self) -> Option<Plan> {
        let sink = self.sink.as_ref().filter(|sink| sink.length() > 0)?;
        let info = sink.resume_info()?;
        let done = self.summary.wire_bytes > 0 && info.length == Some(sink.length());
        (!done).then(|| Plan::Resume(sink.length(), info.clone()))
    }

    pub(super) fn method(&self) -> Method {
        self.session.client.config().method
    }
}

//! What is a page's alone in a transfer: its document becomes a page, its assets are taken from memory, and in the end
//! it is saved.

use super::page::{Fetched, PageRun};
use super::transfer::{PageOf, Role, Transfer};
use crate::error::{Error, Kind};
use crate::http::Head;
use crate::page::{AssetRequest, Page, Resource};
use crate::save::{Sink, derived_name, page_name};
use std::sync::Arc;
use std::time::Instant;

/// What came of an asset.
pub(super) struct TakenAsset<'s> {
    pub(super) page: Arc<PageOf<'s>>,
    pub(super) request: AssetRequest,
    pub(super) response: Result<Resource, Error>,
    pub(super) fetched: Fetched,
}

impl<'s> Transfer<'s> {
    /// The page that it is the document of, if that is here.
    pub(super) fn open_page(&mut self) -> Option<Arc<PageOf<'s>>> {
        let (Role::Page, Some(omit)) = (&self.role, self.session.page) else { return None };
        let document = self.take_resource()?;
        if !Page::is_page(&document) {
            self.keep_as_file(&document.body);
            return None;
        }
        let home = self.prepared()?.home.clone();
        let public_only = self.received.as_ref().is_some_and(|received| received.public);
        Some(Arc::new(PageRun::new(&document, omit, self.options.max_size, home, public_only, self.timer.clone())))
    }

    /// What came of it, if it is an asset.
    pub(super) fn take_asset(&mut self) -> Option<TakenAsset<'s>> {
        let Role::Asset(page, request) = &self.role else { return None };
        let (page, request) = (Arc::clone(page), AssetRequest::clone(request));
        let nothing = || Error::new(Kind::Other, "nothing was received");
        let response = match (self.take_resource(), self.failure.take()) {
            (Some(resource), None) => Ok(resource),
            (Some(resource), Some(_)) if Page::is_shown_with_error(request.kind, &resource) => Ok(resource),
            (_, failure) => Err(failure.unwrap_or_else(nothing)),
        };
        let (found, ended) = (self.started, Instant::now());
        let fetched = Fetched { found, requested: self.requested.unwrap_or(ended), ended };
        Some(TakenAsset { page, request, response, fetched })
    }

    /// Takes the body that was received into memory, if it is one.
    pub(super) fn take_resource(&mut self) -> Option<Resource> {
        let received = self.received.as_ref()?;
        let fields = received.head.as_ref().map(Head::fields);
        let text = |name| Some(String::from_utf8_lossy(fields?.get(name)?).into_owned());
        let (content_type, options) = (text("Content-Type"), text("X-Content-Type-Options"));
        let (frame_options, policy) = (text("X-Frame-Options"), text("Content-Security-Policy"));
        let allowed_origin = text("Access-Control-Allow-Origin");
        let nosniff = options.is_some_and(|options| options.trim().eq_ignore_ascii_case("nosniff"));
        let url = received.url.clone();
        self.sink.take_if(|sink| sink.is_memory()).and_then(Sink::into_memory).map(|body| Resource {
            url,
            content_type,
            nosniff,
            frame_options,
            policy,
            allowed_origin,
            body,
        })
    }

    /// What was received into memory is no page: it is to be a file.
    pub(super) fn keep_as_file(&mut self, body: &[u8]) {
        let Some((prepared, received)) = self.prepared().zip(self.received.as_deref()) else { return };
        let name =
            || received.head.as_ref().map_or_else(|| page_name(&received.url, None), |head| derived_name(&self.item.url, head));
        let opened = prepared.destination.open(self.source(), &self.timer, name);
        let written = opened.and_then(|mut sink| sink.write(body, true).map(|()| sink));
        self.digest = self.new_digest();
        if let Some(digest) = &mut self.digest {
            digest.update(body);
        }
        match written {
            Ok(sink) => self.sink = Some(sink),
            Err(error) => self.fail(error),
        }
    }

    /// Saves the page, with those of its assets that could be had.
    pub(super) fn save_page(&mut self, page: &PageOf<'_>) {
        self.failure = self.write_page(page).err();
    }

    fn write_page(&mut self, page: &PageOf<'_>) -> Result<(), Error> {
        let (text, assets) = page.render().map_err(|_| {
            let what = format!("the page with its assets is larger than {} bytes", page.max_size());
            Error::new(Kind::Protocol, what).hint("--omit KINDS leaves some out, --max-size raises the limit")
        })?;
        let line = assets.line();
        self.summary.assets = Some(assets);
        let head = self.received.take().and_then(|received| received.head);
        let Some(prepared) = self.prepared() else { return Ok(()) };
        let destination = &prepared.destination;
        let mut sink = destination.open(self.source(), &self.timer, || page_name(&self.item.url, head.as_ref()))?;
        self.digest = self.new_digest();
        if let Some(digest) = &mut self.digest {
            digest.update(text.as_bytes());
        }
        sink.write(text.as_bytes(), true)?;
        drop(text);
        self.sink = Some(sink);
        self.finish_file(head.as_ref())?;
        self.session.report.note(&line);
        if self.session.report.is_verbose() {
            page.waterfall().iter().for_each(|line| self.session.report.detail(line));
        }
        Ok(())
    }
}

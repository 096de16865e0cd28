//! Pages on their way: what each of them waits for. A page holds no worker while its assets are fetched; the
//! worker that brings the last of them finishes it.

use crate::client::Home;
use crate::error::{Error, Kind};
use crate::lock::locked;
use crate::net::{Target, Timer};
use crate::page::{AssetKind, AssetRequest, Omit, Page, Resource, TooLarge};
use crate::report::{Assets, MissingAsset};
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use url::{Position, Url};

/// The most bytes of all responses of a page, and of the page itself, unless more is asked for.
const MAX_PAGE: u64 = 512 * 1024 * 1024;
/// How long one asset may take: some never end.
pub(super) const MAX_ASSET_TIME: Duration = Duration::from_secs(600);
/// The most bytes of one asset, unless another limit is asked for.
pub(super) const MAX_ASSET: u64 = 64 * 1024 * 1024;

/// When an asset was found, requested, and here or not to be had.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    pub(super) found: Instant,
    pub(super) requested: Instant,
    pub(super) ended: Instant,
}

/// A page of which the document has come. `O` is what waits for its assets: the page's own transfer.
pub(super) struct PageRun<O> {
    /// Where its document came from.
    pub(super) url: Url,
    pub(super) home: Home,
    /// Whether the page came from a public address: then its assets do.
    pub(super) public_only: bool,
    /// The limits of the whole operation.
    pub(super) timer: Timer,
    /// How many bytes there may be.
    max_size: u64,
    /// Origins to which no connection could be made, or that did not answer.
    unreachable: Mutex<HashSet<Target>>,
    /// Origins that did.
    answered: Mutex<HashSet<Target>>,
    state: Mutex<State<O>>,
}

struct State<O> {
    page: Page,
    /// How many bytes have come.
    received: u64,
    /// Until the page is finished.
    owner: Option<O>,
    fetched: Vec<(Fetched, String)>,
}

/// What follows from a response.
pub(super) struct Delivered<O> {
    /// What is to be requested now.
    pub(super) requests: Vec<AssetRequest>,
    /// What waited, where nothing more is waited for.
    pub(super) owner: Option<O>,
}

impl<O> PageRun<O> {
    /// A page with this document.
    pub(super) fn new(
        document: &Resource,
        omit: Omit,
        max_size: Option<u64>,
        home: Home,
        public_only: bool,
        timer: Timer,
    ) -> PageRun<O> {
        let max_size = max_size.unwrap_or_default().max(MAX_PAGE);
        let state =
            State { page: Page::new(document, omit), received: document.body.len() as u64, owner: None, fetched: Vec::new() };
        PageRun {
            url: document.url.clone(),
            home,
            public_only,
            timer,
            max_size,
            unreachable: Mutex::default(),
            answered: Mutex::default(),
            state: Mutex::new(state),
        }
    }

    /// An origin answered.
    pub(super) fn set_answered(&self, origin: Target) {
        locked(&self.answered).insert(origin);
    }

    /// Whether an origin has answered.
    pub(super) fn has_answered(&self, origin: &Target) -> bool {
        locked(&self.answered).contains(origin)
    }

    /// How many bytes there may be: of all responses, and of the page.
    pub(super) fn max_size(&self) -> u64 {
        self.max_size
    }

    /// No connection could be made to an origin, or nothing came of it: nothing else is requested from it.
    pub(super) fn set_unreachable(&self, origin: Target) {
        locked(&self.unreachable).insert(origin);
    }

    /// Fails for an origin that is [unreachable](PageRun::set_unreachable).
    pub(super) fn check_reachable(&self, origin: &Target) -> Result<(), Error> {
        match locked(&self.unreachable).contains(origin) {
            true => Err(Error::new(Kind::Network, format!("{} could not be reached before", origin.host))),
            false => Ok(()),
        }
    }

    /// Parks the owner, and tells what is to be requested; gives the owner back where that is nothing.
    pub(super) fn park(&self, owner: O) -> Delivered<O> {
        let mut state = locked(&self.state);
        state.owner = Some(owner);
        state.next()
    }

    /// Takes what the request for a URL came to.
    pub(super) fn deliver(&self, request: &AssetRequest, response: Result<Resource, Error>, fetched: Fetched) -> Delivered<O> {
        let mut state = locked(&self.state);
        let what = match &response {
            Ok(resource) => format!("{} bytes", resource.body.len()),
            Err(error) => error.to_string(),
        };
        state.fetched.push((fetched, format!("{what}: {}", request.url)));
        let response = response.map_err(|error| error.full()).and_then(|resource| {
            state.received = state.received.saturating_add(resource.body.len() as u64);
            if state.received > self.max_size {
                Err(format!("the page has more than {} bytes", self.max_size))
            } else {
                Ok(resource)
            }
        });
        state.page.add(request, response);
        state.next()
    }

    /// The owner, if it still waits: the program was interrupted.
    pub(super) fn abandon(&self) -> Option<O> {
        locked(&self.state).owner.take()
    }

    /// What was fetched when, a line for each asset in the order in which they were requested: a dot is time in the
    /// queue, an equals sign time under way.
    pub(super) fn waterfall(&self) -> Vec<String> {
        const WIDTH: u128 = 40;
        let mut fetched = locked(&self.state).fetched.clone();
        fetched.sort_by_key(|(fetched, _)| fetched.requested);
        let start = fetched.iter().map(|(fetched, _)| fetched.found).min();
        let Some((start, end)) = start.zip(fetched.iter().map(|(fetched, _)| fetched.ended).max()) else { return Vec::new() };
        let total = end.duration_since(start).as_micros().max(1);
        let line = |(Fetched { found, requested, ended }, what): (Fetched, String)| {
            let column = |time: Instant| (time.duration_since(start).as_micros() * WIDTH / total) as usize;
            let (found, requested, ended) = (column(found), column(requested), (column(ended)));
            let under_way = (ended - requested).max(1);
            let bar = format!("{}{}{}", " ".repeat(found), ".".repeat(requested - found), "=".repeat(under_way));
            format!("|{bar:<41}| {what}")
        };
        let heading = format!("{} assets in {:.1} ms", fetched.len(), total as f64 / 1e3);
        std::iter::once(heading).chain(fetched.into_iter().map(line)).collect()
    }

    /// The page as it is saved, and what became of its assets.
    pub(super) fn render(&self) -> Result<(String, Assets), TooLarge> {
        let state = locked(&self.state);
        let text = state.page.render(self.max_size)?;
        let (found, saved) = state.page.counts();
        let missing = state
            .page
            .missing()
            .into_iter()
            .map(|(url, reason)| MissingAsset { url: url.to_string(), reason: reason.to_owned() });
        Ok((text, Assets { found, saved, missing: missing.collect() }))
    }
}

impl<O> State<O> {
    fn next(&mut self) -> Delivered<O> {
        let requests = self.page.take_requests();
        let owner = if self.page.is_complete() { self.owner.take() } else { None };
        Delivered { requests, owner }
    }
}

/// How urgent an asset is, the lowest number first: what leads to more goes before what does not.
pub(super) fn priority(kind: AssetKind) -> u8 {
    match kind {
        AssetKind::Style => 1,
        AssetKind::Frame | AssetKind::Object => 2,
        AssetKind::Module | AssetKind::Import | AssetKind::Script => 3,
        AssetKind::Font => 4,
        AssetKind::Image | AssetKind::Sprite => 5,
        AssetKind::Track | AssetKind::Media => 6,
    }
}

/// The Accept field that browsers send for a kind of asset.
pub(super) fn accept(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Image | AssetKind::Sprite => "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        AssetKind::Style => "text/css,*/*;q=0.1",
        AssetKind::Frame | AssetKind::Object => ACCEPT_DOCUMENT,
        AssetKind::Script | AssetKind::Module | AssetKind::Import | AssetKind::Font | AssetKind::Media | AssetKind::Track => {
            "*/*"
        }
    }
}

/// The Accept field that browsers send for a document.
pub(super) const ACCEPT_DOCUMENT: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The Referer field by the default policy, strict-origin-when-cross-origin (Referrer Policy section 3.1.8).
pub(super) fn referer(from: &Url, to: &Url) -> Option<String> {
    if from.scheme() == "https" && to.scheme() == "http" {
        None
    } else if from.origin() == to.origin() {
        // Userinfo was taken out before.
        Some(from[..Position::AfterQuery].to_owned())
    } else {
        Some(format!("{}/", from.origin().ascii_serialization()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referer_tells_other_sites_the_origin_only() {
        for (from, to, wanted) in [
            ("http://h/a?b#c", "http://h/d", Some("http://h/a?b")),
            ("http://h/a?b", "http://other/d", Some("http://h/")),
            ("http://h/a", "https://h/d", Some("http://h/")),
            ("https://h:8443/a", "https://h/d", Some("https://h:8443/")),
            ("https://h/a", "http://h/d", None),
        ] {
            let url = |text| Url::parse(text).expect("a URL");
            assert_eq!(referer(&url(from), &url(to)).as_deref(), wanted, "{from} {to}");
        }
    }
}

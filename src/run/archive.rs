//! `--warc`: every exchange becomes records of a WARC file.

use crate::client::{Ending, Exchanged, RateLimit, Recorder, Tap, UnwantedLimits};
use crate::error::{Error, Kind, system_words};
use crate::http::{Request, may_be_secret};
use crate::lock::locked;
use crate::report::WarcLocation;
use crate::save::{ArchiveFile, Spool, SpoolWriter};
use crate::warc::{Gzip, IDENTICAL_PAYLOAD, RecordHeader, RecordType, format_date, labelled_sha1, record_id};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use url::Position;

/// How many payloads are remembered, so that others like them become revisit records.
const MAX_SEEN: usize = 65_536;
/// The longest URL that is remembered, in bytes.
const MAX_SEEN_URL: usize = 2048;
/// The most bytes of a redirect's or an error's body that are received for the record alone, unless
/// `--max-size` says otherwise.
const MAX_UNWANTED: u64 = 64 * 1024 * 1024;

/// How many encoders are kept for the next records.
const MAX_ENCODERS: usize = 8;

/// The WARC file of a run.
#[derive(Debug)]
pub(super) struct Archive(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: Mutex<ArchiveFile>,
    /// As the user named it.
    name: PathBuf,
    directory: PathBuf,
    gzip: bool,
    warcinfo: String,
    /// How many bytes the file has before the first exchange.
    warcinfo_length: u64,
    seen: Mutex<HashMap<PayloadKey, Seen>>,
    max_unwanted: u64,
    /// Why a record is missing.
    failed: Mutex<Option<String>>,
    random: SystemRandom,
    encoders: Mutex<Vec<Gzip>>,
}

/// The response that had a payload first.
#[derive(Clone, Debug)]
struct Seen {
    url: String,
    date: SystemTime,
}

/// The SHA-256 of a payload, because SHA-1, which WARC fields have, can be forged; and whether it came in
/// chunks: programs that replay a revisit take the fields from it and the bytes from the first, so both have
/// to be framed in the same way.
type PayloadKey = (Vec<u8>, bool);

/// A payload to be remembered, and where it is.
type NewPayload = (PayloadKey, Seen);

/// Records the exchanges of one transfer.
#[derive(Debug)]
pub(super) struct TransferTap {
    shared: Arc<Shared>,
    rate: Option<Arc<RateLimit>>,
    last: Arc<Mutex<Option<WarcLocation>>>,
}

impl Archive {
    /// Creates the file, under its temporary name, and its first record. The answer has a file that an
    /// interrupted run left.
    pub(super) fn create(path: &Path, max_size: Option<u64>) -> Result<(Archive, Option<PathBuf>), Error> {
        let (file, left) = ArchiveFile::create(path)?;
        let random = SystemRandom::new();
        let [warcinfo] = new_ids(&random)?;
        let mut shared = Shared {
            directory: file.directory(),
            file: Mutex::new(file),
            name: path.to_owned(),
            gzip: path.extension().is_some_and(|extension| extension == "gz"),
            warcinfo: warcinfo.clone(),
            warcinfo_length: 0,
            seen: Mutex::default(),
            max_unwanted: max_size.unwrap_or(MAX_UNWANTED),
            failed: Mutex::default(),
            random,
            encoders: Mutex::default(),
        };
        let mut header = RecordHeader::new(RecordType::Warcinfo, &warcinfo, SystemTime::now());
        header.add("WARC-Filename", &path.file_name().unwrap_or_default().to_string_lossy());
        let fields = concat!(
            "software: fetch/",
            env!("CARGO_PKG_VERSION"),
            "\r\nformat: WARC File Format 1.1\r\n",
            "conformsTo: https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n",
        );
        header.add("WARC-Block-Digest", &sha1(fields.as_bytes()));
        let mut record = Spool::default();
        shared.encode(&header, fields.as_bytes(), fields.len() as u64, &mut record)?;
        shared.warcinfo_length = record.length();
        shared.append(record)?;
        Ok((Archive(Arc::new(shared)), left))
    }

    /// What records the exchanges of one transfer.
    pub(super) fn tap(&self, rate: Option<Arc<RateLimit>>) -> Arc<TransferTap> {
        Arc::new(TransferTap { shared: Arc::clone(&self.0), rate, last: Arc::default() })
    }

    /// Gives the file its name, and returns it; `None` where nothing was recorded and an older file of that name
    /// stays. An error too where a record is missing in it.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, Error> {
        let Ok(shared) = Arc::try_unwrap(self.0) else {
            return Err(Error::new(Kind::Other, "a transfer still records"));
        };
        let file = shared.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failed = shared.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if file.length() == shared.warcinfo_length && file.replaces() && failed.is_none() {
            return file.discard().map(|()| None);
        }
        let path = file.finish()?;
        match failed {
            None => Ok(Some(path)),
            Some(why) => Err(Error::new(Kind::File, format!("{} is incomplete", path.display())).detail(why)),
        }
    }
}

impl TransferTap {
    /// The last response is not the one to be known.
    pub(super) fn forget(&self) {
        *locked(&self.last) = None;
    }

    /// Where the last response was recorded.
    pub(super) fn last(&self) -> Option<WarcLocation> {
        locked(&self.last).clone()
    }
}

impl Tap for TransferTap {
    fn record(&self, exchange: &Exchanged<'_>) -> Box<dyn Recorder> {
        *locked(&self.last) = None;
        let (request, omitted) = without_credentials(exchange.request);
        let sha1 = || Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        let mut block = sha1();
        block.update(exchange.head.raw());
        let fields = exchange.head.fields();
        Box::new(ExchangeRecorder {
            shared: Arc::clone(&self.shared),
            last: Arc::clone(&self.last),
            // A fragment is never sent.
            url: exchange.url[..Position::AfterQuery].to_owned(),
            request,
            omitted,
            sent: exchange.sent,
            peer: exchange.peer,
            head: exchange.head.raw().to_owned(),
            chunked: fields.get("Transfer-Encoding").is_some(),
            // The payload has no transfer coding; only chunks are taken off here.
            has_payload: fields.list("Transfer-Encoding").all(|coding| coding.eq_ignore_ascii_case(b"chunked")),
            body: Spool::default(),
            block,
            payload: sha1(),
            payload_id: Context::new(&SHA256),
            payload_length: 0,
            is_broken: false,
        })
    }

    fn unwanted(&self) -> UnwantedLimits {
        UnwantedLimits { size: self.shared.max_unwanted, rate: self.rate.clone() }
    }
}

/// A request as it was sent, but for fields that may hold credentials, and the names of those.
fn without_credentials(request: &Request) -> (Vec<u8>, Vec<String>) {
    let mut request = request.clone();
    let names = request.fields().iter().map(|(name, _)| name).filter(|name| may_be_secret(name));
    let mut omitted: Vec<String> = names.map(str::to_owned).collect();
    omitted.dedup();
    omitted.iter().for_each(|name| request.remove(name));
    (request.to_bytes(), omitted)
}

/// One exchange.
struct ExchangeRecorder {
    shared: Arc<Shared>,
    last: Arc<Mutex<Option<WarcLocation>>>,
    url: String,
    request: Vec<u8>,
    /// Names of fields that were sent and are not recorded.
    omitted: Vec<String>,
    sent: SystemTime,
    peer: Option<IpAddr>,
    /// The header section of the response.
    head: Vec<u8>,
    chunked: bool,
    has_payload: bool,
    body: Spool,
    block: Context,
    payload: Context,
    payload_id: Context,
    payload_length: u64,
    /// What came could not be kept.
    is_broken: bool,
}

impl Recorder for ExchangeRecorder {
    fn body(&mut self, wire: &[u8], payload: &[u8]) -> Result<(), Error> {
        let added = self.body.add(wire, &self.shared.directory).map_err(|error| self.shared.fail(&error));
        if let Err(error) = &added {
            self.is_broken = true;
            self.shared.missing(error);
        }
        self.block.update(wire);
        self.payload.update(payload);
        self.payload_id.update(payload);
        self.payload_length += payload.len() as u64;
        added
    }

    fn end(&mut self, ending: Ending) -> Result<(), Error> {
        if self.is_broken {
            // Part of the body is missing, and not because of the peer.
            return Ok(());
        }
        let recorded = self.records(ending).and_then(|Records { encoded, response_length, seen }| {
            let offset = self.shared.append(encoded)?;
            Ok((offset, response_length, seen))
        });
        let (offset, length, seen) = recorded.inspect_err(|error| self.shared.missing(error))?;
        if let Some((key, seen)) = seen {
            self.shared.remember(key, seen);
        }
        *locked(&self.last) = Some(WarcLocation { file: self.shared.name.clone(), offset, length });
        Ok(())
    }
}

/// The records of an exchange.
struct Records {
    /// As they are written, the response's first.
    encoded: Spool,
    response_length: u64,
    /// What is to be remembered once they are written.
    seen: Option<NewPayload>,
}

impl ExchangeRecorder {
    fn records(&mut self, ending: Ending) -> Result<Records, Error> {
        let shared = Arc::clone(&self.shared);
        let key = (self.payload_id.clone().finish().as_ref().to_vec(), self.chunked);
        let is_whole = ending == Ending::Complete && self.has_payload && self.payload_length > 0;
        let earlier = if is_whole { locked(&shared.seen).get(&key).cloned() } else { None };
        let kind = if earlier.is_some() { RecordType::Revisit } else { RecordType::Response };
        let [response_id, request_id, metadata_id] = new_ids(&shared.random)?;
        let mut header = self.header(kind, &response_id);
        if let Some(seen) = &earlier {
            header.add("WARC-Profile", IDENTICAL_PAYLOAD);
            header.add("WARC-Refers-To-Target-URI", &seen.url);
            header.add("WARC-Refers-To-Date", &format_date(seen.date));
        }
        if self.has_payload && self.payload_length > 0 {
            header.add("WARC-Payload-Digest", &labelled_sha1(self.payload.clone().finish().as_ref()));
        }
        if let Some(reason) = if earlier.is_some() { Some("length") } else { truncated(ending) } {
            header.add("WARC-Truncated", reason);
        }
        let mut encoded = Spool::default();
        if earlier.is_some() {
            header.add("WARC-Block-Digest", &sha1(&self.head));
            shared.encode(&header, &self.head[..], self.head.len() as u64, &mut encoded)?;
        } else {
            header.add("WARC-Block-Digest", &labelled_sha1(self.block.clone().finish().as_ref()));
            let length = self.head.len() as u64 + self.body.length();
            let body = self.body.read().map_err(|error| shared.fail(&error))?;
            shared.encode(&header, io::Read::chain(&self.head[..], body), length, &mut encoded)?;
        }
        let response_length = encoded.length();
        let request = (RecordType::Request, request_id, std::mem::take(&mut self.request));
        for (kind, id, block) in [request, (RecordType::Metadata, metadata_id, self.metadata())] {
            let mut header = self.header(kind, &id);
            header.add("WARC-Concurrent-To", &format!("<{response_id}>"));
            header.add("WARC-Block-Digest", &sha1(&block));
            shared.encode(&header, &block[..], block.len() as u64, &mut encoded)?;
        }
        let is_new = is_whole && earlier.is_none();
        let seen = is_new.then(|| (key, Seen { url: self.url.clone(), date: self.sent }));
        Ok(Records { encoded, response_length, seen })
    }

    fn header(&self, kind: RecordType, id: &str) -> RecordHeader {
        let mut header = RecordHeader::new(kind, id, self.sent);
        header.add("WARC-Target-URI", &self.url);
        header.add("WARC-Warcinfo-ID", &format!("<{}>", self.shared.warcinfo));
        if let Some(peer) = self.peer.filter(|_| kind != RecordType::Metadata) {
            header.add("WARC-IP-Address", &peer.to_string());
        }
        header
    }

    fn metadata(&self) -> Vec<u8> {
        let mut fields = format!("fetchTimeMs: {}\r\n", self.sent.elapsed().unwrap_or_default().as_millis());
        if !self.omitted.is_empty() {
            fields += &format!("omittedRequestFields: {}\r\n", self.omitted.join(", "));
        }
        fields.into_bytes()
    }
}

/// The value of WARC-Truncated.
fn truncated(ending: Ending) -> Option<&'static str> {
    match ending {
        Ending::Complete => None,
        Ending::Disconnect => Some("disconnect"),
        Ending::Time => Some("time"),
        Ending::Length => Some("length"),
        Ending::Unspecified => Some("unspecified"),
    }
}

impl Shared {
    /// Adds a record to others, as it is written.
    fn encode(&self, header: &RecordHeader, block: impl io::Read, length: u64, spool: &mut Spool) -> Result<(), Error> {
        let writer = SpoolWriter { spool, directory: &self.directory };
        let written = if self.gzip {
            let mut gzip = locked(&self.encoders).pop().unwrap_or_else(Gzip::new);
            let written = header.write_gzip(block, length, &mut gzip, writer);
            let mut encoders = locked(&self.encoders);
            if encoders.len() < MAX_ENCODERS {
                encoders.push(gzip);
            }
            written
        } else {
            header.write(block, length, writer)
        };
        written.map_err(|error| self.fail(&error))
    }

    /// Appends records, all or none; where they begin.
    fn append(&self, mut records: Spool) -> Result<u64, Error> {
        locked(&self.file).append(&mut records)
    }

    /// A record is missing, and this is why.
    fn missing(&self, error: &Error) {
        locked(&self.failed).get_or_insert_with(|| error.full());
    }

    fn remember(&self, key: PayloadKey, seen: Seen) {
        let mut all = locked(&self.seen);
        if all.len() < MAX_SEEN && seen.url.len() <= MAX_SEEN_URL {
            all.entry(key).or_insert(seen);
        }
    }

    fn fail(&self, error: &io::Error) -> Error {
        Error::new(Kind::File, format!("cannot record in {}", self.name.display())).detail(system_words(error))
    }
}

fn sha1(bytes: &[u8]) -> String {
    labelled_sha1(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

/// As many new records' URIs.
fn new_ids<const N: usize>(random: &SystemRandom) -> Result<[String; N], Error> {
    let mut bytes = [[0; 16]; N];
    random.fill(bytes.as_flattened_mut()).map_err(|_| Error::new(Kind::Other, "the system has no random numbers"))?;
    Ok(bytes.map(record_id))
}

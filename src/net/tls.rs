//! TLS 1.2 and 1.3 by rustls, in its unbuffered form: records are received many at a time, into a
//! buffer of ours.

use super::certificate::subject;
use super::deadline::Timer;
use super::transport::Transport;
use super::verifier::{AnyCertificate, Verifier, is_ca_as_end_entity};
use super::{Event, NetError};
use crate::error::system_words;
use rustls::client::{UnbufferedClientConnection, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{AlertDescription, CertificateError, ClientConfig, InvalidMessage, RootCertStore};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use url::Host;

/// How many bytes of records are received at a time.
const INCOMING: usize = 128 * 1024;
/// The most plain text that one record holds (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

/// Which server certificates are trusted.
#[derive(Debug, Default)]
pub struct Trust {
    roots: Roots,
    /// Made when it is first needed: a plain http fetch reads no certificates.
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

#[derive(Debug, Default)]
enum Roots {
    #[default]
    System,
    File(PathBuf),
    Any,
}

impl Trust {
    /// The system's certificates, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
    pub fn system() -> Trust {
        Trust::default()
    }

    /// The PEM certificates in this file, and no others.
    pub fn file(path: PathBuf) -> Trust {
        Trust { roots: Roots::File(path), ..Trust::default() }
    }

    /// Any certificate.
    pub fn any() -> Trust {
        Trust { roots: Roots::Any, ..Trust::default() }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, NetError> {
        self.config.get_or_init(|| self.load()).clone().map_err(NetError::Roots)
    }

    fn load(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let mut config = match &self.roots {
            Roots::System => {
                check_variables()?;
                let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|error| error.to_string())?;
                let trusted = || rustls_native_certs::load_native_certs().certs;
                let verifier = Verifier::new(Arc::new(verifier), trusted);
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
            Roots::File(path) => {
                let failed = |why: String| format!("{}: {why}", path.display());
                let mut roots = RootCertStore::empty();
                let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
                let certificates: Vec<_> = certificates.map_err(|error| failed(error.to_string()))?;
                for certificate in &certificates {
                    roots.add(certificate.clone()).map_err(|error| failed(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(failed("there is no PEM certificate in it".to_owned()));
                }
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
                let verifier = Verifier::new(verifier.map_err(|error| error.to_string())?, move || certificates.clone());
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
            }
            Roots::Any => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))).with_no_client_auth()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// One TLS connection over layers that its owner keeps.
pub(super) struct Session {
    connection: UnbufferedClientConnection,
    /// Records received and not yet processed: `incoming[start..end]`.
    incoming: Box<[u8]>,
    start: usize,
    end: usize,
    /// Plain text that had no room where it was wanted.
    plain: Vec<u8>,
    /// The peer sent close_notify.
    closed: bool,
    /// What went wrong after plain text that had to be given first.
    failed: Option<NetError>,
}

/// Where a run of [`Session::process`] stopped.
enum Stopped {
    /// More bytes from the peer are needed.
    NeedsInput,
    /// The handshake is done, and there is nothing to read.
    Ready,
    /// Plain text was written.
    Data,
    /// The peer sent close_notify.
    Closed,
}

impl Session {
    /// Performs the handshake.
    pub(super) fn start(host: &Host, trust: &Trust, below: &mut dyn Transport, timer: &Timer) -> Result<Session, NetError> {
        let name = match host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|error| NetError::Tls(error.to_string()))?,
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
        };
        let connection = UnbufferedClientConnection::new(trust.config()?, name).map_err(explain)?;
        let incoming = vec![0; INCOMING].into_boxed_slice();
        let mut session = Session { connection, incoming, start: 0, end: 0, plain: Vec::new(), closed: false, failed: None };
        loop {
            match session.process(&mut [], &mut 0, below, timer)? {
                Stopped::Ready | Stopped::Data => return Ok(session),
                Stopped::NeedsInput if session.fill(below, timer)? => {}
                Stopped::NeedsInput | Stopped::Closed => {
                    return Err(NetError::Tls("the server closed the connection during the handshake".to_owned()));
                }
            }
        }
    }

    /// Whether every record that came was processed, and all plain text of it taken.
    pub(super) fn is_drained(&self) -> bool {
        self.start == self.end && self.plain.is_empty() && !self.closed && self.failed.is_none()
    }

    /// What was negotiated, and the server's subject.
    pub(super) fn describe(&self) -> Event {
        let version = self.connection.protocol_version().and_then(|version| version.as_str()).unwrap_or_default();
        let suite = self.connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        let certificate = self.connection.peer_certificates().and_then(<[_]>::first);
        Event::Secured {
            version: version.replace("TLSv1_", "TLS 1."),
            cipher_suite: suite.unwrap_or_default().to_owned(),
            subject: certificate.and_then(|certificate| subject(certificate)),
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8], below: &mut dyn Transport, timer: &Timer) -> Result<(), NetError> {
        let mut outgoing = vec![0; bytes.len() + 1024];
        let length = loop {
            let (start, end) = (self.start, self.end);
            let status = self.connection.process_tls_records(&mut self.incoming[start..end]);
            let ConnectionState::WriteTraffic(mut write) = status.state.map_err(explain)? else {
                // Between two requests nothing else is under way.
                return Err(NetError::Tls("the TLS session cannot send yet".to_owned()));
            };
            self.start += status.discard;
            match write.encrypt(bytes, &mut outgoing) {
                Ok(length) => break length,
                Err(EncryptError::InsufficientSize(needed)) => outgoing.resize(needed.required_size, 0),
                Err(error @ EncryptError::EncryptExhausted) => return Err(NetError::Tls(error.to_string())),
            }
        };
        below.send(&outgoing[..length], timer)?;
        below.acknowledge_at_once();
        Ok(())
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8], below: &mut dyn Transport, timer: &Timer) -> Result<usize, NetError> {
        let mut length = self.plain.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.plain[..length]);
        self.plain.drain(..length);
        while !self.closed {
            if let Some(error) = self.failed.take_if(|_| length == 0) {
                return Err(error);
            }
            let stopped = match self.process(buffer, &mut length, below, timer) {
                Err(error) if length > 0 => {
                    self.failed = Some(error);
                    break;
                }
                stopped => stopped?,
            };
            match stopped {
                Stopped::Data if buffer.len() - length > RECORD => {}
                Stopped::Closed => self.closed = true,
                _ if length > 0 => break,
                _ if self.fill(below, timer)? => {}
                _ => return Err(NetError::ClosedWithoutNotify),
            }
        }
        Ok(length)
    }

    /// Processes the records that are there: up to the first with plain text, which goes to
    /// `buffer[*length..]`, or up to the last.
    fn process(
        &mut self,
        buffer: &mut [u8],
        length: &mut usize,
        below: &mut dyn Transport,
        timer: &Timer,
    ) -> Result<Stopped, NetError> {
        let mut outgoing = Vec::new();
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.connection.process_tls_records(&mut self.incoming[self.start..self.end]);
            let stopped = match state.map_err(explain) {
                Ok(ConnectionState::ReadTraffic(mut read)) => {
                    while let Some(record) = read.next_record() {
                        let record = record.map_err(explain)?;
                        let fits = record.payload.len().min(buffer.len() - *length);
                        let (now, later) = record.payload.split_at(fits);
                        buffer[*length..*length + fits].copy_from_slice(now);
                        *length += fits;
                        self.plain.extend_from_slice(later);
                        discard += record.discard;
                    }
                    Some(Stopped::Data)
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut outgoing, |free| data.encode(free))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => {
                    below.send(&outgoing, timer)?;
                    outgoing.clear();
                    transmit.done();
                    None
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Stopped::NeedsInput),
                Ok(ConnectionState::WriteTraffic(_)) => Some(Stopped::Ready),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Stopped::Closed),
                Ok(_) => return Err(NetError::Tls("an unexpected TLS state".to_owned())),
                Err(error) => {
                    // The peer is sent an alert, if it still reads.
                    self.alert(below, timer);
                    return Err(error);
                }
            };
            self.start += discard;
            if let Some(stopped) = stopped {
                return Ok(stopped);
            }
        }
    }

    /// Sends the alert that rustls has ready after an error.
    fn alert(&mut self, below: &mut dyn Transport, timer: &Timer) {
        let mut outgoing = Vec::new();
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = self.connection.process_tls_records(&mut []).state
            && encode(&mut outgoing, |free| data.encode(free)).is_ok()
        {
            // The error that led here is the one to report.
            let _ = below.send(&outgoing, timer);
        }
    }

    /// Sends close_notify (RFC 8446 section 6.1).
    pub(super) fn send_close_notify(&mut self, below: &mut dyn Transport) {
        let mut alert = [0; 128];
        if let Ok(ConnectionState::WriteTraffic(mut write)) = self.connection.process_tls_records(&mut []).state
            && let Ok(length) = write.queue_close_notify(&mut alert)
        {
            below.try_send(&alert[..length]);
        }
    }

    /// Receives more records; false at the end of the connection.
    fn fill(&mut self, below: &mut dyn Transport, timer: &Timer) -> Result<bool, NetError> {
        self.incoming.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let received = below.receive(&mut self.incoming[self.end..], timer)?;
        self.end += received;
        Ok(received > 0)
    }
}

/// Encodes at the end of `outgoing`, as large as it needs to be.
fn encode(outgoing: &mut Vec<u8>, mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) -> Result<(), NetError> {
    let length = outgoing.len();
    outgoing.resize(length + 1024, 0);
    loop {
        match encode(&mut outgoing[length..]) {
            Ok(encoded) => {
                outgoing.truncate(length + encoded);
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(needed)) => outgoing.resize(length + needed.required_size, 0),
            Err(error @ EncodeError::AlreadyEncoded) => return Err(NetError::Tls(error.to_string())),
        }
    }
}

/// A variable that names what cannot be read would be taken for no certificates at all.
fn check_variables() -> Result<(), String> {
    for (name, is_directory) in [("SSL_CERT_FILE", false), ("SSL_CERT_DIR", true)] {
        let Some(value) = std::env::var_os(name) else { continue };
        if value.is_empty() {
            return Err(format!("{name} is set, and names nothing"));
        }
        let failed = |path: &Path, error: io::Error| format!("{name}: {}: {}", path.display(), system_words(&error));
        if is_directory {
            // Of several, some may be missing.
            let mut directories = std::env::split_paths(&value);
            let Some(first) = directories.next() else { continue };
            if let Err(error) = fs::read_dir(&first)
                && !directories.any(|directory| fs::read_dir(directory).is_ok())
            {
                return Err(failed(&first, error));
            }
        } else {
            let path = Path::new(&value);
            File::open(path).and_then(|mut file| file.read(&mut [0])).map_err(|error| failed(path, error))?;
            if CertificateDer::pem_file_iter(path).is_ok_and(|mut certificates| !certificates.any(|one| one.is_ok())) {
                return Err(format!("{name}: {}: there is no PEM certificate in it", path.display()));
            }
        }
    }
    Ok(())
}

fn explain(error: rustls::Error) -> NetError {
    match error {
        rustls::Error::InvalidCertificate(error) => NetError::Certificate(certificate_error(&error)),
        rustls::Error::NoCertificatesPresented => NetError::Certificate("the server sent none".to_owned()),
        // In a handshake: bytes that are no TLS record.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            NetError::NotTls
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_) => {
            NetError::Tls("the server does not speak TLS 1.2 or 1.3 as fetch does".to_owned())
        }
        error => NetError::Tls(error.to_string()),
    }
}

fn certificate_error(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::UnknownIssuer => "it is signed by an unknown authority",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadSignature => "its signature is wrong",
        CertificateError::BadEncoding => "it is malformed",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => NOT_FOR_SERVERS,
        CertificateError::NotValidForName => "it is not valid for this host",
        CertificateError::NotValidForNameContext { expected, .. } => {
            return format!("it is not valid for {}", expected.to_str());
        }
        CertificateError::Other(other) if is_ca_as_end_entity(other) => "self-signed CA certificate, not trusted",
        CertificateError::Other(other) => return other.0.to_string(),
        error => return error.to_string(),
    };
    text.to_owned()
}

const NOT_FOR_SERVERS: &str = "its extended key usage does not include servers";

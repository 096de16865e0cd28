//! WARC/1.1 records as bytes (ISO 28500:2017): no file, no clock, no random number.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use data_encoding::BASE32;
use flate2::{Compress, Compression, FlushCompress, Status};
use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// The types of records that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordType {
    /// About the file.
    Warcinfo,
    /// A request as it was sent.
    Request,
    /// A response as it was received.
    Response,
    /// A response whose payload is that of an earlier one.
    Revisit,
    /// About an exchange.
    Metadata,
}

impl RecordType {
    fn name(self) -> &'static str {
        match self {
            RecordType::Warcinfo => "warcinfo",
            RecordType::Request => "request",
            RecordType::Response => "response",
            RecordType::Revisit => "revisit",
            RecordType::Metadata => "metadata",
        }
    }

    /// The Content-Type of its block.
    fn content_type(self) -> &'static str {
        match self {
            RecordType::Warcinfo | RecordType::Metadata => "application/warc-fields",
            RecordType::Request => "application/http;msgtype=request",
            RecordType::Response | RecordType::Revisit => "application/http;msgtype=response",
        }
    }
}

/// The profile of revisit records (section 6.7.2).
pub(crate) const IDENTICAL_PAYLOAD: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
/// What follows a block.
const RECORD_END: &[u8] = b"\r\n\r\n";

/// The header of a record.
#[derive(Clone, Debug)]
pub(crate) struct RecordHeader {
    text: String,
}

impl RecordHeader {
    /// A header with the fields that every record has; `id` is a URI.
    pub(crate) fn new(kind: RecordType, id: &str, date: SystemTime) -> RecordHeader {
        let mut header = RecordHeader { text: "WARC/1.1\r\n".to_owned() };
        header.add("WARC-Type", kind.name());
        header.add("WARC-Record-ID", &format!("<{id}>"));
        header.add("WARC-Date", &format_date(date));
        header.add("Content-Type", kind.content_type());
        header
    }

    /// Adds a field. Line ends in the value become spaces.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.text.extend([name, ": ", &value.replace(['\r', '\n'], " "), "\r\n"]);
    }

    /// Writes the record: this header, and a block of `length` bytes.
    pub(crate) fn write(&self, mut block: impl Read, length: u64, mut to: impl Write) -> io::Result<()> {
        write!(to, "{}Content-Length: {length}\r\n\r\n", self.text)?;
        let copied = io::copy(&mut block, &mut to)?;
        if copied != length {
            return Err(io::Error::other(format!("a block of {length} bytes has {copied}")));
        }
        to.write_all(RECORD_END)
    }

    /// As [`write`](RecordHeader::write), as one gzip member.
    pub(crate) fn write_gzip(&self, block: impl Read, length: u64, gzip: &mut Gzip, to: impl Write) -> io::Result<()> {
        let mut member = gzip.member(to);
        self.write(block, length, &mut member)?;
        member.finish()
    }
}

/// Writes gzip members one after another. Its state is large, and costs more to make than to reset.
#[derive(Debug)]
pub(crate) struct Gzip {
    state: Compress,
    output: Vec<u8>,
}

/// A gzip member being written.
struct Member<'g, W> {
    gzip: &'g mut Gzip,
    to: W,
}

impl Gzip {
    const OUTPUT: usize = 32 * 1024;

    pub(crate) fn new() -> Gzip {
        Gzip { state: Compress::new_gzip(Compression::default(), 15), output: Vec::with_capacity(Gzip::OUTPUT) }
    }

    fn member<W: Write>(&mut self, to: W) -> Member<'_, W> {
        self.state.reset();
        Member { gzip: self, to }
    }
}

impl<W: Write> Member<'_, W> {
    /// Feeds the state, and writes what it gives; how much it took, and whether the member has ended.
    fn step(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<(usize, bool)> {
        let Gzip { state, output } = &mut *self.gzip;
        output.clear();
        let before = state.total_in();
        let status = state.compress_vec(bytes, output, flush)?;
        self.to.write_all(output)?;
        let taken = usize::try_from(state.total_in() - before).map_err(io::Error::other)?;
        Ok((taken, status == Status::StreamEnd))
    }

    fn finish(mut self) -> io::Result<()> {
        while !self.step(&[], FlushCompress::Finish)?.1 {}
        Ok(())
    }
}

impl<W: Write> Write for Member<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.step(bytes, FlushCompress::None)?.0 {
                0 if !bytes.is_empty() => {}
                taken => return Ok(taken),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A SHA-1 digest as WARC fields have it.
pub(crate) fn labelled_sha1(digest: &[u8]) -> String {
    format!("sha1:{}", BASE32.encode(digest))
}

/// A record's URI from 16 random bytes (RFC 9562 section 5.4).
pub(crate) fn record_id(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&random);
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A date in UTC, in whole seconds: `2026-01-31T23:59:59Z` (RFC 3339). One before 1970 is written as 1970.
pub(crate) fn format_date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 1 March of the year 0: then the leap day is the last of a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, wanted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(format_date(UNIX_EPOCH + Duration::from_secs(seconds)), wanted);
        }
    }

    #[test]
    fn a_record_is_header_block_and_two_line_ends() {
        let mut header = RecordHeader::new(RecordType::Response, "urn:uuid:1", UNIX_EPOCH);
        header.add("WARC-Target-URI", "http://a/\r\nWARC-Type: forged");
        let mut record = Vec::new();
        header.write(&b"block"[..], 5, &mut record).expect("written");
        let wanted = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 1970-01-01T00:00:00Z\r\n\
            Content-Type: application/http;msgtype=response\r\nWARC-Target-URI: http://a/  WARC-Type: forged\r\n\
            Content-Length: 5\r\n\r\nblock\r\n\r\n";
        assert_eq!(String::from_utf8(record).expect("text"), wanted);
        assert!(header.write(&b"bloc"[..], 5, &mut Vec::new()).is_err(), "a block that is too short");
    }

    #[test]
    fn a_record_is_one_gzip_member() {
        let header = RecordHeader::new(RecordType::Metadata, "urn:uuid:1", UNIX_EPOCH);
        let noise: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut gzip = Gzip::new();
        for block in [&b"a: b\r\n"[..], &noise, b"", b"again"] {
            let (mut plain, mut member, mut unpacked) = (Vec::new(), Vec::new(), Vec::new());
            header.write(block, block.len() as u64, &mut plain).expect("written");
            header.write_gzip(block, block.len() as u64, &mut gzip, &mut member).expect("written");
            let mut decoder = flate2::bufread::GzDecoder::new(&member[..]);
            decoder.read_to_end(&mut unpacked).expect("one member");
            assert!(unpacked == plain && decoder.into_inner().is_empty());
        }
    }

    #[test]
    fn identifiers_are_random_uuids() {
        assert_eq!(record_id([0; 16]), "urn:uuid:00000000-0000-4000-8000-000000000000");
        assert_eq!(record_id([255; 16]), "urn:uuid:ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(labelled_sha1(&[0; 20]), "sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    }
}

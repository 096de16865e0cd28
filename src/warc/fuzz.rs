//! Properties of WARC records.

use super::{Gzip, RECORD_END, RecordHeader, RecordType};
use std::io::Read;
use std::time::{Duration, UNIX_EPOCH};

/// Values of fields, a line each, and behind a NUL a block: what is written is read again, as it is and as gzip.
pub(crate) fn records(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (values, block) = (String::from_utf8_lossy(&data[..end]).into_owned(), data.get(end + 1..).unwrap_or_default());
    let kinds = [RecordType::Warcinfo, RecordType::Request, RecordType::Response, RecordType::Revisit, RecordType::Metadata];
    let mut gzip = Gzip::new();
    let (mut plain, mut members, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, seconds) in kinds.into_iter().zip([0, 1, 951_782_400, 4_107_542_400, 253_402_300_799]) {
        let mut header = RecordHeader::new(kind, "urn:uuid:1", UNIX_EPOCH + Duration::from_secs(seconds));
        // A value may have any character, line ends too.
        for value in values.split('\u{1}') {
            header.add("WARC-Target-URI", value);
        }
        header.write(block, block.len() as u64, &mut plain).expect("in memory");
        header.write_gzip(block, block.len() as u64, &mut gzip, &mut members).expect("in memory");
        let read: Vec<String> = values.split('\u{1}').map(|value| value.replace(['\r', '\n'], " ")).collect();
        wanted.push((kind.name().to_owned(), read, block.to_vec()));
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(&members[..]).read_to_end(&mut unpacked).expect("gzip");
    assert!(unpacked == plain);
    assert_eq!(read_all(&plain), wanted);
}

/// The type, the addresses and the block of each record, by a reader that knows no more than the standard.
fn read_all(mut file: &[u8]) -> Vec<(String, Vec<String>, Vec<u8>)> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let end = file.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of a header");
        let header = std::str::from_utf8(&file[..end]).expect("UTF-8");
        let (mut kind, mut addresses, mut length) = (String::new(), Vec::new(), 0);
        let mut lines = header.split("\r\n");
        assert_eq!(lines.next(), Some("WARC/1.1"));
        for line in lines {
            match line.split_once(": ").expect("a field") {
                ("WARC-Type", value) => kind = value.to_owned(),
                ("WARC-Target-URI", value) => addresses.push(value.to_owned()),
                ("Content-Length", value) => length = value.parse().expect("a number"),
                ("WARC-Date", value) => assert!(value.len() == 20 && value.ends_with('Z'), "{value}"),
                ("WARC-Record-ID" | "Content-Type", _) => {}
                (name, _) => panic!("the field {name}"),
            }
        }
        let (block, rest) = file[end + 4..].split_at(length);
        file = rest.strip_prefix(RECORD_END).expect("the end of a record");
        records.push((kind, addresses, block.to_vec()));
    }
    records
}

//! Responses of which the end is marked, and encoders of content codings.

use std::io::Read;

/// What each of them has in it.
pub(crate) const BODY: &str = "hello, hello, hello, whole world";

pub(crate) fn chunked(body: &[u8], trailer: &str) -> Vec<u8> {
    let (one, two) = body.split_at(7);
    let chunk = |data: &[u8]| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat();
    [&chunk(one)[..], &chunk(two), b"0\r\n", trailer.as_bytes(), b"\r\n"].concat()
}

pub(crate) fn response(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(), body].concat()
}

pub(crate) fn with_length(fields: &str, body: &[u8]) -> Vec<u8> {
    response(&format!("{fields}Content-Length: {}", body.len()), body)
}

/// Every kind of response of which the end is marked: by a length, by chunks, or by its coding.
pub(crate) fn responses() -> Vec<(&'static str, Vec<u8>)> {
    let body = BODY.as_bytes();
    let [gzip, deflate, br, zstd] = [gzip(body), deflate(body), br(body), zstd(body)];
    vec![
        ("length", with_length("", body)),
        ("length after an interim response", [b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n".to_vec(), with_length("", body)].concat()),
        ("chunked", response("Transfer-Encoding: chunked", &chunked(body, ""))),
        ("chunked with a trailer", response("Transfer-Encoding: chunked", &chunked(body, "X: y\r\n"))),
        ("gzip, length", with_length("Content-Encoding: gzip\r\n", &gzip)),
        ("gzip, chunked", response("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", &chunked(&gzip, ""))),
        ("gzip, until close", response("Content-Encoding: gzip", &gzip)),
        ("gzip as transfer coding", response("Transfer-Encoding: gzip, chunked", &chunked(&gzip, ""))),
        ("deflate, until close", response("Content-Encoding: deflate", &deflate)),
        ("br, length", with_length("Content-Encoding: br\r\n", &br)),
        ("br, until close", response("Content-Encoding: br", &br)),
        ("zstd, length", with_length("Content-Encoding: zstd\r\n", &zstd)),
        ("zstd, until close", response("Content-Encoding: zstd", &zstd)),
    ]
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    read_all(flate2::read::GzEncoder::new(plain, flate2::Compression::new(6)))
}

pub(crate) fn deflate(plain: &[u8]) -> Vec<u8> {
    read_all(flate2::read::ZlibEncoder::new(plain, flate2::Compression::new(6)))
}

pub(crate) fn br(plain: &[u8]) -> Vec<u8> {
    read_all(brotli::CompressorReader::new(plain, 4096, 5, 22))
}

pub(crate) fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(plain, 3).expect("encodes")
}

fn read_all(mut encoder: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoder.read_to_end(&mut bytes).expect("encodes");
    bytes
}

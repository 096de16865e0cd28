//! Properties of the content codings.

use super::{Coding, Decoder, DecoderState, MAX_OVERHEAD, OUTPUT};
use crate::pieces::pieces;
use std::io::Write;

/// The most bytes that may come out of a stage.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// The first byte says which codings, the others are the body: it gives the same bytes and the same verdict whole and
/// in pieces, in a bounded number of steps. What is coded is decoded, and cut off by a byte it is an error.
pub(crate) fn codings(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let all = [Coding::Gzip, Coding::Deflate, Coding::Br, Coding::Zstd];
    let digits = [first % 4, first / 4 % 4, first / 16 % 4];
    let count = 1 + usize::from(first / 64) % 3;
    let codings: Vec<Coding> = digits[..count].iter().map(|digit| all[usize::from(*digit)]).collect();
    let whole = decode(&codings, body, std::iter::once(0..body.len()));
    let in_pieces = decode(&codings, body, pieces(body));
    match (&whole, &in_pieces) {
        (Ok(whole), Ok(in_pieces)) => assert!(whole == in_pieces),
        // Of two faults, which is found first depends on how much is decoded at a time.
        (Err(_), Err(_)) => {}
        _ => panic!("{codings:?}: {whole:?} but {in_pieces:?} in pieces"),
    }
    // The encoder of br is not the program's.
    let codings: Vec<Coding> = codings.into_iter().filter(|coding| *coding != Coding::Br).collect();
    if codings.is_empty() {
        return;
    }
    let coded = codings.iter().fold(body.to_vec(), |body, coding| encode(*coding, &body));
    assert!(decode(&codings, &coded, pieces(&coded)).is_ok_and(|decoded| decoded == body));
    let cut_off = &coded[..coded.len() - 1];
    assert!(decode(&codings, cut_off, pieces(cut_off)).is_err());
}

fn decode(
    codings: &[Coding],
    body: &[u8],
    pieces: impl Iterator<Item = std::ops::Range<usize>>,
) -> Result<Vec<u8>, super::DecodeError> {
    // An empty member of gzip has 20 bytes, an empty frame of zstd 9, a step for either; the rest is full buffers.
    let stages = codings.len() as u64;
    let by_stages = (stages - 1) * (2 * MAX_SIZE + MAX_OVERHEAD) / 9;
    let most_steps = |fed: u64| stages * (16 + 16 * fed + body.len() as u64 + MAX_SIZE / OUTPUT as u64) + by_stages;
    let mut decoder = Decoder::new(codings, Some(MAX_SIZE));
    let (mut decoded, mut steps, mut fed) = (Vec::new(), 0_u64, 0_u64);
    for piece in pieces {
        let mut input = &body[piece];
        fed += 1;
        loop {
            steps += 1;
            assert!(steps <= most_steps(fed), "{steps} steps for {} bytes", body.len());
            match decoder.step(&mut input)? {
                DecoderState::NeedsInput => break,
                DecoderState::Working => {}
                DecoderState::Output => decoded.extend_from_slice(decoder.output()),
            }
        }
    }
    decoder.finish(true)?;
    Ok(decoded)
}

fn encode(coding: Coding, body: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::fast();
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("in memory")
        }
        Coding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("in memory")
        }
        Coding::Zstd => zstd::bulk::compress(body, 1).expect("in memory"),
        Coding::Br => unreachable!("br is not encoded"),
    }
}

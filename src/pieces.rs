//! Bytes cut into pieces, for properties of parsers.

use std::ops::Range;

/// Cuts so many bytes into pieces, at places that depend on the bytes alone: a fuzzer finds its inputs again.
pub(crate) fn pieces(data: &[u8]) -> impl Iterator<Item = Range<usize>> + use<> {
    let mut state = digest(data) | 1;
    let (mut start, end) = (0, data.len());
    std::iter::from_fn(move || {
        if start == end {
            return None;
        }
        // xorshift64: most pieces are short, some are not.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let most = [1, 2, 7, 64, 4096][usize::try_from(state % 5).unwrap_or_default()];
        let length = 1 + usize::try_from(state >> 8).unwrap_or_default() % most;
        let piece = start..(start + length).min(end);
        start = piece.end;
        Some(piece)
    })
}

/// FNV-1a.
fn digest(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        let data: Vec<u8> = (0..20_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let joined: Vec<u8> = pieces(&data).flat_map(|piece| data[piece].to_vec()).collect();
        assert!(joined == data && pieces(&data).count() > 10);
    }
}

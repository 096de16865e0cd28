//! A picture that needs no encoder.

/// A picture of one colour, of this size.
pub(crate) fn bmp(width: u32, height: u32) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let mut bytes = b"BM".to_vec();
    for word in [54 + row * height, 0, 54, 40, width, height, 0x18_0001, 0, row * height, 0, 0, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.resize((54 + row * height) as usize, 0x80);
    bytes
}

//! Pictures, a sound, a font, and texts in legacy charsets, made for the tests.

/// A picture of this size: random pixels, many of them transparent.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut points = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()
    };
    let pixels: Vec<u8> = (0..width * height).flat_map(&mut points).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).expect("written");
    bytes
}

/// A sound of so many seconds.
pub(crate) fn wav(seconds: u32) -> Vec<u8> {
    let length = 8000 * seconds;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    for word in [16, 0x1_0001, 8000, 8000, 0x8_0001] {
        bytes.extend(u32::to_le_bytes(word));
    }
    bytes.extend(b"data");
    bytes.extend(length.to_le_bytes());
    bytes.resize(bytes.len() + length as usize, 0x80);
    bytes
}

/// A font in which each character is as wide as so many thousandths of its size.
pub(crate) fn font(width: u16) -> Vec<u8> {
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let cmap = words(&[0, 1, 3, 10, 0, 12, 13, 0, 0, 28, 0, 0, 0, 1, 0, 32, 0xf, 0xffff, 0, 1]);
    let glyph = words(&[1, 0, 0, 500, 500, 2, 0, 0x0101, 0x0100, 0, 500, 0, 0, 500, 0]);
    let mut glyph = glyph;
    glyph.truncate(14);
    // Three points on the curve: x, then y, in two bytes each.
    glyph.extend([1, 1, 1]);
    glyph.extend(words(&[0, 500, 0, 0, 0, 500]));
    glyph.resize(glyph.len().next_multiple_of(4), 0);
    let length = glyph.len() as u16 / 2;
    let head = words(&[1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 500, 500, 0, 8, 2, 0, 0]);
    let hhea = words(&[1, 0, 800, 65336, 0, width, 0, 0, 500, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    let hmtx = words(&[width, 0, 0]);
    let loca = words(&[0, 0, length]);
    let maxp = words(&[1, 0, 2, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let name = words(&[0, 0, 6]);
    let mut os2 = words(&[4, width, 400, 5, 0]);
    os2.resize(62, 0);
    os2.extend(words(&[0x40, 32, 0xffff, 800, 65336, 0, 800, 200, 0, 1, 0, 0, 500, 500, 0, 32, 1]));
    let post = words(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let tables: [(&[u8; 4], Vec<u8>); 10] = [
        (b"OS/2", os2),
        (b"cmap", cmap),
        (b"glyf", glyph),
        (b"head", head),
        (b"hhea", hhea),
        (b"hmtx", hmtx),
        (b"loca", loca),
        (b"maxp", maxp),
        (b"name", name),
        (b"post", post),
    ];
    let mut font = words(&[1, 0, tables.len() as u16, 128, 3, 32]);
    let mut at = 12 + 16 * tables.len();
    let mut bodies = Vec::new();
    for (tag, table) in tables {
        let mut padded = table.clone();
        padded.resize(table.len().next_multiple_of(4), 0);
        let sum =
            padded.chunks(4).fold(0_u32, |sum, word| sum.wrapping_add(u32::from_be_bytes([word[0], word[1], word[2], word[3]])));
        font.extend(tag);
        for word in [sum, at as u32, table.len() as u32] {
            font.extend(word.to_be_bytes());
        }
        at += padded.len();
        bodies.extend(padded);
    }
    font.extend(bodies);
    font
}

/// A text in a charset.
pub(crate) fn encode(charset: &str, text: &str) -> Vec<u8> {
    if charset == "utf-16le" {
        return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    }
    encoding_rs::Encoding::for_label(charset.as_bytes()).expect("known").encode(text).0.into_owned()
}

//! What a page is to be saved without.

use super::reference::AssetKind;
use std::str::FromStr;

/// Kinds of assets that are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Omit {
    images: bool,
    css: bool,
    fonts: bool,
    js: bool,
    frames: bool,
    media: bool,
}

impl Omit {
    /// Whether assets of a kind are left out.
    pub(super) fn has(self, kind: AssetKind) -> bool {
        match kind {
            AssetKind::Image | AssetKind::Sprite => self.images,
            AssetKind::Style => self.css,
            AssetKind::Font => self.fonts,
            AssetKind::Script | AssetKind::Module | AssetKind::Import => self.js,
            AssetKind::Frame | AssetKind::Object => self.frames,
            AssetKind::Media | AssetKind::Track => self.media,
        }
    }
}

impl FromStr for Omit {
    type Err = String;

    /// Reads kinds, separated by commas.
    fn from_str(text: &str) -> Result<Omit, String> {
        let mut omit = Omit::default();
        for kind in text.split(',') {
            *match kind.trim_ascii() {
                "images" => &mut omit.images,
                "css" => &mut omit.css,
                "fonts" => &mut omit.fonts,
                "js" => &mut omit.js,
                "frames" => &mut omit.frames,
                "media" => &mut omit.media,
                other => return Err(format!("{other:?} is none of images, css, fonts, js, frames, media")),
            } = true;
        }
        Ok(omit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read() {
        let omit: Omit = "js, images".parse().expect("valid");
        assert!(omit.has(AssetKind::Module) && omit.has(AssetKind::Image) && !omit.has(AssetKind::Style));
        for text in ["", "js,", "scripts"] {
            assert!(text.parse::<Omit>().is_err(), "{text}");
        }
    }
}

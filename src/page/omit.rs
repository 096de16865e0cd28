//! What a page is to be saved without.

use super::AssetKind;
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
            AssetKind::Frame => self.frames,
            AssetKind::Media | AssetKind::Track => self.media,
        }
    }

    /// The Content-Security-Policy of a page that is saved: nothing from the network, and nothing of what is left
    /// out.
    pub(super) fn policy(self) -> String {
        let mut policy = "default-src 'none'".to_owned();
        for (omitted, directive) in [
            (self.images, "img-src data: blob:"),
            (self.css, "style-src data: 'unsafe-inline'"),
            (self.fonts, "font-src data: blob:"),
            (self.js, "script-src data: blob: 'unsafe-inline' 'unsafe-eval'"),
            (self.frames, "frame-src data: blob:"),
            (self.frames, "object-src data: blob:"),
            (self.media, "media-src data: blob:"),
            (self.js, "connect-src data: blob:"),
            (self.js, "worker-src data: blob:"),
            (false, "form-action 'none'"),
            (false, "webrtc 'block'"),
        ] {
            if !omitted {
                policy.push_str("; ");
                policy.push_str(directive);
            }
        }
        policy
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
        assert!(!omit.policy().contains("script-src") && omit.policy().contains("style-src"));
        for text in ["", "js,", "scripts"] {
            assert!(text.parse::<Omit>().is_err(), "{text}");
        }
    }
}

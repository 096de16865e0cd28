//! Attributes of which scripts make sources when an element is about to be seen: those that libraries really use.

/// Of `src`.
pub(super) const SOURCES: &[&str] = &[
    "data-src",
    "data-original",
    "data-original-src",
    "data-lazy-src",
    "data-lazy",
    "data-lazyload",
    "data-lazyload-src",
    "data-ks-lazyload",
    "data-actualsrc",
    "data-cfsrc",
    "data-rsrc",
    "lazy-src",
    "lazysrc",
    "lazyload",
    "real_src",
];
/// The same, of names that have other meanings too: only where nothing else is shown.
pub(super) const VAGUE_SOURCES: &[&str] =
    &["data-echo", "data-url", "data-image", "data-img", "original", "_src", "src2", "src3", "file"];
/// Of `srcset`.
pub(super) const SOURCE_SETS: &[&str] = &["data-srcset", "data-lazy-srcset", "lazy-srcset", "data-original-set"];
/// Of a background, of any element.
pub(super) const BACKGROUNDS: &[&str] = &[
    "data-bg",
    "data-background",
    "data-background-image",
    "data-bg-src",
    "data-lazy-background",
    "data-bgset",
    "data-image-src",
];
/// Of the `src` of a frame, audio or video.
pub(super) const EMBEDDED: &[&str] = &["data-src", "data-lazy-src"];
/// Of a script.
pub(super) const SCRIPTS: &[&str] = &["data-src", "data-rocket-src", "data-litespeed-src"];

/// Whether the value of one of these may be a URL.
pub(super) fn is_url(value: &str) -> bool {
    let value = value.trim_ascii();
    !value.contains(|c: char| c.is_ascii_whitespace() || matches!(c, '{' | '[')) && value.contains(['/', '.'])
}

/// Whether it may be the URL of an image, by its name.
pub(super) fn is_image_url(value: &str) -> bool {
    let path = value.trim_ascii().split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    is_url(&path) && [".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif", ".bmp"].iter().any(|end| path.ends_with(end))
}

/// Whether an image is shown only until another one takes its place, by the name of its `src`.
pub(super) fn is_placeholder(source: &str) -> bool {
    const WORDS: &[&str] =
        &["blank", "placeholder", "loading", "lazy", "spacer", "pixel", "transparent", "grey", "gray", "none", "dot", "default"];
    let source = source.trim_ascii().to_ascii_lowercase();
    let name = source.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    source.is_empty() || source.starts_with("data:") || WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_by_their_names() {
        for (source, wanted) in [
            ("", true),
            ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", true),
            ("/static/image/common/none.gif", true),
            ("http://h/img/Loading.svg?1", true),
            ("http://loading.h/photo.jpg", false),
            ("a.jpg", false),
        ] {
            assert_eq!(is_placeholder(source), wanted, "{source}");
        }
    }
}

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
    "data-hi-res-src",
    "data-echo",
    "data-url",
    "data-image",
    "data-img",
    "data-cfsrc",
    "data-rsrc",
    "data-orig-file",
    "data-large-file",
    "lazy-src",
    "lazysrc",
    "lazyload",
    "original",
    "real_src",
    "_src",
    "src2",
    "src3",
    "file",
    "zoomfile",
];
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

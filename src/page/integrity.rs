//! What the bytes of a script or a style sheet have to be (Subresource Integrity section 3.3).

use data_encoding::BASE64;
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

/// Whether an `integrity` attribute says anything of use.
pub(super) fn says_something(integrity: &str) -> bool {
    integrity.split_ascii_whitespace().any(|text| hash(text).is_some())
}

/// Whether bytes are what an `integrity` attribute says. One that says nothing of use allows all.
pub(super) fn matches(body: &[u8], integrity: &str) -> bool {
    let known: Vec<(usize, &'static Algorithm, &str)> = integrity.split_ascii_whitespace().filter_map(hash).collect();
    // Only the strongest algorithm counts.
    let Some(strongest) = known.iter().map(|(strength, ..)| *strength).max() else { return true };
    let mut strong = known.iter().filter(|(strength, ..)| *strength == strongest).peekable();
    let found = strong.peek().map(|(_, algorithm, _)| BASE64.encode(digest(algorithm, body).as_ref()));
    strong.any(|(.., value)| found.as_deref() == Some(value))
}

fn hash(text: &str) -> Option<(usize, &'static Algorithm, &str)> {
    let text = text.split('?').next()?;
    let (name, value) = text.split_once('-')?;
    let algorithms = [("sha256", &SHA256), ("sha384", &SHA384), ("sha512", &SHA512)];
    let strength = algorithms.iter().position(|(known, _)| name.eq_ignore_ascii_case(known))?;
    Some((strength, algorithms[strength].1, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_digest_counts() {
        let sha256 = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
        let wrong = "sha384-AAAA";
        for (integrity, wanted) in [
            ("", true),
            ("md5-AAAA", true),
            (sha256, true),
            ("sha256-AAAA", false),
            (&format!("sha256-AAAA {sha256}?ct=text/css"), true),
            (&format!("{sha256} {wrong}"), false),
        ] {
            assert_eq!(matches(b"hello", integrity), wanted, "{integrity}");
        }
    }
}

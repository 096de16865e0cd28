//! What the fuzz targets in `fuzz/` run: a property of each parser, to hold for any bytes.
//!
//! The properties stand beside the code that they are about. `cargo test` runs them on all corpora.

/// What has to hold for any bytes; a panic says that it does not.
pub type Property = fn(&[u8]);

/// Every target, with the property that it runs.
pub const TARGETS: &[(&str, Property)] = &[
    ("head", crate::http::fuzz::head),
    ("body", crate::http::fuzz::body),
    ("range", crate::http::fuzz::range),
    ("retry_after", crate::run::fuzz::retry_after),
    ("codings", crate::coding::fuzz::codings),
    ("cookies", crate::client::fuzz::cookies),
    ("netrc", crate::client::fuzz::netrc),
    ("file_name", crate::save::fuzz::file_name),
    ("part_record", crate::save::fuzz::part_record),
    #[cfg(feature = "cli")]
    ("command_line", crate::cli::fuzz::command_line),
    ("html", crate::page::fuzz::html),
    ("css", crate::page::fuzz::css),
    ("srcset", crate::page::fuzz::srcset),
    ("charset", crate::page::fuzz::charset),
    ("warc", crate::warc::fuzz::records),
];

/// Runs the property of a target.
pub fn run(target: &str, data: &[u8]) {
    let (_, property) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target of that name");
    property(data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn all_corpora_hold() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        if !fuzz.exists() {
            // It is a crate of its own, and not in the package of this one.
            return;
        }
        for directory in ["corpus", "dictionaries", "fuzz_targets"] {
            let names = fs::read_dir(fuzz.join(directory)).expect("readable").map(|entry| entry.expect("readable").path());
            let mut names: Vec<_> = names.map(|path| path.file_stem().expect("a name").to_owned()).collect();
            names.sort();
            let mut targets: Vec<_> = TARGETS.iter().map(|(target, _)| std::ffi::OsString::from(target)).collect();
            targets.sort();
            assert!(names == targets || cfg!(not(feature = "cli")), "{directory}: {names:?}");
        }
        for (target, property) in TARGETS {
            let inputs = fs::read_dir(fuzz.join("corpus").join(target)).expect("a corpus");
            let mut count = 0;
            for input in inputs {
                let path = input.expect("readable").path();
                println!("{}", path.display());
                property(&fs::read(path).expect("readable"));
                count += 1;
            }
            assert!(count > 2, "{target} has {count} inputs");
        }
    }
}

//! The attributes of a start tag, with their places (WHATWG HTML section 13.2.5.32 and the states after it).

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Up to so many attributes are looked through one by one.
const FEW: usize = 16;

/// An attribute, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute<'t> {
    /// Its name, in whatever case.
    name: &'t str,
    /// Its value, not decoded.
    raw: &'t str,
    /// The value's place in the document, quotes included; empty, behind the name, where there is none.
    pub(super) value: Range<usize>,
    /// The place of all of it.
    pub(super) whole: Range<usize>,
}

impl Attribute<'_> {
    /// The value, with character references decoded.
    pub(super) fn text(&self) -> Cow<'_, str> {
        htmlize::unescape_attribute(self.raw)
    }
}

/// The attributes of one start tag. Of several with one name, the first counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes<'t>(Vec<Attribute<'t>>);

impl<'t> Attributes<'t> {
    /// Those of the tag `document[range]`, which begins with `<`.
    pub(super) fn of(document: &'t str, range: Range<usize>) -> Attributes<'t> {
        let (tag, offset) = (&document[range.clone()], range.start);
        let bytes = tag.as_bytes();
        let is_space = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ');
        let skip = |mut at: usize, skipped: &dyn Fn(u8) -> bool| {
            while at < bytes.len() && skipped(bytes[at]) {
                at += 1;
            }
            at
        };
        let mut found: Vec<Attribute<'t>> = Vec::new();
        let mut names = HashSet::new();
        let mut at = skip(0, &|byte| !is_space(byte) && byte != b'/' && byte != b'>');
        loop {
            at = skip(at, &|byte| is_space(byte) || byte == b'/');
            if at >= bytes.len() || bytes[at] == b'>' {
                return Attributes(found);
            }
            let start = at;
            // An equals sign at the start belongs to the name.
            at = skip(at + 1, &|byte| !is_space(byte) && !matches!(byte, b'/' | b'>' | b'='));
            let name = &tag[start..at];
            let equals = skip(at, &is_space);
            let (raw, value) = if bytes.get(equals) != Some(&b'=') {
                ("", at..at)
            } else {
                let first = skip(equals + 1, &is_space);
                match bytes.get(first) {
                    Some(quote @ (b'"' | b'\'')) => {
                        let end = skip(first + 1, &|byte| byte != *quote);
                        (&tag[first + 1..end], first..(end + 1).min(bytes.len()))
                    }
                    Some(b'>') | None => ("", first..first),
                    Some(_) => {
                        let end = skip(first, &|byte| !is_space(byte) && byte != b'>');
                        (&tag[first..end], first..end)
                    }
                }
            };
            at = value.end.max(at);
            let whole = offset + start..offset + at;
            let value = offset + value.start..offset + value.end;
            let is_new = match found.len() {
                0..FEW => !found.iter().any(|other| other.name.eq_ignore_ascii_case(name)),
                FEW => {
                    names.extend(found.iter().map(|other| other.name.to_ascii_lowercase()));
                    names.insert(name.to_ascii_lowercase())
                }
                _ => names.insert(name.to_ascii_lowercase()),
            };
            if is_new {
                found.push(Attribute { name, raw, value, whole });
            }
        }
    }

    /// The attribute of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Attribute<'t>> {
        self.0.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }

    /// The decoded value of the attribute of this name.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(Attribute::text)
    }

    /// Whether an attribute has this value, in whatever case and but for white space around it.
    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.text(name).is_some_and(|text| text.trim_ascii().eq_ignore_ascii_case(value))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'t str, &Attribute<'t>)> {
        self.0.iter().map(|attribute| (attribute.name, attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_where_they_stand() {
        for (tag, wanted) in [
            ("<a>", &[][..]),
            ("<a href=x>", &[("href", "x", "x")]),
            ("<a/href = 'x y'>", &[("href", "x y", "'x y'")]),
            ("<a HREF=\"x&amp;y\" href=z>", &[("HREF", "x&y", "\"x&amp;y\"")]),
            ("<img src=a/b/>", &[("src", "a/b/", "a/b/")]),
            ("<img src=a alt>", &[("src", "a", "a"), ("alt", "", "")]),
            ("<img =x= src>", &[("=x", "src", "src")]),
            ("<a x='a>b' y=\"\">", &[("x", "a>b", "'a>b'"), ("y", "", "\"\"")]),
            ("<a href=?a&copy=1&copy;>", &[("href", "?a&copy=1©", "?a&copy=1&copy;")]),
            ("<a\n\thref\n=\nx\n>", &[("href", "x", "x")]),
            ("<a href='unended", &[("href", "unended", "'unended")]),
        ] {
            let document = format!("é{tag}rest");
            let attributes = Attributes::of(&document, 2..2 + tag.len());
            let found: Vec<_> = attributes
                .iter()
                .map(|(name, found)| (name, found.text().into_owned(), &document[found.value.clone()]))
                .collect();
            let wanted: Vec<_> = wanted.iter().map(|(name, text, raw)| (*name, (*text).to_owned(), *raw)).collect();
            assert_eq!(found, wanted, "{tag}");
        }
    }
}

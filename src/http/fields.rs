//! Fields: the names and values of a header section, in order.

use std::fmt;
use std::ops::Range;

/// The fields of a message in the order they were received, or are to be sent.
#[derive(Clone, Default)]
pub struct Fields {
    /// All names and all values, those of dropped fields too: two allocations and not two for each field.
    names: String,
    values: Vec<u8>,
    fields: Vec<Field>,
}

/// Where a field's name and value are.
#[derive(Clone)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// Why something cannot be a field (RFC 9110 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// The name is empty or has a character that no token has.
    Name,
    /// The value has CR, LF or NUL in it.
    Value,
    /// It would frame content, and no request here has content.
    Framing,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidField::Name => "a field name is letters, digits and !#$%&'*+-.^_`|~ only",
            InvalidField::Value => "a field value has no CR, LF or NUL",
            InvalidField::Framing => "a request without content has no Content-Length or Transfer-Encoding",
        })
    }
}

impl std::error::Error for InvalidField {}

impl Fields {
    /// No fields.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// Adds a field that came from the wire and is known to be valid.
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        if self.fields.capacity() == 0 {
            // Enough for most messages.
            self.names.reserve(160);
            self.values.reserve(400);
            self.fields.reserve(12);
        }
        let (name_start, value_start) = (self.names.len(), self.values.len());
        self.names.push_str(name);
        self.values.extend_from_slice(value);
        self.fields.push(Field { name: name_start..self.names.len(), value: value_start..self.values.len() });
    }

    /// Adds a field at the end.
    pub fn append(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidField> {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(InvalidField::Name);
        }
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(InvalidField::Value);
        }
        self.push(name, trim_ows(value));
        Ok(())
    }

    /// Puts a field where the first one of its name was (at the end if there was none), and drops
    /// the others of that name.
    pub fn replace(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidField> {
        let first = self.iter().position(|(n, _)| n.eq_ignore_ascii_case(name));
        self.append(name, value)?;
        if let Some(first) = first
            && let Some(new) = self.fields.pop()
        {
            self.fields[first] = new;
            let mut rest = self.fields.split_off(first + 1);
            rest.retain(|field| !self.names[field.name.clone()].eq_ignore_ascii_case(name));
            self.fields.append(&mut rest);
        }
        Ok(())
    }

    /// Drops every field of that name.
    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|field| !self.names[field.name.clone()].eq_ignore_ascii_case(name));
    }

    /// The first value under that name (names compare without case).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// Every value under that name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The elements of a comma-separated list that may be spread over several fields of that name
    /// (RFC 9110 section 5.6.1), empty ones left out. Not for values with quoted commas.
    pub fn list<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).map(trim_ows).filter(|element| !element.is_empty())
    }

    /// Whether a list field has that element (compared without case).
    pub fn list_has(&self, name: &str, element: &str) -> bool {
        self.list(name).any(|e| e.eq_ignore_ascii_case(element.as_bytes()))
    }

    /// Every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (&self.names[field.name.clone()], &self.values[field.value.clone()]))
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Fields) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, value.escape_ascii().to_string()))).finish()
    }
}

/// Fields that a user adds to requests, or removes from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldEdits {
    added: Fields,
    removed: Vec<String>,
}

impl FieldEdits {
    /// Adds a field: the first of a name takes the place of those that a request has already, and more of
    /// it are sent too.
    pub(crate) fn add(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidField> {
        check_framing(name)?;
        self.added.append(name, value)
    }

    /// Removes the fields of that name that a request has already.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), InvalidField> {
        check_framing(name)?;
        Fields::new().append(name, b"")?;
        self.removed.push(name.to_owned());
        Ok(())
    }

    /// The fields to be added.
    pub(crate) fn added(&self) -> &Fields {
        &self.added
    }

    /// Whether fields of that name are removed and none is added.
    pub(crate) fn removes(&self, name: &str) -> bool {
        self.removed.iter().any(|removed| removed.eq_ignore_ascii_case(name)) && self.added.get(name).is_none()
    }

    /// Makes these edits.
    pub(crate) fn apply(&self, fields: &mut Fields) {
        self.removed.iter().for_each(|name| fields.remove(name));
        for (index, (name, value)) in self.added.iter().enumerate() {
            let is_first = self.added.iter().take(index).all(|(earlier, _)| !earlier.eq_ignore_ascii_case(name));
            if is_first {
                fields.remove(name);
            }
            fields.push(name, value);
        }
    }
}

fn check_framing(name: &str) -> Result<(), InvalidField> {
    let frames = ["Content-Length", "Transfer-Encoding"].iter().any(|framing| framing.eq_ignore_ascii_case(name));
    if frames { Err(InvalidField::Framing) } else { Ok(()) }
}

/// Without the optional white space around it: spaces and tabs, and nothing else that may look like
/// it (RFC 9110 section 5.6.3).
pub(super) fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether a byte may stand in a token (RFC 9110 section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(rows: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in rows {
            fields.append(name, value.as_bytes()).expect("valid");
        }
        fields
    }

    #[test]
    fn replacing_keeps_the_place_and_drops_the_doubles() {
        let mut f = fields(&[("A", "1"), ("b", "2"), ("C", "3"), ("B", "4")]);
        f.replace("B", b"new").expect("valid");
        assert_eq!(f, fields(&[("A", "1"), ("B", "new"), ("C", "3")]));
        f.replace("D", b"last").expect("valid");
        assert_eq!(f, fields(&[("A", "1"), ("B", "new"), ("C", "3"), ("D", "last")]));
    }

    #[test]
    fn nothing_that_could_end_a_line_gets_in() {
        let mut f = Fields::new();
        for (name, value, why) in [
            ("", "x", InvalidField::Name),
            ("A B", "x", InvalidField::Name),
            ("A:", "x", InvalidField::Name),
            ("A\r\nB", "x", InvalidField::Name),
            ("Ä", "x", InvalidField::Name),
            ("A", "x\ry", InvalidField::Value),
            ("A", "x\n", InvalidField::Value),
            ("A", "x\0", InvalidField::Value),
        ] {
            assert_eq!(f.append(name, value.as_bytes()), Err(why), "{name:?}: {value:?}");
            assert_eq!(f.replace(name, value.as_bytes()), Err(why), "{name:?}: {value:?}");
        }
        assert_eq!(f, Fields::new());
    }

    #[test]
    fn a_list_may_be_spread_over_lines_and_have_empty_elements() {
        let f = fields(&[("X", "a, b,"), ("Y", "-"), ("x", " ,C")]);
        assert_eq!(f.list("X").collect::<Vec<_>>(), [&b"a"[..], b"b", b"C"]);
        assert!(f.list_has("x", "c"));
        assert!(!f.list_has("x", ""));
    }
}

//! JavaScript as tokens, as far as is needed to tell code from strings, comments and regular expressions.

use std::ops::Range;

/// After so many bytes in vain, a slash is a division.
const MAX_WASTED: usize = 4 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word,
    String,
    Template,
    Number,
    Regex,
    Punctuation(u8),
}

/// JavaScript as tokens, as far as is needed to tell code from strings, comments and regular expressions.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    pub(super) text: &'t str,
    at: usize,
    previous: Token,
    /// How many bytes were looked through for the end of regular expressions that were none.
    wasted: usize,
}

impl<'t> Lexer<'t> {
    /// At the start of a script.
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: 0, previous: Token::Punctuation(b';'), wasted: 0 }
    }
}

impl Lexer<'_> {
    /// The next token and its place, which stays the next.
    pub(super) fn peek(&self) -> Option<(Token, Range<usize>)> {
        self.clone().next()
    }

    /// The next token and its place.
    pub(super) fn next(&mut self) -> Option<(Token, Range<usize>)> {
        self.skip_space();
        let bytes = self.text.as_bytes();
        let (start, byte) = (self.at, *bytes.get(self.at)?);
        let token = match byte {
            b'\'' | b'"' => {
                self.at = end_of_string(bytes, start);
                Token::String
            }
            b'`' => {
                self.at = end_of_template(bytes, start);
                Token::Template
            }
            b'/' if self.wasted < MAX_WASTED && self.may_be_regex(start) => {
                self.skip_regex(start);
                Token::Regex
            }
            b'0'..=b'9' => {
                self.skip(|byte| is_word(byte) || byte == b'.');
                Token::Number
            }
            byte if is_word(byte) => {
                self.skip(is_word);
                Token::Word
            }
            byte => {
                self.at += 1;
                Token::Punctuation(byte)
            }
        };
        self.previous = token;
        Some((token, start..self.at))
    }

    fn skip_regex(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let (mut at, mut in_class) = (start + 1, false);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.at = at + 1;
                    return;
                }
                b'\n' => break,
                _ => {}
            }
            at += 1;
        }
        // It was a division.
        self.at = start + 1;
        self.wasted += at - start;
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().position(|byte| !skipped(*byte)).unwrap_or(rest.len());
    }

    fn skip_space(&mut self) {
        loop {
            self.skip(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
            let rest = &self.text[self.at..];
            let length = match () {
                () if rest.starts_with("//") || rest.starts_with("<!--") => rest.find('\n'),
                () if rest.starts_with("/*") => rest[2..].find("*/").map(|end| end + 4),
                () if rest.starts_with(['\u{a0}', '\u{feff}']) => rest.chars().next().map(char::len_utf8),
                () => return,
            };
            self.at += length.unwrap_or(rest.len());
        }
    }

    /// Whether a slash begins a regular expression, and is no division: by what stands before it.
    fn may_be_regex(&self, slash: usize) -> bool {
        const BEFORE: &[&str] = &[
            "return",
            "typeof",
            "case",
            "in",
            "of",
            "delete",
            "void",
            "throw",
            "new",
            "else",
            "do",
            "await",
            "yield",
            "instanceof",
        ];
        match self.previous {
            Token::Punctuation(b')' | b']' | b'}') | Token::String | Token::Template | Token::Number | Token::Regex => false,
            Token::Punctuation(_) => true,
            Token::Word => {
                let before = self.text[..slash].trim_end();
                let start = before.bytes().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
                BEFORE.contains(&&before[start..])
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'#') || byte >= 0x80
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            // One that ends nowhere is no string.
            b'\n' => return at,
            byte if *byte == bytes[start] => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Expressions in it are skipped, whatever they are.
fn end_of_template(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start + 1, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                depth += 1;
                at += 1;
            }
            b'{' if depth > 0 => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b'\'' | b'"' if depth > 0 => at = end_of_string(bytes, at) - 1,
            // Another one in an expression of this one.
            b'`' if depth > 0 => at = skip_inner_template(bytes, at),
            b'`' => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The last byte of a template in another one; what is in it is not looked at.
fn skip_inner_template(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'`' => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

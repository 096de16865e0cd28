//! Whether a declaration is valid in every browser. One with a custom property always is when it is parsed, and would
//! take the place of another where it is not (CSS Custom Properties section 3.1).

use cssparser::Token;
use cssparser::color::parse_named_color;

/// Words that may stand in the value of a property with an image.
const KEYWORDS: &str = " no-repeat repeat repeat-x repeat-y space round scroll fixed local left right top bottom center \
    border-box padding-box content-box cover contain auto none transparent currentcolor inherit initial unset inside outside \
    disc circle square decimal stretch fill alpha luminance normal default pointer move text wait help crosshair progress \
    not-allowed no-drop grab grabbing zoom-in zoom-out all-scroll col-resize row-resize n-resize e-resize s-resize w-resize \
    ne-resize nw-resize se-resize sw-resize ";
/// Functions that are the same in every browser, whatever their arguments.
const FUNCTIONS: &str = " url rgb rgba hsl hsla calc var image-set counter ";

/// A declaration, while it is read.
#[derive(Debug, Default)]
pub(super) struct Declaration {
    /// The number of its first edit.
    pub(super) first_edit: usize,
    property: String,
    is_doubtful: bool,
    /// An exclamation mark came last.
    after_mark: bool,
    /// How many numbers there are in this part of the value.
    numbers: usize,
    ends_with_word: bool,
}

impl Declaration {
    /// One whose edits begin with this.
    pub(super) fn new(first_edit: usize) -> Declaration {
        Declaration { first_edit, ..Declaration::default() }
    }

    /// Its name is known.
    pub(super) fn begin(&mut self, property: &str) {
        // A second colon is in no value.
        self.is_doubtful |= !self.property.is_empty();
        property.clone_into(&mut self.property);
    }

    /// Takes a token of the value, as it is written.
    pub(super) fn add(&mut self, token: &Token<'_>, written: &str) {
        if self.property.is_empty() {
            return;
        }
        let has = |words: &str, word: &str| words.contains(&format!(" {} ", word.to_ascii_lowercase()));
        let is_known = |name: &str| has(KEYWORDS, name) || parse_named_color(name).is_ok();
        self.ends_with_word = false;
        match token {
            Token::Ident(name) => {
                let is_valid = if self.after_mark { name.eq_ignore_ascii_case("important") } else { is_known(name) };
                self.is_doubtful |= !is_valid || written.contains('\\');
                self.ends_with_word = true;
            }
            Token::Number { .. } | Token::Percentage { .. } | Token::Dimension { .. } => {
                self.numbers += 1;
                self.is_doubtful |= self.numbers > if self.property.starts_with("border-image") { 4 } else { 2 };
            }
            Token::Comma | Token::Delim('/') => self.numbers = 0,
            Token::Hash(digits) | Token::IDHash(digits) => {
                let is_color = matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                self.is_doubtful |= !is_color;
            }
            Token::Function(name) => self.is_doubtful |= !has(FUNCTIONS, name),
            Token::UnquotedUrl(_) | Token::QuotedString(_) | Token::Delim('!') => {}
            _ => self.is_doubtful = true,
        }
        self.after_mark = matches!(token, Token::Delim('!'));
    }

    /// Whether it is surely valid, now that it is whole.
    pub(super) fn is_valid(&self) -> bool {
        !self.is_doubtful && (self.property != "cursor" || self.ends_with_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cssparser::{Parser, ParserInput};

    fn is_valid(property: &str, value: &str) -> bool {
        let mut input = ParserInput::new(value);
        let mut parser = Parser::new(&mut input);
        let mut declaration = Declaration::new(0);
        declaration.begin(property);
        loop {
            let start = parser.position();
            let Ok(token) = parser.next().cloned() else { return declaration.is_valid() };
            declaration.add(&token, parser.slice_from(start));
        }
    }

    #[test]
    fn what_only_some_browsers_know_is_not_surely_valid() {
        for value in ["url(a)", "#FFF url(a) no-repeat 0 -10px", "url(a) 0 0/20px 3em, red", "url(a) !important", "RED url('a')"]
        {
            assert!(is_valid("background", value), "{value}");
        }
        for value in [
            "url(a) no-repeat\\9",
            "url(a),-moz-linear-gradient(top,#fff,#000)",
            "url(a),linear-gradient(top,#fff,#000)",
            "url(a) 1px 2px 3px 4px",
            "url(a) !ie",
            "url(a) #ff",
            "url(a) colour",
            "url(a) = 3",
        ] {
            assert!(!is_valid("background", value), "{value}");
        }
        assert!(is_valid("cursor", "url(a) 3 3, pointer") && !is_valid("cursor", "url(a)"));
    }
}

//! `srcset`: several images, one of which a browser chooses (WHATWG HTML section 4.8.4.2.1).
//!
//! In a file on its own, one is enough; and a browser that finds several there as `data:` URLs takes the largest,
//! because it need not wait for it. So the choice is made here, as a browser makes it for an ordinary screen.

use super::css::nested;
use cssparser::{ParseError, Parser, ParserInput, Token};
use std::cell::LazyCell;
use std::ops::{Deref, Range};

/// How wide a window is, in pixels.
const WIDTH: f64 = 1280.0;
/// How high.
const HEIGHT: f64 = 720.0;
/// How large a font is.
const FONT_SIZE: f64 = 16.0;

/// How deep blocks and functions may be nested in `sizes`.
const MAX_DEPTH: usize = 32;

/// One image of several.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    /// The place of its URL.
    pub(super) url: Range<usize>,
    /// What stands behind it.
    pub(super) descriptors: Range<usize>,
    /// How many of its pixels there are for one of the page.
    density: f64,
}

/// The candidate that is shown on a screen of 1280 pixels, with one of the screen for one of the page; `sizes` says
/// how wide the image is.
pub(super) fn choose(srcset: &str, sizes: Option<&str>) -> Option<Candidate> {
    let mut all = candidates(srcset, sizes);
    all.sort_by(|a, b| a.density.total_cmp(&b.density));
    all.dedup_by(|a, b| a.density == b.density);
    // The first that is dense enough, unless the one before it is nearer by their ratio.
    let enough = all.iter().position(|candidate| candidate.density >= 1.0).unwrap_or(all.len().saturating_sub(1));
    let before = enough.checked_sub(1).filter(|before| all[*before].density * all[enough].density >= 1.0);
    all.into_iter().nth(before.unwrap_or(enough))
}

/// Whether it says what to show on an ordinary screen, so that `src` is not shown anywhere.
pub(super) fn replaces_source(srcset: &str) -> bool {
    candidates(srcset, None)
        .iter()
        .any(|candidate| candidate.density == 1.0 || srcset[candidate.descriptors.clone()].trim_ascii_end().ends_with('w'))
}

fn candidates(srcset: &str, sizes: Option<&str>) -> Vec<Candidate> {
    let is_space = |character: char| matches!(character, '\t' | '\n' | '\x0c' | '\r' | ' ');
    let mut found = Vec::new();
    let width = LazyCell::new(|| width(sizes.unwrap_or_default()));
    let mut at = 0;
    loop {
        let rest = &srcset[at..];
        at += rest.len() - rest.trim_start_matches(|character| is_space(character) || character == ',').len();
        let rest = &srcset[at..];
        if rest.is_empty() {
            return found;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        let length = rest[..end].trim_end_matches(',').len();
        let url = at..at + length;
        at += end;
        // A comma behind the URL ends the candidate; else, descriptors last until one outside parentheses.
        let mut depth = 0;
        let descriptors = if length < end {
            at..at
        } else {
            let end = srcset[at..].find(|character| {
                match character {
                    '(' => depth = 1,
                    ')' => depth = 0,
                    _ => {}
                }
                character == ',' && depth == 0
            });
            at..end.map_or(srcset.len(), |comma| at + comma)
        };
        at = descriptors.end;
        if let Some(density) = density(&srcset[descriptors.clone()], &width) {
            found.push(Candidate { url, descriptors, density });
        }
    }
}

/// What descriptors say; `None` where they are not valid.
fn density(descriptors: &str, width: &impl Deref<Target = f64>) -> Option<f64> {
    let mut density = 1.0;
    for descriptor in descriptors.split_ascii_whitespace() {
        let number: f64 =
            descriptor[..descriptor.len().checked_sub(1).filter(|end| descriptor.is_char_boundary(*end))?].parse().ok()?;
        match descriptor.bytes().next_back() {
            Some(b'x') => density = number,
            Some(b'w') => density = number / **width,
            Some(b'h') => {}
            _ => return None,
        }
    }
    (density.is_finite() && density > 0.0).then_some(density)
}

/// How wide an image with this `sizes` attribute is, in pixels.
fn width(sizes: &str) -> f64 {
    let mut input = ParserInput::new(sizes);
    let mut parser = Parser::new(&mut input);
    let entries = parser.parse_comma_separated(|parser| {
        let mut applies = true;
        let mut width = None;
        while let Ok(token) = parser.next().cloned() {
            match token {
                Token::ParenthesisBlock => applies &= nested(parser, |parser| condition(parser, MAX_DEPTH)).unwrap_or(false),
                Token::Ident(word) if word.eq_ignore_ascii_case("and") => {}
                // Not, or, and media types are seldom seen here.
                Token::Ident(_) => applies = false,
                token => width = value(&token, parser, MAX_DEPTH),
            }
        }
        Ok::<_, ParseError<'_, ()>>(width.filter(|_| applies))
    });
    let first = entries.unwrap_or_default().into_iter().flatten().find(|width| *width > 0.0 && width.is_finite());
    first.unwrap_or(WIDTH)
}

/// `min-width: 600px`, and the like.
fn condition(parser: &mut Parser<'_, '_>, depth: usize) -> Option<bool> {
    let feature = parser.expect_ident_cloned().ok()?.to_ascii_lowercase();
    parser.expect_colon().ok()?;
    if feature == "orientation" {
        return Some(parser.expect_ident_matching("landscape").is_ok());
    }
    let token = parser.next().ok()?.clone();
    let value = value(&token, parser, depth)?;
    Some(match feature.as_str() {
        "min-width" => WIDTH >= value,
        "max-width" => WIDTH <= value,
        "width" => WIDTH == value,
        "min-height" => HEIGHT >= value,
        "max-height" => HEIGHT <= value,
        _ => return None,
    })
}

/// A length in pixels, or a number; in it, blocks may be so deep.
fn value(token: &Token<'_>, parser: &mut Parser<'_, '_>, depth: usize) -> Option<f64> {
    match token {
        Token::Number { value, .. } => Some(f64::from(*value)),
        Token::Dimension { value, unit, .. } => {
            let unit = match unit.to_ascii_lowercase().as_str() {
                "px" => 1.0,
                "em" | "rem" => FONT_SIZE,
                "vw" | "vi" | "svw" | "lvw" | "dvw" => WIDTH / 100.0,
                "vh" | "vb" | "svh" | "lvh" | "dvh" => HEIGHT / 100.0,
                "vmin" => HEIGHT / 100.0,
                "vmax" => WIDTH / 100.0,
                "cm" => 96.0 / 2.54,
                "mm" => 96.0 / 25.4,
                "in" => 96.0,
                "pt" => 96.0 / 72.0,
                "pc" => 16.0,
                _ => return None,
            };
            Some(f64::from(*value) * unit)
        }
        Token::ParenthesisBlock | Token::Function(_) if depth == 0 => None,
        Token::ParenthesisBlock => nested(parser, |parser| sum(parser, depth - 1)),
        Token::Function(name) => {
            let name = name.to_ascii_lowercase();
            let values = nested(parser, |parser| {
                let values =
                    parser.parse_comma_separated(|parser| sum(parser, depth - 1).ok_or(parser.new_custom_error::<(), ()>(())));
                values.ok()
            })?;
            match (name.as_str(), &values[..]) {
                ("calc", [value]) => Some(*value),
                ("min", values) => values.iter().copied().reduce(f64::min),
                ("max", values) => values.iter().copied().reduce(f64::max),
                ("clamp", [least, value, most]) => Some(value.min(*most).max(*least)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn sum(parser: &mut Parser<'_, '_>, depth: usize) -> Option<f64> {
    let mut total = product(parser, depth)?;
    while let Ok(Token::Delim(sign)) = parser.next().cloned() {
        match sign {
            '+' => total += product(parser, depth)?,
            '-' => total -= product(parser, depth)?,
            _ => return None,
        }
    }
    Some(total)
}

fn product(parser: &mut Parser<'_, '_>, depth: usize) -> Option<f64> {
    let token = parser.next().ok()?.clone();
    let mut total = value(&token, parser, depth)?;
    loop {
        let before = parser.state();
        let operator = parser.next().cloned();
        let Ok(Token::Delim(operator @ ('*' | '/'))) = operator else {
            parser.reset(&before);
            return Some(total);
        };
        let token = parser.next().ok()?.clone();
        let factor = value(&token, parser, depth)?;
        total = if operator == '*' { total * factor } else { total / factor };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_found() {
        for (srcset, wanted) in [
            ("", &[][..]),
            ("a.png", &["a.png"]),
            ("a.png, b.png 2x", &["a.png", "b.png"]),
            (" a.png 1x,b.png 2x,\n\tc.png 300w ", &["a.png", "b.png", "c.png"]),
            ("a,b.png 1x, c.png", &["a,b.png", "c.png"]),
            ("a.png, , b.png,", &["a.png", "b.png"]),
            ("a.png,b.png 2x", &["a.png,b.png"]),
            ("data:image/png;base64,AA== 1x, b.png 2x", &["data:image/png;base64,AA==", "b.png"]),
            ("a.png (1,2) 2x, b.png", &["b.png"]),
            ("a.png 2é, b.png é, c.png 0x", &[]),
            (",,,é.png", &["é.png"]),
        ] {
            let found: Vec<&str> = candidates(srcset, None).into_iter().map(|found| &srcset[found.url]).collect();
            assert_eq!(found, wanted, "{srcset:?}");
        }
    }

    #[test]
    fn one_is_chosen_as_browsers_do() {
        for (srcset, sizes, wanted) in [
            ("a 1x, b 2x", None, "a"),
            ("b 2x, a", None, "a"),
            ("a 0.5x, b 3x", None, "a"),
            ("a 0.2x, b 3x", None, "b"),
            ("a 0.5x", None, "a"),
            ("a 400w, b 1200w, c 2400w", None, "b"),
            ("a 400w, b 1200w, c 2400w", Some("400px"), "a"),
            ("a 400w, b 800w, c 2400w", Some("(max-width: 600px) 100vw, 50vw"), "b"),
            ("a 400w, b 800w, c 2400w", Some("(min-width: 50em) 25em, 100vw"), "a"),
            ("a 400w, b 800w, c 2400w", Some("calc((100vw - 80px) / 3)"), "a"),
            ("a 400w, b 800w, c 2400w", Some("min(2000px, 100vw + 1120px)"), "c"),
            ("a 400w, b 800w, c 2400w", Some("calc(100px / 0)"), "b"),
            ("a 400w, b 800w, c 2400w", Some("auto, (unknown: 3) 7px, nonsense("), "b"),
        ] {
            let chosen = choose(srcset, sizes).map(|candidate| &srcset[candidate.url]);
            assert_eq!(chosen, Some(wanted), "{srcset} {sizes:?}");
        }
        assert_eq!(choose(", ,", None), None);
        let deep = format!("calc({}", "(/*)*/".repeat(100_000));
        assert!(choose("a 1w", Some(&deep)).is_some());
    }
}

//! In which mode a browser shows a document (WHATWG HTML section 13.2.6.4.1): its doctype decides.

use super::tokens::{Token, tokens};

/// How a document is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    /// Quirks mode.
    Quirks,
    /// As the standards say, but for the height of table cells.
    LimitedQuirks,
    /// As the standards say.
    NoQuirks,
}

/// How much of a document is looked at.
const START: usize = 4096;

const QUIRKS_PUBLIC_IDS: &[&str] = &["-//w3o//dtd w3 html strict 3.0//en//", "-/w3c/dtd html 4.0 transitional/en", "html"];
const QUIRKS_PREFIXES: &[&str] = &[
    "+//silmaril//dtd html pro v0r11 19970101//",
    "-//as//dtd html 3.0 aswedit + extensions//",
    "-//advasoft ltd//dtd html 3.0 aswedit + extensions//",
    "-//ietf//dtd html",
    "-//metrius//dtd metrius presentational//",
    "-//microsoft//dtd internet explorer",
    "-//netscape comm. corp.//dtd",
    "-//o'reilly and associates//dtd html",
    "-//sq//dtd html 2.0 hotmetal + extensions//",
    "-//softquad software//dtd hotmetal pro 6.0::19990601::extensions to html 4.0//",
    "-//softquad//dtd hotmetal pro 4.0::19971010::extensions to html 4.0//",
    "-//spyglass//dtd html 2.0 extended//",
    "-//sun microsystems corp.//dtd hotjava",
    "-//w3c//dtd html 3",
    "-//w3c//dtd html 4.0 frameset//",
    "-//w3c//dtd html 4.0 transitional//",
    "-//w3c//dtd html experimental",
    "-//w3c//dtd w3 html",
    "-//w3o//dtd w3 html",
    "-//webtechs//dtd mozilla html",
];
const QUIRKS_SYSTEM_ID: &str = "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd";
/// Quirks without a system identifier, limited quirks with one.
const HTML_401_PREFIXES: &[&str] = &["-//w3c//dtd html 4.01 frameset//", "-//w3c//dtd html 4.01 transitional//"];
const LIMITED_PREFIXES: &[&str] = &["-//w3c//dtd xhtml 1.0 frameset//", "-//w3c//dtd xhtml 1.0 transitional//"];

/// The mode of a document.
pub(super) fn mode(document: &str) -> Mode {
    let start = &document[..document.floor_char_boundary(START)];
    let doctype = tokens(start).into_iter().find_map(|token| match token {
        Token::Doctype(range) => Some(Some(range)),
        Token::Text(range) if start[range.clone()].trim_ascii().is_empty() => None,
        Token::Start(..) | Token::Text(_) => Some(None),
        Token::Comment(_) => None,
    });
    doctype.flatten().map_or(Mode::Quirks, |range| mode_of(&start[range].to_ascii_lowercase()))
}

/// The mode by a doctype in lower case.
fn mode_of(doctype: &str) -> Mode {
    let rest = doctype.trim_start_matches("<!doctype").trim_end_matches('>');
    let mut rest = rest.trim_ascii_start();
    let Some(after) = rest.strip_prefix("html").filter(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric())) else {
        return Mode::Quirks;
    };
    rest = after.trim_ascii_start();
    let (public, system) = match () {
        () if rest.is_empty() => return Mode::NoQuirks,
        () if rest.starts_with("public") => {
            let Some((public, rest)) = quoted(&rest["public".len()..]) else { return Mode::Quirks };
            (Some(public), quoted(rest).map(|(system, _)| system))
        }
        () if rest.starts_with("system") => match quoted(&rest["system".len()..]) {
            Some((system, _)) => (None, Some(system)),
            None => return Mode::Quirks,
        },
        () => return Mode::Quirks,
    };
    let (public, begins) = (public.unwrap_or_default(), |prefixes: &[&str]| {
        prefixes.iter().any(|prefix| public.unwrap_or_default().starts_with(prefix))
    });
    if QUIRKS_PUBLIC_IDS.contains(&public)
        || begins(QUIRKS_PREFIXES)
        || system == Some(QUIRKS_SYSTEM_ID)
        || system.is_none() && begins(HTML_401_PREFIXES)
    {
        Mode::Quirks
    } else if begins(LIMITED_PREFIXES) || begins(HTML_401_PREFIXES) {
        Mode::LimitedQuirks
    } else {
        Mode::NoQuirks
    }
}

/// A quoted string at the start, and what stands behind it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_ascii_start();
    let quote = text.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doctype_decides_the_mode() {
        for (document, wanted) in [
            ("<p>", Mode::Quirks),
            ("<p><!DOCTYPE html>", Mode::Quirks),
            ("x<!DOCTYPE html>", Mode::Quirks),
            ("\u{feff}<!DOCTYPE html>", Mode::Quirks),
            ("<!-- a --> <!doctype HTML>", Mode::NoQuirks),
            ("<!DOCTYPE html SYSTEM 'about:legacy-compat'>", Mode::NoQuirks),
            ("<!DOCTYPE htmlx>", Mode::Quirks),
            ("<!DOCTYPE html PUBLIC>", Mode::Quirks),
            ("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN'>", Mode::NoQuirks),
            ("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01 Transitional//EN'>", Mode::Quirks),
            (
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\" \"http://www.w3.org/TR/html4/loose.dtd\">",
                Mode::LimitedQuirks,
            ),
            (
                "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">",
                Mode::LimitedQuirks,
            ),
            (
                "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">",
                Mode::NoQuirks,
            ),
            ("<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 3.2 Final//EN'>", Mode::Quirks),
        ] {
            assert_eq!(mode(document), wanted, "{document}");
        }
    }
}

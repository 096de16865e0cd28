//! The modules that a script imports, with their places (ECMAScript section 16.2 and `import()`).

use super::document_write::{Written, written};
use super::lexer::{Lexer, Token};
use super::reference::{AssetOptions, Collector};
use super::resolver::Resolver;
use super::template::{Edits, Link, Part, Place, Template, json_string};
use std::ops::Range;
use std::sync::Arc;

/// Replaces the references in a script. What it imports is relative to itself, what it writes into the document to
/// that.
pub(super) fn edit(
    text: &Arc<str>,
    is_module: bool,
    own: &Resolver<'_>,
    documents: &Resolver<'_>,
    collector: &mut dyn Collector,
) -> Template {
    let mut edits = Edits::default();
    for reference in references(text, is_module) {
        match reference {
            Reference::Specifier(range, specifier) => {
                if let Some((asset, name)) = collector.module(&specifier, own) {
                    edits.replace(range, vec![Part::Specifier(asset, name)]);
                }
            }
            Reference::MetaUrl(range) => edits.text(range, json_string(own.base.as_str())),
        }
    }
    for Written { kind, url: range, is_fallback } in if is_module { Vec::new() } else { written(text) } {
        let reference = text[range.clone()].replace("\\/", "/");
        let Some((url, fragment)) = documents.resolve_resource(&reference) else { continue };
        let asset = collector.asset(url, kind, AssetOptions::default());
        let link = Link { asset, fragment, place: Place::Written };
        edits.replace(range, vec![if is_fallback { Part::ScriptFallback(link) } else { Part::Link(link) }]);
    }
    edits.into_template(Arc::clone(text))
}

/// Something in a script that depends on where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reference {
    /// The string, quotes included, that names a module, and what it says.
    Specifier(Range<usize>, String),
    /// `import.meta.url`.
    MetaUrl(Range<usize>),
}

/// What a script refers to; of a classic script, what it imports as it runs.
fn references(script: &str, is_module: bool) -> Vec<Reference> {
    // Most scripts import nothing.
    let words: &[&str] = if is_module { &["import", "export"] } else { &["import"] };
    if !words.iter().any(|word| script.contains(word)) {
        return Vec::new();
    }
    let mut lexer = Lexer::new(script);
    let mut found = Vec::new();
    let mut after_dot = false;
    while let Some((token, range)) = lexer.next() {
        match token {
            Token::Word if !after_dot && &script[range.clone()] == "import" => import(&mut lexer, is_module, range, &mut found),
            Token::Word if !after_dot && is_module && &script[range.clone()] == "export" => export(&mut lexer, &mut found),
            _ => {}
        }
        after_dot = token == Token::Punctuation(b'.');
    }
    found
}

/// What stands behind `import`.
fn import(lexer: &mut Lexer<'_>, is_module: bool, import: Range<usize>, found: &mut Vec<Reference>) {
    match lexer.peek() {
        Some((Token::Punctuation(b'('), _)) => {
            lexer.next();
            let string = match lexer.peek() {
                Some((Token::String, string)) => string,
                // With nothing to be filled in.
                Some((Token::Template, template)) if !lexer.text[template.clone()].contains("${") => template,
                _ => return,
            };
            lexer.next();
            if matches!(lexer.peek(), Some((Token::Punctuation(b')' | b','), _))) {
                found.extend(specifier(lexer.text, string));
            }
        }
        Some((Token::Punctuation(b'.'), _)) if is_module => {
            lexer.next();
            for name in ["meta", ".", "url"] {
                match lexer.peek() {
                    Some((_, range)) if &lexer.text[range.clone()] == name => {
                        lexer.next();
                        if name == "url" {
                            found.push(Reference::MetaUrl(import.start..range.end));
                        }
                    }
                    _ => return,
                }
            }
        }
        Some((Token::String, string)) if is_module => {
            lexer.next();
            found.extend(specifier(lexer.text, string));
        }
        Some((Token::Word, _) | (Token::Punctuation(b'{' | b'*'), _)) if is_module => from(lexer, found),
        _ => {}
    }
}

/// What stands behind `export`: names of another module, or something else.
fn export(lexer: &mut Lexer<'_>, found: &mut Vec<Reference>) {
    if matches!(lexer.peek(), Some((Token::Punctuation(b'{' | b'*'), _))) {
        from(lexer, found);
    }
}

/// Names, and perhaps `from` and a module.
fn from(lexer: &mut Lexer<'_>, found: &mut Vec<Reference>) {
    let mut depth = 0;
    let mut after_block = false;
    while let Some((token, range)) = lexer.peek() {
        let is_after_block = std::mem::replace(&mut after_block, depth == 1 && token == Token::Punctuation(b'}'));
        match token {
            Token::Punctuation(b'{') => depth += 1,
            Token::Punctuation(b'}') => depth -= 1,
            Token::Punctuation(b',' | b'*') => {}
            // `"any name" as x`, or `from`.
            Token::String if depth > 0 => {}
            Token::Word if depth == 0 && &lexer.text[range.clone()] == "from" => {
                let before = lexer.clone();
                lexer.next();
                if let Some((Token::String, string)) = lexer.peek() {
                    lexer.next();
                    found.extend(specifier(lexer.text, string));
                    return;
                }
                *lexer = before;
            }
            // Behind the names comes nothing else.
            Token::Word if is_after_block => return,
            Token::Word => {}
            _ => return,
        }
        lexer.next();
    }
}

/// A string without escapes, which no URL needs.
fn specifier(text: &str, range: Range<usize>) -> Option<Reference> {
    let inner = text.get(range.start + 1..range.end - 1)?;
    (!inner.contains(['\\', '\n'])).then(|| Reference::Specifier(range, inner.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str, is_module: bool) -> String {
        let show = |reference| match reference {
            Reference::Specifier(range, text) => {
                assert_eq!(&script[range.start + 1..range.end - 1], text);
                text
            }
            Reference::MetaUrl(range) => script[range].to_owned(),
        };
        references(script, is_module).into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn imports_are_found() {
        for (script, wanted) in [
            ("import './a.js'", "./a.js"),
            ("import a from './a.js';import{b as c}from\"./b.js\";import*as d from'./d.js'", "./a.js ./b.js ./d.js"),
            ("import e, {f, g as h} from './e.js'", "./e.js"),
            ("import{'any name' as x}from './a.js'", "./a.js"),
            ("import from from './a.js'", "./a.js"),
            (
                "export * from './a.js'; export * as b from './b.js'; export {c} from './c.js'; export {d}; export default 'x'",
                "./a.js ./b.js ./c.js",
            ),
            ("export const from = './a.js'", ""),
            ("export {a}\nimport './b.js'", "./b.js"),
            ("const a = await import('./a.js'), b = import(b)", "./a.js"),
            ("import('./a.js', {with: {type: 'json'}})", "./a.js"),
            ("import(`./a.js`); import('./a' + b); import(`./${c}`)", "./a.js"),
            ("x.import('./a.js'); ximport('./b.js'); ({import: 1}); import.meta.url; import.meta.env", "import.meta.url"),
            (
                "// import './a.js'\n/* import './b.js' */ '\\'import(\"./c.js\")'; `import('./d.js')${`x`}`; import './e.js'",
                "./e.js",
            ),
            ("a = /import '.\\/[/'\"]/g; import './a.js'", "./a.js"),
            ("a = b / c; import './a.js'; d = e / f", "./a.js"),
            ("return /'/.test(x); import './a.js'", "./a.js"),
            ("'unended\nimport './a.js'", "./a.js"),
            ("import a from \"lodash\"", "lodash"),
        ] {
            assert_eq!(found(script, true), wanted, "{script}");
        }
        assert_eq!(found("import('./a.js'); import './b.js'; export * from './c.js'", false), "./a.js");
    }

    #[test]
    fn nothing_is_out_of_bounds() {
        for end in [
            "'",
            "\"",
            "`",
            "`${",
            "`${`",
            "/",
            "/[",
            "\\",
            "'\\",
            "import",
            "import(",
            "import('a",
            "import.",
            "export{",
            "/*",
            "//",
            "é",
        ] {
            references(&format!("import {end}"), true);
            references(&format!("{end}import "), true);
        }
    }
}

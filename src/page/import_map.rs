//! Import maps: what the names of modules stand for (WHATWG HTML section 8.1.6.2).

use super::resolver::Resolver;
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// The import map of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImportMap {
    imports: Names,
    /// For scripts whose URL begins so.
    scopes: BTreeMap<String, Names>,
}

/// What names stand for.
type Names = BTreeMap<String, Url>;

impl ImportMap {
    /// Reads one; what is no import map maps nothing.
    pub(super) fn parse(text: &str, resolver: &Resolver<'_>) -> ImportMap {
        let map: Value = serde_json::from_str(text).unwrap_or_default();
        let scopes = map.get("scopes").and_then(Value::as_object).into_iter().flatten();
        let scope = |(prefix, of): (&String, &Value)| Some((resolver.absolute(prefix)?.into(), names(Some(of), resolver)));
        ImportMap { imports: names(map.get("imports"), resolver), scopes: scopes.filter_map(scope).collect() }
    }

    /// Adds another one of the same document: what is there already stays.
    pub(super) fn merge(&mut self, other: ImportMap) {
        let add = |names: &mut Names, more: Names| more.into_iter().for_each(|(name, url)| _ = names.entry(name).or_insert(url));
        add(&mut self.imports, other.imports);
        other.scopes.into_iter().for_each(|(prefix, names)| add(self.scopes.entry(prefix).or_default(), names));
    }

    /// The module that a specifier in a script stands for, and whether that depends on where the script came from by
    /// the map.
    pub(super) fn resolve(&self, specifier: &str, resolver: &Resolver<'_>) -> Option<(Url, bool)> {
        let as_url = relative(specifier, resolver);
        let name = as_url.as_ref().map_or(specifier, Url::as_str);
        let from = resolver.base.as_str();
        let applies = |prefix: &str| prefix == from || prefix.ends_with('/') && from.starts_with(prefix);
        // The longest prefix wins.
        let mut scopes = self.scopes.iter().rev().filter(|(prefix, _)| applies(prefix));
        let scoped = scopes.find_map(|(_, names)| find(names, name)).map(|url| (url, true));
        scoped.or_else(|| find(&self.imports, name).or_else(|| as_url.clone()).map(|url| (url, false)))
    }
}

fn names(map: Option<&Value>, resolver: &Resolver<'_>) -> Names {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    let entry = |(name, address): (&String, &Value)| {
        let url = relative(address.as_str()?, resolver)?;
        Some((relative(name, resolver).map_or_else(|| name.clone(), String::from), url))
    };
    entries.filter_map(entry).collect()
}

/// The URL of a name, or of one that begins with the longest of those that end in a slash.
fn find(names: &Names, name: &str) -> Option<Url> {
    if let Some(url) = names.get(name) {
        return Some(url.clone());
    }
    let (prefix, url) = names.iter().rfind(|(prefix, _)| prefix.ends_with('/') && name.starts_with(prefix.as_str()))?;
    url.join(&name[prefix.len()..]).ok()
}

/// The URL of a specifier, unless it is a bare name.
fn relative(specifier: &str, resolver: &Resolver<'_>) -> Option<Url> {
    let is_relative = ["/", "./", "../"].iter().any(|start| specifier.starts_with(start));
    if is_relative { resolver.absolute(specifier) } else { Url::parse(specifier).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_8;

    #[test]
    fn names_stand_for_modules() {
        let base = Url::parse("http://h/d/").expect("a URL");
        let resolver = Resolver { base: &base, document: None, encoding: UTF_8 };
        let map = r#"{"imports": {"vue": "./vue.js", "lib/": "/lib/", "lib/x/": "http://o/x/", "./old.js": "./new.js"}}"#;
        let map = ImportMap::parse(map, &resolver);
        for (specifier, wanted) in [
            ("vue", Some("http://h/d/vue.js")),
            ("lib/a.js", Some("http://h/lib/a.js")),
            ("lib/x/a.js", Some("http://o/x/a.js")),
            ("./old.js", Some("http://h/d/new.js")),
            ("../a.js", Some("http://h/a.js")),
            ("http://o/a.js", Some("http://o/a.js")),
            ("unknown", None),
        ] {
            assert_eq!(map.resolve(specifier, &resolver).map(|(url, _)| url.to_string()).as_deref(), wanted, "{specifier}");
        }
        assert_eq!(ImportMap::parse("[]", &resolver), ImportMap::default());
    }

    #[test]
    fn a_name_may_be_another_module_in_a_scope() {
        let (base, other) = (Url::parse("http://h/d/").expect("a URL"), Url::parse("http://h/old/x.js").expect("a URL"));
        let resolver = |base| Resolver { base, document: None, encoding: UTF_8 };
        let parse = |text| ImportMap::parse(text, &resolver(&base));
        let mut map = parse(r#"{"imports": {"v": "/3.js"}, "scopes": {"/old/": {"v": "/2.js"}}}"#);
        map.merge(parse(r#"{"imports": {"v": "/4.js", "w": "/w.js"}}"#));
        let resolve = |name, base| map.resolve(name, &resolver(base)).map(|(url, scoped)| (url.path().to_owned(), scoped));
        assert_eq!(resolve("v", &base), Some(("/3.js".to_owned(), false)));
        assert_eq!(resolve("v", &other), Some(("/2.js".to_owned(), true)));
        assert_eq!(resolve("w", &other), Some(("/w.js".to_owned(), false)));
    }
}

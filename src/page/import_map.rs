//! Import maps: what the names of modules stand for (WHATWG HTML section 8.1.6.2).

use super::Resolver;
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// The `imports` of an import map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ImportMap(BTreeMap<String, Url>);

impl ImportMap {
    /// Reads one; what is no import map maps nothing.
    pub(super) fn parse(text: &str, resolver: &Resolver<'_>) -> ImportMap {
        let parsed: Option<Value> = serde_json::from_str(text).ok();
        let imports = parsed.as_ref().and_then(|map| map.get("imports")).and_then(Value::as_object);
        let entries = imports.into_iter().flatten().filter_map(|(name, address)| {
            let url = relative(address.as_str()?, resolver)?;
            Some((relative(name, resolver).map_or_else(|| name.clone(), String::from), url))
        });
        ImportMap(entries.collect())
    }

    /// The module that a specifier in a script stands for.
    pub(super) fn resolve(&self, specifier: &str, resolver: &Resolver<'_>) -> Option<Url> {
        let as_url = relative(specifier, resolver);
        let name = as_url.as_ref().map_or(specifier, Url::as_str);
        if let Some(url) = self.0.get(name) {
            return Some(url.clone());
        }
        // The longest prefix wins.
        let prefix = self.0.iter().rfind(|(prefix, _)| prefix.ends_with('/') && name.starts_with(prefix.as_str()));
        match prefix {
            Some((prefix, url)) => url.join(&name[prefix.len()..]).ok(),
            None => as_url,
        }
    }
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
        let resolver = Resolver { base: &base, encoding: UTF_8 };
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
            assert_eq!(map.resolve(specifier, &resolver).as_ref().map(Url::as_str), wanted, "{specifier}");
        }
        assert_eq!(ImportMap::parse("[]", &resolver), ImportMap::default());
    }
}

//! What derived numbers depend on besides documents, as text to take a fingerprint of: the rows of the catalogue, the row
//! of the collection, and the source of the rules. A version number kept by hand would be forgotten eventually.

use crate::catalogue::Metric;
use crate::collection::Collection;

/// The files that decide how a document is parsed and derived. Their comments and spacing do not count. A test requires
/// each file that one of them uses to be here as well.
const SOURCES: &[(&str, &str)] = &[
    ("catalogue", include_str!("../catalogue.rs")),
    ("collection", include_str!("../collection.rs")),
    ("day", include_str!("../day.rs")),
    ("derive", include_str!("../derive.rs")),
    ("derive/sleeps", include_str!("sleeps.rs")),
    ("document", include_str!("../document.rs")),
    ("document/ahead", include_str!("../document/ahead.rs")),
    ("document/check", include_str!("../document/check.rs")),
    ("event", include_str!("../event.rs")),
    ("json", include_str!("../json.rs")),
    ("ring", include_str!("../ring.rs")),
    ("unit", include_str!("../unit.rs")),
];

/// Feeds everything that the numbers of a collection depend on to `feed`, piece by piece, in an order that does not
/// change from run to run.
pub fn describe(collection: Collection, mut feed: impl FnMut(&str)) {
    feed(&format!("{:?}", collection.info()));
    for metric in Metric::of(collection) {
        // Help is prose.
        feed(&format!("{:?}", (metric.key, metric.label, metric.source, metric.unit)));
    }
    for (_, source) in SOURCES {
        code(source).for_each(&mut feed);
    }
}

/// The words of a source file without comment lines and tests.
pub fn code(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.starts_with("//")).flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(collection: Collection) -> String {
        let mut text = String::new();
        describe(collection, |piece| text.push_str(piece));
        text
    }

    #[test]
    fn rules_include_every_file_they_use() {
        let listed: BTreeSet<&str> = SOURCES.iter().map(|(name, _)| *name).collect();
        // Which token opens a collection, and how days are compared, changes no number.
        let exempt = BTreeSet::from(["theme"]);
        for (file, source) in SOURCES {
            for line in source.lines().map(str::trim) {
                let used = line.split("crate::").skip(1).map(|rest| {
                    rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap()
                });
                for module in used.filter(|module| module.chars().next().is_some_and(char::is_lowercase)) {
                    assert!(listed.contains(module) || exempt.contains(module), "{file} uses {module}");
                }
                let Some(child) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) else {
                    continue;
                };
                // Tables count row by row, and prose and tests not at all.
                let apart = ["tests", "metrics", "table", "caveats", "rules"].contains(&child);
                assert!(apart || listed.contains(format!("{file}/{child}").as_str()), "{file} has {child}");
            }
        }
    }

    #[test]
    fn rules_of_a_collection_change_with_its_metrics_alone() {
        let (sleep, tags) = (text(Collection::Sleep), text(Collection::Tag));
        assert!(sleep.contains("sleep_average_hrv"));
        assert!(!tags.contains("sleep_average_hrv"), "a metric of another collection");
        let help = Metric::by_key("sleep_average_hrv").unwrap().help;
        assert!(!sleep.contains(help), "help is prose");
    }

    #[test]
    fn rules_ignore_comments_and_spacing() {
        let code = |source| code(source).collect::<String>();
        let plain = code("fn a() { b() }");
        assert_eq!(code("/// Says.\nfn  a()\n{\n    // why\n    b()\n}\n#[cfg(test)]\nmod tests { }"), plain);
        assert_ne!(code("fn a() { c() }"), plain);
    }
}

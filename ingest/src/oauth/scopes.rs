//! Scopes: what was asked, what the person ticked, and what the difference costs. Names compare without Oura's prefix
//! `extapi:`, and the name its specification has for blood oxygen is the one that its servers use.

use domain::Collection;

/// A scope's name as it compares.
fn plain(scope: &str) -> &str {
    match scope.strip_prefix("extapi:").unwrap_or(scope) {
        "spo2Daily" => "spo2",
        scope => scope,
    }
}

/// The scopes of Oura's answer, plain, each once and in order. An answer that names none granted what was asked
/// (RFC 6749, 5.1).
pub(super) fn granted(answer: Option<&str>, asked: &str) -> String {
    let mut scopes: Vec<&str> = answer.unwrap_or(asked).split_whitespace().map(plain).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes.join(" ")
}

/// Scopes asked for, plain, with whether each was granted.
pub(super) fn compared<'a>(asked: &'a str, granted: &str) -> Vec<(&'a str, bool)> {
    let mut asked: Vec<&str> = asked.split_whitespace().map(plain).collect();
    asked.sort_unstable();
    asked.dedup();
    let has = |scope: &str| granted.split_whitespace().any(|granted| plain(granted) == scope);
    asked.into_iter().map(|scope| (scope, has(scope))).collect()
}

/// Scopes asked for and not granted, plain.
pub fn missing<'a>(asked: &'a str, granted: &str) -> Vec<&'a str> {
    compared(asked, granted).into_iter().filter(|(_, has)| !has).map(|(scope, _)| scope).collect()
}

/// The collections that a scope opens ([`domain::CollectionInfo::oura_scope`]).
pub fn collections_of(scope: &str) -> Vec<Collection> {
    let opened = |collection: &Collection| collection.info().oura_scope == plain(scope);
    Collection::ALL.iter().copied().filter(opened).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_compare_without_prefix() {
        let asked = "daily extapi:heartrate spo2Daily tag";
        assert_eq!(missing(asked, "extapi:daily heartrate extapi:spo2"), ["tag"]);
        assert_eq!(missing(asked, ""), ["daily", "heartrate", "spo2", "tag"]);
        assert_eq!(granted(Some("extapi:tag extapi:daily tag"), asked), "daily tag");
        assert_eq!(granted(None, asked), "daily heartrate spo2 tag");
        assert_eq!(granted(Some(""), asked), "");
    }

    #[test]
    fn every_collection_has_one_oura_scope() {
        let scopes =
            "daily heartrate workout tag session spo2 stress heart_health ring_configuration personal";
        let mut all: Vec<_> = scopes.split(' ').flat_map(collections_of).collect();
        all.sort_unstable();
        let mut expected = Collection::ALL.to_vec();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }
}

//! Which series a question is about.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::history::{Gauge, Labels};
use regex::{Regex, RegexBuilder};

use super::wire::{LabelMatcher, MatchKind};
use crate::error::{Error, shown};

/// Compiled size of a pattern. The engine takes linear time whatever the pattern; this bounds its memory.
const MAX_COMPILED: usize = 1 << 20;

/// Matchers a question may have.
const MAX_MATCHERS: usize = 64;

/// Labels that Prometheus gives its own targets; whoever asks for one does not mean history.
const OF_TARGETS: [&str; 2] = ["instance", "job"];

/// Every label that a series of history can have.
static LABELS: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| Gauge::all().flat_map(|gauge| gauge.labels("me")).map(|(name, _)| name).collect());

/// All of them must match.
pub(super) struct Matchers(Vec<Matcher>);

struct Matcher {
    label: String,
    test: Test,
    /// What the test must say.
    wanted: bool,
}

enum Test {
    Equal(String),
    Regex(Regex),
}

impl Matcher {
    fn new(matcher: LabelMatcher) -> Result<Self, Error> {
        let kind = MatchKind::try_from(matcher.kind)
            .map_err(|_| refusal(&matcher.name, "is of a kind this version does not know"))?;
        let wanted = matches!(kind, MatchKind::Equal | MatchKind::Regex);
        let test = match kind {
            MatchKind::Equal | MatchKind::NotEqual => Test::Equal(matcher.value),
            MatchKind::Regex | MatchKind::NotRegex => {
                Test::Regex(anchored(&matcher.value).map_err(|error| match error {
                    regex::Error::CompiledTooBig(_) => {
                        refusal(&matcher.name, "is too large once compiled; use smaller repetitions")
                    }
                    _ => refusal(&matcher.name, "is no regular expression of RE2's syntax"),
                })?)
            }
        };
        Ok(Self { label: matcher.name, test, wanted })
    }

    fn allows(&self, value: &str) -> bool {
        let holds = match &self.test {
            Test::Equal(text) => text == value,
            Test::Regex(pattern) => pattern.is_match(value),
        };
        holds == self.wanted
    }
}

/// Anchored at both ends, and with a dot that takes line ends, as Prometheus does. It must be a pattern by itself, too:
/// `a)|(b` is none.
fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
    build(pattern)?;
    build(&format!("^(?s:{pattern})$"))
}

fn refusal(label: &str, what: &str) -> Error {
    Error::RemoteRead(format!("the matcher of label {:?} {what}", shown(label)))
}

/// Prometheus adds its external labels (`cluster="home"`) to what it asks, and takes them off the answer. History has
/// none of them, so an equality on a label that no series of history can have is no condition.
fn is_external(matcher: &LabelMatcher) -> bool {
    let name = matcher.name.as_str();
    matcher.kind == MatchKind::Equal as i32
        && !matcher.value.is_empty()
        && !LABELS.contains(name)
        && !OF_TARGETS.contains(&name)
        && !name.starts_with("__")
}

impl Matchers {
    pub(super) fn new(matchers: Vec<LabelMatcher>) -> Result<Self, Error> {
        if matchers.len() > MAX_MATCHERS {
            return Err(Error::RemoteRead(format!("a query has at most {MAX_MATCHERS} matchers")));
        }
        let own = matchers.into_iter().filter(|matcher| !is_external(matcher));
        own.map(Matcher::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a person of this name can have matching series at all.
    pub(super) fn allow_person(&self, name: &str) -> bool {
        self.0.iter().filter(|matcher| matcher.label == "person").all(|matcher| matcher.allows(name))
    }

    /// Whether a series of these labels matches, whoever's it is. A label that it does not have is empty.
    pub(super) fn allow_labels(&self, labels: &Labels<'_>) -> bool {
        let value =
            |name: &str| labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| &**value);
        let mut own = self.0.iter().filter(|matcher| matcher.label != "person");
        own.all(|matcher| matcher.allows(value(&matcher.label)))
    }
}

#[cfg(test)]
mod tests {
    use domain::Metric;

    use super::*;

    fn matcher(kind: MatchKind, name: &str, value: &str) -> LabelMatcher {
        LabelMatcher { kind: kind as i32, name: name.to_owned(), value: value.to_owned() }
    }

    /// How many series of everyone's match.
    #[track_caller]
    fn check(kind: MatchKind, name: &str, value: &str, expected: usize) {
        let matchers = Matchers::new(vec![matcher(kind, name, value)]).unwrap();
        let found = Gauge::all().filter(|gauge| matchers.allow_labels(&gauge.labels(""))).count();
        assert_eq!(found, expected, "{name} {kind:?} {value:?}");
    }

    #[test]
    fn every_kind_matches_every_label() {
        let all = Gauge::all().count();
        let stages = 4;
        check(MatchKind::Equal, "__name__", "oura_sleep_score", 1);
        check(MatchKind::NotEqual, "__name__", "oura_sleep_score", all - 1);
        check(MatchKind::Regex, "__name__", "oura_sleep_scor", 0);
        check(MatchKind::Regex, "__name__", "oura_(sleep|readiness)_score", 2);
        check(MatchKind::NotRegex, "__name__", ".+", 0);
        check(MatchKind::Equal, "source", "history", all);
        check(MatchKind::Equal, "source", "", 0);
        check(MatchKind::Regex, "stage", ".+", stages);
        check(MatchKind::Equal, "stage", "", all - stages);
        check(MatchKind::Equal, "stage", "deep", 1);
        check(MatchKind::NotEqual, "stage", "deep", all - 1);
        check(MatchKind::Equal, "job", "myhealth", 0);
        check(MatchKind::Equal, "job", "", all);
        check(MatchKind::Equal, "cluster", "home", all);
        check(MatchKind::Regex, "cluster", "home", 0);
        check(MatchKind::Equal, "__replica__", "a", 0);
    }

    #[test]
    fn people_are_matched_by_name() {
        let allows = |kind, value, name| {
            Matchers::new(vec![matcher(kind, "person", value)]).unwrap().allow_person(name)
        };
        assert!(allows(MatchKind::Equal, "me", "me") && !allows(MatchKind::Equal, "me", "mel"));
        assert!(allows(MatchKind::Regex, "m.", "me") && !allows(MatchKind::Regex, "m.", "mel"));
        assert!(allows(MatchKind::NotEqual, "me", "ann") && !allows(MatchKind::NotRegex, "a.*", "ann"));
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_refused() {
        for pattern in ["(", "\\p{", "((a{1000}){1000}){1000}", "a)(?i:b"] {
            let error = Matchers::new(vec![matcher(MatchKind::Regex, "__name__", pattern)]).err().unwrap();
            assert!(matches!(error, Error::RemoteRead(_)), "{pattern}");
        }
        let kind = LabelMatcher { kind: 9, ..matcher(MatchKind::Equal, "a", "b") };
        assert!(Matchers::new(vec![LabelMatcher { name: "person".into(), ..kind }]).is_err());
        assert!(Metric::by_key("sleep_score").is_some());
    }
}

//! Which series a question is about.
//!
//! A regular expression is never kept: [`Patterns`] replaces each by the label values that it matches, of all values that
//! labels of history can have, one expression after the other. So a request holds at most one compiled expression,
//! however many it asks for, and only while it is tested.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use domain::history::{Gauge, Labels};
use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast, ClassSetItem, Visitor, parse::Parser};

use super::wire::{LabelMatcher, MatchKind, ReadRequest};
use crate::error::{Error, shown};

/// Different regular expressions of a request.
const MAX_PATTERNS: usize = 32;

/// Bytes of all its different regular expressions.
const MAX_PATTERN_BYTES: usize = 16 * 1024;

/// Classes of characters in all of them, and what stands in their brackets: before any limit of the engine counts, each
/// takes up to 5 KB, and half a millisecond if its case does not matter.
const MAX_CLASSES: usize = 512;

/// Compiled size of all its different regular expressions. The engine takes time in proportion to it.
const MAX_COMPILED: usize = 1 << 20;

/// Matchers a question may have.
const MAX_MATCHERS: usize = 64;

/// Every value of a label but `person`, and that of a label that a series does not have.
static VALUES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let labels = Gauge::all().flat_map(|gauge| gauge.labels(""));
    labels.map(|(_, value)| value.into_owned()).collect()
});

/// The different regular expressions of a request, each with a label whose matcher has it.
pub(super) struct Patterns(BTreeMap<String, String>);

impl Patterns {
    pub(super) fn of(request: &ReadRequest) -> Result<Self, Error> {
        let mut patterns = BTreeMap::new();
        for matcher in request.queries.iter().flat_map(|query| &query.matchers) {
            if [MatchKind::Regex as i32, MatchKind::NotRegex as i32].contains(&matcher.kind) {
                patterns.entry(matcher.value.clone()).or_insert_with(|| matcher.name.clone());
            }
        }
        if patterns.len() > MAX_PATTERNS {
            return Err(Error::RemoteRead(format!(
                "a request has at most {MAX_PATTERNS} different regular expressions"
            )));
        }
        if patterns.keys().map(String::len).sum::<usize>() > MAX_PATTERN_BYTES {
            return Err(Error::RemoteRead(
                "the regular expressions of a request have more than 16 KiB together".to_owned(),
            ));
        }
        let mut classes = 0;
        for (pattern, label) in &patterns {
            // It must be a pattern by itself: `a)|(b` would be none but for what it is put into.
            let parsed = Parser::new().parse(pattern).map_err(|_| malformed(label))?;
            classes += ast::visit(&parsed, CountClasses(0)).unwrap_or_else(|never| match never {});
        }
        if classes > MAX_CLASSES {
            return Err(Error::RemoteRead(format!(
                "the regular expressions of a request have more than {MAX_CLASSES} classes of characters together"
            )));
        }
        Ok(Self(patterns))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which of [`VALUES`] and `names` each expression matches. Ends early once `is_abandoned`, when no caller reads the result.
    pub(super) fn resolve(
        self,
        names: &[String],
        is_abandoned: impl Fn() -> bool,
    ) -> Result<Resolved, Error> {
        let most = MAX_COMPILED / self.0.len().max(1);
        let mut resolved = HashMap::new();
        for (pattern, label) in self.0 {
            let compiled = compile(&pattern, &label, most)?;
            let mut values = HashSet::new();
            for value in VALUES.iter().chain(names) {
                if is_abandoned() {
                    return Err(Error::Gone);
                }
                if compiled.is_match(value) {
                    values.insert(value.clone());
                }
            }
            resolved.insert(pattern, Arc::new(values));
        }
        Ok(Resolved(resolved))
    }
}

/// The label values that each regular expression of a request matches.
#[derive(Default)]
pub(super) struct Resolved(HashMap<String, Arc<HashSet<String>>>);

/// Anchored at both ends, and with a dot that takes line ends, as Prometheus does.
fn compile(pattern: &str, label: &str, most: usize) -> Result<Regex, Error> {
    let compiled = RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(most).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => refusal(
            label,
            "is too large once compiled; use smaller repetitions, or fewer regular expressions in a request",
        ),
        _ => malformed(label),
    })
}

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
    OneOf(Arc<HashSet<String>>),
}

impl Matcher {
    fn new(matcher: LabelMatcher, resolved: &Resolved) -> Result<Self, Error> {
        let kind = MatchKind::try_from(matcher.kind)
            .map_err(|_| refusal(&matcher.name, "is of a kind this version does not know"))?;
        let wanted = matches!(kind, MatchKind::Equal | MatchKind::Regex);
        let test = match kind {
            MatchKind::Equal | MatchKind::NotEqual => Test::Equal(matcher.value),
            MatchKind::Regex | MatchKind::NotRegex => {
                Test::OneOf(resolved.0.get(&matcher.value).cloned().unwrap_or_default())
            }
        };
        Ok(Self { label: matcher.name, test, wanted })
    }

    fn allows(&self, value: &str) -> bool {
        let holds = match &self.test {
            Test::Equal(text) => text == value,
            Test::OneOf(values) => values.contains(value),
        };
        holds == self.wanted
    }
}

fn malformed(label: &str) -> Error {
    refusal(label, "is no regular expression of RE2's syntax")
}

/// Counts what [`MAX_CLASSES`] bounds.
struct CountClasses(usize);

impl Visitor for CountClasses {
    type Output = usize;
    type Err = Infallible;

    fn finish(self) -> Result<usize, Infallible> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Infallible> {
        self.0 +=
            usize::from(matches!(ast, Ast::ClassUnicode(_) | Ast::ClassPerl(_) | Ast::ClassBracketed(_)));
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Infallible> {
        self.0 += usize::from(!matches!(item, ClassSetItem::Empty(_) | ClassSetItem::Literal(_)));
        Ok(())
    }
}

fn refusal(label: &str, what: &str) -> Error {
    Error::RemoteRead(format!("the matcher of label {:?} {what}", shown(label)))
}

impl Matchers {
    /// An equality on one of the `external` labels is no condition: Prometheus adds it to what it asks, and takes the
    /// label off the response. Any other label that history does not have is empty, as everywhere in PromQL.
    pub(super) fn new(
        matchers: Vec<LabelMatcher>,
        resolved: &Resolved,
        external: &[String],
    ) -> Result<Self, Error> {
        if matchers.len() > MAX_MATCHERS {
            return Err(Error::RemoteRead(format!("a query has at most {MAX_MATCHERS} matchers")));
        }
        let is_external = |matcher: &LabelMatcher| {
            matcher.kind == MatchKind::Equal as i32 && external.contains(&matcher.name)
        };
        let own = matchers.into_iter().filter(|matcher| !is_external(matcher));
        own.map(|matcher| Matcher::new(matcher, resolved)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a person of this name can have matching series at all.
    pub(super) fn allow_person(&self, name: &str) -> bool {
        self.0.iter().filter(|matcher| matcher.label == "person").all(|matcher| matcher.allows(name))
    }

    /// Whether a series of these labels matches, of any person. A label that it does not have is empty.
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
    use crate::remote_read::wire::Query;

    fn matcher(kind: MatchKind, name: &str, value: &str) -> LabelMatcher {
        LabelMatcher { kind: kind as i32, name: name.to_owned(), value: value.to_owned() }
    }

    fn request(matchers: Vec<LabelMatcher>) -> ReadRequest {
        let query = Query { start_timestamp_ms: 0, end_timestamp_ms: 0, matchers, hints: None };
        ReadRequest { queries: vec![query], accepted_response_types: Vec::new() }
    }

    fn resolve(matchers: Vec<LabelMatcher>, names: &[&str]) -> Result<Resolved, Error> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Patterns::of(&request(matchers))?.resolve(&names, || false)
    }

    fn matchers(matchers: Vec<LabelMatcher>, names: &[&str]) -> Result<Matchers, Error> {
        Matchers::new(matchers.clone(), &resolve(matchers, names)?, &["cluster".to_owned()])
    }

    /// How many series of everyone's match.
    #[track_caller]
    fn check(kind: MatchKind, name: &str, value: &str, expected: usize) {
        let matchers = matchers(vec![matcher(kind, name, value)], &[]).unwrap();
        let found = Gauge::all().filter(|gauge| matchers.allow_labels(&gauge.labels(""))).count();
        assert_eq!(found, expected, "{name} {kind:?} {value:?}");
    }

    #[test]
    fn matchers_of_every_kind_match_every_label() {
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
        check(MatchKind::Regex, "stage", "|deep", all - stages + 1);
        check(MatchKind::Equal, "stage", "deep", 1);
        check(MatchKind::NotEqual, "stage", "deep", all - 1);
        check(MatchKind::Equal, "job", "myhealth", 0);
        check(MatchKind::Equal, "job", "", all);
        check(MatchKind::Regex, "job", ".*", all);
        check(MatchKind::Regex, "job", ".+", 0);
        check(MatchKind::Equal, "cluster", "home", all);
        check(MatchKind::Regex, "cluster", "home", 0);
        check(MatchKind::NotEqual, "cluster", "", 0);
        // It is not configured as external.
        check(MatchKind::Equal, "replica", "a", 0);
        check(MatchKind::Equal, "replica", "", all);
        check(MatchKind::NotEqual, "replica", "a", all);
        check(MatchKind::Equal, "__replica__", "a", 0);
    }

    #[test]
    fn person_matcher_selects_by_name() {
        let allows = |kind, value, name| {
            matchers(vec![matcher(kind, "person", value)], &["ann", "me", "mel"]).unwrap().allow_person(name)
        };
        assert!(allows(MatchKind::Equal, "me", "me") && !allows(MatchKind::Equal, "me", "mel"));
        assert!(allows(MatchKind::Regex, "m.", "me") && !allows(MatchKind::Regex, "m.", "mel"));
        assert!(allows(MatchKind::NotEqual, "me", "ann") && !allows(MatchKind::NotRegex, "a.*", "ann"));
    }

    #[test]
    fn unusable_pattern_is_refused() {
        for pattern in ["(", "\\p{", "((a{1000}){1000}){1000}", "a)(?i:b"] {
            let error = matchers(vec![matcher(MatchKind::Regex, "__name__", pattern)], &[]).err().unwrap();
            assert!(matches!(error, Error::RemoteRead(_)), "{pattern}");
        }
        let kind = LabelMatcher { kind: 9, ..matcher(MatchKind::Equal, "a", "b") };
        assert!(matchers(vec![LabelMatcher { name: "person".into(), ..kind }], &[]).is_err());
        assert!(Metric::by_key("sleep_score").is_some());
    }

    #[test]
    fn patterns_of_a_request_share_one_budget() {
        let many = |count: usize, pattern: &str| {
            let pattern =
                |n| matcher(MatchKind::Regex, "__name__", &pattern.replace('#', &format!("{n:04}")));
            resolve((0..count).map(pattern).collect(), &[])
        };
        let refusal = |resolved: Result<Resolved, Error>| resolved.err().map(|error| error.to_string());
        // A megabyte once compiled, but the same every time.
        assert_eq!(refusal(many(2_048, r"\pL{16}")), None);
        assert_eq!(refusal(many(MAX_PATTERNS, "oura_.*#")), None);
        assert!(refusal(many(MAX_PATTERNS + 1, "oura_.*#")).unwrap().contains("32 different"));
        assert!(refusal(many(2, r"\pL{16}#")).unwrap().contains("fewer regular expressions"));
        for classes in [r"(?i)\pL".repeat(600), "[^x]".repeat(600), r"[\w[:alpha:]x]".repeat(200)] {
            assert!(refusal(many(1, &classes)).unwrap().contains("512 classes"), "{classes}");
        }
        assert_eq!(refusal(many(1, &"[a-z_]+|".repeat(150))), None);
        assert!(refusal(many(2, &("#".to_owned() + &"x".repeat(9_000)))).unwrap().contains("16 KiB"));
    }

    #[test]
    fn abandoned_request_is_not_resolved_to_its_end() {
        let tests = std::cell::Cell::new(0);
        let patterns = Patterns::of(&request(vec![matcher(MatchKind::Regex, "person", ".+")])).unwrap();
        let abandoned = || tests.replace(tests.get() + 1) == 3;
        assert!(matches!(patterns.resolve(&[], abandoned), Err(Error::Gone)));
        assert_eq!(tests.get(), 4);
    }
}

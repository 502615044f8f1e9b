//! Which metric was meant: keys near a text that is none.

use std::cmp::Reverse;

use domain::{METRICS, Metric};

/// Longest text compared; the work grows with its length times that of every key.
const MAX_TEXT: usize = 64;

/// At most this many suggestions: more is a list, and there is an endpoint for the list.
const MAX_SUGGESTIONS: usize = 3;

/// Up to three keys near `text`, nearest first; none when nothing is near. Prometheus names are understood too.
pub(crate) fn closest(text: &str) -> Vec<&'static str> {
    let text: String = text.chars().take(MAX_TEXT).flat_map(char::to_lowercase).collect();
    let near = |metric: &&'static Metric| {
        let name = metric.name();
        let distance = edits(&text, metric.key).min(edits(&text, &name));
        let shared = text.len() >= 4 && (metric.key.contains(&text) || text.contains(metric.key));
        (shared || distance <= text.chars().count() / 3).then_some((Reverse(shared), distance, metric.key))
    };
    let mut found: Vec<_> = METRICS.iter().filter_map(|metric| near(&metric)).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, _, key)| key).take(MAX_SUGGESTIONS).collect()
}

/// How many characters must be added, removed or replaced (Levenshtein).
fn edits(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, r) in right.chars().enumerate() {
            let replaced = corner + usize::from(l != r);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_edits() {
        for (left, right, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("abc", "abc", 0), ("é", "e", 1)]
        {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn suggestions_start_with_the_nearest_metric() {
        let check = |text: &str, first: Option<&str>| {
            let found = closest(text);
            assert!(found.len() <= MAX_SUGGESTIONS);
            assert_eq!(found.first().copied(), first, "{text}: {found:?}");
        };
        check("sleep_scor", Some("sleep_score"));
        check("Sleep_Score", Some("sleep_score"));
        check("steps", Some("activity_steps"));
        check("oura_sleep_latency_seconds", Some("sleep_latency"));
        check("bitcoin", None);
        check("", None);
        check(&"x".repeat(100_000), None);
    }
}

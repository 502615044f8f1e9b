//! Which day a rejected document speaks of, as far as it can be read.

use crate::collection::{Collection, Window};
use crate::day::Day;
use crate::document::{Document, Rejected};

impl Rejected {
    /// The day it would be filed under; `None` where it does not say an accepted day, and for what has no day of its own.
    pub fn day(&self, collection: Collection) -> Option<Day> {
        match collection.window() {
            Window::Days | Window::Instants => Document::day_of(collection, &self.body),
            Window::Whole => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_is_read_where_the_document_says_it() {
        let check = |collection, body: &str, expected: Option<&str>| {
            let rejected = Rejected::unnamed(String::new(), body.to_owned());
            let expected = expected.map(|day| day.parse().unwrap());
            assert_eq!(rejected.day(collection), expected, "{collection} {body}");
        };
        let march = Some("2026-03-09");
        check(Collection::DailySleep, r#"{"id":7,"day":"2026-03-09"}"#, march);
        check(Collection::EnhancedTag, r#"{"id":"t","start_day":"2026-03-09"}"#, march);
        check(Collection::DailySleep, r#"{"id":"s","day":"9 March"}"#, None);
        check(Collection::DailySleep, r#"{"id":"s","day":"#, None);
        check(Collection::DailySleep, "", None);
        check(Collection::HeartRate, r#"{"timestamp":"2026-03-10T00:30:00+01:00","bpm":"high"}"#, march);
        check(Collection::HeartRate, r#"{"timestamp":"soon"}"#, None);
        check(Collection::PersonalInfo, r#"{"id":"p","day":"2026-03-09"}"#, None);
    }
}

//! Parameters become domain types, or a refusal that says which parameter, what came and what to write.

use domain::{Day, DayRange};
use store::{Person, Store};

use crate::access::Access;
use crate::error::{Error, shown};

/// How many names a refusal repeats; a study group is not a sentence.
const MAX_NAMES: usize = 20;

/// The person a question is about: the one it names, or the only one there is.
/// Whom the one who asks may not see does not exist for him.
pub(crate) async fn person(store: &Store, access: &Access, name: Option<&str>) -> Result<Person, Error> {
    if let Some(name) = name {
        let person = store.person(name).await?.filter(|person| access.sees(person));
        return person.ok_or_else(|| Error::UnknownPerson(shown(name)));
    }
    let mut people = store.people().await?;
    people.retain(|person| access.sees(person));
    if people.len() > 1 {
        let mut names: Vec<&str> = people.iter().take(MAX_NAMES).map(|person| person.name.as_str()).collect();
        if people.len() > MAX_NAMES {
            names.push("…");
        }
        return Err(Error::PersonRequired(names.join(", ")));
    }
    people.pop().ok_or(Error::Nobody)
}

/// A day, if the parameter is there.
pub(crate) fn day(parameter: &'static str, text: Option<&str>) -> Result<Option<Day>, Error> {
    let invalid = |error: domain::day::InvalidDay| Error::Parameter { parameter, reason: error.to_string() };
    text.map(|text| text.parse().map_err(invalid)).transpose()
}

/// The days of `from` and `to`; without `to` they end today, without `from` they are `days` days.
pub(crate) fn range(from: Option<&str>, to: Option<&str>, today: Day, days: i64) -> Result<DayRange, Error> {
    let (from, to) = (day("from", from)?, day("to", to)?);
    match (from, to) {
        (Some(from), None) if from > today => Err(Error::Parameter {
            parameter: "from",
            reason: format!("{from} is later than today, {today}, where a range without `to` ends; add `to`"),
        }),
        _ => {
            let last = to.unwrap_or(today);
            ordered(from.unwrap_or_else(|| DayRange::ending(last, days).first()), last)
        }
    }
}

/// The range from one day to another, both included.
pub(crate) fn ordered(from: Day, to: Day) -> Result<DayRange, Error> {
    DayRange::new(from, to)
        .map_err(|error| Error::Parameter { parameter: "from and to", reason: error.to_string() })
}

/// A whole number from 1 to `most`, or `default` when the parameter is not there.
pub(crate) fn limit(text: Option<&str>, default: usize, most: usize) -> Result<usize, Error> {
    let Some(text) = text else { return Ok(default) };
    text.parse().ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(|| Error::Parameter {
        parameter: "limit",
        reason: format!("{:?} is not a whole number from 1 to {most}", shown(text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: Option<&str>, to: Option<&str>, expected: Result<(&str, &str), &str>) {
        let range = range(from, to, "2026-03-29".parse().unwrap(), 30)
            .map(|range| (range.first().to_string(), range.last().to_string()));
        let expected = expected.map(|(first, last)| (first.to_owned(), last.to_owned()));
        assert_eq!(range.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_range_ends_today_unless_told_otherwise() {
        check(None, None, Ok(("2026-02-28", "2026-03-29")));
        check(Some("2026-03-01"), None, Ok(("2026-03-01", "2026-03-29")));
        check(None, Some("2020-01-30"), Ok(("2020-01-01", "2020-01-30")));
        check(None, Some("2000-01-01"), Ok(("2000-01-01", "2000-01-01")));
        check(Some("2030-01-01"), Some("2030-01-01"), Ok(("2030-01-01", "2030-01-01")));
    }

    #[test]
    fn refusals_say_what_to_write() {
        check(
            Some("2026-04-01"),
            None,
            Err(
                "from: 2026-04-01 is later than today, 2026-03-29, where a range without `to` ends; add `to`",
            ),
        );
        check(
            Some("2026-03-02"),
            Some("2026-03-01"),
            Err("from and to: the range starts on 2026-03-02, after it ends on 2026-03-01; swap the two"),
        );
        check(
            None,
            Some("1"),
            Err("to: \"1\" is not a date; write it as YYYY-MM-DD, for example 2026-03-29"),
        );
        assert_eq!(
            limit(Some("0"), 100, 1000).unwrap_err().to_string(),
            "limit: \"0\" is not a whole number from 1 to 1000"
        );
        assert_eq!(limit(None, 100, 1000).unwrap(), 100);
    }
}

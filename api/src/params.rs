//! Parameters become domain types, or an error that states the parameter, its value and what to write.

use domain::{Day, DayRange, Metric, Pseudonym};
use jiff::Span;
use store::{Person, Store};

use crate::access::Access;
use crate::closest::closest;
use crate::error::{Error, shown};

/// Most names that an error repeats.
const MAX_NAMES: usize = 20;

/// The person a request is about: the one it names, or the only one there is. For people whom the caller may not access the
/// error is the same as for people who do not exist.
pub(crate) async fn person(store: &Store, access: &Access, name: Option<&str>) -> Result<Person, Error> {
    if let Some(name) = name {
        // A text that cannot be a name is not worth a statement, and a database need not be able to take it.
        let person = match name.parse::<Pseudonym>() {
            Ok(name) => store.person(name.as_str()).await?,
            Err(_) => None,
        };
        return person.filter(|person| access.sees(person)).ok_or_else(|| Error::UnknownPerson(shown(name)));
    }
    let mut people = access.people(store).await?;
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

/// A whole number from `least` to `most`, if the parameter is there.
pub(crate) fn number(
    parameter: &'static str,
    text: Option<&str>,
    least: usize,
    most: usize,
) -> Result<Option<usize>, Error> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| Error::Parameter {
        parameter,
        reason: format!("{:?} is not a whole number from {least} to {most}", shown(text)),
    })
}

/// Metrics by their ids with commas, each once.
pub(crate) fn metrics(
    parameter: &'static str,
    text: &str,
    least: usize,
    most: usize,
) -> Result<Vec<&'static Metric>, Error> {
    let refuse = |reason| Err(Error::Parameter { parameter, reason });
    let mut metrics: Vec<&'static Metric> = Vec::new();
    for key in text.split(',').take(most + 1) {
        let metric = Metric::by_key(key)
            .ok_or_else(|| Error::UnknownMetric { close: closest(key), key: shown(key) })?;
        if metrics.contains(&metric) {
            return refuse(format!("{key} is there twice"));
        }
        metrics.push(metric);
    }
    match metrics.len() {
        many if many > most => refuse(format!("more than {most} are too many")),
        few if few < least => refuse(format!("at least {least} are needed, with commas between")),
        _ => Ok(metrics),
    }
}

/// So many days, weeks, months or years that end with `last`, as `90d`, `13w`, `6m` or `2y`. Six months that end on the
/// 31st of March begin on the 1st of October.
pub(crate) fn period(text: &str, last: Day) -> Result<DayRange, Error> {
    let span = text.char_indices().next_back().and_then(|(at, unit)| {
        let digits = text.get(..at).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let many: i64 = digits.parse().ok().filter(|many| (1..=9999).contains(many))?;
        match unit {
            'd' => Span::new().try_days(many).ok(),
            'w' => Span::new().try_weeks(many).ok(),
            'm' => Span::new().try_months(many).ok(),
            'y' => Span::new().try_years(many).ok(),
            _ => None,
        }
    });
    let Some(span) = span else {
        let reason = format!("{:?} is no period; write it as 90d, 13w, 6m or 2y", shown(text));
        return Err(Error::Parameter { parameter: "period", reason });
    };
    let before = last.date().saturating_sub(span);
    let first = Day::new(before).map_or(Day::FIRST, |before| before.plus(1));
    ordered(first, last)
}

/// Refuses a range of more days.
pub(crate) fn at_most(range: DayRange, days: i64) -> Result<(), Error> {
    if range.len() <= days {
        return Ok(());
    }
    let reason = format!("{} days are too many; ask for at most {days}", range.len());
    Err(Error::Parameter { parameter: "from and to", reason })
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
    fn range_without_end_ends_today() {
        check(None, None, Ok(("2026-02-28", "2026-03-29")));
        check(Some("2026-03-01"), None, Ok(("2026-03-01", "2026-03-29")));
        check(None, Some("2020-01-30"), Ok(("2020-01-01", "2020-01-30")));
        check(None, Some("2000-01-01"), Ok(("2000-01-01", "2000-01-01")));
        check(Some("2030-01-01"), Some("2030-01-01"), Ok(("2030-01-01", "2030-01-01")));
    }

    #[test]
    fn parameter_errors_state_the_accepted_values() {
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

    #[test]
    fn period_ends_with_the_last_day_of_the_range() {
        let check = |text, last: &str, expected: Option<&str>| {
            let found = period(text, last.parse().unwrap()).ok();
            assert!(found.is_none_or(|range| range.last().to_string() == last));
            assert_eq!(found.map(|range| range.first().to_string()).as_deref(), expected, "{text}");
        };
        check("1d", "2026-03-29", Some("2026-03-29"));
        check("2w", "2026-03-29", Some("2026-03-16"));
        check("6m", "2026-03-31", Some("2025-10-01"));
        check("1m", "2026-03-31", Some("2026-03-01"));
        check("1y", "2028-02-29", Some("2027-03-01"));
        check("9999y", "2026-03-29", Some("2000-01-01"));
        for text in ["", "d", "0d", "-1d", "1", "90", "10000d", "3é", "1.5y", "1Y", "99999999999999999999d"]
        {
            check(text, "2026-03-29", None);
        }
    }
}

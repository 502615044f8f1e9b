//! Scores follow measurements.

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::wire;
use crate::life::{Life, Person, shift};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// (night, its sleep score) of every night of four years.
fn nights(person: &Person) -> Vec<(Value, Value, Value)> {
    let days = (0..1_400).map(|n| shift(date(2022, 1, 2), n));
    days.filter_map(|day| {
        let sleep = person.documents("sleep", day, now());
        let night = sleep
            .into_iter()
            .filter(|it| it["type"] == "long_sleep")
            .max_by_key(|it| it["time_in_bed"].as_i64());
        let one = |collection| person.documents(collection, day, now()).pop();
        Some((night?, one("daily_sleep")?, one("daily_readiness")?))
    })
    .collect()
}

fn average(values: impl Iterator<Item = f64>) -> f64 {
    crate::math::mean(values).unwrap()
}

#[test]
fn short_and_ill_nights_score_low() {
    let person = Person::new(Life::new(5, date(2022, 1, 1)));
    let nights = nights(&person);
    let hours = |night: &Value| night["total_sleep_duration"].as_f64().unwrap() / 3600.0;
    let score = |it: &Value| it["score"].as_f64().unwrap();
    let sleep = |keep: fn(f64) -> bool| {
        average(nights.iter().filter(|(night, ..)| keep(hours(night))).map(|(_, sleep, _)| score(sleep)))
    };
    let (short, long) = (sleep(|h| h < 5.0), sleep(|h| h > 7.0));
    assert!(short < 62.0 && long > 75.0, "short nights {short}, long ones {long}");
    let readiness = |keep: fn(f64) -> bool| {
        let warmth = |it: &Value| it["temperature_deviation"].as_f64().unwrap_or(0.0);
        average(nights.iter().filter(|(.., r)| keep(warmth(r))).map(|(.., r)| score(r)))
    };
    let (ill, well) = (readiness(|t| t > 0.7), readiness(|t| t < 0.3));
    assert!(ill < 62.0 && well > 72.0, "ill {ill}, well {well}");
}

#[test]
fn document_id_leads_back_to_its_day() {
    let person = Person::new(Life::new(9, date(2019, 1, 1)));
    for n in 0..3_000 {
        let day = shift(date(2019, 1, 1), n);
        let id = wire::id(&person, "sleep", day, n % 7);
        assert_eq!(wire::day_of_id(&person, &id), Some(day), "{id}");
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
    }
    assert_eq!(wire::day_of_id(&person, "höhö"), None);
}

#[test]
fn heart_rate_rows_equal_those_of_nights() {
    let person = Person::new(Life::new(2, date(2026, 1, 1)));
    let day = (1..60)
        .map(|n| shift(date(2026, 2, 1), n))
        .find(|day| person.edit(*day).is_none() && person.documents("sleep", *day, now()).len() == 1);
    let night = person.documents("sleep", day.unwrap(), now()).remove(0);
    let series = &night["heart_rate"];
    let start: Timestamp = series["timestamp"].as_str().unwrap().parse().unwrap();
    let items = series["items"].as_array().unwrap();
    let end = start + SignedDuration::from_secs(300 * i64::try_from(items.len()).unwrap() - 1);
    let rows = person.heart_rate(start, end, now());
    let rows: Vec<_> =
        rows.iter().filter(|row| row["source"] == "sleep").map(|row| row["bpm"].as_f64()).collect();
    let items: Vec<_> = items.iter().filter(|item| !item.is_null()).map(Value::as_f64).collect();
    assert_eq!(rows, items);
}

//! What a document says, and when it says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use proptest::prelude::*;
use serde_json::Value;
use simulator::{Cloud, Life, Person};

use crate::support::{DOCUMENTS, FIRST, TOKEN, at, days_from, get, now, person};

fn n(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no whole number: {value}"))
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// FNV-1a: enough to notice a changed byte.
fn hash(bytes: &str) -> u64 {
    bytes
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[tokio::test]
async fn same_seed_gives_the_same_bytes() {
    let mut lines = Vec::new();
    for (seed, day) in [(1, date(2021, 5, 4)), (1, date(2026, 3, 29)), (42, date(2024, 10, 27))] {
        let scopes = ["daily", "heartrate"];
        let cloud = || Arc::new(Cloud::new(now).with_person(TOKEN, person(seed), &scopes));
        for collection in DOCUMENTS.into_iter().chain(["heartrate"]) {
            let unit = if collection == "heartrate" { "datetime" } else { "date" };
            let (from, to) = (day.yesterday().unwrap(), day.tomorrow().unwrap());
            let query = format!("{collection}?start_{unit}={from}&end_{unit}={to}");
            let answer = get(&cloud(), &query).await;
            assert_eq!(answer.text, get(&cloud(), &query).await.text);
            let (n, bytes) = (answer.data().len(), answer.text.len());
            lines.push(format!("{seed} {query}: {n} documents, {bytes} bytes, {:016x}", hash(&answer.text)));
            if collection == "daily_readiness" {
                lines.push(answer.text.clone());
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn different_seed_gives_a_different_person() {
    let day = date(2024, 4, 10);
    let of = |seed| person(seed).documents("sleep", day, now());
    assert_ne!(of(1), of(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sleep_document_is_consistent(seed in 0_u64..300, offset in 1_i64..2_100) {
        let day = days_from(FIRST, 2_101).nth(usize::try_from(offset).unwrap()).unwrap();
        for it in person(seed).documents("sleep", day, now()) {
            let (start, end) = (instant(&it["bedtime_start"]), instant(&it["bedtime_end"]));
            let (in_bed, asleep) = (n(&it["time_in_bed"]), n(&it["total_sleep_duration"]));
            prop_assert_eq!(end.duration_since(start).as_secs(), in_bed);
            let stages = ["deep", "light", "rem"].map(|s| n(&it[format!("{s}_sleep_duration")]));
            prop_assert_eq!(stages.iter().sum::<i64>(), asleep);
            prop_assert_eq!(asleep + n(&it["awake_time"]), in_bed);
            prop_assert_eq!(n(&it["efficiency"]), (200 * asleep + in_bed) / (2 * in_bed));
            prop_assert_eq!(text(&it["day"]), day.to_string());
            let wall = text(&it["bedtime_end"]).get(..19).unwrap().parse::<jiff::civil::DateTime>().unwrap();
            let counted = if wall.hour() >= 18 { wall.date().tomorrow().unwrap() } else { wall.date() };
            prop_assert_eq!(counted, day);
            let length = |field: &str| i64::try_from(text(&it[field]).len()).unwrap();
            prop_assert!((0..=1).contains(&((in_bed + 299) / 300 - length("sleep_phase_5_min"))));
            prop_assert!(((in_bed + 29) / 30 - length("movement_30_sec")).abs() <= 1);
            if let Some(items) = it["heart_rate"]["items"].as_array() {
                prop_assert!((0..=1).contains(&(i64::try_from(items.len()).unwrap() - in_bed / 300)));
                prop_assert_eq!(items.len(), it["hrv"]["items"].as_array().unwrap().len());
            } else {
                prop_assert_eq!(n(&it["lowest_heart_rate"]), 255);
            }
            let confirmed = !it["sleep_score_delta"].is_null();
            let kind = text(&it["type"]);
            prop_assert!(!confirmed || ["long_sleep", "sleep", "late_nap"].contains(&kind));
            prop_assert!(!["rest", "deleted"].contains(&kind) || !confirmed);
            if kind == "long_sleep" {
                prop_assert!(in_bed > 3 * 3600);
            }
        }
    }

    #[test]
    fn daily_document_is_within_bounds(seed in 0_u64..300, offset in 1_i64..2_100) {
        let day = days_from(FIRST, 2_101).nth(usize::try_from(offset).unwrap()).unwrap();
        let person = person(seed);
        let one = |collection| person.documents(collection, day, now());
        let (sleep, readiness) = (one("daily_sleep"), one("daily_readiness"));
        prop_assert_eq!(sleep.len(), readiness.len(), "scores come in pairs");
        for it in sleep.iter().chain(&readiness).chain(&one("daily_activity")) {
            let contributors = it["contributors"].as_object().unwrap();
            for value in contributors.values().chain([&it["score"]]).filter(|value| !value.is_null()) {
                prop_assert!((1..=100).contains(&n(value)), "{}", it);
            }
        }
        for it in &readiness {
            let regularity = it["contributors"].get("sleep_regularity");
            prop_assert_eq!(regularity.is_some(), day.year() >= 2025);
            prop_assert_eq!(instant(&it["timestamp"]), at(&format!("{day}T00:00:00Z")));
        }
    }

    #[test]
    fn activity_document_is_consistent(seed in 0_u64..300, offset in 1_i64..2_100) {
        let day = days_from(FIRST, 2_101).nth(usize::try_from(offset).unwrap()).unwrap();
        for it in person(seed).documents("daily_activity", day, now()) {
            let items = it["met"]["items"].as_array().unwrap();
            let levels = ["non_wear_time", "resting_time", "sedentary_time", "low_activity_time", "medium_activity_time", "high_activity_time"];
            let seconds: i64 = levels.iter().map(|level| n(&it[*level])).sum();
            prop_assert_eq!(seconds, 60 * i64::try_from(items.len()).unwrap());
            prop_assert_eq!(text(&it["class_5_min"]).len() * 5, items.len());
            prop_assert!([1_380, 1_440, 1_500].contains(&items.len()));
            prop_assert_eq!(n(&it["target_meters"]) - n(&it["equivalent_walking_distance"]), n(&it["meters_to_target"]));
            prop_assert!(n(&it["total_calories"]) > n(&it["active_calories"]));
            prop_assert!((0..60_000).contains(&n(&it["steps"])));
            prop_assert!((0..20).contains(&n(&it["inactivity_alerts"])));
            let start: Zoned = Zoned::new(instant(&it["timestamp"]), TimeZone::UTC);
            prop_assert!(text(&it["timestamp"])[11..].starts_with("04:00:00"), "{}", start);
        }
    }
}

/// Today in the simplest place: far from trips, at `hour` local.
fn clock(day: Date, hour: i8) -> Timestamp {
    day.at(hour, 0, 0, 0).in_tz("Europe/Berlin").unwrap().timestamp()
}

#[test]
fn today_is_partial() {
    let mut seen = 0;
    for day in days_from(date(2026, 2, 1), 60) {
        for it in person(1).documents("daily_activity", day, clock(day, 15)) {
            let class = text(&it["class_5_min"]);
            let items = it["met"]["items"].as_array().unwrap();
            let rest = &items[class.len() * 5 + 5..];
            assert!(class.len() < 288 && !rest.is_empty(), "{day} is over at 15:00");
            assert!(rest.iter().all(|met| *met == 0.9), "{day}: the future is known");
            assert!(class.ends_with("11"));
            seen += 1;
        }
    }
    assert!(seen > 40);
}

#[test]
fn night_appears_with_the_morning_sync() {
    let person = person(1);
    let mut running = 0;
    for day in days_from(date(2026, 2, 1), 120) {
        let later = person.documents("sleep", day, now());
        let Some(night) = later.iter().find(|it| it["type"] == "long_sleep") else { continue };
        let before = instant(&night["bedtime_end"]) - SignedDuration::from_hours(2);
        for it in person.documents("sleep", day, before).iter().filter(|it| it["bedtime_end"].is_null()) {
            assert_eq!(it["id"], night["id"]);
            assert!(it["total_sleep_duration"].is_null());
            running += 1;
        }
        assert!(person.documents("daily_sleep", day, before).is_empty(), "{day}");
        assert!(person.documents("daily_readiness", day, before).is_empty(), "{day}");
    }
    assert!((1..30).contains(&running), "{running} nights in progress");
}

#[test]
fn revision_appears_only_after_its_time() {
    let person = person(1);
    let mut seen = BTreeMap::new();
    for day in days_from(date(2022, 1, 1), 1_400) {
        let soon = clock(day.tomorrow().unwrap(), 3);
        let (first, last) = (person.documents("sleep", day, soon), person.documents("sleep", day, now()));
        assert_eq!(first.len(), last.len(), "{day}: nothing appears later or goes away");
        for (before, after) in first.iter().zip(&last).filter(|(before, after)| before != after) {
            assert_eq!(before["id"], after["id"], "an id never changes");
            let fields = ["type", "sleep_analysis_reason"];
            let change = fields.map(|field| (text(&before[field]), text(&after[field])));
            let what = match change {
                [("sleep", "deleted"), _] => "deleted",
                [("sleep", _), _] if !after["sleep_score_delta"].is_null() => "confirmed",
                [("long_sleep", "long_sleep"), (reason, "bedtime_edit")] if reason != "bedtime_edit" => {
                    "edited"
                }
                // Its readiness follows the day's score, which a confirmed nap has raised.
                [("long_sleep", "long_sleep"), _] => "rescored",
                _ => panic!("{day}: {change:?}"),
            };
            *seen.entry(what).or_insert(0) += 1;
        }
    }
    assert!((30..90).contains(&seen["edited"]), "{seen:?}");
    assert!(seen["confirmed"] > 5 && seen["deleted"] > 2, "{seen:?}");
}

#[test]
fn confirmed_nap_raises_the_scores_of_its_day() {
    let person = person(1);
    let mut raised = 0;
    for day in days_from(date(2022, 1, 1), 1_400) {
        let soon = clock(day.tomorrow().unwrap(), 3);
        let gained = |field: &str| {
            let sum = |at| {
                let documents = person.documents("sleep", day, at);
                documents.iter().filter_map(|it| it[field].as_i64()).sum::<i64>()
            };
            sum(now()) - sum(soon)
        };
        let edited = |it: &Value| it["sleep_analysis_reason"] == "bedtime_edit";
        let score = |at| person.documents("daily_sleep", day, at).first().map(|it| n(&it["score"]));
        if person.documents("sleep", day, now()).iter().any(edited) {
            continue;
        }
        let (Some(before), Some(after)) = (score(soon), score(now())) else { continue };
        let gain = gained("sleep_score_delta");
        assert_eq!(after, (before + gain).min(100), "{day}");
        raised += i64::from(gain > 0);
    }
    assert!(raised > 5, "{raised} days");
}

/// Whether a sleep document shows it.
type Quirk<'a> = &'a dyn Fn(&Value) -> bool;

#[test]
fn every_sleep_quirk_occurs_in_six_years() {
    let person = person(1);
    let all: Vec<_> = days_from(FIRST, 2_150).flat_map(|day| person.documents("sleep", day, now())).collect();
    let items = |it: &Value, series: &str| it[series]["items"].as_array().cloned().unwrap_or_default();
    let kind = |it: &Value, kind: &str| it["type"] == kind;
    let quirks: [(&str, Quirk<'_>); 13] = [
        ("late nap", &|it| kind(it, "late_nap")),
        ("confirmed nap", &|it| kind(it, "sleep") && !it["sleep_score_delta"].is_null()),
        ("unconfirmed nap", &|it| kind(it, "sleep") && it["sleep_score_delta"].is_null()),
        ("half a minute of sleep", &|it| kind(it, "sleep") && it["total_sleep_duration"] == 30),
        ("false detection", &|it| kind(it, "rest")),
        ("deleted", &|it| kind(it, "deleted")),
        ("no pulse", &|it| {
            it["lowest_heart_rate"] == 255 && it["heart_rate"].is_null() && it["hrv"].is_null()
        }),
        ("contributor 0", &|it| it["readiness"]["contributors"]["body_temperature"] == 0),
        ("no temperature", &|it| {
            kind(it, "long_sleep") && it["readiness"]["temperature_deviation"].is_null()
        }),
        ("null heart rate", &|it| items(it, "heart_rate").iter().any(Value::is_null)),
        ("negative variability", &|it| {
            items(it, "hrv").iter().any(|item| item.as_f64() < Some(0.0) && !item.is_null())
        }),
        ("bedtime edit", &|it| it["sleep_analysis_reason"] == "bedtime_edit"),
        ("low battery", &|it| it["low_battery_alert"] == true),
    ];
    for (name, quirk) in quirks {
        let count = all.iter().filter(|it| quirk(it)).count();
        assert!(count > 0, "{name} never happens");
    }
    let nights =
        |day: &Value| all.iter().filter(|it| it["day"] == *day && it["type"] == "long_sleep").count();
    assert!(all.iter().any(|it| nights(&it["day"]) == 2), "no broken night");
}

#[test]
fn unworn_day_has_no_documents() {
    let person = person(1);
    let empty = |day: &Date| DOCUMENTS.iter().all(|it| person.documents(it, *day, now()).is_empty());
    let unworn: Vec<_> = days_from(FIRST, 2_000).filter(empty).collect();
    assert!((20..120).contains(&unworn.len()), "{} unworn days", unworn.len());
    let rows = unworn.iter().map(|day| person.documents("heartrate", *day, now()).len());
    assert_eq!(rows.sum::<usize>(), 0);
    let runs = unworn.chunk_by(|a, b| a.tomorrow().unwrap() == *b).map(<[_]>::len);
    let long = runs.filter(|run| *run >= 3).count();
    assert!((5..=8).contains(&long), "{long} gaps of days: one a year and one between two rings");
}

#[test]
fn documents_are_between_the_first_day_and_now() {
    let person = person(1);
    for day in days_from(date(2020, 12, 1), 31).chain(days_from(date(2026, 11, 23), 30)) {
        for collection in DOCUMENTS.into_iter().chain(["heartrate"]) {
            assert!(person.documents(collection, day, now()).is_empty(), "{collection} {day}");
        }
    }
    assert!(person.documents("no_such", FIRST, now()).is_empty());
}

#[test]
fn day_with_a_dst_change_has_its_own_length() {
    let lengths = |day: Date| -> Vec<usize> {
        let all = (0..30).map(|seed| Person::new(Life::new(seed, FIRST)));
        let documents = all.flat_map(|person| person.documents("daily_activity", day, now()));
        documents.map(|it| it["met"]["items"].as_array().unwrap().len()).collect()
    };
    // 04:00 on Saturday to 04:00 on Sunday holds the change.
    assert!(lengths(date(2026, 3, 28)).contains(&1_380));
    assert!(lengths(date(2026, 10, 24)).contains(&1_500));
    assert!(lengths(date(2026, 6, 1)).iter().all(|n| *n == 1_440));
}

#[test]
fn heart_rate_is_irregular_and_known_to_the_last_sync() {
    let person = person(1);
    let (from, to) = (at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
    let rows = person.heart_rate(from, to, now());
    let times: Vec<_> = rows.iter().map(|row| instant(&row["timestamp"])).collect();
    assert!(times.is_sorted());
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    for (gap, at_least) in [(0, 2), (5, 1_000), (300, 1_000)] {
        assert!(gaps.iter().filter(|it| **it == gap).count() >= at_least, "gaps of {gap} s");
    }
    assert!(gaps.iter().filter(|gap| **gap > 3_600).count() > 20);
    let mut keys: Vec<_> = rows.iter().map(|row| (text(&row["timestamp"]), text(&row["source"]))).collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all, "a row is one second of one source");
    for row in &rows {
        assert_eq!(n(&row["timestamp_unix"]), instant(&row["timestamp"]).as_millisecond());
        assert!((36..210).contains(&n(&row["bpm"])), "{row}");
    }
    let middle = at("2026-02-15T12:00:00Z");
    let early = person.heart_rate(from, to, middle);
    assert_eq!(early[..], rows[..early.len()], "history does not change");
    assert!(early.iter().all(|row| instant(&row["timestamp"]) <= middle));
    let old = person.heart_rate(at("2025-12-01T00:00:00Z"), at("2025-12-02T00:00:00Z"), now());
    assert!(
        old.iter()
            .all(|row| row.get("timestamp_unix").is_none() && text(&row["timestamp"]).ends_with("+00:00"))
    );
}

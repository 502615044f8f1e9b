//! Days of points, their buckets and the reasons of their gaps, computed again by slow and plain code from the documents
//! of an invented person: journeys over the date line, clock changes both ways, naps, late corrections, deletions.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Collection, Day, DayRange, Document};
use jiff::civil::{Date, Weekday, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};
use store::{Batch, Origin};

use crate::test_api::TestApi;

/// Where someone lives, and the first of the days told: clocks change in each of these spans.
const LIVES: [(&str, Date); 6] = [
    ("America/New_York", date(2026, 2, 20)),
    ("Pacific/Honolulu", date(2026, 2, 20)),
    ("Europe/Berlin", date(2026, 3, 10)),
    ("Africa/Cairo", date(2026, 4, 10)),
    ("Pacific/Auckland", date(2026, 3, 20)),
    ("Pacific/Kiritimati", date(2026, 2, 20)),
];
const DAYS: i32 = 40;
/// The days of a journey, as far from home as that.
const JOURNEY: std::ops::Range<i32> = 12..19;
const JOURNEY_HOURS: i8 = 10;

struct Life {
    zone: TimeZone,
    first: Date,
    seed: u64,
}

impl Life {
    fn new(zone: &str, first: Date) -> Self {
        Self { zone: TimeZone::get(zone).unwrap(), first, seed: 7 }
    }

    /// Some number below `most`.
    fn any(&mut self, most: u32) -> u32 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.seed >> 33).unwrap() % most
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let most = u32::try_from(choices.len()).unwrap();
        choices[usize::try_from(self.any(most)).unwrap()]
    }

    fn date(&self, n: i32) -> Date {
        self.first + n.days()
    }

    /// A time on the wearer's own clock, which journeys move.
    fn at(&self, n: i32, hour: i8, minute: i8) -> String {
        let at = self.date(n).at(hour, minute, 0, 0);
        let home = self.zone.to_offset(self.zone.to_timestamp(at).unwrap());
        let moved = if JOURNEY.contains(&n) { i32::from(JOURNEY_HOURS) * 3600 } else { 0 };
        // Over the date line there is no offset beyond 14 hours: the calendar moves instead.
        let seconds = (home.seconds() + moved + 12 * 3600).rem_euclid(86_400) - 12 * 3600;
        let offset = Offset::from_seconds(seconds).unwrap();
        at.to_zoned(TimeZone::fixed(offset)).unwrap().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    fn rows(&mut self) -> Vec<Value> {
        let start = self.zone.to_timestamp(self.first.at(0, 0, 0, 0)).unwrap();
        let mut rows = Vec::new();
        for n in 0..i64::from(DAYS) * 36 {
            let at = start + SignedDuration::from_mins(n * 40 + 7);
            // The ring lies on a table now and then.
            if n / 36 % 9 != 4 {
                let context = self.one_of(&["awake", "rest", "sleep", "workout", "unheard_of"]);
                rows.push(json!({"timestamp": at.to_string(), "bpm": 50 + self.any(70), "source": context}));
            }
        }
        rows
    }

    fn documents(&mut self, collection: Collection) -> Vec<Value> {
        let mut all = Vec::new();
        for n in 0..DAYS {
            let on = self.date(n).to_string();
            match collection {
                Collection::DailySleep if n % 7 != 3 => {
                    all.push(json!({"id": format!("s{n}"), "day": on, "score": 50 + self.any(50)}));
                }
                // The nights of both flights have no bed.
                Collection::Sleep if n % 9 != 4 && n != JOURNEY.start && n != JOURNEY.end => {
                    let items: Vec<Value> = (0..14)
                        .map(|_| if self.any(5) == 0 { Value::Null } else { json!(20 + self.any(80)) })
                        .collect();
                    let start = self.at(n - 1, 23, 10);
                    all.push(json!({
                        "id": format!("n{n}"), "day": on, "type": "long_sleep",
                        "bedtime_start": start, "bedtime_end": self.at(n, 6, 30),
                        "total_sleep_duration": 20_000 + self.any(5000),
                        "hrv": {"interval": 1800.0, "items": items, "timestamp": start},
                    }));
                    if n % 4 == 1 {
                        let start = self.at(n, 14, 0);
                        all.push(json!({
                            "id": format!("p{n}"), "day": on, "type": "late_nap",
                            "bedtime_start": start, "bedtime_end": self.at(n, 15, 0),
                            "total_sleep_duration": 1000 + self.any(2000),
                            "hrv": {"interval": 1800.0, "items": [31, 32], "timestamp": start},
                        }));
                    }
                }
                Collection::DailyActivity if n % 13 != 6 => {
                    let items: Vec<f64> = (0..96).map(|_| 1.0 + f64::from(self.any(80)) / 10.0).collect();
                    all.push(json!({
                        "id": format!("a{n}"), "day": on, "steps": self.any(20_000),
                        "met": {"interval": 900.0, "items": items, "timestamp": self.at(n, 4, 0)},
                    }));
                }
                Collection::Workout if n % 3 == 0 => {
                    let intensity = self.one_of(&["easy", "hard"]);
                    all.push(json!({
                        "id": format!("w{n}"), "day": on, "activity": "running", "intensity": intensity,
                        "start_datetime": self.at(n, 17, 0), "end_datetime": self.at(n, 17, 45),
                    }));
                }
                _ => {}
            }
        }
        all
    }
}

/// What the documents say: by metric and day the values of that day, in order of time.
type Numbers = BTreeMap<&'static str, BTreeMap<Date, Vec<f64>>>;

fn day_of(document: &Value) -> Date {
    document["day"].as_str().unwrap().parse().unwrap()
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Points of documents in order of day: of one instant the last word counts.
fn points<'a>(
    documents: impl Iterator<Item = &'a Value>,
    field: &str,
    scale: f64,
) -> BTreeMap<Date, Vec<f64>> {
    let mut said: BTreeMap<Timestamp, (Date, f64)> = BTreeMap::new();
    for document in documents {
        let samples = &document[field];
        let start = instant(&samples["timestamp"]);
        let step = SignedDuration::from_secs_f64(samples["interval"].as_f64().unwrap());
        for (n, item) in (0..).zip(samples["items"].as_array().unwrap()) {
            if let Some(item) = item.as_f64() {
                said.insert(start + step * n, (day_of(document), item * scale));
            }
        }
    }
    let mut days: BTreeMap<Date, Vec<f64>> = BTreeMap::new();
    for (day, value) in said.into_values() {
        days.entry(day).or_default().push(value);
    }
    days
}

fn recompute(zone: &TimeZone, rows: &[Value], documents: &BTreeMap<Collection, Vec<Value>>) -> Numbers {
    let mut numbers = Numbers::new();
    let mut put = |metric, day, value| {
        let days: &mut BTreeMap<Date, Vec<f64>> = numbers.entry(metric).or_default();
        days.entry(day).or_default().push(value);
    };
    for row in rows {
        let metric = match row["source"].as_str().unwrap() {
            "awake" => "heart_rate_awake",
            "rest" => "heart_rate_rest",
            "sleep" => "heart_rate_sleep",
            "workout" => "heart_rate_workout",
            _ => "heart_rate_other",
        };
        let on = instant(&row["timestamp"]).to_zoned(zone.clone()).date();
        put(metric, on, row["bpm"].as_f64().unwrap());
    }
    for document in &documents[&Collection::DailySleep] {
        put("sleep_score", day_of(document), document["score"].as_f64().unwrap());
    }
    for document in &documents[&Collection::DailyActivity] {
        put("activity_steps", day_of(document), document["steps"].as_f64().unwrap());
    }
    for document in &documents[&Collection::Workout] {
        if document["intensity"] == "hard" {
            put("workout_duration_hard", day_of(document), 2700.0);
        }
    }
    for document in &documents[&Collection::Sleep] {
        let slept = document["total_sleep_duration"].as_f64().unwrap();
        let metric = if document["type"] == "late_nap" { "sleep_nap_duration" } else { "sleep_duration" };
        put(metric, day_of(document), slept);
    }
    numbers.insert("sleep_hrv", points(documents[&Collection::Sleep].iter(), "hrv", 0.001));
    numbers.insert("activity_met", points(documents[&Collection::DailyActivity].iter(), "met", 1.0));
    numbers
}

fn bucket_of(bucket: &str, day: Date) -> Date {
    match bucket {
        "day" => day,
        "week" => day - i32::from(day.weekday().since(Weekday::Monday)).days(),
        _ => day.first_of_month(),
    }
}

fn aggregated(aggregate: &str, values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    let count = f64::from(u32::try_from(values.len()).unwrap());
    match aggregate {
        "count" => Some(count),
        _ if values.is_empty() => None,
        "sum" => Some(sum),
        "max" => Some(values.iter().copied().fold(f64::MIN, f64::max)),
        _ => Some(sum / count),
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a == b,
    }
}

async fn apply(api: &TestApi, collection: Collection, bodies: &[Value], covered: DayRange, at: Timestamp) {
    let bodies: Vec<String> = bodies.iter().map(ToString::to_string).collect();
    let documents = if collection == Collection::HeartRate {
        let (documents, rejected) = Document::group_rows(collection, bodies.iter().map(String::as_str));
        assert!(rejected.is_empty());
        documents
    } else {
        bodies.iter().map(|body| Document::parse(collection, body).unwrap()).collect()
    };
    let batch = Batch {
        person: api.person("me").await.id,
        collection,
        covered: Some(covered),
        origin: Origin::Api,
        documents,
        nearby: Vec::new(),
        rejected: Vec::new(),
    };
    api.store.apply(&batch, at).await.unwrap();
}

async fn check(api: &TestApi, zone: &str, first: Date) {
    let me = api.person("me").await;
    api.store.set_time_zone(me.id, zone).await.unwrap();
    let mut life = Life::new(zone, first);
    let (from, to) = (first, life.date(DAYS - 1));
    let read = DayRange::new(Day::new(first).unwrap().plus(-2), Day::new(to).unwrap().plus(2)).unwrap();
    let noon = life.zone.to_timestamp(to.at(12, 0, 0, 0)).unwrap();
    *api.clock.lock().unwrap() = noon;

    let rows = life.rows();
    let collections =
        [Collection::DailySleep, Collection::Sleep, Collection::DailyActivity, Collection::Workout];
    let mut documents: BTreeMap<Collection, Vec<Value>> =
        collections.into_iter().map(|collection| (collection, life.documents(collection))).collect();
    // What was said first: other scores, and a nap and a workout that are deleted later.
    // Stored once the last day is over, whatever offset the wearer's clock had.
    let (before, after) = (noon + SignedDuration::from_hours(37), noon + SignedDuration::from_hours(38));
    apply(api, Collection::HeartRate, &rows, read, before).await;
    for (collection, said) in &documents {
        let mut said = said.clone();
        if *collection == Collection::DailySleep {
            said.iter_mut().step_by(3).for_each(|document| document["score"] = json!(1));
        }
        apply(api, *collection, &said, read, before).await;
    }
    documents.get_mut(&Collection::Sleep).unwrap().retain(|document| document["id"] != "p9");
    documents.get_mut(&Collection::Workout).unwrap().retain(|document| document["id"] != "w9");
    for (collection, said) in &documents {
        apply(api, *collection, said, read, after).await;
    }
    let numbers = recompute(&life.zone, &rows, &documents);

    for (metric, days) in &numbers {
        let mean = |day: Date| aggregated("mean", days.get(&day).map_or(&[][..], Vec::as_slice));
        for (bucket, aggregate) in
            [("day", "mean"), ("day", "count"), ("week", "mean"), ("month", "sum"), ("week", "max")]
        {
            let uri =
                format!("/api/v1/trends/{metric}?from={from}&to={to}&bucket={bucket}&aggregate={aggregate}");
            let trend = api.get(&uri).await;
            let mut expected: BTreeMap<Date, Vec<f64>> = BTreeMap::new();
            for n in 0..DAYS {
                let day = life.date(n);
                let values = expected.entry(bucket_of(bucket, day).max(from)).or_default();
                values.extend(days.get(&day).into_iter().flatten());
            }
            let points = trend["points"].as_array().unwrap();
            assert_eq!(points.len(), expected.len(), "{zone} {uri}");
            for (point, (start, values)) in points.iter().zip(&expected) {
                assert_eq!(point["start"], start.to_string(), "{zone} {uri}");
                let value = aggregated(aggregate, values);
                assert!(close(point["value"].as_f64(), value), "{zone} {uri}: {point} instead of {value:?}");
                let missing: u64 =
                    point["missing"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
                let days = point["days"].as_u64().unwrap();
                assert_eq!(
                    missing + point["days_with_value"].as_u64().unwrap(),
                    days,
                    "{zone} {uri}: {point}"
                );
            }
        }
        // Everything but buckets takes the mean of each day.
        let uri = format!("/api/v1/correlations?metrics={metric},sleep_efficiency&from={from}&to={to}");
        assert_eq!(api.get(&uri).await["rows"][0]["n"], 0);
        if *metric != "sleep_score" {
            let uri = format!("/api/v1/correlations?metrics={metric},sleep_score&from={from}&to={to}");
            let scores = &numbers["sleep_score"];
            let both = (0..DAYS)
                .map(|n| life.date(n))
                .filter(|day| mean(*day).is_some() && scores.contains_key(day));
            assert_eq!(api.get(&uri).await["rows"][0]["n"], both.count(), "{zone} {uri}");
        }
    }

    let slept: BTreeSet<Date> = documents[&Collection::Sleep].iter().map(day_of).collect();
    for metric in ["sleep_nap_duration", "workout_duration_hard", "activity_steps", "sleep_score"] {
        let trend = api.get(&format!("/api/v1/trends/{metric}?from={from}&to={to}")).await;
        for point in trend["points"].as_array().unwrap() {
            let day: Date = point["start"].as_str().unwrap().parse().unwrap();
            if numbers[metric].contains_key(&day) || day == to {
                continue;
            }
            let reason = match metric {
                "workout_duration_hard" => "no_event",
                "sleep_nap_duration" if slept.contains(&day) => "no_event",
                // Something else of the ring came on every day.
                _ => "not_computed",
            };
            assert_eq!(point["missing"], json!({reason: 1}), "{zone} {metric} {day}");
        }
    }
}

#[tokio::test]
async fn numbers_of_an_invented_life_are_those_of_plain_code_on_sqlite() {
    for (zone, first) in LIVES {
        check(&TestApi::with(Vec::new()).await, zone, first).await;
    }
}

#[tokio::test]
async fn numbers_of_an_invented_life_are_those_of_plain_code_on_postgresql() {
    for (zone, first) in LIVES {
        check(&TestApi::on_postgres().await, zone, first).await;
    }
}

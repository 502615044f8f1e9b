//! Every statistic over ten years of a simulated life, against numpy, scipy and pandas, which start from the documents
//! and know nothing of ours.

use std::io::{Seek as _, Write as _};
use std::process::{Command, Stdio};

use axum::http::Method;
use domain::{Collection, DayRange, Document};
use jiff::civil::date;
use serde_json::{Map, Value, json};
use simulator::{Life, Person};

use crate::test_api::{TestApi, now};

/// Ten years that end with today.
fn years() -> DayRange {
    DayRange::new("2016-03-30".parse().unwrap(), "2026-03-29".parse().unwrap()).unwrap()
}

/// What Oura's documents call a number, and how it becomes the metric.
const NUMBERS: [(&str, &str, &str); 4] = [
    ("sleep_score", "daily_sleep", "/score"),
    ("readiness_score", "daily_readiness", "/score"),
    ("activity_steps", "daily_activity", "/steps"),
    ("temperature_deviation", "daily_readiness", "/temperature_deviation"),
];
const COLLECTIONS: [&str; 5] =
    ["daily_sleep", "daily_readiness", "daily_activity", "workout", "enhanced_tag"];

/// Days at the end of which points are there too.
const POINT_DAYS: i64 = 500;

/// A life, as the service has it and as bare numbers.
struct Known {
    api: TestApi,
    given: Map<String, Value>,
    tag: String,
}

async fn a_life() -> Known {
    let person = Person::new(Life::new(7, date(2016, 3, 1)));
    let api = TestApi::empty().await;
    api.person("me").await;
    let (mut values, mut tags, mut workouts) = (Map::new(), Vec::new(), Vec::new());
    let mut codes: Vec<String> = Vec::new();
    for name in COLLECTIONS {
        let collection: Collection = name.parse().unwrap();
        let mut documents = Vec::new();
        for day in years().days() {
            for mut document in person.documents(name, day.date(), now()) {
                // The minutes of ten years take a minute to store, and no question is about them.
                document.as_object_mut().unwrap().remove("met");
                for (metric, of, pointer) in NUMBERS {
                    let number = document.pointer(pointer).and_then(Value::as_f64);
                    if let Some(number) = number.filter(|_| of == name) {
                        let column = values.entry(metric).or_insert_with(|| json!({}));
                        column[day.to_string()] = json!(number);
                    }
                }
                if name == "workout" {
                    workouts.push(day.to_string());
                }
                if let Some(code) = document["tag_type_code"].as_str() {
                    codes.push(code.to_owned());
                    tags.push((code.to_owned(), day.to_string()));
                }
                documents.push(Document::parse(collection, &document.to_string()).unwrap());
            }
        }
        api.put("me", collection, documents).await;
    }
    // The tag that is there most often.
    codes.sort();
    let tag = codes.chunk_by(|a, b| a == b).max_by_key(|same| same.len()).unwrap()[0].clone();
    let tagged: Vec<String> = tags.into_iter().filter(|(code, _)| *code == tag).map(|(_, day)| day).collect();
    let points = nights(&api, &person).await;
    let days = [years().first().to_string(), years().last().to_string()];
    let given =
        json!({"days": days, "values": values, "points": points, "tags": tagged, "workouts": workouts});
    let Value::Object(given) = given else { unreachable!("it was written as an object") };
    Known { api, given, tag }
}

/// Puts the heart rates of nights and naps, and says them as bare numbers.
async fn nights(api: &TestApi, person: &Person) -> Value {
    let mut points = json!({"sleep_heart_rate": {}});
    let mut documents = Vec::new();
    for day in DayRange::ending(years().last(), POINT_DAYS).days() {
        let mut of_day: Vec<f64> = Vec::new();
        for document in person.documents("sleep", day.date(), now()) {
            let items = document.pointer("/heart_rate/items").and_then(Value::as_array);
            let over = document["bedtime_end"].is_string();
            let counts = match document["type"].as_str().unwrap_or_default() {
                "long_sleep" | "late_nap" => true,
                "sleep" => document["sleep_score_delta"].is_number(),
                _ => false,
            };
            if over && counts {
                let measured = items.into_iter().flatten().filter_map(Value::as_f64);
                of_day.extend(measured.filter(|rate| 0.0 < *rate && *rate < 255.0));
            }
            documents.push(Document::parse(Collection::Sleep, &document.to_string()).unwrap());
        }
        if !of_day.is_empty() {
            points["sleep_heart_rate"][day.to_string()] = json!(of_day);
        }
    }
    api.put("me", Collection::Sleep, documents).await;
    points
}

/// Every question: what is checked, what Python has to know of it, and the path that answers it.
fn questions(tag: &str) -> Vec<(&'static str, Value, String)> {
    let range = format!("from={}&to={}", years().first(), years().last());
    let mut all = Vec::new();
    for bucket in ["day", "week", "month", "quarter", "year"] {
        for aggregate in ["mean", "sum", "min", "max", "median", "count", "deviation", "p5", "p37", "p95"] {
            let params = json!({"bucket": bucket, "aggregate": aggregate});
            for metric in ["sleep_score", "activity_steps", "temperature_deviation", "sleep_heart_rate"] {
                // Of one number a day, all aggregates but the count are that number.
                if bucket != "day" || metric == "sleep_heart_rate" || ["mean", "count"].contains(&aggregate) {
                    let query = format!("{range}&bucket={bucket}&aggregate={aggregate}");
                    all.push(("buckets", params.clone(), format!("trends/{metric}?{query}")));
                }
            }
        }
    }
    for metric in ["sleep_score", "activity_steps", "temperature_deviation", "readiness_score"] {
        for (rolling, ewma, baseline, width) in [(7, 7, 28, 2.0), (28, 21, 60, 2.5), (365, 90, 365, 1.0)] {
            let params = json!({"rolling": rolling, "ewma": ewma, "baseline": baseline, "width": width});
            let query = format!(
                "rolling_mean={rolling}&rolling_median={rolling}&ewma={ewma}&baseline={baseline}&baseline_width={width}"
            );
            all.push(("windows", params, format!("trends/{metric}?{range}&{query}")));
        }
        for gaps in ["carry", "linear"] {
            all.push(("gaps", json!({"gaps": gaps}), format!("trends/{metric}?{range}&gaps={gaps}")));
        }
        all.push(("slopes", json!({}), format!("trends/{metric}?{range}&bucket=year&slope=true")));
        for bucket in ["day", "month"] {
            let query = "from=2025-01-01&to=2025-06-17&compare=previous,year,oura";
            all.push(("comparisons", json!({}), format!("trends/{metric}?{query}&bucket={bucket}")));
        }
        all.push(("effects", json!({}), format!("effects/{tag}?metric={metric}&{range}")));
    }
    let metrics = "activity_steps,sleep_score,readiness_score,temperature_deviation";
    for (lag, split) in [
        ("-7..7", String::new()),
        ("1", "&split=weekday".into()),
        ("0..2", "&split=workout".into()),
        ("1", format!("&split=tag:{tag}")),
    ] {
        all.push((
            "coefficients",
            json!({}),
            format!("correlations?metrics={metrics}&lag={lag}{split}&{range}"),
        ));
    }
    all
}

/// Relative: both sides calculate with 53 bits, in another order.
const ALIKE: f64 = 1e-9;

#[tokio::test]
async fn statistics_equal_numpy_scipy_and_pandas() {
    let Known { api, mut given, tag } = a_life().await;
    let mut asked = Vec::new();
    for (what, params, path) in questions(&tag) {
        let answer = api.ask(Method::GET, &format!("/api/v1/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        asked.push(json!({"what": what, "params": params, "answer": answer.json()}));
    }
    given.insert("asked".into(), Value::Array(asked));
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(Value::Object(given).to_string().as_bytes()).unwrap();
    input.rewind().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test runner tells where its Python is")]
    let python =
        std::env::var("MYHEALTH_TEST_PYTHON").expect("run `cargo xtask test`, or `cargo xtask provision`");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/reference.py");
    let output = Command::new(python).arg(script).stdin(Stdio::from(input)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Python with numpy, scipy and pandas is needed: {said}");
    let rows: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    println!("{:<34} {:>8} {:>22} {:>22} {:>10}", "statistic", "numbers", "ours", "theirs", "difference");
    for row in &rows {
        let number =
            |name: &str| row[name].as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.12e}"));
        let (ours, theirs) = (number("ours"), number("theirs"));
        let difference = row["difference"].as_f64().unwrap();
        println!(
            "{:<34} {:>8} {ours:>22} {theirs:>22} {difference:>10.1e}",
            row["statistic"].as_str().unwrap(),
            row["numbers"]
        );
    }
    // Every kind of question was compared, over all ten years.
    assert_eq!(rows.len(), 123, "a statistic is missing or new");
    let compared: u64 = rows.iter().map(|row| row["numbers"].as_u64().unwrap()).sum();
    assert_eq!(compared, 379_762, "the table of docs/trends.md");
    for row in &rows {
        assert!(row["difference"].as_f64().unwrap() <= ALIKE, "{row}");
    }
}

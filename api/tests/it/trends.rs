use domain::{Collection, Document};
use serde_json::{Value, json};

use crate::documents::{awake, night, score};
use crate::test_api::TestApi;

/// Each bucket as (start, end, value, count).
fn points(trend: &Value) -> Vec<(&str, &str, Option<f64>, u64)> {
    trend["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            let day = |name: &str| point[name].as_str().unwrap();
            (day("start"), day("end"), point["value"].as_f64(), point["count"].as_u64().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn trend_of_a_score_by_week() {
    let api = TestApi::with(vec![
        score("2026-03-12", 70),
        score("2026-03-15", 80),
        score("2026-03-23", 91),
        score("2026-03-29", 82),
    ])
    .await;
    let uri = "/api/v1/trends/sleep_score?from=2026-03-11&to=2026-03-29&bucket=week";
    insta::assert_json_snapshot!(api.get(uri).await);
    let values = async |aggregate: &str| {
        let trend = api.get(&format!("{uri}&aggregate={aggregate}")).await;
        points(&trend).iter().map(|(_, _, value, _)| *value).collect::<Vec<_>>()
    };
    assert_eq!(values("min").await, [Some(70.0), None, Some(82.0)]);
    assert_eq!(values("max").await, [Some(80.0), None, Some(91.0)]);
    assert_eq!(values("median").await, [Some(75.0), None, Some(86.5)]);
}

#[tokio::test]
async fn trend_defaults_to_means_of_ninety_days() {
    let trend = TestApi::with(vec![score("2026-03-29", 82)]).await.get("/api/v1/trends/sleep_score").await;
    let points = points(&trend);
    assert_eq!((trend["bucket"].as_str(), trend["aggregate"].as_str()), (Some("day"), Some("mean")));
    assert_eq!((points.len(), points[0].0), (90, "2025-12-30"));
    assert_eq!(points[88], ("2026-03-28", "2026-03-28", None, 0));
    assert_eq!(points[89], ("2026-03-29", "2026-03-29", Some(82.0), 1));
}

#[tokio::test]
async fn points_that_two_days_of_a_journey_share_count_once() {
    let activity = |on: &str, start: &str, met: &[f64]| {
        let body = json!({"id": on, "day": on, "met": {"interval": 60, "items": met, "timestamp": start}});
        (Collection::DailyActivity, Document::parse(Collection::DailyActivity, &body.to_string()).unwrap())
    };
    // To the east: four o'clock comes before the day before has had its 24 hours.
    let api = TestApi::with(vec![
        activity("2026-03-10", "2026-03-10T04:00:00Z", &[1.0, 2.0, 9.0, 9.0]),
        activity("2026-03-11", "2026-03-10T04:02:00Z", &[3.0, 4.0, 5.0]),
    ])
    .await;
    let trend = async |from: &str, bucket: &str| {
        let uri = format!("/api/v1/trends/activity_met?from={from}&to=2026-03-11&bucket={bucket}");
        let trend = api.get(&uri).await;
        points(&trend).into_iter().map(|(_, _, value, count)| (value, count)).collect::<Vec<_>>()
    };
    assert_eq!(trend("2026-03-10", "week").await, [(Some(3.0), 5)], "five minutes, not seven");
    assert_eq!(
        trend("2026-03-10", "day").await,
        [(Some(1.5), 2), (Some(4.0), 3)],
        "the later document counts"
    );
    assert_eq!(trend("2026-03-11", "day").await, [(Some(4.0), 3)]);
}

#[tokio::test]
async fn points_of_a_night_count_under_the_day_of_waking_up() {
    let api = TestApi::with(vec![night("2026-03-01", &[Some(50.0), Some(70.0)])]).await;
    in_zone(&api, "America/New_York").await;
    // It began at seven in the evening of the day before.
    let trend = api.get("/api/v1/trends/sleep_hrv?from=2026-02-28&to=2026-03-01&aggregate=max").await;
    let expected = [("2026-02-28", "2026-02-28", None, 0), ("2026-03-01", "2026-03-01", Some(0.07), 2)];
    assert_eq!(points(&trend), expected);
}

/// Moves the person.
async fn in_zone(api: &TestApi, zone: &str) {
    let id = api.person("me").await.id;
    api.store.set_time_zone(id, zone).await.unwrap();
}

#[tokio::test]
async fn rows_count_under_the_civil_day_of_the_person() {
    let api = TestApi::with(vec![
        awake("2026-03-10", &[("23:30:00", 60)]),
        awake("2026-03-11", &[("01:00:00", 100), ("16:00:00", 80)]),
    ])
    .await;
    in_zone(&api, "America/New_York").await;
    let uri = "/api/v1/trends/heart_rate_awake";
    let trend = api.get(&format!("{uri}?from=2026-03-10&to=2026-03-11")).await;
    let expected = [("2026-03-10", "2026-03-10", Some(80.0), 2), ("2026-03-11", "2026-03-11", Some(80.0), 1)];
    assert_eq!(points(&trend), expected);
    // A range that ends with a day has all of it.
    let trend = api.get(&format!("{uri}?from=2026-03-10&to=2026-03-10")).await;
    assert_eq!(points(&trend), expected[..1]);
    in_zone(&api, "Pacific/Auckland").await;
    let trend = api.get(&format!("{uri}?from=2026-03-11&to=2026-03-12")).await;
    let expected = [("2026-03-11", "2026-03-11", Some(80.0), 2), ("2026-03-12", "2026-03-12", Some(80.0), 1)];
    assert_eq!(points(&trend), expected);
}

#[tokio::test]
async fn today_has_its_rows_on_both_sides_of_greenwich() {
    let api = TestApi::with(vec![
        awake("2026-03-28", &[("10:30:00", 50)]),
        awake("2026-03-29", &[("02:00:00", 60), ("09:30:00", 70)]),
    ])
    .await;
    // 29 March, ten o'clock UTC.
    let today = async |zone: &str| {
        in_zone(&api, zone).await;
        let trend = api.get("/api/v1/trends/heart_rate_awake?period=1d").await;
        let (day, _, value, count) = points(&trend)[0];
        (day.to_owned(), value, count)
    };
    assert_eq!(today("America/Los_Angeles").await, ("2026-03-29".into(), Some(70.0), 1));
    assert_eq!(today("Europe/Berlin").await, ("2026-03-29".into(), Some(65.0), 2));
    assert_eq!(today("Pacific/Kiritimati").await, ("2026-03-30".into(), None, 0));
    *api.clock.lock().unwrap() = "2026-03-29T00:30:00Z".parse().unwrap();
    assert_eq!(today("Pacific/Auckland").await, ("2026-03-29".into(), Some(65.0), 2));
}

#[tokio::test]
async fn points_of_documents_that_overlap_count_once_and_the_later_document_counts() {
    let minutes = |on: &str, start: &str, met: &[f64]| {
        let body = serde_json::json!({
            "id": format!("a-{on}"), "day": on,
            "met": {"interval": 60.0, "items": met, "timestamp": format!("{start}:00.000+00:00")},
        });
        (Collection::DailyActivity, Document::parse(Collection::DailyActivity, &body.to_string()).unwrap())
    };
    let api = TestApi::with(vec![
        minutes("2026-03-10", "2026-03-11T00:00", &[1.0, 2.0, 3.0]),
        minutes("2026-03-11", "2026-03-11T00:01", &[5.0, 6.0, 7.0]),
    ])
    .await;
    for (from, to) in [("2026-03-10", "2026-03-11"), ("2026-03-10", "2026-03-10")] {
        let trend = api.get(&format!("/api/v1/trends/activity_met?from={from}&to={to}&aggregate=sum")).await;
        let expected =
            [("2026-03-10", "2026-03-10", Some(1.0), 1), ("2026-03-11", "2026-03-11", Some(18.0), 3)];
        assert_eq!(points(&trend)[..], expected[..points(&trend).len()], "{from} {to}");
    }
}

#[tokio::test]
async fn night_without_a_nap_and_day_without_a_hard_workout_have_no_event() {
    let workout = serde_json::json!({
        "id": "w", "day": "2026-03-10", "activity": "walking", "intensity": "easy",
        "start_datetime": "2026-03-10T08:00:00+01:00", "end_datetime": "2026-03-10T08:30:00+01:00",
    });
    let workout = Document::parse(Collection::Workout, &workout.to_string()).unwrap();
    let api = TestApi::with(vec![
        night("2026-03-10", &[Some(50.0)]),
        (Collection::Workout, workout),
        awake("2026-03-10", &[("10:00:00", 60)]),
    ])
    .await;
    for metric in ["sleep_nap_duration", "workout_duration_hard", "heart_rate_workout"] {
        let trend = api.get(&format!("/api/v1/trends/{metric}?from=2026-03-10&to=2026-03-10")).await;
        assert_eq!(trend["coverage"]["missing"], serde_json::json!({"no_event": 1}), "{metric}");
    }
    let trend = api.get("/api/v1/trends/sleep_efficiency?from=2026-03-10&to=2026-03-10").await;
    assert_eq!(trend["coverage"]["missing"], serde_json::json!({"not_computed": 1}));
}

#[tokio::test]
async fn rows_read_in_pieces_are_all_there() {
    let api = TestApi::with(vec![
        awake("2025-12-31", &[("10:00:00", 60), ("22:59:00", 70)]),
        awake("2026-02-10", &[("10:00:00", 90)]),
        night("2026-02-10", &[Some(50.0)]),
    ])
    .await;
    let uri = "/api/v1/trends/heart_rate_awake?from=2025-11-15&to=2026-03-01&bucket=month";
    assert_eq!(
        points(&api.get(uri).await),
        [
            ("2025-11-15", "2025-11-30", None, 0),
            ("2025-12-01", "2025-12-31", Some(65.0), 2),
            ("2026-01-01", "2026-01-31", None, 0),
            ("2026-02-01", "2026-02-28", Some(90.0), 1),
            ("2026-03-01", "2026-03-01", None, 0),
        ]
    );
    // Longer than is read at once, so that the seams between readings are seen.
    for bucket in ["day", "week", "month", "quarter", "year"] {
        let uri = format!("/api/v1/trends/heart_rate_awake?from=2024-01-01&to=2026-03-29&bucket={bucket}");
        let trend = api.get(&uri).await;
        let points = points(&trend);
        assert_eq!(points.iter().map(|point| point.3).sum::<u64>(), 3, "{bucket}");
        assert_eq!((points[0].0, points[points.len() - 1].1), ("2024-01-01", "2026-03-29"));
    }
}

#[tokio::test]
async fn trend_over_two_centuries_by_month() {
    let api = TestApi::with(vec![score("2026-03-28", 82)]).await;
    let trend = api.get("/api/v1/trends/sleep_score?from=2000-01-01&to=2199-12-31&bucket=month").await;
    let points = points(&trend);
    assert_eq!((points.len(), points[314].2, points[2399].2), (2400, Some(82.0), None));
}

#[tokio::test]
async fn trend_of_a_state_is_refused() {
    let api = TestApi::with(Vec::new()).await;
    for metric in ["sleep_algorithm", "sleep_phase"] {
        let detail = api.problem(&format!("/api/v1/trends/{metric}"), 400).await;
        let expected = format!("metric: {metric} is a state; an average or median of states means nothing");
        assert_eq!(detail, expected);
    }
}

/// Scores of some days of March, by day of the month.
fn march(scores: &[(u8, u8)]) -> Vec<crate::documents::Filed> {
    scores.iter().map(|(day, value)| score(&format!("2026-03-{day:02}"), *value)).collect()
}

fn column(trend: &Value, name: &str) -> Vec<Option<f64>> {
    trend["points"].as_array().unwrap().iter().map(|point| point[name].as_f64()).collect()
}

#[tokio::test]
async fn trend_windows_reach_before_the_first_day() {
    let api = TestApi::with(march(&[(1, 70), (2, 80), (3, 90), (5, 60), (6, 64)])).await;
    let uri = "/api/v1/trends/sleep_score?to=2026-03-06&rolling_mean=3&rolling_median=4&ewma=1&baseline=4&min_count=2";
    let late = api.get(&format!("{uri}&from=2026-03-04")).await;
    let early = api.get(&format!("{uri}&from=2026-02-20")).await;
    insta::assert_json_snapshot!("windows", late["points"]);
    for name in
        ["rolling_mean", "rolling_median", "ewma", "baseline", "baseline_low", "baseline_high", "z_score"]
    {
        let early = column(&early, name);
        assert_eq!(column(&late, name), early[early.len() - 3..], "{name}");
    }
}

#[tokio::test]
async fn trend_gaps_follow_the_parameter_and_are_not_counted() {
    let api = TestApi::with(march(&[(1, 70), (4, 76)])).await;
    let get = async |gaps: &str| {
        api.get(&format!("/api/v1/trends/sleep_score?from=2026-02-28&to=2026-03-05&gaps={gaps}")).await
    };
    let (null, skip, carry, linear) =
        (get("null").await, get("skip").await, get("carry").await, get("linear").await);
    assert_eq!(column(&null, "value"), [None, Some(70.0), None, None, Some(76.0), None]);
    assert_eq!(column(&skip, "value"), [Some(70.0), Some(76.0)]);
    assert_eq!(column(&carry, "value"), [None, Some(70.0), Some(70.0), Some(70.0), Some(76.0), Some(76.0)]);
    assert_eq!(column(&linear, "value"), [None, Some(70.0), Some(72.0), Some(74.0), Some(76.0), None]);
    for trend in [&null, &carry, &linear] {
        assert_eq!(trend["coverage"]["days_with_value"], 2);
        for point in trend["points"].as_array().unwrap() {
            assert_eq!(point["filled"] == true, !point["value"].is_null() && point["count"] == 0, "{point}");
        }
    }
}

#[tokio::test]
async fn trend_gives_a_reason_for_every_missing_day() {
    let api = TestApi::with(march(&[(1, 70), (29, 76)])).await;
    for bucket in ["day", "week", "month", "quarter", "year"] {
        let uri = format!("/api/v1/trends/sleep_score?from=2026-01-05&to=2026-04-02&bucket={bucket}");
        let trend = api.get(&uri).await;
        let check = |coverage: &Value| {
            let count = |name: &str| coverage[name].as_u64().unwrap();
            let missing: u64 =
                coverage["missing"].as_object().unwrap().values().map(|days| days.as_u64().unwrap()).sum();
            assert_eq!(count("days"), count("days_with_value") + missing, "{bucket} {coverage}");
            count("days")
        };
        let parts: u64 = trend["points"].as_array().unwrap().iter().map(check).sum();
        assert_eq!(parts, check(&trend["coverage"]), "{bucket}");
        assert_eq!(trend["coverage"]["missing"]["not_yet"], 4, "{bucket}");
    }
}

#[tokio::test]
async fn trend_compares_with_previous_ranges() {
    let mut documents = march(&[(1, 80), (15, 82), (29, 84)]);
    documents.extend([score("2026-02-10", 70), score("2025-03-02", 60), score("2024-06-01", 40)]);
    let api = TestApi::with(documents).await;
    let uri = "/api/v1/trends/sleep_score?from=2026-03-01&to=2026-03-29";
    let days = api.get(&format!("{uri}&compare=previous,year,oura")).await;
    insta::assert_json_snapshot!("comparisons", days["comparisons"]);
    let months = api.get(&format!("{uri}&compare=oura&bucket=month")).await;
    insta::assert_json_snapshot!("comparisons_of_months", months["comparisons"]);
}

#[tokio::test]
async fn trend_slope_uses_days_for_every_bucket_size() {
    let rising: Vec<(u8, u8)> = (1..=29).filter(|day| day % 3 > 0).map(|day| (day, 50 + day)).collect();
    let api = TestApi::with(march(&rising)).await;
    let uri = "/api/v1/trends/sleep_score?from=2026-03-01&to=2026-03-29&slope=true";
    let by_day = api.get(uri).await;
    for slope in by_day["slopes"].as_array().unwrap() {
        assert!((slope["per_day"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{slope}");
        assert!((slope["intercept"].as_f64().unwrap() - 51.0).abs() < 1e-9, "{slope}");
    }
    assert_eq!(by_day["slopes"].as_array().unwrap().len(), 2);
    assert_eq!(api.get(&format!("{uri}&bucket=week")).await["slopes"], by_day["slopes"]);
    let nothing = TestApi::with(Vec::new()).await.get(uri).await;
    assert_eq!(nothing["slopes"], serde_json::json!([]));
}

#[tokio::test]
async fn trend_downsampling_keeps_ends_and_peak() {
    let scores: Vec<(u8, u8)> =
        (1..=29).map(|day| (day, if day == 17 { 99 } else { 50 + day % 2 })).collect();
    let api = TestApi::with(march(&scores)).await;
    let trend = api.get("/api/v1/trends/sleep_score?from=2026-02-01&to=2026-03-29&max_points=8").await;
    let points = points(&trend);
    assert_eq!(points.len(), 8);
    assert_eq!((points[0].0, points[7].0), ("2026-03-01", "2026-03-29"));
    assert!(points.iter().any(|point| point.0 == "2026-03-17"));
}

#[tokio::test]
async fn trend_table_has_a_column_per_metric() {
    let mut documents = march(&[(2, 80), (3, 82)]);
    documents.extend([
        crate::documents::steps("2026-03-03", 9000),
        awake("2026-03-03", &[("10:00:00", 60), ("11:00:00", 70)]),
    ]);
    let api = TestApi::with(documents).await;
    let uri =
        "/api/v1/trends?metrics=activity_steps,sleep_score,heart_rate_awake&from=2026-03-01&to=2026-03-03";
    insta::assert_json_snapshot!("table", api.get(uri).await);
    let carried = api.get(&format!("{uri}&gaps=carry")).await;
    assert_eq!(carried["rows"][2]["sleep_score_filled"], false);
    assert_eq!(api.get(&format!("{uri}&gaps=skip")).await["rows"].as_array().unwrap().len(), 2);
    // What several metrics say together, each says alone.
    for bucket in ["day", "week", "year"] {
        let table = api.get(&format!("{uri}&bucket={bucket}&aggregate=p90")).await;
        for metric in ["activity_steps", "sleep_score", "heart_rate_awake"] {
            let alone = format!(
                "/api/v1/trends/{metric}?from=2026-03-01&to=2026-03-03&bucket={bucket}&aggregate=p90"
            );
            let alone = column(&api.get(&alone).await, "value");
            let rows = table["rows"].as_array().unwrap();
            assert_eq!(
                rows.iter().map(|row| row[metric].as_f64()).collect::<Vec<_>>(),
                alone,
                "{metric} {bucket}"
            );
        }
    }
}

#[tokio::test]
async fn trend_period_is_a_range_with_an_end() {
    let api = TestApi::with(march(&[(2, 80)])).await;
    let uri = "/api/v1/trends/sleep_score";
    assert_eq!(
        api.get(&format!("{uri}?period=2w&to=2026-03-08")).await,
        api.get(&format!("{uri}?from=2026-02-23&to=2026-03-08")).await
    );
    assert_eq!(api.get(&format!("{uri}?period=90d")).await, api.get(uri).await);
}

#[tokio::test]
async fn months_of_the_oura_app_are_compared_with_whole_ones_and_the_span_is_theirs() {
    let mut documents = vec![score("2026-01-20", 10)];
    documents.extend([score("2026-02-10", 60), score("2026-02-20", 70)]);
    documents.extend(march(&[(5, 80), (6, 90)]));
    let api = TestApi::with(documents).await;
    let usual = async |params: &str| {
        let trend = api.get(&format!("/api/v1/trends/sleep_score?compare=oura&{params}")).await;
        let usual = &trend["comparisons"][0];
        assert_eq!(usual["kind"], "oura_usual");
        let day = |name: &str| usual[name].as_str().unwrap().to_owned();
        let (value, days) = (usual["against_value"].as_f64(), usual["against_days_with_value"].as_u64());
        (day("against_from"), day("against_to"), value, days.unwrap())
    };
    // January was not measured from its beginning.
    assert_eq!(
        usual("bucket=month&from=2026-03-01&to=2026-03-29").await,
        ("2026-02-01".into(), "2026-02-28".into(), Some(65.0), 2)
    );
    // The week of a Wednesday: the days of that week before it are no whole week.
    assert_eq!(
        usual("bucket=week&from=2026-03-04&to=2026-03-05").await,
        ("2026-01-26".into(), "2026-03-01".into(), Some(65.0), 2)
    );
    // Nothing is whole.
    assert_eq!(
        usual("bucket=month&from=2026-02-01&to=2026-02-28").await,
        ("2026-01-20".into(), "2026-01-31".into(), None, 1)
    );
}

use serde_json::Value;

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
async fn weeks_of_a_score() {
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
async fn ninety_days_of_averages_unless_told_otherwise() {
    let trend = TestApi::with(vec![score("2026-03-29", 82)]).await.get("/api/v1/trends/sleep_score").await;
    let points = points(&trend);
    assert_eq!((trend["bucket"].as_str(), trend["aggregate"].as_str()), (Some("day"), Some("average")));
    assert_eq!((points.len(), points[0].0), (90, "2025-12-30"));
    assert_eq!(points[88], ("2026-03-28", "2026-03-28", None, 0));
    assert_eq!(points[89], ("2026-03-29", "2026-03-29", Some(82.0), 1));
}

#[tokio::test]
async fn points_count_under_the_day_of_their_document() {
    let api = TestApi::with(vec![
        awake("2025-12-31", &[("10:00:00", 60), ("23:59:00", 70)]),
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
    for bucket in ["day", "week", "month"] {
        let uri = format!("/api/v1/trends/heart_rate_awake?from=2024-01-01&to=2026-03-29&bucket={bucket}");
        let trend = api.get(&uri).await;
        let points = points(&trend);
        assert_eq!(points.iter().map(|point| point.3).sum::<u64>(), 3, "{bucket}");
        assert_eq!((points[0].0, points[points.len() - 1].1), ("2024-01-01", "2026-03-29"));
    }
}

#[tokio::test]
async fn two_hundred_years_by_month() {
    let api = TestApi::with(vec![score("2199-12-31", 82)]).await;
    let trend = api.get("/api/v1/trends/sleep_score?from=2000-01-01&to=2199-12-31&bucket=month").await;
    let points = points(&trend);
    assert_eq!((points.len(), points[2399].2), (2400, Some(82.0)));
}

#[tokio::test]
async fn states_are_refused() {
    let api = TestApi::with(Vec::new()).await;
    for metric in ["sleep_algorithm", "sleep_phase"] {
        let detail = api.problem(&format!("/api/v1/trends/{metric}"), 400).await;
        let expected = format!("metric: {metric} is a state; an average or median of states means nothing");
        assert_eq!(detail, expected);
    }
}

use domain::{DayRange, Metric};
use serde_json::{Value, json};

use crate::documents::{awake, late, nap, nap_at, night};
use crate::test_api::TestApi;

#[tokio::test]
async fn series_default_to_the_newest_day_with_points() {
    let api = TestApi::with(vec![
        night("2026-03-20", &[Some(48.0)]),
        night("2026-03-27", &[None, Some(50.0), Some(-102.0), Some(52.0)]),
        night("2026-03-28", &[None]),
    ])
    .await;
    insta::assert_json_snapshot!(api.get("/api/v1/series/sleep_hrv").await);
    let all = api.get("/api/v1/series/sleep_hrv?from=2026-03-01&to=2026-03-28").await;
    assert_eq!(all["points"].as_array().unwrap().len(), 3);
    let one = api.get("/api/v1/series/sleep_hrv?to=2026-03-20").await;
    assert_eq!((&one["from"], one["points"].as_array().unwrap().len()), (&json!("2026-03-20"), 1));
}

#[tokio::test]
async fn series_without_points_are_empty() {
    let value = TestApi::with(Vec::new()).await.get("/api/v1/series/heart_rate_awake").await;
    assert_eq!((&value["from"], &value["to"], &value["points"]), (&Value::Null, &Value::Null, &json!([])));
}

#[tokio::test]
async fn series_of_overlapping_documents_are_sorted_by_time() {
    let api = TestApi::with(vec![
        night("2026-03-27", &late(&[Some(50.0), Some(51.0)])),
        nap("2026-03-27", &[Some(60.0), Some(61.0)]),
    ])
    .await;
    let value = api.get("/api/v1/series/sleep_hrv").await;
    let values: Vec<f64> =
        value["points"].as_array().unwrap().iter().map(|point| point[1].as_f64().unwrap()).collect();
    assert_eq!(values, [0.05, 0.06, 0.051, 0.061]);
}

#[tokio::test]
async fn series_use_the_later_document_for_one_instant() {
    let on = "2026-03-27";
    let api = TestApi::with(vec![
        night(on, &late(&[Some(50.0), Some(51.0)])),
        // Its first point is the night's second.
        nap_at(on, "01:55:00.250", &[Some(60.0), Some(61.0)]),
    ])
    .await;
    let start = 1_774_576_200_250_i64;
    let expected = [(start, 0.05), (start + 300_000, 0.06), (start + 600_000, 0.061)];
    let series = api.get("/api/v1/series/sleep_hrv").await;
    assert_eq!(series["points"], json!(expected));
    let page = api.get(&format!("/api/v1/hrv?from={on}")).await;
    let values: Vec<&Value> = page["points"].as_array().unwrap().iter().map(|row| &row["value"]).collect();
    assert_eq!(values, [0.05, 0.06, 0.061]);
    for bucket in ["day", "year"] {
        let uri = format!("/api/v1/trends/sleep_hrv?from={on}&to={on}&bucket={bucket}&aggregate=sum");
        let trend = api.get(&uri).await;
        let point = &trend["points"][0];
        let sum = point["value"].as_f64().unwrap();
        assert_eq!(point["count"], 3, "{bucket}");
        assert!((sum - 0.171).abs() < 1e-12, "{bucket}: {sum}");
    }
    // What remote read compresses.
    let me = api.person("me").await.id;
    let (day, metric) = (on.parse().unwrap(), Metric::by_key("sleep_hrv").unwrap());
    let mut read = Vec::new();
    assert!(
        api.store.points(me, metric, DayRange::ending(day, 1)).await.unwrap().next(&mut read).await.unwrap()
    );
    assert_eq!(read, expected);
}

#[tokio::test]
async fn series_keep_the_times_of_rows() {
    let api = TestApi::with(vec![awake("2026-03-29", &[("06:00:00", 61), ("06:05:00.500", 64)])]).await;
    let value = api.get("/api/v1/series/heart_rate_awake?from=2026-03-29").await;
    assert_eq!(value["points"], json!([[1_774_764_000_000_i64, 61.0], [1_774_764_300_500_i64, 64.0]]));
}

#[tokio::test]
async fn series_of_a_daily_metric_are_refused() {
    let api = TestApi::with(Vec::new()).await;
    let detail = api.problem("/api/v1/series/sleep_score", 400).await;
    assert_eq!(
        detail,
        "metric: sleep_score is one number a day and has no points; ask /api/v1/trends/sleep_score for its days"
    );
}

#[tokio::test]
async fn series_over_a_month_are_refused() {
    let api = TestApi::with(Vec::new()).await;
    api.get("/api/v1/series/sleep_hrv?from=2026-01-01&to=2026-01-31").await;
    let detail = api.problem("/api/v1/series/sleep_hrv?from=2026-01-01&to=2026-02-01", 400).await;
    assert_eq!(
        detail,
        "from and to: 32 days of points are too many; ask for at most 31, or ask /api/v1/trends"
    );
}

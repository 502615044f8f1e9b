use domain::METRICS;

use serde_json::{Value, json};

use crate::documents::score;
use crate::test_api::TestApi;

#[tokio::test]
async fn metrics_list_is_the_whole_catalogue() {
    let value = TestApi::empty().await.get("/api/v1/metrics").await;
    let ids: Vec<&str> =
        value["metrics"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert!(ids.iter().copied().eq(METRICS.iter().map(|metric| metric.key)));
}

#[tokio::test]
async fn metrics_list_has_stored_days_per_person() {
    let api = TestApi::with(vec![score("2026-03-01", 80), score("2026-03-29", 82)]).await;
    let value = api.get("/api/v1/metrics?person=me").await;
    let of = |id: &str| value["metrics"].as_array().unwrap().iter().find(|m| m["id"] == id).unwrap().clone();
    let expected = json!({"first_day": "2026-03-01", "last_day": "2026-03-29", "days_with_value": 2});
    assert_eq!(of("sleep_score")["coverage"], expected);
    assert_eq!(of("activity_steps")["coverage"], Value::Null);
}

#[tokio::test]
async fn metrics_list_tells_daily_metrics_from_points() {
    let value = TestApi::empty().await.get("/api/v1/metrics").await;
    let wanted = ["sleep_score", "sleep_contributor_timing", "sleep_algorithm", "sleep_hrv", "sleep_phase"];
    let mut metrics = value["metrics"].as_array().unwrap().clone();
    metrics.retain(|metric| wanted.contains(&metric["id"].as_str().unwrap()));
    insta::assert_json_snapshot!(metrics);
}

#[tokio::test]
async fn one_metric_is_the_row_of_the_list() {
    let api = TestApi::with(vec![score("2026-03-01", 80)]).await;
    for person in ["", "?person=me"] {
        let list = api.get(&format!("/api/v1/metrics{person}")).await;
        let of_list = list["metrics"].as_array().unwrap().iter().find(|row| row["id"] == "sleep_score");
        let one = api.get(&format!("/api/v1/metrics/sleep_score{person}")).await;
        assert_eq!(Some(&one), of_list);
    }
    let unknown = api.problem("/api/v1/metrics/sleep_scor", 404).await;
    assert!(unknown.contains("sleep_score"), "{unknown}");
}

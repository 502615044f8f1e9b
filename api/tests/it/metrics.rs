use domain::METRICS;

use crate::test_api::TestApi;

#[tokio::test]
async fn the_whole_catalogue_is_answered() {
    let value = TestApi::empty().await.get("/api/v1/metrics").await;
    let ids: Vec<&str> =
        value["metrics"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert!(ids.iter().copied().eq(METRICS.iter().map(|metric| metric.key)));
}

#[tokio::test]
async fn each_kind_of_metric_has_its_shape() {
    let value = TestApi::empty().await.get("/api/v1/metrics").await;
    let wanted = ["sleep_score", "sleep_contributor_timing", "sleep_algorithm", "sleep_hrv", "sleep_phase"];
    let mut metrics = value["metrics"].as_array().unwrap().clone();
    metrics.retain(|metric| wanted.contains(&metric["id"].as_str().unwrap()));
    insta::assert_json_snapshot!(metrics);
}

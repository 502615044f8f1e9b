use serde_json::json;

use crate::documents::{awake, night};
use crate::test_api::TestApi;

#[tokio::test]
async fn points_are_sorted_by_time() {
    let api = TestApi::with(vec![
        awake("2026-03-28", &[("22:00:00", 60)]),
        awake("2026-03-29", &[("06:00:00", 61), ("06:05:00.500", 64)]),
        night("2026-03-29", &[Some(50.0), None, Some(52.0)]),
    ])
    .await;
    insta::assert_json_snapshot!(
        "heart_rate",
        api.get("/api/v1/heart-rate?from=2026-03-20&to=2026-03-29").await
    );
    insta::assert_json_snapshot!("hrv", api.get("/api/v1/hrv").await);
    assert_eq!(api.get("/api/v1/heart-rate").await["points"].as_array().unwrap().len(), 2, "today");
    assert_eq!(api.get("/api/v1/ring-battery").await["points"], json!([]));
}

#[tokio::test]
async fn points_paging_visits_every_point_once() {
    let documents = (1..=28).map(|day| {
        let on = format!("2026-03-{day:02}");
        awake(&on, &[("06:00:00", 61), ("06:05:00", 62), ("23:59:59.999", 63)])
    });
    let api = TestApi::with(documents.collect()).await;
    let whole = "/api/v1/heart-rate?from=2026-03-01&to=2026-03-28";
    let all = api.get(whole).await["points"].clone();
    assert_eq!(all.as_array().unwrap().len(), 84);
    for limit in [1, 2, 7, 83, 84, 85] {
        let (mut uri, mut walked) = (format!("{whole}&limit={limit}"), Vec::new());
        loop {
            let page = api.get(&uri).await;
            let points = page["points"].as_array().unwrap();
            assert!(!points.is_empty() && points.len() <= limit, "{uri}");
            walked.extend(points.iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            next.clone_into(&mut uri);
        }
        assert_eq!(json!(walked), all, "limit {limit}");
    }
}

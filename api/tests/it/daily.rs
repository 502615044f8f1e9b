use domain::Day;
use serde_json::{Value, json};

use crate::documents::{night, readiness, score, steps};
use crate::test_api::TestApi;

fn days(page: &Value) -> Vec<String> {
    page["days"].as_array().unwrap().iter().map(|day| day["day"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn daily_page_joins_the_collections_of_a_theme() {
    let api = TestApi::with(vec![
        score("2026-03-28", 75),
        score("2026-03-29", 82),
        night("2026-03-29", &[Some(50.0)]),
        steps("2026-03-27", 0),
        readiness("2026-03-29", 79, -0.12),
    ])
    .await;
    insta::assert_json_snapshot!("sleep", api.get("/api/v1/sleep").await);
    insta::assert_json_snapshot!("activity", api.get("/api/v1/activity?from=2026-03-01").await);
    insta::assert_json_snapshot!("readiness", api.get("/api/v1/readiness?to=2026-03-30").await);
}

#[tokio::test]
async fn daily_page_defaults_to_thirty_days() {
    let api =
        TestApi::with(vec![score("2026-02-27", 1), score("2026-02-28", 2), score("2026-03-30", 3)]).await;
    let page = api.get("/api/v1/sleep").await;
    assert_eq!((page["from"].as_str(), page["to"].as_str()), (Some("2026-02-28"), Some("2026-03-29")));
    assert_eq!((days(&page), &page["next"]), (vec!["2026-02-28".to_owned()], &Value::Null));
}

#[tokio::test]
async fn daily_paging_visits_every_day_once() {
    let first: Day = "2025-06-01".parse().unwrap();
    let expected: Vec<String> =
        [0, 1, 2, 3, 9, 10, 80, 81, 200, 273, 298].map(|n| first.plus(n).to_string()).to_vec();
    let api = TestApi::with(expected.iter().map(|day| score(day, 80)).collect()).await;
    for limit in [1, 2, 3, 5, 10, 11, 12, 1000] {
        let mut uri = format!("/api/v1/sleep?person=me&from={first}&to=2026-03-29&limit={limit}");
        let mut walked = Vec::new();
        loop {
            let page = api.get(&uri).await;
            let found = days(&page);
            assert!(!found.is_empty() && found.len() <= limit, "{uri}");
            walked.extend(found);
            assert!(walked.len() <= expected.len(), "{uri}");
            let Some(next) = page["next"].as_str() else { break };
            next.clone_into(&mut uri);
        }
        assert_eq!(walked, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn daily_range_of_two_centuries_is_answered() {
    let api = TestApi::with(vec![score("2000-01-01", 70), score("2026-03-28", 71)]).await;
    let page = api.get("/api/v1/sleep?from=2000-01-01&to=2199-12-31&limit=1").await;
    assert_eq!(days(&page), ["2000-01-01"]);
    let last = api.get(page["next"].as_str().unwrap()).await;
    assert_eq!((days(&last), &last["next"]), (vec!["2026-03-28".to_owned()], &Value::Null));
    let beyond = api.get("/api/v1/sleep?to=2199-12-31&after=2199-12-31").await;
    assert_eq!((&beyond["days"], &beyond["next"]), (&json!([]), &Value::Null));
}

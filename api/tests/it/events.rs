use domain::{Collection, Document};
use serde_json::{Value, json};

use crate::documents::{nap, night};
use crate::test_api::{TestApi, now};

fn filed(collection: Collection, value: &Value) -> (Collection, Document) {
    (collection, Document::parse(collection, &value.to_string()).unwrap())
}

fn workout(id: &str, on: &str) -> (Collection, Document) {
    let value = json!({
        "id": id, "day": on, "activity": "running", "intensity": "hard", "label": null, "source": "manual",
        "calories": 300.0, "distance": 5000.0,
        "start_datetime": format!("{on}T07:00:00+02:00"), "end_datetime": format!("{on}T07:30:00+02:00"),
    });
    filed(Collection::Workout, &value)
}

#[tokio::test]
async fn event_page_has_a_row_per_document() {
    let tag = json!({
        "id": "t", "start_day": "2026-03-27", "start_time": "2026-03-27T21:00:00+01:00", "end_day": null,
        "end_time": null, "tag_type_code": "tag_generic_alcohol", "comment": "two glasses",
    });
    let rest =
        json!({"id": "r", "start_day": "2026-03-20", "start_time": null, "end_day": null, "end_time": null});
    let api = TestApi::with(vec![
        workout("w", "2026-03-29"),
        night("2026-03-29", &[Some(50.0)]),
        nap("2026-03-29", &[Some(60.0)]),
        filed(Collection::EnhancedTag, &tag),
        filed(Collection::RestModePeriod, &rest),
    ])
    .await;
    insta::assert_json_snapshot!("workouts", api.get("/api/v1/workouts").await);
    insta::assert_json_snapshot!("sleep_periods", api.get("/api/v1/sleep-periods").await);
    insta::assert_json_snapshot!("tags", api.get("/api/v1/tags").await);
    insta::assert_json_snapshot!("rest_mode", api.get("/api/v1/rest-mode").await);
    assert_eq!(api.get("/api/v1/sessions").await["events"], json!([]));
    assert_eq!(api.get("/api/v1/legacy-tags?from=2000-01-01&to=2199-12-31").await["events"], json!([]));
}

#[tokio::test]
async fn night_has_the_duration_of_each_stage() {
    let night = json!({
        "id": "n", "day": "2026-03-29", "type": "long_sleep", "sleep_algorithm_version": "v2",
        "bedtime_start": "2026-03-28T23:00:00+01:00", "bedtime_end": "2026-03-29T07:00:00+02:00",
        "deep_sleep_duration": 4800, "light_sleep_duration": 13500, "rem_sleep_duration": 5400, "awake_time": 1500,
        "time_in_bed": 25200, "efficiency": 94,
    });
    let api = TestApi::with(vec![filed(Collection::Sleep, &night)]).await;
    insta::assert_json_snapshot!("stages", api.get("/api/v1/sleep-periods").await["events"]);
}

#[tokio::test]
async fn event_paging_visits_every_event_once() {
    let days = ["2026-03-02", "2026-03-02", "2026-03-02", "2026-03-05", "2026-03-28", "2026-03-29"];
    let ids = ["c", "a", "b x&y", "d", "e", "f"];
    let api = TestApi::with(ids.iter().zip(days).map(|(id, on)| workout(id, on)).collect()).await;
    for limit in 1..=7 {
        let mut uri = format!("/api/v1/workouts?limit={limit}");
        let mut walked = Vec::new();
        loop {
            let page = api.get(&uri).await;
            let events = page["events"].as_array().unwrap();
            assert!(!events.is_empty() && events.len() <= limit, "{uri}");
            walked.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            next.clone_into(&mut uri);
        }
        assert_eq!(walked, ["a", "b x&y", "c", "d", "e", "f"], "limit {limit}");
    }
}

#[tokio::test]
async fn events_of_a_day_come_in_order_of_their_start() {
    let tag = |id: &str, on: &str, start: Option<&str>| {
        let start = start.map(|start| format!("{on}T{start}"));
        let value = json!({"id": id, "start_day": on, "start_time": start, "tag_type_code": "tag_x"});
        filed(Collection::EnhancedTag, &value)
    };
    let api = TestApi::with(vec![
        tag("a", "2026-03-10", Some("21:00:00+01:00")),
        tag("b", "2026-03-10", Some("08:00:00+01:00")),
        // Eight in the evening further east is before all of them.
        tag("c", "2026-03-10", Some("14:00:00+09:00")),
        tag("d", "2026-03-10", Some("08:00:00+01:00")),
        tag("e", "2026-03-10", None),
        tag("f", "2026-03-11", Some("07:00:00+01:00")),
        tag("g", "2026-03-09", Some("23:00:00+01:00")),
    ])
    .await;
    for limit in 1..=8 {
        let mut uri = format!("/api/v1/tags?limit={limit}");
        let mut walked = String::new();
        loop {
            let page = api.get(&uri).await;
            let ids = page["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap());
            walked.extend(ids);
            let Some(next) = page["next"].as_str() else { break };
            next.clone_into(&mut uri);
        }
        assert_eq!(walked, "gecbdaf", "limit {limit}");
    }
}

#[tokio::test]
async fn rings_are_those_of_the_newest_observation() {
    let api = TestApi::empty().await;
    api.person("me").await;
    assert_eq!(api.get("/api/v1/ring-configuration").await["rings"], json!([]));
    let old = r#"{"id":"one","hardware_type":"gen3","set_up_at":"2023-01-01T00:00:00+00:00","size":9}"#;
    let new = r#"{"id":"two","hardware_type":"gen4","set_up_at":"2026-03-01T10:00:00+00:00","size":9}"#;
    for (on, rings) in [("2026-02-01", vec![old]), ("2026-03-28", vec![new, old])] {
        let (document, rejected) =
            Document::observe(Collection::RingConfiguration, on.parse().unwrap(), rings);
        assert!(rejected.is_empty());
        api.put("me", Collection::RingConfiguration, vec![document.unwrap()]).await;
    }
    insta::assert_json_snapshot!("rings", api.get("/api/v1/ring-configuration").await);
}

#[tokio::test]
async fn events_of_another_person_are_not_listed() {
    let api = TestApi::with(vec![workout("w", "2026-03-29")]).await;
    api.store.ensure_person(&"ann".parse().unwrap(), "Europe/Berlin", now()).await.unwrap();
    assert_eq!(api.get("/api/v1/workouts?person=ann").await["events"], json!([]));
    assert_eq!(api.get("/api/v1/workouts?person=me").await["events"].as_array().unwrap().len(), 1);
}

use crate::documents::score;
use crate::test_api::TestApi;

#[tokio::test]
async fn people_are_listed_by_name() {
    let api = TestApi::empty().await;
    insta::assert_json_snapshot!(api.get("/api/v1/people").await, @r#"
    {
      "people": []
    }
    "#);
    api.person("me").await;
    api.person("ann").await;
    insta::assert_json_snapshot!(api.get("/api/v1/people").await);
}

#[tokio::test]
async fn person_parameter_is_optional_for_one_person() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    assert_eq!(api.get("/api/v1/sleep").await, api.get("/api/v1/sleep?person=me").await);
}

#[tokio::test]
async fn person_parameter_is_required_for_several_people() {
    let api = TestApi::with(vec![score("2026-03-29", 82)]).await;
    let (collection, document) = score("2026-03-29", 61);
    api.put("ann", collection, vec![document]).await;
    let paths = [
        "dashboard",
        "sleep",
        "activity",
        "readiness",
        "spo2",
        "workouts",
        "tags",
        "ring-configuration",
        "heart-rate",
        "series/sleep_hrv",
        "trends/sleep_score",
        "trends?metrics=sleep_score",
        "correlations?metrics=sleep_score,activity_steps",
        "effects/wine?metric=sleep_score",
    ];
    for path in paths {
        let detail = api.problem(&format!("/api/v1/{path}"), 400).await;
        assert_eq!(detail, "person: several people are known here; choose one of: ann, me", "{path}");
    }
    let score = async |name: &str| {
        let value = api.get(&format!("/api/v1/dashboard?person={name}")).await;
        value["values"]["sleep_score"]["value"].clone()
    };
    assert_eq!((score("me").await, score("ann").await), (82.0.into(), 61.0.into()));
}

#[tokio::test]
async fn unknown_person_is_not_found() {
    let api = TestApi::empty().await;
    let empty = api.problem("/api/v1/dashboard", 404).await;
    assert!(empty.contains("myhealth login"), "{empty}");
    let stranger = api.problem("/api/v1/sleep?person=eve", 404).await;
    assert_eq!(stranger, "no person is called \"eve\"; /api/v1/people lists everyone");
}

#[tokio::test]
async fn unknown_time_zone_is_an_error_not_utc() {
    let api = TestApi::empty().await;
    let name = "me".parse().unwrap();
    api.store.ensure_person(&name, "Mars/Olympus", crate::test_api::now()).await.unwrap();
    let detail = api.problem("/api/v1/dashboard", 500).await;
    assert!(!detail.contains("Mars"), "{detail}");
}

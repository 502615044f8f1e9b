//! Responses say when numbers are still being derived again after an upgrade.

use axum::http::Request;
use axum::{body::Body, http::Method};
use store::{NewToken, Scopes, testing};

use crate::documents::score;
use crate::login::with;
use crate::test_api::{TestApi, now};

const HEADER: &str = "myhealth-stale-collections";

#[tokio::test]
async fn response_names_stale_collections_until_they_are_derived_again() {
    let api = TestApi::with(vec![score("2026-03-28", 80)]).await;
    testing::derive_by_other_rules(&api.store).await;
    let header = async |uri: &str| {
        let answer = api.send(Request::get(uri).body(Body::empty()).unwrap()).await;
        answer.header(HEADER).map(str::to_owned)
    };
    let requests = [
        "/api/v1/sleep?person=me&from=2026-03-01&to=2026-03-29",
        "/api/v1/trends/sleep_score?person=me&from=2026-03-01&to=2026-03-29",
        "/api/v1/trends/sleep_score?from=2026-03-01&to=2026-03-29",
    ];
    for request in requests {
        assert_eq!(header(request).await.as_deref(), Some("daily_sleep"), "{request}");
    }
    assert_eq!(header("/api/v1/sleep?person=eve").await, None, "a refusal has no numbers");

    let other = api.person("bob").await.id;
    assert_eq!(header("/api/v1/sleep?person=bob&from=2026-03-01&to=2026-03-29").await, None);
    let new =
        NewToken { name: "t".into(), person: Some(other), scopes: Scopes::new(Vec::new()), expires_at: None };
    let token = api.store.create_token(&new, [7; 32], now()).await.unwrap();
    let answer = with(&api, Method::GET, "/api/v1/people", &token).await;
    assert_eq!(answer.header(HEADER), None, "another person's numbers are none of this caller's");
    assert!(api.store.revoke_token(1, now()).await.unwrap());

    let me = api.person("me").await.id;
    api.store.rederive(me, domain::Collection::DailySleep, now()).await.unwrap();
    for request in requests {
        assert_eq!(header(request).await, None, "{request}");
    }
}

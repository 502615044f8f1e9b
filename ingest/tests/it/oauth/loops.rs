//! A log-in is never renewed in a loop, whatever Oura's servers answer, and an empty token is none.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use domain::Cause;
use ingest::oauth::{TokenPair, store_login};
use jiff::SignedDuration;
use simulator::Fault;

use super::{DAY, TOKEN, World, keys, read, world};
use crate::helpers::serve;

/// A log-in server that gives the same response to every request, and records the refresh tokens it was sent.
#[derive(Clone, Default)]
struct Issuer(Arc<Mutex<Vec<String>>>);

impl Issuer {
    async fn start(world: &World, status: StatusCode, answer: &'static str) -> Self {
        let issuer = Self::default();
        let sent = issuer.0.clone();
        let respond = post(async move |form: String| {
            let refresh = form.split('&').find_map(|field| field.strip_prefix("refresh_token="));
            sent.lock().unwrap().push(refresh.unwrap_or_default().to_owned());
            let media_type = if answer.starts_with('<') { "text/html" } else { "application/json" };
            (status, [(header::CONTENT_TYPE, media_type)], answer)
        });
        *world.token_base.lock().unwrap() = serve(Router::new().route(TOKEN, respond)).await;
        issuer
    }

    fn sent(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

async fn log_in(world: &World, access: &str, refresh: &str) {
    let pair = TokenPair {
        access: access.to_owned().into(),
        refresh: refresh.to_owned().into(),
        scopes: "daily".into(),
        token_url: format!("{}{TOKEN}", world.token_base.lock().unwrap()),
        obtained_at: world.at(),
        expires_at: world.at() + SignedDuration::from_hours(24),
        client: None,
    };
    store_login(&world.store, world.person.id, &keys(), &pair, world.at()).await.unwrap();
}

#[tokio::test]
async fn repeated_access_token_that_is_refused_is_renewed_once_and_counted_as_a_failure() {
    let (world, _folder) = world().await;
    let answer = r#"{"access_token":"same","refresh_token":"second","expires_in":86400}"#;
    let issuer = Issuer::start(&world, StatusCode::OK, answer).await;
    log_in(&world, "same", "first").await;
    let client = world.process();
    for _ in 0..5 {
        assert_eq!(read(&client).await, Err(Cause::Unauthorized));
    }
    // Neither another process nor an hour changes Oura's response.
    world.later(60);
    assert_eq!(read(&world.process()).await, Err(Cause::Unauthorized));
    assert_eq!(issuer.sent(), ["first"]);
    let credential = world.credential().await;
    assert_eq!((credential.generation, credential.failure.unwrap().0), (3, Cause::Unauthorized));
    let text = world.exposition();
    assert!(text.contains("oauth_refreshes_total{result=\"repeated\"} 1"), "{text}");
    assert!(text.contains("oauth_refreshes_total{result=\"renewed\"} 0"), "{text}");
    // Near its end it is renewed as any other, with the refresh token that came last.
    world.later(DAY);
    assert_eq!(read(&client).await, Err(Cause::Unauthorized));
    assert_eq!(issuer.sent(), ["first", "second", "second"], "at its end, and for the refusal of what came");
}

#[tokio::test]
async fn empty_access_token_is_a_failed_renewal() {
    for answer in [r#"{"access_token":"","refresh_token":"next"}"#, r#"{"access_token":" ","expires_in":60}"#]
    {
        let (world, _folder) = world().await;
        let issuer = Issuer::start(&world, StatusCode::OK, answer).await;
        log_in(&world, "old", "first").await;
        world.later(DAY + 1);
        for _ in 0..5 {
            assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed), "{answer}");
        }
        assert_eq!(issuer.sent(), ["first"], "{answer}");
        assert_eq!(world.credential().await.failure.unwrap().0, Cause::RenewalFailed, "{answer}");
        assert!(world.exposition().contains("oauth_refreshes_total{result=\"unanswered\"} 1"), "{answer}");
    }
}

#[tokio::test]
async fn empty_refresh_token_leaves_the_one_of_before() {
    let (world, _folder) = world().await;
    let answer = r#"{"access_token":"good","refresh_token":"","expires_in":86400}"#;
    let issuer = Issuer::start(&world, StatusCode::OK, answer).await;
    log_in(&world, "old", "first").await;
    for _ in 0..2 {
        world.later(DAY + 1);
        // The simulated API knows nothing of this issuer.
        assert_eq!(read(&world.process()).await, Err(Cause::Unauthorized));
    }
    assert!(issuer.sent().iter().all(|refresh| refresh == "first"), "{:?}", issuer.sent());
}

#[tokio::test]
async fn empty_tokens_stored_by_an_older_version_are_not_sent() {
    let (world, _folder) = world().await;
    let answer = r#"{"access_token":"good","refresh_token":"next","expires_in":86400}"#;
    let issuer = Issuer::start(&world, StatusCode::OK, answer).await;
    log_in(&world, "old", "").await;
    world.later(DAY + 1);
    assert_eq!(read(&world.process()).await, Err(Cause::LoginRequired));
    assert_eq!(issuer.sent(), [""; 0]);
    log_in(&world, "", "first").await;
    assert_eq!(read(&world.process()).await, Err(Cause::Unauthorized), "the renewed one, which is not ours");
    assert_eq!(issuer.sent()[0], "first", "renewed before it is used");
}

#[tokio::test]
async fn token_refused_again_and_again_is_renewed_five_times_in_ten_minutes() {
    let (world, _folder) = world().await;
    let client = world.process();
    for _ in 0..5 {
        world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
        read(&client).await.unwrap();
    }
    for _ in 0..5 {
        world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
        assert_eq!(read(&client).await, Err(Cause::RenewalFailed));
    }
    assert_eq!(world.credential().await.generation, 6);
    world.later(10);
    world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
    read(&client).await.unwrap();
    assert_eq!(world.credential().await.generation, 7);
}

#[tokio::test]
async fn page_of_a_firewall_before_the_log_in_server_costs_no_log_in() {
    for status in [StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN, StatusCode::OK] {
        let (world, _folder) = world().await;
        let issuer = Issuer::start(&world, status, "<html><body>Request blocked.</body></html>").await;
        log_in(&world, "old", "first").await;
        world.later(DAY + 1);
        assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed), "{status}");
        world.later(2);
        assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed), "{status}");
        assert_eq!(issuer.sent(), ["first", "first"], "{status}: it is tried again");
    }
}

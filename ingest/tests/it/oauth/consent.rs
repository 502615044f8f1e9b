//! A log-in begins, and ends.

use domain::Cause;
use ingest::oauth::{Consent, TokenError, log_out};
use reqwest::Url;
use simulator::Fault;

use super::{PORTAL, REDIRECT, TOKEN, keys, read, world};

#[tokio::test]
async fn authorization_code_is_exchanged_once() {
    let (world, _folder) = world().await;
    let application = world.application("legacy");
    let consent = Consent::new().unwrap();
    let code = world.code(&application, &consent).await;
    world.cloud.faults().next("/oauth", 1, &Fault::Status(502));
    let before = world.asked(TOKEN) + world.asked(PORTAL);
    let answer = application.exchange(&consent, &code, world.at()).await;
    assert!(matches!(answer, Err(TokenError::Unanswered(_))), "{answer:?}");
    assert_eq!(world.asked(TOKEN) + world.asked(PORTAL), before + 1);
    // Another process's consent has another verifier, so a stolen code is worth nothing.
    let stolen = application.exchange(&Consent::new().unwrap(), &code, world.at()).await;
    assert!(matches!(stolen, Err(TokenError::Refused { .. })), "{stolen:?}");
}

#[tokio::test]
async fn log_out_revokes_at_oura_and_deletes_locally() {
    let (world, _folder) = world().await;
    let client = world.process();
    read(&client).await.unwrap();
    assert_eq!(world.cloud.log_ins(), 1);
    let application = world.application("legacy");
    let (revoked, was) = log_out(&world.store, world.person.id, Some((&application, &keys()))).await.unwrap();
    revoked.unwrap();
    assert!(was);
    assert_eq!(world.cloud.log_ins(), 0);
    assert_eq!(read(&client).await, Err(Cause::LoginRequired));
    assert_eq!(world.store.oura_grant(world.person.id).await.unwrap(), None);
}

#[tokio::test]
async fn authorize_url_follows_rfc_6749() {
    let (world, _folder) = world().await;
    let consent = Consent::new().unwrap();
    let url: Url = world.application("legacy").authorize_url(&consent);
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "code_challenge",
            "code_challenge_method"
        ]
    );
    assert_eq!(fields[2].1, REDIRECT);
    assert_eq!(fields[3].1, "daily heartrate tag");
    assert!(!url.as_str().contains("client-secret"));
}

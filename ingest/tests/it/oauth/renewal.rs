//! A log-in is renewed, and a failed renewal has the least possible effect.

use domain::{Cause, Collection, DayRange};
use ingest::Failure;
use simulator::Fault;

use crate::helpers::day;

use super::{DAY, PORTAL, TOKEN, World, keys, read, world};

#[tokio::test]
async fn token_is_renewed_before_expiry_and_used_after_restart() {
    let (world, _folder) = world().await;
    let client = world.process();
    assert!(read(&client).await.unwrap() > 10);
    world.later(DAY - 61);
    read(&client).await.unwrap();
    assert_eq!(world.asked(TOKEN), 1, "an hour before the end nothing is renewed yet");
    world.later(2);
    read(&client).await.unwrap();
    assert_eq!((world.asked(TOKEN), world.credential().await.generation), (2, 2));
    for _ in 0..40 {
        world.later(DAY);
        read(&world.process()).await.unwrap();
        read(&client).await.unwrap();
    }
    assert_eq!(world.credential().await.generation, 42, "each renewal is shared by all processes");
    assert_eq!(world.cloud.refresh_reuses(), 0);
    let text = world.exposition();
    let expiry = world.credential().await.pair.expires_at.as_second();
    assert!(
        text.contains(&format!("oauth_token_expiry_timestamp_seconds{{person=\"me\"}} {expiry}")),
        "{text}"
    );
    assert!(text.contains("oauth_refreshes_total{result=\"renewed\"} 41"), "{text}");
    assert!(text.contains("oauth_scope{person=\"me\",scope=\"daily\"} 1"), "{text}");
    assert!(text.contains("oauth_scope{person=\"me\",scope=\"tag\"} 0"), "it was not ticked: {text}");
    assert!(text.contains("oauth_login_required{person=\"me\"} 0"), "{text}");
}

#[tokio::test]
async fn token_refused_early_is_renewed_once() {
    let (world, _folder) = world().await;
    let client = world.process();
    world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
    assert!(read(&client).await.unwrap() > 10);
    assert_eq!(world.credential().await.generation, 2);
    world.cloud.faults().next("/v2/usercollection", 1, &Fault::Revoked);
    read(&client).await.unwrap();
    assert_eq!(world.credential().await.generation, 3, "it helped, so it may help again");
    // A refusal that a renewal does not end must not cost a renewal with every request.
    world.cloud.faults().always("/v2/usercollection", Fault::Revoked);
    for _ in 0..5 {
        assert_eq!(read(&client).await, Err(Cause::Unauthorized));
    }
    assert_eq!(world.credential().await.generation, 4);
    world.cloud.faults().clear();
    read(&client).await.unwrap();
    // A scope that was not granted is not granted by a renewal either.
    let tags = client.window(Collection::Tag, DayRange::ending(day("2026-03-29"), 3)).await;
    assert!(matches!(tags, Err(Failure::Scope)), "{tags:?}");
    assert_eq!(world.credential().await.generation, 4);
}

#[tokio::test]
async fn token_is_used_until_expiry_while_renewal_fails() {
    for (fault, sent) in [
        (Fault::Status(500), true),
        (Fault::CutBody, true),
        (Fault::TooManyRequests { retry_after: 1 }, false),
    ] {
        let (world, _folder) = world().await;
        let client = world.process();
        world.later(DAY - 30);
        world.cloud.faults().next("/oauth", 1, &fault);
        for _ in 0..3 {
            read(&client).await.unwrap();
        }
        assert_eq!(world.asked(TOKEN), 2, "{fault:?} is not asked again");
        let credential = world.credential().await;
        assert_eq!(credential.failure.as_ref().unwrap().0, Cause::RenewalFailed);
        assert_eq!(credential.attempted_at.is_some(), sent, "{fault:?}");
        world.later(10);
        read(&client).await.unwrap();
        assert_eq!(world.asked(TOKEN), if sent { 2 } else { 3 }, "{fault:?}");
        world.later(30);
        let end = read(&client).await;
        match fault {
            // The response was lost, and the new pair with it.
            Fault::CutBody => assert_eq!(end, Err(Cause::LoginRequired)),
            _ => assert!(end.is_ok(), "{fault:?}: {end:?}"),
        }
        assert_eq!(world.cloud.refresh_reuses(), u64::from(matches!(fault, Fault::CutBody)), "{fault:?}");
    }
}

#[tokio::test]
async fn unreachable_token_server_does_not_clear_an_uncertain_refresh() {
    let (world, _folder) = world().await;
    let away = |is: bool| {
        let nowhere = || "http://127.0.0.1:1".to_owned();
        *world.token_base.lock().unwrap() = if is { nowhere() } else { world.base.clone() };
    };
    world.later(DAY + 1);
    away(true);
    assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed));
    assert_eq!(world.credential().await.attempted_at, None, "it was never sent");
    away(false);
    assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed), "a minute's pause");
    assert_eq!(world.asked(TOKEN), 1);
    world.later(1);
    read(&world.process()).await.unwrap();

    world.later(DAY + 1);
    world.cloud.faults().next("/oauth", 1, &Fault::Status(503));
    assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed));
    world.later(2);
    away(true);
    assert_eq!(read(&world.process()).await, Err(Cause::RenewalFailed));
    assert!(world.credential().await.attempted_at.is_some(), "the first one may still have been spent");
    away(false);
    world.later(2);
    read(&world.process()).await.unwrap();
    assert_eq!(world.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn spent_refresh_token_is_never_sent_again() {
    let (world, _folder) = world().await;
    world.later(DAY - 30);
    world.cloud.revoke("fixed");
    for _ in 0..3 {
        let client = world.process();
        assert_eq!(read(&client).await, Err(Cause::LoginRequired));
        assert!(
            client.tokens().is_login_required().await
                || world.at() < world.credential().await.pair.expires_at
        );
        world.later(20);
    }
    assert_eq!(world.asked(TOKEN), 2, "the exchange, and one refused renewal");
    assert_eq!(world.credential().await.failure.unwrap().0, Cause::LoginRequired);
    assert!(world.exposition().contains("oauth_login_required{person=\"me\"} 1"));
    // A running process takes a new log-in without a restart.
    let client = world.process();
    assert!(client.tokens().is_login_required().await);
    world.log_in("legacy").await;
    assert!(!client.tokens().is_login_required().await);
    read(&client).await.unwrap();
    assert!(world.exposition().contains("oauth_login_required{person=\"me\"} 0"));
}

#[tokio::test]
async fn wrong_client_secret_keeps_the_grant() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    let stranger = world.process_of("unknown", keys(), None);
    assert_eq!(read(&stranger).await, Err(Cause::RenewalFailed));
    world.later(2);
    read(&world.process()).await.unwrap();
    assert_eq!(world.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn token_front_end_that_worked_is_remembered() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    world.log_in("portal").await;
    assert_eq!((world.asked(TOKEN), world.asked(PORTAL)), (1, 1), "the documented one first");
    let client = world.process_of("portal", keys(), None);
    for _ in 0..3 {
        world.later(DAY);
        read(&client).await.unwrap();
    }
    assert_eq!((world.asked(TOKEN), world.asked(PORTAL)), (1, 4));
    assert!(world.credential().await.pair.token_url.ends_with(PORTAL));
}

//! Killed, stopped, raced and on a clock that jumps.

use std::sync::Arc;

use domain::Cause;
use ingest::oauth::{FaultPoint, Observer};
use jiff::SignedDuration;
use simulator::Fault;

use super::{DAY, PORTAL, TOKEN, World, keys, read, survives, world};

/// Where the process is killed, and the state of the log-in once the access token has ended as well.
#[tokio::test]
async fn renewal_killed_anywhere_ends_logged_in_or_login_required() {
    use FaultPoint::{Answered, Leased, Marked, Released, Saved};
    for store in ["sqlite", "postgres"] {
        for (point, survives_it) in
            [(Leased, true), (Marked, true), (Answered, false), (Saved, true), (Released, true)]
        {
            let (embedded, _folder) = store::testing::sqlite().await;
            let store = if store == "sqlite" { embedded } else { store::testing::postgres().await };
            let world = World::new(store).await;
            world.log_in("legacy").await;
            world.later(DAY - 30);
            let observer: Observer = Arc::new(move |at| {
                if at == point {
                    // As a kill would: nothing after this instruction runs, and no error is returned.
                    std::panic::resume_unwind(Box::new("the plug was pulled"));
                }
            });
            let killed = world.process_of("legacy", keys(), Some(observer));
            assert!(!survives(&killed).await, "{point:?}");
            drop(killed);

            // The next process reads on at once, and goes on reading when the access token has ended.
            let next = world.process();
            read(&next).await.unwrap();
            world.later(31);
            let end = read(&next).await;
            let reuses = world.cloud.refresh_reuses();
            if survives_it {
                assert!(end.is_ok(), "{point:?}: {end:?}");
                assert_eq!(reuses, 0, "{point:?}");
            } else {
                assert_eq!(end, Err(Cause::LoginRequired), "{point:?}");
                assert!(next.tokens().is_login_required().await);
                world.later(5);
                assert_eq!(read(&world.process()).await, Err(Cause::LoginRequired));
                assert_eq!(reuses, 1, "it cannot be known to be spent");
                assert_eq!(world.cloud.refresh_reuses(), 1, "and once that is known, it is never sent again");
                world.log_in("legacy").await;
                read(&world.process()).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn refusal_lost_by_a_kill_is_recorded_by_the_next_process() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    world.cloud.revoke("fixed");
    let observer: Observer = Arc::new(|at| {
        if at == FaultPoint::Answered {
            std::panic::resume_unwind(Box::new(()))
        }
    });
    assert!(!survives(&world.process_of("legacy", keys(), Some(observer))).await);
    // The lease of the killed process has to end first.
    world.later(1);
    assert_eq!(read(&world.process()).await, Err(Cause::LoginRequired));
    assert_eq!(world.credential().await.failure.unwrap().0, Cause::LoginRequired);
}

#[tokio::test]
async fn concurrent_renewals_send_the_refresh_token_once() {
    let world = World::new(store::testing::postgres().await).await;
    world.log_in("legacy").await;
    for round in 2..6 {
        world.later(DAY + 1);
        let mut requests = Vec::new();
        for _ in 0..4 {
            let process = world.process();
            for _ in 0..3 {
                let client = process.clone();
                requests.push(tokio::spawn(async move { read(&client).await }));
            }
        }
        for request in requests {
            assert!(request.await.unwrap().is_ok());
        }
        assert_eq!(world.credential().await.generation, round);
    }
    assert_eq!((world.asked(TOKEN), world.cloud.refresh_reuses()), (5, 0));
}

#[tokio::test]
async fn cancelled_caller_does_not_lose_the_renewal() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    let release = Arc::new(tokio::sync::Notify::new());
    world.cloud.faults().next("/oauth", 1, &Fault::HoldAnswer(release.clone()));
    let client = world.process();
    let impatient = {
        let client = client.clone();
        tokio::spawn(async move { read(&client).await })
    };
    while world.asked(TOKEN) < 2 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    release.notify_one();
    client.tokens().finish().await;
    assert_eq!(world.credential().await.generation, 2);
    assert_eq!(read(&client).await, read(&world.process()).await);
    assert_eq!(world.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn log_in_during_a_renewal_wins() {
    let (world, _folder) = world().await;
    world.later(DAY + 1);
    let release = Arc::new(tokio::sync::Notify::new());
    world.cloud.faults().next("/oauth", 1, &Fault::HoldAnswer(release.clone()));
    let client = world.process();
    let renewing = {
        let client = client.clone();
        tokio::spawn(async move { read(&client).await })
    };
    while world.asked(TOKEN) < 2 {
        tokio::task::yield_now().await;
    }
    world.log_in("portal").await;
    release.notify_one();
    assert!(renewing.await.unwrap().is_ok());
    let credential = world.credential().await;
    assert_eq!(credential.generation, 2);
    assert!(credential.pair.token_url.ends_with(PORTAL), "the newer log-in was not overwritten");
}

#[tokio::test]
async fn clock_jump_costs_one_renewal() {
    let (world, _folder) = world().await;
    let client = world.process();
    for days in [-400, 3, 400, -3, 0] {
        *world.skew.lock().unwrap() = SignedDuration::from_hours(24 * days);
        for _ in 0..3 {
            read(&client).await.unwrap();
            read(&world.process()).await.unwrap();
            world.later(DAY / 2 + 1);
        }
    }
    assert_eq!((world.cloud.refresh_reuses(), world.cloud.log_ins()), (0, 1));
    assert!(world.credential().await.generation < 16, "{}", world.credential().await.generation);
}

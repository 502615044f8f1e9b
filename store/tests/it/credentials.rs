//! Log-ins: a newer pair is never overwritten by an older one.

use domain::Cause;
use store::{OuraGrant, SealedTokens, Store};

use crate::fixtures::{at, me, now};

fn pair(name: &str) -> SealedTokens {
    SealedTokens {
        sealed: format!("sealed {name}"),
        scopes: "daily heartrate".into(),
        token_url: "https://api.example/oauth/token".into(),
        obtained_at: now(),
        expires_at: at("2026-06-02T08:00:00.123Z"),
    }
}

pub(crate) async fn grant_is_saved_renewed_and_deleted(store: Store) {
    let person = me(&store).await.id;
    assert_eq!(store.oura_grant(person).await.unwrap(), None);
    assert_eq!(store.save_oura_grant(person, &pair("first"), now()).await.unwrap(), 1);
    let fresh = OuraGrant {
        generation: 1,
        pair: pair("first"),
        logged_in_at: now(),
        attempted_at: None,
        failure: None,
    };
    assert_eq!(store.oura_grant(person).await.unwrap(), Some(fresh.clone()));

    let later = at("2026-06-01T20:00:00Z");
    assert!(store.begin_refresh(person, 1, later).await.unwrap());
    assert_eq!(store.oura_grant(person).await.unwrap().unwrap().attempted_at, Some(later));
    let second = SealedTokens { scopes: "daily".into(), ..pair("second") };
    assert!(store.finish_refresh(person, 1, &second).await.unwrap());
    let renewed = OuraGrant { generation: 2, pair: second, ..fresh };
    assert_eq!(store.oura_grants().await.unwrap(), [(person, renewed)]);

    assert!(store.delete_oura_grant(person).await.unwrap());
    assert!(!store.delete_oura_grant(person).await.unwrap());
    assert_eq!(store.oura_grant(person).await.unwrap(), None);
    assert_eq!(store.oura_grants().await.unwrap(), []);
    assert_eq!(store.save_oura_grant(person, &pair("third"), later).await.unwrap(), 4, "it never goes back");
}

pub(crate) async fn late_renewal_of_an_old_generation_changes_nothing(store: Store) {
    let person = me(&store).await.id;
    for lost in ["renewed", "logged in again", "logged out"] {
        let seen = store.save_oura_grant(person, &pair("seen"), now()).await.unwrap();
        assert!(store.begin_refresh(person, seen, now()).await.unwrap());
        match lost {
            "renewed" => assert!(store.finish_refresh(person, seen, &pair("newer")).await.unwrap()),
            "logged in again" => drop(store.save_oura_grant(person, &pair("newer"), now()).await.unwrap()),
            _ => assert!(store.delete_oura_grant(person).await.unwrap()),
        }
        let before = store.oura_grant(person).await.unwrap();
        assert!(!store.begin_refresh(person, seen, now()).await.unwrap(), "{lost}");
        assert!(!store.finish_refresh(person, seen, &pair("stale")).await.unwrap(), "{lost}");
        assert!(
            !store.record_refresh_failure(person, seen, Cause::LoginRequired, true, now()).await.unwrap()
        );
        assert_eq!(store.oura_grant(person).await.unwrap(), before, "{lost}");
    }
}

pub(crate) async fn renewal_failure_tells_whether_the_token_may_be_spent(store: Store) {
    let person = me(&store).await.id;
    let generation = store.save_oura_grant(person, &pair("first"), now()).await.unwrap();
    assert!(store.begin_refresh(person, generation, now()).await.unwrap());
    let later = at("2026-06-01T20:00:00Z");
    let note = async |answered| {
        assert!(
            store
                .record_refresh_failure(person, generation, Cause::RenewalFailed, answered, later)
                .await
                .unwrap()
        );
        store.oura_grant(person).await.unwrap().unwrap()
    };
    let unknown = note(false).await;
    assert_eq!(unknown.attempted_at, Some(now()), "the outcome is unknown");
    assert_eq!(unknown.failure, Some((Cause::RenewalFailed, later)));
    assert_eq!(note(true).await.attempted_at, None);
    store.save_oura_grant(person, &pair("again"), later).await.unwrap();
    assert_eq!(store.oura_grant(person).await.unwrap().unwrap().failure, None);
}

pub(crate) async fn grant_is_renewed_by_one_of_many(store: Store) {
    let person = me(&store).await.id;
    let seen = store.save_oura_grant(person, &pair("seen"), now()).await.unwrap();
    let attempts: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(
                async move { store.finish_refresh(person, seen, &pair(&n.to_string())).await.unwrap() },
            )
        })
        .collect();
    let mut renewed = 0;
    for attempt in attempts {
        renewed += u32::from(attempt.await.unwrap());
    }
    assert_eq!(renewed, 1);
    assert_eq!(store.oura_grant(person).await.unwrap().unwrap().generation, seen + 1);
}

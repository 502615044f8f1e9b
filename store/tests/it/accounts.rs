use domain::{Collection, Theme};
use secrecy::{ExposeSecret, SecretString};
use store::{NewToken, NewUserAccount, Scope, Scopes, Store};

use crate::fixtures::{at, batch, me, now, score};

pub(crate) async fn account_is_created_once_and_a_new_password_revokes_sessions(store: Store) {
    let me = me(&store).await.id;
    let new = |id, password: &str| NewUserAccount {
        id,
        name: "ann".to_owned(),
        person: Some(me),
        scopes: Scopes::of_account(Vec::new()),
        expires_at: None,
        password: password.to_owned().into(),
    };
    assert!(!store.has_accounts().await.unwrap());
    assert!(store.create_account(&new(7, "first"), now()).await.unwrap());
    assert!(!store.create_account(&new(8, "second"), now()).await.unwrap(), "the name is taken");
    assert!(store.has_accounts().await.unwrap());
    let (account, password) = store.account_with_password_hash("ann").await.unwrap().unwrap();
    assert_eq!(
        (account.id, account.person, account.generation, account.last_login_at),
        (7, Some(me), 1, None)
    );
    assert_eq!(password.expose_secret(), "first");
    assert_eq!(store.account_with_password_hash("eve").await.unwrap().map(|(account, _)| account), None);

    let later = at("2026-06-01T09:00:00Z");
    let third: SecretString = "third".to_owned().into();
    assert!(store.set_password("ann", &third, later).await.unwrap());
    assert!(!store.set_password("eve", &third, later).await.unwrap());
    assert!(store.revoke_sessions(7).await.unwrap() && !store.revoke_sessions(8).await.unwrap());
    store.record_login(7, later).await.unwrap();
    let known = store.account(7).await.unwrap().unwrap();
    assert_eq!((known.generation, known.password_changed_at, known.last_login_at), (3, later, Some(later)));
    assert_eq!(store.accounts().await.unwrap(), [known]);
    assert!(store.remove_account("ann").await.unwrap() && !store.remove_account("ann").await.unwrap());
    assert_eq!(store.account(7).await.unwrap(), None);
}

pub(crate) async fn token_expires_at_its_time(store: Store) {
    let end = at("2026-06-02T08:00:00Z");
    let scopes = Scopes::new(vec![Scope::Read(Theme::Sleep)]);
    let new = NewToken { name: "study".to_owned(), person: None, scopes, expires_at: Some(end) };
    let text = store.create_token(&new, [7; 32], now()).await.unwrap();
    let token = store.token(&text, at("2026-06-02T07:59:59Z")).await.unwrap().unwrap();
    assert_eq!(token.expires_at, Some(end));
    assert!(token.scopes.has(Scope::Read(Theme::Sleep)) && token.scopes.allows_any_rest());
    assert!(!token.scopes.has(Scope::Read(Theme::Tags)) && !token.scopes.has(Scope::Rest));
    assert_eq!(store.token(&text, end).await.unwrap(), None);
    assert!(store.has_tokens().await.unwrap(), "its end opens nothing that was closed");
}

pub(crate) async fn person_revision_counts_every_change_and_nothing_else(store: Store) {
    let me = me(&store).await;
    let at = async || store.person_at(me.name.as_str()).await.unwrap().unwrap().1;
    assert_eq!(store.person_at("eve").await.unwrap(), None);
    let night = batch(&me, Collection::DailySleep, vec![score("2026-05-30", 80)]);
    let before = at().await;
    store.apply(&night, now()).await.unwrap();
    let stored = at().await;
    assert!(stored > before);
    store.apply(&night, now()).await.unwrap();
    assert_eq!(at().await, stored, "the same again is no change");
    let corrected = batch(&me, Collection::DailySleep, vec![score("2026-05-30", 81)]);
    store.apply(&corrected, now()).await.unwrap();
    let changed = at().await;
    assert!(changed > stored);
    let id = corrected.documents[0].id.clone();
    store.withdraw(me.id, Collection::DailySleep, &[&id], now()).await.unwrap();
    let withdrawn = at().await;
    assert!(withdrawn > changed);
    store.rebuild(&me, Collection::DailySleep, now(), |_, _| ()).await.unwrap();
    let rebuilt = at().await;
    assert!(rebuilt > withdrawn);
    store.set_time_zone(me.id, "Asia/Tokyo").await.unwrap();
    assert!(at().await > rebuilt);
}

//! Which Oura account a person is.

use domain::{Collection, DayRange, Document};
use serde_json::json;
use store::{AccountClaim, Batch, OuraAccount, Person, Store};

use crate::fixtures::{batch, day, me, now, score, values};

const OTHER: AccountClaim = AccountClaim::OtherAccount;

async fn bob(store: &Store) -> Person {
    store.ensure_person(&"bob".parse().unwrap(), "UTC", now()).await.unwrap()
}

async fn claim(store: &Store, person: &Person, account: &str) -> AccountClaim {
    store.claim_account(person.id, account, Some("log-in 1")).await.unwrap()
}

fn of_another(person: &Person) -> AccountClaim {
    AccountClaim::OtherPerson(person.name.clone())
}

pub(crate) async fn oura_account_belongs_to_one_person(store: Store) {
    let (me, bob) = (me(&store).await, bob(&store).await);
    let strangers = async || -> Vec<i64> {
        store.people_without_account().await.unwrap().iter().map(|person| person.id).collect()
    };
    assert_eq!(strangers().await, [me.id, bob.id]);
    assert_eq!(claim(&store, &me, "u1").await, AccountClaim::Confirmed);
    assert_eq!(claim(&store, &me, "u1").await, AccountClaim::Confirmed);
    assert_eq!(claim(&store, &me, "u2").await, OTHER);
    assert_eq!(claim(&store, &bob, "u1").await, of_another(&me));
    assert_eq!(store.account_owner("u1").await.unwrap(), Some(me.id));
    assert_eq!(store.account_owner("u2").await.unwrap(), None, "a refused claim leaves nothing");
    assert_eq!(strangers().await, [bob.id]);
    assert_eq!(claim(&store, &bob, "u2").await, AccountClaim::Confirmed);
    assert!(store.remove_person(me.id).await.unwrap());
    assert_eq!(store.account_owner("u1").await.unwrap(), None);
}

pub(crate) async fn account_confirmation_lasts_until_the_next_grant(store: Store) {
    let me = me(&store).await;
    assert_eq!(store.oura_account(me.id).await.unwrap(), None);
    for (with, remembered) in
        [(Some("log-in 1"), "log-in 1"), (None, "log-in 1"), (Some("token 2"), "token 2")]
    {
        assert_eq!(store.claim_account(me.id, "u1", with).await.unwrap(), AccountClaim::Confirmed);
        let account = OuraAccount { id: "u1".into(), confirmed_with: Some(remembered.into()) };
        assert_eq!(store.oura_account(me.id).await.unwrap(), Some(account));
    }
}

pub(crate) async fn stored_profile_identifies_the_previous_account(store: Store) {
    let me = me(&store).await;
    let profile = json!({"id": "u1", "age": 40}).to_string();
    let profile = Document::observe(Collection::PersonalInfo, day("2026-03-01"), [profile.as_str()]).0;
    let profile = batch(&me, Collection::PersonalInfo, profile.into_iter().collect());
    store.apply(&profile, now()).await.unwrap();
    assert_eq!(claim(&store, &me, "u2").await, OTHER);
    assert_eq!(store.oura_account(me.id).await.unwrap(), None);
    assert_eq!(claim(&store, &me, "u1").await, AccountClaim::Confirmed);
}

pub(crate) async fn account_of_a_stored_profile_belongs_to_its_person(store: Store) {
    let (me, bob) = (me(&store).await, bob(&store).await);
    let profile = |on, id| {
        let profile = json!({"id": id, "age": 40}).to_string();
        Document::observe(Collection::PersonalInfo, day(on), [profile.as_str()]).0.unwrap()
    };
    let profiles = vec![profile("2026-03-01", "u0"), profile("2026-03-02", "u1")];
    store.apply(&batch(&bob, Collection::PersonalInfo, profiles), now()).await.unwrap();
    assert_eq!(
        store.account_owner("u1").await.unwrap(),
        Some(bob.id),
        "recorded nowhere, stored in a profile"
    );
    assert_eq!(claim(&store, &me, "u1").await, of_another(&bob));
    assert_eq!(store.replace_account(me.id, "u1").await.unwrap(), of_another(&bob));
    assert_eq!(store.oura_account(me.id).await.unwrap(), None, "a refused claim leaves nothing");
    assert_eq!(store.account_owner("u0").await.unwrap(), None, "an older profile counts no more");
    assert_eq!(store.account_owner("u").await.unwrap(), None, "a part of an id is no id");
    assert_eq!(claim(&store, &bob, "u1").await, AccountClaim::Confirmed);
    assert_eq!(claim(&store, &me, "u0").await, AccountClaim::Confirmed);
}

pub(crate) async fn replaced_account_keeps_stored_documents(store: Store) {
    let (me, bob) = (me(&store).await, bob(&store).await);
    let read = |documents| {
        let covered = Some(DayRange::new(day("2026-03-01"), day("2026-03-03")).unwrap());
        Batch { covered, ..batch(&me, Collection::DailySleep, documents) }
    };
    claim(&store, &me, "u1").await;
    claim(&store, &bob, "taken").await;
    let before = vec![score("2026-03-01", 70), score("2026-03-02", 71)];
    let rejected =
        domain::Document::parse(Collection::DailySleep, r#"{"id": "r", "day": "2026-03-03", "score": "x"}"#);
    let first = Batch { rejected: vec![rejected.unwrap_err()], ..read(before) };
    store.apply(&first, now() - jiff::SignedDuration::from_hours(5)).await.unwrap();

    assert_eq!(store.replace_account(me.id, "taken").await.unwrap(), of_another(&bob));
    assert_eq!(claim(&store, &me, "u1").await, AccountClaim::Confirmed);
    assert_eq!(store.replace_account(me.id, "u2").await.unwrap(), AccountClaim::Confirmed);
    assert_eq!(claim(&store, &me, "u1").await, OTHER);
    let states = store.sync_states(me.id).await.unwrap();
    assert_eq!(states[0].covered, None, "the new account's history has not been read");

    let value = json!({"id": "new", "day": "2026-03-02", "score": 90});
    let answer = vec![crate::fixtures::document(Collection::DailySleep, &value)];
    store.apply(&read(answer), now()).await.unwrap();
    let expected = [("2026-03-01".to_owned(), 70.0), ("2026-03-02".to_owned(), 90.0)];
    assert_eq!(values(&store, "sleep_score").await, expected);
    assert_eq!(
        store.totals(me.id).await.unwrap().revisions,
        1,
        "the other word about the second day is kept"
    );
    assert_eq!(store.totals(me.id).await.unwrap().rejected, 1, "and so is what could not be read");
}

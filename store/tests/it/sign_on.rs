//! Accounts of people who log in at a provider.

use store::{DeclaredAccess, NewUserAccount, Reconciled, Role, Scopes, SignOn, Store};

use crate::fixtures::{me, now};

fn sign_on(id: i64, subject: &str, name: &str, rules: &str) -> SignOn {
    SignOn {
        id,
        issuer: "https://auth.example.org".to_owned(),
        subject: subject.to_owned(),
        name: name.to_owned(),
        person: None,
        scopes: Role::User.scopes(),
        rules: rules.to_owned(),
    }
}

pub(crate) async fn sign_on_keeps_its_account_and_takes_the_rights_of_today(store: Store) {
    let person = me(&store).await.id;
    let first = store.sign_on(&sign_on(1, "a", "sso:ann", "one"), now()).await.unwrap();
    assert!(first.single_sign_on && first.id == 1 && first.person.is_none() && first.generation == 1);
    let narrower =
        SignOn { person: Some(person), scopes: Role::Reader.scopes(), ..sign_on(2, "a", "sso:anna", "two") };
    let second = store.sign_on(&narrower, now()).await.unwrap();
    assert_eq!((second.id, &*second.name, second.generation), (1, "sso:ann", 1), "its number and name stay");
    assert_eq!((second.person, second.scopes), (Some(person), Role::Reader.scopes()));
    // Another person there with the same name, and the same person at another provider.
    let namesake = store.sign_on(&sign_on(3, "b", "sso:ann", "two"), now()).await.unwrap();
    assert!(namesake.id == 3 && namesake.name.starts_with("sso:ann "), "{}", namesake.name);
    let elsewhere = SignOn { issuer: "https://other.example".to_owned(), ..sign_on(4, "a", "sso:a", "two") };
    assert_eq!(store.sign_on(&elsewhere, now()).await.unwrap().id, 4);
    assert_eq!(store.accounts().await.unwrap().len(), 3);
}

pub(crate) async fn sign_on_never_becomes_an_account_with_a_password(store: Store) {
    store.sign_on(&sign_on(1, "a", "sso:ann", "one"), now()).await.unwrap();
    assert!(store.account_with_password_hash("sso:ann").await.unwrap().is_none());
    assert!(!store.set_password("sso:ann", &"a hash".to_owned().into(), now()).await.unwrap());
    // An account made by hand that has the name already stays what it is.
    let local = NewUserAccount {
        id: 2,
        name: "sso:bob".to_owned(),
        person: None,
        scopes: Scopes::of_account(Vec::new()),
        expires_at: None,
        password: "a hash".to_owned().into(),
    };
    assert!(store.create_account(&local, now()).await.unwrap());
    let bob = store.sign_on(&sign_on(3, "b", "sso:bob", "one"), now()).await.unwrap();
    assert_eq!(bob.id, 3);
    let (found, _) = store.account_with_password_hash("sso:bob").await.unwrap().unwrap();
    assert!(found.id == 2 && !found.single_sign_on);
    assert!(store.remove_account("sso:ann").await.unwrap());
}

pub(crate) async fn sessions_by_other_sign_on_rules_are_over(store: Store) {
    let of =
        |rules: &str| DeclaredAccess { sign_on_rules: Some(rules.to_owned()), ..DeclaredAccess::default() };
    store.sign_on(&sign_on(1, "a", "sso:ann", "one"), now()).await.unwrap();
    let generation = async || store.account(1).await.unwrap().unwrap().generation;
    assert_eq!(store.reconcile_access(&of("one"), now()).await.unwrap(), Reconciled::default());
    assert_eq!(generation().await, 1, "a restart ends nothing");
    for (declared, expected) in
        [(of("two"), 2), (of("two"), 2), (DeclaredAccess::default(), 3), (of("two"), 4)]
    {
        store.reconcile_access(&declared, now()).await.unwrap();
        assert_eq!(generation().await, expected, "{declared:?}");
    }
}

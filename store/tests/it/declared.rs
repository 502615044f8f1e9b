//! Accounts and tokens that a file declares.

use std::fmt::Write as _;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use store::{
    DeclaredAccess, DeclaredAccount, DeclaredToken, Error, NewToken, NewUserAccount, Reconciled, Scope,
    Scopes, Store,
};

use crate::fixtures::{at, me, now};

fn text(name: &str) -> String {
    format!("mh_{name}_of_a_program_that_reads_the_api")
}

fn token(name: &str, secret: &str) -> DeclaredToken {
    let mut hash = String::new();
    for byte in Sha256::digest(text(secret).as_bytes()) {
        write!(hash, "{byte:02x}").unwrap();
    }
    DeclaredToken {
        name: name.to_owned(),
        hash,
        person: None,
        scopes: Scopes::new(Vec::new()),
        expires_at: None,
    }
}

fn account(id: i64, name: &str, password: &str) -> DeclaredAccount {
    DeclaredAccount {
        id,
        name: name.to_owned(),
        person: None,
        password: password.to_owned().into(),
        scopes: Scopes::of_account(Vec::new()),
        expires_at: None,
    }
}

fn access(accounts: Vec<DeclaredAccount>, tokens: Vec<DeclaredToken>) -> DeclaredAccess {
    DeclaredAccess { accounts, tokens, ..DeclaredAccess::default() }
}

async fn opens(store: &Store, secret: &str) -> Option<String> {
    store.token(&text(secret), now()).await.unwrap().map(|token| token.name)
}

pub(crate) async fn declared_token_is_in_force_until_it_leaves_the_file(store: Store) {
    let reconcile = async |tokens| store.reconcile_access(&access(Vec::new(), tokens), now()).await.unwrap();
    assert_eq!(
        reconcile(vec![token("grafana", "a"), token("ha", "b")]).await,
        Reconciled { changed: 2, revoked: 0 }
    );
    assert_eq!(opens(&store, "a").await.as_deref(), Some("grafana"));
    assert_eq!(opens(&store, "c").await, None);
    assert_eq!(reconcile(vec![token("grafana", "a"), token("ha", "b")]).await, Reconciled::default());

    let used = store.token(&text("a"), now()).await.unwrap().unwrap();
    let refused = store.revoke_token(used.id, now()).await.unwrap_err();
    assert!(matches!(&refused, Error::Declared { .. }), "{refused}");
    assert!(refused.to_string().contains("--api.config.file"), "{refused}");

    // Entries that swap their names, one with other scopes.
    let narrow = DeclaredToken { scopes: Scopes::new(vec![Scope::RemoteRead]), ..token("grafana", "b") };
    assert_eq!(reconcile(vec![narrow, token("ha", "a")]).await, Reconciled { changed: 2, revoked: 2 });
    assert_eq!(opens(&store, "b").await.as_deref(), Some("grafana"));
    let known = store.token(&text("b"), now()).await.unwrap().unwrap();
    assert!(known.declared && !known.scopes.has(Scope::Rest), "{known:?}");
    let ends = at("2026-06-01T08:00:00Z");
    let ended = DeclaredToken { expires_at: Some(ends), ..token("grafana", "b") };
    assert_eq!(reconcile(vec![ended, token("ha", "a")]).await, Reconciled { changed: 1, revoked: 0 });
    assert_eq!(opens(&store, "b").await, None, "it has ended");

    assert_eq!(reconcile(Vec::new()).await, Reconciled { changed: 0, revoked: 2 });
    assert_eq!((opens(&store, "a").await, store.has_tokens().await.unwrap()), (None, false));
    assert_eq!(reconcile(vec![token("ha", "a")]).await, Reconciled { changed: 1, revoked: 0 }, "it returns");
    assert_eq!(opens(&store, "a").await.as_deref(), Some("ha"));
}

pub(crate) async fn token_made_by_hand_is_left_alone_by_a_file(store: Store) {
    let new = NewToken {
        name: "grafana".to_owned(),
        person: None,
        scopes: Scopes::new(Vec::new()),
        expires_at: None,
    };
    let made = store.create_token(&new, [7; 32], now()).await.unwrap();
    store.reconcile_access(&access(Vec::new(), vec![token("grafana", "a")]), now()).await.unwrap();
    store.reconcile_access(&DeclaredAccess::default(), now()).await.unwrap();
    assert!(store.token(&made, now()).await.unwrap().is_some());
    // The number of a declared token and a guessed secret open nothing.
    store.reconcile_access(&access(Vec::new(), vec![token("grafana", "a")]), now()).await.unwrap();
    let declared = store.token(&text("a"), now()).await.unwrap().unwrap();
    let hash = token("grafana", "a").hash;
    for guess in [format!("mh_{}_{hash}", declared.id), format!("mh_{}_{}", declared.id, text("a")), hash] {
        assert_eq!(store.token(&guess, now()).await.unwrap(), None, "{guess}");
    }
}

pub(crate) async fn declared_account_keeps_its_number_and_its_log_ins_until_the_password_changes(
    store: Store,
) {
    let reconcile =
        async |accounts| store.reconcile_access(&access(accounts, Vec::new()), now()).await.unwrap();
    let person = me(&store).await;
    let made = NewUserAccount {
        id: 5,
        name: "eve".to_owned(),
        person: None,
        scopes: Scopes::of_account(Vec::new()),
        expires_at: None,
        password: "hash".to_owned().into(),
    };
    assert!(store.create_account(&made, now()).await.unwrap());
    assert_eq!(reconcile(vec![account(7, "ann", "one")]).await, Reconciled { changed: 1, revoked: 0 });
    assert_eq!(reconcile(vec![account(8, "ann", "one")]).await, Reconciled::default());
    let ann = async || store.account_with_password_hash("ann").await.unwrap().unwrap();
    let narrowed = DeclaredAccount {
        person: Some(person.name.clone()),
        scopes: Scopes::of_account(vec![Scope::Jobs]),
        ..account(8, "ann", "one")
    };
    assert_eq!(reconcile(vec![narrowed]).await, Reconciled { changed: 1, revoked: 0 });
    let (account_now, _) = ann().await;
    assert_eq!((account_now.id, account_now.generation, account_now.person), (7, 1, Some(person.id)));
    assert!(account_now.declared && !account_now.scopes.has(Scope::Rest));
    reconcile(vec![account(8, "ann", "two")]).await;
    let (account_now, password) = ann().await;
    assert_eq!((account_now.generation, password.expose_secret()), (2, "two"), "older log-ins have ended");

    let new = "three".to_owned().into();
    for refused in [
        store.set_password("ann", &new, now()).await.unwrap_err(),
        store.remove_account("ann").await.unwrap_err(),
    ] {
        assert!(matches!(&refused, Error::Declared { what } if what == "the account ann"), "{refused}");
    }
    // The file takes over an account that was made by hand.
    assert_eq!(reconcile(vec![account(9, "eve", "four")]).await, Reconciled { changed: 1, revoked: 1 });
    let names: Vec<_> = store.accounts().await.unwrap().into_iter().map(|it| (it.id, it.declared)).collect();
    assert_eq!(names, [(5, true)]);
}

pub(crate) async fn declared_access_with_an_unknown_person_changes_nothing(store: Store) {
    let first = access(vec![account(7, "ann", "one")], vec![token("grafana", "a")]);
    store.reconcile_access(&first, now()).await.unwrap();
    let unknown = DeclaredToken { person: Some("zoe".parse().unwrap()), ..token("other", "b") };
    let error = store.reconcile_access(&access(Vec::new(), vec![unknown.clone()]), now()).await.unwrap_err();
    assert!(matches!(&error, Error::UnknownPerson { name } if name == "zoe"), "{error}");
    assert_eq!(opens(&store, "a").await.as_deref(), Some("grafana"));
    assert_eq!(store.accounts().await.unwrap().len(), 1);
    let people = vec![("zoe".parse().unwrap(), "Asia/Tokyo".to_owned())];
    let declared = DeclaredAccess { people, ..access(Vec::new(), vec![unknown]) };
    store.reconcile_access(&declared, now()).await.unwrap();
    let zoe = store.person("zoe").await.unwrap().unwrap();
    assert_eq!(zoe.time_zone, "Asia/Tokyo");
    assert_eq!(store.token(&text("b"), now()).await.unwrap().unwrap().person, Some(zoe.id));
}

pub(crate) async fn replicas_that_start_together_reconcile_once(store: Store) {
    let declared =
        access(vec![account(7, "ann", "one")], ["a", "b", "c"].map(|name| token(name, name)).to_vec());
    let replicas: Vec<_> = (0..6)
        .map(|_| {
            let (store, declared) = (store.clone(), declared.clone());
            tokio::spawn(async move { store.reconcile_access(&declared, now()).await.unwrap().changed })
        })
        .collect();
    let mut changed = 0;
    for replica in replicas {
        changed += replica.await.unwrap();
    }
    assert_eq!((changed, store.tokens().await.unwrap().len()), (4, 3));
}

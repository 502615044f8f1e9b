//! How a log-in is stored.

use domain::Cause;
use domain::{Collection, DayRange};
use ingest::oauth::{KeySource, Keyring, store_login, stored_client};
use secrecy::ExposeSecret;

use crate::helpers::day;

use super::{DAY, TOKEN, World, keys, read, world};

#[tokio::test]
async fn wrong_encryption_key_names_the_needed_one() {
    let (world, _folder) = world().await;
    let other = Keyring { current: KeySource::Text("ab".repeat(32).into()), previous: None };
    let failure = world
        .process_of("legacy", other.clone(), None)
        .window(Collection::DailySleep, DayRange::ending(day("2026-03-29"), 3))
        .await
        .unwrap_err();
    assert_eq!(failure.cause(), Cause::RenewalFailed);
    assert!(store::causes(&failure).contains("sealed with another key"), "{}", store::causes(&failure));
    assert_eq!(world.asked(TOKEN), 1, "nothing was sent");
    // The previous key still opens what it sealed, and the next renewal seals the log-in with the new one.
    let rotated = Keyring { previous: Some(keys().current), ..other.clone() };
    read(&world.process_of("legacy", rotated.clone(), None)).await.unwrap();
    world.later(DAY);
    read(&world.process_of("legacy", rotated, None)).await.unwrap();
    read(&world.process_of("legacy", other, None)).await.unwrap();
}

#[tokio::test]
async fn application_is_kept_with_the_log_in_and_its_renewals() {
    let (store, _folder) = store::testing::sqlite().await;
    let world = World::new(store).await;
    assert!(stored_client(&world.store, &keys()).await.unwrap().is_none(), "there is no log-in");
    world.log_in("legacy").await;
    for _ in 0..2 {
        let client = stored_client(&world.store, &keys()).await.unwrap().unwrap();
        assert_eq!(client.id, "legacy");
        assert!(
            !client.secret.expose_secret().is_empty()
                && !format!("{client:?}").contains(client.secret.expose_secret())
        );
        world.later(DAY);
        read(&world.process()).await.unwrap();
    }
    let other = Keyring { current: KeySource::Text("11".repeat(32).into()), previous: None };
    assert!(stored_client(&world.store, &other).await.is_err(), "another key opens nothing");
}

#[tokio::test]
async fn tokens_are_sealed_in_the_database() {
    let (world, folder) = {
        let (store, folder) = store::testing::sqlite().await;
        let world = World::new(store).await;
        world.log_in("legacy").await;
        (world, folder)
    };
    let mut secrets = Vec::new();
    for _ in 0..3 {
        let pair = world.consented("legacy").await;
        secrets.extend([pair.access.expose_secret().to_owned(), pair.refresh.expose_secret().to_owned()]);
        store_login(&world.store, world.person.id, &keys(), &pair, world.at()).await.unwrap();
        assert!(!format!("{pair:?} {:?}", world.process()).contains("simulated-"));
    }
    world.later(DAY);
    read(&world.process()).await.unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("simulated-access") && !text.contains("simulated-refresh"));
        files += 1;
    }
    assert!(files > 0 && secrets.len() == 6);
}

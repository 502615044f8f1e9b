//! What is restored is what was there.

use backup::{Encryption, Error, Identities, Selection};
use domain::Collection;
use store::Store;

use crate::world::{SEALED, archive, archive_of, fill, live, now, numbers, restore, rows, source};

#[tokio::test]
async fn store_moved_there_and_back_has_the_same_rows_and_numbers() {
    let (first, _folder) = store::testing::sqlite().await;
    fill(&first).await;
    let (bytes, made) = archive(&first, &Encryption::None).await;
    let second = store::testing::postgres().await;
    let summary = restore(bytes, Identities::default(), &second).await.unwrap();
    assert_eq!(summary.people, ["ann", "bob"]);
    let (bytes, again) = archive(&second, &Encryption::None).await;
    assert_eq!(again.manifest, made.manifest, "the server has the same rows, in the same order");
    assert!(made.manifest.rows("document") > 80 && made.manifest.rows("document_revision") > 40);
    assert_eq!((made.manifest.rows("audit"), made.manifest.rows("account")), (3, 1));
    let (third, _folder) = store::testing::sqlite().await;
    restore(bytes, Identities::default(), &third).await.unwrap();
    let (expected, derived) = (rows(&first).await, numbers(&first).await);
    assert!(derived.len() > 100, "{}", derived.len());
    for store in [&second, &third] {
        assert_eq!(rows(store).await, expected);
        assert_eq!(numbers(store).await, derived);
    }
    assert_eq!(live(&third, "cid", 1).await, live(&first, "cid", 1).await, "numbers are not given twice");
}

#[tokio::test]
async fn copied_store_has_the_same_rows_and_numbers() {
    let (first, _folder) = store::testing::sqlite().await;
    fill(&first).await;
    let second = store::testing::postgres().await;
    let manifest = backup::copy(&first, &second, now(), &mut |_, _| {}).await.unwrap();
    assert_eq!(manifest.people.len(), 2);
    assert_eq!(rows(&second).await, rows(&first).await);
    assert_eq!(numbers(&second).await, numbers(&first).await);
    let again = backup::copy(&first, &second, now(), &mut |_, _| {}).await;
    assert!(matches!(again, Err(Error::Store(store::Error::NotEmpty { .. }))), "{again:?}");
}

#[tokio::test]
async fn log_in_is_not_in_a_backup() {
    let (store, _folder) = store::testing::sqlite().await;
    fill(&store).await;
    let (bytes, _) = archive(&store, &Encryption::None).await;
    let folder = tempfile::tempdir().unwrap();
    let mut texts = String::new();
    for entry in tar::Archive::new(&*bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = folder.path().join("member");
        entry.unpack(&path).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let mut text = String::new();
        let unpacked = std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*bytes), &mut text);
        texts.push_str(&unpacked.map_or_else(|_| String::from_utf8_lossy(&bytes).into_owned(), |_| text));
    }
    assert!(texts.contains("aann-0") && texts.contains("\"recipients\":[]"), "there is something to search");
    assert!(!texts.contains(SEALED) && !texts.contains("oura.invalid"));
}

#[tokio::test]
async fn one_person_is_restored_alone() {
    let (first, _folder) = store::testing::sqlite().await;
    fill(&first).await;
    let (bytes, _) = archive(&first, &Encryption::None).await;
    for name in ["ann", "bob"] {
        let (second, _folder) = store::testing::sqlite().await;
        let selection = Selection::Person(name.to_owned());
        let from = source(bytes.clone(), Identities::default());
        let summary = backup::restore(from, &selection, &second, now(), &mut |_, _| {}).await.unwrap();
        assert_eq!(summary.people, [name]);
        let known: Vec<_> = second.people().await.unwrap();
        assert_eq!(known.iter().map(|person| person.name.as_str()).collect::<Vec<_>>(), [name]);
        let of = |person| rows_of(&first, person);
        assert_eq!(rows(&second).await, of(known[0].id).await);
        assert!(live(&second, "new", 1).await > known[0].id);
    }
    let bob = first.person("bob").await.unwrap().unwrap();
    let (copy, made) = archive_of(&first, Some(bob.id), &Encryption::None).await;
    assert_eq!((made.manifest.people.len(), made.manifest.installation.len()), (1, 0));
    let (second, _folder) = store::testing::sqlite().await;
    restore(copy, Identities::default(), &second).await.unwrap();
    assert_eq!(rows(&second).await, rows_of(&first, bob.id).await);

    let (second, _folder) = store::testing::sqlite().await;
    let selection = Selection::Person("cid".to_owned());
    let from = source(bytes, Identities::default());
    let error = backup::restore(from, &selection, &second, now(), &mut |_, _| {}).await.unwrap_err();
    assert!(error.to_string().contains("ann, bob"), "{error}");
    assert_eq!(second.people().await.unwrap(), []);
}

async fn rows_of(store: &Store, person: i64) -> std::collections::BTreeMap<(String, i64), i64> {
    let mut rows = rows(store).await;
    rows.retain(|(_, whose), _| *whose == person);
    rows
}

#[tokio::test]
async fn store_with_a_person_is_not_restored_into() {
    let (first, _folder) = store::testing::sqlite().await;
    fill(&first).await;
    let (bytes, _) = archive(&first, &Encryption::None).await;
    let (embedded, _folder) = store::testing::sqlite().await;
    for store in [embedded, store::testing::postgres().await] {
        live(&store, "cid", 2).await;
        let before = numbers(&store).await;
        let error = restore(bytes.clone(), Identities::default(), &store).await.unwrap_err();
        assert!(matches!(error, Error::Store(store::Error::NotEmpty { .. })), "{error}");
        assert_eq!(numbers(&store).await, before);
    }
}

/// A backup that is made while documents come has one state: what it restores is what its manifest counts, and every person's
/// collections end with the same day.
#[tokio::test]
async fn backup_under_write_load_is_one_state() {
    for (store, _folder) in [(store::testing::postgres().await, None), {
        let (store, folder) = store::testing::sqlite().await;
        (store, Some(folder))
    }] {
        fill(&store).await;
        let (begin, started) = tokio::sync::oneshot::channel();
        let (writer, stop) = (store.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
        let stopped = stop.clone();
        let writing = tokio::spawn(async move {
            let mut days = 41;
            let mut begin = Some(begin);
            while !stopped.load(std::sync::atomic::Ordering::Relaxed) && days < 80 {
                live(&writer, "bob", days).await;
                days += 1;
                begin.take().map(|begin| begin.send(()));
            }
            days
        });
        started.await.unwrap();
        let (bytes, made) = archive(&store, &Encryption::None).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(writing.await.unwrap() > 42, "documents came meanwhile");
        let (second, _folder) = store::testing::sqlite().await;
        restore(bytes, Identities::default(), &second).await.unwrap();
        let (_, again) = archive(&second, &Encryption::None).await;
        assert_eq!(again.manifest, made.manifest);
        let bob = second.person("bob").await.unwrap().unwrap();
        let states = second.sync_states(bob.id).await.unwrap();
        let newest = |wanted| states.iter().find(|state| state.collection == wanted).unwrap().newest_day;
        assert!(newest(Collection::DailySleep) >= newest(Collection::Sleep), "written in this order");
    }
}

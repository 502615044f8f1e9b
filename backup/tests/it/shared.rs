//! Several backups in one folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use backup::{Encryption, Error, Identities, Keep, Made, Repository, Selection, Source};
use jiff::{SignedDuration, Timestamp};
use store::Store;

use crate::world::{fill, live, now, numbers, rows};

pub(crate) fn repository(folder: &Path) -> Repository {
    Repository::create(&folder.to_str().unwrap().parse().unwrap(), []).unwrap()
}

async fn make(store: &Store, repository: &Repository, at: Timestamp) -> backup::Result<Made> {
    backup::back_up(store, repository, Some(&Encryption::None), ("0.0.0", at), &mut |_, _| {}).await
}

async fn restored(
    repository: &Repository,
    at: Option<Timestamp>,
) -> backup::Result<(Store, tempfile::TempDir)> {
    let (store, folder) = store::testing::sqlite().await;
    let source = Source::Repository(Box::new(repository.read(at, Identities::default()).await?));
    backup::restore(source, &Selection::Everything, &store, now(), &mut |_, _| {}).await?;
    Ok((store, folder))
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.extend([path]) }
        }
    }
    files
}

fn day(n: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * n)
}

#[tokio::test]
async fn later_backup_adds_what_changed_and_both_are_restored() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    fill(&store).await;
    let (before, first) = (numbers(&store).await, make(&store, &repository, day(0)).await.unwrap());
    let unchanged = make(&store, &repository, day(1)).await.unwrap();
    assert_eq!(unchanged.written.len(), 0, "the same objects, the manifest too");
    live(&store, "bob", 4).await;
    let changed = make(&store, &repository, day(2)).await.unwrap();
    assert!(!changed.written.is_empty() && changed.bytes_written < first.bytes_written, "ann's are there");
    let (oldest, _folder) = restored(&repository, Some(day(1))).await.unwrap();
    assert_eq!(numbers(&oldest).await, before);
    let (newest, _folder) = restored(&repository, None).await.unwrap();
    assert_eq!((numbers(&newest).await, rows(&newest).await), (numbers(&store).await, rows(&store).await));
    let error = restored(&repository, Some(day(-1))).await.unwrap_err();
    assert!(matches!(error, Error::NoneSo { .. }), "{error}");
}

#[tokio::test]
async fn damage_of_any_file_is_noticed() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    live(&store, "ann", 3).await;
    make(&store, &repository, day(0)).await.unwrap();
    for file in files(folder.path()) {
        let whole = std::fs::read(&file).unwrap();
        let refused = async |what: &str| {
            let error = restored(&repository, None).await.unwrap_err();
            assert!(
                error.is_damage() || matches!(error, Error::None(_)),
                "{what} {}: {error}",
                file.display()
            );
        };
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            refused("flipped").await;
        }
        std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        refused("truncated").await;
        std::fs::remove_file(&file).unwrap();
        refused("missing").await;
        std::fs::write(&file, whole).unwrap();
    }
    restored(&repository, None).await.unwrap();
}

#[tokio::test]
async fn object_that_went_missing_is_written_again() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    fill(&store).await;
    make(&store, &repository, day(0)).await.unwrap();
    let lost = files(&folder.path().join("objects")).into_iter().next().unwrap();
    std::fs::remove_file(lost).unwrap();
    let newest = repository.newest(None).await.unwrap();
    assert!(repository.verify(&newest, None).await.unwrap_err().is_damage());
    let again = make(&store, &repository, day(1)).await.unwrap();
    assert_eq!(again.written.len(), 1);
    repository.verify(&again.listing, None).await.unwrap();
    restored(&repository, None).await.unwrap();
}

#[tokio::test]
async fn two_backups_at_once_are_both_whole() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    fill(&store).await;
    let (one, other) = tokio::join!(make(&store, &repository, day(0)), make(&store, &repository, day(0)));
    for made in [one.unwrap(), other.unwrap()] {
        repository.verify(&made.listing, None).await.unwrap();
    }
    restored(&repository, None).await.unwrap();
}

#[tokio::test]
async fn clock_set_back_leaves_the_newest_backup_the_newest() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    live(&store, "ann", 3).await;
    make(&store, &repository, day(10)).await.unwrap();
    live(&store, "ann", 4).await;
    make(&store, &repository, day(0)).await.unwrap();
    let (newest, _folder) = restored(&repository, None).await.unwrap();
    assert_eq!(numbers(&newest).await, numbers(&store).await);
}

/// As a full disk is, also for a user whom no mode stops: a file is where a folder is needed.
#[tokio::test]
async fn backup_that_cannot_be_written_leaves_the_one_before() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    fill(&store).await;
    make(&store, &repository, day(0)).await.unwrap();
    let before = files(folder.path());
    let made: BTreeSet<_> = std::fs::read_dir(folder.path().join("objects"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    for prefix in (0..=255).map(|n| format!("{n:02x}")) {
        if !made.contains(std::ffi::OsStr::new(&prefix)) {
            std::fs::write(folder.path().join("objects").join(prefix), "in the way").unwrap();
        }
    }
    live(&store, "bob", 9).await;
    make(&store, &repository, day(1)).await.unwrap_err();
    assert!(files(folder.path()).is_superset(&before));
    assert_eq!(repository.listings().await.unwrap().len(), 1, "an unfinished backup is none");
    restored(&repository, None).await.unwrap();
}

#[tokio::test]
async fn old_backups_go_and_the_kept_ones_stay_whole() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    for n in 0..5 {
        live(&store, "ann", 3 + n).await;
        make(&store, &repository, day(n)).await.unwrap();
    }
    let objects = || files(&folder.path().join("objects")).len();
    let (before, keep) = (objects(), Keep { daily: 2, weekly: 0 });
    let young = repository.prune(keep, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(48)).await.unwrap();
    assert_eq!(
        (young.backups, young.objects, objects()),
        (3, 0, before),
        "they may be of a backup being made"
    );
    let pruned = repository.prune(keep, day(400_000)).await.unwrap();
    assert!(pruned.objects > 0 && objects() == before - pruned.objects, "{pruned:?}");
    for at in [day(3), day(4)] {
        restored(&repository, Some(at)).await.unwrap();
    }
    let listing = files(&folder.path().join("listings")).into_iter().next().unwrap();
    std::fs::write(listing, "{}").unwrap();
    let (left, error) = (objects(), repository.prune(keep, day(400_000)).await);
    assert!(error.unwrap_err().is_damage() && objects() == left, "what a listing names is not known");
}

#[tokio::test]
async fn erased_person_is_in_no_backup() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    fill(&store).await;
    let ann = store.person("ann").await.unwrap().unwrap();
    for n in 0..3 {
        live(&store, "bob", 4 + n).await;
        make(&store, &repository, day(n)).await.unwrap();
    }
    let text_of = |file: &PathBuf| {
        let bytes = std::fs::read(file).unwrap();
        let mut text = String::new();
        let unpacked = std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*bytes), &mut text);
        unpacked.map_or_else(|_| String::from_utf8(bytes).unwrap(), |_| text)
    };
    let with_values = || files(folder.path()).iter().filter(|file| text_of(file).contains("ann-1")).count();
    assert!(with_values() > 0);
    let erased = repository.erase(ann.id).await.unwrap();
    assert!(erased.backups == 3 && erased.objects > 0, "{erased:?}");
    assert_eq!(with_values(), 0);
    for n in 0..3 {
        let (left, _folder) = restored(&repository, Some(day(n))).await.unwrap();
        let names: Vec<_> = left.people().await.unwrap().into_iter().map(|person| person.name).collect();
        assert_eq!(names.iter().map(domain::Pseudonym::as_str).collect::<Vec<_>>(), ["bob"]);
    }
    assert_eq!(repository.erase(ann.id).await.unwrap(), backup::Pruned::default());
}

#[tokio::test]
async fn passphrase_of_a_folder_stays_the_same() {
    let (store, _folder) = store::testing::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    live(&store, "ann", 3).await;
    let back_up = async |encryption: Option<Encryption>, n| {
        backup::back_up(&store, &repository, encryption.as_ref(), ("0.0.0", day(n)), &mut |_, _| {}).await
    };
    assert!(matches!(back_up(None, 0).await, Err(Error::NoIdentity)), "nothing is encrypted by accident");
    back_up(Some(Encryption::Passphrase("right".into())), 0).await.unwrap();
    let wrong = back_up(Some(Encryption::Passphrase("wrong".into())), 1).await;
    assert!(matches!(wrong, Err(Error::WrongIdentity)), "{wrong:?}");
    assert!(matches!(back_up(Some(Encryption::None), 1).await, Err(Error::OtherEncryption)));
    // The key that is there encrypts without the passphrase, so that a service needs none.
    let made = back_up(None, 1).await.unwrap();
    assert_eq!((made.written.len(), made.listing.recipients.len()), (0, 1));
    let mut identities = Identities::default();
    identities.set_passphrase("right".into());
    let source = Source::Repository(Box::new(repository.read(None, identities).await.unwrap()));
    backup::check(source, &mut |_, _| {}).await.unwrap();
}

#[tokio::test]
async fn scheduled_backups_are_made_by_one_process_when_they_are_due() {
    use std::sync::{Arc, Mutex};
    let (store, _folder) = store::testing::sqlite().await;
    live(&store, "ann", 3).await;
    let folder = tempfile::tempdir().unwrap();
    let repository = repository(folder.path());
    let time = Arc::new(Mutex::new(day(0)));
    let mut registry = prometheus_client::registry::Registry::default();
    let scheduled = |holder: &str, registry: &mut prometheus_client::registry::Registry| {
        let schedule = backup::Schedule {
            repository: repository.clone(),
            encryption: Some(Encryption::None),
            interval: std::time::Duration::from_hours(24),
            keep: Keep { daily: 2, weekly: 0 },
            program: "0.0.0",
        };
        let time = time.clone();
        let clock: backup::Clock = Arc::new(move || *time.lock().unwrap());
        backup::Scheduled::register(store.clone(), schedule, clock, holder.to_owned(), registry)
    };
    let (one, other) = (
        scheduled("one", &mut registry),
        scheduled("other", &mut prometheus_client::registry::Registry::default()),
    );
    assert_eq!(one.run_once().await.unwrap(), day(1));
    assert_eq!(other.run_once().await.unwrap(), day(1), "it is not due");
    let count = async || repository.listings().await.unwrap().len();
    assert_eq!(count().await, 1);
    *time.lock().unwrap() = day(1);
    assert!(
        store.take_lease(0, "backup", "other", day(1) + SignedDuration::from_mins(3), day(1)).await.unwrap()
    );
    assert!(one.run_once().await.unwrap() < day(2), "another process makes it");
    assert_eq!(count().await, 1);
    assert_eq!(other.run_once().await.unwrap(), day(2));
    *time.lock().unwrap() = day(2);
    one.run_once().await.unwrap();
    assert_eq!(count().await, 2, "the oldest is not kept");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(
        text.contains(&format!("backup_last_verified_timestamp_seconds {}\n", day(2).as_second())),
        "{text}"
    );

    let lost = files(&folder.path().join("objects")).into_iter().next().unwrap();
    std::fs::remove_file(lost).unwrap();
    *time.lock().unwrap() = day(2) + SignedDuration::from_hours(1);
    one.run_once().await.unwrap();
    let newest = repository.newest(None).await.unwrap();
    assert!(newest.created_at > day(2), "another backup is made before it is due");
    repository.verify(&newest, None).await.unwrap();
}

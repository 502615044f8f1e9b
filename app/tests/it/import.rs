//! The account export, imported as a user would.

use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use store::{Location, Store};

use crate::killed::{NOW, SINCE, rows};
use crate::process::{Running, finish, myhealth, printed, until};

/// The export of the person behind the tests' cloud.
fn export(folder: &Path, broken: Option<usize>) -> String {
    let person = simulator::Person::new(simulator::Life::new(3, SINCE.parse().unwrap()));
    let path = folder.join("export.zip");
    let now: Timestamp = NOW.parse().unwrap();
    std::fs::write(&path, person.account_export(now, broken)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn command(export: &str, folder: &Path) -> Command {
    myhealth(&["import", export, "--data-dir", folder.to_str().unwrap(), "--time-zone", "Europe/Berlin"])
}

async fn documents(folder: &Path) -> i64 {
    if !folder.join("myhealth.db").exists() {
        return 0;
    }
    let Ok(store) = Store::open(&Location::Sqlite(folder.join("myhealth.db"))).await else { return 0 };
    let documents = match store.person("me").await {
        Ok(Some(me)) => store.totals(me.id).await.unwrap().documents,
        _ => 0,
    };
    store.close().await;
    documents
}

#[tokio::test]
async fn import_killed_anywhere_ends_with_the_same_rows() {
    let files = tempfile::tempdir().unwrap();
    let export = export(files.path(), None);
    let calm = tempfile::tempdir().unwrap();
    let output = finish(command(&export, calm.path()));
    assert!(output.status.success(), "{}", printed(&output));
    let expected = rows(calm.path()).await;
    assert!(expected.len() > 10_000, "there is something to lose: {}", expected.len());

    let folder = tempfile::tempdir().unwrap();
    let whole = documents(calm.path()).await;
    let mut cut = 0;
    for _ in 0..4 {
        let before = documents(folder.path()).await;
        let running = Running::start(command(&export, folder.path()));
        until("some documents", async || {
            let now = documents(folder.path()).await;
            (now > before || now == whole).then_some(())
        })
        .await;
        running.kill();
        cut += usize::from(documents(folder.path()).await < whole);
    }
    assert!(cut > 0, "no kill came in the middle");
    let output = finish(command(&export, folder.path()));
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(rows(folder.path()).await, expected);
}

#[tokio::test]
async fn import_report_lists_every_file() {
    let files = tempfile::tempdir().unwrap();
    let export = export(files.path(), Some(100));
    let folder = tempfile::tempdir().unwrap();
    let report = printed(&finish(command(&export, folder.path())));
    for words in [
        "rows rejected: not UTF-8",
        "rawlocation.csv                  not opened: where you were is not stored",
        "heartrate.csv                    not opened: not part of App Data",
        "temperature.csv                  288 rows not kept yet",
        "`myhealth doctor` lists them",
    ] {
        assert!(report.contains(words), "{words}: {report}");
    }
    for secret in crate::killed::secrets() {
        assert!(!report.contains(&secret), "a report carries no health value");
    }
    let again = printed(&finish(command(&export, folder.path())));
    assert!(again.contains(": 0 new documents, 0 completed, "), "{again}");
    let doctor = printed(&finish(myhealth(&["doctor", "--data-dir", folder.path().to_str().unwrap()])));
    assert!(doctor.contains("documents rejected: not UTF-8"), "{doctor}");
}

#[test]
fn import_of_another_file_is_refused_before_opening_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("photo.zip");
    std::fs::write(&file, "not a zip").unwrap();
    for (name, reason) in
        [(file.to_str().unwrap(), "membership.ouraring.com"), ("/nowhere.zip", "cannot read /nowhere.zip")]
    {
        let output = finish(command(name, &data));
        assert_eq!(output.status.code(), Some(64), "{}", printed(&output));
        assert!(printed(&output).contains(reason), "{}", printed(&output));
        assert!(!data.exists());
    }
}

#[test]
fn import_without_tables_makes_no_database() {
    let (files, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(files.path().join("billing.txt"), "paid").unwrap();
    let output = finish(command(files.path().to_str().unwrap(), &folder.path().join("data")));
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("nothing in it is a table"), "{}", printed(&output));
    assert!(!folder.path().join("data").exists(), "a database was made for nothing");
}

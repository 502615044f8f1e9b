//! Backups by the program itself: there and back, killed, erased.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use store::{Location, Store};

use crate::killed::{Cloud, rows, secrets};
use crate::process::{Running, finish, get, myhealth, printed, service, until};

/// A folder with half a year of a person.
async fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start().await;
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    folder
}

fn run(words: &[&str], data: &Path) -> Output {
    let mut command = myhealth(words);
    command.arg("--data-dir").arg(data);
    finish(command)
}

#[track_caller]
fn done(words: &[&str], data: &Path) -> String {
    let output = run(words, data);
    assert!(output.status.success(), "{words:?}: {}", printed(&output));
    printed(&output)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// What clients see of the store in a folder: responses of REST, and gauges.
async fn responses(data: &Path) -> Vec<String> {
    let mut serve = Running::start(service(&["serve", "--roles", "exporter,api"], data));
    let (api, web) = (serve.address("api").await, serve.address("web").await);
    let mut all = Vec::new();
    let read = async |url: String| until(&url, async || get(&url).await).await;
    for path in [
        "metrics",
        "trends/sleep_duration?person=me&bucket=month",
        "trends/sleep_lowest_heart_rate?person=me&bucket=week",
        "sleep?person=me&from=2026-01-01&to=2026-03-29",
        "activity?person=me&from=2026-01-01&to=2026-03-29",
        "workouts?person=me&from=2025-09-01&to=2026-03-29",
        "heart-rate?person=me&from=2026-03-20&to=2026-03-21",
    ] {
        all.push(read(format!("http://{api}/api/v1/{path}")).await);
    }
    // Of a life that ended months ago, what is known about its reading is left.
    let gauges = read(format!("http://{web}/metrics")).await;
    let gauges: Vec<_> = gauges.lines().filter(|line| line.starts_with("oura_")).collect();
    assert!(gauges.len() > 10, "{gauges:?}");
    all.push(gauges.join("\n"));
    serve.signal("-TERM");
    serve.ended().await;
    all
}

#[tokio::test]
async fn store_moved_to_a_server_and_back_answers_the_same() {
    let (first, work) = (filled().await, tempfile::tempdir().unwrap());
    let passphrase = path(work.path(), "passphrase");
    std::fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    let backups = path(work.path(), "backups/");
    let output = done(&["backup", "--passphrase-file", &passphrase, &backups], first.path());
    assert!(output.contains("encrypted") && output.contains("verified"), "{output}");
    let output = done(&["backup", &backups], first.path());
    assert!(output.contains("encrypted"), "the key of the folder is used: {output}");

    let url = path(work.path(), "url");
    std::fs::write(&url, store::testing::empty_database_url().await).unwrap();
    let words = ["restore", "--passphrase-file", &passphrase, &backups, "--database-url-file", &url];
    let output = printed(&finish(myhealth(&words)));
    assert!(output.contains("myhealth login --person me"), "{output}");
    let second = path(work.path(), "second");
    let output = finish(myhealth(&["move", "--database-url-file", &url, "--to-data-dir", &second]));
    assert!(output.status.success(), "{}", printed(&output));
    let second = PathBuf::from(second);
    assert_eq!(rows(&second).await, rows(first.path()).await);
    assert_eq!(responses(&second).await, responses(first.path()).await);
    let again = run(&["restore", "--passphrase-file", &passphrase, &backups], &second);
    assert!(!again.status.success() && printed(&again).contains("is not empty"), "{}", printed(&again));
}

#[tokio::test]
async fn backup_asks_who_may_read_it() {
    let data = tempfile::tempdir().unwrap();
    done(&["person", "add", "me", "--time-zone", "UTC"], data.path());
    let target = path(data.path(), "file");
    let output = run(&["backup", &target], data.path());
    assert_eq!(output.status.code(), Some(64));
    assert!(
        printed(&output).contains("--unencrypted") && !Path::new(&target).exists(),
        "{}",
        printed(&output)
    );
    let folder = path(data.path(), "backups/");
    assert_eq!(run(&["backup", &folder], data.path()).status.code(), Some(64));
    done(&["backup", "--unencrypted", &target], data.path());
    done(&["restore", "--check", &target], data.path());
    let output = run(&["restore", "--check", &path(data.path(), "none/")], data.path());
    assert!(
        !output.status.success() && printed(&output).contains("there is no backup in"),
        "{}",
        printed(&output)
    );
}

/// A restore that is killed after any part of the backup has come leaves an empty database, which the next one fills.
#[tokio::test]
async fn restore_killed_anywhere_leaves_nothing_or_everything() {
    let first = filled().await;
    let expected = rows(first.path()).await;
    let mut command = myhealth(&["backup", "--unencrypted", "-", "--data-dir"]);
    let whole = finish({
        command.arg(first.path());
        command
    })
    .stdout;
    let second = tempfile::tempdir().unwrap();
    let parts = 40;
    for round in 0..parts + 10 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_myhealth"));
        command.env_clear().args(["restore", "-", "--data-dir"]).arg(second.path());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(&whole[..whole.len() * round.min(parts) / parts]).unwrap();
        // It waits for more, or derives and commits.
        let waits = (round < parts).then_some(input);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(waits);
        let store = Store::open(&Location::Sqlite(second.path().join("myhealth.db"))).await.unwrap();
        let people = store.people().await.unwrap();
        store.close().await;
        if !people.is_empty() {
            assert!(round >= parts, "only one that had the whole backup can have finished");
            assert_eq!(rows(second.path()).await, expected);
            return;
        }
    }
    let file = path(second.path(), "backup");
    std::fs::write(&file, &whole).unwrap();
    done(&["restore", &file], second.path());
    assert_eq!(rows(second.path()).await, expected);
}

/// A backup that is killed after any part of it was written is none, and one from before stays.
#[tokio::test]
async fn backup_killed_anywhere_is_none() {
    let first = filled().await;
    let work = tempfile::tempdir().unwrap();
    let mut command = myhealth(&["backup", "--unencrypted", "-", "--data-dir"]);
    let length = finish({
        command.arg(first.path());
        command
    })
    .stdout
    .len();
    let backups = path(work.path(), "backups/");
    done(&["backup", "--unencrypted", &backups], first.path());
    let rounds = 20;
    for round in 0..rounds {
        let mut command = myhealth(&["backup", "--unencrypted", "-", "--data-dir"]);
        let mut child =
            command.arg(first.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut part = vec![0; length * round / rounds];
        child.stdout.take().unwrap().read_exact(&mut part).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let file = path(work.path(), "part");
        std::fs::write(&file, part).unwrap();
        let output = run(&["restore", "--check", &file], first.path());
        assert!(
            !output.status.success() && printed(&output).contains("nothing was restored"),
            "{}",
            printed(&output)
        );

        // The same in the folder, where the objects come before the listing.
        let mut command = myhealth(&["backup", "--unencrypted", &backups, "--data-dir"]);
        let mut child =
            command.arg(first.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        done(&["restore", "--check", &backups], first.path());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn erased_person_is_in_no_byte() {
    let (data, work) = (filled().await, tempfile::tempdir().unwrap());
    let backups = path(work.path(), "backups/");
    done(&["backup", "--unencrypted", &backups], data.path());
    let secrets = secrets();
    let found = || {
        let mut found = 0;
        for file in files(data.path()).into_iter().chain(files(work.path())) {
            let bytes = std::fs::read(&file).unwrap();
            let mut unpacked = Vec::new();
            // What does not unpack is searched as it is.
            let _ = flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut unpacked);
            for secret in &secrets {
                let has =
                    |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                found += usize::from(has(&bytes)) + usize::from(has(&unpacked));
            }
        }
        found
    };
    assert!(found() >= 2 * secrets.len(), "in the database and in the backup: {}", found());
    let output = run(&["erase", "me", "--backups", &backups], data.path());
    assert!(!output.status.success() && printed(&output).contains("--yes"), "{}", printed(&output));
    let output = done(&["erase", "me", "--yes", "--backups", &backups], data.path());
    assert!(output.contains("delete_series") && output.contains("written again"), "{output}");
    assert_eq!(found(), 0);
    let store = Store::open(&Location::Sqlite(data.path().join("myhealth.db"))).await.unwrap();
    assert_eq!(store.people().await.unwrap(), []);
    store.close().await;
    assert!(done(&["audit"], data.path()).contains("person-remove"));
    let again = run(&["erase", "me", "--yes"], data.path());
    assert!(!again.status.success(), "{}", printed(&again));
}

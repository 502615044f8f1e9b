//! After an upgrade `serve` derives again what other rules derived, however often it is killed meanwhile.

use store::{Location, Store, testing};

use crate::killed::{Cloud, rows};
use crate::process::{Running, finish, get, printed, service, until};

async fn stale(folder: &std::path::Path) -> usize {
    let store = Store::open(&Location::Sqlite(folder.join("myhealth.db"))).await.unwrap();
    let stale = store.stale_derivations().await.unwrap().len();
    store.close().await;
    stale
}

#[tokio::test]
async fn serve_killed_while_deriving_again_continues_until_all_is_current() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let output = finish(cloud.command("sync", folder.path()));
    assert!(output.status.success(), "{}", printed(&output));
    let expected = rows(folder.path()).await;
    let store = Store::open(&Location::Sqlite(folder.path().join("myhealth.db"))).await.unwrap();
    testing::derive_by_other_rules(&store).await;
    store.close().await;
    let all = stale(folder.path()).await;
    assert!(all > 10, "{all}");
    assert_ne!(rows(folder.path()).await, expected);

    let doctor = || {
        let mut doctor =
            crate::process::myhealth(&["doctor", "--oura-url", "http://127.0.0.1:9", "--data-dir"]);
        doctor.arg(folder.path());
        printed(&finish(doctor))
    };
    assert!(doctor().contains("numbers derived by the rules of another version: "), "{}", doctor());
    // Oura is not reached: what is stored is enough.
    let start = || {
        Running::start({
            let mut serve = service(
                &["serve", "--oura-token", "none", "--oura-url", "http://127.0.0.1:9"],
                folder.path(),
            );
            serve.args(["--history-from", crate::killed::SINCE]);
            serve
        })
    };
    let reports = async |running: &Running, line: &str| {
        until(line, async || running.output().contains(line).then_some(())).await;
    };
    // Killed as soon as it has begun; by then it may have come further.
    for _ in 0..2 {
        let running = start();
        reports(&running, "deriving them again").await;
        running.kill();
        if stale(folder.path()).await == 0 {
            break;
        }
    }
    if stale(folder.path()).await > 0 {
        let running = start();
        reports(&running, "stale numbers have been derived again").await;
        let metrics = get(&format!("http://{}/metrics", running.address("web").await)).await.unwrap();
        assert!(metrics.contains("\nmyhealth_derivation_pending_collections 0\n"), "{metrics}");
        running.kill();
    }
    assert_eq!(stale(folder.path()).await, 0);
    assert_eq!(rows(folder.path()).await, expected);
    assert!(!doctor().contains("rules of another version"));
}

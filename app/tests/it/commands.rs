//! Commands that run to their end.

use std::process::Stdio;

use store::Store;

use crate::killed::Cloud;
use crate::process::{Running, finish, get, myhealth, printed, started, until};

#[tokio::test]
async fn sync_runs_once_and_doctor_reports_the_state() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let output = finish(cloud.command("sync", folder.path()));
    assert!(output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("windows read"), "{}", printed(&output));
    let again = finish(cloud.command("sync", folder.path()));
    assert!(printed(&again).contains(" 0 new documents, 0 changed, "), "{}", printed(&again));

    let output = finish(cloud.command("doctor", folder.path()));
    let report = printed(&output);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("accepts the token") && report.contains("nothing wrong found"), "{report}");
    assert!(report.contains("daily_sleep      read from"), "{report}");
    assert!(report.contains("nothing of today (phone_not_synced): "), "{report}");

    cloud.revoke();
    let output = finish(cloud.command("doctor", folder.path()));
    let report = printed(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(report.contains("get a new access token"), "{report}");
    let output = finish(cloud.command("sync", folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("expired, revoked or mistyped"), "{}", printed(&output));

    let output = finish(myhealth(&["rebuild", "--data-dir", folder.path().to_str().unwrap()]));
    assert!(printed(&output).contains("me: every number derived again"), "{}", printed(&output));
}

#[tokio::test]
async fn json_output_is_one_document() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let json = |mut command: std::process::Command| -> serde_json::Value {
        command.arg("--json");
        let output = finish(command);
        assert!(output.status.success(), "{}", printed(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", printed(&output)))
    };
    let of = |words: &[&str]| myhealth(&[words, &["--data-dir", data]].concat());
    let synced = json(cloud.command("sync", folder.path()));
    assert_eq!((&synced[0]["person"], &synced[0]["complete"]), (&"me".into(), &true.into()), "{synced}");
    assert!(synced[0]["new"].as_u64().unwrap() > 0 && synced[0]["failures"].as_array().unwrap().is_empty());
    let report = json(cloud.command("doctor", folder.path()));
    let levels: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["level"].as_str().unwrap())
        .collect();
    assert!(report["wrong"] == 0 && levels.contains(&"ok") && levels.contains(&"note"), "{report}");
    let people = json(of(&["person", "list"]));
    assert!(people[0]["name"] == "me" && people[0]["documents"].as_i64().unwrap() > 0, "{people}");
    assert!(finish(of(&["token", "create", "grafana", "--person", "me"])).status.success());
    let tokens = json(of(&["token", "list"]));
    assert!(tokens[0]["name"] == "grafana" && tokens[0]["person"] == "me", "{tokens}");
    assert_eq!(json(of(&["account", "list"])), serde_json::json!([]));
    let status = json(of(&["status"]));
    assert_eq!(status[0]["metrics"].as_array().unwrap().len(), 10, "{status}");
    // The synthetic ring's last day is long ago.
    let night = &status[0]["metrics"][0];
    assert!(night["days"].as_array().unwrap().len() == 14 && night["reason"].is_string(), "{night}");
}

#[tokio::test]
async fn person_commands_add_list_and_remove() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let person = |words: &[&str]| {
        let output = finish(myhealth(&[&["person"], words, &["--data-dir", data]].concat()));
        (output.status.code(), printed(&output))
    };
    assert!(finish(myhealth(&["migrate", "--data-dir", data])).status.success());
    assert!(person(&["list"]).1.contains("no persons yet"));
    let (code, text) = person(&["add", "ann", "--time-zone", "Asia/Tokyo"]);
    assert!(code == Some(0) && text.contains("ann was added, in the zone Asia/Tokyo"), "{text}");
    assert!(person(&["add", "ann", "--time-zone", "Asia/Tokyo"]).1.contains("known already"));
    assert!(person(&["add", "ann", "--time-zone", "UTC"]).1.contains("moved from Asia/Tokyo to UTC"));
    assert_eq!(person(&["add", "ann@example.org"]).0, Some(64));
    assert!(
        printed(&finish(cloud.command("sync", folder.path())))
            .contains("no person here is called me; known: ann;")
    );
    assert_eq!(person(&["add", "me", "--time-zone", "Europe/Berlin"]).0, Some(0));
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let (_, text) = person(&["list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("ann ") && lines[1].contains(" 0 "), "{text}");
    assert!(lines[2].starts_with("me ") && lines[2].contains("2026-03-29  nothing"), "{text}");

    let (code, text) = person(&["remove", "me"]);
    assert!(code == Some(1) && text.contains("use --yes"), "{text}");
    assert!(person(&["list"]).1.contains("\nme "));
    let (code, text) = person(&["remove", "me", "--yes"]);
    assert!(code == Some(0) && text.contains("me was removed"), "{text}");
    let (code, text) = person(&["remove", "me", "--yes"]);
    assert!(code == Some(1) && text.contains("no person here is called me"), "{text}");
    assert!(!person(&["list"]).1.contains("\nme "));
}

#[tokio::test]
async fn roles_run_apart_on_one_postgres() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let loopback = ["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"];
    let serve = |role, words: &[&str]| {
        let own = ["serve", "--roles", role, "--database-url", &url];
        Running::start(myhealth(&[own.as_slice(), &loopback, words].concat()))
    };
    let exporter = serve("exporter", &[]);
    let metrics = format!("http://{}/metrics", exporter.address("web").await);
    until("a body without people", async || {
        get(&metrics).await.filter(|body| body.contains("exporter_up 1"))
    })
    .await;
    let api = serve("api", &[]);
    assert_eq!(started(&exporter.output(), "api"), None);

    // What another process stores shows in this one without a restart.
    let cloud = Cloud::start().await;
    let address = cloud.address();
    let ingest = serve(
        "ingest",
        &["--oura-url", &address, "--oura-token", crate::killed::TOKEN, "--history-from", "2026-03-01"],
    );
    until("gauges of another process", async || {
        get(&metrics).await.filter(|body| body.contains("oura_newest_day_timestamp_seconds{person=\"me\""))
    })
    .await;
    let api = format!("http://{}/api/v1/people", api.address("api").await);
    assert!(get(&api).await.unwrap().contains("\"me\""));
    let own = get(&format!("http://{}/metrics", ingest.address("web").await)).await.unwrap();
    assert!(own.contains("myhealth_oura_requests_total") && !own.contains("\noura_"), "{own}");
}

/// A pipe whose reader has gone, and a full disk.
fn unwritable() -> [Stdio; 2] {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    [writer.into(), full.into()]
}

#[test]
fn token_that_cannot_be_printed_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(finish(myhealth(&["migrate", "--data-dir", data])).status.success());
    for (id, stdout) in (1..).zip(unwritable()) {
        let mut command = myhealth(&["token", "create", "grafana", "--data-dir", data]);
        command.stdout(stdout).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
        assert!(printed(&output).contains("was revoked"), "{}", printed(&output));
        let list = printed(&finish(myhealth(&["token", "list", "--data-dir", data])));
        let states: Vec<_> = list.lines().filter(|line| line.contains("grafana")).collect();
        assert!(states.len() == id && states.iter().all(|line| line.contains("revoked")), "{list}");
        let audit = printed(&finish(myhealth(&["audit", "--data-dir", data])));
        let count = |action| audit.lines().filter(|line| line.contains(action)).count();
        assert_eq!((count("token-create"), count("token-revoke")), (id, id), "{audit}");
    }
}

#[tokio::test]
async fn account_is_replaced_after_the_running_sync_has_ended() {
    let cloud = Cloud::start().await;
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let folder = tempfile::tempdir().unwrap();
    let sync = |words: &[&str]| {
        let mut command = cloud.command("sync", folder.path());
        command.args(["--database-url", &url]).args(words);
        command
    };
    assert!(finish(sync(&[])).status.success());
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    let me = store.person("me").await.unwrap().unwrap();
    #[expect(clippy::disallowed_methods, reason = "leases are compared with the clock of the binary")]
    let now = jiff::Timestamp::now();
    let until_then = now + jiff::SignedDuration::from_hours(1);
    assert!(store.take_sync_lease(me.id, "a running sync", until_then, now).await.unwrap());

    let mut replacing = Running::start(sync(&["--replace-account"]));
    let waits = "waiting for the running sync of me to end";
    until("the command to wait", async || replacing.output().contains(waits).then_some(())).await;
    assert!(!replacing.output().contains("another Oura account"), "{}", replacing.output());
    store.release_unused_sync_lease(me.id, "a running sync").await.unwrap();
    assert_eq!(replacing.ended().await.code(), Some(0), "{}", replacing.output());
    assert!(replacing.output().contains("me has another Oura account from now on"), "{}", replacing.output());
    store.close().await;
}

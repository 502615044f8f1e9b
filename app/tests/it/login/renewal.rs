//! Renewals: killed in the middle, and shared by processes on one database.

use super::*;

#[tokio::test]
async fn renewal_killed_before_the_token_is_spent_is_repeated() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    assert!(log_in(oura.command("login", folder.path())).status.success());
    kill_while_renewing(&oura, folder.path(), &Fault::Hold(Arc::default())).await;
    // The lease of the dead process has to end first.
    let output = finish(oura.command("sync", folder.path()));
    let text = printed(&output);
    assert!(text.contains("windows read") && !text.contains("myhealth login"), "{text}");
    assert_eq!(oura.cloud.refresh_reuses(), 0);
}

#[tokio::test]
async fn renewal_killed_after_the_token_is_spent_reports_login_required() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    assert!(log_in(oura.command("login", folder.path())).status.success());
    kill_while_renewing(&oura, folder.path(), &Fault::HoldAnswer(Arc::default())).await;
    for _ in 0..2 {
        let output = finish(oura.command("sync", folder.path()));
        assert_eq!(output.status.code(), Some(1));
        assert!(printed(&output).contains("run `myhealth login`"), "{}", printed(&output));
    }
    assert_eq!(
        oura.cloud.refresh_reuses(),
        1,
        "tried once more, because the outcome was unknown, and never again"
    );
    let report = printed(&finish(oura.command("doctor", folder.path())));
    assert!(report.contains("spent or revoked"), "{report}");
    assert!(log_in(oura.command("login", folder.path())).status.success());
    assert!(printed(&finish(oura.command("sync", folder.path()))).contains("windows read"));
}

/// Pulls the plug of a process that has sent its refresh token and has no answer.
async fn kill_while_renewing(oura: &Oura, folder: &Path, fault: &Fault) {
    oura.a_day_passes();
    oura.cloud.faults().next("/oauth/token", 1, fault);
    let before = oura.exchanges();
    let running = Running::start(oura.command("sync", folder));
    until("the renewal", async || (oura.exchanges() > before).then_some(())).await;
    running.kill();
    assert!(
        matches!(fault, Fault::Hold(_)) || oura.cloud.log_ins() == 1,
        "the token was spent for another one"
    );
}

#[tokio::test]
async fn processes_on_one_postgres_renew_once() {
    let oura = Oura::start("legacy").await;
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    let command = |name: &str| {
        let mut command = oura.command_on(name);
        command.args(["--database-url", &url, "--encryption-key-file", key.to_str().unwrap()]);
        command
    };
    assert!(log_in(command("login")).status.success());
    for round in 1..=2 {
        oura.a_day_passes();
        let mut processes: Vec<Running> = (0..3).map(|_| Running::start(command("sync"))).collect();
        for process in &mut processes {
            process.ended().await;
            let output = process.output();
            assert!(output.contains("windows read") && !output.contains("myhealth login"), "{output}");
        }
        assert_eq!(oura.exchanges(), 1 + round, "one of three renews");
    }
    assert_eq!(oura.cloud.refresh_reuses(), 0);

    // Another key opens nothing, says so, and spends nothing.
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    let report = printed(&finish(command("doctor")));
    assert!(report.contains("sealed with another key"), "{report}");
    let old = folder.path().join("old");
    std::fs::write(&old, KEY).unwrap();
    let mut rotated = command("sync");
    rotated.arg("--previous-encryption-key-file").arg(&old);
    assert!(printed(&finish(rotated)).contains("windows read"));
    // What cannot be known is not claimed.
    let mut away = oura.command_on("doctor");
    away.args(["--database-url", "postgres://unknown@127.0.0.1:1/none", "--encryption-key", KEY]);
    let report = printed(&finish(away));
    assert!(
        report.contains("cannot be opened") && !report.contains("there is no log-in at Oura"),
        "{report}"
    );
    std::fs::write(&key, "not a key").unwrap();
    let output = finish(command("sync"));
    assert_eq!(output.status.code(), Some(64));
    assert!(printed(&output).contains("openssl rand -hex 32"), "{}", printed(&output));
}

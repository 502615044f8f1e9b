//! The audit trail of a scripted day, by the command that shows it.

use serde_json::Value;

use crate::process::{Running, finish, http, myhealth, printed, service};

#[tokio::test]
async fn audit_command_shows_what_operators_and_clients_did() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "correct horse battery staple").unwrap();
    let password = password.to_str().unwrap();
    let run = |words: &[&str]| {
        let output = finish(myhealth(&[words, &["--data-dir", data]].concat()));
        assert!(output.status.success(), "{words:?}: {}", printed(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["person", "add", "ann", "--time-zone", "UTC"]);
    run(&["account", "add", "ann", "--person", "ann", "--password-file", password]);
    let token = run(&["token", "create", "grafana", "--scope", "rest"]);
    let mut running = Running::start(service(&["serve", "--only", "api"], folder.path()));
    let api = running.address("api").await;
    for (body, status) in [
        (r#"{"name":"ann","password":"wrong horse battery"}"#, 401),
        (r#"{"name":"ann","password":"correct horse battery staple"}"#, 200),
    ] {
        let answer = http().post(format!("http://{api}/api/v1/auth/login")).body(body).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    for (path, status) in [("people", 200), ("admin/audit", 403)] {
        let request = http().get(format!("http://{api}/api/v1/{path}")).bearer_auth(token.trim());
        assert_eq!(request.send().await.unwrap().status(), status, "{path}");
    }
    // What still waits is stored when the service stops.
    running.signal("-TERM");
    running.ended().await;
    run(&["token", "revoke", "1"]);
    run(&["account", "password", "ann", "--password-file", password]);
    run(&["account", "remove", "ann"]);
    run(&["person", "remove", "ann", "--yes"]);

    let lines = run(&["audit", "--format", "json"]);
    let entries: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let words = ["action", "outcome", "principal", "client", "route", "subject"];
    let seen: Vec<String> =
        entries.iter().map(|entry| words.map(|name| word(entry, name)).join(" ")).collect();
    assert_eq!(
        seen,
        [
            "person-add accepted operator - myhealth person add person ann",
            "account-create accepted operator - myhealth account add account ann",
            "token-create accepted operator - myhealth token create token 1 (grafana)",
            "log-in refused - 127.0.0.1 /api/v1/auth/login account ann",
            "log-in accepted account ann 127.0.0.1 /api/v1/auth/login -",
            "token-first-use accepted token 1 (grafana) 127.0.0.1 /api/v1/people -",
            "access refused token 1 (grafana) 127.0.0.1 /api/v1/admin/audit -",
            "token-revoke accepted operator - myhealth token revoke token 1",
            "password-change accepted operator - myhealth account password account ann",
            "account-remove accepted operator - myhealth account remove account ann",
            "person-remove accepted operator - myhealth person remove person ann",
        ]
    );
    let narrowed = run(&["audit", "--action", "log-in", "--limit", "1"]);
    assert!(narrowed.contains("accepted") && narrowed.lines().count() == 1, "{narrowed}");
    for secret in ["horse", "mh_"] {
        assert!(!lines.contains(secret) && !running.output().contains(secret), "{secret}");
    }
}

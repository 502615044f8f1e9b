//! The commands of `docs/api.md`, run as a reader would: one shell, top to bottom, against the real binary.

use std::path::Path;
use std::process::Command;

use crate::killed::Cloud;
use crate::monitoring::shipped;
use crate::process::{Running, finish, http, myhealth, said};

/// The shell commands of a page.
fn commands(page: &str) -> String {
    let blocks = page.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

fn serve(data: &Path) -> Command {
    let mut serve = myhealth(&["serve", "--only", "exporter,api", "--web.listen-address", "127.0.0.1:0"]);
    serve.args(["--api.listen-address", "127.0.0.1:0", "--data-dir"]).arg(data);
    serve
}

#[tokio::test]
async fn every_command_of_the_page_about_the_api_works() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut sync = cloud.command("sync", folder.path());
    sync.args(["--from", "2026-03-01", "--to", "2026-03-10"]);
    let synced = finish(sync);
    assert!(synced.status.success(), "{}", said(&synced));
    let serve = Running::start(serve(folder.path()));
    let api = serve.address("api").await;

    let here = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_myhealth"), here.path().join("myhealth")).unwrap();
    let commands = commands(&shipped("docs/api.md"));
    assert!(commands.matches("curl").count() > 15, "{commands}");
    let mut shell = Command::new("bash");
    shell.args(["-euxo", "pipefail", "-c", &commands]).current_dir(here.path()).env_clear();
    shell.env("PATH", format!("{}:/usr/bin:/bin", here.path().display()));
    shell.env("API", format!("http://{api}")).env("MYHEALTH_DATA_DIR", folder.path());
    let output = finish(shell);
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8_lossy(&output.stdout);
    for expected in
        ["\"status\":\"ok\"", "\"name\":\"me\"", "\"metric\":\"sleep_score\"", "read:sleep", "304"]
    {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }

    let log = serve.output();
    for secret in ["correct horse", "mh_1_", "eyJ"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let log_in = http().post(format!("http://{api}/api/v1/auth/login"));
    let body = r#"{"name": "ann", "password": "correct horse battery staple"}"#;
    let session: serde_json::Value =
        serde_json::from_str(&log_in.body(body).send().await.unwrap().text().await.unwrap()).unwrap();
    serve.kill();
    let again = Running::start(self::serve(folder.path()));
    let people = format!("http://{}/api/v1/people", again.address("api").await);
    let asked =
        http().get(people).bearer_auth(session["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(asked.status(), 200, "a restart ends no log-in");
    let key = folder.path().join("api.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "the key is its owner's alone");
}

//! The commands of `docs/api.md` and `docs/jobs.md`, run as a reader would: one shell, top to bottom, against the real binary.

use std::path::Path;
use std::process::Command;

use crate::killed::Cloud;
use crate::monitoring::shipped;
use crate::process::{Running, finish, http, myhealth, printed};

/// The shell commands of a page.
fn commands(page: &str) -> String {
    let blocks = page.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

fn serve(data: &Path) -> Command {
    let mut serve = myhealth(&["serve", "--roles", "exporter,api", "--web.listen-address", "127.0.0.1:0"]);
    serve.args(["--api.listen-address", "127.0.0.1:0", "--data-dir"]).arg(data);
    serve
}

/// A service over ten days of somebody.
async fn service(folder: &Path) -> Running {
    let cloud = Cloud::start().await;
    let mut sync = cloud.command("sync", folder);
    sync.args(["--from", "2026-03-01", "--to", "2026-03-10"]);
    let synced = finish(sync);
    assert!(synced.status.success(), "{}", printed(&synced));
    Running::start(serve(folder))
}

/// What the commands of a page print.
async fn run(page: &str, serve: &Running, data: &Path, here: &Path) -> String {
    let api = serve.address("api").await;
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_myhealth"), here.join("myhealth")).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-euxo", "pipefail", "-c", &commands(&shipped(page))]).current_dir(here).env_clear();
    shell.env("PATH", format!("{}:/usr/bin:/bin", here.display()));
    shell.env("API", format!("http://{api}")).env("MYHEALTH_DATA_DIR", data);
    let output = finish(shell);
    assert!(output.status.success(), "{}", printed(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn jobs_page_commands_work() {
    let (folder, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let serve = service(folder.path()).await;
    let printed = run("docs/jobs.md", &serve, folder.path(), here.path()).await;
    for expected in ["event: job", "\"state\":\"done\"", "\"jobs\":[{\"id\"", "\"kind\":\"report\""] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    let parquet = std::fs::read(here.path().join("me-points-2026-03-01-2026-03-31.parquet")).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let report = std::fs::read_to_string(here.path().join("march.html")).unwrap();
    assert!(report.contains("<h1>March 2026</h1>"), "{report}");
}

#[tokio::test]
async fn api_page_commands_work() {
    let (folder, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let serve = service(folder.path()).await;
    let api = serve.address("api").await;
    assert!(commands(&shipped("docs/api.md")).matches("curl").count() > 15);
    let printed = run("docs/api.md", &serve, folder.path(), here.path()).await;
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
    let key = folder.path().join("api-key.pem");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "the key is its owner's alone");
}

//! The commands of the documentation, run as a reader would: one shell a page, top to bottom, against the real binary. Those of
//! `docs/api.md` and `docs/jobs.md` on a service, the blocks marked `sh demo` of every page on the demo.

use std::path::Path;
use std::process::Command;

use crate::killed::Cloud;
use crate::monitoring::shipped;
use crate::process::{Running, finish, get, http, myhealth, printed, until};

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

/// The names of the pages in a folder.
fn markdown(folder: &Path) -> Vec<String> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    pages.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The marked blocks of every page, by page.
fn demo_pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut pages = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/install"] {
        pages.extend(markdown(&root.join(folder)).into_iter().map(|name| format!("{folder}/{name}")));
    }
    pages.sort();
    let blocks = |page: &str| {
        let text = shipped(page);
        let blocks = text.split("\n```sh demo\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
        blocks.collect::<Vec<_>>().join("\n")
    };
    let pages = pages.into_iter().map(|page| (blocks(&page), page)).map(|(blocks, page)| (page, blocks));
    pages.filter(|(_, blocks)| !blocks.is_empty()).collect()
}

#[tokio::test]
async fn demo_commands_of_every_page_work() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join(".local/share/myhealth/demo");
    let demo = Running::start(crate::process::service(&["demo", "--since", "2026-01-01"], &data));
    let (web, api) = (demo.address("web").await, demo.address("api").await);
    let metrics = format!("http://{web}/metrics");
    until("the demo's history", async || {
        let body = get(&metrics).await?;
        let read = body.contains("oura_sleep_score") && body.contains("\nmyhealth_sync_backlog_windows 0\n");
        read.then_some(())
    })
    .await;
    let pages = demo_pages();
    let names: Vec<&str> = pages.iter().map(|(page, _)| page.as_str()).collect();
    for page in
        ["README.md", "docs/demo.md", "docs/exporter.md", "docs/exports.md", "docs/faq.md", "docs/trends.md"]
    {
        assert!(names.contains(&page), "{page}: {names:?}");
    }
    for (page, commands) in &pages {
        let here = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_myhealth"), here.path().join("myhealth")).unwrap();
        let commands = commands.replace("127.0.0.1:9872", &web).replace("127.0.0.1:8872", &api);
        let mut shell = Command::new("bash");
        shell.args(["-euxo", "pipefail", "-c", &commands]).current_dir(here.path()).env_clear();
        shell.env("PATH", format!("{}:/usr/bin:/bin", here.path().display())).env("HOME", home.path());
        let output = finish(shell);
        assert!(output.status.success(), "{page}: {}", printed(&output));
        if page == "docs/demo.md" {
            let printed = printed(&output);
            for expected in [
                "nothing wrong found",
                "sleep_duration",
                "# HELP oura_sleep_score",
                "rows are in march.csv",
                "█",
            ] {
                assert!(printed.contains(expected), "{expected}: {printed}");
            }
            assert!(std::fs::read_to_string(here.path().join("march.html")).unwrap().contains("March 2026"));
        }
    }
}

/// A page that shows commands of ours links to the one that explains how to follow along.
#[test]
fn every_page_with_commands_names_the_demo() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs");
    for name in markdown(&docs) {
        // AWS and the packages of a release have no demo.
        if name.starts_with("terraform") || name == "verify.md" {
            continue;
        }
        let text = std::fs::read_to_string(docs.join(&name)).unwrap();
        // Tables, whose commands are advice.
        if text.starts_with("<!-- Generated") {
            continue;
        }
        let has_commands =
            text.contains("\nmyhealth ") || text.contains("`myhealth ") || text.contains("\ncurl ");
        assert!(!has_commands || text.contains("demo.md") || name == "demo.md", "{name}");
    }
}

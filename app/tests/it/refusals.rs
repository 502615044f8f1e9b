//! Wrong configuration ends at once, with a reason, an exit code and nothing half-done.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::process::{Running, finish, http, myhealth, printed};

/// Runs with the words of `line`, in which `{}` is a fresh folder.
fn check(line: &str, code: i32, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let line = line.replace("{}", folder.path().to_str().unwrap());
    let words: Vec<&str> = line.split(' ').collect();
    let output = finish(myhealth(&words));
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(code), "{line}\n{printed}");
    assert!(printed.contains(reason), "{line} should say {reason:?}:\n{printed}");
    assert!(!printed.contains("panicked") && !printed.contains("RUST_BACKTRACE"), "{printed}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(code != 64 || left.is_empty(), "{line} left something behind: {left:?}");
}

#[test]
fn invalid_configuration_is_refused_before_opening_the_database() {
    check("serve --data-dir {}", 64, "--oura-token-file");
    check("serve --data-dir {} --oura-token-file {}/none", 64, "cannot read --oura-token-file");
    check("serve --data-dir {} --oura-token t --oura-url http://api.example", 64, "unencrypted");
    check("serve --data-dir {} --oura-token t --oura-url nonsense", 64, "http(s)");
    check(
        "serve --data-dir {} --oura-token t --history-from 0024-01-01",
        64,
        "outside 2000-01-01 to 2199-12-31",
    );
    check("serve --data-dir {} --oura-token t --history-from 2026-02-30", 64, "write it as YYYY-MM-DD");
    check("serve --data-dir {} --oura-token t --person a@b.c", 64, "a person's name here is");
    check("serve --data-dir {} --oura-token t --time-zone Mars/Base", 64, "IANA");
    check("serve --data-dir {} --oura-token t --log.level =x=", 64, "--log.level");
    check("serve --data-dir {} --oura-token t --otlp.endpoint nonsense", 64, "--otlp.endpoint");
    check(
        "serve --roles exporter --database-url mysql://root:hunter2@db/x",
        64,
        "mysql is no database this build knows",
    );
    check("serve --roles exporter --database-url-file {}/none", 64, "--database-url-file");
    check("sync --data-dir {} --oura-token t --from 2026-02-01 --to 2026-01-01", 64, "swap the two");
    check("sync --data-dir {} --oura-token t --to 2026-01-01", 64, "--from");
    let webhook = "--webhook.callback-url https://health.example.org/oura";
    check(&format!("serve --data-dir {{}} --oura-token t {webhook}"), 64, "--oura-client-id");
    check(
        &format!("serve --data-dir {{}} --oura-token t --oura-client-id a {webhook}"),
        64,
        "--oura-client-secret-file is not",
    );
    check(
        &format!("serve --data-dir {{}} --oura-token t --oura-client-secret-file {{}}/none {webhook}"),
        64,
        "cannot read --oura-client-secret-file",
    );
    check(
        "serve --data-dir {} --oura-token t --webhook.callback-url http://health.example.org",
        64,
        "https://NAME",
    );
    check("webhook list", 64, "--oura-client-id");
    check("webhook delete --oura-client-id a --oura-client-secret b", 64, "--all");
    check("healthcheck nonsense", 64, "http://127.0.0.1:9872/-/ready");
    check("healthcheck https://127.0.0.1:1/-/ready", 64, "--insecure");
    check("healthcheck https://127.0.0.1:1/-/ready --ca {}/none", 64, "--ca");
    check("fly", 64, "fly");
}

/// Values that are refused, under the former name of each variable: what is refused has been read.
#[test]
fn former_names_of_variables_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for (command, name, value, reason) in [
        ("serve", "MYHEALTH_ONLY", "kitchen", "'kitchen' for '--roles"),
        ("serve", "MYHEALTH_INTERVAL_SECONDS", "1", "'1' for '--interval"),
        ("serve", "MYHEALTH_TRAILING_DAYS", "1", "'1' for '--resync-days"),
        ("login", "MYHEALTH_SECRET_KEY", "short", "--encryption-key"),
        ("login", "MYHEALTH_SECRET_KEY_FILE", "/none", "/none"),
        ("login", "MYHEALTH_PREVIOUS_SECRET_KEY_FILE", "/none", "/none"),
    ] {
        let words = ["--oura-client-id", "a", "--oura-client-secret", "b"];
        let mut command = myhealth(&[&[command], words.as_slice()].concat());
        if name.contains("PREVIOUS") {
            command.env("MYHEALTH_ENCRYPTION_KEY", "ab".repeat(32));
        }
        let output = finish({
            command.arg("--data-dir").arg(folder.path()).env(name, value);
            command
        });
        assert_eq!(output.status.code(), Some(64), "{name}: {}", printed(&output));
        assert!(printed(&output).contains(reason), "{name}: {}", printed(&output));
    }
}

#[test]
fn missing_file_or_server_fails_the_start() {
    check(
        "serve --roles exporter --database-url postgres://nobody:hunter2@127.0.0.1:1/none",
        1,
        "the database is unavailable",
    );
    check("healthcheck http://127.0.0.1:1/-/ready", 1, "does not answer");
    check(
        "sync --data-dir {} --oura-token t --oura-url http://127.0.0.1:1 --from 2026-01-01 --to 2026-01-02",
        1,
        "cannot be reached",
    );
}

#[test]
fn errors_do_not_repeat_passwords() {
    for url in [
        "mysql://root:hunter2@db/x",
        "postgres://nobody:hunter2@127.0.0.1:1/none",
        "postgres://u:hunter2@[::1/x",
    ] {
        let output = finish(myhealth(&["serve", "--roles", "api", "--database-url", url]));
        assert!(!printed(&output).contains("hunter2"), "{}", printed(&output));
    }
}

#[test]
fn unwritable_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("data");
    let output = finish(myhealth(&["serve", "--oura-token", "t", "--data-dir", inside.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(64));
    assert!(
        printed(&output).contains(inside.to_str().unwrap()) && printed(&output).contains("--data-dir"),
        "{}",
        printed(&output)
    );
}

#[test]
fn port_in_use_is_named_and_data_stay_intact() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let words = ["serve", "--roles", "exporter", "--web.listen-address", &address, "--data-dir"];
    let output = finish(myhealth(&[words.as_slice(), &[folder.path().to_str().unwrap()]].concat()));
    assert_eq!(output.status.code(), Some(1));
    let printed = printed(&output);
    assert!(printed.contains(&address) && printed.contains("--web.listen-address"), "{printed}");
    assert!(Path::exists(&folder.path().join("myhealth.db")));
}

#[tokio::test]
async fn host_name_that_is_not_allowed_is_misdirected() {
    only_the_allowed_host_is_answered(|serve| serve.args(["--web.allowed-hosts", "health.example.org"]))
        .await;
    only_the_allowed_host_is_answered(|serve| serve.env("MYHEALTH_WEB_ALLOWED_HOSTS", "health.example.org"))
        .await;
    only_the_allowed_host_is_answered(|serve| serve.env("MYHEALTH_WEB_HOST", "health.example.org")).await;
}

async fn only_the_allowed_host_is_answered(allow: fn(&mut Command) -> &mut Command) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = myhealth(&["serve", "--roles", "exporter,api"]);
    allow(&mut command);
    command.args([
        "--web.listen-address",
        "127.0.0.1:0",
        "--api.listen-address",
        "127.0.0.1:0",
        "--data-dir",
    ]);
    let running = Running::start({
        command.arg(folder.path());
        command
    });
    let urls = [
        format!("http://{}/metrics", running.address("web").await),
        format!("http://{}/api/v1/people", running.address("api").await),
    ];
    for url in urls {
        for (host, status) in [("evil.example", 421), ("health.example.org", 200), ("localhost", 200)] {
            let response = http().get(&url).header("host", host).send().await.unwrap();
            assert_eq!(response.status(), status, "{host} {url}");
        }
    }
}

#[tokio::test]
async fn serve_with_pending_migrations_does_not_start() {
    let url = store::testing::empty_database_url().await;
    let serve = || {
        finish(myhealth(&[
            "serve",
            "--roles",
            "exporter",
            "--web.listen-address",
            "127.0.0.1:0",
            "--database-url",
            &url,
        ]))
    };
    let output = serve();
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("run `myhealth migrate` first"), "{}", printed(&output));
    let output = finish(myhealth(&["migrate", "--database-url", &url]));
    assert!(printed(&output).contains("applied first schema"), "{}", printed(&output));
    let output = finish(myhealth(&["migrate", "--database-url", &url]));
    assert!(printed(&output).contains("is up to date"), "{}", printed(&output));
}

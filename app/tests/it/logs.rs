//! What a service logs, and what it prints where no person reads.

use std::path::Path;

use crate::process::{Running, finish, get, myhealth, printed, service, started, until};

fn serve(folder: &Path, words: &[&str]) -> Running {
    let mut command = service(&["serve", "--roles", "exporter,api"], folder);
    command.args(words);
    Running::start(command)
}

#[tokio::test]
async fn start_is_one_line_and_nothing_is_printed_without_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = serve(folder.path(), &[]);
    let api = running.address("api").await;
    assert!(get(&format!("http://{api}/api/v1/health")).await.is_some());
    running.signal("-TERM");
    assert!(running.ended().await.success());
    let output = running.output();
    for (field, value) in
        [("version", env!("CARGO_PKG_VERSION")), ("roles", "exporter"), ("database", "sqlite")]
    {
        let logged = started(&output, field).unwrap();
        assert_eq!(logged, value, "{field}: {output}");
    }
    // The request is no line of its own, and an empty value is left out.
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 2, "the start and the stop: {output}");
    assert!(lines[1].contains("delay_ms=0") && !output.contains("webhooks"), "{output}");
}

#[tokio::test]
async fn request_is_logged_at_debug_with_its_duration() {
    let folder = tempfile::tempdir().unwrap();
    let running = serve(folder.path(), &["-v"]);
    let api = running.address("api").await;
    assert!(get(&format!("http://{api}/api/v1/health")).await.is_some());
    until("the line of the request", async || {
        let output = running.output();
        let line = output.lines().find(|line| line.contains("request served"))?;
        (line.contains("status=200") && line.contains("duration_ms=")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn log_of_json_has_nothing_else_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        service(&["demo", "--since", "2026-01-01", "--log.format", "json", "-v"], folder.path());
    command.env("MYHEALTH_WEB_LISTEN_ADRESS", ":9872");
    let mut running = Running::start(command);
    let web = running.address("web").await;
    assert!(get(&format!("http://{web}/-/healthy")).await.is_some());
    running.signal("-TERM");
    running.ended().await;
    let output = running.output();
    let lines: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let unknown = lines.iter().find(|line| line["variable"] == "MYHEALTH_WEB_LISTEN_ADRESS").unwrap();
    assert_eq!(unknown["did_you_mean"], "MYHEALTH_WEB_LISTEN_ADDRESS");
    let demo =
        lines.iter().find(|line| line["message"].as_str().unwrap_or_default().starts_with("demo")).unwrap();
    assert!(demo["command"].as_str().unwrap().contains("--data-dir"), "{demo}");

    let mut refused = service(&["serve", "--roles", "exporter", "--log.format", "json"], folder.path());
    refused.args(["--database-url", "postgres://nobody@127.0.0.1:1/none"]);
    let output = printed(&finish(refused));
    let last: serde_json::Value = serde_json::from_str(output.trim()).unwrap();
    assert_eq!(last["message"], "stopped");
}

#[test]
fn unknown_level_and_mistyped_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "web.listen-adress = ':9872'\n").unwrap();
    let file = file.to_str().unwrap();
    for (words, expected) in [
        (vec!["serve", "--log.level", "inof"], "no level is called"),
        (vec!["serve", "--config.file", file], "did you mean web.listen-address?"),
        (vec!["serve", "--config.file", "/none"], "cannot read --config.file /none"),
        (vec!["status", "-v", "-q"], "cannot be used with"),
    ] {
        let output = finish(myhealth(&words));
        assert_eq!(output.status.code(), Some(64), "{words:?}");
        assert!(printed(&output).contains(expected), "{words:?}: {}", printed(&output));
    }
}

#[test]
fn settings_are_shown_with_their_source() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(
        &file,
        "workers = 2\noura-client-secret = 'hunter2'\n[web]\nlisten-address = [':1', ':2']\n",
    )
    .unwrap();
    let mut command = myhealth(&["config", "show", "--interval", "15m", "--json"]);
    command.env("MYHEALTH_CONFIG_FILE", &file).env("MYHEALTH_OURA_CLIENT_ID", "abc");
    let output = finish(command);
    assert!(output.status.success() && !printed(&output).contains("hunter2"), "{}", printed(&output));
    let settings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let find = |key: &str| {
        let setting = settings.iter().find(|setting| setting["key"] == key).unwrap();
        (setting["value"].as_str().unwrap(), setting["source"].as_str().unwrap())
    };
    assert_eq!(find("interval"), ("15m", "flag"));
    assert_eq!(find("oura-client-id"), ("abc", "environment"));
    assert_eq!(find("workers"), ("2", "file"));
    assert_eq!(find("oura-client-secret"), ("set", "file"));
    assert_eq!(find("web.listen-address"), (":1,:2", "file"));
    assert_eq!(find("resync-days"), ("7", "default"));
}

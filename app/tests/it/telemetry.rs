//! What the process says about itself: traces arrive, secrets and health values do not.

use std::sync::{Arc, Mutex};

use crate::killed::{Cloud, TOKEN, secrets};
use crate::process::{finish, printed};

/// A collector that keeps what it is sent.
pub(crate) fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let keep = received.clone();
    let router = axum::Router::new().route(
        "/v1/traces",
        axum::routing::post(move |body: axum::body::Bytes| async move {
            keep.lock().unwrap().extend_from_slice(&body);
        }),
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    (address, received)
}

#[tokio::test]
async fn traces_are_flushed_before_exit() {
    let (address, received) = collector();
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = cloud.command("sync", folder.path());
    command.args(["--otlp.endpoint", &address, "--from", "2026-03-01", "--to", "2026-03-10"]);
    let output = finish(command);
    assert!(output.status.success(), "{}", printed(&output));
    let received = String::from_utf8_lossy(&received.lock().unwrap()).into_owned();
    for name in ["sync.pass", "oura.window", "db.document.apply", "myhealth", "daily_sleep"] {
        assert!(received.contains(name), "{name} is missing");
    }
}

#[tokio::test]
async fn trace_log_has_no_secrets_or_health_values() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let (address, sent) = collector();
    let mut command = crate::process::myhealth(&["sync", "--oura-url", &cloud.address()]);
    command.arg("--data-dir").arg(folder.path()).arg("--oura-token-file").arg(&token);
    command.args([
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-10",
        "--log.level",
        "trace",
        "--log.format",
        "json",
    ]);
    command.args(["--otlp.endpoint", &address]);
    let output = finish(command);
    let printed = printed(&output);
    assert!(output.status.success(), "{printed}");
    let sent = String::from_utf8_lossy(&sent.lock().unwrap()).into_owned();
    assert!(printed.contains("oura.window") && sent.contains("oura.window"), "logs and traces have spans");
    let fields = ["contributors", "bpm\\\"", "sleep_phase_5_min\\\"", "bedtime_start\\\""].map(str::to_owned);
    for secret in secrets().into_iter().chain(fields).chain([TOKEN.to_owned()]) {
        assert!(!holds(&printed, &secret), "the log holds {secret:?}");
        assert!(!holds(&sent, &secret), "a trace holds {secret:?}");
    }
}

/// Whether a text holds a word or number that is not part of a longer one.
fn holds(text: &str, word: &str) -> bool {
    let bounded = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.');
    text.match_indices(word).any(|(at, _)| {
        bounded(text[..at].chars().next_back()) && bounded(text[at + word.len()..].chars().next())
    })
}

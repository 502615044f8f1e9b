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
    for name in ["sync.run", "oura.window", "db.document.apply", "myhealth", "daily_sleep"] {
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

#[tokio::test]
async fn request_with_a_traceparent_joins_the_clients_trace() {
    const TRACE: [u8; 16] = *b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36";
    const PARENT: [u8; 8] = *b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7";
    let (address, received) = collector();
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::process::service(&["serve", "--only", "api"], folder.path());
    command.args(["--otlp.endpoint", &address]);
    command.env("OTEL_SERVICE_NAME", "health").env("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=one");
    let mut running = crate::process::Running::start(command);
    let api = running.address("api").await;
    let ask = async |header: &str| {
        let request = crate::process::http().get(format!("http://{api}/api/v1/people"));
        request.header("traceparent", header).send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").await, 200);
    // Nonsense is no reason to refuse a request, and begins a trace of its own.
    for header in ["", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff"] {
        assert_eq!(ask(header).await, 200, "{header}");
    }
    running.signal("-TERM");
    running.ended().await;
    let received = received.lock().unwrap();
    let holds = |bytes: &[u8]| received.windows(bytes.len()).filter(|window| *window == bytes).count();
    assert!(holds(&TRACE) >= 3, "the spans of the listener, the API and the store are in the client's trace");
    assert!(holds(b"select person") >= 1, "statements are named");
    for attribute in [&b"service.name\x12\x08\x0a\x06health"[..], b"service.instance.id", b"service.version"]
    {
        assert!(holds(attribute) >= 1, "{}", String::from_utf8_lossy(attribute));
    }
    assert_eq!(holds(&PARENT), 1, "one span is the child of the client's");
    assert!(holds(b"http.request") >= 5, "every request is traced");
}

/// Whether a text holds a word or number that is not part of a longer one.
fn holds(text: &str, word: &str) -> bool {
    let bounded = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.');
    text.match_indices(word).any(|(at, _)| {
        bounded(text[..at].chars().next_back()) && bounded(text[at + word.len()..].chars().next())
    })
}

//! What is served between SIGTERM and the end.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{Running, http, service, until};

/// Gauges and API of an empty database, on loopback, with this delay.
async fn start(delay: &str, folder: &std::path::Path) -> (Running, [String; 3]) {
    let running =
        Running::start(service(&["serve", "--roles", "exporter,api", "--shutdown.delay", delay], folder));
    let (web, api) = (running.address("web").await, running.address("api").await);
    let urls = [
        format!("http://{web}/-/ready"),
        format!("http://{web}/metrics"),
        format!("http://{api}/api/v1/people"),
    ];
    let client = http();
    until("readiness", async || (status(&client, &urls[0]).await == StatusCode::OK).then_some(())).await;
    (running, urls)
}

async fn status(client: &reqwest::Client, url: &str) -> StatusCode {
    client.get(url).send().await.unwrap().status()
}

#[tokio::test]
async fn requests_during_the_shutdown_delay_succeed_while_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, [ready, gauges, people]) = start("1h", folder.path()).await;
    let before = http();
    for url in [&gauges, &people] {
        assert_eq!(status(&before, url).await, StatusCode::OK, "{url}");
    }
    // A request that is half sent when the signal comes.
    let host = gauges.trim_start_matches("http://").trim_end_matches("/metrics");
    let mut in_flight = TcpStream::connect(host).await.unwrap();
    in_flight.write_all(format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\n").as_bytes()).await.unwrap();

    running.signal("-TERM");
    until("not ready", async || {
        (status(&before, &ready).await == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;

    in_flight.write_all(b"connection: close\r\n\r\n").await.unwrap();
    let mut response = String::new();
    in_flight.read_to_string(&mut response).await.unwrap();
    assert!(
        response.starts_with("HTTP/1.1 200 OK\r\n") && response.contains("myhealth_build_info"),
        "{response}"
    );
    // On the connections that were open, and on new ones.
    for client in [before, http()] {
        for url in [&gauges, &people] {
            assert_eq!(status(&client, url).await, StatusCode::OK, "{url}");
        }
        assert_eq!(status(&client, &ready).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    running.signal("-TERM");
    assert_eq!(running.ended().await.code(), Some(1), "a second signal ends the delay at once");
}

#[tokio::test]
async fn process_ends_by_itself_after_the_shutdown_delay() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, _) = start("500ms", folder.path()).await;
    running.signal("-TERM");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.output());
    assert!(running.output().contains("delay_ms=500"), "{}", running.output());
}

#[tokio::test]
async fn interrupt_from_the_terminal_has_no_shutdown_delay() {
    let folder = tempfile::tempdir().unwrap();
    let (mut running, _) = start("1h", folder.path()).await;
    running.signal("-INT");
    assert_eq!(running.ended().await.code(), Some(0), "{}", running.output());
}

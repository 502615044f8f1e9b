//! Connections: what a client may take, and that others get in.

mod encrypted;
mod extension;
mod web_config;

use std::io::ErrorKind;
use std::net::SocketAddr;

use axum::routing::{get, post};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// Limits short enough to be reached, long enough for a request on a busy machine.
fn limits() -> Limits {
    let short = Duration::from_millis(300);
    Limits { connections: 4, handshake: short, head: short, read: short }
}

struct Running {
    address: SocketAddr,
    metrics: Registry,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn start(file: Option<&std::path::Path>, limits: Limits) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, jiff::Timestamp::UNIX_EPOCH);
        let web = Arc::new(WebConfig::new(file.map(Into::into), None, metrics).unwrap());
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/-/healthy", get(async || "healthy"))
            .route("/length", post(async |body: axum::body::Bytes| body.len().to_string()))
            .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let stop = CancellationToken::new();
        let listener = Listener { router, fast_path: None, web, limits, proxies: Arc::default() };
        let serving = tokio::spawn(listener.serve(socket.into(), stop.clone()));
        Self { address, metrics: registry, stop, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The status line and the rest of an answer to one request.
    async fn ask(&self, path: &str, headers: &str) -> String {
        let mut stream = self.connect().await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        // A client that is refused early may find the connection closed while it writes or reads; only the part that was read is compared.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        text
    }
}

/// Reads until the other side ends the connection.
async fn ends(mut stream: TcpStream) {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest).await {
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    }
}

#[tokio::test]
async fn client_that_does_not_finish_its_request_is_disconnected() {
    let running = Running::start(None, limits()).await;
    let silent = running.connect().await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-A").await.unwrap();
    ends(silent).await;
    ends(slow).await;
    assert!(running.ask("/", "").await.ends_with("hello"));
}

#[tokio::test]
async fn client_that_does_not_read_the_response_is_disconnected() {
    let running = Running::start(None, limits()).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // All is well once the server has ended the connection without having sent everything.
    running.stop.cancel();
    running.serving.await.unwrap();
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    assert!(received.len() < 64 * 1024 * 1024, "{} bytes", received.len());
}

#[tokio::test]
async fn idle_connections_do_not_block_new_clients() {
    let long = Limits { head: Duration::from_hours(1), ..limits() };
    let running = Running::start(None, long).await;
    let mut crowd = Vec::new();
    for _ in 0..50 {
        crowd.push(running.connect().await);
    }
    assert!(running.ask("/", "").await.ends_with("hello"));
    assert!(
        running.metrics().contains("web_refused_total{reason=\"connections\"} 47"),
        "{}",
        running.metrics()
    );
}

/// Repeats a request until it is answered: the seat for it is freed asynchronously.
async fn newcomer_gets_in(running: &Running) {
    let asked = async { while !running.ask("/", "").await.ends_with("hello") {} };
    tokio::time::timeout(Duration::from_mins(1), asked).await.expect("a newcomer gets in");
}

fn patient() -> Limits {
    let long = Duration::from_hours(1);
    Limits { handshake: long, head: long, read: long, ..limits() }
}

#[tokio::test]
async fn connections_that_asked_once_keep_no_newcomer_out() {
    let running = Running::start(None, patient()).await;
    let mut crowd = Vec::new();
    for _ in 0..4 {
        let mut stream = running.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].ends_with(b"hello"));
        crowd.push(stream);
    }
    newcomer_gets_in(&running).await;
    ends(crowd.remove(0)).await;
    let mut kept = crowd.pop().unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    kept.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "the longest idle went, not the last");
}

#[tokio::test]
async fn bodies_that_never_come_keep_no_newcomer_out() {
    let running = Running::start(None, patient()).await;
    let mut crowd = Vec::new();
    for _ in 0..4 {
        let mut stream = running.connect().await;
        stream.write_all(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1").await.unwrap();
        crowd.push(stream);
    }
    newcomer_gets_in(&running).await;
}

#[tokio::test]
async fn readers_that_never_read_keep_no_newcomer_out() {
    let running = Running::start(None, patient()).await;
    let mut crowd = Vec::new();
    for _ in 0..4 {
        let mut stream = running.connect().await;
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        crowd.push(stream);
    }
    newcomer_gets_in(&running).await;
}

#[tokio::test]
async fn handshakes_that_never_end_keep_no_newcomer_out() {
    let ca = encrypted::Authority::new();
    let running = Running::start(Some(&ca.file("")), patient()).await;
    let mut crowd = Vec::new();
    for _ in 0..4 {
        let mut stream = running.connect().await;
        stream.write_all(b"\x16\x03\x01").await.unwrap();
        crowd.push(stream);
    }
    let client = ca.client(None, encrypted::BOTH);
    assert!(encrypted::greet(running.address, client).await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn request_with_a_body_is_answered() {
    let running = Running::start(None, limits()).await;
    let mut stream = running.connect().await;
    let head = "POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    stream
        .write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").as_bytes())
        .await
        .unwrap();
    stream.write_all(b"2\r\nde\r\n0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with('5'), "{answer}");
}

#[tokio::test]
async fn bytes_that_are_not_http_are_refused() {
    let running = Running::start(None, limits()).await;
    for nonsense in [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), b"GET\r\n\r\n", &[0; 100]] {
        let mut stream = running.connect().await;
        stream.write_all(nonsense).await.unwrap();
        ends(stream).await;
    }
    let long = format!("/?{}", "x".repeat(2 * HEAD));
    assert!(running.ask(&long, "").await.starts_with("HTTP/1.1 4"), "a head that is too long");
    let many = "X-A: 1\r\n".repeat(200);
    assert!(running.ask("/", &many).await.starts_with("HTTP/1.1 4"), "too many headers");
    assert!(running.ask("/", "").await.ends_with("hello"));
}

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
        let web = Arc::new(WebConfig::new(file.map(Into::into), metrics).unwrap());
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/-/healthy", get(async || "healthy"))
            .route("/length", post(async |body: axum::body::Bytes| body.len().to_string()))
            .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let stop = CancellationToken::new();
        let listener = Listener { router, shortcut: None, web, limits, proxies: Arc::default() };
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
        // Who is refused early may find the connection gone while he writes or reads; what came is what counts.
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

/// Asks until an answer comes, for what makes room for it happens a moment later.
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

fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// `ann` with the password `secret`, cost 4.
fn ann() -> String {
    format!("basic_auth_users: {{ann: '{}'}}\n", bcrypt::hash("secret", 4).unwrap())
}

#[tokio::test]
async fn listener_with_users_requires_a_password() {
    let (_folder, path) = file(&ann());
    let running = Running::start(Some(&path), limits()).await;
    let check = async |headers: &str, status: &str| {
        let answer = running.ask("/", headers).await;
        assert!(answer.starts_with(status), "{headers:?}: {answer}");
        assert_eq!(answer.contains("hello"), status.contains("200"), "{answer}");
    };
    check("", "HTTP/1.1 401").await;
    // ann:secret, twice: the second time from memory.
    check("Authorization: Basic YW5uOnNlY3JldA==\r\n", "HTTP/1.1 200").await;
    check("authorization: basic YW5uOnNlY3JldA==\r\n", "HTTP/1.1 200").await;
    // ann:Secret, eve:secret, ann:, no colon, no base64, another scheme.
    check("Authorization: Basic YW5uOlNlY3JldA==\r\n", "HTTP/1.1 401").await;
    check("Authorization: Basic ZXZlOnNlY3JldA==\r\n", "HTTP/1.1 401").await;
    check("Authorization: Basic YW5uOg==\r\n", "HTTP/1.1 401").await;
    check("Authorization: Basic YW5u\r\n", "HTTP/1.1 401").await;
    check("Authorization: Basic %%%\r\n", "HTTP/1.1 401").await;
    check("Authorization: Bearer YW5uOnNlY3JldA==\r\n", "HTTP/1.1 401").await;
    assert!(running.ask("/-/healthy", "").await.ends_with("healthy"), "probes need no password");
    assert!(running.metrics().contains("web_refused_total{reason=\"password\"} 6"), "{}", running.metrics());
}

#[tokio::test]
async fn web_config_sets_headers_and_rate() {
    let headers =
        "http_server_config: {headers: {X-Frame-Options: deny, Strict-Transport-Security: max-age=60}}\n";
    let (_folder, path) = file(&format!("{headers}rate_limit: {{interval: 1h, burst: 2}}\n"));
    let running = Running::start(Some(&path), limits()).await;
    let answer = running.ask("/", "").await.to_ascii_lowercase();
    assert!(
        answer.contains("x-frame-options: deny") && answer.contains("strict-transport-security: max-age=60")
    );
    assert!(running.ask("/", "").await.starts_with("HTTP/1.1 200"));
    assert!(running.ask("/", "").await.starts_with("HTTP/1.1 429"), "the third of two");
}

#[tokio::test]
async fn web_config_mistake_keeps_the_previous_rules() {
    let (_folder, path) = file(&ann());
    let mut registry = Registry::default();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let metrics = Metrics::register(&mut registry, now);
    let web = WebConfig::new(Some(path.clone()), metrics).unwrap();
    let request = || hyper::Request::get("/").body(()).unwrap();
    assert!(web.rules().admit(&mut request(), Client::Unknown, &web).await.is_err());
    for broken in
        ["basic_auth_users: {ann: secret}", "tls_server_config: {cert_file: none}", "a: [", "\u{0}", "x: 1"]
    {
        std::fs::write(&path, broken).unwrap();
        assert!(web.reload(now).await.is_err(), "{broken}");
        assert!(
            web.rules().admit(&mut request(), Client::Unknown, &web).await.is_err(),
            "{broken} opened the door"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(web.reload(now).await.is_err());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("config_reload_failures_total 6") && text.contains("successful 0"), "{text}");
    std::fs::write(&path, "# nobody\n").unwrap();
    assert!(web.reload(now).await.is_ok());
    assert!(web.rules().admit(&mut request(), Client::Unknown, &web).await.is_ok());
}

#[test]
fn web_config_mistakes_are_named_without_secrets() {
    let check = |text: &str, expected: &str| {
        let (_folder, path) = file(text);
        let error = rules::Rules::read(&path).err().unwrap_or_else(|| panic!("{text} is refused"));
        let said = store::causes(&error);
        assert!(said.contains(expected), "{text}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    };
    check("tls_server_config: {}", "TLS needs a certificate");
    check("tls_server_config: {cert: hunter2}", "TLS needs a private key");
    check("tls_server_config: {cert: hunter2, key: hunter2}", "no certificate");
    check("tls_server_config: {cert: x, cert_file: y}", "not both");
    check("tls_server_config: {cert_file: none, key: x}", "none");
    check("tls_server_config: {certfile: x}", "format");
    check("basic_auth_users: {ann: hunter2}", "basic_auth_users.ann");
    check("basic_auth_users: [hunter2]", "format");
    check("http_server_config: {headers: {X-Mine: x}}", "cannot be set");
    check("http_server_config: {headers: {X-Frame-Options: always}}", "deny or sameorigin");
    check("rate_limit: {interval: soon}", "rate_limit.interval");
    check("key: hunter2\n  bad: [", "format");
}

mod encrypted {
    use std::path::Path;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    use super::*;

    /// A CA, a certificate of the server, and clients' by their names; all in PEM.
    pub(super) struct Authority {
        ca: CertifiedIssuer<'static, KeyPair>,
        folder: tempfile::TempDir,
    }

    impl Authority {
        pub(super) fn new() -> Self {
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
            let new = Self { ca, folder };
            let (cert, key) = new.issue("localhost");
            std::fs::write(new.folder.path().join("cert.pem"), cert).unwrap();
            std::fs::write(new.folder.path().join("key.pem"), key).unwrap();
            new
        }

        fn issue(&self, name: &str) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let issuer: &Issuer<'_, KeyPair> = &self.ca;
            let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
            (cert.pem(), key.serialize_pem())
        }

        pub(super) fn file(&self, more: &str) -> std::path::PathBuf {
            let path = self.folder.path().join("web.yml");
            let text = format!("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n{more}");
            std::fs::write(&path, text).unwrap();
            path
        }

        pub(super) fn client(
            &self,
            certificate: Option<(String, String)>,
            versions: &[&'static rustls::SupportedProtocolVersion],
        ) -> TlsConnector {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.ca.pem().as_bytes()).unwrap()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config =
                ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
            let config = config.with_root_certificates(roots);
            let config = match certificate {
                None => config.with_no_client_auth(),
                Some((cert, key)) => {
                    let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
                    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                    config.with_client_auth_cert(vec![cert], key).unwrap()
                }
            };
            Arc::new(config).into()
        }
    }

    pub(super) const BOTH: &[&rustls::SupportedProtocolVersion] =
        &[&rustls::version::TLS13, &rustls::version::TLS12];

    pub(super) async fn greet(address: SocketAddr, client: TlsConnector) -> std::io::Result<String> {
        let stream = TcpStream::connect(address).await?;
        let mut stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    async fn check(authority: &Authority, path: &Path, clients: &[(TlsConnector, bool)]) {
        let running = Running::start(Some(path), Limits::default()).await;
        for (i, (client, expected)) in clients.iter().enumerate() {
            let answer = greet(running.address, client.clone()).await;
            let served = answer.as_ref().is_ok_and(|answer| answer.ends_with("hello"));
            assert_eq!(served, *expected, "client {i} in {}: {answer:?}", authority.folder.path().display());
        }
        let plain = running.ask("/", "").await;
        assert!(!plain.contains("hello"), "{plain}");
    }

    #[tokio::test]
    async fn tls_12_and_13_are_enabled_by_default() {
        let ca = Authority::new();
        let (new, old) = (ca.client(None, &BOTH[..1]), ca.client(None, &BOTH[1..]));
        check(&ca, &ca.file(""), &[(new.clone(), true), (old.clone(), true)]).await;
        check(&ca, &ca.file("  min_version: TLS13\n"), &[(new.clone(), true), (old.clone(), false)]).await;
        check(&ca, &ca.file("  max_version: TLS12\n"), &[(new.clone(), false), (old.clone(), true)]).await;
        let suites =
            "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256]\n";
        check(&ca, &ca.file(suites), &[(new.clone(), true), (old.clone(), true)]).await;
        let other = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n";
        check(&ca, &ca.file(other), &[(old, false)]).await;
    }

    #[tokio::test]
    async fn client_certificates_are_verified() {
        let (ca, stranger) = (Authority::new(), Authority::new());
        let foreign = ca.client(Some(stranger.issue("prometheus")), BOTH);
        let (known, none) = (ca.client(Some(ca.issue("prometheus")), BOTH), ca.client(None, BOTH));
        let required = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
        check(&ca, &ca.file(required), &[(known.clone(), true), (none.clone(), false), (foreign, false)])
            .await;
        let given = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n";
        check(&ca, &ca.file(given), &[(known.clone(), true), (none, true)]).await;
        let named = format!("{required}  client_allowed_sans: [other, prometheus]\n");
        check(
            &ca,
            &ca.file(&named),
            &[(known.clone(), true), (ca.client(Some(ca.issue("eve")), BOTH), false)],
        )
        .await;
    }

    #[test]
    fn web_config_with_unsupported_settings_is_refused() {
        let ca = Authority::new();
        let check = |more: &str, expected: &str| {
            let error =
                rules::Rules::read(&ca.file(more)).err().unwrap_or_else(|| panic!("{more} is refused"));
            assert!(store::causes(&error).contains(expected), "{more}: {error}");
        };
        check("  min_version: TLS10\n", "TLS12 or TLS13");
        check("  min_version: TLS13\n  max_version: TLS12\n", "newer than max_version");
        check("  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", "is not offered");
        check("  curve_preferences: [CurveP521]\n", "is not offered");
        check("  client_auth_type: RequireAnyClientCert\n", "prove nothing");
        check("  client_auth_type: RequireAndVerifyClientCert\n", "client_ca_file");
        check("  client_auth_type: Maybe\n", "RequireAndVerifyClientCert");
        check("  client_ca_file: ca.pem\n", "RequireAndVerifyClientCert");
        check(
            "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n  client_allowed_sans: [a@b.c]\n",
            "mail",
        );
    }
}

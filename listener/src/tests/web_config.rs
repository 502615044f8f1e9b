//! The file of a listener: what it sets, and what happens when it is wrong.

use super::*;

/// An error with what caused it.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

pub(super) fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
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
    let web = WebConfig::new(Some(path.clone()), None, metrics).unwrap();
    let request = || hyper::Request::get("/").body(()).unwrap();
    assert!(web.rules().admit(&mut request(), Client::Unknown, &web).await.is_err());
    for broken in
        ["basic_auth_users: {ann: secret}", "tls_server_config: {cert_file: none}", "a: [", "\u{0}", "x: 1"]
    {
        std::fs::write(&path, broken).unwrap();
        assert!(web.reload(now).await.is_err(), "{broken}");
        assert!(
            web.rules().admit(&mut request(), Client::Unknown, &web).await.is_err(),
            "{broken} opened the listener"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(web.reload(now).await.is_err());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("config_reload_failures_total 6") && text.contains("successful 0"), "{text}");
    std::fs::write(&path, "# empty\n").unwrap();
    assert!(web.reload(now).await.is_ok());
    assert!(web.rules().admit(&mut request(), Client::Unknown, &web).await.is_ok());
}

#[test]
fn web_config_mistakes_are_named_without_secrets() {
    let check = |text: &str, expected: &str| {
        let (_folder, path) = file(text);
        let error = rules::Rules::read(&path, None).err().unwrap_or_else(|| panic!("{text} is refused"));
        let message = causes(&error);
        assert!(message.contains(expected), "{text}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    };
    check("tls_server_config: {}", "TLS needs a certificate");
    check("tls_server_config: {cert: hunter2}", "TLS needs a private key");
    check("tls_server_config: {cert: hunter2, key: hunter2}", "no certificate");
    check("tls_server_config: {cert: x, cert_file: y}", "not both");
    check("tls_server_config: {cert_file: none, key: x}", "none");
    check("tls_server_config: {certfile: x}", "unknown key certfile; did you mean cert_file?");
    check("basic_auth_users: {ann: hunter2}", "basic_auth_users.ann");
    check("basic_auth_users: [hunter2]", "format");
    check("http_server_config: {headers: {X-Mine: x}}", "cannot be set");
    check("http_server_config: {headers: {X-Frame-Options: always}}", "deny or sameorigin");
    check("rate_limit: {interval: soon}", "rate_limit.interval");
    check("key: hunter2\n  bad: [", "format");
}

//! The cluster that `cargo xtask cluster` started: commands, objects, requests, waiting.

#![expect(clippy::disallowed_methods, reason = "`cargo xtask cluster` names programs and files in variables")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for anything, on machines that do other work too.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(5);

pub(crate) fn variable(name: &str) -> PathBuf {
    let value =
        std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask cluster`"));
    value.into()
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub(crate) fn chart() -> PathBuf {
    repository().join("helm/myhealth")
}

/// A file among the certificates of the cluster.
pub(crate) fn key(name: &str) -> String {
    fs::read_to_string(variable("MYHEALTH_TEST_KEYS").join(name)).unwrap()
}

/// A folder that is removed with the cluster at the latest.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(variable("KUBECONFIG").parent().unwrap()).unwrap()
}

pub(crate) fn kubectl(line: &str) -> Command {
    let mut kubectl = Command::new(variable("MYHEALTH_TEST_KUBECTL"));
    kubectl.args(line.split_whitespace());
    kubectl
}

/// A version of Helm: 3 or 4.
pub(crate) fn helm(version: u8) -> Command {
    Command::new(variable(if version == 3 { "MYHEALTH_TEST_HELM_3" } else { "MYHEALTH_TEST_HELM" }))
}

/// Standard output of a command that must succeed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", both(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The JSON that a command prints.
#[track_caller]
pub(crate) fn json(command: &mut Command) -> Value {
    serde_json::from_str(&run(command)).unwrap()
}

pub(crate) fn both(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[track_caller]
pub(crate) fn apply(objects: &Value) {
    let mut child = kubectl("apply --server-side -f -")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(objects.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
}

pub(crate) fn list(items: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

/// Polls until there is a value.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(began.elapsed() < TIMEOUT, "timed out waiting for {what}");
        thread::sleep(Duration::from_millis(300));
    }
}

/// Status and body of a request; none without a response.
pub(crate) fn get(address: &str, port: u16, path: &str, headers: &str) -> Option<(u16, String)> {
    let target = format!("{address}:{port}").parse().unwrap();
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(10)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { unchunked(body) } else { body.to_owned() };
    Some((head.split(' ').nth(1)?.parse().ok()?, body))
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        if length == 0 {
            break;
        }
        text.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
    }
    text
}

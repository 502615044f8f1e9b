//! What an operator reads when something is wrong, and that it ends by itself when the reason does.

use std::process::Command;

use serde_json::json;

use super::cluster::{both, folder, kubectl, run, until};
use super::namespace::{Namespace, sql, volume};

/// What `kubectl describe` prints about each of the release's pods; of several at once it leaves out their events.
fn described(namespace: &Namespace) -> String {
    let pods = run(&mut namespace.kubectl("get pods -o name"));
    // A pod may end between the two commands.
    pods.lines().map(|pod| both(&namespace.kubectl(&format!("describe {pod}")).output().unwrap())).collect()
}

/// Waits until a description has these words.
fn wait_for_words(namespace: &Namespace, words: &str) {
    until(&format!("{words:?} in a description"), || described(namespace).contains(words).then_some(()));
}

#[test]
fn missing_secret_is_named_by_an_event_and_its_creation_ends_the_fault() {
    let namespace = Namespace::new("nosecret");
    run(&mut namespace.kubectl("delete secret myhealth-database"));
    run(&mut namespace.helm(4, "install", "kind.yaml", &json!({ "ingest": { "enabled": false } })));
    wait_for_words(&namespace, r#"secret "myhealth-database" not found"#);
    namespace.secret("myhealth-database", &json!({ "url": Namespace::database_url("nosecret") }));
    namespace.wait_until_ready();
}

#[test]
fn missing_database_is_named_by_the_pod_and_its_creation_ends_the_fault() {
    let namespace = Namespace::new("nodatabase");
    namespace.secret("myhealth-database", &json!({ "url": Namespace::database_url("later") }));
    run(&mut namespace.helm(4, "install", "kind.yaml", &json!({ "ingest": { "enabled": false } })));
    // The end of the log is the reason of the container's end, so that `describe` has it; in JSON, as the log is.
    wait_for_words(&namespace, r#"database \"later\" does not exist"#);
    sql("postgres", "create database later");
    namespace.wait_until_ready();
}

#[test]
fn wrong_encryption_key_is_named_by_the_pod_and_its_correction_ends_the_fault() {
    let namespace = Namespace::new("wrongkey");
    let patch = |key: &str| {
        let patch = json!({ "stringData": { "encryption-key": key } });
        run(namespace.kubectl("patch secret myhealth-oura -p").arg(patch.to_string()));
    };
    patch("short");
    let only_ingest = json!({ "exporter": { "enabled": false }, "api": { "enabled": false } });
    run(&mut namespace.helm(4, "install", "kind.yaml", &only_ingest));
    wait_for_words(&namespace, "encryption-key");
    patch(&"0123456789abcdef".repeat(4));
    namespace.wait_until_ready();
}

#[test]
fn container_out_of_memory_is_named_by_the_pod_and_a_larger_limit_ends_the_fault() {
    let namespace = Namespace::new("memory");
    let values = |limit: &str| {
        let resources = json!({ "requests": { "memory": "8Mi" }, "limits": { "memory": limit } });
        json!({ "ingest": { "enabled": false }, "exporter": { "enabled": false }, "api": { "resources": resources } })
    };
    run(&mut namespace.helm(4, "install", "kind.yaml", &values("8Mi")));
    wait_for_words(&namespace, "OOMKilled");
    run(&mut namespace.helm(4, "upgrade --wait --timeout 5m", "kind.yaml", &values("256Mi")));
}

/// A small file system, unmounted when dropped.
struct SmallVolume(tempfile::TempDir);

impl SmallVolume {
    fn new(size: &str) -> Self {
        let volume = Self(folder());
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(volume.0.path()));
        volume
    }

    fn resize(&self, size: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0.path()));
    }
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
fn full_volume_is_named_by_the_log_and_more_room_ends_the_fault() {
    let namespace = Namespace::new("fullvolume");
    let data = SmallVolume::new("2m");
    volume("full", data.0.path(), "data-rel-myhealth-embedded-0", namespace.name, "");
    run(&mut namespace.helm(4, "install", "embedded.yaml", &json!({})));
    until("a log that names the full disk", || {
        let output = namespace
            .kubectl("logs statefulset/rel-myhealth-embedded -c myhealth --tail=100")
            .output()
            .unwrap();
        both(&output).contains("full").then_some(())
    });
    data.resize("200m");
    run(&mut namespace.kubectl("rollout status statefulset --timeout=300s"));
    namespace.wait_for_gauges("embedded");
    run(&mut namespace.kubectl("delete statefulset,pvc --all"));
    run(&mut kubectl("delete pv full"));
}

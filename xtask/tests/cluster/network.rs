//! Who reaches whom under the chart's policies: each cell is tried by a connection from inside a pod.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::{apply, both, kubectl, list, run, until};
use super::namespace::{Namespace, RELEASE};

/// A pod that only waits; its image has the program, which can request an address.
fn waiting_pod(namespace: &str, name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": namespace, "labels": labels },
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "myhealth", "image": "docker.io/local/oura:dev", "imagePullPolicy": "Never", "command": ["/pause"],
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}

/// Whether a connection from a container to an address is accepted; a policy refuses it or lets it time out.
fn reaches(namespace: &str, pod: &str, address: &str) -> bool {
    let exec = format!("exec -n {namespace} {pod} -c myhealth -- /usr/bin/myhealth healthcheck {address}");
    let output = kubectl(&exec).output().unwrap();
    let printed = both(&output);
    let refused = ["Connection refused", "timed out", "unreachable", "lookup address"];
    output.status.success() || !refused.iter().any(|words| printed.contains(words))
}

#[test]
fn every_pod_reaches_what_it_needs_and_nothing_else() {
    let namespace = Namespace::new("network");
    let name = namespace.name;
    let outside = |labels: Value| json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "outside" } }, "podSelector": { "matchLabels": labels } });
    let values = json!({
        "api": { "config": { "existingSecret": "myhealth-api" }, "allowAnonymous": false },
        "webhook": { "enabled": true, "callbackUrl": "https://health.example.org/oura", "replicas": 1 },
        "otlp": { "endpoint": "http://collector.network.svc:4318" },
        "networkPolicy": {
            "database": [outside(json!({ "app": "postgres" }))], "oura": [outside(json!({ "app": "oura" }))],
            "otlp": [{ "podSelector": { "matchLabels": { "app": "collector" } } }],
            "apiClients": [{ "podSelector": { "matchLabels": { "app": "grafana" } } }],
            "ingress": [{ "podSelector": { "matchLabels": { "app": "gateway" } } }],
        },
    });
    // A collector of traces, and what else a policy may name: here each is the simulated cloud on another port.
    apply(&list(&json!([
        waiting_pod(name, "prometheus", &json!({ "app.kubernetes.io/name": "prometheus" })),
        waiting_pod(name, "gateway", &json!({ "app": "gateway" })),
        waiting_pod(name, "grafana", &json!({ "app": "grafana" })),
        waiting_pod(name, "stranger", &json!({ "app": "stranger" })),
    ])));
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values));
    run(&mut namespace.kubectl("wait --for=condition=Ready pod --all --timeout=300s"));

    let service = |role: &str, port: u16| format!("http://{RELEASE}-myhealth-{role}.{name}.svc:{port}/");
    let places = [
        ("gauges", service("exporter", 9872)),
        ("gauges of ingest", service("ingest", 9872)),
        ("API", service("api", 8872)),
        ("receiver", service("webhook", 9874)),
        ("database", "http://postgres.outside.svc:5432/".to_owned()),
        ("Oura", "http://oura.outside.svc:443/".to_owned()),
        ("other port of Oura's host", "http://oura-requests.outside.svc:80/".to_owned()),
        ("API server", "http://198.18.255.1:6443/".to_owned()),
    ];
    let role = |role: &str| namespace.pods(role)[0].clone();
    let table = [
        ("prometheus", "prometheus".to_owned(), vec!["gauges", "gauges of ingest", "API"]),
        ("gateway", "gateway".to_owned(), vec!["API", "receiver"]),
        ("grafana", "grafana".to_owned(), vec!["API"]),
        ("stranger", "stranger".to_owned(), vec![]),
        ("exporter", role("exporter"), vec!["database"]),
        ("api", role("api"), vec!["database"]),
        ("ingest", role("ingest"), vec!["database", "Oura"]),
        ("webhook", role("webhook"), vec!["database", "Oura"]),
    ];
    // Pods that no policy selects may send anything anywhere; the rules below are for what the release's pods receive.
    let of_the_release = ["gauges", "gauges of ingest", "API", "receiver"];
    let mut cells = 0;
    let mut wrong = Vec::new();
    for (from, pod, allowed) in &table {
        let is_ours = ["exporter", "api", "ingest", "webhook"].contains(from);
        for (to, address) in places.iter().filter(|(to, _)| is_ours || of_the_release.contains(to)) {
            cells += 1;
            let expected = allowed.contains(to);
            // The firewall follows the API server with a delay, so that only a lasting difference counts.
            let as_expected = (0..10).any(|attempt| {
                if attempt > 0 {
                    thread::sleep(Duration::from_secs(1));
                }
                reaches(name, pod, address) == expected
            });
            println!("{from} → {to}: {}", if expected == as_expected { "reached" } else { "refused" });
            if !as_expected {
                wrong.push(format!(
                    "{from} → {to}: expected to be {}",
                    if expected { "reached" } else { "refused" }
                ));
            }
        }
    }
    assert!(wrong.is_empty() && cells == 48, "{cells} cells, wrong: {wrong:#?}");

    // The control: the same connections without policies, so that what was refused was refused by them.
    run(&mut namespace.kubectl("delete networkpolicy --all"));
    for (to, address) in &places[..4] {
        until(&format!("{to} without policies"), || reaches(name, "stranger", address).then_some(()));
    }
}

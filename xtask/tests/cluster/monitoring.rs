//! A Prometheus that does what its operator would make of the chart's objects: it finds, scrapes, evaluates, alerts, and reads
//! history.

use serde_json::{Value, json};

use super::cluster::{apply, get, json, list, run, until};
use super::namespace::{Namespace, TOKEN};

/// The results of a query of Prometheus.
fn query(address: &str, expression: &str) -> Vec<Value> {
    let encoded: String =
        expression.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"));
    let Some((200, body)) = get(address, 9090, &format!("/api/v1/query?query={encoded}"), "") else {
        return Vec::new();
    };
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    answer.pointer("/data/result").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// What the operator makes of a `ServiceMonitor`, as it documents: endpoints of the Services that it selects, by
/// the name of the port, with the credentials of the Secret that it names.
fn scrape_config(monitor: &Value) -> Value {
    let spec = &monitor["spec"];
    let endpoint = &spec["endpoints"][0];
    let meta =
        |label: &str| format!("__meta_kubernetes_service_label_{}", label.replace(['.', '/', '-'], "_"));
    let mut relabelings = Vec::new();
    for (label, value) in spec["selector"]["matchLabels"].as_object().unwrap() {
        relabelings.push(json!({ "action": "keep", "source_labels": [meta(label)], "regex": value }));
    }
    for expression in spec["selector"]["matchExpressions"].as_array().unwrap() {
        let values: Vec<_> =
            expression["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
        let label = meta(expression["key"].as_str().unwrap());
        relabelings.push(json!({ "action": "keep", "source_labels": [label], "regex": values.join("|") }));
    }
    let port = "__meta_kubernetes_endpointslice_port_name";
    relabelings.push(json!({ "action": "keep", "source_labels": [port], "regex": endpoint["port"] }));
    for (from, to) in [("namespace", "namespace"), ("service_name", "service"), ("pod_name", "pod")] {
        relabelings
            .push(json!({ "source_labels": [format!("__meta_kubernetes_{from}")], "target_label": to }));
    }
    relabelings
        .push(json!({ "source_labels": [meta(spec["jobLabel"].as_str().unwrap())], "target_label": "job" }));
    json!({
        "job_name": "service-monitor", "scrape_interval": "1s", "scheme": endpoint["scheme"], "metrics_path": endpoint["path"],
        "basic_auth": { "username": "prometheus", "password_file": "/etc/prometheus/password" },
        "kubernetes_sd_configs": [{ "role": "endpointslice", "namespaces": { "names": spec["namespaceSelector"]["matchNames"] } }],
        "relabel_configs": relabelings,
    })
}

fn prometheus(namespace: &str, config: &Value, rules: &Value, queries: &str) -> Value {
    let rights = json!([
        { "apiGroups": [""], "resources": ["services", "pods"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"] },
    ]);
    let metadata = json!({ "name": "prometheus", "namespace": namespace });
    let security = json!({ "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } });
    let container = |name: &str, args: Value, ports: u16| {
        json!({
            "name": name, "image": "docker.io/local/prometheus:dev", "imagePullPolicy": "Never",
            "command": [format!("/usr/bin/{name}")], "args": args, "securityContext": security,
            "readinessProbe": { "httpGet": { "path": "/-/ready", "port": ports }, "periodSeconds": 1 },
            "volumeMounts": [{ "name": "config", "mountPath": "/etc/prometheus" }, { "name": "data", "mountPath": "/data" }],
        })
    };
    let labels = json!({ "app.kubernetes.io/name": "prometheus" });
    let alertmanager = json!({ "route": { "receiver": "none" }, "receivers": [{ "name": "none" }] });
    list(&json!([
        { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata },
        { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rights },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "prometheus" },
            "subjects": [{ "kind": "ServiceAccount", "name": "prometheus", "namespace": namespace }],
        },
        {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {
                "prometheus.yml": config.to_string(), "rules.yml": rules.to_string(), "queries.yml": queries,
                "alertmanager.yml": alertmanager.to_string(), "password": "correct horse",
            },
        },
        {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "prometheus", "namespace": namespace, "labels": labels },
            "spec": {
                "serviceAccountName": "prometheus",
                "securityContext": { "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" } },
                "containers": [
                    container("prometheus", json!(["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data"]), 9090),
                    container("alertmanager", json!([
                        "--config.file=/etc/prometheus/alertmanager.yml", "--storage.path=/data/alerts", "--cluster.listen-address=",
                    ]), 9093),
                ],
                "volumes": [{ "name": "config", "configMap": { "name": "prometheus" } }, { "name": "data", "emptyDir": {} }],
            },
        },
    ]))
}

#[test]
fn prometheus_scrapes_alerts_and_reads_history_by_what_the_chart_says() {
    let namespace = Namespace::new("monitored");
    let values = json!({
        "api": { "config": { "existingSecret": "myhealth-api" }, "allowAnonymous": false },
        "web": { "config": { "existingSecret": "myhealth-web" } },
        "monitoring": {
            "serviceMonitor": {
                "enabled": true,
                "basicAuth": { "username": { "name": "scrape", "key": "user" }, "password": { "name": "scrape", "key": "password" } },
            },
            "prometheusRule": { "enabled": true }, "dashboards": { "enabled": true },
        },
    });
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values));
    let object = |line: &str| json(&mut namespace.kubectl(line));
    let monitor = object("get servicemonitor rel-myhealth -o json");
    let rule = object("get prometheusrule rel-myhealth -o json");
    let maps = object("get configmap -l grafana_dashboard=1 -o json");
    let dashboards = concat!(env!("CARGO_MANIFEST_DIR"), "/../helm/myhealth/files/dashboards");
    assert_eq!(maps["items"].as_array().unwrap().len(), std::fs::read_dir(dashboards).unwrap().count());
    let api = format!("http://rel-myhealth-api.{}.svc:8872/api/v1/prometheus/read", namespace.name);
    let config = json!({
        "global": { "evaluation_interval": "2s", "external_labels": { "prometheus": "test" } },
        "rule_files": ["/etc/prometheus/rules.yml", "/etc/prometheus/queries.yml"],
        "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": ["127.0.0.1:9093"] }] }] },
        "scrape_configs": [scrape_config(&monitor)],
        "remote_read": [{
            "url": api, "read_recent": true, "filter_external_labels": false, "required_matchers": { "source": "history" },
            "authorization": { "credentials": TOKEN },
        }],
    });
    let mut rules = json!({ "groups": rule["spec"]["groups"] });
    let fires = json!({ "alert": "Scraped", "expr": "count(up{job=\"myhealth\"} == 1) >= 3" });
    rules["groups"].as_array_mut().unwrap().push(json!({ "name": "test", "rules": [fires] }));
    let queries = mixin::expressions_as_rules(&mixin::Config::default());
    apply(&prometheus(namespace.name, &config, &rules, &queries));
    run(&mut namespace.kubectl("wait --for=condition=Ready pod/prometheus --timeout=300s"));
    let address = run(&mut namespace.kubectl("get pod prometheus -o jsonpath={.status.podIP}"));

    until("three targets that are up", || {
        (query(&address, "up{job=\"myhealth\"} == 1").len() == 3).then_some(())
    });
    until("gauges", || (!query(&address, "oura_sleep_score").is_empty()).then_some(()));
    until("history", || {
        (!query(&address, "count_over_time(oura_sleep_score{source=\"history\"}[20d]) > 10").is_empty())
            .then_some(())
    });
    until("the alert at the Alertmanager", || {
        let (_, body) = get(&address, 9093, "/api/v2/alerts", "")?;
        body.contains("Scraped").then_some(())
    });
    // Every rule, and every query of every dashboard as a rule.
    let evaluated = until("every rule evaluated", || {
        let (_, body) = get(&address, 9090, "/api/v1/rules", "")?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        let groups = answer.pointer("/data/groups")?.as_array()?;
        let rules: Vec<_> = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().into_iter().flatten())
            .cloned()
            .collect();
        rules.iter().all(|rule| rule["health"] != "unknown").then_some(rules)
    });
    let failed: Vec<_> = evaluated.iter().filter(|rule| rule["health"] != "ok").collect();
    println!("{} rules and queries of dashboards answer", evaluated.len());
    assert!(failed.is_empty() && evaluated.len() > 100, "{failed:?}");
}

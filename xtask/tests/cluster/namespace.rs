//! Namespaces with a release of the chart, and what is around them: a database, and Oura's cloud.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::cluster::{apply, both, chart, folder, get, helm, key, kubectl, repository, run, until};

/// What the API's file declares: a token of everyone.
pub(crate) const API_CONFIG: &str = "tokens:\n  - {name: tests, hash: \"sha256:a49ac073e59e81916765f760b38bde8d91a89c16a76a0224645b7bd549c97fa1\"}\n";
pub(crate) const TOKEN: &str = "cluster-test-token-of-32-characters";
pub(crate) const BEARER: &str = "Authorization: Bearer cluster-test-token-of-32-characters\r\n";
/// The file of the other listeners: `prometheus` with the password "correct horse".
const WEB_CONFIG: &str =
    "basic_auth_users:\n  prometheus: $2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n";

/// The name of every release.
pub(crate) const RELEASE: &str = "rel";

/// Once for all tests.
static OUTSIDE: LazyLock<()> = LazyLock::new(|| {
    run(kubectl("apply --server-side -f").arg(repository().join("helm/tests/cluster/outside.yaml")));
    apply(&secret("outside", "oura", &json!({ "tls.crt": key("oura.crt"), "tls.key": key("oura.key") })));
    run(&mut kubectl("rollout status -n outside deploy --timeout=300s"));
});

fn secret(namespace: &str, name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": namespace }, "stringData": data,
    })
}

/// The rows of a statement in PostgreSQL.
pub(crate) fn sql(database: &str, statement: &str) -> String {
    let psql =
        "exec -n outside deploy/postgres -- /usr/bin/psql -h /tmp -U postgres -At -v ON_ERROR_STOP=1 -d";
    run(kubectl(psql).args([database, "-c", statement]))
}

/// How many requests Oura's cloud has received.
pub(crate) fn requests_to_oura() -> u64 {
    let address = run(&mut kubectl("get service -n outside oura-requests -o jsonpath={.spec.clusterIP}"));
    get(&address, 80, "/requests", "").unwrap().1.parse().unwrap()
}

/// A namespace where Pod Security is `restricted`, with a database and the Secrets that values files name.
pub(crate) struct Namespace {
    pub(crate) name: &'static str,
    values: TempDir,
}

impl Namespace {
    pub(crate) fn new(name: &'static str) -> Self {
        LazyLock::force(&OUTSIDE);
        // In a cluster that was kept, an earlier run may have left both.
        run(kubectl("delete namespace --ignore-not-found").arg(name));
        for statement in
            [format!("drop database if exists {name} with (force)"), format!("create database {name}")]
        {
            sql("postgres", &statement);
        }
        let labels = json!({ "pod-security.kubernetes.io/enforce": "restricted" });
        apply(
            &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } }),
        );
        let namespace = Self { name, values: folder() };
        namespace.secret("myhealth-database", &json!({ "url": Self::database_url(name) }));
        let keys = json!({ "client-secret": "secret", "encryption-key": "0123456789abcdef".repeat(4), "token": "test-token" });
        namespace.secret("myhealth-oura", &keys);
        namespace.secret("myhealth-api", &json!({ "web.yml": API_CONFIG }));
        namespace.secret("myhealth-web", &json!({ "web.yml": WEB_CONFIG }));
        namespace.secret("scrape", &json!({ "user": "prometheus", "password": "correct horse" }));
        apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "test-ca", "namespace": name },
            "data": { "ca.crt": key("ca.crt") },
        }));
        namespace
    }

    /// Of a database on the server, as a role that may do everything.
    pub(crate) fn database_url(name: &str) -> String {
        format!("postgres://postgres@postgres.outside.svc/{name}")
    }

    /// Writes a Secret.
    pub(crate) fn secret(&self, name: &str, data: &Value) {
        apply(&secret(self.name, name, data));
    }

    pub(crate) fn kubectl(&self, line: &str) -> Command {
        // The namespace comes before what `exec` runs.
        kubectl(&format!("-n {} {line}", self.name))
    }

    /// Installs or upgrades the release by Helm 3 or 4: with a values file of the chart, what this cluster needs, and `values`.
    pub(crate) fn helm(&self, version: u8, line: &str, file: &str, values: &Value) -> Command {
        let mut helm = helm(version);
        helm.args(line.split_whitespace()).arg(RELEASE).arg(chart()).args(["-n", self.name, "-f"]);
        helm.arg(chart().join("values").join(file));
        let local = local_values();
        for (name, values) in [("local.yaml", &local), ("values.yaml", values)] {
            let file = self.values.path().join(name);
            fs::write(&file, values.to_string()).unwrap();
            helm.arg("-f").arg(file);
        }
        helm
    }

    /// A command of Helm on the release that is there.
    pub(crate) fn release(&self, version: u8, line: &str) -> Command {
        let mut helm = helm(version);
        helm.args(line.split_whitespace()).args(["-n", self.name]);
        helm
    }

    /// The address of the Service of a role.
    pub(crate) fn address(&self, role: &str) -> String {
        run(&mut self
            .kubectl(&format!("get service {RELEASE}-myhealth-{role} -o jsonpath={{.spec.clusterIP}}")))
    }

    /// Names of the pods of a role that are not being deleted.
    pub(crate) fn pods(&self, role: &str) -> Vec<String> {
        let line = format!("get pods -l app.kubernetes.io/component={role} -o json");
        let pods = super::cluster::json(&mut self.kubectl(&line));
        let pods = pods["items"].as_array().unwrap().iter();
        let stay = pods.filter(|pod| pod["metadata"].get("deletionTimestamp").is_none());
        stay.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until every Deployment is as it should be.
    pub(crate) fn wait_until_ready(&self) {
        run(&mut self.kubectl("rollout status deploy --timeout=300s"));
    }

    /// Waits for the gauges of a person at a role's Service.
    pub(crate) fn wait_for_gauges(&self, role: &str) {
        let address = self.address(role);
        until("gauges", || {
            get(&address, 9872, "/metrics", "")?.1.contains("oura_sleep_score{").then_some(())
        });
    }

    /// What went wrong, as an operator looks for it.
    fn print_state(&self) {
        for line in [
            "get pods -o wide",
            "get events --sort-by=.lastTimestamp",
            "logs -l app.kubernetes.io/instance=rel --all-containers --prefix --ignore-errors --tail=8",
        ] {
            eprintln!("── kubectl {line}\n{}", both(&self.kubectl(line).output().unwrap()));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if thread::panicking() {
            self.print_state();
        }
        let _ = kubectl("delete namespace --wait=false").arg(self.name).output();
    }
}

/// What every installation on this cluster needs: the image, the simulated Oura and its authority.
pub(crate) fn local_values() -> Value {
    json!({
        "image": { "registry": "docker.io", "repository": "local/myhealth", "tag": "dev", "pullPolicy": "Never" },
        "oura": { "url": "https://oura.outside.svc", "tokenKey": "token", "historyFrom": a_month_ago() },
        "caBundle": { "configMap": "test-ca" },
    })
}

/// A volume for one claim, on the node's disk. It belongs to root, as new volumes do.
pub(crate) fn volume(name: &str, folder: &Path, claim: &str, namespace: &str, class: &str) {
    apply(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": name },
        "spec": {
            "capacity": { "storage": "5Gi" }, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "claimRef": { "name": claim, "namespace": namespace }, "local": { "path": folder },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                { "key": "kubernetes.io/hostname", "operator": "In", "values": ["node"] },
            ] }] } },
        },
    }));
}

fn a_month_ago() -> String {
    run(Command::new("date").args(["-u", "-d", "30 days ago", "+%F"])).trim().to_owned()
}

//! Installed, tested, uninstalled, and installed again.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use super::cluster::{apply, folder, get, json, kubectl, run, until};
use super::namespace::{BEARER, Namespace, volume};

/// What is in a namespace and was not made with it.
fn left(namespace: &Namespace) -> Vec<String> {
    let kinds = run(&mut namespace.kubectl("api-resources --namespaced --verbs=list -o name"));
    let kinds: Vec<_> = kinds
        .lines()
        .filter(|kind| !kind.starts_with("events") && !kind.ends_with("metrics.k8s.io"))
        .collect();
    let found = run(namespace.kubectl("get -o name --ignore-not-found").arg(kinds.join(",")));
    let made = [
        "secret/myhealth-",
        "secret/rds-ca",
        "secret/scrape",
        "configmap/test-ca",
        "configmap/kube-root-ca.crt",
        "serviceaccount/default",
    ];
    found.lines().filter(|name| !made.iter().any(|made| name.starts_with(made))).map(str::to_owned).collect()
}

/// Uninstalls; what is left when every pod has ended.
fn uninstall(namespace: &Namespace, version: u8, expected: &[&str]) {
    run(&mut namespace.release(version, "uninstall rel --wait"));
    until(&format!("the end of everything but {expected:?}"), || (left(namespace) == expected).then_some(()));
}

#[test]
fn installed_roles_are_ready_pass_their_tests_and_leave_nothing() {
    for (version, name) in [(3, "roles3"), (4, "roles4")] {
        let namespace = Namespace::new(name);
        let api =
            json!({ "config": { "existingSecret": "myhealth-api" }, "allowAnonymous": false, "replicas": 2 });
        let began = Instant::now();
        run(&mut namespace.helm(version, "install --wait --timeout 5m", "kind.yaml", &json!({ "api": api })));
        println!("Helm {version}: every pod is ready after {:.1} s", began.elapsed().as_secs_f32());
        run(&mut namespace.release(version, "test rel --timeout 5m"));
        namespace.wait_for_gauges("exporter");
        let api = namespace.address("api");
        assert_eq!(get(&api, 8872, "/api/v1/dashboard", "").unwrap().0, 401);
        assert_eq!(get(&api, 8872, "/api/v1/dashboard", BEARER).unwrap().0, 200);
        uninstall(&namespace, version, &[]);
    }
}

#[test]
fn every_values_file_installs_and_every_pod_is_ready() {
    let priority = json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": { "name": "business-hours" }, "value": 1,
    });
    apply(&priority);
    let anywhere = json!({ "networkPolicy": { "database": [] } });
    // What a file expects of its cluster and this one does not have.
    let files = [
        ("dev", json!({ "pod": { "nodeSelector": null } })),
        ("staging", anywhere.clone()),
        ("prod", anywhere.clone()),
        ("istio", json!({})),
        (
            "cnpg",
            json!({ "database": { "existingSecret": "myhealth-database", "key": "url" }, "networkPolicy": { "database": [] } }),
        ),
        ("household", json!({})),
    ];
    for (name, values) in files {
        let namespace = Namespace::new(name);
        for role in ["exporter", "owner", "replica"] {
            namespace.secret(
                &format!("myhealth-database-{role}"),
                &json!({ "url": Namespace::database_url(name) }),
            );
        }
        let signing = run(std::process::Command::new("openssl").args([
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]));
        namespace.secret("myhealth-signing", &json!({ "signing-key": signing }));
        for ca in ["rds-ca", "myhealth-db-ca"] {
            namespace.secret(ca, &json!({ "ca.crt": super::cluster::key("ca.crt") }));
        }
        let folder = folder();
        if name == "household" {
            volume("household", folder.path(), "data-rel-myhealth-embedded-0", namespace.name, "local-path");
        }
        let began = Instant::now();
        run(&mut namespace.helm(4, "install --wait --timeout 5m", &format!("{name}.yaml"), &values));
        println!("{name}.yaml: every pod is ready after {:.1} s", began.elapsed().as_secs_f32());
        run(&mut namespace.release(4, "test rel --timeout 5m"));
        let kept: &[&str] =
            if name == "household" { &["persistentvolumeclaim/data-rel-myhealth-embedded-0"] } else { &[] };
        uninstall(&namespace, 4, kept);
        if name == "household" {
            run(&mut namespace.kubectl("delete pvc --all"));
            run(&mut kubectl("delete pv household"));
        }
    }
    run(&mut kubectl("delete priorityclass business-hours"));
}

#[test]
fn embedded_volume_outlives_the_release_and_is_found_again() {
    let namespace = Namespace::new("embedded");
    let folder = folder();
    volume("embedded", folder.path(), "data-rel-myhealth-embedded-0", namespace.name, "");
    let install = || {
        run(&mut namespace.helm(4, "install --wait --timeout 5m", "embedded.yaml", &json!({})));
        run(&mut namespace.release(4, "test rel --timeout 5m"));
        namespace.wait_for_gauges("embedded");
    };
    let myhealth = |line: &str| {
        let exec = "exec statefulset/rel-myhealth-embedded -c myhealth -- myhealth";
        run(namespace.kubectl(exec).args(line.split(' ')))
    };
    install();
    myhealth("token create marker --data-dir /data");
    uninstall(&namespace, 4, &["persistentvolumeclaim/data-rel-myhealth-embedded-0"]);

    install();
    assert!(myhealth("token list --data-dir /data").contains("marker"));
    uninstall(&namespace, 4, &["persistentvolumeclaim/data-rel-myhealth-embedded-0"]);
    run(&mut namespace.kubectl("delete pvc --all"));
    run(&mut kubectl("delete pv embedded"));
    assert!(fs::read_dir(folder.path()).unwrap().count() > 0);
}

#[test]
fn cronjob_replaces_the_process_that_stays_and_reads_oura() {
    let namespace = Namespace::new("cronjob");
    // A person is added by a process that stays.
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &json!({})));
    namespace.wait_for_gauges("exporter");
    let values =
        json!({ "ingest": { "form": "cronjob", "schedule": "* * * * *" }, "migrations": { "form": "job" } });
    run(&mut namespace.helm(4, "upgrade --wait --timeout 5m", "kind.yaml", &values));
    let cronjob: Value = json(&mut namespace.kubectl("get cronjob rel-myhealth-sync -o json"));
    assert_eq!(cronjob["spec"]["concurrencyPolicy"], "Forbid");
    assert!(!run(&mut namespace.kubectl("get deploy -o name")).contains("ingest"));
    until("a run that has succeeded", || {
        let jobs = run(&mut namespace.kubectl("get jobs -o jsonpath={.items[*].status.succeeded}"));
        jobs.contains('1').then_some(())
    });
    namespace.wait_for_gauges("exporter");
}

//! Drained nodes, killed pods, restarted kubelet and containerd, under load.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::cluster::{json, kubectl, run, until};
use super::load::{Load, Target, assert_none_failed};
use super::namespace::{Namespace, requests_to_oura, sql};

const ROLES: [&str; 3] = ["api", "exporter", "ingest"];

fn install(namespace: &Namespace) {
    let values = json!({
        "api": { "config": { "existingSecret": "myhealth-api" }, "allowAnonymous": false, "replicas": 2 },
        "exporter": { "replicas": 2 }, "ingest": { "replicas": 2, "interval": "10s" },
    });
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values));
}

/// Makes the node take pods again, also when a test fails.
struct Uncordon;

impl Drop for Uncordon {
    fn drop(&mut self) {
        let _ = kubectl("uncordon node").output();
    }
}

#[test]
fn drain_keeps_a_pod_of_each_role_and_fails_no_request() {
    let namespace = Namespace::new("drain");
    install(&namespace);
    let requests = Load::start(Target::api(&namespace, 10));
    let scrapes = Load::start(Target::gauges(&namespace, 5));
    let before = ROLES.map(|role| namespace.pods(role));

    let _uncordon = Uncordon;
    let selector = "--pod-selector=app.kubernetes.io/instance=rel";
    let mut drain = kubectl(&format!("drain node {selector} --delete-emptydir-data --timeout=300s"));
    let mut drain = drain.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // There is no other node: each budget lets one pod go, and the other has to stay.
    until("an eviction for each role", || {
        ROLES.iter().all(|role| namespace.pods(role).len() == 2).then_some(())
    });
    for (role, before) in ROLES.iter().zip(&before) {
        until("one pod of the role that has gone", || {
            let kept = namespace.pods(role).iter().filter(|pod| before.contains(pod)).count();
            assert!(kept >= 1, "every pod of {role} was evicted");
            (kept == 1).then_some(())
        });
    }
    let budgets = json(&mut namespace.kubectl("get pdb -o json"));
    let budgets: BTreeMap<_, _> = budgets["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|budget| {
            (
                budget["metadata"]["name"].as_str().unwrap().to_owned(),
                budget["status"]["disruptionsAllowed"].clone(),
            )
        })
        .collect();
    assert!(budgets.len() == 3 && budgets.values().all(|allowed| *allowed == 0), "{budgets:?}");

    run(&mut kubectl("uncordon node"));
    assert!(drain.wait().unwrap().success(), "the drain did not end");
    namespace.wait_until_ready();
    assert_none_failed("API during a drain", requests);
    assert_none_failed("scrapes during a drain", scrapes);
}

#[test]
fn fifty_deleted_pods_fail_no_request_and_lose_no_data() {
    let namespace = Namespace::new("kills");
    install(&namespace);
    let count =
        |what: &str| sql("kills", &format!("select count(*) from {what}")).trim().parse::<u64>().unwrap();
    until("a complete run", || (count("person where due_at is not null") == 1).then_some(()));
    let before = count("document");
    assert!(before > 100, "{before} documents of a month");
    let requests = Load::start(Target::api(&namespace, 5));
    let scrapes = Load::start(Target::gauges(&namespace, 3));

    let mut deleted = 0;
    while deleted < 51 {
        for role in ROLES {
            let pods = namespace.pods(role);
            // The older one, or the one that comes by chance of its name.
            run(namespace.kubectl("delete pod --wait=false").arg(&pods[deleted % pods.len()]));
            deleted += 1;
        }
        namespace.wait_until_ready();
    }
    assert_none_failed("API during 51 deletions", requests);
    assert_none_failed("scrapes during 51 deletions", scrapes);
    assert!(count("document") >= before && count("rejected") == 0, "documents were lost");
}

#[test]
fn killed_ingest_is_taken_over_by_the_other_replica() {
    let namespace = Namespace::new("takeover");
    install(&namespace);
    // When the next run is due: it moves with every run that is complete.
    let due = || sql("takeover", "select coalesce(max(due_at), 'epoch') > now() from person").trim() == "t";
    until("a complete run", || due().then_some(()));
    // Each in turn, so that the one that reads is among them.
    for pod in namespace.pods("ingest") {
        let began = Instant::now();
        let before = requests_to_oura();
        // Without a chance to give its lease back.
        run(namespace.kubectl("delete pod --grace-period=0 --force").arg(&pod));
        sql("takeover", "update person set due_at = null");
        until("a complete run after the death of one of two", || due().then_some(()));
        assert!(requests_to_oura() > before);
        println!("read again {:.1} s after the death of a replica", began.elapsed().as_secs_f32());
        namespace.wait_until_ready();
    }
}

#[test]
fn restarted_kubelet_and_containerd_fail_no_request_and_restart_no_pod() {
    let namespace = Namespace::new("restarts");
    install(&namespace);
    let pods = || {
        let pods = json(&mut namespace.kubectl("get pods -o json"));
        let pods = pods["items"].as_array().unwrap().clone();
        pods.iter()
            .map(|pod| {
                let restarts = pod["status"]["containerStatuses"][0]["restartCount"].clone();
                (pod["metadata"]["name"].to_string(), restarts)
            })
            .collect::<BTreeMap<_, _>>()
    };
    let before = pods();
    let requests = Load::start(Target::api(&namespace, 10));
    let scrapes = Load::start(Target::gauges(&namespace, 5));
    for program in ["containerd", "kubelet"] {
        // They are the only ones of their names: this process sees the cluster's alone.
        let process = run(Command::new("pidof").arg(program)).trim().to_owned();
        run(Command::new("kill").args(["-KILL", &process]));
        until("its restart", || {
            let output = Command::new("pidof").arg(program).output().unwrap();
            let now = String::from_utf8(output.stdout).unwrap().trim().to_owned();
            (!now.is_empty() && now != process).then_some(())
        });
        // Answers by exec: the kubelet and containerd both have their part in it.
        until("a program in a container", || {
            let mut exec =
                namespace.kubectl("exec deploy/rel-myhealth-api -c myhealth -- myhealth --version");
            exec.output().unwrap().status.success().then_some(())
        });
    }
    run(&mut kubectl("wait --for=condition=Ready node/node --timeout=300s"));
    assert_none_failed("API during restarts of the node's programs", requests);
    assert_none_failed("scrapes during restarts of the node's programs", scrapes);
    assert_eq!(pods(), before);
}

//! The API under a `HorizontalPodAutoscaler`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::cluster::{run, until};
use super::load::{Load, Target};
use super::namespace::Namespace;

/// What the project promises for the API at the load that its autoscaler is set for.
const P95: Duration = Duration::from_millis(400);

#[test]
fn api_scales_out_under_load_and_back_after_it() {
    let namespace = Namespace::new("scaling");
    let values = json!({
        "api": {
            "config": { "existingSecret": "myhealth-api" }, "allowAnonymous": false,
            "resources": { "requests": { "cpu": "20m" } },
            "autoscaling": {
                "type": "hpa", "minReplicas": 2, "maxReplicas": 4, "cpuPercent": 70,
                "behavior": { "scaleDown": { "stabilizationWindowSeconds": 15 } },
            },
        },
    });
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values));
    let replicas = || {
        run(&mut namespace.kubectl("get deploy rel-myhealth-api -o jsonpath={.status.readyReplicas}"))
            .trim()
            .to_owned()
    };
    until("two replicas", || (replicas() == "2").then_some(()));
    let target = Target::api(&namespace, 20);
    let began = Instant::now();
    let load = Load::start(target.clone());
    until("four replicas", || (replicas() == "4").then_some(()));
    let scaled = began.elapsed().as_secs_f32();
    let outcome = load.stop();
    assert!(outcome.failures.is_empty(), "{outcome:?}");

    // With every replica there.
    let load = Load::start(target);
    std::thread::sleep(Duration::from_secs(10));
    let outcome = load.stop();
    let ended = Instant::now();
    until("two replicas again", || (replicas() == "2").then_some(()));
    println!(
        "2 → 4 replicas after {scaled:.0} s, back after {:.0} s; p95 of {} requests with four: {:?}",
        ended.elapsed().as_secs_f32(),
        outcome.requests,
        outcome.p95
    );
    assert!(outcome.failures.is_empty() && outcome.p95 < P95, "{outcome:?}");
}

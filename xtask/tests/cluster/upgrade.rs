//! Upgrades, rollbacks and restarts under load from outside the pods.

use serde_json::{Value, json};

use super::cluster::{both, json, run, until};
use super::load::{Load, Target, assert_none_failed};
use super::namespace::{Namespace, sql};

/// Two replicas of everything, with messages of a level.
fn values(level: &str) -> Value {
    json!({
        "api": { "config": { "existingSecret": "myhealth-api" }, "allowAnonymous": false, "replicas": 2 },
        "exporter": { "replicas": 2 }, "ingest": { "replicas": 2 }, "log": { "level": level },
    })
}

#[test]
fn upgrade_rollback_and_restart_under_load_fail_no_request() {
    let namespace = Namespace::new("upgrade");
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values("info")));
    let requests = Load::start(Target::api(&namespace, 10));
    let scrapes = Load::start(Target::gauges(&namespace, 5));

    run(&mut namespace.kubectl("rollout restart deploy"));
    namespace.wait_until_ready();
    run(&mut namespace.helm(4, "upgrade --wait --timeout 5m", "kind.yaml", &values("warn")));
    run(&mut namespace.release(4, "rollback rel 1 --wait --timeout 5m"));

    assert_none_failed("API during restart, upgrade, rollback", requests);
    assert_none_failed("scrapes during restart, upgrade, rollback", scrapes);
}

#[test]
fn image_upgrade_with_a_migration_under_load_fails_no_request() {
    let namespace = Namespace::new("migration");
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values("info")));
    let (api, gauges) = (Target::api(&namespace, 10), Target::gauges(&namespace, 5));
    let versions =
        || sql("migration", "select max(version), count(*) from _sqlx_migrations").trim().to_owned();
    let newest = versions();
    // The schema as an earlier image left it.
    sql("migration", "drop table api_token_number; delete from _sqlx_migrations where version = 15");
    let requests = Load::start(api);
    let scrapes = Load::start(gauges);

    let mut next = values("info");
    next["image"] = json!({ "tag": "next" });
    run(&mut namespace.helm(4, "upgrade --wait --timeout 5m", "kind.yaml", &next));

    assert_none_failed("API during a migration", requests);
    assert_none_failed("scrapes during a migration", scrapes);
    assert_eq!(versions(), newest);
    sql("migration", "select count(*) from api_token_number");
    until("the end of every pod of the earlier image", || {
        let images = run(&mut namespace.kubectl("get pods -o jsonpath={.items[*].spec.containers[0].image}"));
        images.split(' ').all(|image| image.ends_with(":next")).then_some(())
    });
}

#[test]
fn broken_upgrade_rolls_back_by_itself_and_fails_no_request() {
    let namespace = Namespace::new("broken");
    run(&mut namespace.helm(4, "install --wait --timeout 5m", "kind.yaml", &values("info")));
    let requests = Load::start(Target::api(&namespace, 10));

    let mut broken =
        namespace.helm(4, "upgrade --rollback-on-failure --wait --timeout 25s", "kind.yaml", &values("info"));
    let output = broken.args(["--set", "api.extraArgs={--no-such-flag}"]).output().unwrap();
    assert!(!output.status.success(), "{}", both(&output));

    let history = json(&mut namespace.release(4, "history rel -o json"));
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &last["description"]), (&"deployed".into(), &"Rollback to 1".into()));
    assert_none_failed("API during a broken upgrade", requests);
}

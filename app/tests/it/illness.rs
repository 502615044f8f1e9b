//! From a fever to a telephone: the simulated person falls ill, a real Prometheus notices against their own baseline, a
//! real Alertmanager tells it, and holds it back while the data is old.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde_json::Value;
use simulator::{Cloud, Fault, Life, Person};

use crate::generation::{Generation, on_each_generation};
use crate::monitoring::{Alertmanager, Prometheus, Receiver, impatient, replaced, serve, shipped};
use crate::process::{Running, service, until};

const TOKEN: &str = "simulated-access-token";
const SECRET: &str = "what the receiver wants to hear";

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the service and its cloud live in real time")]
    Timestamp::now()
}

fn today() -> Date {
    now().to_zoned(TimeZone::UTC).date()
}

/// The newest night before `to` and its value of a field.
fn nights(person: &Person, field: &str, from: i64, to: i64) -> Vec<f64> {
    let days = (from..to).map(|back| today().saturating_sub(back.days()));
    let documents = days.flat_map(|day| person.documents("sleep", day, now()));
    let long = documents.filter(|document| document["type"] == "long_sleep");
    long.filter_map(|document| document[field].as_f64()).collect()
}

/// Somebody who is ill now and whose ring saw it, whatever day this test runs on: a ring can lie in a drawer, and a
/// phone can be late. Told apart by what Oura says, not by what we would make of it.
fn ill() -> Person {
    let since = today().saturating_sub(60.days());
    let seen = |person: &Person| {
        let warm = (0..2).find_map(|back| {
            let documents = person.documents("daily_readiness", today().saturating_sub(back.days()), now());
            documents.last().map(|document| document["temperature_deviation"].as_f64())
        });
        let mean =
            |values: &[f64]| values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap());
        let changed = |field: &str| {
            let (last, usual) = (nights(person, field, -1, 2), nights(person, field, 6, 30));
            (usual.len() >= 18).then(|| last.first().map(|last| last / mean(&usual))).flatten()
        };
        warm.flatten().is_some_and(|warm| warm > 0.7)
            && changed("lowest_heart_rate").is_some_and(|ratio| ratio > 1.1)
            && changed("average_hrv").is_some_and(|ratio| ratio < 0.75)
    };
    let mut people = (1..200)
        .map(|seed| Person::new(Life::new(seed, since)).with_illness(today().saturating_sub(2.days()), 6));
    people.find(seen).expect("one of two hundred people wears the ring")
}
on_each_generation!(illness_alert_is_delivered_and_inhibited_while_data_is_stale);

async fn illness_alert_is_delivered_and_inhibited_while_data_is_stale(generation: Generation) {
    let person = ill();
    let since = person.life().first_day.to_string();
    let cloud = Arc::new(Cloud::new(now).with_person(TOKEN, person, simulator::SCOPES));
    let oura = serve(cloud.router()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        service(&["serve", "--oura-url", &format!("http://{oura}"), "--oura-token", TOKEN], folder.path());
    command.args(["--history-from", &since, "--time-zone", "Europe/Berlin", "--interval", "10"]);
    let running = Running::start(command);
    let (web, api) = (running.address("web").await, running.address("api").await);

    let receiver = Receiver::start(SECRET).await;
    let alertmanager = Alertmanager::start(generation, &receiver.url, SECRET);
    // Two hours without a successful read are half a minute here, which is three passes.
    let service_rules = replaced(&impatient(&shipped("alerts/service.yaml")), "> 7200", "> 30");
    let rules = [("health", impatient(&shipped("alerts/health.yaml"))), ("service", service_rules)];
    let _prometheus = Prometheus::start(generation, &[&web], &api, &rules, Some(&alertmanager.address));

    let alert: Value = until("the illness to be told", async || receiver.alert("OuraIllnessSignal")).await;
    assert_eq!(alert["labels"]["person"], "me");
    assert_eq!(alert["labels"]["severity"], "warning");
    assert_eq!(alert["annotations"]["summary"], "me: the body may be fighting something");
    let description = alert["annotations"]["description"].as_str().unwrap();
    assert!(description.starts_with(['3', '4']), "how many signs: {description}");
    assert!(
        description.contains("of four signs") && description.contains("Not a diagnosis"),
        "{description}"
    );
    assert!(alert["annotations"]["runbook_url"].as_str().unwrap().ends_with("/runbook#ouraillnesssignal"));
    until("the alert to be active", async || {
        alertmanager.state("OuraIllnessSignal").await.filter(|state| state == "active")
    })
    .await;

    // Oura is gone: what is known of the person grows old, and is printed no more.
    cloud.faults().always("/", Fault::Status(503));
    let stale: Value = until("the stale data to be told", async || receiver.alert("MyHealthSyncStale")).await;
    assert_eq!(stale["labels"]["person"], "me");
    assert!(
        stale["annotations"]["summary"].as_str().unwrap().starts_with("me: nothing was read from Oura for ")
    );
    until("the illness to be held back", async || {
        alertmanager.state("OuraIllnessSignal").await.filter(|state| state == "suppressed")
    })
    .await;

    // And back.
    cloud.faults().clear();
    until("the illness to be told again", async || {
        alertmanager.state("OuraIllnessSignal").await.filter(|state| state == "active")
    })
    .await;
}

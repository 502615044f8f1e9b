//! History as PromQL: a real Prometheus asks by remote read, and another one holds the same history in its own blocks.

mod blocks;
mod streams;

use std::path::Path;

use domain::history::Gauge;
use domain::{Collection, Day, Document};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use store::{Batch, Location, Origin, Store};

use crate::generation::{Generation, on_each_generation};
use crate::killed::Cloud;
use crate::process::{Running, finish, http, myhealth, printed, service, until};
use crate::prometheus::Prometheus;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

async fn open(folder: &Path) -> Store {
    Store::open(&Location::Sqlite(folder.join("myhealth.db"))).await.unwrap()
}

/// The API on what a folder holds, and the lines that let Prometheus read it.
async fn serve(folder: &Path, more: &[&str]) -> (Running, String) {
    let mut command = service(&["serve", "--roles", "api"], folder);
    command.args(more);
    let running = Running::start(command);
    let api = running.address("api").await;
    (running, api)
}

fn remote_read(api: &str) -> String {
    read_with_labels(api, "filter_external_labels: false")
}

/// What a Prometheus with external labels needs to know of them, in its own configuration or here.
fn read_with_labels(api: &str, more: &str) -> String {
    format!(
        "global: {{external_labels: {{cluster: home, replica: a}}}}\n\
         remote_read:\n  - url: http://{api}/api/v1/prometheus/read\n    read_recent: true\n    required_matchers: {{source: history}}\n    {more}\n"
    )
}

/// Stores nights with these scores, as another reading of Oura would.
async fn put(store: &Store, scores: &[(Day, u8)]) {
    put_of(store, "me", "Europe/Berlin", scores).await;
}

async fn put_of(store: &Store, name: &str, zone: &str, scores: &[(Day, u8)]) {
    let now = now();
    let person = store.ensure_person(&name.parse().unwrap(), zone, now).await.unwrap().id;
    let document = |(day, score): &(Day, u8)| {
        let body = json!({"id": format!("score-{day}"), "day": day.to_string(), "score": score});
        Document::parse(Collection::DailySleep, &body.to_string()).unwrap()
    };
    let documents = scores.iter().map(document).collect();
    let batch = Batch {
        person,
        collection: Collection::DailySleep,
        covered: None,
        origin: Origin::Api,
        documents,
        nearby: Vec::new(),
        rejected: Vec::new(),
    };
    store.apply(&batch, now).await.unwrap();
}

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "rules are evaluated in real time")]
    Timestamp::now()
}
on_each_generation!(
    recording_rules_on_a_baseline_work_by_remote_read,
    remote_write_pushes_as_far_back_as_the_receiver_accepts,
    remote_read_token_is_limited_to_its_scope,
    labels_that_history_does_not_have_are_empty_unless_they_are_external,
    documented_queries_return_data,
);

async fn recording_rules_on_a_baseline_work_by_remote_read(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let today = Day::at(now(), &TimeZone::get("Europe/Berlin").unwrap());
    let mut scores: Vec<(Day, u8)> = (1..=40).map(|back| (today.plus(-back), 80)).collect();
    scores.push((today, 40));
    // Whichever side of a midnight the test runs on.
    scores.push((today.plus(1), 40));
    put(&store, &scores).await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let rules = folder.path().join("rules.yml");
    std::fs::write(
        &rules,
        "groups:\n- name: history\n  interval: 1s\n  rules:\n\
         \x20 - record: person:oura_sleep_score:avg28d\n    expr: avg_over_time(oura_sleep_score{source=\"history\"}[28d])\n\
         \x20 - alert: SleptBadly\n    expr: oura_sleep_score{source=\"history\"} < 0.7 * person:oura_sleep_score:avg28d\n",
    )
    .unwrap();
    let config = format!("rule_files: ['{}']\n{}", rules.display(), remote_read(&address));
    let prometheus = Prometheus::start(generation, &[], &config).await;
    let value = async |query: &str| {
        let answer = prometheus.instant(query, now().as_millisecond()).await;
        answer.into_values().next().map(|samples| samples[0].1)
    };
    let mean = until("the recorded mean", async || value("person:oura_sleep_score:avg28d").await).await;
    assert!((mean - (27.0 * 80.0 + 40.0) / 28.0).abs() < 1.5, "{mean}");
    until("the alert", async || value("ALERTS{alertname=\"SleptBadly\"}").await).await;
    store.close().await;
}

async fn remote_write_pushes_as_far_back_as_the_receiver_accepts(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let today = Day::at(now(), &TimeZone::UTC);
    let scores: Vec<(Day, u8)> = (1..=60).map(|back| (today.plus(-back), 80)).collect();
    put(&store, &scores).await;
    store.close().await;
    let receiver = Prometheus::start(generation, &[], "storage: {tsdb: {out_of_order_time_window: 30d}}\nscrape_configs: [{job_name: self, scrape_interval: 1s, static_configs: [{targets: []}]}]\n").await;
    // The window counts back from the newest sample of the receiver.
    let cursor = folder.path().join("cursor.json");
    let url = format!("{}/api/v1/write", receiver.url);
    let push = || {
        let mut command =
            myhealth(&["export", "remote-write", &url, "--daily-only", "--metric", "sleep_score"]);
        command.arg("--cursor").arg(&cursor).arg("--data-dir").arg(folder.path());
        finish(command)
    };
    let first = push();
    assert!(printed(&first).contains("60 samples sent, 0 refused"), "{}", printed(&first));
    let again = push();
    assert!(printed(&again).contains("1 samples sent, 0 refused"), "the rest is known: {}", printed(&again));
    let query = "count_over_time(oura_sleep_score{source=\"history\"}[70d])";
    let answer = receiver.instant(query, now().as_millisecond()).await;
    assert_eq!(answer.into_values().next().unwrap()[0].1.to_bits(), 60.0_f64.to_bits());

    // From the first day again: most of it is too old now, and none of that is asked for twice.
    std::fs::remove_file(&cursor).unwrap();
    let third = push();
    assert!(printed(&third).contains("too old"), "{}", printed(&third));
    assert!(
        !third.status.success() && printed(&third).contains("out_of_order_time_window"),
        "{}",
        printed(&third)
    );
    let mut other = myhealth(&["export", "remote-write", "http://127.0.0.1:1/x", "--daily-only", "--cursor"]);
    other.arg(&cursor).arg("--data-dir").arg(folder.path());
    let refused = finish(other);
    assert_eq!(refused.status.code(), Some(64), "{}", printed(&refused));
}

#[tokio::test]
async fn receiver_of_another_remote_write_version_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, &[("2026-03-01".parse().unwrap(), 80)]).await;
    store.close().await;
    // As Prometheus 3 refuses what it is told not to accept.
    let refuse = async || {
        let text = "prometheus.WriteRequest protobuf message is not accepted by this server; accepted [io.prometheus.write.v2.Request]";
        (axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE, text)
    };
    let receiver = crate::monitoring::serve(axum::Router::new().fallback(refuse)).await;
    let mut push =
        myhealth(&["export", "remote-write", &format!("http://{receiver}/api/v1/write"), "--daily-only"]);
    push.arg("--data-dir").arg(folder.path());
    let output = finish(push);
    assert!(!output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("does not take Prometheus remote write 1.0"), "{}", printed(&output));
    assert!(printed(&output).contains("accepted-protobuf-messages"), "{}", printed(&output));
}

async fn remote_read_token_is_limited_to_its_scope(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, &[("2026-03-01".parse().unwrap(), 80)]).await;
    store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap();
    store.close().await;
    let data = ["--data-dir", folder.path().to_str().unwrap()];
    let outside = |more: &[&str]| {
        let listen = [
            "serve",
            "--roles",
            "api",
            "--web.listen-address",
            "127.0.0.1:0",
            "--api.listen-address",
            "0.0.0.0:0",
        ];
        myhealth(&[listen.as_slice(), &data, more].concat())
    };
    let refused = finish(outside(&[]));
    assert!(!refused.status.success() && printed(&refused).contains("token create"), "{}", printed(&refused));

    let make = |words: &[&str]| {
        let output = finish(myhealth(&[["token", "create"].as_slice(), words, &data].concat()));
        assert!(output.status.success(), "{}", printed(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (all, reader) =
        (make(&["grafana"]), make(&["prometheus", "--scope", "remote-read", "--person", "ann"]));
    assert!(all.starts_with("mh_1_") && reader.starts_with("mh_2_"), "shown once");
    let running = Running::start(outside(&[]));
    let api = running.address("api").await.replace("0.0.0.0", "127.0.0.1");
    let ask = async |path: &str, token: Option<&str>| {
        let request = http().get(format!("http://{api}/api/v1/{path}"));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("health", None).await, 200);
    assert_eq!(ask("people", None).await, 401);
    assert_eq!(ask("people", Some(&all)).await, 200);
    assert_eq!(ask("people", Some(&reader)).await, 403);
    let other = if all.ends_with('0') { '1' } else { '0' };
    assert_eq!(ask("people", Some(&format!("{}{other}", &all[..all.len() - 1]))).await, 401);

    // Prometheus, with the token as a password; only ann's numbers, and she has none.
    let config = |token: &str| {
        let auth = format!("    basic_auth: {{username: any, password: {token}}}\n");
        remote_read(&api) + &auth
    };
    let at = ms("2026-03-01T12:00:00Z");
    let query = "oura_sleep_score{source=\"history\"}";
    assert_eq!(Prometheus::start(generation, &[], &config(&all)).await.instant(query, at).await.len(), 1);
    assert_eq!(Prometheus::start(generation, &[], &config(&reader)).await.instant(query, at).await.len(), 0);

    let listed = finish(myhealth(&[["token", "list"].as_slice(), &data].concat()));
    assert!(printed(&listed).contains("grafana") && printed(&listed).contains("ann"), "{}", printed(&listed));
    for secret in [&all, &reader] {
        assert!(!printed(&listed).contains(secret.as_str()) && !running.output().contains(secret.as_str()));
    }
    assert!(finish(myhealth(&[["token", "revoke", "1"].as_slice(), &data].concat())).status.success());
    // A process believes for a second what it has found out.
    until("the end of the token", async || (ask("people", Some(&all)).await == 401).then_some(())).await;
}

#[tokio::test]
async fn history_has_the_names_and_labels_of_gauges() {
    let folder = tempfile::tempdir().unwrap();
    let since = Day::at(now(), &TimeZone::UTC).plus(-30).to_string();
    let running = Running::start(service(&["demo", "--seed", "5", "--since", &since], folder.path()));
    let metrics = format!("http://{}/metrics", running.address("web").await);
    let body = until("gauges", async || {
        crate::process::get(&metrics).await.filter(|body| body.contains("oura_activity_steps{"))
    })
    .await;
    let known: std::collections::BTreeSet<String> = Gauge::all()
        .map(|gauge| {
            let labels = gauge.labels("me");
            let own = labels.iter().filter(|(label, _)| !["__name__", "source"].contains(label));
            let mut own: Vec<String> = own.map(|(label, value)| format!("{label}=\"{value}\"")).collect();
            own.sort();
            format!("{}{{{}}}", gauge.metric.name(), own.join(","))
        })
        .collect();
    let mut compared = 0;
    for line in body.lines().filter(|line| {
        line.starts_with("oura_") && !line.contains("collection=") && !line.starts_with("oura_ring_info")
    }) {
        let (name, rest) = line.split_once('{').unwrap();
        let mut labels: Vec<&str> = rest.split_once('}').unwrap().0.split(',').collect();
        labels.sort_unstable();
        let series = format!("{name}{{{}}}", labels.join(","));
        assert!(known.contains(&series), "{series}");
        compared += 1;
    }
    assert!(compared > 20, "{body}");
}

/// The queries and snippets of the manual.
fn manual(language: &str) -> Vec<String> {
    let text = include_str!("../../../docs/history.md");
    let fence = format!("```{language}\n");
    text.split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0.trim().to_owned())
        .collect()
}

async fn labels_that_history_does_not_have_are_empty_unless_they_are_external(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, &[("2026-03-01".parse().unwrap(), 80)]).await;
    store.close().await;
    let (_strict, strict) = serve(folder.path(), &[]).await;
    let told = ["--api.remote-read-external-labels", "cluster,replica"];
    let (_lenient, lenient) = serve(folder.path(), &told).await;
    let at = ms("2026-03-01T12:00:00Z");
    for (api, more, found) in [
        (&strict, "filter_external_labels: true", 0),
        (&strict, "filter_external_labels: false", 1),
        (&lenient, "filter_external_labels: true", 1),
    ] {
        let prometheus = Prometheus::start(generation, &[], &read_with_labels(api, more)).await;
        for (matcher, found) in [
            ("", found),
            (",cluster=\"\"", found),
            (",foo=\"x\"", 0),
            (",foo=\"\"", found),
            (",foo!=\"x\"", found),
        ] {
            let query = format!("oura_sleep_score{{source=\"history\"{matcher}}}");
            assert_eq!(prometheus.instant(&query, at).await.len(), found, "{query} {more}");
        }
    }
}

async fn documented_queries_return_data(generation: Generation) {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let (_api, address) = serve(folder.path(), &[]).await;
    let [snippet, _kube, rules] = manual("yaml").try_into().unwrap();
    let snippet = snippet.replace("127.0.0.1:8872", &address);
    assert!(snippet.contains(&address), "{snippet}");
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, rules).unwrap();
    let config = format!("rule_files: ['{}']\n{snippet}\n", file.display());
    let prometheus = Prometheus::start(generation, &[], &config).await;
    let queries = manual("promql");
    assert!(queries.len() >= 20, "{}", queries.len());
    // A night on which the simulated sleeper was warm, and half a year later a panel of a month.
    let at = ms("2026-03-28T12:00:00Z");
    for query in queries {
        // These days are not in a life of seven months.
        let short = query.replace(" offset 52w", " offset 8w");
        let answer = prometheus.range(&short, at - 90 * DAY, at, DAY).await;
        assert!(!answer.is_empty(), "{query}");
    }
}

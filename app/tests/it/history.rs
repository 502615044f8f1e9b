//! History as PromQL: a real Prometheus asks by remote read, and another one holds the same history in its own blocks.

use std::fmt::Write as _;
use std::path::Path;

use domain::history::{Calendar, Gauge};
use domain::{Collection, Day, DayRange, Document, Metric};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use store::{Batch, Location, Origin, Store};

use crate::killed::Cloud;
use crate::process::{Running, finish, http, myhealth, said, service, until};
use crate::prometheus::{Answer, Prometheus};

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
    let mut command = service(&["serve", "--only", "api"], folder);
    command.args(more);
    let running = Running::start(command);
    let api = running.address("api docs").await;
    (running, api)
}

fn remote_read(api: &str) -> String {
    format!(
        "global: {{external_labels: {{cluster: home, replica: a}}}}\n\
         remote_read:\n  - url: http://{api}/api/v1/prometheus/read\n    read_recent: true\n    required_matchers: {{source: history}}\n"
    )
}

/// Numbers of days that are compared, and points.
const DAILY: [&str; 9] = [
    "sleep_score",
    "sleep_stage_duration_awake",
    "sleep_stage_duration_deep",
    "sleep_stage_duration_light",
    "sleep_stage_duration_rem",
    "readiness_score",
    "activity_steps",
    "resilience_level",
    "temperature_deviation",
];
const POINTS: [&str; 3] = ["sleep_hrv", "heart_rate_awake", "heart_rate_rest"];

fn lines(text: &mut String, name: &str, labels: &str, samples: &[(i64, f64)]) {
    for (at, value) in samples {
        writeln!(text, "{name}{{{labels}}} {value} {}.{:03}", at / 1000, at % 1000).unwrap();
    }
}

/// The same history as blocks can hold it: `points_…` has a sample a day or point, `held_…` has one every five minutes
/// of each day that has a value, up to its local midnight.
async fn as_blocks(store: &Store) -> String {
    let person = store.person("me").await.unwrap().unwrap();
    let zone = TimeZone::get(&person.time_zone).unwrap();
    let calendar = Calendar::new(zone.clone());
    let range = DayRange::new(Day::FIRST, Day::LAST).unwrap();
    let midnight = |day: Day| day.date().to_zoned(zone.clone()).unwrap().timestamp().as_millisecond();
    let (mut held, mut points) = (String::new(), String::new());
    let mut typed = std::collections::BTreeSet::new();
    for key in DAILY.into_iter().chain(POINTS) {
        let metric = Metric::by_key(key).unwrap();
        let name = metric.name();
        if typed.insert(name.clone()) {
            writeln!(held, "# TYPE held_{name} gauge").unwrap();
            writeln!(points, "# TYPE points_{name} gauge").unwrap();
        }
        for gauge in Gauge::of(metric) {
            let labels = gauge.labels("me");
            let own = labels.iter().filter(|(label, _)| *label != "__name__");
            let labels =
                own.map(|(label, value)| format!("{label}=\"{value}\"")).collect::<Vec<_>>().join(",");
            if metric.is_series() {
                let mut read = Vec::new();
                let mut all = store.points(person.id, metric, range).await.unwrap();
                while all.next(&mut read).await.unwrap() {
                    lines(&mut points, &format!("points_{name}"), &labels, &read);
                    lines(&mut held, &format!("held_{name}"), &labels, &read);
                }
                continue;
            }
            for (day, value) in store.daily(person.id, metric, range).await.unwrap() {
                let value = gauge.value(value);
                lines(&mut points, &format!("points_{name}"), &labels, &[(calendar.sample(day), value)]);
                let (from, until) = (midnight(day), midnight(day.plus(1)));
                let mut times: Vec<i64> =
                    (0..(until - from) / (5 * MINUTE)).map(|n| from + n * 5 * MINUTE).collect();
                // Version 2 looks back five minutes and finds what stands there exactly.
                *times.last_mut().unwrap() -= 1;
                let samples: Vec<(i64, f64)> = times.into_iter().map(|at| (at, value)).collect();
                lines(&mut held, &format!("held_{name}"), &labels, &samples);
            }
        }
    }
    format!("{held}{points}# EOF\n")
}

/// Gauges of now, which both have in their own blocks.
fn live() -> String {
    let mut text = "# TYPE oura_sleep_score gauge\n".to_owned();
    let samples: Vec<(i64, f64)> = (0..12 * 40_u32)
        .map(|n| (ms("2026-03-27T00:00:00Z") + i64::from(n) * 5 * MINUTE, 70.0 + f64::from(n % 20)))
        .collect();
    lines(&mut text, "oura_sleep_score", "instance=\"ring:9872\",job=\"myhealth\",person=\"me\"", &samples);
    text + "# EOF\n"
}

/// A small generator whose questions are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }
}

/// A question with `H` where an instant selector reads history and `P` where a range selector does; the name and
/// further matchers follow in braces.
fn question(dice: &mut Dice) -> String {
    let names = [
        "oura_sleep_score",
        "oura_readiness_score",
        "oura_activity_steps",
        "oura_sleep_stage_duration_seconds",
        "oura_sleep_stage_duration_seconds,stage=\"deep\"",
        "oura_sleep_stage_duration_seconds,stage=~\"re.\"",
        "oura_sleep_stage_duration_seconds,stage!~\"d.*\"",
        "oura_resilience_level,state!=\"solid\"",
        "oura_temperature_deviation_celsius",
        "oura_sleep_score,person=~\"m.*\"",
        "oura_sleep_score,person=\"nobody\"",
    ];
    let (name, other) = (dice.of(&names), dice.of(&names));
    let (days, hours) = (dice.below(40) + 1, dice.below(60) + 1);
    let function = dice.of(&["avg", "min", "max", "sum", "count", "stddev", "last", "present"]);
    let offset = dice.of(&["", " offset 1d", " offset 36h", " offset -7h", " @ 1770000000", " @ end()"]);
    let odd =
        dice.of(&[" offset 12h", " offset 7h13m", " offset 95s", " offset -5h", " @ 1769990000 offset 3h"]);
    match dice.below(20) {
        0 => format!("H{{{name}}}{offset}"),
        1 => format!("{function}_over_time(P{{{name}}}[{days}d]{offset})"),
        2 => format!("H{{{name}}} - avg_over_time(P{{{name}}}[{days}d])"),
        3 => format!(
            "sum by (person) (H{{{name}}}{offset}) / on (person) group_left sum by (person) (H{{{other}}})"
        ),
        4 => format!("oura_sleep_score - on (person) avg_over_time(P{{oura_sleep_score}}[{days}d])"),
        5 => format!("{function}_over_time(H{{{name}}}[{days}d:{hours}h]{offset})"),
        6 => format!("max_over_time((H{{{name}}} offset 5h)[{days}d:1h])"),
        7 => format!("avg_over_time((H{{{name}}} > 0)[{days}d:{hours}h])"),
        8 => format!("{function}(H{{{name}}})").replace("last(", "avg(").replace("present(", "group("),
        9 => format!("quantile_over_time(0.5, P{{{name}}}[{days}d])"),
        10 => "H{oura_sleep_hrv_seconds}".to_owned(),
        11 => format!("{function}_over_time(P{{oura_sleep_hrv_seconds}}[{hours}h])"),
        12 => format!(
            "max by (context) (max_over_time(P{{oura_heart_rate_beats_per_minute,context=~\"awake|rest\"}}[{hours}h]))"
        ),
        // Offsets that no hint tells, away from the grid of the subquery they stand in.
        13 => format!("count_over_time((H{{{name}}}{odd} and on () vector(1))[{days}d:{hours}h])"),
        14 => format!("{function}_over_time(sum by (person) (H{{{name}}}{odd})[{days}d:1d])"),
        15 => format!("max_over_time(abs(H{{{name}}}{odd})[{days}d:{hours}h] offset 5h)"),
        16 => format!("sum_over_time(max_over_time((H{{{name}}}{odd} > 0)[2d:7h])[{days}d:1d])"),
        17 => format!("min_over_time((H{{{name}}}{odd} - H{{{name}}}{offset})[{days}d:{hours}h])"),
        18 => format!("max_over_time((avg_over_time(P{{{name}}}[3d]{odd}) or on () vector(0))[{days}d:1d])"),
        _ => format!("abs(H{{{name}}} - H{{{name}}} offset {days}d) or vector(-1)"),
    }
}

fn expand(question: &str, points: &str, held: &str) -> String {
    let mut text = question.to_owned();
    for (mark, prefix) in [("P{", points), ("H{", held)] {
        while let Some(at) = text.find(mark) {
            let end = at + text[at..].find('}').unwrap();
            let inside = text[at + 2..end].to_owned();
            let (name, rest) = inside.split_once(',').unwrap_or((&inside, ""));
            // Only the labels both know.
            text.replace_range(at..=end, &format!("{prefix}{name}{{source=\"history\",{rest}}}"));
        }
    }
    text
}

fn same(a: &Answer, b: &Answer) -> bool {
    let close = |a: f64, b: f64| {
        a.to_bits() == b.to_bits()
            || (a.is_nan() && b.is_nan())
            || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
    };
    a.len() == b.len()
        && a.iter().zip(b).all(|((key, left), (other, right))| {
            key == other
                && left.len() == right.len()
                && left.iter().zip(right).all(|(l, r)| l.0 == r.0 && close(l.1, r.1))
        })
}

#[tokio::test]
async fn remote_read_says_what_blocks_of_the_same_history_say() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let output = finish(cloud.command("sync", folder.path()));
    assert!(output.status.success(), "{}", said(&output));
    let store = open(folder.path()).await;
    let (live, blocks) = (live(), as_blocks(&store).await);
    let local = Prometheus::start(&[&live, &blocks], "global: {}\n").await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let remote = Prometheus::start(&[&live], &remote_read(&address)).await;
    let unreduced = remote_read(&address).replace("/prometheus/read", "/prometheus/read?hints=ignore");
    let unreduced = Prometheus::start(&[&live], &unreduced).await;
    let mut dice = Dice(20_260_329);
    let (mut answered, mut samples) = (0, 0);
    for n in 0..360 {
        let question = question(&mut dice);
        let (ours, theirs) = (expand(&question, "", ""), expand(&question, "points_", "held_"));
        // Not on a boundary, where versions of Prometheus differ; one in four on whole hours, where days turn.
        let odd = if dice.below(4) == 0 { 0 } else { 137_421 };
        let end = ms("2026-03-29T12:00:00Z") - i64::try_from(dice.below(150 * 24)).unwrap() * HOUR + odd;
        let step = [5 * MINUTE, HOUR, 7 * HOUR, DAY, 7 * DAY][usize::try_from(dice.below(5)).unwrap()];
        let length = step * i64::try_from(dice.below(200) + 1).unwrap();
        let start = (end - length).max(ms("2025-08-01T00:00:00Z"));
        let when = format!("from {start} to {end} every {step}, or at {end}: {n}");
        let ask = async |of: &Prometheus, question: &str| match n % 3 {
            0 => of.instant(question, end).await,
            _ => of.range(question, start, end, step).await,
        };
        let got = ask(&remote, &ours).await;
        let expected = ask(&local, &theirs).await;
        assert!(same(&got, &expected), "{ours}\n{when}\n{got:?}\n{expected:?}");
        let whole = ask(&unreduced, &ours).await;
        assert!(same(&got, &whole), "hints change {ours}\n{when}\n{got:?}\n{whole:?}");
        answered += usize::from(!got.is_empty());
        samples += got.values().map(Vec::len).sum::<usize>();
    }
    assert!(
        answered > 220 && samples > 15_000,
        "{answered} questions had an answer, {samples} samples in all"
    );
    store.close().await;
}

#[tokio::test]
async fn an_offset_hidden_in_a_subquery_misses_no_day() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first: Day = "2026-01-01".parse().unwrap();
    put(&store, &(0..60).map(|n| (first.plus(n), 80)).collect::<Vec<_>>()).await;
    store.close().await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let prometheus = Prometheus::start(&[], &remote_read(&address)).await;
    let series = "oura_sleep_score{source=\"history\"}";
    for of in ["S offset 12h and on () vector(1)", "sum(S offset 7h13m)", "S offset 1h == S offset 2h", "S"] {
        let query = format!("count_over_time(({})[10d:1d])", of.replace('S', series));
        let answer = prometheus.instant(&query, ms("2026-02-15T12:34:56Z")).await;
        let values: Vec<f64> = answer.into_values().flatten().map(|(_, value)| value).collect();
        assert_eq!(values, [10.0], "{query}");
    }
}

#[tokio::test]
async fn the_export_in_blocks_says_the_same_and_a_correction_shows_at_once() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let file = folder.path().join("history.om");
    let output = finish(myhealth(&[
        "export",
        "openmetrics",
        file.to_str().unwrap(),
        "--data-dir",
        folder.path().to_str().unwrap(),
    ]));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("--max-block-duration"), "{}", said(&output));
    let local = Prometheus::start(&[&std::fs::read_to_string(&file).unwrap()], "global: {}\n").await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let remote = Prometheus::start(&[], &remote_read(&address)).await;
    let end = ms("2026-03-29T12:34:56Z");
    let names: std::collections::BTreeSet<String> = domain::METRICS.iter().map(Metric::name).collect();
    let mut series = 0;
    for query in names.iter().flat_map(|name| {
        ["count_over_time", "sum_over_time", "max_over_time"]
            .map(|f| format!("{f}({name}{{source=\"history\"}}[300d])"))
    }) {
        let (got, expected) = (remote.instant(&query, end).await, local.instant(&query, end).await);
        assert!(same(&got, &expected), "{query}\n{got:?}\n{expected:?}");
        series += got.len();
    }
    assert!(series > 300, "{series}");
    let query = "count(last_over_time({source=\"history\",__name__=~\"oura_.+\"}[300d]))";
    assert!(same(&remote.instant(query, end).await, &local.instant(query, end).await));

    let store = open(folder.path()).await;
    let day = "2026-02-10";
    let at = ms("2026-02-10T12:00:00Z");
    put(&store, &[(day.parse().unwrap(), 7)]).await;
    let query = "oura_sleep_score{source=\"history\"}";
    assert_eq!(remote.instant(query, at).await.into_values().next().unwrap(), [(at, 7.0)]);
    put(&store, &[(day.parse().unwrap(), 93)]).await;
    assert_eq!(remote.instant(query, at).await.into_values().next().unwrap(), [(at, 93.0)]);
    let mean = format!("avg_over_time({query}[1d])");
    assert_eq!(remote.instant(&mean, at).await.into_values().next().unwrap(), [(at, 93.0)]);
    store.close().await;
}

/// Stores nights with these scores, as another reading of Oura would.
async fn put(store: &Store, scores: &[(Day, u8)]) {
    let now = now();
    let person = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now).await.unwrap().id;
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

#[tokio::test]
async fn rules_and_alerts_on_a_baseline_need_no_local_history() {
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
    let prometheus = Prometheus::start(&[], &config).await;
    let value = async |query: &str| {
        let answer = prometheus.instant(query, now().as_millisecond()).await;
        answer.into_values().next().map(|samples| samples[0].1)
    };
    let mean = until("the recorded mean", async || value("person:oura_sleep_score:avg28d").await).await;
    assert!((mean - (27.0 * 80.0 + 40.0) / 28.0).abs() < 1.5, "{mean}");
    until("the alert", async || value("ALERTS{alertname=\"SleptBadly\"}").await).await;
    store.close().await;
}

#[tokio::test]
async fn history_is_pushed_as_far_back_as_the_receiver_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let today = Day::at(now(), &TimeZone::UTC);
    let scores: Vec<(Day, u8)> = (1..=60).map(|back| (today.plus(-back), 80)).collect();
    put(&store, &scores).await;
    store.close().await;
    let receiver = Prometheus::start(&[], "storage: {tsdb: {out_of_order_time_window: 30d}}\nscrape_configs: [{job_name: self, scrape_interval: 1s, static_configs: [{targets: []}]}]\n").await;
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
    assert!(said(&first).contains("60 samples sent, 0 refused"), "{}", said(&first));
    let again = push();
    assert!(said(&again).contains("1 samples sent, 0 refused"), "the rest is known: {}", said(&again));
    let query = "count_over_time(oura_sleep_score{source=\"history\"}[70d])";
    let answer = receiver.instant(query, now().as_millisecond()).await;
    assert_eq!(answer.into_values().next().unwrap()[0].1.to_bits(), 60.0_f64.to_bits());

    // From the first day again: most of it is too old now, and none of that is asked for twice.
    std::fs::remove_file(&cursor).unwrap();
    let third = push();
    assert!(said(&third).contains("too old"), "{}", said(&third));
    assert!(!third.status.success() && said(&third).contains("out_of_order_time_window"), "{}", said(&third));
    let mut other = myhealth(&["export", "remote-write", "http://127.0.0.1:1/x", "--daily-only", "--cursor"]);
    other.arg(&cursor).arg("--data-dir").arg(folder.path());
    let refused = finish(other);
    assert_eq!(refused.status.code(), Some(64), "{}", said(&refused));
}

#[tokio::test]
async fn a_token_opens_what_it_is_for_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    put(&store, &[("2026-03-01".parse().unwrap(), 80)]).await;
    store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap();
    store.close().await;
    let data = ["--data-dir", folder.path().to_str().unwrap()];
    let outside = |more: &[&str]| {
        let listen = [
            "serve",
            "--only",
            "api",
            "--web.listen-address",
            "127.0.0.1:0",
            "--api.listen-address",
            "0.0.0.0:0",
        ];
        myhealth(&[listen.as_slice(), &data, more].concat())
    };
    let refused = finish(outside(&[]));
    assert!(!refused.status.success() && said(&refused).contains("token create"), "{}", said(&refused));

    let make = |words: &[&str]| {
        let output = finish(myhealth(&[["token", "create"].as_slice(), words, &data].concat()));
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (all, reader) =
        (make(&["grafana"]), make(&["prometheus", "--scope", "remote-read", "--person", "ann"]));
    assert!(all.starts_with("mh_1_") && reader.starts_with("mh_2_"), "shown once");
    let running = Running::start(outside(&[]));
    let api = running.address("api docs").await.replace("0.0.0.0", "127.0.0.1");
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
    assert_eq!(Prometheus::start(&[], &config(&all)).await.instant(query, at).await.len(), 1);
    assert_eq!(Prometheus::start(&[], &config(&reader)).await.instant(query, at).await.len(), 0);

    let listed = finish(myhealth(&[["token", "list"].as_slice(), &data].concat()));
    assert!(said(&listed).contains("grafana") && said(&listed).contains("ann"), "{}", said(&listed));
    for secret in [&all, &reader] {
        assert!(!said(&listed).contains(secret.as_str()) && !running.output().contains(secret.as_str()));
    }
    assert!(finish(myhealth(&[["token", "revoke", "1"].as_slice(), &data].concat())).status.success());
    // A process believes for a second what it has found out.
    until("the end of the token", async || (ask("people", Some(&all)).await == 401).then_some(())).await;
}

#[tokio::test]
async fn history_has_the_names_and_labels_of_the_gauges() {
    let folder = tempfile::tempdir().unwrap();
    let since = Day::at(now(), &TimeZone::UTC).plus(-30).to_string();
    let running = Running::start(service(&["demo", "--seed", "5", "--since", &since], folder.path()));
    let metrics = format!("http://{}/metrics", running.address("gauges").await);
    let body = until("gauges", async || {
        crate::process::get(&metrics).await.filter(|body| body.contains("oura_activity_steps{"))
    })
    .await;
    let known: std::collections::BTreeSet<String> = Gauge::all()
        .map(|gauge| {
            let labels = gauge.labels("demo");
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

#[tokio::test]
async fn the_queries_of_the_manual_have_answers() {
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
    let prometheus = Prometheus::start(&[], &config).await;
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

#[derive(Clone, PartialEq, prost::Message)]
struct Frame {
    #[prost(message, repeated, tag = "1")]
    series: Vec<ChunkedSeries>,
    #[prost(int64, tag = "2")]
    query: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ChunkedSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Pair>,
    #[prost(message, repeated, tag = "2")]
    chunks: Vec<Chunk>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Message)]
struct Pair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Chunk {
    #[prost(int64, tag = "1")]
    from: i64,
    #[prost(int64, tag = "2")]
    to: i64,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<Query>,
    #[prost(int32, repeated, tag = "2")]
    accepted: Vec<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Query {
    #[prost(int64, tag = "1")]
    start: i64,
    #[prost(int64, tag = "2")]
    end: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<Matcher>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Matcher {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

/// Asks for a stream, and takes its frames apart without looking at their checksums.
async fn stream(url: &str, start: i64, end: i64) -> Vec<Frame> {
    let matchers = vec![Matcher { kind: 0, name: "source".to_owned(), value: "history".to_owned() }];
    let request = Request { queries: vec![Query { start, end, matchers }], accepted: vec![1] };
    let body = snap::raw::Encoder::new().compress_vec(&prost::Message::encode_to_vec(&request)).unwrap();
    let request = http()
        .post(url)
        .header("content-encoding", "snappy")
        .header("content-type", "application/x-protobuf");
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    );
    let bytes = answer.bytes().await.unwrap();
    let (mut rest, mut frames) = (bytes.as_ref(), Vec::new());
    while !rest.is_empty() {
        let length = usize::try_from(prost::encoding::decode_varint(&mut rest).unwrap()).unwrap();
        let (checksum, after) = rest.split_at(4);
        let (data, after) = after.split_at(length);
        assert_eq!(checksum, crc32c(data).to_be_bytes());
        frames.push(prost::Message::decode(data).unwrap());
        rest = after;
    }
    frames
}

/// The checksum of Castagnoli, bit by bit.
fn crc32c(data: &[u8]) -> u32 {
    !data.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 })
    })
}

#[tokio::test]
async fn streamed_chunks_are_those_of_prometheus_to_the_byte() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let file = folder.path().join("history.om");
    let mut export = myhealth(&["export", "openmetrics"]);
    export.arg(&file).arg("--data-dir").arg(folder.path());
    assert!(finish(export).status.success());
    let prometheus = Prometheus::start(&[&std::fs::read_to_string(&file).unwrap()], "global: {}\n").await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let (mut same, mut other) = (0, 0);
    // Numbers of days in windows of weeks, and points in windows of hours: what fits one chunk is cut alike.
    for (start, length) in [
        ("2026-02-01T00:00:00Z", 20 * DAY),
        ("2025-10-20T00:00:00Z", 25 * DAY),
        ("2026-03-03T00:00:00Z", 6 * HOUR),
        ("2026-03-05T12:00:00Z", 8 * HOUR),
    ] {
        let (start, end) = (ms(start), ms(start) + length);
        let theirs = stream(&format!("{}/api/v1/read", prometheus.url), start, end).await;
        let ours = stream(&format!("http://{address}/api/v1/prometheus/read"), start, end).await;
        let all = |frames: &[Frame]| {
            let mut all: std::collections::BTreeMap<Vec<Pair>, Vec<Chunk>> =
                std::collections::BTreeMap::new();
            for series in frames.iter().flat_map(|frame| &frame.series) {
                all.entry(series.labels.clone()).or_default().extend(series.chunks.clone());
            }
            all
        };
        let order: Vec<&Vec<Pair>> =
            ours.iter().flat_map(|frame| &frame.series).map(|series| &series.labels).collect();
        assert!(order.is_sorted(), "series are sorted as Prometheus sorts them");
        let (ours, theirs) = (all(&ours), all(&theirs));
        assert!(ours.keys().eq(theirs.keys()));
        for (labels, chunks) in ours {
            match (chunks.as_slice(), theirs[&labels].as_slice()) {
                ([ours], [theirs]) => {
                    assert_eq!(ours, theirs, "{labels:?}");
                    same += 1;
                }
                _ => other += 1,
            }
        }
    }
    assert!(
        same > 200 && other < same / 4,
        "{same} chunks are the same, {other} series are cut in other places"
    );
}

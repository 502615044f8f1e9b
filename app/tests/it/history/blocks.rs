//! The same history once by remote read and once in Prometheus' own blocks.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use domain::history::{Calendar, Gauge};
use domain::{Day, DayRange, Metric};
use jiff::tz::TimeZone;
use store::Store;

use super::{DAY, HOUR, MINUTE, ms, open, put, put_of, remote_read, serve};
use crate::generation::{Generation, on_each_generation};
use crate::killed::Cloud;
use crate::process::{finish, myhealth, printed};
use crate::prometheus::{Answer, Prometheus};

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

/// Questions that are compared, on each generation.
const QUESTIONS: usize = 2_000;

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
/// Whether all its evaluations lie on steps comes with it: an offset in a subquery, without a function around it, does not
/// show in what Prometheus asks.
fn question(dice: &mut Dice) -> (String, bool) {
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
        "oura_sleep_score,person=\"unknown\"",
    ];
    let (name, other) = (dice.of(&names), dice.of(&names));
    let (days, hours) = (dice.below(40) + 1, dice.below(60) + 1);
    let function = dice.of(&["avg", "min", "max", "sum", "count", "stddev", "last", "present"]);
    let offset = dice.of(&["", " offset 1d", " offset 36h", " offset -7h", " @ 1770000000", " @ end()"]);
    let odd =
        dice.of(&[" offset 12h", " offset 7h13m", " offset 95s", " offset -5h", " @ 1769990000 offset 3h"]);
    let kind = dice.below(30);
    let text = match kind {
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
        19 => format!("changes(P{{{name}}}[{days}d]{offset}) + deriv(P{{{name}}}[{days}d]{offset})"),
        20 => format!("delta(P{{{name}}}[{days}d]) unless on (person) H{{{other}}}{odd}"),
        21 => format!("absent(H{{{name}}}{offset}) or absent_over_time(P{{{name}}}[{hours}h])"),
        22 => format!("(H{{{name}}} > bool 70) or on (person) H{{{other}}}{offset}"),
        23 => format!("{function}_over_time(H{{{name}}}[{days}d:{hours}h] @ end())"),
        24 => format!("max_over_time({function}_over_time(P{{{name}}}[{hours}h])[{days}d:7h]{offset})"),
        25 => format!(
            "avg_over_time((avg_over_time(P{{{name}}}[7d]) - avg_over_time(P{{{name}}}[28d]))[{days}d:1d]{odd})"
        ),
        26 => format!("count_values by (person) (\"value\", H{{{name}}}{odd})"),
        27 => format!(
            "stddev by (person) (H{{{name}}}) + on (person) quantile by (person) (0.9, H{{{other}}}{offset})"
        ),
        28 => format!("last_over_time(((H{{{name}}} offset {hours}h) * 2 + 1)[{days}d:{hours}h] offset 1h)"),
        18 => format!("max_over_time((avg_over_time(P{{{name}}}[3d]{odd}) or on () vector(0))[{days}d:1d])"),
        _ => format!("abs(H{{{name}}} - H{{{name}}} offset {days}d) or vector(-1)"),
    };
    (text, !(13..=18).contains(&kind))
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
on_each_generation!(
    remote_read_equals_local_blocks,
    window_of_days_holds_a_sample_a_day_through_both_clock_changes,
    offset_inside_a_subquery_misses_no_day,
    panel_and_offset_hidden_in_a_subquery_ask_the_same,
    exported_blocks_equal_remote_read_and_corrections_show_at_once,
);

async fn remote_read_equals_local_blocks(generation: Generation) {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let output = finish(cloud.command("sync", folder.path()));
    assert!(output.status.success(), "{}", printed(&output));
    let store = open(folder.path()).await;
    let (live, blocks) = (live(), as_blocks(&store).await);
    let local = Prometheus::start(generation, &[&live, &blocks], "global: {}\n").await;
    let (_api, address) = serve(folder.path(), &["--api.requests-per-second", "0"]).await;
    let remote = Prometheus::start(generation, &[&live], &remote_read(&address)).await;
    let unreduced = remote_read(&address).replace("/prometheus/read", "/prometheus/read?hints=ignore");
    let unreduced = Prometheus::start(generation, &[&live], &unreduced).await;
    let steps = remote_read(&address).replace("/prometheus/read", "/prometheus/read?hints=steps");
    let steps = Prometheus::start(generation, &[&live], &steps).await;
    let mut dice = Dice(20_260_329);
    let (mut answered, mut samples) = (0, 0);
    for n in 0..QUESTIONS {
        let (question, on_steps) = question(&mut dice);
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
        // The dearest: every sample, and in version 2 as whole responses.
        if n % 4 == 0 {
            let whole = ask(&unreduced, &ours).await;
            assert!(same(&got, &whole), "hints change {ours}\n{when}\n{got:?}\n{whole:?}");
        }
        if on_steps {
            let fewer = ask(&steps, &ours).await;
            assert!(same(&got, &fewer), "steps change {ours}\n{when}\n{got:?}\n{fewer:?}");
        }
        answered += usize::from(!got.is_empty());
        samples += got.values().map(Vec::len).sum::<usize>();
    }
    assert!(
        answered > QUESTIONS / 2 && samples > 40 * QUESTIONS,
        "{answered} questions had an answer, {samples} samples in all"
    );
    store.close().await;
}

async fn window_of_days_holds_a_sample_a_day_through_both_clock_changes(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first: Day = "2025-01-01".parse().unwrap();
    let zones = [("me", "Europe/Berlin"), ("ann", "America/New_York"), ("bob", "Australia/Lord_Howe")];
    let days: Vec<(Day, u8)> = (0..430).map(|n| (first.plus(n), u8::try_from(n % 90 + 1).unwrap())).collect();
    for (name, zone) in zones {
        put_of(&store, name, zone, &days).await;
    }
    store.close().await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let prometheus = Prometheus::start(generation, &[], &remote_read(&address)).await;
    // Whole hours, which midnights are, and a minute next to them.
    for (start, end) in
        [("2025-02-05T00:00:00Z", "2026-02-25T00:00:00Z"), ("2025-02-05T00:01:00Z", "2026-02-25T00:01:00Z")]
    {
        for (function, days) in [("count", 28.0), ("count", 7.0), ("count", 1.0)] {
            let query = format!("{function}_over_time(oura_sleep_score{{source=\"history\"}}[{days}d])");
            let answer = prometheus.range(&query, ms(start), ms(end), HOUR).await;
            assert_eq!(answer.len(), zones.len(), "{query}");
            for (labels, samples) in answer {
                let other = samples.iter().find(|(_, value)| value.to_bits() != f64::to_bits(days));
                assert_eq!(other, None, "{query} of {labels}");
                assert!(samples.len() > 9_000, "{}", samples.len());
            }
        }
    }
}

async fn offset_inside_a_subquery_misses_no_day(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let first: Day = "2026-01-01".parse().unwrap();
    put(&store, &(0..60).map(|n| (first.plus(n), 80)).collect::<Vec<_>>()).await;
    store.close().await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let prometheus = Prometheus::start(generation, &[], &remote_read(&address)).await;
    let series = "oura_sleep_score{source=\"history\"}";
    for of in ["S offset 12h and on () vector(1)", "sum(S offset 7h13m)", "S offset 1h == S offset 2h", "S"] {
        let query = format!("count_over_time(({})[10d:1d])", of.replace('S', series));
        let answer = prometheus.instant(&query, ms("2026-02-15T12:34:56Z")).await;
        let values: Vec<f64> = answer.into_values().flatten().map(|(_, value)| value).collect();
        assert_eq!(values, [10.0], "{query}");
    }
}

/// Why samples on the steps alone are not what is answered unless it is asked for: two queries of which one is evaluated
/// at midnight and the other at noon ask the same.
async fn panel_and_offset_hidden_in_a_subquery_ask_the_same(generation: Generation) {
    let asked: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let kept = asked.clone();
    let keep = async move |body: axum::body::Bytes| {
        kept.lock().unwrap().push(body.to_vec());
        axum::http::StatusCode::BAD_REQUEST
    };
    let recorder = crate::monitoring::serve(axum::Router::new().fallback(keep)).await;
    let prometheus = Prometheus::start(generation, &[], &remote_read(&recorder)).await;
    let series = "oura_sleep_score{source=\"history\"}";
    let query = |path: &str, parameters: &[(&str, String)]| {
        let url = format!("{}/api/v1/{path}", prometheus.url);
        crate::process::http().get(reqwest::Url::parse_with_params(&url, parameters).unwrap()).send()
    };
    let panel = [
        ("query", series.to_owned()),
        ("start", "2026-02-05T00:00:00Z".to_owned()),
        ("end", "2026-02-15T00:00:00Z".to_owned()),
        ("step", "1d".to_owned()),
    ];
    query("query_range", &panel).await.unwrap();
    let hidden = [
        ("query", format!("count_over_time(({series} offset 12h and on () vector(1))[10d:1d])")),
        ("time", "2026-02-15T12:00:00Z".to_owned()),
    ];
    query("query", &hidden).await.unwrap();
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1]);
}

async fn exported_blocks_equal_remote_read_and_corrections_show_at_once(generation: Generation) {
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
    assert!(output.status.success(), "{}", printed(&output));
    assert!(printed(&output).contains("--max-block-duration"), "{}", printed(&output));
    let local =
        Prometheus::start(generation, &[&std::fs::read_to_string(&file).unwrap()], "global: {}\n").await;
    let (_api, address) = serve(folder.path(), &[]).await;
    let remote = Prometheus::start(generation, &[], &remote_read(&address)).await;
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

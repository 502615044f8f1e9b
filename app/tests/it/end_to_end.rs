//! The main job, end to end: the demo runs, a real Prometheus scrapes it, a real browser draws it, and both say what
//! the simulated cloud printed.

use std::process::Command;

use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::Value;
use simulator::{Life, Person};

use crate::generation::{Generation, on_each_generation};
use crate::process::{Running, WAIT_TIMEOUT, finish, get, json, provided, service, until};
use crate::web::complaints;

const SEED: &str = "5";

/// The day the simulated ring begins: long enough ago for a history, short enough for a test.
fn since() -> Date {
    now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_sub(400.days())
}

pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the demo lives in real time")]
    Timestamp::now()
}

/// A demo of its own, and the same life to compare it with.
struct Demo {
    running: Running,
    web: String,
    api: String,
    person: Person,
    started: Timestamp,
    _folder: tempfile::TempDir,
}

impl Demo {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let since = since();
        let command = service(&["demo", "--seed", SEED, "--since", &since.to_string()], folder.path());
        let started = now();
        let running = Running::start(command);
        let (web, api) = (running.address("web").await, running.address("api").await);
        let person = Person::new(Life::new(SEED.parse().unwrap(), since));
        Self { running, web, api, person, started, _folder: folder }
    }

    /// Waits until all of history has been read: until the first days of the ring are there.
    async fn complete(&self) {
        let scored = |day: &Date| {
            self.person
                .documents("daily_readiness", *day, now())
                .iter()
                .any(|document| document["score"].is_number())
        };
        let first = (0..60).map(|n| since().saturating_add(n.days())).find(scored).unwrap();
        for metric in ["sleep_score", "sleep_time_in_bed", "readiness_score", "activity_steps"] {
            until("the whole history", async || {
                let trend = self.trend(metric, since()).await?;
                let points = trend["points"].as_array()?.iter();
                let mut points = points.filter(|point| point["start"] == first.to_string());
                points.any(|point| point["value"].is_number()).then_some(())
            })
            .await;
        }
    }

    async fn trend(&self, metric: &str, from: Date) -> Option<Value> {
        let to = now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let url = format!("http://{}/api/v1/trends/{metric}?from={from}&to={to}&bucket=day", self.api);
        serde_json::from_str(&get(&url).await?).ok()
    }

    /// The newest documents' values of a field, as the cloud held them at some moment of this test: a morning's sync
    /// may fall into it. A document that says nothing of the field, or is too old to be "now", is `None`.
    fn held(&self, collection: &str, field: &str) -> Vec<Option<f64>> {
        let newest = |at: Timestamp| {
            let tomorrow = at.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(1.day());
            let newest = (0..=3).find_map(|back| {
                let documents = self.person.documents(collection, tomorrow.saturating_sub(back.days()), at);
                documents.last().map(|document| document[field].as_f64())
            });
            newest.flatten()
        };
        vec![newest(self.started), newest(now())]
    }
}

/// A Prometheus that scrapes one address every second.
fn prometheus(generation: Generation, target: &str) -> (Running, String, tempfile::TempDir) {
    prometheus_with(
        generation,
        &format!("  - job_name: myhealth\n    static_configs: [{{targets: ['{target}']}}]\n"),
    )
}

/// A Prometheus with these jobs, each once a second.
pub(crate) fn prometheus_with(generation: Generation, jobs: &str) -> (Running, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!("global: {{scrape_interval: 1s}}\nscrape_configs:\n{jobs}");
    std::fs::write(&config, text).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = generation.prometheus();
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let running = Running::start(command);
    (running, format!("http://127.0.0.1:{port}"), folder)
}

/// The value of an instant query that has exactly one sample.
pub(crate) async fn ask(prometheus: &str, query: &str) -> Option<f64> {
    let url =
        reqwest::Url::parse_with_params(&format!("{prometheus}/api/v1/query"), [("query", query)]).unwrap();
    let answer: Value = serde_json::from_str(&get(url.as_str()).await?).ok()?;
    match answer["data"]["result"].as_array()?.as_slice() {
        [one] => one["value"][1].as_str()?.parse().ok(),
        _ => None,
    }
}
on_each_generation!(prometheus_shows_the_values_of_the_cloud, promtool_check_metrics_is_clean);

async fn prometheus_shows_the_values_of_the_cloud(generation: Generation) {
    let demo = Demo::start().await;
    let (_running, prometheus, _folder) = prometheus(generation, &demo.web);
    for (query, collection, field, factor) in [
        ("oura_sleep_score", "daily_sleep", "score", 1.0),
        ("oura_readiness_score", "daily_readiness", "score", 1.0),
        ("oura_temperature_deviation_celsius", "daily_readiness", "temperature_deviation", 1.0),
        ("oura_activity_steps", "daily_activity", "steps", 1.0),
        ("oura_activity_total_energy_joules", "daily_activity", "total_calories", 4184.0),
    ] {
        // A score can be missing on the very day of this test; then there must be no gauge.
        let same = |held: Option<f64>, value: Option<f64>| match (held, value) {
            (Some(held), Some(value)) => (held * factor - value).abs() < 1e-9,
            (held, value) => held.is_none() && value.is_none(),
        };
        until(&format!("{query} as the cloud holds it"), async || {
            let value = ask(&prometheus, query).await;
            demo.held(collection, field).into_iter().any(|held| same(held, value)).then_some(())
        })
        .await;
    }
    let day = until("a day", async || ask(&prometheus, "sum(oura_activity_duration_seconds)").await).await;
    assert!(day > 0.0 && day <= 90_000.0, "the levels of a day are a day: {day}");
    assert_eq!(until("up", async || ask(&prometheus, "up").await).await.to_bits(), 1.0_f64.to_bits());
    let difference = "sum(oura_sleep_stage_duration_seconds) - sum(oura_sleep_time_in_bed_seconds)";
    if let Some(difference) = ask(&prometheus, difference).await {
        assert!(difference.abs() < 1.0, "the stages of a night are the night: {difference}");
    }
    let age = ask(&prometheus, "time() - oura_newest_day_timestamp_seconds{collection='daily_activity'}")
        .await
        .unwrap();
    // In the east it is already tomorrow; a ring in a drawer makes days old.
    assert!((-86_400.0..8.0 * 86_400.0).contains(&age), "{age}");
}

async fn promtool_check_metrics_is_clean(generation: Generation) {
    let demo = Demo::start().await;
    let metrics = format!("http://{}/metrics", demo.web);
    until("gauges", async || get(&metrics).await.filter(|body| body.contains("oura_heart_rate"))).await;
    let body = get(&metrics).await.unwrap();
    assert_eq!(complaints(generation, &body), Vec::<String>::new());

    let openmetrics =
        crate::process::http().get(&metrics).header("accept", "application/openmetrics-text;version=1.0.0");
    let openmetrics = openmetrics.send().await.unwrap().text().await.unwrap();
    assert!(openmetrics.ends_with("\n# EOF\n"));
}

#[tokio::test]
async fn history_equals_the_simulated_life() {
    let demo = Demo::start().await;
    demo.complete().await;
    let settled = now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_sub(10.days());
    let trend = demo.trend("readiness_score", since()).await.unwrap();
    let mut compared = 0;
    for point in trend["points"].as_array().unwrap() {
        let day: Date = point["start"].as_str().unwrap().parse().unwrap();
        if day > settled {
            continue;
        }
        let held = demo.person.documents("daily_readiness", day, now());
        let held = held.last().and_then(|document| document["score"].as_f64());
        assert_eq!(point["value"].as_f64(), held, "{day}");
        compared += 1;
    }
    assert!(compared > 380, "{compared} days");
    assert!(!demo.running.output().contains("ERROR"), "{}", demo.running.output());
}

#[tokio::test]
async fn browser_renders_the_page() {
    let demo = Demo::start().await;
    demo.complete().await;
    let dashboard = json(&format!("http://{}/api/v1/dashboard", demo.api)).await;
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(provided("MYHEALTH_TEST_CHROMIUM"));
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--virtual-time-budget=15000",
        "--dump-dom",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("http://{}/", demo.web));
    let page = tokio::time::timeout(WAIT_TIMEOUT, tokio::task::spawn_blocking(move || finish(command)));
    let page = String::from_utf8(page.await.unwrap().unwrap().stdout).unwrap();
    assert!(page.contains("data-state=\"ready\""), "{page}");
    for score in ["sleep", "readiness", "activity"] {
        let value = &dashboard["values"][format!("{score}_score")]["value"];
        let printed = value.as_f64().map_or("–".to_owned(), |value| value.to_string());
        let element = format!("data-testid=\"score-{score}\"");
        let after = page.split_once(&element).unwrap_or_else(|| panic!("no {element}")).1;
        let text = after.split_once('>').unwrap().1.split_once('<').unwrap().0;
        assert_eq!(text.trim(), printed, "{score}");
    }
    for metric in ["sleep_score", "sleep_average_hrv", "activity_steps"] {
        let figure = page
            .split("<figure")
            .find(|figure| figure.contains(&format!("data-metric=\"{metric}\"")))
            .unwrap();
        let points = figure.split_once("data-points=\"").unwrap().1.split_once('"').unwrap().0;
        assert!(points.parse::<usize>().unwrap() > 60, "{metric} has {points} points");
    }
    for outside in ["src=\"http", "href=\"http", "src=\"//", "@import", "url(http"] {
        assert!(!page.contains(outside), "{outside}: nothing from outside");
    }
}

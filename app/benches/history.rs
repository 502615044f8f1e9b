//! History by remote read against the same history in local blocks and in VictoriaMetrics: `cargo xtask bench history`.
//!
//! Ten years of everything, a point every five minutes for ten years, and a hundred people for ninety days. Runs are
//! interleaved, because a machine drifts; ratios are of medians.
//!
//! Two more columns say whose time it is: the API alone, asked for the same bytes without a Prometheus, on SQLite and on
//! PostgreSQL; and the floor, a Prometheus that is answered by a server that has these bytes ready.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints what it measured, or has failed"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use domain::{Collection, Day, DayRange, Document, Metric};
use jiff::{SignedDuration, Timestamp, civil::date};
use store::{Batch, Location, Origin, Store};

const RUNS: usize = 11;
const FIRST: Day = Day::literal(2016, 1, 1);
const LAST: Day = Day::literal(2025, 12, 31);

fn now() -> Timestamp {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the runner tells where its programs are")]
fn program(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set; run `cargo xtask bench history`"))
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn apply(store: &Store, person: i64, collection: Collection, documents: Vec<Document>) {
    for documents in documents.chunks(400) {
        let documents = documents.to_vec();
        let batch = Batch {
            person,
            collection,
            covered: None,
            origin: Origin::Import,
            documents,
            nearby: Vec::new(),
            rejected: Vec::new(),
        };
        store.apply(&batch, now()).await.unwrap();
    }
}

/// A simulated life, a heart that is looked at every five minutes, and a study of a hundred people.
async fn fill(store: &Store) {
    let life = simulator::Person::new(simulator::Life::new(1, date(2015, 12, 1)));
    let me = store.ensure_person(&"me".parse().unwrap(), "Europe/Berlin", now()).await.unwrap().id;
    let days = DayRange::new(FIRST, LAST).unwrap();
    for &collection in Collection::ALL {
        if collection.window() == domain::Window::Instants {
            continue;
        }
        let of = |day: Day| life.documents(collection.name(), day.date(), now());
        let parsed =
            days.days().flat_map(of).filter_map(|body| Document::parse(collection, &body.to_string()).ok());
        apply(store, me, collection, parsed.collect()).await;
    }
    let rows = |day: Day| {
        (0..288_i64).map(move |n| {
            let at = day.midnight_utc() + SignedDuration::from_mins(5 * n);
            let bpm = 55 + (n * 7919 + day.since(FIRST) * 104_729) % 40;
            format!("{{\"timestamp\":\"{at}\",\"bpm\":{bpm},\"source\":\"awake\"}}")
        })
    };
    let heart = store.ensure_person(&"heart".parse().unwrap(), "UTC", now()).await.unwrap().id;
    for chunk in days.chunks(100) {
        let rows: Vec<String> = chunk.days().flat_map(rows).collect();
        let (documents, _) = Document::group_rows(Collection::HeartRate, rows.iter().map(String::as_str));
        apply(store, heart, Collection::HeartRate, documents).await;
    }
    for n in 0..100_i64 {
        let name = format!("p-{n:03}").parse().unwrap();
        let person = store.ensure_person(&name, "America/New_York", now()).await.unwrap().id;
        let document = |day: Day| {
            let points = 60 + (day.since(FIRST) * 31 + n * 17) % 40;
            let body = format!(
                "{{\"id\":\"{day}\",\"day\":\"{day}\",\"score\":{points},\"contributors\":{{\"timing\":{points}}}}}"
            );
            Document::parse(Collection::DailySleep, &body).unwrap()
        };
        apply(
            store,
            person,
            Collection::DailySleep,
            DayRange::ending(LAST, 90).days().map(document).collect(),
        )
        .await;
    }
}

/// `place` says where the data is: two words.
fn myhealth(words: &[&str], place: [&str; 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myhealth"));
    command.env_clear().args(words).args(place).stdin(Stdio::null());
    command
}

fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The API and where it listens.
fn serve(place: [&str; 2]) -> (Running, String) {
    let listen = [
        "serve",
        "--roles",
        "api",
        "--web.listen-address",
        "127.0.0.1:0",
        "--api.listen-address",
        "127.0.0.1:0",
    ];
    let mut child = myhealth(&listen, place).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("api docs")).unwrap();
    let address = line.split_once("http://").unwrap().1.split('/').next().unwrap().to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    (Running(child), address)
}

fn prometheus(folder: &Path, data: &Path, config: &str) -> (Running, String) {
    std::fs::write(folder.join("prometheus.yml"), config).unwrap();
    let address = format!("127.0.0.1:{}", port());
    let mut command = Command::new(program("MYHEALTH_TEST_PROMETHEUS"));
    command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", data.display()));
    command.args(["--storage.tsdb.retention.time=100y", &format!("--web.listen-address={address}")]);
    (Running(command.stderr(Stdio::null()).spawn().unwrap()), format!("http://{address}"))
}

fn victoriametrics(data: &Path) -> (Running, String) {
    let address = format!("127.0.0.1:{}", port());
    let mut command = Command::new(program("MYHEALTH_BENCH_VICTORIAMETRICS"));
    command.arg(format!("-storageDataPath={}", data.display()));
    command.args(["-retentionPeriod=100y", &format!("-httpListenAddr={address}")]);
    (
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()),
        format!("http://{address}"),
    )
}

/// What was asked last and, by question, what the API said.
#[derive(Default)]
struct Said {
    last: Bytes,
    answers: HashMap<Bytes, (HeaderMap, Bytes)>,
}

/// A server that asks the API once for each question and has the answer ready from then on.
#[derive(Clone)]
struct Replay {
    http: reqwest::Client,
    api: String,
    said: Arc<Mutex<Said>>,
}

impl Replay {
    async fn start(http: &reqwest::Client, api: String) -> (Self, String) {
        let replay = Self { http: http.clone(), api, said: Arc::default() };
        let router = Router::new().fallback(post(Self::answer)).with_state(replay.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (replay, address)
    }

    async fn answer(State(replay): State<Self>, headers: HeaderMap, body: Bytes) -> (HeaderMap, Bytes) {
        let known = replay.said.lock().unwrap().answers.get(&body).cloned();
        let answer = if let Some(answer) = known {
            answer
        } else {
            let asked = replay.http.post(&replay.api).headers(headers).body(body.clone());
            let answer = asked.send().await.unwrap().error_for_status().unwrap();
            let mut headers = answer.headers().clone();
            headers.remove("transfer-encoding");
            (headers, answer.bytes().await.unwrap())
        };
        let mut said = replay.said.lock().unwrap();
        said.last.clone_from(&body);
        said.answers.entry(body).or_insert(answer).clone()
    }

    /// What a Prometheus asked last, and how long the answer is.
    fn last(&self) -> (Bytes, usize) {
        let said = self.said.lock().unwrap();
        (said.last.clone(), said.answers[&said.last].1.len())
    }
}

/// The API alone: the time to its answer's last byte.
async fn alone(http: &reqwest::Client, url: &str, question: &Bytes) -> Duration {
    let started = Instant::now();
    let answer = http.post(url).body(question.clone()).send().await.unwrap().error_for_status().unwrap();
    answer.bytes().await.unwrap();
    started.elapsed()
}

async fn ready(http: &reqwest::Client, url: &str) {
    let started = Instant::now();
    while http.get(url).send().await.ok().is_none_or(|answer| !answer.status().is_success()) {
        assert!(started.elapsed() < Duration::from_mins(2), "waited in vain for {url}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

struct Question {
    name: &'static str,
    /// To remote read, and to those that hold samples.
    ours: String,
    theirs: String,
    days: i64,
}

fn questions() -> Vec<Question> {
    let daily: Vec<String> =
        domain::METRICS.iter().filter(|metric| !metric.is_series()).map(Metric::name).collect();
    let mut names = daily.clone();
    names.dedup();
    let several = |names: &[String]| {
        format!("last_over_time({{source=\"history\",person=\"me\",__name__=~\"{}\"}}[1d])", names.join("|"))
    };
    let question = |name, ours: String, days| Question { name, theirs: ours.clone(), ours, days };
    let score = "oura_sleep_score{source=\"history\",person=\"me\"}";
    vec![
        question("1 metric, 10 years, mean of 28 days", format!("avg_over_time({score}[28d])"), 3650),
        Question {
            name: "1 metric, 10 years, a panel of days",
            ours: score.to_owned(),
            theirs: format!("last_over_time({score}[1d])"),
            days: 3650,
        },
        question("20 metrics, 10 years, days", several(&names[..20.min(names.len())]), 3650),
        question("all metrics, 10 years, days", several(&names), 3650),
        question(
            "1.05 M points, 10 years, means of days",
            "avg_over_time(oura_heart_rate_beats_per_minute{source=\"history\",person=\"heart\"}[1d])"
                .to_owned(),
            3650,
        ),
        question(
            "100 people, 90 days, means of weeks",
            "avg_over_time(oura_sleep_score{source=\"history\",person=~\"p-.*\"}[7d])".to_owned(),
            90,
        ),
    ]
}

/// One answer: how long it took, how many series it has, and a sum over its values, by which answers are compared.
async fn ask(http: &reqwest::Client, url: &str, query: &str, days: i64) -> (Duration, usize, f64) {
    let end = LAST.midnight_utc().as_second() + 43_200;
    let (start, end) = ((end - days * 86_400).to_string(), end.to_string());
    let parameters =
        [("query", query), ("start", &start), ("end", &end), ("step", "86400"), ("nocache", "1")];
    let url = reqwest::Url::parse_with_params(&format!("{url}/api/v1/query_range"), parameters).unwrap();
    let started = Instant::now();
    let body = http.get(url).send().await.unwrap().bytes().await.unwrap();
    let took = started.elapsed();
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(answer["status"] == "success" && answer["warnings"].is_null(), "{query}: {answer}");
    let result = answer["data"]["result"].as_array().unwrap();
    let values = result.iter().flat_map(|series| series["values"].as_array().unwrap());
    let sum = values.map(|pair| pair[1].as_str().unwrap().parse::<f64>().unwrap()).sum();
    (took, result.len(), sum)
}

/// A line of /proc/PID/status, in megabytes.
fn memory(running: &Running, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap_or_default();
    let found = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.split_whitespace().next()?.parse::<f64>().ok());
    found.unwrap_or(f64::NAN) / 1024.0
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let data = path("data");
    let sqlite = ["--data-dir", data.to_str().unwrap()];
    let server = store::testing::empty_database_url().await;
    let postgres = ["--database-url", server.as_str()];
    let run = |mut command: Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(myhealth(&["migrate"], postgres));
    for (name, location) in
        [("SQLite", Location::Sqlite(data.join("myhealth.db"))), ("PostgreSQL", server.parse().unwrap())]
    {
        let started = Instant::now();
        let store = Store::open(&location).await.unwrap();
        fill(&store).await;
        store.close().await;
        println!("{name} filled in {:.0} s", started.elapsed().as_secs_f64());
    }
    let started = Instant::now();
    let om = path("history.om");
    print!("{}", run(myhealth(&["export", "openmetrics", om.to_str().unwrap()], sqlite)));
    println!("exported in {:.1} s", started.elapsed().as_secs_f64());
    let jsonl = path("history.jsonl");
    run(myhealth(&["export", "victoriametrics", jsonl.to_str().unwrap()], sqlite));
    let started = Instant::now();
    let mut promtool = Command::new(program("MYHEALTH_TEST_PROMTOOL"));
    promtool.args(["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=4374h", "--quiet"]);
    promtool.arg(&om).arg(path("blocks"));
    run(promtool);
    println!("promtool made blocks in {:.0} s", started.elapsed().as_secs_f64());

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (api, address) = serve(sqlite);
    let (api_postgres, address_postgres) = serve(postgres);
    let read = |address: &str| format!("http://{address}/api/v1/prometheus/read");
    let (replay, ready_made) = Replay::start(&http, read(&address)).await;
    let remote = |name: &str, address: &str| {
        let config = format!(
            "remote_read:\n  - url: {}\n    read_recent: true\n    required_matchers: {{source: history}}\n",
            read(address)
        );
        std::fs::create_dir(path(name)).unwrap();
        prometheus(&path(name), &path(name).join("data"), &config)
    };
    let (_remote, remote_read) = remote("remote", &address);
    let (_floor, floor) = remote("floor", &ready_made);
    std::fs::create_dir(path("local")).unwrap();
    let (_local, local) = prometheus(&path("local"), &path("blocks"), "global: {}\n");
    let (_victoria, victoria) = victoriametrics(&path("victoria"));
    for url in [&remote_read, &floor, &local] {
        ready(&http, &format!("{url}/-/ready")).await;
    }
    ready(&http, &format!("{victoria}/health")).await;
    let body = std::fs::read(&jsonl).unwrap();
    let imported = http.post(format!("{victoria}/api/v1/import")).body(body).send().await;
    imported.unwrap().error_for_status().unwrap();
    http.get(format!("{victoria}/internal/force_flush")).send().await.unwrap();
    for address in [&address, &address_postgres] {
        ready(&http, &format!("http://{address}/api/v1/health")).await;
    }

    let idle = [memory(&api, "VmRSS:"), memory(&api_postgres, "VmRSS:")];
    println!(
        "{:<36} {:>8} {:>8} {:>8} {:>8} | {:>6} {:>6} | {:>8} {:>8} {:>9}",
        "ms", "remote", "floor", "blocks", "victoria", "/block", "/floor", "SQLite", "Postgres", "bytes"
    );
    for Question { name, ours, theirs, days } in questions() {
        let (mut times, mut sums) = ([const { Vec::new() }; 6], [(0, 0.0); 4]);
        for run in 0..=RUNS {
            let asked = [(&remote_read, &ours), (&floor, &ours), (&local, &theirs), (&victoria, &theirs)];
            for (n, (url, query)) in asked.into_iter().enumerate() {
                let (took, series, sum) = ask(&http, url, query, days).await;
                sums[n] = (series, sum);
                times[n].push(took);
            }
            let (question, _) = replay.last();
            times[4].push(alone(&http, &read(&address), &question).await);
            times[5].push(alone(&http, &read(&address_postgres), &question).await);
            // The first is to warm up.
            if run == 0 {
                times.iter_mut().for_each(Vec::clear);
            }
        }
        let [ours, floor, blocks, victoria, sqlite, postgres] = times.each_mut().map(|times| median(times));
        let differs = (sums[0].1 - sums[2].1).abs() > 1e-6 * sums[2].1.abs();
        let note =
            if sums[0].0 != sums[2].0 || differs { "  answers differ at the edges of days" } else { "" };
        println!(
            "{name:<36} {ours:>8.1} {floor:>8.1} {blocks:>8.1} {victoria:>8.1} | {:>6.2} {:>6.2} | {sqlite:>8.1} {postgres:>8.1} {:>9}{note}",
            ours / blocks,
            ours / floor,
            replay.last().1
        );
    }
    tell_memory("SQLite", &api, idle[0]);
    tell_memory("PostgreSQL", &api_postgres, idle[1]);
}

fn tell_memory(name: &str, api: &Running, idle: f64) {
    let peak = memory(api, "VmHWM:");
    println!(
        "api, {name}: {idle:.0} MB resident when idle, {peak:.0} MB at its peak, {:.0} MB above",
        peak - idle
    );
}

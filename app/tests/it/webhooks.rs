//! News within a minute: the binary subscribes at a simulated cloud and shows a night that nobody polled for.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use simulator::{Application, Deliveries, Fault, Life, Person};
use tokio::sync::Notify;

use crate::process::{Running, finish, get, http, myhealth, printed, until};

const TOKEN: &str = "b7f1c0de-simulated-access-token-of-webhooks";
const SECRET: &str = "5eed9a11-simulated-client-secret-of-webhooks";
const CALLBACK: &str = "https://health.example.org/oura/webhook";

/// Where the news goes.
const THERE: [&str; 2] = ["--webhook.callback-url", CALLBACK];

/// The gauge of last night's score.
const GAUGE: &str = "oura_sleep_score{person=\"me\"}";

/// The instant that is now for the binary and, later, for the cloud.
fn real() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "signatures are compared with the machine's clock")]
    Timestamp::now()
}

/// A life with a scored night that a gauge shows today, that night, and its score.
fn life_with_a_night() -> (Life, Date, String, f64) {
    let today = TimeZone::UTC.to_datetime(real()).date();
    for seed in 0..50 {
        let life = Life::new(seed, today.saturating_sub(40.days()));
        let person = Person::new(life.clone());
        for day in [today, today.saturating_sub(1.day())] {
            let documents = person.documents("daily_sleep", day, real());
            if let Some((document, score)) = documents.last().and_then(|it| Some((it, it["score"].as_f64()?)))
            {
                return (life, day, document["id"].as_str().unwrap().to_owned(), score);
            }
            // A gauge shows the newest night; if that has no score, another life has to do.
            if !documents.is_empty() {
                break;
            }
        }
    }
    panic!("fifty people, and none has slept");
}

/// A cloud that is behind until told, so that there is news.
struct Cloud {
    oura: Arc<simulator::Cloud>,
    /// Seconds that the cloud is behind.
    behind: Arc<AtomicI64>,
    base: String,
    /// Where its events really go.
    port: u16,
    night: Date,
    user: String,
    id: String,
    score: f64,
}

impl Cloud {
    fn start() -> Self {
        let (life, night, id, score) = life_with_a_night();
        let before =
            TimeZone::UTC.to_timestamp(night.at(0, 0, 0, 0)).unwrap() - SignedDuration::from_hours(2);
        let behind = Arc::new(AtomicI64::new(real().duration_since(before).as_secs()));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (read, client) = (behind.clone(), http());
        let user = Person::new(life.clone()).personal_info(real())["id"].as_str().unwrap().to_owned();
        let cloud =
            simulator::Cloud::new(move || real() - SignedDuration::from_secs(read.load(Ordering::Relaxed)))
                .with_person(TOKEN, Person::new(life), simulator::SCOPES)
                .with_application(Application {
                    id: "app".into(),
                    secret: SECRET.into(),
                    redirect_uri: "http://localhost/".into(),
                    expires_in: 86_400,
                    unticked: Vec::new(),
                })
                .with_callbacks(move |request| tunnel(client.clone(), request, port));
        let oura = Arc::new(cloud);
        let router = oura.router();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        // On a thread of its own: tests block while they wait for processes.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { oura, behind, base, port, night, user, id, score }
    }

    /// The flags of the application.
    fn application(&self) -> [&str; 6] {
        ["--oura-url", &self.base, "--oura-client-id", "app", "--oura-client-secret", SECRET]
    }

    /// Serves this cloud's person from a folder, asking unbidden once a day only.
    fn serve(&self, folder: &Path) -> Running {
        let mut command =
            myhealth(&["serve", "--oura-token", TOKEN, "--interval", "86400", "--log.level", "trace"]);
        command.args(self.application()).args(THERE).arg("--data-dir").arg(folder);
        command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
        command.args(["--webhook.listen-address", &format!("127.0.0.1:{}", self.port)]);
        command.args(["--time-zone", "Europe/Berlin", "--history-from"]);
        command.arg(self.night.saturating_sub(20.days()).to_string());
        Running::start(command)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = myhealth(words);
        command.args(self.application());
        command
    }

    /// Waits until the first pass is over and every subscription stands.
    async fn ready(&self, metrics: &str) {
        until("the subscriptions", async || {
            get(metrics)
                .await
                .filter(|body| value(body, "myhealth_webhook_subscriptions{state=\"active\"}") == Some(45.0))
        })
        .await;
        until("the first pass", async || {
            let asked = self.oura.log().iter().any(|request| request.path.ends_with("/rest_mode_period"));
            let body = get(metrics).await.filter(|_| asked)?;
            (value(&body, "myhealth_sync_backlog_windows") == Some(0.0)).then_some(())
        })
        .await;
    }

    /// Morning comes.
    async fn catch_up(&self) -> Deliveries {
        assert_eq!(self.oura.deliver().await, Deliveries::default(), "the first look only looks");
        self.behind.store(0, Ordering::Relaxed);
        self.oura.deliver().await
    }
}

/// What stands between Oura and the listener at home.
async fn tunnel(client: reqwest::Client, request: Request<Body>, port: u16) -> Response {
    let (parts, body) = request.into_parts();
    assert_eq!(parts.uri.host(), Some("health.example.org"));
    let url = format!("http://127.0.0.1:{port}{}", parts.uri.path_and_query().unwrap());
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let request = client.request(parts.method, url).headers(parts.headers).body(body);
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let status = answer.status();
    (status, answer.bytes().await.unwrap_or_default()).into_response()
}

/// The value of one series of an exposition.
fn value(body: &str, series: &str) -> Option<f64> {
    body.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// The gauge of the night, when it says this.
async fn shows(metrics: &str, score: f64) {
    until("the gauge of the night", async || {
        let body = get(metrics).await?;
        value(&body, GAUGE).filter(|value| (value - score).abs() < 1e-9)
    })
    .await;
}

#[tokio::test]
async fn webhook_updates_and_deletes_a_gauge_without_polling() {
    let cloud = Cloud::start();
    let folder = tempfile::tempdir().unwrap();
    let running = cloud.serve(folder.path());
    let metrics = format!("http://{}/metrics", running.address("web").await);
    cloud.ready(&metrics).await;
    let newest = "oura_newest_day_timestamp_seconds{person=\"me\",collection=\"daily_sleep\"}";
    let midnight = TimeZone::UTC.to_timestamp(cloud.night.at(0, 0, 0, 0)).unwrap().as_second();
    let held = async || value(&get(&metrics).await.unwrap_or_default(), newest);
    #[expect(clippy::cast_precision_loss, reason = "a midnight is exact")]
    let midnight = midnight as f64;
    assert!(held().await.is_none_or(|newest| newest < midnight), "the night is not known yet");

    let done = cloud.catch_up().await;
    assert!(done.accepted > 4 && done.refused == 0, "{done:?}");
    shows(&metrics, cloud.score).await;
    let listed = |request: &simulator::Request| request.path.ends_with("/daily_sleep");
    let lists = cloud.oura.log().iter().filter(|request| listed(request)).count();
    assert!(lists <= 4, "the first pass asked for days, nobody else did: {lists}");
    until("an empty queue", async || {
        let body = get(&metrics).await?;
        let lag = value(&body, "myhealth_webhook_delivery_lag_seconds_count")?;
        let empty = value(&body, "myhealth_webhook_queue_length") == Some(0.0);
        (empty && lag > 4.0).then_some(())
    })
    .await;

    cloud.oura.delete(&cloud.id);
    assert_eq!(cloud.oura.deliver().await.accepted, 1);
    until("the night to go", async || held().await.is_none_or(|newest| newest < midnight).then_some(()))
        .await;

    // The most talkative log names neither the person, nor a document, nor a secret.
    let printed = running.output();
    for secret in [TOKEN, SECRET, &cloud.user, &cloud.id] {
        assert!(!printed.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn webhook_event_acknowledged_before_a_kill_is_fetched_after_restart() {
    let cloud = Cloud::start();
    let folder = tempfile::tempdir().unwrap();
    let running = cloud.serve(folder.path());
    let metrics = format!("http://{}/metrics", running.address("web").await);
    cloud.ready(&metrics).await;
    // Documents by their id are held back for ever; the receiver answers all the same.
    let hold = Fault::Hold(Arc::new(Notify::new()));
    cloud.oura.faults().always("/v2/usercollection/", hold);
    let asked = cloud.oura.requests();
    let done = cloud.catch_up().await;
    assert!(done.accepted > 4 && done.refused == 0, "{done:?}");
    until("a fetch", async || (cloud.oura.requests() > asked).then_some(())).await;
    running.kill();
    cloud.oura.faults().clear();

    let before = cloud.oura.log().len();
    let running = cloud.serve(folder.path());
    let metrics = format!("http://{}/metrics", running.address("web").await);
    shows(&metrics, cloud.score).await;
    let path = format!("/v2/usercollection/daily_sleep/{}", cloud.id);
    until("the fetch that was lost", async || {
        cloud.oura.log()[before..].iter().any(|request| request.path == path).then_some(())
    })
    .await;
    until("an empty queue", async || {
        let body = get(&metrics).await?;
        (value(&body, "myhealth_webhook_queue_length") == Some(0.0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn webhook_commands_list_repair_and_end_subscriptions() {
    let cloud = Cloud::start();
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let output = finish(cloud.command(words));
        (output.status.code(), printed(&output))
    };
    let data = folder.path().to_str().unwrap();
    let doctor = ["doctor", "--oura-token", TOKEN, "--data-dir", data, THERE[0], THERE[1]];
    let (code, report) = run(&doctor);
    assert!(code == Some(1) && report.contains("45 subscriptions to https://health.example.org"), "{report}");
    let (code, report) = run(&["webhook", "sync", THERE[0], THERE[1]]);
    assert!(code == Some(1) && report.contains("--webhook.listen-address"), "nobody listens: {report}");

    let running = cloud.serve(folder.path());
    let metrics = format!("http://{}/metrics", running.address("web").await);
    cloud.ready(&metrics).await;
    let (code, report) = run(&["webhook", "sync", THERE[0], THERE[1]]);
    assert!(code == Some(0) && report.contains("0 made, 0 renewed, 0 removed"), "{report}");
    let (_, report) = run(&doctor);
    assert!(report.contains("Oura sends every kind of event to"), "{report}");
    let (_, report) = run(&["webhook", "list"]);
    assert!(report.contains("45 subscriptions") && report.contains("vo2_max"), "{report}");
    let delete = || {
        let (code, report) = run(&["webhook", "delete", THERE[0], THERE[1]]);
        assert!(code == Some(0) && report.contains("45 subscriptions ended"), "{report}");
    };
    delete();
    // Made long ago, they end soon.
    cloud.behind.store(85 * 86_400, Ordering::Relaxed);
    let (_, report) = run(&["webhook", "sync", THERE[0], THERE[1]]);
    assert!(report.contains("45 made, 0 renewed, 0 removed"), "{report}");
    let (code, report) = run(&doctor);
    assert!(code == Some(1) && report.contains("45 subscriptions end within a week"), "{report}");
    cloud.behind.store(0, Ordering::Relaxed);
    let (_, report) = run(&["webhook", "sync", THERE[0], THERE[1]]);
    assert!(report.contains("0 made, 45 renewed, 0 removed"), "{report}");
    delete();
    let (_, report) = run(&["webhook", "list"]);
    assert!(!report.contains(SECRET));
}

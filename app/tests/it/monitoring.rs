//! A real Prometheus and a real Alertmanager with the files this repository ships, on ports the system chooses.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::generation::Generation;
use crate::process::{Running, get};

/// A file of this repository.
pub(crate) fn shipped(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A port that is free now, for programs that cannot report which port they took.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The shipped rules, evaluated every second and without waiting: what is tested elsewhere minute by minute
/// (`alerts/tests`) is here only brought to the people.
pub(crate) fn impatient(rules: &str) -> String {
    let line = |line: &str| match line.trim_start().split_once(": ") {
        Some(("interval", _)) => "  interval: 1s".to_owned(),
        Some(("for", _)) => "    for: 0s".to_owned(),
        Some(("keep_firing_for", _)) => "    keep_firing_for: 0s".to_owned(),
        _ => line.to_owned(),
    };
    rules.lines().map(|text| line(text) + "\n").collect()
}

/// A Prometheus that scrapes `targets`, reads history from `api`, and knows `rules`.
pub(crate) struct Prometheus {
    _running: Running,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    pub(crate) fn start(
        generation: Generation,
        targets: &[&str],
        api: &str,
        rules: &[(&str, String)],
        alertmanager: Option<&str>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in rules {
            std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
        }
        let alerting = alertmanager.map_or(String::new(), |address| {
            format!("alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}\n")
        });
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['*.yaml']\n{alerting}\
             remote_read:\n- {{url: 'http://{api}/api/v1/prometheus/read', read_recent: true, required_matchers: {{source: history}}}}\n\
             scrape_configs:\n- {{job_name: myhealth, static_configs: [{{targets: {targets:?}}}]}}\n"
        );
        std::fs::write(&config, text).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = generation.prometheus();
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        Self { _running: Running::start(command), url: format!("http://{address}"), _folder: folder }
    }

    /// The answer to a query, if Prometheus is up: the list of results, or what it says against the question.
    pub(crate) async fn ask(
        &self,
        path: &str,
        parameters: &[(&str, String)],
    ) -> Option<Result<Vec<Value>, String>> {
        let url = format!("{}/api/v1/{path}", self.url);
        let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
        let response = crate::process::http().get(url).send().await.ok()?;
        let mut answer: Value = serde_json::from_str(&response.text().await.ok()?).ok()?;
        Some(match answer["data"]["result"].take() {
            Value::Array(result) => Ok(result),
            _ => Err(answer.to_string()),
        })
    }
}

/// An Alertmanager with the shipped configuration in which every route ends at one receiver and nothing waits.
pub(crate) struct Alertmanager {
    running: Running,
    pub(crate) address: String,
    folder: tempfile::TempDir,
}

impl Alertmanager {
    /// `receiver` is where the messages go; it wants `token`.
    pub(crate) fn start(generation: Generation, receiver: &str, token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("webhook-token");
        std::fs::write(&secret, token).unwrap();
        let line = |line: &str| {
            let indent = &line[..line.len() - line.trim_start().len()];
            match line.trim_start().split_once(": ") {
                Some(("receiver", _)) => format!("{indent}receiver: person"),
                Some((name @ ("group_wait" | "group_interval"), _)) => format!("{indent}{name}: 1s"),
                // Tests run at night too.
                Some(("mute_time_intervals", _)) => format!("{indent}mute_time_intervals: []"),
                _ => line.to_owned(),
            }
        };
        let text = shipped("alerts/alertmanager/alertmanager.yml");
        let text: String = text.lines().map(|text| line(text) + "\n").collect();
        let text = replaced(&text, "http://127.0.0.1:9095/myhealth", receiver);
        let text = replaced(&text, "/etc/alertmanager/secrets/webhook-token", &secret.display().to_string());
        Self::run(generation, folder, &text)
    }

    /// With this configuration and the shipped templates. It says what it does not send.
    pub(crate) fn run(generation: Generation, folder: tempfile::TempDir, text: &str) -> Self {
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, text).unwrap();
        std::fs::create_dir(folder.path().join("templates")).unwrap();
        let template = "templates/myhealth.tmpl";
        std::fs::write(folder.path().join(template), shipped(&format!("alerts/alertmanager/{template}")))
            .unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = generation.alertmanager();
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
        command.arg("--log.level=debug");
        Self { running: Running::start(command), address, folder }
    }

    /// Everything it has printed so far.
    pub(crate) fn log(&self) -> String {
        self.running.output()
    }

    /// From now on another configuration is in force.
    pub(crate) async fn reload(&self, text: &str) {
        std::fs::write(self.folder.path().join("alertmanager.yml"), text).unwrap();
        let url = format!("http://{}/-/reload", self.address);
        let answer = crate::process::http().post(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Tells it alerts, as Prometheus does.
    pub(crate) async fn fire(&self, alerts: &Value) {
        let url = format!("http://{}/api/v2/alerts", self.address);
        crate::process::until("Alertmanager to take alerts", async || {
            let body = alerts.to_string();
            let request = crate::process::http().post(&url).header("content-type", "application/json");
            request.body(body).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
    }

    /// `active` or `suppressed`, for the alert of this name; `None` when there is none.
    pub(crate) async fn state(&self, alert: &str) -> Option<String> {
        let url = format!("http://{}/api/v2/alerts?filter=alertname%3D{alert}", self.address);
        let alerts: Value = serde_json::from_str(&get(&url).await?).ok()?;
        Some(alerts[0]["status"]["state"].as_str()?.to_owned())
    }
}

/// `text` with every `from` replaced; a text without it has changed under this test.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "nothing to replace: {from}");
    text.replace(from, to)
}

/// Another program that receives Alertmanager's messages.
pub(crate) struct Receiver {
    pub(crate) url: String,
    messages: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Messages without `token` are refused.
    pub(crate) async fn start(token: &'static str) -> Self {
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&messages);
        let take = async move |headers: axum::http::HeaderMap, body: String| {
            if headers.get("authorization").is_none_or(|given| given != &format!("Bearer {token}")) {
                return axum::http::StatusCode::UNAUTHORIZED;
            }
            kept.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            axum::http::StatusCode::OK
        };
        let router = axum::Router::new().route("/", axum::routing::post(take));
        Self { url: format!("http://{}/", serve(router).await), messages }
    }

    /// The first firing alert of this name that has arrived.
    pub(crate) fn alert(&self, name: &str) -> Option<Value> {
        let messages = self.messages.lock().unwrap();
        let alerts = messages.iter().filter_map(|message| message["alerts"].as_array()).flatten();
        let mut named =
            alerts.filter(|alert| alert["labels"]["alertname"] == name && alert["status"] == "firing");
        named.next().cloned()
    }
}

/// Serves a router for as long as the test lives, on a thread of its own: tests block while they wait for processes.
pub(crate) async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let listener = listener.into_std().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    address
}

/// Where tests leave what people may want to read.
pub(crate) fn left(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

//! A real Prometheus: started with what is in its folder, asked by HTTP.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::generation::Generation;
use crate::process::{Running, finish, http, printed, until};

/// Labels without the name, and the samples: time in milliseconds and value.
pub(crate) type Answer = BTreeMap<String, Vec<(i64, f64)>>;

pub(crate) struct Prometheus {
    running: Running,
    pub(crate) url: String,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// One whose database holds what these files of OpenMetrics say, with more lines in its configuration.
    pub(crate) async fn start(generation: Generation, files: &[&str], config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        for (n, text) in files.iter().enumerate() {
            let file = folder.path().join(format!("{n}.om"));
            std::fs::write(&file, text).unwrap();
            load(generation, &file, &data);
        }
        let path = folder.path().join("prometheus.yml");
        std::fs::write(&path, config).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = generation.prometheus();
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg("--storage.tsdb.retention.time=100y");
        command.arg("--web.enable-remote-write-receiver");
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let running = Running::start(command);
        let url = format!("http://127.0.0.1:{port}");
        let prometheus = Self { running, url, http: http(), _folder: folder };
        until("Prometheus to be ready", async || {
            crate::process::get(&format!("{}/-/ready", prometheus.url)).await
        })
        .await;
        prometheus
    }

    pub(crate) fn output(&self) -> String {
        self.running.output()
    }

    /// The whole answer of a query, which must succeed without a warning: a failed remote read is only a warning.
    pub(crate) async fn api(&self, path: &str, parameters: &[(&str, String)]) -> Value {
        let url =
            reqwest::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters).unwrap();
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer}\n{}", self.output());
        assert_eq!(answer["warnings"], Value::Null, "{parameters:?}: {answer}\n{}", self.output());
        answer["data"].clone()
    }

    pub(crate) async fn instant(&self, query: &str, at: i64) -> Answer {
        read(&self.api("query", &[("query", query.to_owned()), ("time", seconds(at))]).await)
    }

    pub(crate) async fn range(&self, query: &str, start: i64, end: i64, step: i64) -> Answer {
        let parameters = [
            ("query", query.to_owned()),
            ("start", seconds(start)),
            ("end", seconds(end)),
            ("step", seconds(step)),
        ];
        read(&self.api("query_range", &parameters).await)
    }
}

fn seconds(milliseconds: i64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// Makes blocks of a file, as a user would.
pub(crate) fn load(generation: Generation, file: &Path, data: &Path) {
    let mut command = generation.promtool();
    command.args(["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1458h", "--quiet"]);
    command.args([file, data]);
    let output = finish(command);
    assert!(output.status.success(), "{}", printed(&output));
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "Prometheus prints milliseconds as seconds with a fraction"
)]
fn read(data: &Value) -> Answer {
    let sample = |pair: &Value| {
        let at = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
        (at, pair[1].as_str().unwrap().parse::<f64>().unwrap())
    };
    let samples = |entry: &Value| match entry["values"].as_array() {
        Some(values) => values.iter().map(sample).collect(),
        None => vec![sample(&entry["value"])],
    };
    match data["resultType"].as_str().unwrap() {
        "scalar" => BTreeMap::from([("scalar".to_owned(), vec![sample(&data["result"])])]),
        _ => data["result"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let mut labels = entry["metric"].as_object().unwrap().clone();
                labels.remove("__name__");
                (serde_json::to_string(&labels).unwrap(), samples(entry))
            })
            .collect(),
    }
}

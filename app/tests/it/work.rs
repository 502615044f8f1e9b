//! Long work of the real binary: killed in the middle, watched, fetched.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::killed::{Cloud, SINCE};
use crate::process::{Running, WAIT_TIMEOUT, finish, http, myhealth, printed, until};

/// A running service, and a token for its jobs.
struct Service {
    running: Running,
    api: String,
    token: String,
}

impl Service {
    async fn start(cloud: &Cloud, folder: &Path, token: String) -> Self {
        Self::start_with(cloud, folder, token, |_| ()).await
    }

    async fn start_with(cloud: &Cloud, folder: &Path, token: String, set: impl FnOnce(&mut Command)) -> Self {
        let mut command = cloud.command("serve", folder);
        set(&mut command);
        command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
        let running = Running::start(command);
        let api = running.address("api").await;
        Self { running, api, token }
    }

    async fn ask(&self, work: &Value) -> Option<String> {
        let request = http().post(format!("http://{}/api/v1/jobs", self.api));
        let answer = request.bearer_auth(&self.token).json(work).send().await.ok()?;
        let job: Value = answer.json().await.ok()?;
        Some(job["id"].as_str().unwrap_or_else(|| panic!("{job}")).to_owned())
    }

    async fn get(&self, path: &str) -> Option<reqwest::Response> {
        let request = http().get(format!("http://{}/api/v1/jobs/{path}", self.api));
        request.bearer_auth(&self.token).send().await.ok().filter(|answer| answer.status() == 200)
    }

    async fn job(&self, id: &str) -> Option<Value> {
        self.get(id).await?.json().await.ok()
    }

    async fn ended(&self, id: &str) -> Value {
        until("the end of a job", async || self.job(id).await.filter(|job| job["finished_at"].is_string()))
            .await
    }
}

fn token(folder: &Path) -> String {
    let mut command = myhealth(&["token", "create", "test", "--scope", "jobs", "--data-dir"]);
    command.arg(folder);
    let output = finish(command);
    assert!(output.status.success(), "{}", printed(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn job_of_a_killed_process_is_completed_by_the_next() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let token = token(folder.path());
    // A bucket that takes the call and never answers holds the export; and not every variable is a text.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let service = Service::start_with(&cloud, folder.path(), token.clone(), |serve| {
        serve.args(["--jobs.results", "s3://bucket"]).env("AWS_ENDPOINT", &endpoint);
        serve.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "eu-central-1");
        serve.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        serve.env("GARBAGE", std::ffi::OsStr::from_bytes(b"\xff"));
    })
    .await;
    // The backfill gets on, and not to its end.
    cloud.hold("/v2/usercollection/workout");
    let backfill = json!({"kind": "backfill", "from": SINCE, "to": "2026-03-29"});
    let backfill = service.ask(&backfill).await.unwrap();
    let export = json!({"kind": "export", "format": "ndjson", "what": "points"});
    let export = service.ask(&export).await.unwrap();
    let begun = until("the middle of the work", async || {
        service.job(&backfill).await.filter(|job| job["progress"]["done"].as_i64() > Some(0))
    })
    .await;
    assert_eq!(begun["state"], "running", "{begun}");
    let begun = until("the beginning of the export", async || {
        service.job(&export).await.filter(|job| job["state"] != "queued")
    })
    .await;
    assert_eq!(begun["state"], "running", "{begun}");
    service.running.kill();
    cloud.release();

    let service = Service::start(&cloud, folder.path(), token).await;
    let done = service.ended(&backfill).await;
    assert_eq!((&done["state"], &done["attempts"]), (&json!("done"), &json!(2)), "{done}");
    let done = service.ended(&export).await;
    assert_eq!((&done["state"], &done["attempts"]), (&json!("done"), &json!(2)), "{done}");
    let result = service.get(&format!("{export}/result")).await.unwrap().bytes().await.unwrap();
    assert_eq!(Some(result.len() as u64), done["result"]["bytes"].as_u64());
    let file = folder.path().join("points.ndjson");
    let mut command = myhealth(&["export", "ndjson", "--what", "points", "--data-dir"]);
    let output = finish({
        command.arg(folder.path()).arg(&file);
        command
    });
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(result, std::fs::read(&file).unwrap(), "the command writes the same");
    let whole: Vec<PathBuf> = files(&folder.path().join("results"))
        .into_iter()
        .filter(|path| !path.to_str().unwrap().contains('#'))
        .collect();
    assert_eq!(whole.len(), 1, "half a result never shows: {whole:?}");
}

#[tokio::test]
async fn websocket_follows_a_job_to_its_end() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(finish(cloud.command("sync", folder.path())).status.success());
    let service = Service::start(&cloud, folder.path(), token(folder.path())).await;
    let id = service.ask(&json!({"kind": "report", "period": "month", "day": "2026-02-10"})).await.unwrap();
    let mut socket = std::net::TcpStream::connect(&service.api).unwrap();
    socket.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
    write!(
        socket,
        "GET /api/v1/jobs/{id}/socket HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        service.api, service.token
    )
    .unwrap();
    let told = tokio::task::spawn_blocking(move || {
        let mut told = Vec::new();
        let mut piece = [0; 4096];
        // Until the frame that says goodbye.
        while !told.ends_with(&[0x88, 0x00]) {
            let read = socket.read(&mut piece).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&told));
            told.extend_from_slice(&piece[..read]);
        }
        String::from_utf8_lossy(&told).into_owned()
    });
    let told = told.await.unwrap();
    assert!(told.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{told}");
    assert!(told.contains("\"state\":\"done\""), "{told}");
    let page = service.get(&format!("{id}/result")).await.unwrap().text().await.unwrap();
    assert!(page.contains("<h1>February 2026</h1>"), "{page}");
    let mut running = service.running;
    running.signal("-TERM");
    assert!(running.ended().await.success(), "{}", running.output());
}

//! Starting programs, waiting for what they say, and never leaving one behind.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before the test says it is stuck; nothing waits this long when all is well.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(90);

/// The binary under test, with an environment of its own.
pub(crate) fn myhealth(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myhealth"));
    // The simulated cloud has no limit to respect.
    command.env_clear().env("MYHEALTH_OURA_REQUESTS_PER_MINUTE", "1000000").args(words).stdin(Stdio::null());
    command
}

/// The binary as a service: its data in a folder, its listeners on ports the system chooses.
pub(crate) fn service(words: &[&str], data: &Path) -> Command {
    let mut command = myhealth(words);
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(data);
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Output {
    command.output().unwrap()
}

/// A text of what a finished command printed.
pub(crate) fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// A running program whose output is collected; killed when dropped.
pub(crate) struct Running {
    child: Child,
    output: Arc<Mutex<String>>,
    collectors: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let collectors = vec![
            collect(child.stdout.take().unwrap(), output.clone()),
            collect(child.stderr.take().unwrap(), output.clone()),
        ];
        Self { child, output, collectors }
    }

    /// Everything printed so far.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// Host and port of a listener (`web`, `api` or `webhooks`), as soon as the log's line about the start has it.
    pub(crate) async fn address(&self, listener: &str) -> String {
        let find = || {
            let url = started(&self.output(), listener)?;
            Some(url.split_once("://")?.1.to_owned())
        };
        until(&format!("the address of {listener}"), async || find()).await
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.id()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end, and for the last of what was printed.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let status = until("the process to end", async || self.child.try_wait().unwrap()).await;
        for collector in self.collectors.drain(..) {
            collector.join().unwrap();
        }
        status
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of the log's line about the start, as text or as JSON; the first of several addresses.
pub(crate) fn started(output: &str, field: &str) -> Option<String> {
    let line = output.lines().find(|line| line.contains("started") && line.contains("revision"))?;
    let (text, json) = (format!(" {field}="), format!("\"{field}\":\""));
    let value = line.split_once(&text).or_else(|| line.split_once(&json))?.1;
    Some(value.trim_start_matches('"').split([' ', ',', '"']).next()?.to_owned())
}

fn collect(from: impl Read + Send + 'static, to: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut to = to.lock().unwrap();
            to.push_str(&line);
            to.push('\n');
        }
    })
}

/// Asks again until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < WAIT_TIMEOUT, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The body of an address, when it answers 200.
pub(crate) async fn get(url: &str) -> Option<String> {
    let response = http().get(url).send().await.ok()?;
    if response.status() != 200 {
        return None;
    }
    response.text().await.ok()
}

/// The JSON of an address, as soon as it answers.
pub(crate) async fn json(url: &str) -> serde_json::Value {
    let text = until(url, async || get(url).await).await;
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A program that `cargo xtask test` provides; a missing one is a failure, never a skip.
pub(crate) fn provided(variable: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the test runner tells where its programs are")]
    let path = std::env::var(variable);
    path.unwrap_or_else(|_| {
        panic!("{variable} is not set; run `cargo xtask test`, or `cargo xtask provision` by hand")
    })
}

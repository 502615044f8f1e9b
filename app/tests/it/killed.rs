//! Pulled plugs and polite ends.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use domain::DayRange;
use jiff::Timestamp;
use store::{Location, Store};

use crate::process::{Running, finish, get, myhealth, printed, until};

/// The moment at which that cloud stands still.
pub(crate) const NOW: &str = "2026-03-29T15:00:00Z";
pub(crate) const SINCE: &str = "2025-09-01";
/// Long enough to be found wherever it leaks.
pub(crate) const TOKEN: &str = "b7f1c0de-simulated-access-token-5eed9a11e5";

/// A simulated cloud whose time stands still, so that every reading of it is the same.
pub(crate) struct Cloud {
    cloud: Arc<simulator::Cloud>,
    address: String,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::of(3).await
    }

    /// The account of another person for each seed.
    pub(crate) async fn of(seed: u64) -> Self {
        let now: Timestamp = NOW.parse().unwrap();
        let person = simulator::Person::new(simulator::Life::new(seed, SINCE.parse().unwrap()));
        let cloud = simulator::Cloud::new(move || now).with_person(TOKEN, person, simulator::SCOPES);
        let cloud = Arc::new(cloud);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = cloud.router();
        // On a thread of its own: tests block while they wait for processes.
        std::thread::spawn(move || {
            let listener = listener.into_std().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        Self { cloud, address }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Responses below this path do not come until [`Cloud::release`].
    pub(crate) fn hold(&self, path: &str) {
        self.cloud.faults().always(path, simulator::Fault::Hold(Arc::default()));
    }

    /// Requests from now on are answered.
    pub(crate) fn release(&self) {
        self.cloud.faults().clear();
    }

    pub(crate) fn revoke(&self) {
        self.cloud.revoke(TOKEN);
    }

    /// A command that reads this cloud into a folder.
    pub(crate) fn command(&self, name: &str, folder: &Path) -> Command {
        let folder = folder.to_str().unwrap();
        let mut command =
            myhealth(&[name, "--oura-url", &self.address, "--oura-token", TOKEN, "--data-dir", folder]);
        command.args(["--history-from", SINCE, "--time-zone", "Europe/Berlin"]);
        command
    }
}

/// Health values that this cloud serves, long enough to be no other number: seconds slept in nights of March 2026.
pub(crate) fn secrets() -> Vec<String> {
    let person = simulator::Person::new(simulator::Life::new(3, SINCE.parse().unwrap()));
    let first: jiff::civil::Date = "2026-03-02".parse().unwrap();
    let nights = first.series(jiff::Span::new().days(1)).take(8);
    let documents = nights.flat_map(|day| person.documents("sleep", day, NOW.parse().unwrap()));
    let seconds = documents.map(|document| document["total_sleep_duration"].to_string());
    let secrets: Vec<String> = seconds.filter(|seconds| seconds.len() == 5).collect();
    assert!(secrets.len() > 4, "{secrets:?}");
    secrets
}

/// Everything stored, in words: documents by their totals, numbers one by one.
pub(crate) async fn rows(folder: &Path) -> Vec<String> {
    let store = Store::open(&Location::Sqlite(folder.join("myhealth.db"))).await.unwrap();
    let me = store.person("me").await.unwrap().unwrap();
    let mut rows = vec![format!("{:?}", store.totals(me.id).await.unwrap())];
    let range = DayRange::new(domain::Day::FIRST, domain::Day::LAST).unwrap();
    for metric in domain::METRICS {
        let daily = store.daily(me.id, metric, range).await.unwrap();
        rows.extend(daily.iter().map(|(day, value)| format!("{} {day} {value:?}", metric.key)));
        let series = store.series(me.id, metric, range).await.unwrap();
        rows.extend(series.iter().map(|stored| format!("{} {} {:?}", metric.key, stored.day, stored.series)));
    }
    rows.extend(store.latest_of(me.id).await.unwrap().iter().map(|latest| format!("{latest:?}")));
    for state in store.sync_states(me.id).await.unwrap() {
        rows.push(format!("{} {:?} {:?}", state.collection, state.covered, state.newest_day));
    }
    store.close().await;
    rows
}

#[tokio::test]
async fn first_sync_killed_anywhere_ends_with_the_same_rows() {
    let calm = tempfile::tempdir().unwrap();
    let cloud = Cloud::start().await;
    assert!(finish(cloud.command("sync", calm.path())).status.success());
    let expected = rows(calm.path()).await;
    assert!(expected.len() > 10_000, "there is something to lose: {}", expected.len());

    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::start().await;
    for _ in 0..6 {
        let before = cloud.cloud.requests();
        let running = Running::start(cloud.command("sync", folder.path()));
        // Somewhere in the middle of whatever it does after so many requests.
        until("some requests", async || (cloud.cloud.requests() >= before + 12).then_some(())).await;
        running.kill();
    }
    let output = finish(cloud.command("sync", folder.path()));
    assert!(output.status.success(), "{}", printed(&output));
    assert_eq!(rows(folder.path()).await, expected);
}

#[tokio::test]
async fn signal_stops_cleanly_and_the_next_start_continues() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = cloud.command("serve", folder.path());
        command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
        Running::start(command)
    };
    for signal in ["-TERM", "-INT"] {
        let mut running = start();
        let web = running.address("web").await;
        let ready = format!("http://{web}/-/ready");
        until("readiness", async || get(&ready).await).await;
        assert!(finish(myhealth(&["healthcheck", &ready])).status.success());
        let missing = finish(myhealth(&["healthcheck", &format!("http://{web}/nothing")]));
        assert_eq!(missing.status.code(), Some(1));
        running.signal(signal);
        assert!(running.ended().await.success(), "{}", running.output());
    }
}

#[tokio::test]
async fn second_signal_stops_without_waiting_for_slow_clients() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = cloud.command("serve", folder.path());
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    let mut running = Running::start(command);
    let web = running.address("web").await;
    // A request that never ends keeps its connection open through the first signal.
    let mut slow = std::net::TcpStream::connect(&web).unwrap();
    std::io::Write::write_all(&mut slow, b"GET /metrics HTTP/1.1\r\nHost: x\r\n").unwrap();
    until("the listener", async || get(&format!("http://{web}/-/healthy")).await).await;
    running.signal("-TERM");
    until("the first stage", async || {
        running.output().contains("a second signal stops at once").then_some(())
    })
    .await;
    running.signal("-TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), running.ended()).await.unwrap();
    assert_eq!(ended.code(), Some(1), "work was dropped: {}", running.output());
}

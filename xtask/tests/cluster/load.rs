//! Requests at a steady rate, from the node: as load balancers outside the pods send them, by a Service's address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cluster::{get, until};
use super::namespace::{BEARER, Namespace};

/// What is requested, and how often.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) path: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) per_second: u32,
}

impl Target {
    /// The dashboard of the API of a namespace's release, once it is served.
    pub(crate) fn api(namespace: &Namespace, per_second: u32) -> Self {
        let address = namespace.address("api");
        let path = "/api/v1/dashboard";
        until("the API's dashboard", || (get(&address, 8872, path, BEARER)?.0 == 200).then_some(()));
        Self { address, port: 8872, path, headers: BEARER, per_second }
    }

    /// The gauges of a namespace's release, once they are served.
    pub(crate) fn gauges(namespace: &Namespace, per_second: u32) -> Self {
        let address = namespace.address("exporter");
        until("gauges", || (get(&address, 9872, "/metrics", "")?.0 == 200).then_some(()));
        Self { address, port: 9872, path: "/metrics", headers: "", per_second }
    }
}

/// One request: how long it took, and the status of its response if there was one.
struct Sent {
    took: Duration,
    status: Option<u16>,
}

/// Runs until it is stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    worker: JoinHandle<Vec<JoinHandle<Sent>>>,
}

/// What became of the requests.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: usize,
    /// What came instead of the status 200.
    pub(crate) failures: Vec<Option<u16>>,
    /// The 95th percentile until the end of the response.
    pub(crate) p95: Duration,
}

impl Load {
    pub(crate) fn start(target: Target) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let worker = thread::spawn(move || {
            let pause = Duration::from_secs(1) / target.per_second;
            let mut requests = Vec::new();
            let mut next = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                let target = target.clone();
                // Each on a connection of its own, at its time, whether or not the one before has ended.
                requests.push(thread::spawn(move || {
                    let began = Instant::now();
                    let response = get(&target.address, target.port, target.path, target.headers);
                    Sent { took: began.elapsed(), status: response.map(|(status, _)| status) }
                }));
                next += pause;
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            requests
        });
        Self { stop, worker }
    }

    pub(crate) fn stop(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let requests: Vec<_> =
            self.worker.join().unwrap().into_iter().map(|request| request.join().unwrap()).collect();
        let mut times: Vec<_> = requests.iter().map(|sent| sent.took).collect();
        times.sort_unstable();
        let statuses = requests.iter().map(|sent| sent.status);
        Outcome {
            requests: requests.len(),
            failures: statuses.filter(|status| *status != Some(200)).collect(),
            p95: times[times.len() * 95 / 100],
        }
    }
}

/// Fewer requests prove nothing; how many there are depends on how quick the machine is.
const LEAST: usize = 10;

/// Stops and asserts that every request had the status 200.
#[track_caller]
pub(crate) fn assert_none_failed(name: &str, load: Load) {
    let outcome = load.stop();
    println!("{name}: {} requests, p95 {:?}", outcome.requests, outcome.p95);
    assert!(outcome.requests > LEAST && outcome.failures.is_empty(), "{name}: {outcome:?}");
}

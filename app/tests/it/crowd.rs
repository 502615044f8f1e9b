//! Ten thousand who connect and say nothing.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::process::{Running, WAIT_TIMEOUT, get, http, myhealth, provided, until};

/// Opens as many connections as it is told, says so, and holds them until its input ends. A program of its own, because
/// a process may have few files open, and the limit of a running one is not raised without unsafe code.
const CROWD: &str = "import resource, socket, sys\n\
    port, count = int(sys.argv[1]), int(sys.argv[2])\n\
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n\
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100) if hard > 0 else count + 100, hard))\n\
    crowd = []\n\
    for _ in range(count):\n\
    \x20   crowd.append(socket.create_connection(('127.0.0.1', port)))\n\
    print('here', flush=True)\n\
    sys.stdin.read()\n";

const MEMORY: &str = "process_resident_memory_bytes ";

fn memory(metrics: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(MEMORY)).unwrap();
    line.parse().unwrap()
}

#[tokio::test]
async fn ten_thousand_idle_connections_do_not_block_scrapes_or_use_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = myhealth(&["serve", "--roles", "exporter", "--web.listen-address", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(folder.path());
    let running = Running::start(command);
    let web = running.address("web").await;
    let url = format!("http://{web}/metrics");
    // One who was here before keeps his connection; one who comes later is let in.
    let regular = http();
    let scrape = async |http: &reqwest::Client| {
        let answer = tokio::time::timeout(WAIT_TIMEOUT, http.get(&url).send()).await;
        answer.expect("an answer among the crowd").unwrap().text().await.unwrap()
    };
    let before = memory(&scrape(&regular).await);

    let (_, port) = web.rsplit_once(':').unwrap();
    let mut crowd = Command::new(provided("MYHEALTH_TEST_PYTHON"));
    crowd.args(["-c", CROWD, port, "10000"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut crowd = crowd.spawn().unwrap();
    let mut printed = String::new();
    BufReader::new(crowd.stdout.take().unwrap()).read_line(&mut printed).unwrap();
    assert_eq!(printed, "here\n", "ten thousand are connected");

    let after = scrape(&regular).await;
    assert!(until("a newcomer's scrape", async || get(&url).await).await.contains(MEMORY));
    let refused = "myhealth_web_refused_total{reason=\"connections\"} ";
    let refused: f64 = after.lines().find_map(|line| line.strip_prefix(refused)).unwrap().parse().unwrap();
    assert!(refused > 9_000.0, "{refused} of ten thousand had to go");
    let more = memory(&after) - before;
    assert!(more < 64e6, "{more} bytes for 512 connections that say nothing");
    drop(crowd.stdin.take());
    crowd.wait().unwrap();
}

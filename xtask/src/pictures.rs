//! `cargo xtask pictures`: what the dashboards look like. The demo runs, a real Prometheus scrapes it and reads its
//! history, and `dashboards/preview` draws the answers with Grafana's own components in Chromium.
//!
//! Not a test: somebody has to look. It takes minutes, npm and a registry, so no other step waits for it.

mod cluster;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::{programs, run};

/// Draw every dashboard from the demo's data into docs/pictures
///
/// Needs npm with a registry, and what `cargo xtask provision` installs. Where pngquant is found, it makes the pictures
/// small enough to be committed.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask pictures                      all dashboards, dark\n  \
                        cargo xtask pictures --theme light --to /tmp/pictures myhealth-sleep")]
pub(crate) struct Args {
    /// Folder for the pictures; created when missing
    #[arg(long, value_name = "FOLDER", default_value = "docs/pictures")]
    to: PathBuf,
    #[arg(long, value_parser = ["dark", "light"], default_value = "dark")]
    theme: String,
    /// How long Prometheus scrapes before the pictures are taken: what the charts of the services show
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(..=240))]
    scrape_for: u64,
    /// Dashboards by their uid; all when none is named
    #[arg(value_name = "DASHBOARD")]
    boards: Vec<String>,
}

/// How often Prometheus scrapes here.
const SCRAPE: &str = "5s";

pub(crate) fn main(args: &Args) -> Result<()> {
    let preview = run::root().join("dashboards/preview");
    let to = run::root().join(&args.to);
    std::fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
    run::visibly(&mut run::cargo(&["build", "--package", "app"]), "mend the build")?;
    // Not `ci`: it refuses a lock without the packages of systems that the registry at hand does not have.
    for arguments in
        [&["install", "--no-save", "--no-audit", "--no-fund"][..], &["run", "types"], &["run", "build"]]
    {
        let mut npm = Command::new("npm");
        run::visibly(npm.current_dir(&preview).args(arguments), "npm comes with Node.js 20.11 or newer")?;
    }

    let folder = tempfile::tempdir()?;
    let demo = Demo::start(folder.path())?;
    let prometheus = start_prometheus(folder.path(), &demo)?;
    eprintln!("Prometheus scrapes for {} s", args.scrape_for);
    std::thread::sleep(Duration::from_secs(args.scrape_for));

    let uids = super::mixin::uids();
    let mut chosen: Vec<_> =
        uids.iter().filter(|uid| args.boards.is_empty() || args.boards.contains(uid)).collect();
    // The cluster's past ends when Prometheus starts, and five minutes later it is over.
    chosen.sort_by_key(|uid| *uid != "myhealth-kubernetes");
    if let Some(unknown) = args.boards.iter().find(|board| !uids.contains(board)) {
        bail!("there is no dashboard {unknown}; there are {}", uids.join(", "));
    }
    for uid in chosen {
        // What is about processes has a past of minutes here, and the cluster one of its own.
        let (scrape, from) = match uid.as_str() {
            "myhealth-service" => (SCRAPE.to_owned(), Some(format!("now-{}s", args.scrape_for))),
            "myhealth-kubernetes" => (format!("{}s", cluster::STEP), None),
            _ => (SCRAPE.to_owned(), None),
        };
        let mut node = Command::new("node");
        node.current_dir(&preview).args(["pictures.mjs", "--prometheus", &prometheus.url]);
        node.args(["--scrape", &scrape, "--theme", &args.theme]).arg("--to").arg(&to);
        if let Some(chromium) = programs::variable("MYHEALTH_TEST_CHROMIUM") {
            node.args(["--chromium", &chromium]);
        }
        node.args(from.iter().flat_map(|from| ["--from", from])).arg(uid);
        run::visibly(&mut node, "look at the dashboard and at the lines above")?;
    }
    shrink(&to)
}

/// Fewer colours: a tenth of the bytes, and nobody sees it.
fn shrink(folder: &Path) -> Result<()> {
    if programs::find("pngquant").is_none() {
        eprintln!("pngquant is not installed: the pictures stay as large as they are");
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "png") {
            let mut pngquant = Command::new("pngquant");
            pngquant.args(["--force", "--ext", ".png", "--speed", "1", "--strip", "64"]).arg(&path);
            run::quietly(&mut pngquant, "look at the picture")?;
        }
    }
    Ok(())
}

/// A program that ends with this run.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// The product with three simulated years.
struct Demo {
    _running: Running,
    gauges: String,
    api: String,
}

impl Demo {
    fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(run::root().join("target/debug/myhealth"));
        command.args(["demo", "--seed", "5", "--since", &days_ago(3 * 366 + 60)?]);
        command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.join("demo"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let said = child.stdout.take().context("BUG: its output was asked for")?;
        let running = Running(child);
        let (send, lines) = mpsc::channel();
        // Reads on, so that the demo never waits for us.
        std::thread::spawn(move || {
            for line in BufReader::new(said).lines().map_while(Result::ok) {
                let _nobody_listens = send.send(line);
            }
        });
        let address = |name: &str| -> Result<String> {
            loop {
                let line = lines.recv_timeout(Duration::from_mins(1)).context("the demo did not start")?;
                if let Some(url) = line.trim_start().strip_prefix(name) {
                    let url = url.trim().trim_start_matches("http://");
                    break Ok(url.split('/').next().unwrap_or_default().to_owned());
                }
            }
        };
        let (gauges, api) = (address("gauges")?, address("api ")?);
        let demo = Self { _running: running, gauges, api };
        let url = format!("http://{}/metrics", demo.gauges);
        until("all of history to be read", || {
            let scrape = get(&url).unwrap_or_default();
            scrape.contains("oura_sleep_score") && scrape.contains("\nmyhealth_sync_backlog_windows 0\n")
        })?;
        Ok(demo)
    }
}

struct Prometheus {
    _running: Running,
    url: String,
}

/// With the shipped rules, the demo's history, and the past of a cluster that never was.
fn start_prometheus(folder: &Path, demo: &Demo) -> Result<Prometheus> {
    let program = |variable: &str, name: &str| {
        programs::variable(variable)
            .or_else(|| programs::find(name).map(|path| path.display().to_string()))
            .with_context(|| format!("{name} is missing.\nWhat to do: `cargo xtask provision` installs it"))
    };
    let rules = run::root().join("alerts/*.yaml");
    let config = format!(
        "global: {{scrape_interval: {SCRAPE}, evaluation_interval: {SCRAPE}}}\nrule_files: ['{}']\n\
         remote_read:\n- {{url: 'http://{}/api/v1/prometheus/read', read_recent: true, required_matchers: {{source: history}}}}\n\
         scrape_configs:\n- {{job_name: myhealth, static_configs: [{{targets: ['{}']}}]}}\n",
        rules.display(),
        demo.api,
        demo.gauges,
    );
    let path = |name: &str| folder.join(name);
    std::fs::write(path("prometheus.yml"), config)?;
    std::fs::write(path("cluster.om"), cluster::past(unix_seconds()?))?;
    let promtool = program("MYHEALTH_TEST_PROMTOOL", "promtool")?;
    let mut blocks = Command::new(promtool);
    blocks.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(path("cluster.om")).arg(path("blocks"));
    run::quietly(&mut blocks, "mend xtask/src/pictures/cluster.rs")?;

    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(program("MYHEALTH_TEST_PROMETHEUS", "prometheus")?);
    command.arg(format!("--config.file={}", path("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", path("blocks").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let prometheus = Prometheus { _running: Running(child), url: format!("http://127.0.0.1:{port}") };
    until("Prometheus to be ready", || get(&format!("{}/-/ready", prometheus.url)).is_ok())?;
    Ok(prometheus)
}

fn until(what: &str, mut done: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !done() {
        if started.elapsed() > Duration::from_mins(10) {
            bail!("waited ten minutes for {what}");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

fn get(url: &str) -> Result<String> {
    let advice = "curl fetches pages here";
    run::quietly(Command::new("curl").args(["--silent", "--fail", "--max-time", "30", url]), advice)
}

fn days_ago(days: u32) -> Result<String> {
    let date = format!("@{}", unix_seconds()? - i64::from(days) * 86_400);
    let date = run::quietly(Command::new("date").args(["--utc", "+%F", "--date", &date]), "")?;
    Ok(date.trim().to_owned())
}

/// The charts end now: nothing else here depends on the time.
fn unix_seconds() -> Result<i64> {
    let seconds = run::quietly(Command::new("date").arg("+%s"), "")?;
    seconds.trim().parse().context("`date +%s` says no number")
}

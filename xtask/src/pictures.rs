//! `cargo xtask pictures`: what the dashboards look like. The demo runs, a real Prometheus scrapes it and reads its
//! history, and `dashboards/preview` draws the answers with Grafana's own components in Chromium.
//!
//! Not a test: a person has to look. It takes minutes, npm and a registry, so no other step depends on it.

pub(crate) mod cluster;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{Running, free_port, get, until};
use crate::{programs, run};

/// Draw every dashboard from the demo's data into docs/pictures
///
/// Needs npm with a registry, and what `cargo xtask provision` installs. Where pngquant is found, it makes the pictures
/// small enough to be committed.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask pictures                      all dashboards, dark\n  \
                        cargo xtask pictures --theme light --to /tmp/pictures myhealth-sleep\n  \
                        cargo xtask pictures --width 390 myhealth-today")]
pub(crate) struct Args {
    /// Folder for the pictures; created when missing
    #[arg(long, value_name = "FOLDER", default_value = "docs/pictures")]
    to: PathBuf,
    #[arg(long, value_parser = ["dark", "light"], default_value = "dark")]
    theme: String,
    /// Width of the page in pixels: 390 is a phone's
    #[arg(long, value_name = "PIXELS", default_value_t = WIDTH)]
    width: u16,
    /// How long Prometheus scrapes before the pictures are taken: what the charts of the services show
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(..=240))]
    scrape_for: u64,
    /// Dashboards by their uid; all when none is named
    #[arg(value_name = "DASHBOARD")]
    boards: Vec<String>,
}

/// Of a page on a computer.
const WIDTH: u16 = 1608;
/// How often Prometheus scrapes here.
pub(crate) const SCRAPE: &str = "5s";

pub(crate) fn main(args: &Args) -> Result<()> {
    let dashboards = mixin::dashboards(&mixin::Config::default());
    let uids: Vec<_> = dashboards.iter().map(|dashboard| dashboard.uid.to_owned()).collect();
    let chosen = chosen(&uids, &args.boards)?;
    let preview = run::root().join("dashboards/preview");
    let to = run::root().join(&args.to);
    std::fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
    run::visibly(&mut run::cargo(&["build", "--package", "app"]), "fix the build")?;
    // Not `ci`: it refuses a lock without the packages of systems that the registry at hand does not have.
    for arguments in
        [&["install", "--no-save", "--no-audit", "--no-fund"][..], &["run", "types"], &["run", "build"]]
    {
        let mut npm = Command::new("npm");
        run::visibly(npm.current_dir(&preview).args(arguments), "npm comes with Node.js 20.11 or newer")?;
    }

    let folder = tempfile::tempdir()?;
    let demo = Demo::start(folder.path())?;
    let prometheus =
        start_prometheus(&folder.path().join("prometheus"), &demo, &cluster::past(unix_seconds()?))?;
    eprintln!("Prometheus scrapes for {} s", args.scrape_for);
    std::thread::sleep(Duration::from_secs(args.scrape_for));

    let mut pictures = Vec::new();
    for uid in chosen {
        // What is about processes has a past of minutes here, and the cluster one of its own.
        let (scrape, from) = match uid.as_str() {
            "myhealth-service" => (SCRAPE.to_owned(), Some(format!("now-{}s", args.scrape_for))),
            "myhealth-kubernetes" => (format!("{}s", cluster::STEP), None),
            _ => (SCRAPE.to_owned(), None),
        };
        let mut node = Command::new("node");
        node.current_dir(&preview).args(["pictures.mjs", "--prometheus", &prometheus.url]);
        node.args(["--scrape", &scrape, "--theme", &args.theme, "--width", &args.width.to_string()])
            .arg("--to")
            .arg(&to);
        if let Some(chromium) = programs::variable("MYHEALTH_TEST_CHROMIUM") {
            node.args(["--chromium", &chromium]);
        }
        node.args(from.iter().flat_map(|from| ["--from", from])).arg(uid);
        run::visibly(&mut node, "look at the dashboard and at the lines above")?;
        // As `pictures.mjs` calls them.
        let theme = if args.theme == "dark" { String::new() } else { format!("-{}", args.theme) };
        let width = if args.width == WIDTH { String::new() } else { format!("-{}", args.width) };
        pictures.push(to.join(format!("{uid}{theme}{width}.png")));
    }
    shrink(&pictures)
}

/// The dashboards to draw, in the order in which their data are there.
fn chosen<'a>(uids: &'a [String], boards: &[String]) -> Result<Vec<&'a String>> {
    if let Some(unknown) = boards.iter().find(|board| !uids.contains(board)) {
        bail!("there is no dashboard {unknown}; there are {}", uids.join(", "));
    }
    let mut chosen: Vec<_> = uids.iter().filter(|uid| boards.is_empty() || boards.contains(uid)).collect();
    // The cluster's past ends when Prometheus starts, and five minutes later it is over.
    chosen.sort_by_key(|uid| *uid != "myhealth-kubernetes");
    Ok(chosen)
}

/// Reduces colours, which is not visible and saves nine tenths of the bytes. Once only: every run loses colours.
fn shrink(pictures: &[PathBuf]) -> Result<()> {
    if programs::find("pngquant").is_none() {
        eprintln!("pngquant is not installed: the pictures stay as large as they are");
        return Ok(());
    }
    for picture in pictures {
        let mut pngquant = Command::new("pngquant");
        pngquant.args(["--force", "--ext", ".png", "--speed", "1", "--strip", "64"]).arg(picture);
        run::quietly(&mut pngquant, "look at the picture")?;
    }
    Ok(())
}

/// The product with three simulated years.
pub(crate) struct Demo {
    _running: Running,
    gauges: u16,
    api: u16,
}

impl Demo {
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut command = Command::new(run::root().join("target/debug/myhealth"));
        command.args(["demo", "--seed", "5", "--since", &days_ago(3 * 366 + 60)?]);
        command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.join("demo"));
        let mut running = Running::logged(&command, &folder.join("demo.log"))?;
        let (gauges, api) = (running.port("web")?, running.port("api")?);
        running.until("all of history to be read", |_| {
            let scrape = get(gauges, "/metrics", "").map(|answer| answer.text()).unwrap_or_default();
            scrape.contains("oura_sleep_score") && scrape.contains("\nmyhealth_sync_backlog_windows 0\n")
        })?;
        Ok(Self { _running: running, gauges, api })
    }
}

pub(crate) struct Prometheus {
    _running: Running,
    pub(crate) port: u16,
    pub(crate) url: String,
}

/// With the shipped rules, the demo's history, and a past in OpenMetrics.
pub(crate) fn start_prometheus(folder: &Path, demo: &Demo, past: &str) -> Result<Prometheus> {
    std::fs::create_dir_all(folder)?;
    let rules = run::root().join("alerts/*.yaml");
    let config = format!(
        "global: {{scrape_interval: {SCRAPE}, evaluation_interval: {SCRAPE}}}\nrule_files: ['{}']\n\
         remote_read:\n- {{url: 'http://127.0.0.1:{}/api/v1/prometheus/read', read_recent: true, required_matchers: {{source: history}}}}\n\
         scrape_configs:\n- {{job_name: myhealth, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}\n",
        rules.display(),
        demo.api,
        demo.gauges,
    );
    let path = |name: &str| folder.join(name);
    std::fs::write(path("prometheus.yml"), config)?;
    std::fs::write(path("past.om"), past)?;
    let mut blocks = Command::new(programs::named("MYHEALTH_TEST_PROMTOOL", "promtool")?);
    blocks.args(["tsdb", "create-blocks-from", "openmetrics"]).arg(path("past.om")).arg(path("blocks"));
    run::quietly(&mut blocks, "fix the past that this program wrote")?;

    let port = free_port()?;
    let mut command = Command::new(programs::named("MYHEALTH_TEST_PROMETHEUS", "prometheus")?);
    command.arg(format!("--config.file={}", path("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", path("blocks").display()));
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let running = Running::start(&command)?;
    until("Prometheus to be ready", || get(port, "/-/ready", "").is_ok_and(|answer| answer.status == 200))?;
    Ok(Prometheus { _running: running, port, url: format!("http://127.0.0.1:{port}") })
}

fn days_ago(days: u32) -> Result<String> {
    let date = format!("@{}", unix_seconds()? - i64::from(days) * 86_400);
    let date = run::quietly(Command::new("date").args(["--utc", "+%F", "--date", &date]), "")?;
    Ok(date.trim().to_owned())
}

/// The charts end now: nothing else here depends on the time.
pub(crate) fn unix_seconds() -> Result<i64> {
    let seconds = run::quietly(Command::new("date").arg("+%s"), "")?;
    seconds.trim().parse().context("`date +%s` says no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_dashboard_is_refused_with_the_known_ones() {
        let uids = ["myhealth-sleep", "myhealth-kubernetes"].map(str::to_owned);
        let error = chosen(&uids, &["sleep".to_owned()]).unwrap_err().to_string();
        assert_eq!(error, "there is no dashboard sleep; there are myhealth-sleep, myhealth-kubernetes");
        assert_eq!(chosen(&uids, &[]).unwrap(), ["myhealth-kubernetes", "myhealth-sleep"]);
        assert_eq!(chosen(&uids, &uids[..1]).unwrap(), ["myhealth-sleep"]);
    }
}

//! `cargo xtask perses`: whether Perses takes the dashboards. `tsc` holds each file to the types of Perses and of its
//! plugins; then Perses' own components and plugins draw it in Chromium from a real Prometheus, and no panel may fail.
//!
//! The packages come from npm into the cache, once per machine. It takes minutes, so no other step depends on it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mixin::Config;
use serde::Deserialize;

use crate::pictures::{Demo, SCRAPE, cluster, start_prometheus, unix_seconds};
use crate::process::{get, until};
use crate::{cache, programs, run};

/// Type the dashboards for Perses and draw them with its own plugins
///
/// Needs npm with a registry, and what `cargo xtask provision` installs.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask perses --to /tmp/perses myhealth-sleep")]
pub(crate) struct Args {
    /// Folder for pictures; none are taken without it
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    #[arg(long, value_parser = ["dark", "light"], default_value = "dark")]
    theme: String,
    /// Only the types, without Prometheus and a browser
    #[arg(long)]
    types: bool,
    /// Dashboards by their uid; all when none is named
    #[arg(value_name = "DASHBOARD")]
    boards: Vec<String>,
}

/// Where the program that draws is.
const SOURCES: &str = "dashboards/preview-perses";
/// How long before now the gauges have a past. Perses aligns the end of a range down to its step, and makes steps so long
/// that each is a pixel of the panel: nine hours in a panel of 250 pixels over 90 days.
const PAST: i64 = 12 * 3600;
/// Below the lookback of five minutes.
const STEP: usize = 240;

/// What the browser reports of a dashboard.
#[derive(Debug, Deserialize)]
struct Drawn {
    board: String,
    panels: usize,
    queries: usize,
    empty: usize,
    failures: Vec<String>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let files: BTreeMap<String, String> = mixin::perses_files(&Config::default()).into_iter().collect();
    let uids: Vec<_> =
        files.keys().filter_map(|path| path.strip_suffix(".json")).filter(|uid| !uid.contains('/')).collect();
    if let Some(unknown) = args.boards.iter().find(|board| !uids.contains(&board.as_str())) {
        bail!("there is no dashboard {unknown}; there are {}", uids.join(", "));
    }
    let chosen: Vec<_> = uids
        .into_iter()
        .filter(|uid| args.boards.is_empty() || args.boards.iter().any(|board| board == uid))
        .collect();

    let work = tempfile::tempdir()?;
    prepare(work.path(), &files, &chosen)?;
    npm(work.path(), &["run", "types"])?;
    println!("{} dashboards have the types of Perses and its plugins", chosen.len());
    if args.types {
        return Ok(());
    }
    npm(work.path(), &["run", "build"])?;
    run::visibly(&mut run::cargo(&["build", "--package", "app"]), "fix the build")?;
    let demo = Demo::start(work.path())?;
    let cluster = cluster::past(unix_seconds()?);
    let prometheus = {
        let first = start_prometheus(&work.path().join("first"), &demo, &cluster)?;
        let now = until_recorded(first.port)?;
        start_prometheus(&work.path().join("second"), &demo, &with_gauges(&cluster, &now, unix_seconds()?))?
    };
    until_recorded(prometheus.port)?;
    let drawn = draw(work.path(), args, &prometheus.url, &chosen)?;
    let failed: Vec<_> = drawn.iter().filter(|drawn| !drawn.failures.is_empty()).collect();
    for Drawn { board, panels, queries, empty, .. } in &drawn {
        println!(
            "{board}: {panels} panels drawn, {queries} queries answered, {empty} of them without a series"
        );
    }
    if !failed.is_empty() {
        bail!("{failed:#?}\nWhat to do: fix mixin/src/panel/perses.rs");
    }
    Ok(())
}

/// The sources with the packages next to them, and the dashboards as JSON and as TypeScript.
fn prepare(work: &Path, files: &BTreeMap<String, String>, chosen: &[&str]) -> Result<()> {
    let sources = run::root().join(SOURCES);
    for path in [
        "package.json",
        "tsconfig.json",
        "vite.config.ts",
        "index.html",
        "draw.mjs",
        "src/main.tsx",
        "src/types.ts",
    ] {
        let to = work.join(path);
        fs::create_dir_all(to.parent().context("BUG: a file in a folder")?)?;
        fs::copy(sources.join(path), to).with_context(|| format!("cannot copy {SOURCES}/{path}"))?;
    }
    std::os::unix::fs::symlink(packages(&sources)?.join("node_modules"), work.join("node_modules"))?;
    let boards = work.join("boards");
    fs::create_dir_all(&boards)?;
    let mut typed = "import { type File } from './types';\n".to_owned();
    for uid in chosen {
        let text = &files[&format!("{uid}.json")];
        fs::write(boards.join(format!("{uid}.json")), text)?;
        writeln!(typed, "({} satisfies File);", text.trim_end()).expect("BUG: writing to a string");
    }
    fs::write(work.join("src/dashboards.ts"), typed)?;
    Ok(())
}

/// The packages that package.json and its lock name, in the cache.
fn packages(sources: &Path) -> Result<PathBuf> {
    let mut hash = DefaultHasher::new();
    let files = ["package.json", "package-lock.json"].map(|name| (name, fs::read(sources.join(name))));
    for (_, text) in &files {
        text.as_ref().ok().hash(&mut hash);
    }
    cache::folder("npm", &format!("perses-{:016x}", hash.finish()), |folder| {
        for (name, text) in files {
            fs::write(folder.join(name), text.with_context(|| format!("cannot read {SOURCES}/{name}"))?)?;
        }
        npm(folder, &["install", "--no-audit", "--no-fund", "--ignore-scripts"])
    })
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    run::visibly(
        npm.current_dir(folder).args(arguments),
        "look at the lines above; npm comes with Node.js 20.11 or newer",
    )
}

/// Everything that Prometheus knows now, once it has evaluated the rules.
fn until_recorded(port: u16) -> Result<String> {
    let federate = "/federate?match%5B%5D=%7B__name__%21%3D%22%22%7D";
    let mut now = String::new();
    until("the rules to be evaluated", || {
        now = get(port, federate, "").map(|answer| answer.text()).unwrap_or_default();
        ["person:oura_sleep_budget_left:ratio_28d{", "person:oura_illness_signs:count{"]
            .iter()
            .all(|name| now.contains(name))
    })?;
    Ok(now)
}

/// A past in OpenMetrics: the cluster's own, and every other series of `federated` with the value that it has now.
fn with_gauges(cluster: &str, federated: &str, now: i64) -> String {
    let mut text = cluster.trim_end().trim_end_matches("# EOF").to_owned();
    let of_cluster =
        |name: &str| ["kube", "container_", "node_"].iter().any(|prefix| name.starts_with(prefix));
    let mut family = "";
    for line in federated.lines().filter(|line| !line.starts_with('#')) {
        // Series, value, milliseconds; a label's text may hold blanks.
        let mut parts = line.rsplitn(3, ' ');
        let (Some(_), Some(value), Some(series)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let name = series.split('{').next().unwrap_or_default();
        if of_cluster(name) {
            continue;
        }
        if name != family {
            writeln!(text, "# TYPE {name} unknown").expect("BUG: writing to a string");
            family = name;
        }
        for at in (now - PAST..now).step_by(STEP) {
            writeln!(text, "{series} {value} {at}").expect("BUG: writing to a string");
        }
    }
    text + "# EOF\n"
}

fn draw(work: &Path, args: &Args, prometheus: &str, chosen: &[&str]) -> Result<Vec<Drawn>> {
    let mut node = Command::new("node");
    node.current_dir(work).args(["draw.mjs", "--prometheus", prometheus, "--boards", "boards"]);
    node.args(["--scrape", SCRAPE, "--theme", &args.theme]);
    if let Some(chromium) = programs::variable("MYHEALTH_TEST_CHROMIUM") {
        node.args(["--chromium", &chromium]);
    }
    if let Some(to) = &args.to {
        let to = run::root().join(to);
        fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
        node.arg("--to").arg(to);
    }
    let lines = run::quietly(node.args(chosen), "look at the lines above")?;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("no report: {line}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_of_gauges_has_each_family_once_and_ends_once() {
        let federated = "# TYPE a untyped\na{x=\"1 2\"} 3 1700000000000\na{x=\"3\"} 4 1700000000000\n\
                         # TYPE kube_b untyped\nkube_b{} 1 1700000000000\nc{} 5 1700000000000\n";
        let past = with_gauges("# TYPE kube_b gauge\nkube_b 1 1\n# EOF\n", federated, 1_700_000_000);
        assert_eq!(past.matches("# TYPE a unknown").count(), 1);
        assert_eq!(past.matches("kube_b").count(), 2);
        assert_eq!(past.matches("# EOF").count(), 1);
        assert!(
            past.contains("\na{x=\"1 2\"} 3 1699956800\n") && past.ends_with("c{} 5 1699999760\n# EOF\n")
        );
    }
}

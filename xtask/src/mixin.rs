//! The mixin: dashboards, rules, their tests and their Kubernetes forms, written in code because a number's name, label
//! and unit stand in the catalogue and nowhere else. A rename is one edit there, or in [`names`] for the services.
//!
//! What belongs here is what Grafana, Prometheus and Alertmanager are told. `alerts/alertmanager/` is not here: people
//! edit it, so it is a plain file.

mod alerts;
mod board;
mod boards;
mod config;
mod kubernetes;
pub(crate) mod lint;
mod names;
mod panel;
mod promql;
mod query;
mod rules;

use std::path::PathBuf;

use anyhow::{Context, Result};

use config::Config;

/// Write the dashboards and rules with your own selectors and thresholds
///
/// The committed files are the defaults. Without `--config` the defaults are written, and `--print` shows them as the
/// JSON that `--config` reads: a file needs to hold only what differs.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask mixin --print > mine.json\n  \
                        cargo xtask mixin --config mine.json --to /etc/myhealth")]
pub(crate) struct Args {
    /// JSON with the settings that differ from the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder to write `dashboards/` and `alerts/` into; created when missing
    #[arg(long, value_name = "FOLDER", required_unless_present = "print")]
    to: Option<PathBuf>,
    /// Print the settings in force and write nothing
    #[arg(long, conflicts_with = "to")]
    print: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    let Some(folder) = &args.to else {
        println!("{}", serde_json::to_string_pretty(&config)?);
        return Ok(());
    };
    for (path, text) in render(&config) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("BUG: a file lies in a folder"))
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The dashboards, in the order of the menu.
pub(crate) fn uids() -> Vec<String> {
    boards::all(&Config::default()).iter().map(|board| board.uid.to_owned()).collect()
}

/// The committed files: path from the root of the repository, and text.
pub(crate) fn files() -> Vec<(String, String)> {
    render(&Config::default())
}

fn render(config: &Config) -> Vec<(String, String)> {
    let boards = boards::all(config);
    let alerts = alerts::all(config);
    let mut files: Vec<_> =
        boards.iter().map(|board| (format!("dashboards/{}.json", board.uid), board.json())).collect();
    files.push(("dashboards/kustomization.yaml".to_owned(), kubernetes::dashboards(&boards)));
    for file in &alerts {
        let name = file.name;
        files.push((format!("alerts/{name}.yaml"), rules::rules(&file.groups, &config.runbook)));
        let tests = rules::tests(&file.groups, &format!("../{name}.yaml"), file.step);
        files.push((format!("alerts/tests/{name}.yaml"), tests));
    }
    let groups: Vec<_> = alerts.iter().flat_map(|file| &file.groups).collect();
    files.push((
        "alerts/kubernetes/prometheusrule.yaml".to_owned(),
        kubernetes::rules(&groups, &config.runbook),
    ));
    files
}

//! `cargo xtask mixin` writes the dashboards and rules with a user's own settings; `cargo xtask lint-queries` checks the
//! committed ones. Their content is decided in the crate `mixin`.

mod types;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use mixin::Config;

use crate::{programs, run};

/// Write the dashboards and rules with your own selectors and thresholds
///
/// The committed files are the defaults. Without `--config` the defaults are written, and `--print` shows them as the
/// JSON that `--config` reads: a file needs to hold only what differs.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask mixin --print > mine.json\n  \
                        cargo xtask mixin --config mine.json --to /etc/myhealth")]
pub(crate) struct RenderArgs {
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

pub(crate) fn render(args: &RenderArgs) -> Result<()> {
    let config = match &args.config {
        Some(path) => read_config(path)?,
        None => Config::default(),
    };
    let Some(folder) = &args.to else {
        println!("{}", serde_json::to_string_pretty(&config)?);
        return Ok(());
    };
    for (path, text) in mixin::files(&config) {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("BUG: a file lies in a folder"))
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn read_config(path: &Path) -> Result<Config> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{}: not the mixin's settings (see --print)", path.display()))
}

/// Check every expression of the dashboards and rules against the catalogue and the table of service metrics
///
/// Names, labels and words of closed sets must exist; panels must have what Grafana's dashboard linter asks for; and
/// promtool must be able to read every expression and find every alert silent and firing where its proof says so.
#[derive(clap::Args)]
pub(crate) struct LintArgs {
    /// Check the dashboards against Grafana's own types too; installs them with npm into a folder that is thrown away
    #[arg(long)]
    types: bool,
}

/// Everything that needs no other program.
pub(crate) fn check() -> Result<()> {
    let found = mixin::problems(&Config::default());
    if !found.is_empty() {
        bail!("{}\nWhat to do: fix the dashboard or rule in mixin/src.", found.join("\n"));
    }
    Ok(())
}

pub(crate) fn lint(args: &LintArgs) -> Result<()> {
    check()?;
    let config = Config::default();
    check_expressions(&promtool()?, &config)?;
    let alert_files = mixin::alert_files(&config);
    let dashboards = mixin::dashboards(&config);
    if args.types {
        types::check(&dashboards)?;
    }
    println!(
        "{} panels, {} alerts: every name exists, every expression is PromQL",
        dashboards.iter().map(|dashboard| dashboard.panels).sum::<usize>(),
        alert_files.iter().map(|file| file.alerts.len()).sum::<usize>()
    );
    Ok(())
}

/// Whether this promtool reads the expressions of all dashboards and rules.
fn check_expressions(promtool: &str, config: &Config) -> Result<()> {
    let expressions = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    std::fs::write(expressions.path(), mixin::expressions_as_rules(config))?;
    let check = |arguments: &[&str]| {
        run::quietly(
            Command::new(promtool).current_dir(run::root()).args(arguments),
            "fix the expression in mixin/src",
        )
    };
    check(&["check", "rules", &expressions.path().display().to_string()])?;
    for file in mixin::alert_files(config) {
        check(&["check", "rules", &format!("alerts/{}.yaml", file.name)])?;
    }
    Ok(())
}

fn promtool() -> Result<String> {
    programs::named("MYHEALTH_TEST_PROMTOOL", "promtool")
}

#[cfg(test)]
mod tests;

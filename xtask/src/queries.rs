//! `cargo xtask lint-queries`: checks the committed dashboards and rules, which the crate `mixin` renders.

mod types;

use std::process::Command;

use anyhow::{Result, bail};
use mixin::Config;

use crate::{programs, run};

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

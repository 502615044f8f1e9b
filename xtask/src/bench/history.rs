//! History by remote read against local blocks and VictoriaMetrics: `app/benches/history.rs` measures, this provides.

use anyhow::{Context, Result};

use crate::provision::provision;
use crate::{apt, programs, run};

/// Queries over ten years: remote read, Prometheus' own blocks and VictoriaMetrics, interleaved
#[derive(clap::Args)]
pub(crate) struct Args {}

const VARIABLE: &str = "MYHEALTH_BENCH_VICTORIAMETRICS";

pub(crate) fn main(_: &Args) -> Result<()> {
    let provisioned = provision()?;
    if programs::variable(VARIABLE).is_none() && programs::find("victoria-metrics").is_none() {
        apt::install(&["victoria-metrics"])?;
    }
    let victoria = programs::variable(VARIABLE)
        .or_else(|| programs::find("victoria-metrics").map(|path| path.display().to_string()))
        .context("package `victoria-metrics` is installed but `victoria-metrics` is not on the path")?;
    let mut cargo = run::cargo(&["bench", "--package", "app", "--bench", "history"]);
    cargo.envs(provisioned.variables.iter().map(|(name, value)| (name, value))).env(VARIABLE, victoria);
    run::visibly(&mut cargo, "fix what it reports; on a busy machine only ratios mean something")
}

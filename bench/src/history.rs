//! History by remote read against local blocks and VictoriaMetrics: `app/benches/history.rs` measures, this provides.

use anyhow::{Context, Result};
use harness::postgres::{self, Server};
use harness::{apt, programs, run};

/// Queries over ten years: remote read, Prometheus' own blocks and VictoriaMetrics, interleaved
#[derive(clap::Args)]
pub(crate) struct Args {}

/// A program of the bench: its variable, its name, and its Debian package.
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("MYHEALTH_TEST_PROMETHEUS", "prometheus", "prometheus"),
    ("MYHEALTH_TEST_PROMTOOL", "promtool", "prometheus"),
    ("MYHEALTH_BENCH_VICTORIAMETRICS", "victoria-metrics", "victoria-metrics"),
];

pub(crate) fn main(_: &Args) -> Result<()> {
    let mut cargo = run::cargo(&["bench", "--package", "app", "--bench", "history"]);
    for (variable, name, package) in PROGRAMS {
        if programs::variable(variable).is_none() && programs::find(name).is_none() {
            apt::install(&[package])?;
        }
        cargo.env(variable, programs::named(variable, name)?);
    }
    let server = Server::start(&postgres::find_programs().context("install the package postgresql")?)?;
    cargo.env("MYHEALTH_TEST_POSTGRES_URL", server.url());
    run::visibly(&mut cargo, "fix what it reports; on a busy machine only ratios mean something")
}

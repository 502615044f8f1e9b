//! Installing as a newcomer would: the image and its checks, then `docker compose up` and what comes after it.
//!
//! Everything is really started. Where the compose file names images of others, they are made here of the same programs, since
//! no registry is reachable from every machine that runs this. Grafana is not among them: its files are checked, not served.

mod file;
mod images;
mod stack;
mod walk;

use anyhow::Result;

use super::Args;
use crate::image::{self, engine::Engine};

/// As quick to build as `dev`; releases are built by `cargo xtask image`.
const PROFILE: &str = "quick";

pub(super) fn run(_: &Args) -> Result<()> {
    let engine = Engine::connect()?;
    image::ensure(&engine, PROFILE)?;
    image::check(&engine, PROFILE)?;
    walk::check(&engine)
}

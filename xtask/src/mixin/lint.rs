//! `cargo xtask lint-queries`.
use anyhow::Result;
/// x
#[derive(clap::Args)]
pub(crate) struct Args {}
pub(crate) fn main(_: &Args) -> Result<()> {
    Ok(())
}

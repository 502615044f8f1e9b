//! Generated files are what the code says.

use anyhow::Result;

use super::Args;
use crate::generate;

pub(super) fn run(_: &Args) -> Result<()> {
    generate::check()
}

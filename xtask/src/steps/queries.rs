//! Expressions of dashboards and alerts name existing series. What promtool is needed for is in the tests.

use anyhow::Result;

use super::Args;
use crate::queries;

pub(super) fn run(_: &Args) -> Result<()> {
    queries::check()
}

//! Steps that are one command of cargo.

use anyhow::Result;

use super::Args;
use crate::run;

pub(super) fn fmt(_: &Args) -> Result<()> {
    run::visibly(&mut run::cargo(&["fmt", "--all", "--check"]), "`cargo fmt --all`")
}

pub(super) fn clippy(_: &Args) -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let advice = "fix the code; an exception needs `#[expect(…, reason = \"…\")]`.";
    run::visibly(&mut run::cargo(&arguments), advice)
}

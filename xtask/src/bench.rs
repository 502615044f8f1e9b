//! `cargo xtask bench`: the crate `bench`.

use anyhow::Result;

use crate::run;

/// Measure the product as it ships; `cargo xtask bench help` lists the measurements
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Which, and its options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut cargo = run::cargo(&["run", "--quiet", "--package", "bench", "--"]);
    run::visibly(cargo.args(&args.arguments), "look at the lines above")
}

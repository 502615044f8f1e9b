//! `cargo xtask package`: packages and archives of the program. What is in them is decided in `packaging/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::go_tools::Tool;
use crate::run;

/// Build the program and package it: .deb, .rpm and an archive, each with its SHA-256
///
/// `nfpm` is built from its Go module, once per machine. A program for another processor runs under qemu-user, because each
/// makes its own manual pages and completions.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A program that is built already, such as one for another processor; may be repeated. Default: build one for this
    /// machine with the profile `dist`
    #[arg(long, value_name = "FILE")]
    binary: Vec<PathBuf>,
    /// Folder of the packages; created when missing
    #[arg(long, value_name = "FOLDER", default_value = "target/packages")]
    to: PathBuf,
    /// Number of this packaging of the same version
    #[arg(long, default_value_t = 1)]
    release: u32,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let mut binaries = args.binary.clone();
    if binaries.is_empty() {
        let build = ["build", "--profile", "dist", "--package", "app"];
        run::visibly(&mut run::cargo(&build), "fix the build.")?;
        binaries.push(run::root().join("target/dist/myhealth"));
    }
    for binary in &binaries {
        print!("{}", package(binary, &args.to, args.release, Compression::Best)?);
    }
    Ok(())
}

/// How much time packages may cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Best,
    /// For packages that only a test installs.
    Quick,
}

/// Packages one program; the paths of the packages, a line each.
pub(crate) fn package(binary: &Path, to: &Path, release: u32, compression: Compression) -> Result<String> {
    let nfpm = Tool::Nfpm.folder()?.join("nfpm");
    let binary = std::path::absolute(binary).context("cannot find the working directory")?;
    let mut script = Command::new(run::root().join("packaging/package.sh"));
    script.arg("--binary").arg(binary).arg("--to").arg(std::path::absolute(to)?);
    script.arg("--nfpm").arg(nfpm).args(["--release", &release.to_string()]);
    if compression == Compression::Quick {
        script.arg("--quick");
    }
    run::quietly(&mut script, "look at the lines above; `packaging/package.sh` is what ran.")
}

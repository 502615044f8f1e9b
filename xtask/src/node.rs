//! Packages of npm that tests use, below the build folder.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// One version of each, so that a check that was green stays green.
const PACKAGES: [&str; 4] = [
    // Verifies log-ins as gateways do.
    "jose@6.2.18",
    // Uses the page in a browser, and finds what keeps people out of it.
    "playwright-core@1.65.1",
    "axe-core@4.14.1",
    // A certified OpenID provider.
    "oidc-provider@9.13.3",
];

/// The folder from which these packages can be imported; made when it is not there yet.
pub(crate) fn packages() -> Result<String> {
    let base = run::root().join("target/node");
    fs::create_dir_all(&base).with_context(|| format!("cannot create {}", base.display()))?;
    let lock = File::create(base.join("lock"))?;
    lock.lock()?;
    let folder: PathBuf = base.join(PACKAGES.join("-").replace('/', "-"));
    let complete = folder.join("complete");
    if !complete.is_file() {
        fs::create_dir_all(&folder)?;
        let mut npm = Command::new("npm");
        npm.current_dir(&folder).args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            ".",
        ]);
        run::quietly(
            npm.args(PACKAGES),
            "it needs npm (package `npm`, https://nodejs.org) and a way to its registry.",
        )?;
        File::create(complete)?;
    }
    Ok(folder.display().to_string())
}

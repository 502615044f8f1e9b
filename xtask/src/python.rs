//! A Python of our own with the reference reader of OpenMetrics, below the build folder: the system's stays as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::run;

/// Brings `python3 -m venv`.
pub(crate) const PACKAGE: &str = "python3-venv";

/// The reader that refuses what scrapers let pass. One version, so that a check that was green stays green.
const READER: &str = "prometheus_client==0.26.0";

/// Whether environments can be made here.
pub(crate) fn is_installed() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The path of a Python that can read OpenMetrics strictly; made when it is not there yet.
pub(crate) fn with_openmetrics() -> Result<String> {
    let folder = folder();
    let python = folder.join("bin/python");
    let reads = |python: &Path| {
        let import =
            Command::new(python).args(["-c", "import prometheus_client.openmetrics.parser"]).output();
        import.is_ok_and(|output| output.status.success())
    };
    if !reads(&python) {
        let advice = "look at the lines above; a Python of your own that has prometheus_client may be named in MYHEALTH_TEST_PYTHON.";
        run::quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), advice)?;
        run::quietly(Command::new(&python).args(["-m", "pip", "install", "--quiet", READER]), advice)?;
    }
    Ok(python.display().to_string())
}

fn folder() -> PathBuf {
    run::root().join("target/python")
}

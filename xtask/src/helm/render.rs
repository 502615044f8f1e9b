//! Helm's command line, and the objects that it renders.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::go_tools::Tool;

/// One version of Helm.
#[derive(Clone, Debug)]
pub(crate) struct Helm {
    pub(crate) name: &'static str,
    pub(crate) program: PathBuf,
}

/// A rendered object.
#[derive(Clone, Debug)]
pub(crate) struct Object(pub(crate) Value);

impl Object {
    pub(crate) fn kind(&self) -> &str {
        self.text("/kind")
    }

    pub(crate) fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `Kind/name`.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// Empty when it is not there.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The pod that it is or makes: metadata and spec.
    pub(crate) fn pod(&self) -> Option<&Value> {
        match self.kind() {
            "Pod" => Some(&self.0),
            "Deployment" | "StatefulSet" | "Job" => self.at("/spec/template"),
            "CronJob" => self.at("/spec/jobTemplate/spec/template"),
            _ => None,
        }
    }
}

/// The release of every rendering.
pub(crate) const RELEASE: &str = "rel";
pub(crate) const NAMESPACE: &str = "health";

impl Helm {
    pub(crate) fn both() -> Result<[Self; 2]> {
        let program =
            |name, tool: Tool| Ok::<_, anyhow::Error>(Self { name, program: tool.folder()?.join("helm") });
        Ok([program("Helm 3", Tool::Helm3)?, program("Helm 4", Tool::Helm)?])
    }

    /// What `helm template` prints with these values files, or what it complains about.
    pub(crate) fn template(&self, chart: &Path, values: &[&Path]) -> Result<Result<String, String>> {
        let mut helm = Command::new(&self.program);
        helm.args(["template", RELEASE]).arg(chart).args([
            "--namespace",
            NAMESPACE,
            "--kube-version",
            "1.36.0",
        ]);
        for file in values {
            helm.arg("--values").arg(file);
        }
        let output = helm.output().with_context(|| format!("{} did not start", self.name))?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) })
    }
}

/// The objects of a rendering.
pub(crate) fn objects(text: &str) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for document in format!("\n{text}").split("\n---").filter(|document| !document.trim().is_empty()) {
        let value: Value =
            serde_saphyr::from_str(document).with_context(|| format!("not YAML:\n{document}"))?;
        if !value.is_null() {
            objects.push(Object(value));
        }
    }
    Ok(objects)
}

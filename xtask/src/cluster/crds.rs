//! The kinds of other projects that the chart renders: their definitions, from the projects' own modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::kubectl::{ADVICE, kubectl};
use super::node::Node;
use crate::go_tools::{self, Tool};
use crate::{cache, run};

/// Module, version, checksum, and where in it the definitions are.
const MODULES: [(&str, &str, &str, &str); 4] = [
    (
        "istio.io/api",
        "v1.32.0",
        "h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=",
        "kubernetes/customresourcedefinitions.gen.yaml",
    ),
    (
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        "config/crd/standard",
    ),
    (
        "github.com/kedacore/keda/v2",
        "v2.18.1",
        "h1:h6bRt/IOxxtZpJlHSqhdH/lcInH7Z9obxg/JvWOmGAw=",
        "config/crd/bases",
    ),
    (
        "github.com/external-secrets/external-secrets",
        "v0.16.2",
        "h1:iNY+gIgSyL5higXTfnz+hdPCaiB/43UiHLqE7HBpj68=",
        "config/crds/bases",
    ),
];

/// The operator's own module cannot be had; that of its types can, and makes the definitions.
const MONITORING: (&str, &str, &str) = (
    "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring",
    "v0.95.2",
    "h1:DQKGQhE39ua9V+ZCro38z32jP8nAtIZ27f3qdAorXHg=",
);

/// Copies every definition into `crds` below a folder.
pub(super) fn all(folder: &Path) -> Result<()> {
    let to = folder.join("crds");
    fs::create_dir(&to)?;
    let copy = |number: usize, from: &Path| {
        let mut copy = Command::new("cp");
        copy.args(["-r", "--no-preserve=mode"]).arg(from).arg(to.join(number.to_string()));
        run::quietly(&mut copy, ADVICE)?;
        // How another project joins them, which the API server does not know.
        let _ = fs::remove_file(to.join(number.to_string()).join("kustomization.yaml"));
        anyhow::Ok(())
    };
    for (number, (module, version, sum, path)) in MODULES.iter().enumerate() {
        let from = go_tools::module(module, version, sum)?.join(path);
        if from.is_file() {
            fs::create_dir(to.join(number.to_string()))?;
        }
        copy(number, &from)?;
    }
    copy(MODULES.len(), &monitoring()?)
}

/// Defines every kind.
pub(super) fn define(node: &Node) -> Result<()> {
    for number in 0..=MODULES.len() {
        node.apply(&node.folder().join("crds").join(number.to_string()))?;
    }
    let mut wait = kubectl(&node.kubeconfig())?;
    run::quietly(wait.args(["wait", "--for=condition=Established", "crd", "--all", "--timeout=300s"]), ADVICE)
        .map(drop)
}

fn monitoring() -> Result<PathBuf> {
    let (module, version, sum) = MONITORING;
    let generator = Tool::ControllerGen.folder()?.join("controller-gen");
    cache::folder("crds", &format!("monitoring-{version}"), |folder| {
        let source = go_tools::module(module, version, sum)?;
        let work = tempfile::tempdir()?;
        let copy = work.path().join("module");
        run::quietly(Command::new("cp").arg("-r").arg(&source).arg(&copy), ADVICE)?;
        run::quietly(Command::new("chmod").args(["-R", "u+w"]).arg(&copy), ADVICE)?;
        generate(&generator, &copy, folder)
    })
}

fn generate(generator: &Path, module: &Path, folder: &Path) -> Result<()> {
    let mut generate = Command::new(generator);
    generate
        .current_dir(module)
        .args(["crd:crdVersions=v1,generateEmbeddedObjectMeta=true", "paths=./v1;./v1alpha1"]);
    generate.arg(format!("output:crd:dir={}", folder.display())).env("GOFLAGS", "").env("GOWORK", "off");
    run::quietly(&mut generate, ADVICE)?;
    fs::read_dir(folder)?.next().context("controller-gen wrote nothing").map(drop)
}

//! Commands to the cluster.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::go_tools::Tool;

pub(super) const ADVICE: &str = "look at the lines above.";

/// A command with the cluster's kubeconfig.
pub(super) fn kubectl(kubeconfig: &Path) -> Result<Command> {
    let mut kubectl = Command::new(Tool::Kubernetes.folder()?.join("kubectl"));
    kubectl.env("KUBECONFIG", kubeconfig);
    Ok(kubectl)
}

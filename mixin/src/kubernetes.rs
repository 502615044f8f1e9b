//! The same for Kubernetes: the operator's `PrometheusRule`, and a kustomization that makes a `ConfigMap` of every
//! dashboard without a second copy of it.

use super::board::{Board, Subject};
use super::rules::{Group, HEAD, body};

/// A `PrometheusRule`. It holds Prometheus's own `{{ }}`, so a chart includes it with `.Files.Get`, never as a template.
pub(crate) fn rules(groups: &[&Group], runbook: &str) -> String {
    let groups: String = groups
        .iter()
        .map(|group| body(std::slice::from_ref(*group), runbook, "  ").replacen("  groups:\n", "", 1))
        .collect();
    format!(
        "{HEAD}apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: myhealth\n  labels:\n    \
         app.kubernetes.io/name: myhealth\n    app.kubernetes.io/component: rules\nspec:\n  groups:\n{groups}"
    )
}

/// Grafana's folder of dashboards about a subject.
pub(crate) fn folder(subject: Subject) -> &'static str {
    match subject {
        Subject::Health => "Oura",
        Subject::Service | Subject::Kubernetes => "myhealth",
    }
}

/// `kubectl kustomize dashboards/` makes what Grafana's sidecar looks for: one `ConfigMap` each, because a dashboard
/// alone fits the size an annotation may have and all together do not.
pub(crate) fn dashboards(boards: &[Board]) -> String {
    let mut text = format!(
        "{HEAD}apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nconfigMapGenerator:\n"
    );
    for board in boards {
        let folder = folder(board.subject);
        let entry = format!(
            "- name: dashboard-{uid}\n  files: [{uid}.json]\n  options:\n    annotations:\n      grafana_folder: {folder}\n",
            uid = board.uid
        );
        text.push_str(&entry);
    }
    text.push_str(
        "generatorOptions:\n  # A name that stays, so that a changed dashboard replaces itself.\n  \
         disableNameSuffixHash: true\n  labels:\n    grafana_dashboard: \"1\"\n    app.kubernetes.io/name: myhealth\n",
    );
    text
}

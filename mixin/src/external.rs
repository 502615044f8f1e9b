//! Series of other programs that dashboards and rules use: of Prometheus, kube-state-metrics, the kubelet, node-exporter.

use std::fmt::Write as _;

/// A series of another program.
pub(crate) struct External {
    pub(crate) name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) labels: &'static [&'static str],
    pub(crate) meaning: &'static str,
}

/// All of them.
pub(crate) const EXTERNAL: &[External] = &[
    External { name: "up", kind: "gauge", labels: &[], meaning: "Whether the last scrape succeeded." },
    External {
        name: "scrape_duration_seconds",
        kind: "gauge",
        labels: &[],
        meaning: "How long the last scrape took.",
    },
    External {
        name: "kube_deployment_status_replicas_available",
        kind: "gauge",
        labels: &["namespace", "deployment"],
        meaning: "Replicas that are available.",
    },
    External {
        name: "kube_deployment_spec_replicas",
        kind: "gauge",
        labels: &["namespace", "deployment"],
        meaning: "Replicas that are wanted.",
    },
    External {
        name: "kube_pod_container_status_ready",
        kind: "gauge",
        labels: &["namespace", "pod", "container"],
        meaning: "Whether a container is ready.",
    },
    External {
        name: "kube_pod_container_status_restarts_total",
        kind: "counter",
        labels: &["namespace", "pod", "container"],
        meaning: "Restarts of a container.",
    },
    External {
        name: "kube_pod_container_status_waiting_reason",
        kind: "gauge",
        labels: &["namespace", "pod", "container", "reason"],
        meaning: "1 for why a container waits.",
    },
    External {
        name: "kube_pod_container_status_last_terminated_reason",
        kind: "gauge",
        labels: &["namespace", "pod", "container", "reason"],
        meaning: "1 for how a container last ended.",
    },
    External {
        name: "kube_pod_container_resource_requests",
        kind: "gauge",
        labels: &["namespace", "pod", "container", "resource"],
        meaning: "What a container asked for.",
    },
    External {
        name: "kube_pod_container_resource_limits",
        kind: "gauge",
        labels: &["namespace", "pod", "container", "resource"],
        meaning: "What a container may use.",
    },
    External {
        name: "kube_pod_status_phase",
        kind: "gauge",
        labels: &["namespace", "pod", "phase"],
        meaning: "1 for the phase of a pod.",
    },
    External {
        name: "kube_job_status_failed",
        kind: "gauge",
        labels: &["namespace", "job_name"],
        meaning: "Failed pods of a job.",
    },
    External {
        name: "kube_cronjob_status_last_schedule_time",
        kind: "gauge",
        labels: &["namespace", "cronjob"],
        meaning: "When a CronJob was last started.",
    },
    External {
        name: "kubelet_volume_stats_used_bytes",
        kind: "gauge",
        labels: &["namespace", "persistentvolumeclaim"],
        meaning: "Bytes in use on a volume.",
    },
    External {
        name: "kubelet_volume_stats_available_bytes",
        kind: "gauge",
        labels: &["namespace", "persistentvolumeclaim"],
        meaning: "Bytes free on a volume.",
    },
    External {
        name: "kubelet_volume_stats_capacity_bytes",
        kind: "gauge",
        labels: &["namespace", "persistentvolumeclaim"],
        meaning: "Size of a volume.",
    },
    External {
        name: "kubelet_volume_stats_inodes",
        kind: "gauge",
        labels: &["namespace", "persistentvolumeclaim"],
        meaning: "Inodes of a volume.",
    },
    External {
        name: "kubelet_volume_stats_inodes_used",
        kind: "gauge",
        labels: &["namespace", "persistentvolumeclaim"],
        meaning: "Inodes in use on a volume.",
    },
    External {
        name: "kube_persistentvolumeclaim_status_phase",
        kind: "gauge",
        labels: &["namespace", "persistentvolumeclaim", "phase"],
        meaning: "1 for the phase of a volume claim.",
    },
    External {
        name: "kube_node_status_condition",
        kind: "gauge",
        labels: &["node", "condition", "status"],
        meaning: "1 for the status of each condition of a node.",
    },
    External {
        name: "node_cpu_seconds_total",
        kind: "counter",
        labels: &["cpu", "mode"],
        meaning: "CPU time of a node by mode.",
    },
    External {
        name: "node_memory_MemAvailable_bytes",
        kind: "gauge",
        labels: &[],
        meaning: "Memory of a node that is available to new work.",
    },
    External { name: "node_memory_MemTotal_bytes", kind: "gauge", labels: &[], meaning: "Memory of a node." },
    External {
        name: "container_cpu_usage_seconds_total",
        kind: "counter",
        labels: &["namespace", "pod", "container"],
        meaning: "CPU time used.",
    },
    External {
        name: "container_memory_working_set_bytes",
        kind: "gauge",
        labels: &["namespace", "pod", "container"],
        meaning: "Memory that cannot be given back.",
    },
    External {
        name: "container_cpu_cfs_periods_total",
        kind: "counter",
        labels: &["namespace", "pod", "container"],
        meaning: "Scheduling periods.",
    },
    External {
        name: "container_cpu_cfs_throttled_periods_total",
        kind: "counter",
        labels: &["namespace", "pod", "container"],
        meaning: "Scheduling periods in which the limit was hit.",
    },
    External {
        name: "container_network_receive_bytes_total",
        kind: "counter",
        labels: &["namespace", "pod"],
        meaning: "Bytes received.",
    },
    External {
        name: "container_network_transmit_bytes_total",
        kind: "counter",
        labels: &["namespace", "pod"],
        meaning: "Bytes sent.",
    },
];

/// `docs/service-metrics.md`: the table of the services, then these series.
pub fn service_metrics_page() -> String {
    let mut page = service_metrics::page();
    page += "\n## From other programs\n\n";
    page += "Series of Prometheus, kube-state-metrics, the kubelet and node-exporter that the dashboards and rules use.\n\n";
    page += service_metrics::TABLE;
    for External { name, kind, labels, meaning } in EXTERNAL {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{} ", labels.join(", ")) };
        writeln!(page, "| `{name}` | {kind} | {labels}| {meaning} |")
            .expect("BUG: a String takes every text");
    }
    page
}

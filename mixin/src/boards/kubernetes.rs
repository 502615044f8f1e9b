//! Kubernetes: the pods of myhealth, their nodes and volumes, by kube-state-metrics, the kubelet and node-exporter.

use crate::board::{Board, Row, Subject};
use crate::config::Config;
use crate::panel::{BLUE, GREEN, Kind, NONE, ORANGE, Panel, RED, UP};

pub(super) fn board(config: &Config) -> Board {
    let of = |name: &str, more: &str| {
        let more = if more.is_empty() { String::new() } else { format!(",{more}") };
        format!("{name}{{{}{more}}}", config.kubernetes)
    };
    Board {
        uid: "myhealth-kubernetes",
        title: "Kubernetes",
        about: "Pods, resources, nodes, jobs and volumes, by kube-state-metrics, the kubelet and node-exporter.",
        subject: Subject::Kubernetes,
        from: "now-6h",
        rows: vec![
            Row::new("Workloads", workloads(&of)),
            Row::new("Resources", resources(&of)),
            Row::new("Nodes of the cluster", nodes()),
            Row::new("Volumes", volumes(&of)),
            Row::new("Jobs", jobs(&of)),
        ],
        annotations: Vec::new(),
    }
}

const OURS: &str = r#"container="myhealth""#;
const POD: &str = r#"pod=~"myhealth.*""#;

fn workloads(of: &dyn Fn(&str, &str) -> String) -> Vec<Panel> {
    vec![
        Panel::new(
            Kind::Stat,
            "Replicas available",
            "Available replicas of each deployment, as a share of those wanted.",
        )
        .ask(
            format!(
                "{} / {}",
                of("kube_deployment_status_replicas_available", r#"deployment=~"myhealth.*""#),
                of("kube_deployment_spec_replicas", r#"deployment=~"myhealth.*""#)
            ),
            "{{deployment}}",
        )
        .unit("percentunit")
        .steps(UP)
        .size(8, 5),
        Panel::new(Kind::Stat, "Pods not ready", "Pods of myhealth that are not ready.")
            .ask(format!("sum({} == bool 0)", of("kube_pod_container_status_ready", OURS)), "not ready")
            .unit("short")
            .steps(NONE)
            .size(4, 5),
        Panel::new(Kind::Stat, "Restarts in a day", "Restarts of containers in the last 24 hours.")
            .ask(
                format!("sum(increase({}[1d]))", of("kube_pod_container_status_restarts_total", OURS)),
                "restarts",
            )
            .unit("short")
            .decimals(0)
            .steps(&[(f64::NEG_INFINITY, GREEN), (1.0, ORANGE), (5.0, RED)])
            .size(4, 5),
        Panel::new(Kind::Table, "Waiting containers", "Containers that do not run, and the reason.")
            .ask(format!("{} == 1", of("kube_pod_container_status_waiting_reason", OURS)), "{{reason}}")
            .rows(&["Value", "uid", "namespace", "container"], &[("pod", "Pod"), ("reason", "Reason")])
            .nothing("all run")
            .size(8, 5),
        Panel::new(Kind::States, "Pods by phase", "The phase of each pod over time.")
            .ask(format!("{} == 1", of("kube_pod_status_phase", POD)), "{{pod}} {{phase}}")
            .words(&[(1, "yes", BLUE)]),
        Panel::new(
            Kind::Table,
            "Last termination reason",
            "The reason of each container's last end; OOMKilled means the memory limit.",
        )
        .ask(format!("{} == 1", of("kube_pod_container_status_last_terminated_reason", OURS)), "{{reason}}")
        .rows(&["Value", "uid", "namespace", "container"], &[("pod", "Pod"), ("reason", "Reason")])
        .nothing("none has ended"),
    ]
}

fn resources(of: &dyn Fn(&str, &str) -> String) -> Vec<Panel> {
    let limits = |resource: &str, kind: &str| {
        format!(
            "sum by (pod) ({})",
            of(&format!("kube_pod_container_resource_{kind}"), &format!(r#"{OURS},resource="{resource}""#))
        )
    };
    let cpu =
        format!("sum by (pod) (rate({}[$__rate_interval]))", of("container_cpu_usage_seconds_total", OURS));
    let memory = format!("sum by (pod) ({})", of("container_memory_working_set_bytes", OURS));
    vec![
        Panel::new(Kind::Lines, "CPU", "Cores in use by each pod, and its request.")
            .ask(cpu, "{{pod}}")
            .ask(limits("cpu", "requests"), "{{pod}} request")
            .unit("short")
            .decimals(3)
            .at_least_zero(),
        Panel::new(
            Kind::Lines,
            "Memory",
            "Working set of each pod and its limit, at which the kernel ends it.",
        )
        .ask(memory.clone(), "{{pod}}")
        .ask(limits("memory", "limits"), "{{pod}} limit")
        .unit("bytes")
        .at_least_zero(),
        Panel::new(Kind::Lines, "Memory as a share of the limit", "Above 90 % a pod is about to be ended.")
            .ask(format!("{memory} / {}", limits("memory", "limits")), "{{pod}}")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.9, RED)])
            .range(0.0, 1.0)
            .size(8, 7),
        Panel::new(
            Kind::Lines,
            "CPU throttling",
            "Share of scheduling periods in which a pod wanted more CPU than its limit.",
        )
        .ask(
            format!(
                "sum by (pod) (rate({}[$__rate_interval])) / sum by (pod) (rate({}[$__rate_interval]))",
                of("container_cpu_cfs_throttled_periods_total", OURS),
                of("container_cpu_cfs_periods_total", OURS)
            ),
            "{{pod}}",
        )
        .unit("percentunit")
        .range(0.0, 1.0)
        .size(8, 7),
        Panel::new(Kind::Lines, "Network", "Bytes a second received and sent by each pod.")
            .ask(
                format!(
                    "sum by (pod) (rate({}[$__rate_interval]))",
                    of("container_network_receive_bytes_total", POD)
                ),
                "{{pod}} received",
            )
            .ask(
                format!(
                    "sum by (pod) (rate({}[$__rate_interval]))",
                    of("container_network_transmit_bytes_total", POD)
                ),
                "{{pod}} sent",
            )
            .unit("Bps")
            .at_least_zero()
            .size(8, 7),
    ]
}

fn jobs(of: &dyn Fn(&str, &str) -> String) -> Vec<Panel> {
    vec![
        Panel::new(Kind::Stat, "Failed jobs", "Jobs of myhealth that failed: migrations, backups, syncs.")
            .ask(format!("sum({})", of("kube_job_status_failed", r#"job_name=~"myhealth.*""#)), "failed")
            .unit("short")
            .steps(NONE)
            .size(12, 5),
        Panel::new(
            Kind::Stat,
            "Time since the last scheduled run",
            "How long ago each CronJob was last started.",
        )
        .ask(
            format!("time() - {}", of("kube_cronjob_status_last_schedule_time", r#"cronjob=~"myhealth.*""#)),
            "{{cronjob}}",
        )
        .duration()
        .size(12, 5),
    ]
}

/// CPU and memory of every node: node-exporter knows no namespace.
fn nodes() -> Vec<Panel> {
    let share = |title: &str, about: &str, expr: &str| {
        Panel::new(Kind::Lines, title, about)
            .ask(expr, "{{instance}}")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.9, RED)])
            .range(0.0, 1.0)
            .size(8, 7)
    };
    vec![
        share(
            "Node CPU",
            "Share of each node's CPU time that is not idle.",
            "1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[$__rate_interval]))",
        ),
        share(
            "Node memory",
            "Share of each node's memory that is not available to new work.",
            "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
        ),
        Panel::new(
            Kind::Table,
            "Node pressure",
            "Nodes that are not ready, or short of memory, disk or process ids: they evict pods.",
        )
        .ask(
            "max by (node, condition) (kube_node_status_condition{condition!=\"Ready\",status=\"true\"} == 1 or kube_node_status_condition{condition=\"Ready\",status!=\"true\"} == 1)",
            "{{node}}",
        )
        .rows(&["Value"], &[("node", "Node"), ("condition", "Condition")])
        .nothing("no node under pressure")
        .size(8, 7),
    ]
}

fn volumes(of: &dyn Fn(&str, &str) -> String) -> Vec<Panel> {
    let claim = r#"persistentvolumeclaim=~"myhealth.*""#;
    let ratio = |part: &str, whole: &str| {
        format!(
            "{} / {}",
            of(&format!("kubelet_volume_stats_{part}"), claim),
            of(&format!("kubelet_volume_stats_{whole}"), claim)
        )
    };
    vec![
        Panel::new(Kind::Gauge, "Volume in use", "How full each volume is.")
            .ask(ratio("used_bytes", "capacity_bytes"), "{{persistentvolumeclaim}}")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.8, ORANGE), (0.9, RED)])
            .range(0.0, 1.0)
            .size(12, 5),
        Panel::new(
            Kind::Stat,
            "Time until the volume is full",
            "When each volume will be full if it goes on growing as in the last six hours.",
        )
        .ask(
            format!(
                "{0} / (deriv({1}[6h]) > 0)",
                of("kubelet_volume_stats_available_bytes", claim),
                of("kubelet_volume_stats_used_bytes", claim)
            ),
            "{{persistentvolumeclaim}}",
        )
        .duration()
        .nothing("not growing")
        .steps(&[(f64::NEG_INFINITY, RED), (604_800.0, ORANGE), (2_592_000.0, GREEN)])
        .size(12, 5),
        Panel::new(Kind::Lines, "Volume usage", "Bytes in use on each volume, and its size.")
            .ask(of("kubelet_volume_stats_used_bytes", claim), "{{persistentvolumeclaim}} used")
            .ask(of("kubelet_volume_stats_capacity_bytes", claim), "{{persistentvolumeclaim}} size")
            .unit("bytes")
            .at_least_zero()
            .size(8, 6),
        Panel::new(
            Kind::Lines,
            "Inodes in use",
            "Share of each volume's inodes in use; a volume without free ones is full.",
        )
        .ask(ratio("inodes_used", "inodes"), "{{persistentvolumeclaim}}")
        .unit("percentunit")
        .range(0.0, 1.0)
        .size(8, 6),
        Panel::new(
            Kind::Table,
            "Volume claims",
            "Each volume claim that is not bound, and its phase: its pod waits.",
        )
        .ask(
            format!(
                "{} == 1",
                of("kube_persistentvolumeclaim_status_phase", &format!("{claim},phase!=\"Bound\""))
            ),
            "{{persistentvolumeclaim}}",
        )
        .rows(&["Value", "uid", "namespace"], &[("persistentvolumeclaim", "Claim"), ("phase", "Phase")])
        .nothing("all bound")
        .size(8, 6),
    ]
}

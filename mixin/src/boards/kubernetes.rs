//! Kubernetes: the pods of myhealth, by kube-state-metrics and the kubelet.

use crate::board::{Board, Row, Subject};
use crate::config::Config;
use crate::panel::{GREEN, Kind, NONE, ORANGE, Panel, RED, UP};

pub(super) fn board(config: &Config) -> Board {
    let of = |name: &str, more: &str| {
        let more = if more.is_empty() { String::new() } else { format!(",{more}") };
        format!("{name}{{{}{more}}}", config.kubernetes)
    };
    Board {
        uid: "myhealth-kubernetes",
        title: "Kubernetes",
        about: "Pods, resources, jobs and volumes, by kube-state-metrics and the kubelet.",
        subject: Subject::Kubernetes,
        from: "now-6h",
        rows: vec![
            Row::new("Workloads", workloads(&of)),
            Row::new("Resources", resources(&of)),
            Row::new("Jobs and volumes", jobs(&of)),
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
        Panel::new(Kind::Table, "Why containers wait", "Containers that do not run, and the reason.")
            .ask(format!("{} == 1", of("kube_pod_container_status_waiting_reason", OURS)), "{{reason}}")
            .rows(&["Value", "uid", "namespace", "container"], &[("pod", "Pod"), ("reason", "Reason")])
            .nothing("all run")
            .size(8, 5),
        Panel::new(Kind::States, "Pods by phase", "The phase of each pod over time.")
            .ask(format!("{} == 1", of("kube_pod_status_phase", POD)), "{{pod}} {{phase}}")
            .words(&[(1, "yes", "blue")]),
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
        Panel::new(Kind::Lines, "CPU", "Cores in use by each pod, and what it asked for.")
            .ask(cpu, "{{pod}}")
            .ask(limits("cpu", "requests"), "{{pod}} asked for")
            .unit("short")
            .decimals(3)
            .at_least_zero(),
        Panel::new(
            Kind::Lines,
            "Memory",
            "Working set of each pod and its limit; at the limit the kernel ends it.",
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
            "Throttled",
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
            .size(6, 6),
        Panel::new(Kind::Stat, "Since the last scheduled run", "How long ago each CronJob was last started.")
            .ask(
                format!(
                    "time() - {}",
                    of("kube_cronjob_status_last_schedule_time", r#"cronjob=~"myhealth.*""#)
                ),
                "{{cronjob}}",
            )
            .unit("s")
            .size(6, 6),
        Panel::new(Kind::Gauge, "Volume in use", "How full each volume is.")
            .ask(
                format!(
                    "{} / {}",
                    of("kubelet_volume_stats_used_bytes", r#"persistentvolumeclaim=~"myhealth.*""#),
                    of("kubelet_volume_stats_capacity_bytes", r#"persistentvolumeclaim=~"myhealth.*""#)
                ),
                "{{persistentvolumeclaim}}",
            )
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.8, ORANGE), (0.9, RED)])
            .range(0.0, 1.0)
            .size(6, 6),
        Panel::new(
            Kind::Stat,
            "Volume full in",
            "When each volume will be full if it goes on growing as in the last six hours.",
        )
        .ask(
            format!(
                "{0} / (deriv({1}[6h]) > 0)",
                of("kubelet_volume_stats_available_bytes", r#"persistentvolumeclaim=~"myhealth.*""#),
                of("kubelet_volume_stats_used_bytes", r#"persistentvolumeclaim=~"myhealth.*""#)
            ),
            "{{persistentvolumeclaim}}",
        )
        .unit("s")
        .nothing("not growing")
        .steps(&[(f64::NEG_INFINITY, RED), (604_800.0, ORANGE), (2_592_000.0, GREEN)])
        .size(6, 6),
    ]
}

//! Six hours of a cluster that never was, so that the dashboard about Kubernetes has something to draw: three pods, one
//! of which ran out of memory once, as kube-state-metrics and the kubelet would tell it.

use std::fmt::Write as _;

/// Between two samples.
pub(super) const STEP: usize = 30;
const LENGTH: i64 = 6 * 3600;
const PODS: [&str; 3] = ["myhealth-ingest-0", "myhealth-exporter-0", "myhealth-api-0"];
/// How far into the past the pod of the API was ended.
const ENDED: i64 = LENGTH / 3;
const MIB: f64 = 1_048_576.0;

/// The value of a series so many seconds into the six hours, for the pod of this number (or from this constant).
type Value = fn(of: f64, at: i64) -> f64;

/// In OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`.
pub(super) fn past(now: i64) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, series: &[(String, Value, f64)]| {
        let base = name.strip_suffix("_total").unwrap_or(name);
        writeln!(text, "# TYPE {base} {kind}").expect("BUG: writing to a string");
        for (labels, value, pod) in series {
            for at in (0..=LENGTH).step_by(STEP) {
                let (value, time) = (value(*pod, at), now - LENGTH + at);
                writeln!(text, "{name}{{namespace=\"health\",{labels}}} {value} {time}")
                    .expect("BUG: writing to a string");
            }
        }
    };
    let pods = |more: &str, value: Value| -> Vec<(String, Value, f64)> {
        let numbered = (0_u8..).zip(PODS);
        numbered.map(|(n, pod)| (format!("pod=\"{pod}\"{more}"), value, f64::from(n))).collect()
    };
    let once = |labels: &str, value: Value| vec![(labels.to_owned(), value, 0.0)];
    let ours = ",container=\"myhealth\"";

    let deployments = |value: Value| {
        ["exporter", "api"].map(|role| (format!("deployment=\"myhealth-{role}\""), value, 0.0)).to_vec()
    };
    family("kube_deployment_spec_replicas", "gauge", &deployments(|_, _| 1.0));
    family("kube_deployment_status_replicas_available", "gauge", &deployments(|_, _| 1.0));
    family("kube_pod_container_status_ready", "gauge", &pods(ours, |pod, at| f64::from(!is_down(pod, at))));
    family(
        "kube_pod_container_status_restarts_total",
        "counter",
        &pods(ours, |pod, at| f64::from(pod > 1.0 && at > ENDED)),
    );
    family(
        "kube_pod_container_status_last_terminated_reason",
        "gauge",
        &once("pod=\"myhealth-api-0\",container=\"myhealth\",reason=\"OOMKilled\"", |_, at| {
            f64::from(at > ENDED)
        }),
    );
    family("kube_pod_status_phase", "gauge", &pods(",phase=\"Running\"", |_, _| 1.0));
    family(
        "container_cpu_usage_seconds_total",
        "counter",
        &pods(ours, |pod, at| {
            seconds(at) * (0.01 + 0.02 * pod) + 4.0 * (seconds(at) / 900.0 + pod).sin().abs()
        }),
    );
    family(
        "container_memory_working_set_bytes",
        "gauge",
        &pods(ours, |pod, at| {
            // What the pod of the API holds grows until the kernel ends it; then, more slowly.
            let held = match at {
                _ if pod < 2.0 => 0.0,
                ..=ENDED => seconds(at + 1000) / 40.0,
                _ => seconds(at - ENDED) / 90.0,
            };
            MIB * (28.0 + 9.0 * pod + held + 2.0 * (seconds(at) / 1300.0).sin())
        }),
    );
    for (name, cores, mebibytes) in [("requests", 0.1, 64.0), ("limits", 0.5, 240.0)] {
        let constant = |resource: &str, amount: f64| {
            let pods = pods(&format!("{ours},resource=\"{resource}\""), |amount, _| amount);
            pods.into_iter().map(move |(labels, value, _)| (labels, value, amount))
        };
        let both: Vec<_> = constant("cpu", cores).chain(constant("memory", mebibytes * MIB)).collect();
        family(&format!("kube_pod_container_resource_{name}"), "gauge", &both);
    }
    family("container_cpu_cfs_periods_total", "counter", &pods(ours, |_, at| 10.0 * seconds(at)));
    family(
        "container_cpu_cfs_throttled_periods_total",
        "counter",
        &pods(ours, |pod, at| 0.2 * pod * seconds(at) + 300.0 * (seconds(at) / 4000.0).sin().max(0.0) * pod),
    );
    family(
        "container_network_receive_bytes_total",
        "counter",
        &pods("", |pod, at| 900.0 * (pod + 1.0) * seconds(at)),
    );
    family(
        "container_network_transmit_bytes_total",
        "counter",
        &pods("", |pod, at| 2600.0 * (pod + 1.0) * seconds(at)),
    );
    family("kube_job_status_failed", "gauge", &once("job_name=\"myhealth-migrate\"", |_, _| 0.0));
    let volume = "persistentvolumeclaim=\"myhealth-data\"";
    family("kubelet_volume_stats_capacity_bytes", "gauge", &once(volume, |_, _| 2048.0 * MIB));
    family(
        "kubelet_volume_stats_used_bytes",
        "gauge",
        &once(volume, |_, at| MIB * (310.0 + seconds(at) / 6000.0)),
    );
    family(
        "kubelet_volume_stats_available_bytes",
        "gauge",
        &once(volume, |_, at| MIB * (1738.0 - seconds(at) / 6000.0)),
    );
    // In the night, as backups are.
    writeln!(text, "# TYPE kube_cronjob_status_last_schedule_time gauge").expect("BUG: writing to a string");
    for at in (0..=LENGTH).step_by(STEP) {
        let time = now - LENGTH + at;
        let last = time - time % 86_400 + 10_800 - if time % 86_400 < 10_800 { 86_400 } else { 0 };
        writeln!(text, "kube_cronjob_status_last_schedule_time{{namespace=\"health\",cronjob=\"myhealth-backup\"}} {last} {time}")
            .expect("BUG: writing to a string");
    }
    text.push_str("# EOF\n");
    text
}

fn is_down(pod: f64, at: i64) -> bool {
    pod > 1.0 && (ENDED..ENDED + 120).contains(&at)
}

fn seconds(at: i64) -> f64 {
    f64::from(i32::try_from(at).expect("BUG: six hours fit"))
}

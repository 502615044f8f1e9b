//! Six hours of a cluster that never was, so that the dashboard about Kubernetes has something to draw: three pods, one
//! of which ran out of memory once, as kube-state-metrics and the kubelet would tell it.

use std::fmt::Write as _;

/// Between two samples.
pub(crate) const STEP: usize = 30;
const LENGTH: i64 = 6 * 3600;
const PODS: [&str; 3] = ["myhealth-ingest-0", "myhealth-exporter-0", "myhealth-api-0"];
const OURS: &str = ",container=\"myhealth\"";
/// When the pod of the API was ended.
const ENDED: i64 = LENGTH / 3;
const MIB: f64 = 1_048_576.0;

/// The value of a series so many seconds into the six hours, for the pod of this number (or from this constant).
type Value = fn(of: f64, at: i64) -> f64;

/// Labels, value, and what the value is of.
type Series = (String, Value, f64);

struct Past {
    text: String,
    begins: i64,
}

/// In OpenMetrics, for `promtool tsdb create-blocks-from openmetrics`.
pub(crate) fn past(now: i64) -> String {
    let mut past = Past { text: String::new(), begins: now - LENGTH };
    past.workloads();
    past.resources();
    past.nodes();
    past.jobs_and_volumes();
    past.text + "# EOF\n"
}

impl Past {
    fn family(&mut self, name: &str, kind: &str, series: &[Series]) {
        let base = name.strip_suffix("_total").unwrap_or(name);
        writeln!(self.text, "# TYPE {base} {kind}").expect(STRING);
        for (labels, value, of) in series {
            for at in (0..=LENGTH).step_by(STEP) {
                let (value, time) = (value(*of, at), self.begins + at);
                writeln!(self.text, "{name}{{namespace=\"health\",{labels}}} {value} {time}").expect(STRING);
            }
        }
    }

    fn gauge(&mut self, name: &str, series: &[Series]) {
        self.family(name, "gauge", series);
    }

    fn counter(&mut self, name: &str, series: &[Series]) {
        self.family(name, "counter", series);
    }

    fn workloads(&mut self) {
        let deployments = ["exporter", "api"]
            .map(|role| -> Series { (format!("deployment=\"myhealth-{role}\""), |_, _| 1.0, 0.0) });
        self.gauge("kube_deployment_spec_replicas", &deployments);
        self.gauge("kube_deployment_status_replicas_available", &deployments);
        let is_ready = |pod, at| f64::from(pod < 2.0 || !(ENDED..ENDED + 120).contains(&at));
        self.gauge("kube_pod_container_status_ready", &pods(OURS, is_ready));
        let restarts = |pod, at| f64::from(pod > 1.0 && at > ENDED);
        self.counter("kube_pod_container_status_restarts_total", &pods(OURS, restarts));
        let ended = "pod=\"myhealth-api-0\",container=\"myhealth\",reason=\"OOMKilled\"";
        let ended = one(ended, |_, at| f64::from(at > ENDED));
        self.gauge("kube_pod_container_status_last_terminated_reason", &ended);
        self.gauge("kube_pod_status_phase", &pods(",phase=\"Running\"", |_, _| 1.0));
    }

    fn resources(&mut self) {
        // Each pod works in waves of its own, and a counter never falls.
        let cpu =
            |pod: f64, at| 10.0 + seconds(at) * (0.02 + 0.01 * pod) + 6.0 * (seconds(at) / 900.0 + pod).sin();
        self.counter("container_cpu_usage_seconds_total", &pods(OURS, cpu));
        let memory = |pod, at| {
            // What the pod of the API holds grows until the kernel ends it; then, more slowly.
            let held = match at {
                _ if pod < 2.0 => 0.0,
                ..=ENDED => seconds(at + 1000) / 40.0,
                _ => seconds(at - ENDED) / 90.0,
            };
            MIB * (28.0 + 9.0 * pod + held + 2.0 * (seconds(at) / 1300.0).sin())
        };
        self.gauge("container_memory_working_set_bytes", &pods(OURS, memory));
        for (name, cores, mebibytes) in [("requests", 0.1, 64.0), ("limits", 0.5, 240.0)] {
            let constant = |resource: &str, amount: f64| {
                let pods = pods(&format!("{OURS},resource=\"{resource}\""), |amount, _| amount);
                pods.into_iter().map(move |(labels, value, _)| (labels, value, amount))
            };
            let both: Vec<_> = constant("cpu", cores).chain(constant("memory", mebibytes * MIB)).collect();
            self.gauge(&format!("kube_pod_container_resource_{name}"), &both);
        }
        self.counter("container_cpu_cfs_periods_total", &pods(OURS, |_, at| 10.0 * seconds(at)));
        let throttled = |pod, at| pod * (0.2 * seconds(at) + 300.0 + 300.0 * (seconds(at) / 4000.0).sin());
        self.counter("container_cpu_cfs_throttled_periods_total", &pods(OURS, throttled));
        for (name, value) in [
            ("receive", (|pod, at| 900.0 * (pod + 1.0) * seconds(at)) as Value),
            ("transmit", |pod, at| 2600.0 * (pod + 1.0) * seconds(at)),
        ] {
            self.counter(&format!("container_network_{name}_bytes_total"), &pods("", value));
        }
    }

    /// Two nodes of two processors and 8 GiB, as node-exporter reports them.
    fn nodes(&mut self) {
        let idle: fn(f64, i64) -> f64 = |node, at| {
            let busy = 0.2 + 0.25 * node;
            seconds(at) * (1.0 - busy) + 60.0 * (seconds(at) / 1200.0 + node).sin() + 100.0
        };
        let of = |more: &str, value: Value| -> Vec<Series> {
            let nodes = [("10.0.0.11:9100", 0.0), ("10.0.0.12:9100", 1.0)];
            nodes.map(|(node, n)| (format!("instance=\"{node}\"{more}"), value, n)).to_vec()
        };
        self.counter("node_cpu_seconds_total", &of(",cpu=\"0\",mode=\"idle\"", idle));
        self.gauge("node_memory_MemTotal_bytes", &of("", |_, _| 8192.0 * MIB));
        let available = |node, at| MIB * (5200.0 - 1900.0 * node + 300.0 * (seconds(at) / 2500.0).sin());
        self.gauge("node_memory_MemAvailable_bytes", &of("", available));
    }

    fn jobs_and_volumes(&mut self) {
        self.gauge("kube_job_status_failed", &one("job_name=\"myhealth-migrate\"", |_, _| 0.0));
        let volume = |value| one("persistentvolumeclaim=\"myhealth-data\"", value);
        self.gauge("kubelet_volume_stats_capacity_bytes", &volume(|_, _| 2048.0 * MIB));
        self.gauge("kubelet_volume_stats_used_bytes", &volume(|_, at| used(at)));
        self.gauge("kubelet_volume_stats_available_bytes", &volume(|_, at| MIB * 2048.0 - used(at)));
        self.gauge("kubelet_volume_stats_inodes", &volume(|_, _| 131_072.0));
        self.gauge(
            "kubelet_volume_stats_inodes_used",
            &volume(|_, at| 96.0 + (seconds(at) / 3000.0).floor()),
        );
        // Last night, a while before the six hours begin.
        let mut backup = one("cronjob=\"myhealth-backup\"", |last, _| last);
        backup[0].2 = f64::from(i32::try_from(self.begins - 7200).unwrap_or(i32::MAX));
        self.gauge("kube_cronjob_status_last_schedule_time", &backup);
    }
}

const STRING: &str = "BUG: writing to a string";

fn pods(more: &str, value: Value) -> Vec<Series> {
    let numbered = (0_u8..).zip(PODS);
    numbered.map(|(n, pod)| (format!("pod=\"{pod}\"{more}"), value, f64::from(n))).collect()
}

fn one(labels: &str, value: Value) -> Vec<Series> {
    vec![(labels.to_owned(), value, 0.0)]
}

/// Bytes of the volume.
fn used(at: i64) -> f64 {
    MIB * (310.0 + seconds(at) / 6000.0)
}

fn seconds(at: i64) -> f64 {
    f64::from(i32::try_from(at).expect("BUG: six hours fit"))
}

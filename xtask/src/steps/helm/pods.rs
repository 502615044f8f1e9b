//! What every pod must be.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rendering::Rendering;
use crate::helm::Object;

/// Mounts that no flag names: scratch, what the database's URL names, and what users add.
const NOT_NAMED: [&str; 3] = ["/tmp", "/etc/myhealth/database-ca", "/scratch"];

/// The program's grace after its shutdown delay.
const GRACE_SECONDS: u64 = 20;

fn pods(rendering: &Rendering) -> impl Iterator<Item = (&Object, &Value)> {
    rendering.objects.iter().filter_map(|object| Some((object, object.pod()?)))
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(pod, "/spec/initContainers").chain(list(pod, "/spec/containers"))
}

/// Pod Security "restricted", and what it does not ask for.
pub(super) fn pods_are_restricted(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for (object, pod) in pods(rendering) {
        let mut must = |pointer: &str, of: &Value, expected: Value| {
            if of.pointer(pointer) != Some(&expected) {
                problems.push(format!("{}: {pointer} is not {expected}", object.title()));
            }
        };
        must("/spec/securityContext/runAsNonRoot", pod, true.into());
        must("/spec/securityContext/seccompProfile/type", pod, "RuntimeDefault".into());
        must("/spec/automountServiceAccountToken", pod, false.into());
        must("/spec/enableServiceLinks", pod, false.into());
        for container in containers(pod) {
            must("/securityContext/allowPrivilegeEscalation", container, false.into());
            must("/securityContext/readOnlyRootFilesystem", container, true.into());
            must("/securityContext/capabilities/drop", container, json!(["ALL"]));
        }
        for container in containers(pod) {
            let image = container["image"].as_str().unwrap_or_default();
            if image.ends_with(":latest") || !image.contains(':') {
                problems.push(format!("{}: the image {image:?} has no version", object.title()));
            }
        }
        for volume in list(pod, "/spec/volumes") {
            if volume.get("hostPath").is_some() {
                problems.push(format!("{}: a volume of the node", object.title()));
            }
        }
    }
    problems
}

pub(super) fn probes_are_where_they_belong(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for (object, pod) in pods(rendering) {
        let stays = matches!(object.kind(), "Deployment" | "StatefulSet");
        for container in list(pod, "/spec/containers") {
            let ports: Vec<_> = list(container, "/ports").filter_map(|port| port.get("name")).collect();
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                let port = container.pointer(&format!("/{probe}/httpGet/port"));
                if stays != container.get(probe).is_some() || port.is_some_and(|port| !ports.contains(&port))
                {
                    problems.push(format!("{}: {probe}", object.title()));
                }
            }
        }
    }
    problems
}

pub(super) fn resources_are_bounded(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for (object, pod) in pods(rendering) {
        for container in containers(pod) {
            let has = |pointer: &str| container.pointer(pointer).is_some();
            if !(has("/resources/requests/cpu")
                && has("/resources/requests/memory")
                && has("/resources/limits/memory"))
            {
                problems.push(format!("{}: requests and a limit of memory are missing", object.title()));
            }
            // A limit of the processor would throttle the answers.
            if has("/resources/limits/cpu") {
                problems.push(format!("{}: a limit of the processor", object.title()));
            }
        }
    }
    problems
}

/// Files that a container's flags and variables name.
fn named_paths(container: &Value) -> Vec<&str> {
    let flags =
        list(container, "/args").filter_map(|flag| flag.as_str()?.split_once('=').map(|(_, path)| path));
    let variables = list(container, "/env").filter_map(|variable| variable.get("value")?.as_str());
    // Paths of URLs are not files.
    flags.chain(variables).filter(|path| path.starts_with("/etc/") || path.starts_with("/data")).collect()
}

fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Every volume is mounted and every mount has its volume; every file that a flag names is mounted, and every mount has a
/// flag that names something of it.
pub(super) fn mounts_and_paths_agree(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for (object, pod) in pods(rendering) {
        let title = object.title();
        let claims =
            list(&object.0, "/spec/volumeClaimTemplates").filter_map(|claim| claim.pointer("/metadata/name"));
        let volumes = list(pod, "/spec/volumes").filter_map(|volume| volume.get("name"));
        let volumes: BTreeSet<_> = volumes.chain(claims).filter_map(Value::as_str).collect();
        let mut mounted = BTreeSet::new();
        for container in containers(pod) {
            let mounts: Vec<_> = list(container, "/volumeMounts")
                .filter_map(|mount| Some((mount.get("name")?.as_str()?, mount.get("mountPath")?.as_str()?)))
                .collect();
            mounted.extend(mounts.iter().map(|(name, _)| *name));
            let paths = named_paths(container);
            for path in &paths {
                let Some((name, folder)) = mounts.iter().find(|(_, folder)| is_in(path, folder)) else {
                    problems.push(format!("{title}: {path} is not mounted"));
                    continue;
                };
                let file = path[folder.len()..].trim_start_matches('/');
                let volume = list(pod, "/spec/volumes").find(|volume| volume["name"] == **name);
                let items: Vec<_> = volume
                    .into_iter()
                    .flat_map(|volume| list(volume, "/secret/items").chain(list(volume, "/configMap/items")))
                    .filter_map(|item| item.get("path")?.as_str())
                    .collect();
                if !items.is_empty() && !items.contains(&file) {
                    problems.push(format!("{title}: {path} is not in its volume"));
                }
            }
            for (_, folder) in &mounts {
                if !NOT_NAMED.contains(folder) && !paths.iter().any(|path| is_in(path, folder)) {
                    problems.push(format!("{title}: nothing reads {folder}"));
                }
            }
        }
        if mounted != volumes {
            problems.push(format!("{title}: mounted are {mounted:?} of the volumes {volumes:?}"));
        }
    }
    problems
}

pub(super) fn variables_are_unique(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for (object, pod) in pods(rendering) {
        for container in containers(pod) {
            let names: Vec<_> =
                list(container, "/env").filter_map(|variable| variable["name"].as_str()).collect();
            if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
                problems.push(format!("{}: a variable is set twice: {names:?}", object.title()));
            }
            // Flags that may be repeated are given once, with commas.
            let flags =
                list(container, "/args").filter_map(Value::as_str).filter(|flag| flag.starts_with("--"));
            let names: Vec<_> = flags.map(|flag| flag.split('=').next().unwrap_or_default()).collect();
            if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
                problems.push(format!("{}: a flag is given twice: {names:?}", object.title()));
            }
        }
    }
    problems
}

/// One of the chart and an autoscaler says how many; a disruption budget is there for several alone; SQLite has one writer.
pub(super) fn replicas_have_one_owner(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    let scalers: Vec<_> =
        rendering.objects.iter().filter(|object| object.at("/spec/scaleTargetRef").is_some()).collect();
    for object in &rendering.objects {
        let replicas = object.at("/spec/replicas").and_then(Value::as_u64);
        let scaler = scalers.iter().find(|scaler| scaler.text("/spec/scaleTargetRef/name") == object.name());
        match object.kind() {
            "Deployment" | "StatefulSet" => {
                if replicas.is_some() == (scaler.is_some() && object.kind() == "Deployment") {
                    problems.push(format!("{}: spec.replicas has no owner, or two", object.title()));
                }
            }
            _ => continue,
        }
        let least = scaler.map_or(replicas, |scaler| {
            let least = scaler.at("/spec/minReplicas").or_else(|| scaler.at("/spec/minReplicaCount"));
            least.and_then(Value::as_u64)
        });
        let sharded = object.kind() == "StatefulSet";
        let budget = rendering.of_kind("PodDisruptionBudget").find(|budget| budget.name() == object.name());
        let wanted = least.is_some_and(|least| least > 1)
            && !sharded
            && rendering.values.pointer("/podDisruptionBudget/enabled") != Some(&false.into());
        if budget.is_some() != wanted {
            problems.push(format!("{}: a disruption budget with {least:?} replicas", object.title()));
        }
        if budget.is_some_and(|budget| budget.at("/spec/maxUnavailable") != Some(&1.into())) {
            problems.push(format!("{}: the disruption budget is not maxUnavailable: 1", object.title()));
        }
        if rendering.is("/mode", "embedded") && (replicas != Some(1) || object.kind() != "StatefulSet") {
            problems.push(format!("{}: SQLite has one writer", object.title()));
        }
    }
    problems
}

/// The kubelet waits longer than the program takes, and one of the two waits for load balancers.
pub(super) fn shutdown_has_time(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for (object, pod) in pods(rendering) {
        if !matches!(object.kind(), "Deployment" | "StatefulSet") {
            continue;
        }
        let grace = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_u64).unwrap_or(30);
        for container in list(pod, "/spec/containers") {
            let kubelet = container.pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64);
            let program = list(container, "/args").find_map(|flag| {
                flag.as_str()?.strip_prefix("--shutdown.delay=")?.strip_suffix('s')?.parse().ok()
            });
            let waits = kubelet.or(program).unwrap_or(0);
            if kubelet.is_some() && program.is_some() {
                problems.push(format!("{}: both wait", object.title()));
            }
            if grace < waits + GRACE_SECONDS + 10 {
                problems.push(format!("{}: {grace} s are too few after {waits} s", object.title()));
            }
        }
    }
    problems
}

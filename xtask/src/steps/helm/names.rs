//! What objects are called, and that what they name is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::rendering::Rendering;
use crate::helm::{NAMESPACE, Object, RELEASE};
use crate::run;

/// Longest that every kind takes with what Kubernetes appends.
const LONGEST_NAME: usize = 63;

/// Kinds that users give as they are.
fn is_extra(object: &Object) -> bool {
    object.name().starts_with(&format!("{RELEASE}-extra")) || object.name() == format!("{RELEASE}-text")
}

pub(super) fn names_are_valid_and_labelled(rendering: &Rendering) -> Vec<String> {
    const LABELS: [&str; 5] = ["name", "instance", "component", "version", "managed-by"];
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for object in rendering.objects.iter().filter(|object| !is_extra(object)) {
        let (title, name) = (object.title(), object.name());
        if name.is_empty() || name.len() > LONGEST_NAME {
            problems.push(format!("{title}: the name is empty or too long"));
        }
        if object.text("/metadata/namespace").is_empty() {
            problems.push(format!("{title} has no namespace"));
        }
        for label in LABELS {
            if object.text(&format!("/metadata/labels/app.kubernetes.io~1{label}")).is_empty() {
                problems.push(format!("{title} has no label app.kubernetes.io/{label}"));
            }
        }
        if !seen.insert((title.clone(), object.text("/metadata/namespace").to_owned())) {
            problems.push(format!("{title} is there twice"));
        }
    }
    problems
}

/// Whether labels have what a selector asks for.
pub(super) fn selects(selector: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(wanted) = selector.and_then(Value::as_object) else { return false };
    !wanted.is_empty()
        && wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn pod_labels(rendering: &Rendering) -> Vec<&Value> {
    let pods = rendering.objects.iter().filter_map(Object::pod);
    pods.filter_map(|pod| pod.pointer("/metadata/labels")).collect()
}

pub(super) fn selectors_select_the_release(rendering: &Rendering) -> Vec<String> {
    let pods = pod_labels(rendering);
    let mut problems = Vec::new();
    for object in &rendering.objects {
        let (selector, expected) = match object.kind() {
            "Deployment" | "StatefulSet" | "PodDisruptionBudget" => {
                (object.at("/spec/selector/matchLabels"), Some(1))
            }
            "Service" => (object.at("/spec/selector"), Some(1)),
            "NetworkPolicy" => (object.at("/spec/podSelector/matchLabels"), None),
            "PeerAuthentication" | "AuthorizationPolicy" | "RequestAuthentication" => {
                (object.at("/spec/selector/matchLabels"), None)
            }
            _ => continue,
        };
        let found = pods.iter().filter(|labels| selects(selector, Some(labels))).count();
        if found == 0 || expected.is_some_and(|expected| found != expected) {
            problems.push(format!("{} selects {found} kinds of pods", object.title()));
        }
    }
    problems
}

/// A Service's port, by its name or number.
fn has_port(rendering: &Rendering, service: &str, port: &Value) -> bool {
    rendering.of_kind("Service").filter(|object| object.name() == service).any(|object| {
        let ports = object.at("/spec/ports").and_then(Value::as_array).into_iter().flatten();
        ports.into_iter().any(|one| one.get("name") == Some(port) || one.get("port") == Some(port))
    })
}

pub(super) fn named_objects_exist(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    let mut wanted: Vec<(String, String, Value)> = Vec::new();
    for object in &rendering.objects {
        walk(&object.0, &mut |key, value| {
            let named = |name: &str, port: &str| {
                let (name, port) = (value.pointer(name)?.as_str()?, value.pointer(port)?);
                Some((object.title(), name.to_owned(), port.clone()))
            };
            match (object.kind(), key) {
                ("Ingress", "service") => {
                    wanted.extend(named("/name", "/port/name"));
                }
                ("VirtualService", "destination") => {
                    if let Some((title, host, port)) = named("/host", "/port/number")
                        && let Some(name) = host.strip_suffix(&format!(".{NAMESPACE}.svc.cluster.local"))
                    {
                        wanted.push((title, name.to_owned(), port));
                    }
                }
                ("HTTPRoute", "backendRefs") => {
                    wanted.extend(value.as_array().into_iter().flatten().filter_map(|backend| {
                        Some((
                            object.title(),
                            backend.get("name")?.as_str()?.to_owned(),
                            backend.get("port")?.clone(),
                        ))
                    }));
                }
                ("HorizontalPodAutoscaler", "describedObject") => {
                    wanted.extend(
                        value
                            .get("name")
                            .and_then(Value::as_str)
                            .map(|name| (object.title(), name.to_owned(), "api".into())),
                    );
                }
                ("StatefulSet", "serviceName") => {
                    wanted.push((
                        object.title(),
                        value.as_str().unwrap_or_default().to_owned(),
                        "web".into(),
                    ));
                }
                _ => {}
            }
        });
        if object.kind() == "Pod" {
            let url = object.text("/spec/containers/0/args/1");
            let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
            let (host, port) = host.split_once(':').unwrap_or_default();
            let name = host.strip_suffix(&format!(".{NAMESPACE}.svc")).unwrap_or_default();
            wanted.push((object.title(), name.to_owned(), port.parse::<u16>().unwrap_or_default().into()));
        }
    }
    for (object, service, port) in wanted {
        if !has_port(rendering, &service, &port) {
            problems.push(format!(
                "{object} names the Service {service:?} with the port {port}, which is not there"
            ));
        }
    }
    let target = rendering.objects.iter().filter_map(|object| object.at("/spec/scaleTargetRef/name"));
    for target in target {
        if !rendering.of_kind("Deployment").any(|object| *object.name() == *target) {
            problems.push(format!("the Deployment {target} that is to be scaled is not there"));
        }
    }
    // A ServiceAccount of the user's is named in the values.
    for object in &rendering.objects {
        let Some(name) = object.pod().and_then(|pod| pod.pointer("/spec/serviceAccountName")) else {
            continue;
        };
        let made = rendering.of_kind("ServiceAccount").any(|account| account.name() == *name);
        if !made && name != "default" && !mentions(&rendering.values, name) {
            problems.push(format!("{} uses the ServiceAccount {name}, which is not there", object.title()));
        }
    }
    problems
}

/// Calls for every key with its value.
pub(super) fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                visit(key, value);
                walk(value, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn mentions(values: &Value, name: &Value) -> bool {
    match values {
        Value::Object(map) => map.values().any(|value| mentions(value, name)),
        Value::Array(items) => items.iter().any(|value| mentions(value, name)),
        value => value == name,
    }
}

pub(super) fn secrets_are_declared(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for object in &rendering.objects {
        if object.kind() == "Secret" {
            problems.push(format!("{} is a Secret with content", object.title()));
        }
        let Some(pod) = object.pod() else { continue };
        walk(pod, &mut |key, value| {
            let name = match key {
                "secretName" => Some(value),
                "secretKeyRef" => value.get("name"),
                _ => None,
            };
            if let Some(name) = name.filter(|name| !mentions(&rendering.values, name)) {
                problems.push(format!("{} uses the Secret {name}, which no value names", object.title()));
            }
        });
    }
    problems
}

/// What the External Secrets operator makes has every key that pods read of it.
pub(super) fn external_secrets_make_every_key(rendering: &Rendering) -> Vec<String> {
    let made: BTreeMap<&str, BTreeSet<&str>> = rendering
        .of_kind("ExternalSecret")
        // `dataFrom` takes the keys that are there.
        .filter(|object| object.0.pointer("/spec/dataFrom").is_none())
        .map(|object| {
            let data = object.0.pointer("/spec/data").and_then(Value::as_array);
            let keys = data.into_iter().flatten().filter_map(|entry| entry["secretKey"].as_str());
            (object.text("/spec/target/name"), keys.collect())
        })
        .collect();
    let mut problems = Vec::new();
    for object in &rendering.objects {
        let Some(pod) = object.pod() else { continue };
        let mut check = |secret: &Value, key: &Value| {
            let (Some(secret), Some(key)) = (secret.as_str(), key.as_str()) else { return };
            if made.get(secret).is_some_and(|keys| !keys.contains(key)) {
                problems.push(format!("{} reads {key} of {secret}, which has no such key", object.title()));
            }
        };
        walk(pod, &mut |name, value| match name {
            "secretKeyRef" => check(&value["name"], &value["key"]),
            "secret" => {
                for item in value["items"].as_array().into_iter().flatten() {
                    check(&value["secretName"], &item["key"]);
                }
            }
            _ => {}
        });
    }
    problems
}

pub(super) fn gauges_have_no_route(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for object in &rendering.objects {
        if !matches!(object.kind(), "Ingress" | "HTTPRoute" | "VirtualService") {
            continue;
        }
        walk(&object.0, &mut |key, value| {
            let number = if value.is_object() { value.get("number") } else { Some(value) };
            if key == "port" && (number == Some(&9872.into()) || value.get("name") == Some(&"web".into())) {
                problems.push(format!("{} leads to the gauges", object.title()));
            }
        });
    }
    for service in rendering.of_kind("Service") {
        if service.text("/spec/type") != "ClusterIP" {
            problems.push(format!("{} can be reached from outside", service.title()));
        }
    }
    problems
}

pub(super) fn hooks_are_known_to_helm_and_argo(rendering: &Rendering) -> Vec<String> {
    let mut problems = Vec::new();
    for object in &rendering.objects {
        let annotation =
            |name: &str| object.text(&format!("/metadata/annotations/{}", name.replace('/', "~1")));
        match annotation("helm.sh/hook") {
            "" | "test" => {}
            "pre-install,pre-upgrade" if annotation("argocd.argoproj.io/hook") == "PreSync" => {}
            hook => {
                problems.push(format!("{} is a hook {hook:?} that Argo CD does not know", object.title()));
            }
        }
        if object.kind() == "Job" && object.at("/spec/activeDeadlineSeconds").is_none() {
            problems.push(format!("{} has no deadline", object.title()));
        }
    }
    for job in rendering.of_kind("CronJob") {
        if job.text("/spec/concurrencyPolicy") != "Forbid" {
            problems.push(format!("{} may run twice at a time", job.title()));
        }
    }
    problems
}

pub(super) fn dashboards_are_the_mixin(rendering: &Rendering) -> Vec<String> {
    /// Of an annotation, into which client-side apply copies the object.
    const LIMIT: usize = 262_144;
    let mut problems = Vec::new();
    for map in rendering.of_kind("ConfigMap") {
        for (file, text) in map.at("/data").and_then(Value::as_object).into_iter().flatten() {
            if Path::new(file).extension().is_none_or(|kind| kind != "json") {
                continue;
            }
            let text = text.as_str().unwrap_or_default();
            let source = fs::read_to_string(run::root().join("dashboards").join(file)).unwrap_or_default();
            let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
            if parsed(text).is_none() || parsed(text) != parsed(&source) {
                problems.push(format!("{file} differs from dashboards/{file}"));
            }
            if map.0.to_string().len() > LIMIT {
                problems.push(format!("{} is too large for client-side apply", map.title()));
            }
        }
    }
    problems
}

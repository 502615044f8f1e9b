//! Who reaches whom.

use serde_json::Value;

use super::names::selects;
use super::rendering::Rendering;
use crate::helm::Object;

/// With policies, a policy without rules selects every pod, and each pod has one of its own. No rule is without peers unless
/// its values say so: that would be everybody.
pub(super) fn policies_deny_by_default(rendering: &Rendering) -> Vec<String> {
    let enabled = rendering.values.pointer("/networkPolicy/enabled") != Some(&false.into());
    let policies: Vec<_> = rendering.of_kind("NetworkPolicy").collect();
    let pods: Vec<_> = rendering.objects.iter().filter(|object| object.pod().is_some()).collect();
    if !enabled {
        return policies.iter().map(|policy| format!("{} is there", policy.title())).collect();
    }
    let mut problems = Vec::new();
    for object in pods {
        let labels = object.pod().and_then(|pod| pod.pointer("/metadata/labels"));
        let selecting = |policy: &&&Object| selects(policy.at("/spec/podSelector/matchLabels"), labels);
        let (denying, allowing): (Vec<&Object>, Vec<&Object>) =
            policies.iter().filter(selecting).partition(|policy| rules(policy, "egress").is_empty());
        if denying.len() != 1 || allowing.len() != 1 {
            let (denying, allowing) = (denying.len(), allowing.len());
            problems.push(format!("{}: {denying} policies deny and {allowing} allow", object.title()));
        }
    }
    for policy in policies {
        for rule in rules(policy, "ingress") {
            if rule.get("from").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                problems.push(format!("{} lets everybody in: {rule}", policy.title()));
            }
        }
        for rule in rules(policy, "egress") {
            if rule.get("ports").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                problems.push(format!("{} lets out to every port: {rule}", policy.title()));
            }
        }
        if policy
            .at("/spec/policyTypes")
            .is_none_or(|types| *types != serde_json::json!(["Ingress", "Egress"]))
        {
            problems.push(format!("{} is not about both directions", policy.title()));
        }
    }
    problems
}

fn rules<'a>(policy: &'a Object, direction: &str) -> Vec<&'a Value> {
    let rules = policy.at(&format!("/spec/{direction}")).and_then(Value::as_array);
    rules.into_iter().flatten().collect()
}

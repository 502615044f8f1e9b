//! What must exist before what: a dependency that is missing shows only as a race in a real account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};

use super::Engine;
use crate::run;

/// Folder, resource, what it comes after, and what happens otherwise.
const ORDER: [(&str, &str, &str, &str); 9] = [
    (
        "modules/eks",
        "aws_eks_node_group.main",
        "aws_eks_addon.before_nodes",
        "nodes without a network plug-in stay NotReady",
    ),
    ("modules/eks", "aws_eks_addon.after_nodes", "aws_eks_node_group.main", "CoreDNS has no node to run on"),
    (
        "modules/eks",
        "aws_eks_node_group.main",
        "aws_iam_role_policy_attachment.node",
        "nodes cannot join the cluster",
    ),
    (
        "modules/eks",
        "aws_eks_cluster.main",
        "aws_cloudwatch_log_group.cluster",
        "EKS makes the group itself, unencrypted and kept forever",
    ),
    (
        "modules/networking",
        "aws_nat_gateway.main",
        "aws_internet_gateway.main",
        "a NAT gateway needs a way out",
    ),
    (
        "modules/networking",
        "aws_flow_log.main",
        "aws_iam_role_policy.flow_logs",
        "the first records are refused",
    ),
    (
        "modules/cdn",
        "aws_s3_bucket_policy.site",
        "aws_s3_bucket_public_access_block.site",
        "S3 refuses both at once",
    ),
    (
        "modules/security-baseline",
        "aws_cloudtrail.main",
        "aws_s3_bucket_policy.audit",
        "CloudTrail checks that it may write",
    ),
    (
        "modules/security-baseline",
        "aws_config_configuration_recorder_status.main",
        "aws_config_delivery_channel.main",
        "a recorder without a channel cannot start",
    ),
];

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Fails when a resource could be made before what it needs. `copy` holds folders in which `init` was run.
pub(super) fn check(engine: &Engine, copy: &Path) -> Result<()> {
    let mut graphs = BTreeMap::new();
    for (folder, later, earlier, otherwise) in ORDER {
        if !graphs.contains_key(folder) {
            let mut graph = engine.command(&copy.join(folder));
            graphs.insert(folder, run::quietly(graph.args(["graph", "-type=plan"]), "fix what it names.")?);
        }
        let edges = edges(&graphs[folder]);
        for resource in [later, earlier] {
            if !edges.contains_key(resource) {
                bail!("terraform/{folder} has no {resource}, whose order is to be kept");
            }
        }
        if !reaches(&edges, later, earlier) {
            bail!("terraform/{folder}: {later} must depend on {earlier}: {otherwise}");
        }
    }
    println!("order: {} dependencies hold", ORDER.len());
    Ok(())
}

/// The edges of a graph as DOT: `"[root] a.b (expand)" -> "[root] c.d (expand)"`. Names may hold escaped quotes: a provider is
/// opened as `provider[\"…\"]` and closed as `provider[\"…\"] (close)`, after everything that uses it.
fn edges(dot: &str) -> Graph<'_> {
    let mut graph = Graph::new();
    for line in dot.lines() {
        let mut ends = line.split("\"[root] ").skip(1).map(|rest| {
            let quotes = rest.match_indices('"').map(|(at, _)| at);
            let end = quotes.into_iter().find(|&at| !rest[..at].ends_with('\\')).unwrap_or(rest.len());
            rest[..end].trim_end_matches(" (expand)")
        });
        let Some(from) = ends.next() else { continue };
        graph.entry(from).or_default().extend(ends.next());
    }
    graph
}

fn reaches(graph: &Graph<'_>, from: &str, to: &str) -> bool {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(node) = waiting.pop() {
        for &next in graph.get(node).into_iter().flatten() {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                waiting.push(next);
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_found_through_what_lies_between() {
        let dot = "digraph {\n\t\t\"[root] a.x (expand)\" [label = \"a.x\", shape = \"box\"]\n\
                   \t\t\"[root] a.x (expand)\" -> \"[root] local.y (expand)\"\n\
                   \t\t\"[root] local.y (expand)\" -> \"[root] b.z (expand)\"\n\t\t\"[root] c.w (expand)\" -> \"[root] a.x (expand)\"\n}\n";
        let graph = edges(dot);
        assert!(reaches(&graph, "a.x", "b.z"));
        assert!(reaches(&graph, "c.w", "b.z"));
        assert!(!reaches(&graph, "b.z", "a.x"));
        assert!(!reaches(&graph, "a.x", "c.w"));
    }

    #[test]
    fn provider_that_is_closed_is_not_the_one_that_is_opened() {
        let dot = "\t\"[root] late (expand)\" -> \"[root] provider[\\\"host/aws\\\"]\"\n\
                   \t\"[root] provider[\\\"host/aws\\\"] (close)\" -> \"[root] early (expand)\"\n";
        let graph = edges(dot);
        assert!(graph.contains_key("provider[\\\"host/aws\\\"] (close)"), "{graph:?}");
        assert!(!reaches(&graph, "late", "early"));
    }
}

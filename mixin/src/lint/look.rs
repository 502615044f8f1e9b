//! What Grafana's dashboard linter asks of a dashboard, held here because that linter cannot be had everywhere: a data
//! source that is chosen, titles, descriptions, units, matchers for the chosen processes, counters as rates over Grafana's
//! own interval, nothing that can be edited in place. And that panels do not lie on each other.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::board::{Board, Subject};
use crate::promql;

pub(super) fn problems(boards: &[Board]) -> Vec<String> {
    let mut uids = BTreeSet::new();
    let mut problems = Vec::new();
    for board in boards {
        let json: Value = serde_json::from_str(&board.json()).expect("BUG: we wrote it");
        let mut report = |what: String| problems.push(format!("{}: {what}", board.title));
        if !uids.insert(board.uid) {
            report(format!("uid {} is used twice", board.uid));
        }
        if json["editable"] != false {
            report("can be edited in Grafana, where the change is lost".to_owned());
        }
        for variable in json["templating"]["list"].as_array().into_iter().flatten() {
            let kind = variable["type"].as_str();
            // 2: again when the time range changes.
            if kind == Some("query") && variable["refresh"] != 2 {
                report(format!("variable {} is not read again when the time changes", variable["name"]));
            }
        }
        let titles: Vec<_> = board
            .rows
            .iter()
            .flat_map(|row| row.panels.iter().map(move |panel| (&row.title, &panel.title)))
            .collect();
        if titles.iter().collect::<BTreeSet<_>>().len() != titles.len() {
            report("two panels of a row have one title".to_owned());
        }
        for panel in flat(&json) {
            for complaint in panel_problems(panel, board.subject) {
                report(format!("{}: {complaint}", panel["title"]));
            }
        }
        overlaps(&json, &mut report);
    }
    problems
}

/// All panels of a dashboard, those of closed rows too.
fn flat(json: &Value) -> Vec<&Value> {
    let top = json["panels"].as_array().into_iter().flatten();
    let all =
        top.flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()));
    all.filter(|panel| panel["type"] != "row").collect()
}

fn panel_problems(panel: &Value, subject: Subject) -> Vec<String> {
    let mut problems = Vec::new();
    let text = |pointer: &str| panel.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    for (pointer, what) in
        [("/title", "title"), ("/description", "description"), ("/fieldConfig/defaults/unit", "unit")]
    {
        if text(pointer).is_empty() {
            problems.push(format!("no {what}"));
        }
    }
    if !text("/description").ends_with(['.', '!', '?']) {
        problems.push("its description is no sentence".to_owned());
    }
    let targets = panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    if targets.is_empty() {
        problems.push("asks nothing".to_owned());
    }
    for target in targets {
        if target["datasource"]["uid"] != "${datasource}" {
            problems.push("does not use the chosen data source".to_owned());
        }
        let expr = target["expr"].as_str().unwrap_or_default();
        // A rate over a fixed window misses samples where scrapes are far apart.
        if expr.contains("rate(") && !expr.contains("[$__rate_interval]") {
            problems.push(format!("a rate over a window of its own: {expr}"));
        }
        let wanted: &[&str] = match subject {
            Subject::Health => &["person"],
            Subject::Service => &["job", "instance"],
            Subject::Kubernetes => &["namespace"],
        };
        for (name, matchers) in promql::about(expr).selectors {
            let counted = ["rate(", "increase("].iter().any(|call| expr.contains(&format!("{call}{name}")));
            if name.ends_with("_total") && !counted {
                problems.push(format!("the counter {name} is shown without a rate: {expr}"));
            }
            // Fields that Oura adds, and documents by outcome, belong to a process and to no person.
            let of_process =
                name.starts_with("myhealth_oura_") || name.starts_with("myhealth_sync_documents");
            // A node belongs to no namespace.
            let of_node = name.starts_with("node_") || name.starts_with("kube_node_");
            let missing = wanted.iter().filter(|label| !matchers.iter().any(|(name, _)| name == *label));
            if !(subject == Subject::Health && of_process || subject == Subject::Kubernetes && of_node) {
                problems.extend(missing.map(|label| format!("{name} is asked for every {label}")));
            }
        }
    }
    problems
}

fn overlaps(json: &Value, report: &mut impl FnMut(String)) {
    let mut taken = BTreeSet::new();
    for panel in json["panels"].as_array().into_iter().flatten() {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_default();
        if side("x") + side("w") > 24 {
            report(format!("{} is wider than the page", panel["title"]));
        }
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                if !taken.insert((x, y)) {
                    return report(format!("{} lies on another panel", panel["title"]));
                }
            }
        }
    }
}

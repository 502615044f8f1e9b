//! The same dashboards for Perses: `Dashboard` resources for its API and `percli`, `PersesDashboard` resources for its
//! operator.

use serde_json::{Value, json};

use super::board::{Board, Choice, Placed, Row, Subject, Variable};

/// The project that the files are in, unless `percli apply --project` names another.
const PROJECT: &str = "myhealth";

/// A file for each dashboard, and one for all of them as Kubernetes resources.
pub(crate) fn files(boards: &[Board]) -> Vec<(String, String)> {
    let mut files: Vec<_> = boards
        .iter()
        .map(|board| {
            let metadata = json!({ "name": board.uid, "project": PROJECT });
            let resource = json!({ "kind": "Dashboard", "metadata": metadata, "spec": spec(board) });
            (format!("{}.json", board.uid), format!("{resource:#}\n"))
        })
        .collect();
    // A list of kind `List` is what kubectl applies as one file.
    let items: Vec<_> = boards.iter().map(kubernetes).collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    // Compact: it repeats every dashboard, and programs alone read it.
    files.push(("kubernetes/persesdashboards.json".to_owned(), format!("{list}\n")));
    files
}

fn kubernetes(board: &Board) -> Value {
    json!({
        "apiVersion": "perses.dev/v1alpha2",
        "kind": "PersesDashboard",
        "metadata": {
            "name": board.uid,
            "labels": { "app.kubernetes.io/name": "myhealth", "app.kubernetes.io/component": "dashboard" },
        },
        "spec": { "config": spec(board) },
    })
}

fn spec(board: &Board) -> Value {
    let mut panels = serde_json::Map::new();
    let mut layouts = Vec::new();
    for (number, row) in board.rows.iter().enumerate() {
        let mut items = Vec::new();
        for (panel, place) in arranged(row, board.subject) {
            let key = format!("{number}_{}", items.len());
            let Placed { x, y, width, height } = place;
            items.push(json!({
                "x": x, "y": y, "width": width, "height": height,
                "content": { "$ref": format!("#/spec/panels/{key}") },
            }));
            panels.insert(key, panel);
        }
        if !items.is_empty() {
            layouts.push(json!({
                "kind": "Grid",
                "spec": { "display": { "title": row.title, "collapse": { "open": !row.closed } }, "items": items },
            }));
        }
    }
    let refresh = if board.subject == Subject::Health { "5m" } else { "1m" };
    json!({
        "display": { "name": board.title, "description": board.description() },
        "duration": duration(board.from),
        "refreshInterval": refresh,
        "variables": board.variables().iter().map(variable).collect::<Vec<_>>(),
        "panels": panels,
        "layouts": layouts,
    })
}

/// The panels of a row that Perses can draw, where they are. One that becomes several shares its place among them.
fn arranged(row: &Row, subject: Subject) -> Vec<(Value, Placed)> {
    let drawn: Vec<_> = row.panels.iter().map(|panel| (panel, panel.perses(subject))).collect();
    let drawn: Vec<_> = drawn.into_iter().filter(|(_, parts)| !parts.is_empty()).collect();
    let places: Vec<_> = Placed::flow(drawn.iter().map(|(panel, _)| (panel.width, panel.height))).collect();
    let mut arranged = Vec::new();
    for ((_, parts), place) in drawn.into_iter().zip(places) {
        let count = u8::try_from(parts.len()).expect("BUG: a panel has a few values");
        let width = place.width / count;
        for (number, part) in (0..).zip(parts) {
            arranged.push((part, Placed { x: place.x + number * width, width, ..place }));
        }
    }
    arranged
}

/// `now-30d` as `30d`; Perses has no years.
fn duration(from: &str) -> String {
    let length = from.trim_start_matches("now-");
    match length.strip_suffix('y').and_then(|years| years.parse::<u32>().ok()) {
        Some(years) => format!("{}d", years * 365),
        None => length.to_owned(),
    }
}

fn variable(variable: &Variable) -> Value {
    let Variable { name, label, expr, source, choice } = variable;
    let several = *choice == Choice::Several;
    let plugin = match choice {
        Choice::Several => {
            json!({ "kind": "PrometheusLabelValuesVariable", "spec": { "labelName": source, "matchers": [expr] } })
        }
        Choice::Computed => {
            json!({ "kind": "PrometheusPromQLVariable", "spec": { "expr": expr, "labelName": source } })
        }
    };
    let mut spec = json!({
        "name": name,
        "display": { "name": label, "hidden": !several },
        "allowMultiple": several,
        "allowAllValue": several,
        "plugin": plugin,
    });
    if several {
        spec["defaultValue"] = json!("$__all");
        spec["customAllValue"] = json!(".+");
        spec["sort"] = json!("alphabetical-asc");
    }
    json!({ "kind": "ListVariable", "spec": spec })
}

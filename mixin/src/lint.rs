//! Nothing in a dashboard or a rule may name what does not exist. Grafana shows a misspelt
//! name as an empty panel and Prometheus as an alert that never fires; both look like good news.

mod look;
mod vocabulary;

use super::board::Board;
use super::config::Config;
use super::{alerts, boards};
pub use vocabulary::Vocabulary;

/// An expression and where it stands.
struct Found {
    place: String,
    expr: String,
    /// Text in which `{{label}}` is replaced by a label of the result.
    legends: Vec<String>,
}

/// Everything that is wrong with dashboards and rules, in words.
pub fn problems(config: &Config) -> Vec<String> {
    let boards = boards::all(config);
    let files = alerts::all(config);
    let groups: Vec<_> = files.iter().flat_map(|file| &file.groups).collect();
    let vocabulary = Vocabulary::of_groups(&groups);
    let mut problems = look::problems(&boards);
    for Found { place, expr, legends } in expressions(&boards).into_iter().chain(rules(&groups)) {
        let complaints = vocabulary.complaints(&expr, &legends);
        problems.extend(complaints.into_iter().map(|complaint| format!("{place}: {complaint}\n    {expr}")));
    }
    problems
}

fn expressions(boards: &[Board]) -> Vec<Found> {
    let mut found = Vec::new();
    for board in boards {
        for panel in board.panels() {
            found.extend(panel.queries().map(|query| Found {
                place: format!("{} / {}", board.title, panel.title),
                expr: query.expr,
                legends: vec![query.legend],
            }));
        }
        found.extend(board.variables().into_iter().map(|variable| Found {
            place: format!("{} / variable {}", board.title, variable.name),
            expr: variable.expr,
            legends: vec![format!("{{{{{}}}}}", variable.source)],
        }));
        found.extend(board.annotations.iter().map(|annotation| Found {
            place: format!("{} / annotation {}", board.title, annotation.name),
            expr: annotation.expr.clone(),
            legends: vec![annotation.title.to_owned(), annotation.text.to_owned()],
        }));
    }
    found
}

fn rules(groups: &[&super::rules::Group]) -> Vec<Found> {
    let mut found = Vec::new();
    for group in groups {
        found.extend(group.records.iter().map(|record| Found {
            place: record.name.to_owned(),
            expr: record.expr.clone(),
            legends: Vec::new(),
        }));
        found.extend(group.alerts.iter().map(|alert| Found {
            place: alert.name.to_owned(),
            expr: alert.expr.clone(),
            legends: vec![alert.summary.to_owned(), alert.description.clone()],
        }));
    }
    found
}

/// The panels' expressions as rules, which promtool parses, with values for Grafana's variables.
pub(crate) fn expressions_as_rules(boards: &[Board]) -> String {
    let mut text = String::from("groups:\n- name: dashboards\n  rules:\n");
    for (at, found) in expressions(boards).iter().enumerate() {
        let expr = found
            .expr
            .replace("$__rate_interval", "5m")
            .replace("$__range", "30d")
            .replace("$__interval", "5m")
            .replace('$', "");
        let rule = format!("  - record: expression:{at}\n    expr: {}\n", serde_json::json!(expr));
        text.push_str(&rule);
    }
    text
}

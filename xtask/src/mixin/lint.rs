//! `cargo xtask lint-queries`: nothing in a dashboard or a rule may name what does not exist. Grafana shows a misspelt
//! name as an empty panel and Prometheus as an alert that never fires; both look like good news.

mod look;
mod types;
mod vocabulary;

use std::process::Command;

use anyhow::{Result, bail};

use super::board::Board;
use super::config::Config;
use super::{alerts, boards};
use crate::{programs, run};
use vocabulary::Vocabulary;

/// Check every expression of the dashboards and rules against the catalogue and docs/service-metrics.md
///
/// Names, labels and words of closed sets must exist; panels must have what Grafana's dashboard linter asks for; and
/// promtool must be able to read every expression and find every alert silent and firing where its proof says so.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Check the dashboards against Grafana's own types too; installs them with npm into a folder that is thrown away
    #[arg(long)]
    types: bool,
}

/// Everything that needs no other program.
pub(crate) fn check() -> Result<()> {
    let found = problems(&Config::default())?;
    if !found.is_empty() {
        bail!("{}\nWhat to do: mend the dashboard or rule in xtask/src/mixin.", found.join("\n"));
    }
    Ok(())
}

pub(crate) fn main(args: &Args) -> Result<()> {
    check()?;
    let config = Config::default();
    check_expressions(&promtool()?, &config)?;
    if args.types {
        types::check(&boards::all(&config))?;
    }
    println!(
        "{} panels, {} alerts: every name exists, every expression is PromQL",
        panels(&config),
        count_alerts(&config)
    );
    Ok(())
}

/// Whether this promtool reads the expressions of all dashboards and rules.
fn check_expressions(promtool: &str, config: &Config) -> Result<()> {
    let expressions = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    std::fs::write(expressions.path(), expressions_as_rules(&boards::all(config)))?;
    let check = |arguments: &[&str]| {
        run::quietly(
            Command::new(promtool).current_dir(run::root()).args(arguments),
            "mend the expression in xtask/src/mixin",
        )
    };
    check(&["check", "rules", &expressions.path().display().to_string()])?;
    for file in alerts::all(config) {
        check(&["check", "rules", &format!("alerts/{}.yaml", file.name)])?;
    }
    Ok(())
}

fn promtool() -> Result<String> {
    programs::named("MYHEALTH_TEST_PROMTOOL", "promtool")
}

fn panels(config: &Config) -> usize {
    boards::all(config).iter().map(|board| board.panels().count()).sum()
}

fn count_alerts(config: &Config) -> usize {
    alerts::all(config).iter().flat_map(|file| &file.groups).map(|group| group.alerts.len()).sum()
}

/// An expression and where it stands.
struct Found {
    place: String,
    expr: String,
    /// Text in which `{{label}}` stands for a label of the result.
    legends: Vec<String>,
}

/// Everything that is wrong, in words.
pub(crate) fn problems(config: &Config) -> Result<Vec<String>> {
    let boards = boards::all(config);
    let files = alerts::all(config);
    let groups: Vec<_> = files.iter().flat_map(|file| &file.groups).collect();
    let vocabulary = Vocabulary::read(&groups)?;
    let mut problems = look::problems(&boards);
    for Found { place, expr, legends } in expressions(&boards).into_iter().chain(rules(&groups)) {
        let complaints = vocabulary.complaints(&expr, &legends);
        problems.extend(complaints.into_iter().map(|complaint| format!("{place}: {complaint}\n    {expr}")));
    }
    Ok(problems)
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
        for variable in board.variables() {
            let query =
                variable["query"]["query"].as_str().and_then(|query| query.strip_prefix("label_values("));
            let selector = query.and_then(|query| query.rsplit_once(", "));
            found.extend(selector.map(|(selector, label)| Found {
                place: format!("{} / variable {}", board.title, variable["name"]),
                expr: selector.to_owned(),
                legends: vec![format!("{{{{{}}}}}", label.trim_end_matches(')'))],
            }));
        }
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

/// The panels' expressions as rules, which promtool parses; Grafana's variables stand for what Grafana puts there.
fn expressions_as_rules(boards: &[Board]) -> String {
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

#[cfg(test)]
mod tests;

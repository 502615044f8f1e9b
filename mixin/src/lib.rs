//! The mixin: dashboards, rules, their tests and their Kubernetes forms, written in code because a number's name, label
//! and unit stand in the catalogue and nowhere else. A rename is one edit there, or in `names` for the services.
//!
//! What belongs here is what Grafana and Prometheus read. `alerts/alertmanager/` is not here: people edit it, so it is a
//! plain file.

mod alerts;
mod board;
mod boards;
mod config;
mod kubernetes;
mod lint;
mod names;
mod panel;
mod promql;
mod query;
mod rules;

pub use config::{Config, Health, Services};
pub use lint::{Vocabulary, problems};

/// A dashboard as Grafana imports it.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Its identifier, and its file's name without the ending.
    pub uid: &'static str,
    /// How many panels it has.
    pub panels: usize,
    /// The folder that it is shown in.
    pub folder: &'static str,
    /// Grafana's JSON.
    pub json: String,
}

/// A file of alerts.
#[derive(Clone, Debug)]
pub struct AlertFile {
    /// Its name in `alerts/`, without the ending.
    pub name: &'static str,
    /// The names of its alerts.
    pub alerts: Vec<&'static str>,
}

/// The dashboards, in the order of the menu.
pub fn dashboards(config: &Config) -> Vec<Dashboard> {
    let dashboard = |board: &board::Board| Dashboard {
        uid: board.uid,
        panels: board.panels().count(),
        folder: kubernetes::folder(board.subject),
        json: board.json(),
    };
    boards::all(config).iter().map(dashboard).collect()
}

/// The files of alerts.
pub fn alert_files(config: &Config) -> Vec<AlertFile> {
    let names = |file: &alerts::File| {
        file.groups.iter().flat_map(|group| &group.alerts).map(|alert| alert.name).collect()
    };
    alerts::all(config).iter().map(|file| AlertFile { name: file.name, alerts: names(file) }).collect()
}

/// The panels' expressions as a file of rules, which promtool parses.
pub fn expressions_as_rules(config: &Config) -> String {
    lint::expressions_as_rules(&boards::all(config))
}

/// Every file: its path from the folder that holds `dashboards/` and `alerts/`, and its text.
pub fn files(config: &Config) -> Vec<(String, String)> {
    let boards = boards::all(config);
    let alerts = alerts::all(config);
    let mut files: Vec<_> =
        boards.iter().map(|board| (format!("dashboards/{}.json", board.uid), board.json())).collect();
    files.push(("dashboards/kustomization.yaml".to_owned(), kubernetes::dashboards(&boards)));
    for file in &alerts {
        let name = file.name;
        files.push((format!("alerts/{name}.yaml"), rules::rules(&file.groups, &config.runbook)));
        let tests = rules::tests(&file.groups, &format!("../{name}.yaml"), file.step);
        files.push((format!("alerts/tests/{name}.yaml"), tests));
    }
    let groups: Vec<_> = alerts.iter().flat_map(|file| &file.groups).collect();
    files.push((
        "alerts/kubernetes/prometheusrule.yaml".to_owned(),
        kubernetes::rules(&groups, &config.runbook),
    ));
    files
}

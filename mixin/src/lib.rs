//! The mixin: dashboards, rules, their tests and their Kubernetes forms, written in code because a number's name, label
//! and unit stand in the catalogue and nowhere else. A rename is one edit there, or in the table of `service_metrics`.
//!
//! What belongs here is what Grafana, Prometheus and Alertmanager read.

mod alertmanager;
mod alerts;
mod board;
mod boards;
mod config;
mod external;
mod kubernetes;
mod lint;
mod names;
mod panel;
mod perses;
mod promql;
mod query;
mod rules;

pub use config::{
    Config, Health, InvalidConfig, Mail, Notifications, QuietHours, Receiver, Receivers, Services,
};
pub use external::service_metrics_page;
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

/// A file: its path, and its text.
pub type File = (String, String);

/// Every committed file, from the root of the repository.
pub fn files(config: &Config) -> Vec<File> {
    let under = |folder: &str, files: Vec<File>| {
        files.into_iter().map(|(path, text)| (format!("{folder}/{path}"), text)).collect::<Vec<_>>()
    };
    [
        under("dashboards", dashboard_files(config)),
        under("dashboards/perses", perses_files(config)),
        under("alerts", rule_files(config)),
    ]
    .concat()
}

/// What Grafana reads: the dashboards and how it finds them, and the same for Kubernetes.
pub fn dashboard_files(config: &Config) -> Vec<File> {
    let boards = boards::all(config);
    let mut files: Vec<_> =
        boards.iter().map(|board| (format!("{}.json", board.uid), board.json())).collect();
    files.push(("kustomization.yaml".to_owned(), kubernetes::dashboards(&boards)));
    for (kind, text) in PROVISIONING {
        files.push((format!("provisioning/{kind}/myhealth.yaml"), format!("{}{text}", rules::HEAD)));
    }
    files
}

/// What Perses reads: a `Dashboard` each, and `PersesDashboard` resources for its operator.
pub fn perses_files(config: &Config) -> Vec<File> {
    perses::files(&boards::all(config))
}

const PROVISIONING: [(&str, &str); 2] = [
    ("dashboards", include_str!("provisioning/dashboards.yaml")),
    ("datasources", include_str!("provisioning/datasources.yaml")),
];

/// What Prometheus and Alertmanager read: the rules, the same for Kubernetes, and who is notified. The rules' tests are
/// there with the default selectors and thresholds, of which they are made, and any sleep goal.
pub fn rule_files(config: &Config) -> Vec<File> {
    let alerts = alerts::all(config);
    let mut files = Vec::new();
    for file in &alerts {
        let name = file.name;
        files.push((format!("{name}.yaml"), rules::rules(&file.groups, &config.runbook)));
        if !config.proofs_hold() {
            continue;
        }
        let tests = rules::tests(&file.groups, &file.proofs, &format!("../{name}.yaml"), file.step);
        files.push((format!("tests/{name}.yaml"), tests));
    }
    let groups: Vec<_> = alerts.iter().flat_map(|file| &file.groups).collect();
    files.push(("kubernetes/prometheusrule.yaml".to_owned(), kubernetes::rules(&groups, &config.runbook)));
    files.push((
        "alertmanager/alertmanager.yml".to_owned(),
        alertmanager::configuration(&config.notifications),
    ));
    files.push(("alertmanager/templates/myhealth.tmpl".to_owned(), alertmanager::templates()));
    files
}

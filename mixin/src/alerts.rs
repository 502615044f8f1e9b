//! The rules: about health on personal baselines, about the services that carry them.

mod health;
mod service;

use super::config::Config;
use super::rules::{Group, RecordProof};

/// A file of rules with its tests.
pub(crate) struct File {
    /// Its name in `alerts/`, without the ending.
    pub(crate) name: &'static str,
    pub(crate) groups: Vec<Group>,
    /// Values that its recording rules have in worlds made for it.
    pub(crate) proofs: Vec<RecordProof>,
    /// The spacing of the series in its proofs: nights are days apart, services fail within minutes.
    pub(crate) step: &'static str,
}

pub(crate) fn all(config: &Config) -> Vec<File> {
    vec![
        File { name: "health", groups: health::groups(config), proofs: health::proofs(config), step: "1h" },
        File { name: "service", groups: service::groups(config), proofs: Vec::new(), step: "1m" },
    ]
}

/// Values for a proof: each so many steps long.
fn steps(values: &[(f64, usize)]) -> String {
    let text: Vec<_> = values.iter().map(|(value, n)| format!("{value}+0x{}", n - 1)).collect();
    text.join(" ")
}

/// Values for a proof: a day apart, as history has them, where a step is an hour.
fn days(values: &[f64]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" _x23 ")
}

/// So many days that swing between two values: a month with a mean and a spread.
fn month(one: f64, other: f64, n: usize) -> Vec<f64> {
    [one, other].into_iter().cycle().take(n).collect()
}

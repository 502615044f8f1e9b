//! The dashboards, one file each.

mod activity;
mod body;
mod catalogue;
mod data_quality;
mod kubernetes;
mod long_term;
mod overview;
mod readiness;
mod service;
mod sleep;

use domain::{METRICS, Metric, usual};

use super::board::Board;
use super::config::Config;
use super::panel::{Kind, Panel, SCORE};
use super::query::{Scope, label_name};

/// Every dashboard, in the order of the menu.
pub(crate) fn all(config: &Config) -> Vec<Board> {
    vec![
        overview::board(config),
        sleep::board(config),
        activity::board(config),
        readiness::board(config),
        body::board(config),
        long_term::board(config),
        data_quality::board(config),
        catalogue::board(config),
        service::board(config),
        kubernetes::board(config),
    ]
}

/// The newest value of a score, big; a click leads to its dashboard.
fn score(scope: &Scope, key: &str, title: &str, about: &str, link: &'static str) -> Panel {
    Panel::new(Kind::Gauge, title, about)
        .ask(scope.now(key), "{{person}}")
        .steps(SCORE)
        .range(0.0, 100.0)
        .link(link)
}

/// The newest value of a number, big, in its unit.
fn newest(scope: &Scope, key: &str, title: &str, about: &str) -> Panel {
    Panel::new(Kind::Stat, title, about).ask(scope.now(key), "{{person}}").unit_of(key)
}

/// What each aspect gives to a score, now.
fn contributors_now(scope: &Scope, family: &str, of: &str) -> Panel {
    let about = format!(
        "What each aspect gives to {of} now, in points: not a measurement. Low bars explain a low score."
    );
    Panel::new(Kind::BarGauge, "Contributors now", &about)
        .ask(scope.now(family), "{{contributor}} {{person}}")
        .steps(SCORE)
        .range(0.0, 100.0)
}

/// The same over time.
fn contributors(scope: &Scope, family: &str, of: &str) -> Panel {
    let about = format!(
        "What each aspect gave to {of} day by day, in points. The line that falls first is the cause."
    );
    Panel::new(Kind::Lines, "Contributors", &about)
        .ask(scope.day(family), "{{contributor}} {{person}}")
        .range(0.0, 100.0)
        .daily()
}

/// A number of each day, and its mean over a week.
fn trend(scope: &Scope, key: &str, title: &str, about: &str) -> Panel {
    Panel::new(Kind::Lines, title, about)
        .ask(scope.day(key), "{{person}}")
        .ask_mean(scope.mean(key, "7d"), "{{person}}, mean of 7 days")
        .unit_of(key)
        .daily()
}

/// A number of each day with the person's usual range.
fn baseline(scope: &Scope, key: &str, title: &str, about: &str) -> Panel {
    let (median, spread, width) = (scope.usual_median(key), scope.usual_spread(key), usual::DAY_WIDTH);
    Panel::new(Kind::Lines, title, about)
        .ask(scope.day(key), "{{person}}")
        .ask_mean(median.clone(), "{{person}}, median of the 28 days before")
        .ask_edge(format!("({median}) + {width} * {spread}"), "{{person}}, upper edge of the usual range")
        .ask_edge(format!("({median}) - {width} * {spread}"), "{{person}}, lower edge of the usual range")
        .unit_of(key)
        .daily()
}

/// The days' values of a family on top of each other.
fn stacked(scope: &Scope, family: &str, title: &str, about: &str) -> Panel {
    let label = label_name(family).expect("BUG: a family has a label");
    Panel::new(Kind::Stacked, title, about)
        .ask(scope.day(family), &format!("{{{{{label}}}}} {{{{person}}}}"))
        .unit_of(family)
        .at_least_zero()
        .daily()
}

/// Which state a day had: a row for each person, a colour for each state.
fn states(scope: &Scope, key: &str, title: &str, about: &str, states: &[(&str, &'static str)]) -> Panel {
    let coded: Vec<_> = (1..).zip(states).map(|(code, (state, color))| (code, *state, *color)).collect();
    let exprs = coded.iter().map(|(code, state, _)| {
        let matcher = format!("{}=\"{state}\"", Metric::STATE_LABEL);
        format!("{code} * max by (person) ({} == 1)", scope.day_where(key, &matcher))
    });
    let expr = exprs.collect::<Vec<_>>().join(" or ");
    Panel::new(Kind::States, title, about).ask(expr, "{{person}}").words(&coded).size(12, 5).daily()
}

/// Families of the catalogue: the first row of each.
fn families() -> impl Iterator<Item = &'static Metric> {
    let first =
        |at: usize, metric: &Metric| METRICS[..at].iter().all(|other| other.family() != metric.family());
    METRICS.iter().enumerate().filter(move |(at, metric)| first(*at, metric)).map(|(_, metric)| metric)
}

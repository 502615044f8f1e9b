//! The dashboards, one file each.

mod activity;
mod body;
mod catalogue;
mod data_quality;
mod kubernetes;
mod long_term;
mod night;
mod overview;
mod readiness;
mod service;
mod sleep;
mod today;

use domain::{METRICS, Metric, usual};

use super::board::Board;
use super::config::Config;
use super::names;
use super::panel::{GREEN, Kind, NUMBER, ORANGE, Panel, RED, SCORE};
use super::query::{Scope, label_name};

/// A week begins on Monday.
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// The same for PromQL's `day_of_week()`.
const WEEKDAY_NUMBERS: [u8; 7] = [1, 2, 3, 4, 5, 6, 0];

/// Every dashboard, in the order of the menu.
pub(crate) fn all(config: &Config) -> Vec<Board> {
    vec![
        today::board(config),
        overview::board(config),
        sleep::board(config),
        night::board(config),
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

/// A recorded number of each chosen person.
fn recorded(name: &str) -> String {
    format!("max by (person) ({name}{{person=~\"$person\"}})")
}

/// The statement about sleep: how many of the last 28 nights met the goal.
fn nights_at_goal(config: &Config) -> Panel {
    let (hours, objective) = (config.health.sleep_hours, config.health.sleep_objective);
    let (ratio, nights) = (recorded(names::SLEEP_SLO), recorded(names::SLEEP_NIGHTS));
    let counted = |label: &str, number: &str| {
        format!("on (person) group_left ({label}) count_values by (person) (\"{label}\", {number})")
    };
    Panel::new(
        Kind::Stat,
        "Nights at goal",
        &format!(
            "How many of the measured nights of the last 28 days met the sleep goal: the person's own (`--sleep-goal` of `serve`), else {hours} hours. The objective is {} %.",
            objective * 100.0
        ),
    )
    .ask(
        format!(
            "label_join({ratio} * {} * {}, \"met\", \" of \", \"met\", \"nights\")",
            counted("met", &format!("round({ratio} * on (person) {nights})")),
            counted("nights", &nights)
        ),
        "{{person}}",
    )
    .steps(&[(f64::NEG_INFINITY, RED), (objective - 0.1, ORANGE), (objective, GREEN)])
    .unit("percentunit")
    .shows_label("met")
    .nothing("no rules, or no nights")
}

/// The sleep goal of today of each person with nights, in seconds.
fn sleep_goal(s: &Scope, config: &Config) -> String {
    format!(
        "(max by (person) ({}{{person=~\"$person\"}} @ end()) or 0 * max by (person) ({}) + {})",
        names::SLEEP_GOAL,
        s.day("sleep_duration"),
        config.health.sleep_hours * 3600.0
    )
}

/// How far numbers are from something usual: bars to both sides of zero, each with its name and, of several persons, theirs.
fn diverging(title: &str, about: &str, numbers: &[(&str, String)]) -> Panel {
    let persons = format!("max by (person) ({}{{person=~\"$person\"}})", names::NEWEST_DAY);
    let named = format!("label_join({persons}, \"who\", \"\", \"person\")");
    let who = format!("({named} and on () count({persons}) > 1 or on (person) {persons})");
    let parts: Vec<_> = numbers
        .iter()
        .map(|(name, expr)| {
            format!("label_replace(max by (person) ({expr}), \"name\", \"{name}\", \"\", \"\")")
        })
        .collect();
    let all = format!("({}) + on (person) group_left (who) 0 * {who}", parts.join(" or "));
    let expr = format!("sum by ({NUMBER}) (label_join({all}, \"{NUMBER}\", \" \", \"name\", \"who\"))");
    Panel::new(Kind::Diverging, title, about).ask(expr, "").unit("none").decimals(1)
}

/// How far the newest values are from the person's own median of the days before.
fn against_usual(s: &Scope) -> Panel {
    let numbers = [
        ("Sleep score", "sleep_score"),
        ("Readiness score", "readiness_score"),
        ("Time asleep", "sleep_duration"),
        ("Resting heart rate", "sleep_lowest_heart_rate"),
        ("HRV", "sleep_average_hrv"),
        ("Breathing rate", "sleep_breathing_rate"),
        ("Temperature", "temperature_deviation"),
    ]
    .map(|(name, key)| (name, s.deviations(key)));
    diverging(
        "Last night against your usual range",
        "How far last night was from the median of your own 28 nights before, in spreads (distance of the quartiles / 1.349). Within 2 is usual; neither side is good or bad by itself.",
        &numbers,
    )
    .reaches(3.0)
    .steps(&[(f64::NEG_INFINITY, RED), (-3.0, ORANGE), (-2.0, GREEN), (2.0, ORANGE), (3.0, RED)])
}

/// How many signs of illness there are now.
fn illness_signs() -> Panel {
    Panel::new(
        Kind::Stat,
        "Signs of illness",
        "How many of four signs there are: warmer than usual, faster resting heart, lower HRV, faster breathing. From three on, the alert OuraIllnessSignal fires. Not a diagnosis.",
    )
    .ask(recorded(names::ILLNESS_SIGNS), "{{person}}")
    .steps(&[(f64::NEG_INFINITY, GREEN), (2.0, ORANGE), (3.0, RED)])
    .nothing("no rules, or no night")
    .link("myhealth-readiness")
}

/// The health alerts that fire.
fn firing_alerts() -> Panel {
    Panel::new(
        Kind::Table,
        "Firing alerts",
        "Alerts about these persons that fire now; the runbook explains each.",
    )
    .ask(r#"ALERTS{alertstate="firing",person=~"$person"}"#, "{{alertname}}")
    .rows(
        &["Value", "alertstate"],
        &[("alertname", "Alert"), ("severity", "Severity"), ("person", "Person"), ("area", "Area")],
    )
    .nothing("no alert fires")
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
        .ask_mean(scope.mean(key, "7d"), "mean of 7 days {{person}}")
        .unit_of(key)
        .daily()
}

/// A number of each day with the person's usual range.
fn baseline(scope: &Scope, key: &str, title: &str, about: &str) -> Panel {
    let (median, spread, width) = (scope.usual_median(key), scope.usual_spread(key), usual::DAY_WIDTH);
    Panel::new(Kind::Lines, title, about)
        .ask(scope.day(key), "{{person}}")
        .ask_mean(median.clone(), "median of the 28 days before {{person}}")
        .ask_edge(format!("({median}) + {width} * {spread}"), "upper edge of the usual range {{person}}")
        .ask_edge(format!("({median}) - {width} * {spread}"), "lower edge of the usual range {{person}}")
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

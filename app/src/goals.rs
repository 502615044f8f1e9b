//! People's own goals as gauges, which rules compare nights with.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use service_metrics::{Labels, Person, table};

use crate::cli::mixin::SleepGoalOf;

/// Registers `myhealth_sleep_goal_seconds` if any goal is set. Of two goals of one person the last counts.
pub(crate) fn register(goals: &[SleepGoalOf], registry: &mut Registry) {
    if goals.is_empty() {
        return;
    }
    let family: Family<_, Gauge> = table::SLEEP_GOAL.family(registry);
    for SleepGoalOf { person, goal } in goals {
        family.get_or_create_owned(&Labels((Person(person.to_string()),))).set(goal.seconds());
    }
}

//! People's own goals as gauges, which rules compare nights with.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::cli::mixin::SleepGoalOf;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    person: String,
}

/// Registers `myhealth_sleep_goal_seconds` if any goal is set. Of two goals of one person the last counts.
pub(crate) fn register(goals: &[SleepGoalOf], registry: &mut Registry) {
    if goals.is_empty() {
        return;
    }
    let family = Family::<Labels, Gauge>::default();
    for SleepGoalOf { person, goal } in goals {
        let labels = Labels { person: person.to_string() };
        family.get_or_create(&labels).set(goal.seconds());
    }
    let help = "Sleep a night should have, of a person with a goal of their own, in seconds.";
    registry.register("sleep_goal_seconds", help, family);
}

//! Expressions about health, from the catalogue: a key that does not exist there ends the run.

use domain::{METRICS, Metric, Unit, usual};
use statistics::QUARTILE_DISTANCE;

use super::config::Config;

/// Persons and sources that a set of expressions selects.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    live: String,
    history: String,
    person: &'static str,
}

impl Scope {
    /// The persons chosen on a dashboard.
    pub(crate) fn chosen(config: &Config) -> Self {
        let person = r#"person=~"$person""#;
        Self {
            live: format!("{},{person}", config.live),
            history: format!("{},{person}", config.history),
            person,
        }
    }

    /// Every person, for rules.
    pub(crate) fn everyone(config: &Config) -> Self {
        Self { live: config.live.clone(), history: config.history.clone(), person: "" }
    }

    /// The newest value of a number or of a family. Replicas of the exporter show the same gauge; one of them is enough.
    pub(crate) fn now(&self, key: &str) -> String {
        let (name, label) = selected(key);
        format!("max by ({}) ({name}{{{}}})", by(key), joined(label, &self.live))
    }

    /// The newest value of one state: 1 for those who are in it, else 0.
    pub(crate) fn now_in(&self, key: &str, state: &str) -> String {
        let (name, _) = selected(key);
        format!("max by (person) ({name}{{{}=\"{state}\",{}}})", Metric::STATE_LABEL, self.live)
    }

    /// A series about the numbers, such as the freshness of a collection. What the services report about synchronising
    /// exists only now, so it has no label that tells it from history.
    pub(crate) fn status(&self, name: &str, by: &str) -> String {
        let matchers = if name.starts_with("oura_") { &self.live } else { self.person };
        format!("max by ({by}) ({name}{{{matchers}}})")
    }

    /// The same of the collections that have a document for every day, unlike tags and sessions.
    pub(crate) fn status_of_daily_collections(&self, name: &str) -> String {
        let matchers = if name.starts_with("oura_") { &self.live } else { self.person };
        format!("max by (person, collection) ({name}{{collection=~\"{EVERY_DAY}\",{matchers}}})")
    }

    /// The value of the day at each instant, from history.
    pub(crate) fn day(&self, key: &str) -> String {
        let (name, label) = selected(key);
        format!("{name}{{{}}}", joined(label, &self.history))
    }

    /// The same, for the members of a family that a matcher picks.
    pub(crate) fn day_where(&self, family: &str, matcher: &str) -> String {
        let (name, _) = selected(family);
        format!("{name}{{{matcher},{}}}", self.history)
    }

    /// Points within days: of each step of the chart, codes the last one and measurements their mean. A plain selector
    /// would show only the points that a step happens to meet.
    pub(crate) fn points(&self, key: &str) -> String {
        let coded = matches!(first_of(key).unit, Unit::State | Unit::Flag);
        self.over(if coded { "last_over_time" } else { "avg_over_time" }, key, "$__interval")
    }

    /// A function over the days of a window, such as `avg_over_time` over `28d`: one sample a day.
    pub(crate) fn over(&self, function: &str, key: &str, window: &str) -> String {
        format!("{function}({}[{window}])", self.day(key))
    }

    /// The same for one state of a number that has states.
    pub(crate) fn over_state(&self, function: &str, key: &str, state: &str, window: &str) -> String {
        let matcher = format!("{}=\"{state}\"", Metric::STATE_LABEL);
        format!("{function}({}[{window}])", self.day_where(key, &matcher))
    }

    /// The same up to `offset` ago.
    pub(crate) fn over_until(&self, function: &str, key: &str, window: &str, offset: &str) -> String {
        format!("{function}({}[{window}] offset {offset})", self.day(key))
    }

    /// Mean of the last `window` days.
    pub(crate) fn mean(&self, key: &str, window: &str) -> String {
        self.over("avg_over_time", key, window)
    }

    /// The value of the day whose midnight UTC the instant is: the sample within half a day of it, which is the day's
    /// own from Hawaii to Auckland.
    fn day_at_midnight(&self, key: &str) -> String {
        self.over_until("last_over_time", key, "1d", "-12h")
    }

    /// The mean over the chosen range of the days that meet a condition on the date, such as `day_of_week() == 1`.
    pub(crate) fn mean_of_days(&self, key: &str, condition: &str) -> String {
        format!("avg_over_time(({} and on () {condition})[$__range:1d])", self.day_at_midnight(key))
    }

    /// The last day of the chosen range that has its extreme value: noon UTC of it, in milliseconds since 1970.
    /// `function` is `max_over_time` or `min_over_time`.
    pub(crate) fn date_of(&self, function: &str, key: &str) -> String {
        let day = self.day_at_midnight(key);
        let extreme = format!("{function}({}[$__range] @ end())", self.day(key));
        format!("1000 * (43200 + max_over_time((0 * {day} + time() and {day} == {extreme})[$__range:1d]))")
    }

    /// The day of each instant of a chart with daily steps, in milliseconds since 1970, for days that have the number.
    pub(crate) fn date(&self, key: &str) -> String {
        format!("1000 * (43200 + time() + 0 * max by (person) ({}))", self.day(key))
    }

    /// The newest day at the end of the range, today or yesterday.
    pub(crate) fn newest_day(&self, key: &str) -> String {
        format!("max by ({}) ({})", by(key), self.over("last_over_time", key, "2d"))
    }

    /// The days that a day is compared with: up to yesterday, so that it is not compared with itself.
    fn days_before(&self, key: &str) -> String {
        format!("{}[{}d] offset 1d", self.day(key), usual::DAYS)
    }

    /// The median of the days before, where enough of them have a value (`domain::usual`).
    pub(crate) fn usual_median(&self, key: &str) -> String {
        let days = self.days_before(key);
        format!("quantile_over_time(0.5, {days}) and count_over_time({days}) >= {}", usual::MIN_DAYS)
    }

    /// The spread of the days before.
    pub(crate) fn usual_spread(&self, key: &str) -> String {
        let days = self.days_before(key);
        let least = usual::least_spread(first_of(key));
        format!(
            "clamp_min((quantile_over_time(0.75, {days}) - quantile_over_time(0.25, {days})) / {QUARTILE_DISTANCE}, {least})"
        )
    }

    /// How many spreads the newest value is away from the median of the days before.
    pub(crate) fn deviations(&self, key: &str) -> String {
        format!(
            "({now} - on (person) group_left () max by (person) ({median})) / on (person) group_left () max by (person) ({spread})",
            now = self.now(key),
            median = self.usual_median(key),
            spread = self.usual_spread(key),
        )
    }
}

/// Collections with a document for every day that the ring is worn.
const EVERY_DAY: &str = "daily_activity|daily_readiness|daily_sleep|daily_stress|daily_spo2|daily_resilience|sleep|heartrate|ring_battery_level";

/// The labels that tell the series of a number or family apart.
pub(crate) fn by(key: &str) -> String {
    match label_name(key) {
        Some(label) => format!("person, {label}"),
        None => "person".to_owned(),
    }
}

/// The label of a family or of a state, if it has one.
pub(crate) fn label_name(key: &str) -> Option<&'static str> {
    match Metric::by_key(key) {
        Some(metric) => (!metric.states().is_empty()).then_some(Metric::STATE_LABEL),
        None => first_of(key).label.map(|label| label.name),
    }
}

/// The row of a key, or the first row of a family.
pub(crate) fn first_of(key: &str) -> &'static Metric {
    Metric::by_key(key)
        .or_else(|| METRICS.iter().find(|metric| metric.label.is_some() && metric.family() == key))
        .unwrap_or_else(|| panic!("BUG: the catalogue has no number and no family `{key}`"))
}

/// The Prometheus name of a key or family, and the label that picks the key out of its family.
fn selected(key: &str) -> (String, Option<String>) {
    let metric = first_of(key);
    let label = metric.label.filter(|_| metric.key == key);
    (metric.name(), label.map(|label| format!("{}=\"{}\"", label.name, label.value)))
}

fn joined(label: Option<String>, scope: &str) -> String {
    match label {
        Some(label) => format!("{label},{scope}"),
        None => scope.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope::everyone(&Config::default())
    }

    #[test]
    fn query_selects_metric_member_and_family() {
        assert_eq!(scope().now("sleep_score"), r#"max by (person) (oura_sleep_score{source=""})"#);
        assert_eq!(
            scope().day("sleep_stage_duration_deep"),
            r#"oura_sleep_stage_duration_seconds{stage="deep",source="history"}"#
        );
        assert_eq!(
            scope().now("sleep_stage_duration"),
            r#"max by (person, stage) (oura_sleep_stage_duration_seconds{source=""})"#
        );
        assert_eq!(by("resilience_level"), "person, state");
    }

    #[test]
    fn usual_range_is_that_of_the_policy() {
        let days = r#"oura_sleep_breathing_rate_breaths_per_minute{source="history"}[28d] offset 1d"#;
        assert_eq!(
            scope().usual_median("sleep_breathing_rate"),
            format!("quantile_over_time(0.5, {days}) and count_over_time({days}) >= 14")
        );
        assert_eq!(
            scope().usual_spread("sleep_breathing_rate"),
            format!(
                "clamp_min((quantile_over_time(0.75, {days}) - quantile_over_time(0.25, {days})) / 1.349, 0.2)"
            )
        );
    }

    #[test]
    #[should_panic(expected = "the catalogue has no number")]
    fn query_with_unknown_key_panics() {
        scope().now("sleep_scoer");
    }
}

//! Units, as Grafana calls them.

use domain::Unit;

/// Grafana's `7h:42m`.
pub(crate) const HOURS_AND_MINUTES: &str = "clocks";
/// Grafana's `4 days, 5 hours`.
pub(crate) const DURATION: &str = "dtdurations";
/// Milliseconds since 1970 as a date.
pub(crate) const DATE: &str = "time:D MMM YYYY";

/// How Grafana writes a number of this kind.
pub(crate) const fn grafana_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Kilograms => "massg",
        Unit::Score | Unit::Points | Unit::ScoreDelta | Unit::Index | Unit::State => "none",
        Unit::Count => "short",
        Unit::Flag => "bool_yes_no",
        Unit::Seconds | Unit::Hrv => "s",
        Unit::WallClock => "dthms",
        Unit::Timestamp => "dateTimeAsIso",
        Unit::Percent | Unit::Saturation => "percentunit",
        Unit::BeatsPerMinute => "suffix: bpm",
        Unit::BreathsPerMinute => "suffix: /min",
        Unit::Celsius => "celsius",
        Unit::Kilocalories => "joule",
        Unit::Meters => "lengthm",
        Unit::Met => "suffix: MET",
        Unit::MetMinutes => "suffix: MET s",
        Unit::Years => "suffix: years",
        Unit::MetersPerSecond => "velocityms",
        Unit::OxygenUptake => "suffix: mL/kg/min",
    }
}

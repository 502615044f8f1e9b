//! What a body says: illness, temperature, pulse, breath, oxygen, stress.

use domain::usual;

use super::{BREATH, HRV, ME, OXYGEN, PULSE, USUAL, ordinary, past, turns, with};
use crate::alerts::{days, month};
use crate::config::Health;
use crate::names;
use crate::query::Scope;
use crate::rules::Severity::{Info, Warning};
use crate::rules::{Alert, Area, Proof};

#[expect(clippy::too_many_lines, reason = "a table: one alert after the other")]
pub(super) fn alerts(s: &Scope, h: &Health) -> Vec<Alert> {
    vec![
        Alert {
            name: "OuraIllnessSignal",
            severity: Warning,
            area: Area::Health,
            expr: format!("{} >= {}", names::ILLNESS_SIGNS, h.signs),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: the body may be fighting something",
            description: format!(
                "{{{{ $value }}}} of four signs stand against the last 28 nights: skin temperature at least {} °C above average, \
                 resting heart rate up, HRV down, breathing faster (by {} spreads of the usual range). Take it easy today. Not a diagnosis.",
                h.warm_celsius, h.deviations
            ),
            proof: Proof {
                series: with(ordinary(), vec![
                    turns("temperature_deviation", 0.1, 0.8),
                    turns(PULSE.key, 51.0, 58.0),
                    turns(HRV.key, 0.053, 0.040),
                    turns(BREATH.key, 14.2, 14.3),
                ]),
                silent: "16d",
                firing: "16d1h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraTemperatureHigh",
            severity: Warning,
            area: Area::Health,
            expr: format!("{} >= {}", s.now("temperature_deviation"), h.hot_celsius),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: skin temperature {{ $value | printf \"%.1f\" }} °C above average",
            description: format!(
                "Last night's skin temperature was {} °C or more above the person's own average, which fever, a hot room or alcohol can do. Not a diagnosis.",
                h.hot_celsius
            ),
            proof: Proof { series: vec![turns("temperature_deviation", 0.9, 1.0)], silent: "16d", firing: "16d1h", labels: ME },
        },
        Alert {
            name: "OuraRestingHeartRateHigh",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) > on (person) ({} + {} * {}) and on (person) max by (person) ({}) >= 3",
                s.over("min_over_time", PULSE.key, "3d"), PULSE.median, usual::DAY_WIDTH, PULSE.spread, s.over("count_over_time", PULSE.key, "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: resting heart rate high for three nights",
            description: "Each of the last three nights had a resting heart rate above the usual range of the 28 nights before: overload, heat, alcohol or illness.".to_owned(),
            proof: Proof {
                series: vec![past(PULSE.key, &[month(50.0, 52.0, USUAL), vec![58.0; 4]].concat())],
                silent: "18d",
                firing: "18d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraHrvLow",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) < on (person) ({} - {} * {}) and on (person) max by (person) ({}) >= 5",
                s.mean(HRV.key, "7d"), HRV.median, usual::MEAN_WIDTH, HRV.spread, s.over("count_over_time", HRV.key, "7d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: HRV low for a week",
            description: "The mean HRV of the last seven nights is below the usual range of a week's mean: the body is busy recovering.".to_owned(),
            proof: Proof {
                series: vec![past(HRV.key, &[month(0.050, 0.056, USUAL), vec![0.030; 7]].concat())],
                silent: "17d23h",
                firing: "18d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraReadinessLow",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) < {} and on (person) max by (person) ({}) >= 3",
                s.over("max_over_time", "readiness_score", "3d"), h.readiness, s.over("count_over_time", "readiness_score", "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: readiness low for three days",
            description: format!("The best readiness of the last three days is {{{{ $value }}}}, below {}. Rest is not weakness.", h.readiness),
            proof: Proof {
                series: vec![past("readiness_score", &[80.0, 75.0, 55.0, 50.0, 58.0, 57.0])],
                silent: "4d",
                firing: "4d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraBloodOxygenLow",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "(max by (person) ({mean}) < {limit} or max by (person) ({mean}) < on (person) ({usual} - {fall})) and on (person) max by (person) ({count}) >= 2",
                mean = s.mean(OXYGEN.key, "3d"), limit = h.oxygen_ratio, usual = OXYGEN.median, fall = h.oxygen_fall_ratio,
                count = s.over("count_over_time", OXYGEN.key, "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: blood oxygen {{ $value | humanizePercentage }} over three nights",
            description: format!(
                "The mean of the last three nights is below {} or has fallen by {} below the median of the person's own four weeks. A loose ring reads low too. See a doctor if it lasts. Not a diagnosis.",
                h.oxygen_ratio, h.oxygen_fall_ratio
            ),
            proof: Proof {
                series: vec![past(OXYGEN.key, &[month(0.97, 0.98, USUAL), vec![0.93; 4]].concat())],
                silent: "17d",
                firing: "17d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraBreathingChanged",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "abs(max by (person) ({}) - on (person) {}) > on (person) 3 * {} and on (person) max by (person) ({}) >= 2",
                s.mean(BREATH.key, "2d"), BREATH.median, BREATH.spread, s.over("count_over_time", BREATH.key, "2d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: breathing rate changed by {{ $value | printf \"%.1f\" }} a minute",
            description: "The mean breathing rate of two nights is more than three spreads from the median of the 28 nights before. In health it hardly moves. Not a diagnosis.".to_owned(),
            proof: Proof {
                series: vec![past(BREATH.key, &[month(14.0, 14.4, USUAL), vec![17.0; 3]].concat())],
                silent: "15d23h",
                firing: "16d1h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraStressHigh",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) == 1 and on (person) max by (person) ({}) >= 3",
                s.over_state("min_over_time", "stress_summary", "stressful", "3d"),
                s.over_state("count_over_time", "stress_summary", "stressful", "3d"),
            ),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: three stressful days in a row",
            description: "Oura called each of the last three days stressful. Look for recovery time today.".to_owned(),
            proof: Proof {
                series: vec![("oura_stress_summary{person=\"me\",state=\"stressful\",source=\"history\"}".to_owned(), days(&[0.0, 1.0, 1.0, 1.0, 1.0]))],
                silent: "3d",
                firing: "3d2h",
                labels: ME,
            },
        },
    ]
}

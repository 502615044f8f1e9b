//! What a life says: sleep debt, bedtimes, movement, the ring.

use super::{ME, TO_BEDTIME, past, turns};
use crate::alerts::month;
use crate::config::Health;
use crate::names;
use crate::query::Scope;
use crate::rules::Severity::{Info, Warning};
use crate::rules::{Alert, Area, Proof};

#[expect(clippy::too_many_lines, reason = "a table: one alert after the other")]
pub(super) fn alerts(s: &Scope, h: &Health) -> Vec<Alert> {
    let days_without_goal = format!("{}d", h.movement_days);
    let remaining = "activity_remaining_distance";
    vec![
        Alert {
            name: "OuraSleepDebt",
            severity: Warning,
            area: Area::Health,
            expr: format!("{} > {}", names::SLEEP_DEBT, h.sleep_debt_hours * 3600.0),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: {{ $value | humanizeDuration }} of sleep missing in two weeks",
            description: format!(
                "Against the person's goal ({} hours a night unless set), more than {} hours are missing over the nights of the last 14 days.",
                h.sleep_hours, h.sleep_debt_hours
            ),
            proof: Proof {
                // 53 minutes short each night: more than twelve hours after fourteen of them.
                series: vec![past("sleep_duration", &[h.sleep_hours * 3600.0 - 3_200.0; 16])],
                silent: "12d23h",
                firing: "13d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraBedtimeIrregular",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) > {} and on (person) max by (person) ({}) >= 10",
                s.over("stddev_over_time", "sleep_bedtime_start_clock", "14d"),
                u32::from(h.bedtime_minutes) * 60,
                s.over("count_over_time", "sleep_bedtime_start_clock", "14d"),
            ),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: bedtime spreads by {{ $value | humanizeDuration }}",
            description: format!(
                "The standard deviation of bedtime over 14 nights is above {} minutes. A steady bedtime does more for sleep than an early one.",
                h.bedtime_minutes
            ),
            proof: Proof {
                series: vec![past(
                    "sleep_bedtime_start_clock",
                    &[vec![0.0; 14], month(-9_000.0, 9_000.0, 12)].concat(),
                )],
                silent: "16d",
                firing: "22d",
                labels: ME,
            },
        },
        Alert {
            name: "OuraRingBatteryLow",
            severity: Warning,
            area: Area::Health,
            expr: format!(
                "{} < {} and on (person) {} == 0 and on (person) {TO_BEDTIME} < {}",
                s.now("ring_battery_level"),
                h.battery_ratio,
                s.now("ring_charging"),
                u32::from(h.battery_hours) * 3600,
            ),
            wait: "5m",
            keep: "",
            summary: "{{ $labels.person }}: charge the ring before bed ({{ $value | humanizePercentage }})",
            description: format!(
                "The battery is below {} within {} hours of the usual bedtime and the ring is not charging: it may not last the night.",
                h.battery_ratio, h.battery_hours
            ),
            proof: Proof {
                // To bed at 23:00 on a clock two hours ahead of UTC: the three hours before begin at 18:00 UTC.
                series: vec![
                    past("sleep_bedtime_start_clock", &[-3_600.0; 16]),
                    (
                        "oura_sleep_bedtime_end_clock_seconds{person=\"me\"}".to_owned(),
                        "25200+0x400".to_owned(),
                    ),
                    (
                        "oura_sleep_bedtime_end_timestamp_seconds{person=\"me\"}".to_owned(),
                        "1227600+0x400".to_owned(),
                    ),
                    ("oura_ring_battery_level_ratio{person=\"me\"}".to_owned(), "0.2+0x400".to_owned()),
                    ("oura_ring_charging{person=\"me\"}".to_owned(), "0+0x400".to_owned()),
                ],
                silent: "14d18h",
                firing: "14d20h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraMovementGoalMissed",
            severity: Info,
            area: Area::Health,
            expr: format!(
                "max by (person) ({}) > 0 and on (person) max by (person) ({}) >= {} unless on (person) max by (person) ({}) > 0",
                s.over_until("min_over_time", remaining, &days_without_goal, "1d"),
                s.over_until("count_over_time", remaining, &days_without_goal, "1d"),
                h.movement_days,
                s.over("max_over_time", "rest_mode_periods", "7d"),
            ),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: the movement goal was missed for days",
            description: format!(
                "The goal was missed on each of the last {} days, today not counted, and rest mode was off.",
                h.movement_days
            ),
            proof: Proof {
                series: vec![past(
                    remaining,
                    &[-100.0, -50.0, 900.0, 800.0, 700.0, 900.0, 600.0, 500.0, 400.0],
                )],
                silent: "7d",
                firing: "7d2h",
                labels: ME,
            },
        },
        Alert {
            name: "OuraRingNotWorn",
            severity: Info,
            area: Area::Health,
            expr: format!("{} > {}", s.now("activity_duration_non_wear"), u32::from(h.unworn_hours) * 3600),
            wait: "30m",
            keep: "6h",
            summary: "{{ $labels.person }}: the ring was off for {{ $value | humanizeDuration }}",
            description: format!(
                "The newest day has more than {} hours without the ring: gaps in the charts have this reason.",
                h.unworn_hours
            ),
            proof: Proof {
                series: vec![turns("activity_duration_non_wear", 43_200.0, 43_260.0)],
                silent: "16d",
                firing: "16d1h",
                labels: ME,
            },
        },
    ]
}

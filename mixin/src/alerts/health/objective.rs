//! The objective of sleep: its budget, and how fast it burns.

use super::{ME, past, record};
use crate::config::Health;
use crate::names;
use crate::query::Scope;
use crate::rules::Severity::{Info, Warning};
use crate::rules::{Alert, Area, Proof, Record, RecordProof};

/// Sleep as a service: an objective, what it allows, and how fast that is used up.
pub(super) fn records(s: &Scope, h: &Health) -> Vec<Record> {
    let allowed = 1.0 - h.sleep_objective;
    // An hour of memory, so that a restart of the exporter changes no goal.
    let own = format!("max by (person) (last_over_time({}[1h]))", names::SLEEP_GOAL_SET);
    let known = format!("max by (person) ({})", s.over("count_over_time", "sleep_duration", "28d"));
    let goal = format!("{own} or 0 * {known} + {}", h.sleep_hours * 3600.0);
    // All nights of a window are held to the goal of today.
    let night = format!("max by (person) ({})", s.day("sleep_duration"));
    let met = |window: &str| {
        format!("avg_over_time(({night} >= bool on (person) ({} @ end()))[{window}:1d])", names::SLEEP_GOAL)
    };
    let over = |function: &str| format!("max by (person) ({})", s.over(function, "sleep_duration", "14d"));
    // Ten nights of fourteen: less is no base for a sum. Sleep above the goal is no credit for later: never negative.
    let debt = format!(
        "clamp_min({2} * on (person) {0} - on (person) {1}, 0) and on (person) {0} >= 10",
        over("count_over_time"),
        over("sum_over_time"),
        names::SLEEP_GOAL
    );
    vec![
        record(names::SLEEP_GOAL, goal),
        record(names::SLEEP_NIGHTS, format!("count_over_time(({night})[28d:1d])")),
        record(names::SLEEP_SLO, met("28d")),
        record(names::SLEEP_BUDGET, format!("1 - (1 - {}) / {allowed:.3}", names::SLEEP_SLO)),
        record(names::SLEEP_BURN_FAST, format!("(1 - {}) / {allowed:.3}", met("3d"))),
        record(names::SLEEP_BURN_SLOW, format!("(1 - {}) / {allowed:.3}", met("7d"))),
        record(names::SLEEP_DEBT, debt),
    ]
}

/// Thirteen nights of two persons: one sleeps an hour more than the goal, the other half an hour less.
pub(super) fn proofs(h: &Health) -> Vec<RecordProof> {
    let goal = h.sleep_hours * 3600.0;
    let more = past("sleep_duration", &[goal + 3600.0; 13]);
    let less = past("sleep_duration", &[goal - 1800.0; 13]);
    let less = (less.0.replace("\"me\"", "\"ann\""), less.1);
    let proof = |record, ann: f64, me: f64| RecordProof {
        record,
        series: vec![more.clone(), less.clone()],
        at: "12d1h",
        samples: vec![("person=\"ann\"", ann), ("person=\"me\"", me)],
    };
    vec![
        proof(names::SLEEP_DEBT, 13.0 * 1800.0, 0.0),
        proof(names::SLEEP_NIGHTS, 13.0, 13.0),
        proof(names::SLEEP_SLO, 0.0, 1.0),
    ]
}

pub(super) fn alerts(h: &Health) -> Vec<Alert> {
    let hours = h.sleep_hours;
    let goal = hours * 3600.0;
    // The same nights of a second person, whose own goal they meet.
    let nights = |good: usize, bad: usize| {
        let mine = past("sleep_duration", &[vec![goal + 600.0; good], vec![goal - 600.0; bad]].concat());
        let name = mine.0.replace("\"me\"", "\"ann\"");
        let of_ann = format!("{}{{person=\"ann\"}}", names::SLEEP_GOAL_SET);
        vec![(name, mine.1.clone()), mine, (of_ann, format!("{}+0x600", goal - 1200.0))]
    };
    vec![
        Alert {
            name: "OuraSleepBudgetBurnsFast",
            severity: Warning,
            area: Area::Health,
            // Two windows: the short one says that it goes on, the long one that it is no single bad night.
            expr: format!("{} >= 3 and on (person) {} >= 2", names::SLEEP_BURN_FAST, names::SLEEP_BURN_SLOW),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: short nights use up the month's budget {{ $value | printf \"%.1f\" }} times too fast",
            description: format!(
                "Most of the last nights were shorter than the person's goal ({hours} hours unless set). At this rate the nights that may be short in 28 days are used up in under two weeks."
            ),
            proof: Proof { series: nights(12, 6), silent: "13d", firing: "15d", labels: ME },
        },
        Alert {
            name: "OuraSleepBudgetSpent",
            severity: Info,
            area: Area::Health,
            expr: format!("{} < 0", names::SLEEP_BUDGET),
            wait: "30m",
            keep: "12h",
            summary: "{{ $labels.person }}: the sleep objective of four weeks is missed",
            description: format!(
                "Fewer than {} % of the last 28 nights met the person's goal ({hours} hours unless set). It comes back as good nights push the short ones out of the window.",
                h.sleep_objective * 100.0
            ),
            proof: Proof { series: nights(12, 8), silent: "14d", firing: "16d", labels: ME },
        },
    ]
}

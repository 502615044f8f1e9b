//! How often each way to define a person's usual range raises a false alarm, over simulated years: the evidence of
//! `docs/adr/0020`. `cargo run --release -p statistics --example baselines` prints its table.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use simulator::{Life, Person};
use statistics::{count, mean, quantile};

/// Simulated people, and years of each.
const SEEDS: std::ops::Range<u64> = 1..13;
const YEARS: i64 = 5;

/// Days before a day with the tag of illness and after it that count as neither well nor ill.
const AROUND: usize = 7;

/// A number of the night: its name, its collection, where the document states it, and the least spread of alerts.
const NUMBERS: [(&str, &str, &str, f64); 4] = [
    ("lowest heart rate", "sleep", "/lowest_heart_rate", 1.0),
    ("average HRV", "sleep", "/average_hrv", 3.0),
    ("breathing rate", "sleep", "/average_breath", 0.2),
    ("sleep score", "daily_sleep", "/score", 0.0),
];

/// A centre and a spread of the values before a day.
type Estimate = fn(&[f64]) -> Option<(f64, f64)>;

fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    let centre = mean(values)?;
    let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
    Some((centre, mean(&squares)?.sqrt()))
}

fn median_and_mad(values: &[f64]) -> Option<(f64, f64)> {
    let centre = quantile(values, 0.5)?;
    let away: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    Some((centre, 1.4826 * quantile(&away, 0.5)?))
}

fn median_and_quartiles(values: &[f64]) -> Option<(f64, f64)> {
    let [low, centre, high] = [0.25, 0.5, 0.75].map(|share| quantile(values, share));
    Some((centre?, (high? - low?) / 1.349))
}

/// A policy: its name, the estimate, the days before, and the width of the band in spreads.
const POLICIES: [(&str, Estimate, usize, f64); 9] = [
    ("mean ± 1 σ, 28 days (panels before)", mean_and_deviation, 28, 1.0),
    ("mean ± 2 σ, 28 days (alerts before)", mean_and_deviation, 28, 2.0),
    ("median ± 1.5 MAD, 60 days (report before)", median_and_mad, 60, 1.5),
    ("median ± 2 MAD, 60 days (trends before)", median_and_mad, 60, 2.0),
    ("median ± 2 MAD, 28 days", median_and_mad, 28, 2.0),
    ("median ± 2 IQR, 60 days", median_and_quartiles, 60, 2.0),
    ("median ± 1.5 IQR, 28 days", median_and_quartiles, 28, 1.5),
    ("median ± 2 IQR, 28 days", median_and_quartiles, 28, 2.0),
    ("median ± 2.5 IQR, 28 days", median_and_quartiles, 28, 2.5),
];

/// One person: a slot a day for each number, and whether the day has the tag of illness.
struct Years {
    rows: Vec<Vec<Option<f64>>>,
    ill: Vec<bool>,
}

fn years(seed: u64) -> Years {
    let first = Date::constant(2019, 1, 1);
    let last = first.saturating_add((YEARS * 365).days());
    let now: Timestamp = last.to_zoned(jiff::tz::TimeZone::UTC).map_or(Timestamp::MAX, |day| day.timestamp());
    let person = Person::new(Life::new(seed, first));
    let mut years = Years { rows: vec![Vec::new(); NUMBERS.len()], ill: Vec::new() };
    for day in first.series(1.day()).take_while(|day| *day < last) {
        let (sleeps, scores) =
            (person.documents("sleep", day, now), person.documents("daily_sleep", day, now));
        for (row, (_, collection, pointer, _)) in years.rows.iter_mut().zip(NUMBERS) {
            let documents = if collection == "sleep" { &sleeps } else { &scores };
            let night = |document: &&Value| document["type"] == "long_sleep" || collection != "sleep";
            let value = documents.iter().find(night).and_then(|document| document.pointer(pointer)?.as_f64());
            row.push(value.filter(|value| *value > 0.0));
        }
        let tags = person.documents("enhanced_tag", day, now);
        years.ill.push(tags.iter().any(|tag| tag["tag_type_code"] == "tag_generic_sick"));
    }
    years
}

/// What a policy raised.
#[derive(Default)]
struct Raised {
    well: usize,
    false_alarms: usize,
    false_runs: usize,
    ill: usize,
    found: usize,
}

/// The mean of seven nights against the range of the days before them: weeks without illness, those of them outside one
/// spread, and those outside two.
fn weeks(people: &[Years], n: usize, least: f64) -> [usize; 3] {
    let mut counts = [0; 3];
    for person in people {
        let row = &person.rows[n];
        for start in (28 + AROUND..row.len() - 7).step_by(7) {
            let values =
                |from: usize, to: usize| row[from..to].iter().copied().flatten().collect::<Vec<f64>>();
            let (before, week) = (values(start - 28, start), values(start, start + 7));
            let ill = person.ill[start - AROUND..start + 7].contains(&true);
            let Some(((centre, spread), mean)) = median_and_quartiles(&before).zip(mean(&week)) else {
                continue;
            };
            if before.len() >= 14 && !ill {
                let away = (mean - centre).abs() / spread.max(least);
                for (count, counts_it) in counts.iter_mut().zip([true, away > 1.0, away > 2.0]) {
                    *count += usize::from(counts_it);
                }
            }
        }
    }
    counts
}

fn main() {
    let people: Vec<Years> = SEEDS.map(years).collect();
    for (n, (number, _, _, least)) in NUMBERS.into_iter().enumerate() {
        println!(
            "\n| {number} | false alarms a year | of three nights in a row | days of illness outside |\n|---|---|---|---|"
        );
        for (policy, estimate, length, width) in POLICIES {
            let mut raised = Raised::default();
            for person in &people {
                let (row, mut run) = (&person.rows[n], 0);
                for slot in length..row.len() {
                    let before: Vec<f64> = row[slot - length..slot].iter().copied().flatten().collect();
                    let Some(value) = row[slot].filter(|_| before.len() >= 14) else { continue };
                    let Some((centre, spread)) = estimate(&before) else { continue };
                    let outside = (value - centre).abs() > width * spread.max(least);
                    let end = (slot + AROUND).min(row.len());
                    if person.ill[slot] {
                        raised.ill += 1;
                        raised.found += usize::from(outside);
                    }
                    let near = person.ill[slot - AROUND..end].contains(&true);
                    run = if outside && !near { run + 1 } else { 0 };
                    if !near {
                        raised.well += 1;
                        raised.false_alarms += usize::from(outside);
                        raised.false_runs += usize::from(run == 3);
                    }
                }
            }
            let a_year = |many: usize| count(many) * 365.0 / count(raised.well);
            let found = 100.0 * count(raised.found) / count(raised.ill);
            println!(
                "| {policy} | {:.1} | {:.2} | {found:.0} % of {} |",
                a_year(raised.false_alarms),
                a_year(raised.false_runs),
                raised.ill
            );
        }
    }
    println!(
        "\n| mean of seven nights, no illness | weeks | outside 1 spread | outside 2 spreads |\n|---|---|---|---|"
    );
    for (n, (number, _, _, least)) in NUMBERS.into_iter().enumerate() {
        let [all, one, two] = weeks(&people, n, least);
        let share = |many: usize| 100.0 * count(many) / count(all);
        println!("| {number} | {all} | {:.0} % | {:.0} % |", share(one), share(two));
    }
}

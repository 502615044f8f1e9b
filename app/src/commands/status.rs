//! Today on one screen: the newest numbers, two weeks of each, and why something is missing.

mod text;

use std::collections::BTreeMap;
use std::process::ExitCode;

use domain::{Collection, Day, DayRange, Metric, Reason};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use store::{Person, Store};

use crate::Clock;
use crate::cli::StatusArgs;
use crate::output;

/// The metrics that are shown, by key, in the order of the screen.
const SHOWN: [&str; 10] = [
    "sleep_score",
    "sleep_duration",
    "sleep_average_hrv",
    "sleep_lowest_heart_rate",
    "readiness_score",
    "temperature_deviation",
    "activity_score",
    "activity_steps",
    "stress_high_duration",
    "resilience_level",
];

/// Days of a sparkline, today included.
const DAYS: i64 = 14;

/// A person's today.
#[derive(Debug, Serialize)]
struct Status {
    person: String,
    time_zone: String,
    day: String,
    /// When Oura was last read successfully.
    last_read_at: Option<Timestamp>,
    metrics: Vec<Line>,
    missing: Vec<Missing>,
}

/// A metric of [`SHOWN`].
#[derive(Debug, Serialize)]
struct Line {
    metric: &'static str,
    unit: &'static str,
    /// The newest of these days, in the base unit.
    value: Option<f64>,
    /// The day of the value.
    day: Option<String>,
    /// Why there is none of today, by the word of [`Reason`].
    reason: Option<&'static str>,
    /// The last fourteen days, the oldest first.
    days: Vec<Option<f64>>,
    #[serde(skip)]
    of: &'static Metric,
}

/// Collections that have nothing of today for the same reason.
#[derive(Debug, Serialize)]
struct Missing {
    reason: &'static str,
    advice: &'static str,
    collections: Vec<&'static str>,
}

pub(crate) async fn status(args: StatusArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let store = super::open(&args.store).await?;
    let people = match &args.person {
        Some(name) => vec![super::known(&store, name).await?],
        None => store.people().await?,
    };
    let now = clock();
    let mut read = Vec::new();
    for person in &people {
        read.push(of(&store, person, now).await?);
    }
    store.close().await;
    if args.output.json {
        output::print_json(&read)?;
        return Ok(ExitCode::SUCCESS);
    }
    if read.is_empty() {
        outln!("no persons yet; `myhealth login` or `myhealth person add` adds a person");
    }
    for (place, status) in read.iter().enumerate() {
        if place > 0 {
            outln!("");
        }
        print(status, now);
    }
    Ok(ExitCode::SUCCESS)
}

async fn of(store: &Store, person: &Person, now: Timestamp) -> anyhow::Result<Status> {
    let zone = TimeZone::get(&person.time_zone).unwrap_or(TimeZone::UTC);
    let today = Day::at(now, &zone);
    let range = DayRange::ending(today, DAYS);
    let metrics: Vec<&'static Metric> = SHOWN.iter().filter_map(|key| Metric::by_key(key)).collect();
    let columns = store.daily_of(person.id, &metrics, range).await?;
    let states = store.sync_states(person.id).await?;
    let latest = store.latest_of(person.id).await?;
    let ring = store.ring(person.id).await?;
    let reasons: BTreeMap<Collection, Reason> =
        store::absence_reasons(person, &states, &latest, ring.as_ref(), now).into_iter().collect();
    let lines = metrics.into_iter().zip(columns).map(|(metric, column)| {
        let column: BTreeMap<Day, f64> = column.into_iter().collect();
        let newest = column.last_key_value().map(|(day, value)| (*day, *value));
        let missing = newest.is_none_or(|(day, _)| day < today);
        let reason = missing.then(|| reasons.get(&metric.collection).map(|reason| reason.name())).flatten();
        Line {
            metric: metric.key,
            unit: metric.unit.name(),
            value: newest.map(|(_, value)| value),
            day: newest.map(|(day, _)| day.to_string()),
            reason,
            days: range.days().map(|day| column.get(&day).copied()).collect(),
            of: metric,
        }
    });
    let metrics = lines.collect();
    let mut missing: BTreeMap<Reason, Vec<&'static str>> = BTreeMap::new();
    for (collection, reason) in &reasons {
        missing.entry(*reason).or_default().push(collection.name());
    }
    let missing = missing.into_iter().map(|(reason, collections)| Missing {
        reason: reason.name(),
        advice: reason.advice(),
        collections,
    });
    Ok(Status {
        person: person.name.to_string(),
        time_zone: person.time_zone.clone(),
        day: today.to_string(),
        last_read_at: states.iter().filter_map(|state| state.last_success_at).max(),
        metrics,
        missing: missing.collect(),
    })
}

fn print(status: &Status, now: Timestamp) {
    let read = status.last_read_at.map_or("Oura was never read".to_owned(), |at| {
        format!("read {} ago", text::duration(now.duration_since(at).as_secs_f64().max(0.0)))
    });
    outln!("{}  {}, {}; {read}", status.person, status.day, status.time_zone);
    for line in &status.metrics {
        let value = line.value.map_or("-".to_owned(), |value| text::value(line.of, value));
        let day = match &line.day {
            Some(day) if *day == status.day => "today",
            Some(day) => day,
            None => "",
        };
        let reason = line.reason.unwrap_or_default();
        let text = format!(
            "  {:<24} {value:>12}  {day:<10}  {}  {reason}",
            line.metric,
            text::sparkline(&line.days)
        );
        outln!("{}", text.trim_end());
    }
    for missing in &status.missing {
        outln!("missing ({}): {}\n  {}", missing.reason, missing.collections.join(", "), missing.advice);
    }
}

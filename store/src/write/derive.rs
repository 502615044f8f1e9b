//! Derived rows: `daily` and `series` of the days a batch touched, and the newest value of each metric.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::derive::{Spacing, companion, derive_with};
use domain::document::CLOCK_SKEW;
use domain::{Collection, Day, Derived, Metric};
use jiff::Timestamp;
use jiff_sqlx::{Date, ToSqlx};
use serde_json::Value;
use sqlx::QueryBuilder;

use super::batch::ROWS;
use super::derivation;
use super::owner::Owner;
use crate::error::{Error, Result};
use crate::sql::{change, row, run, select};
use crate::sync::{self, DateColumn};
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// How many days back the newest value of a metric may hide behind documents that lack it: a nap or a
/// night in progress does not make last night disappear.
const LATEST_LOOKBACK_DAYS: i64 = 7;

/// Days that are further apart are read by statements of their own.
const MAX_GAP_DAYS: i64 = 30;

/// Derives `days` again, and of the collections that depend on this one the days that this changes; brings `latest` up
/// to date. Returns the newest day that has a document.
pub(crate) async fn refresh(
    tx: &mut Tx,
    owner: Owner,
    days: &BTreeSet<Day>,
    now: Timestamp,
) -> Result<Option<Day>> {
    if owner.collection != Collection::DailySleep || days.is_empty() {
        return refresh_own(tx, owner, days, now).await;
    }
    let before = days_with(tx, owner, SCORE, days).await?;
    let newest = refresh_own(tx, owner, days, now).await?;
    let after = days_with(tx, owner, SCORE, days).await?;
    // A night that is known without the score is the same with it.
    let scored: BTreeSet<Day> = after.difference(&before).copied().collect();
    let known = days_with(tx, owner, NIGHT, &scored).await?;
    let mut changed: BTreeSet<Day> = scored.difference(&known).copied().collect();
    changed.extend(before.difference(&after));
    if !changed.is_empty() {
        refresh_own(tx, owner.of(Collection::Sleep), &changed, now).await?;
    }
    Ok(newest)
}

/// The metric of Oura's score of a day's night, and one that every known night has.
const SCORE: &str = "sleep_score";
const NIGHT: &str = "sleep_bedtime_end";

/// On which of some days a metric has a value.
async fn days_with(tx: &mut Tx, owner: Owner, key: &str, days: &BTreeSet<Day>) -> Result<BTreeSet<Day>> {
    let mut found = BTreeSet::new();
    for (first, last) in runs(days) {
        let known: Vec<Date> = run!(
            tx,
            query_scalar.fetch_all,
            "select day from daily where person = $1 and metric = $2 and day between $3 and $4",
            owner.person,
            key,
            first.date().to_sqlx(),
            last.date().to_sqlx()
        );
        for date in known {
            found.insert(sync::day(date)?);
        }
    }
    Ok(found.intersection(days).copied().collect())
}

async fn refresh_own(tx: &mut Tx, owner: Owner, days: &BTreeSet<Day>, now: Timestamp) -> Result<Option<Day>> {
    let newest = newest_day(tx, owner).await?;
    let Some(last) = days.last() else { return Ok(newest) };
    if newest.is_some() {
        derivation::note_rules(tx, owner).await?;
    }
    for (first, last) in runs(days) {
        let derived = derive_days(tx, owner, first, last).await?;
        let run = days.range(first..=last).map(|day| (*day, derived.get(day)));
        rewrite(tx, owner, run).await?;
    }
    match newest {
        Some(newest) if *last >= newest.plus(-LATEST_LOOKBACK_DAYS) => {
            let derived = derive_days(tx, owner, newest.plus(-LATEST_LOOKBACK_DAYS), newest).await?;
            write_latest(tx, owner, &derived, now).await?;
        }
        Some(_) => {}
        // The last document is gone, and with it every newest value.
        None => write_latest(tx, owner, &BTreeMap::new(), now).await?,
    }
    Ok(newest)
}

/// Days as runs from a first to a last day, without gaps of more than [`MAX_GAP_DAYS`]: one day of long ago does not make
/// all days since be read.
fn runs(days: &BTreeSet<Day>) -> Vec<(Day, Day)> {
    let mut runs: Vec<(Day, Day)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if *day <= last.plus(MAX_GAP_DAYS) => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    runs
}

/// The newest day that has a document; one index probe.
pub(crate) async fn newest_day(tx: &mut Tx, owner: Owner) -> Result<Option<Day>> {
    let newest: DateColumn = run!(
        tx,
        query_scalar.fetch_one,
        "select max(day) from document where person = $1 and collection = $2",
        owner.person,
        owner.collection.name()
    );
    newest.map(sync::day).transpose()
}

async fn derive_days(tx: &mut Tx, owner: Owner, first: Day, last: Day) -> Result<BTreeMap<Day, Derived>> {
    let bodies = bodies(tx, owner, first, last).await?;
    let mut others = match companion(owner.collection).filter(|_| !bodies.is_empty()) {
        Some(collection) => self::bodies(tx, owner.of(collection), first, last).await?,
        None => BTreeMap::new(),
    };
    let derived = |(day, bodies): (Day, Vec<String>)| {
        let others = others.remove(&day).unwrap_or_default();
        let others = others.iter().map(String::as_str);
        (day, derive_with(owner.collection, day, bodies.iter().map(String::as_str), others))
    };
    Ok(bodies.into_iter().map(derived).collect())
}

row! {
    struct BodyRow {
        day: Date,
        changed_at: Time,
        id: String,
        body: String,
    }
}

/// The bodies of each day, the newest last.
async fn bodies(tx: &mut Tx, owner: Owner, first: Day, last: Day) -> Result<BTreeMap<Day, Vec<String>>> {
    let mut rows: Vec<BodyRow> = run!(
        tx,
        query_as.fetch_all,
        select::<BodyRow>("from document where person = $1 and collection = $2 and day between $3 and $4"),
        owner.person,
        owner.collection.name(),
        first.date().to_sqlx(),
        last.date().to_sqlx()
    );
    // Never by the server's idea of the alphabet.
    rows.sort_by(|one, other| (one.changed_at, &one.id).cmp(&(other.changed_at, &other.id)));
    let mut bodies: BTreeMap<Day, Vec<String>> = BTreeMap::new();
    for row in rows {
        bodies.entry(sync::day(row.day)?).or_default().push(row.body);
    }
    Ok(bodies)
}

/// Replaces the rows of the given days by what was derived; `None` is a day whose documents are gone.
async fn rewrite(
    tx: &mut Tx,
    owner: Owner,
    derived: impl Iterator<Item = (Day, Option<&Derived>)> + Clone,
) -> Result<()> {
    let days: Vec<Day> = derived.clone().map(|(day, _)| day).collect();
    for days in days.chunks(ROWS) {
        delete_days(tx, owner, "delete from daily where person = ", days).await?;
        delete_days(tx, owner, "delete from series where person = ", days).await?;
    }
    let found = derived.filter_map(|(day, derived)| Some((day, derived?)));
    let daily: Vec<(&str, Day, f64)> = found
        .clone()
        .flat_map(|(day, derived)| derived.daily.iter().map(move |daily| (day, daily)))
        .filter_map(|(day, daily)| Some((daily.metric.key, day, daily.value?)))
        .collect();
    for rows in daily.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("insert into daily (person, metric, day, value) ");
            query.push_values(rows, |mut row, (metric, day, value)| {
                row.push_bind(owner.person).push_bind(*metric).push_bind(day.date().to_sqlx()).push_bind(*value);
            });
            query.build().persistent(false).execute(conn).await?;
        });
    }
    let series: Vec<_> =
        found.flat_map(|(day, d)| d.series.iter().map(move |series| (day, series))).collect();
    for rows in series.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into series (person, metric, day, start_at, step_ms, offsets_ms, points) ",
            );
            query.push_values(rows, |mut row, (day, series)| {
                let (step, offsets) = match &series.spacing {
                    Spacing::Even(step) => (Some(*step), None),
                    Spacing::Each(offsets) => (None, Some(offsets_json(offsets))),
                };
                row.push_bind(owner.person)
                    .push_bind(series.metric.key)
                    .push_bind(day.date().to_sqlx())
                    .push_bind(Time::from(series.start))
                    .push_bind(step)
                    .push_bind(offsets)
                    .push_bind(values_json(&series.values));
            });
            // Two periods that claim the same start are one claim too many; the first stays.
            query.push(" on conflict do nothing");
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

async fn delete_days(tx: &mut Tx, owner: Owner, delete: &'static str, days: &[Day]) -> Result<()> {
    with_conn!(tx, conn, Db => {
        let mut query = QueryBuilder::<Db>::new(delete);
        query.push_bind(owner.person).push(" and metric in (");
        let mut list = query.separated(", ");
        for metric in Metric::of(owner.collection) {
            list.push_bind(metric.key);
        }
        query.push(") and day in (");
        let mut list = query.separated(", ");
        for day in days {
            list.push_bind(day.date().to_sqlx());
        }
        query.push(")").build().persistent(false).execute(conn).await?;
    });
    Ok(())
}

/// Offsets as a JSON array.
fn offsets_json(offsets: &[i64]) -> String {
    offsets.iter().copied().collect::<Value>().to_string()
}

/// Values and nulls as a JSON array. Most are whole numbers, and a whole number without its `.0` is half as long.
fn values_json(values: &[Option<f64>]) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = |value: f64| {
        if value.fract() == 0.0 && value.abs() < EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            let whole = value as i64;
            Value::from(whole)
        } else {
            Value::from(value)
        }
    };
    values.iter().map(|value| value.map_or(Value::Null, number)).collect::<Value>().to_string()
}

row! {
    struct LatestRow {
        metric: String,
        day: Date,
        observed_at: Time,
        value: Option<f64>,
        updated_at: Time,
    }
}

async fn write_latest(
    tx: &mut Tx,
    owner: Owner,
    derived: &BTreeMap<Day, Derived>,
    now: Timestamp,
) -> Result<()> {
    let stored: Vec<LatestRow> =
        run!(tx, query_as.fetch_all, select::<LatestRow>("from latest where person = $1"), owner.person);
    if stored.iter().any(|row| row.updated_at.get().duration_since(now) > CLOCK_SKEW) {
        reset_update_times(tx, owner.person, now).await?;
    }
    let stored: HashMap<String, (Day, Time, Option<f64>)> = stored
        .into_iter()
        .map(|row| Ok((row.metric, (sync::day(row.day)?, row.observed_at, row.value))))
        .collect::<Result<_, Error>>()?;
    let newest = |metric: &'static Metric| {
        derived.iter().rev().find_map(|(day, derived)| {
            let (at, value) = newest_of(derived, metric, *day)?;
            Some((*day, Time::from(at), value))
        })
    };
    let mut rows = Vec::new();
    for metric in Metric::of(owner.collection).filter(|metric| metric.has_current_value()) {
        let before = stored.get(metric.key).copied();
        // A value that no document has any more becomes an observed absence, so that other processes notice.
        let after = newest(metric).or_else(|| before.map(|(day, at, _)| (day, at, None)));
        if let Some(after) = after.filter(|after| before != Some(*after)) {
            rows.push((metric.key, after));
        }
    }
    for rows in rows.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("insert into latest (person, metric, day, observed_at, value, updated_at) ");
            query.push_values(rows, |mut row, (metric, (day, at, value))| {
                row.push_bind(owner.person)
                    .push_bind(*metric)
                    .push_bind(day.date().to_sqlx())
                    .push_bind(*at)
                    .push_bind(*value)
                    .push_bind(Time::from(now));
            });
            query.push(
                " on conflict (person, metric) do update
                  set day = excluded.day, observed_at = excluded.observed_at, value = excluded.value,
                      updated_at = excluded.updated_at",
            );
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// Corrects the times of writing that a clock wrote which was ahead: until then no other process would see a change.
async fn reset_update_times(tx: &mut Tx, person: i64, now: Timestamp) -> Result<()> {
    change!(
        tx,
        "update latest set updated_at = $2 where person = $1 and updated_at > $2",
        person,
        Time::from(now)
    );
    Ok(())
}

/// The newest value of a metric in one derived day.
fn newest_of(derived: &Derived, metric: &Metric, day: Day) -> Option<(Timestamp, Option<f64>)> {
    if metric.is_series() {
        let points = derived.series.iter().filter(|series| series.metric == metric);
        let (at, value) =
            points.filter_map(|series| series.points().next_back()).max_by_key(|(at, _)| *at)?;
        return Some((Timestamp::from_millisecond(at).ok()?, Some(value)));
    }
    let daily = derived.daily.iter().find(|daily| daily.metric == metric)?;
    Some((day.midnight_utc(), daily.value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_far_apart_are_read_apart() {
        let day = |n| Day::FIRST.plus(n);
        let backfill: BTreeSet<Day> = (0..60).map(day).chain([day(2_500)]).collect();
        assert_eq!(runs(&backfill), [(day(0), day(59)), (day(2_500), day(2_500))]);
        assert_eq!(runs(&BTreeSet::new()), []);
    }

    proptest! {
        #[test]
        fn runs_cover_the_days_and_no_long_gap(days in prop::collection::btree_set(0_i64..3_000, 0..40)) {
            let days: BTreeSet<Day> = days.into_iter().map(|n| Day::FIRST.plus(n)).collect();
            let runs = runs(&days);
            let covered: BTreeSet<Day> =
                runs.iter().flat_map(|(first, last)| days.range(*first..=*last)).copied().collect();
            prop_assert_eq!(&covered, &days);
            for pair in runs.windows(2) {
                prop_assert!(pair[1].0 > pair[0].1.plus(MAX_GAP_DAYS));
            }
            for (first, last) in runs {
                let run: Vec<&Day> = days.range(first..=last).collect();
                prop_assert!(run.windows(2).all(|pair| *pair[1] <= pair[0].plus(MAX_GAP_DAYS)));
            }
        }
    }
}

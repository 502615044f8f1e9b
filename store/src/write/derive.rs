//! Numbers written: the rows of the days a batch touched, and the newest of each metric.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::derive::{Spacing, beside, derive_beside};
use domain::document::CLOCK_SKEW;
use domain::{Collection, Day, Derived, Metric};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::Value;
use sqlx::QueryBuilder;

use crate::write::apply::ROWS;
use crate::error::{Error, Result};
use crate::sync::{self, DateColumn};
use crate::transaction::{Tx, with_conn};

/// Whose numbers, of which collection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) person: i64,
    pub(crate) collection: Collection,
}

/// How many days back the newest value of a metric may hide behind documents that say nothing about it: a nap or a
/// night in progress does not make last night disappear.
const LATEST_LOOKBACK_DAYS: i64 = 7;

impl Owner {
    /// What writers of the collection lock. Collections that are derived from one another have one lock.
    pub(crate) fn lock_name(self) -> &'static str {
        beside(self.collection).unwrap_or(self.collection).name()
    }

    /// The same person's documents of another collection.
    fn of(self, collection: Collection) -> Self {
        Self { collection, ..self }
    }
}

/// Derives `days` again, and of the collections that look at this one the days that this changes; brings `latest` up to
/// date. Returns the newest day that has a document.
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

/// Says that Oura scored a day's night, and that a night is known.
const SCORE: &str = "sleep_score";
const NIGHT: &str = "sleep_bedtime_end";

/// On which of some days a metric has a value.
async fn days_with(tx: &mut Tx, owner: Owner, key: &str, days: &BTreeSet<Day>) -> Result<BTreeSet<Day>> {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(BTreeSet::new()) };
    let known: Vec<jiff_sqlx::Date> = with_conn!(tx, conn => {
        sqlx::query_scalar(
            "select day from daily where person = $1 and metric = $2 and day between $3 and $4",
        )
        .bind(owner.person)
        .bind(key)
        .bind(first.date().to_sqlx())
        .bind(last.date().to_sqlx())
        .fetch_all(conn)
        .await?
    });
    let known: BTreeSet<Day> = known.into_iter().map(sync::day).collect::<Result<_>>()?;
    Ok(known.intersection(days).copied().collect())
}

async fn refresh_own(tx: &mut Tx, owner: Owner, days: &BTreeSet<Day>, now: Timestamp) -> Result<Option<Day>> {
    let newest = newest_day(tx, owner).await?;
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        let derived = derive_days(tx, owner, *first, *last).await?;
        let derived = days.iter().map(|day| (*day, derived.get(day)));
        rewrite(tx, owner, derived).await?;
    }
    let Some(last) = days.last() else { return Ok(newest) };
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

/// The newest day that has a document; one index probe.
pub(crate) async fn newest_day(tx: &mut Tx, owner: Owner) -> Result<Option<Day>> {
    let newest: DateColumn = with_conn!(tx, conn => {
        sqlx::query_scalar("select max(day) from document where person = $1 and collection = $2")
            .bind(owner.person)
            .bind(owner.collection.name())
            .fetch_one(conn)
            .await?
    });
    newest.map(sync::day).transpose()
}

async fn derive_days(tx: &mut Tx, owner: Owner, first: Day, last: Day) -> Result<BTreeMap<Day, Derived>> {
    let bodies = bodies(tx, owner, first, last).await?;
    let mut others = match beside(owner.collection).filter(|_| !bodies.is_empty()) {
        Some(collection) => self::bodies(tx, owner.of(collection), first, last).await?,
        None => BTreeMap::new(),
    };
    let derived = |(day, bodies): (Day, Vec<String>)| {
        let others = others.remove(&day).unwrap_or_default();
        let others = others.iter().map(String::as_str);
        (day, derive_beside(owner.collection, day, bodies.iter().map(String::as_str), others))
    };
    Ok(bodies.into_iter().map(derived).collect())
}

/// The bodies of each day, the newest last.
async fn bodies(tx: &mut Tx, owner: Owner, first: Day, last: Day) -> Result<BTreeMap<Day, Vec<String>>> {
    let mut rows: Vec<(jiff_sqlx::Date, jiff_sqlx::Timestamp, String, String)> = with_conn!(tx, conn => {
        sqlx::query_as(
            "select day, changed_at, id, body from document
             where person = $1 and collection = $2 and day between $3 and $4",
        )
        .bind(owner.person)
        .bind(owner.collection.name())
        .bind(first.date().to_sqlx())
        .bind(last.date().to_sqlx())
        .fetch_all(conn)
        .await?
    });
    // Never by the server's idea of the alphabet.
    rows.sort_by(|(_, one, a, _), (_, other, b, _)| (one.to_jiff(), a).cmp(&(other.to_jiff(), b)));
    let mut bodies: BTreeMap<Day, Vec<String>> = BTreeMap::new();
    for (date, _, _, body) in rows {
        bodies.entry(sync::day(date)?).or_default().push(body);
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
                    .push_bind(series.start.to_sqlx())
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

type LatestRow = (String, jiff_sqlx::Date, jiff_sqlx::Timestamp, Option<f64>, jiff_sqlx::Timestamp);

async fn write_latest(
    tx: &mut Tx,
    owner: Owner,
    derived: &BTreeMap<Day, Derived>,
    now: Timestamp,
) -> Result<()> {
    let stored: Vec<LatestRow> = with_conn!(&mut *tx, conn => {
        sqlx::query_as("select metric, day, observed_at, value, updated_at from latest where person = $1")
            .bind(owner.person)
            .fetch_all(conn)
            .await?
    });
    if stored.iter().any(|(.., updated)| updated.to_jiff().duration_since(now) > CLOCK_SKEW) {
        write_anew(tx, owner.person, now).await?;
    }
    let stored: HashMap<String, (Day, Timestamp, Option<f64>)> = stored
        .into_iter()
        .map(|(key, date, at, value, _)| Ok((key, (sync::day(date)?, at.to_jiff(), value))))
        .collect::<Result<_, Error>>()?;
    let newest = |metric: &'static Metric| {
        derived.iter().rev().find_map(|(day, derived)| {
            let (at, value) = newest_of(derived, metric, *day)?;
            Some((*day, at, value))
        })
    };
    let mut rows = Vec::new();
    for metric in Metric::of(owner.collection).filter(|metric| metric.has_current_value()) {
        let before = stored.get(metric.key).copied();
        // What is no longer said anywhere becomes an observed absence, so that other processes notice.
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
                    .push_bind(at.to_sqlx())
                    .push_bind(*value)
                    .push_bind(now.to_sqlx());
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

/// Takes back what a clock that was ahead wrote as the time of writing: until then no other process would see a change.
async fn write_anew(tx: &mut Tx, person: i64, now: Timestamp) -> Result<()> {
    with_conn!(tx, conn => {
        sqlx::query("update latest set updated_at = $2 where person = $1 and updated_at > $2")
            .bind(person)
            .bind(now.to_sqlx())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// The newest thing one derived day says about a metric.
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

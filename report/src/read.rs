//! The content of a report, read and aggregated; `page` renders it.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::Event;
use domain::reason::{DayEvidence, missing_day_reason};
use domain::{Collection, Day, DayRange, Metric, Reason, Theme, usual};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use statistics::Baseline;
use store::{Person, Store};

use crate::Error;
use crate::period::Period;
use crate::rows::{Row, SECTIONS, Summary};

/// Collections whose coverage is reported.
const COVERAGE_COLLECTIONS: [Collection; 4] =
    [Collection::DailySleep, Collection::Sleep, Collection::DailyReadiness, Collection::DailyActivity];

/// Nights named as the best and the worst.
const NIGHTS: usize = 3;

/// Days a tag is followed.
const TAG_DAYS: i64 = 31;

/// The content of a report.
pub(crate) struct ReportData {
    pub(crate) person: String,
    pub(crate) time_zone: String,
    pub(crate) period: Period,
    pub(crate) days: DayRange,
    pub(crate) previous: DayRange,
    pub(crate) made_at: Timestamp,
    /// The zone, for writing when it was made.
    pub(crate) zone: TimeZone,
    /// Days that Oura may still change.
    pub(crate) open_days: i64,
    pub(crate) numbers: BTreeMap<&'static str, Number>,
    /// Best first.
    pub(crate) best: Vec<Night>,
    /// Worst first.
    pub(crate) worst: Vec<Night>,
    pub(crate) regularity: Option<Regularity>,
    pub(crate) workouts: Vec<Workout>,
    /// Tags and the days that have them.
    pub(crate) tags: BTreeMap<String, BTreeSet<Day>>,
    pub(crate) coverage: Vec<Coverage>,
}

/// One row of the page.
pub(crate) struct Number {
    pub(crate) row: &'static Row,
    /// A slot a day of the period.
    pub(crate) days: Vec<Option<f64>>,
    /// A slot a day of the period before.
    previous: Vec<Option<f64>>,
    pub(crate) now: Option<f64>,
    pub(crate) before: Option<f64>,
    pub(crate) usual: Option<Usual>,
}

/// What was usual before the period: the median, the range of a day, and that of the period's mean.
pub(crate) struct Usual {
    pub(crate) median: f64,
    pub(crate) day: (f64, f64),
    pub(crate) mean: (f64, f64),
}

impl Usual {
    fn of(baseline: Baseline, metric: &Metric) -> Option<Self> {
        let baseline = baseline.at_least(usual::least_spread(metric));
        Some(Self {
            median: baseline.median,
            day: baseline.band(usual::DAY_WIDTH)?,
            mean: baseline.band(usual::MEAN_WIDTH)?,
        })
    }
}

/// One of the best or worst nights.
pub(crate) struct Night {
    pub(crate) day: Day,
    pub(crate) score: f64,
    pub(crate) duration: Option<f64>,
    pub(crate) start: Option<f64>,
}

/// How much bedtimes differ from night to night: their standard deviation, in seconds.
pub(crate) struct Regularity {
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) before: Option<f64>,
}

/// A workout.
pub(crate) struct Workout {
    pub(crate) day: Day,
    pub(crate) activity: String,
    pub(crate) duration: Option<f64>,
    pub(crate) energy: Option<f64>,
    pub(crate) distance: Option<f64>,
}

/// Which days one collection has.
pub(crate) struct Coverage {
    pub(crate) collection: Collection,
    pub(crate) has: i64,
    pub(crate) missing: BTreeMap<&'static str, Vec<Day>>,
}

pub(crate) async fn read(
    store: &Store,
    person: &Person,
    period: Period,
    days: DayRange,
    now: Timestamp,
) -> Result<ReportData, Error> {
    let zone = TimeZone::get(&person.time_zone).map_err(Error::TimeZone)?;
    let today = Day::at(now, &zone);
    let previous = period.around(days.first().plus(-1));
    let baseline = days.first().plus(-i64::from(usual::DAYS));
    let all = DayRange::new(previous.first().min(baseline), days.last()).unwrap_or(days);

    let rows: Vec<&'static Row> = SECTIONS.iter().flat_map(|section| section.rows).collect();
    let metrics: Vec<&'static Metric> = rows.iter().filter_map(|row| Metric::by_key(row.metric)).collect();
    let columns = store.daily_of(person.id, &metrics, all).await?;
    let number = |(row, column): (&&'static Row, store::Column)| {
        (row.metric, Number::of(row, &column.into_iter().collect(), days, previous))
    };
    let numbers: BTreeMap<_, _> = rows.iter().zip(columns).map(number).collect();
    let (mut best, mut worst) = (nights(&numbers, days), nights(&numbers, days));
    best.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.day.cmp(&b.day)));
    worst.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.day.cmp(&b.day)));
    best.truncate(NIGHTS);
    worst.truncate(NIGHTS);
    let (workouts, tags) = events(store, person, days).await?;
    Ok(ReportData {
        person: person.name.to_string(),
        time_zone: person.time_zone.clone(),
        period,
        days,
        previous,
        made_at: now,
        zone,
        open_days: days.days().filter(|day| !day.is_settled(today)).count().try_into().unwrap_or(0),
        regularity: regularity(&numbers),
        best,
        worst,
        numbers,
        workouts,
        tags,
        coverage: coverage(store, person, days, now).await?,
    })
}

impl Number {
    fn of(row: &'static Row, values: &BTreeMap<Day, f64>, days: DayRange, previous: DayRange) -> Self {
        let slots = |range: DayRange| range.days().map(|day| values.get(&day).copied()).collect::<Vec<_>>();
        let sum_up = |slots: &[Option<f64>]| {
            let known: Vec<f64> = slots.iter().copied().flatten().collect();
            match row.summary {
                Summary::Mean => statistics::mean(&known),
                Summary::Total => Some(statistics::sum(&known).unwrap_or(0.0)),
            }
        };
        let (own, previous) = (slots(days), slots(previous));
        let reach = DayRange::new(days.first().plus(-i64::from(usual::DAYS)), days.first()).unwrap_or(days);
        let (length, enough) = (usize::from(usual::DAYS), usize::from(usual::MIN_DAYS));
        let baseline = statistics::baselines(&slots(reach), length, enough).pop().flatten();
        let baseline = baseline.filter(|_| row.summary == Summary::Mean);
        let usual = baseline
            .zip(Metric::by_key(row.metric))
            .and_then(|(baseline, metric)| Usual::of(baseline, metric));
        Self { row, now: sum_up(&own), before: sum_up(&previous), days: own, previous, usual }
    }
}

fn nights(numbers: &BTreeMap<&'static str, Number>, days: DayRange) -> Vec<Night> {
    let at = |metric: &str, n: usize| numbers.get(metric).and_then(|number| number.days[n]);
    let night = |(n, day)| {
        Some(Night {
            day,
            score: at("sleep_score", n)?,
            duration: at("sleep_duration", n),
            start: at("sleep_bedtime_start_clock", n),
        })
    };
    days.days().enumerate().filter_map(night).collect()
}

fn regularity(numbers: &BTreeMap<&'static str, Number>) -> Option<Regularity> {
    let spread = |days: &[Option<f64>]| {
        let values: Vec<f64> = days.iter().copied().flatten().collect();
        statistics::deviation(&values)
    };
    let (start, end) = (numbers.get("sleep_bedtime_start_clock")?, numbers.get("sleep_bedtime_end_clock")?);
    Some(Regularity { start: spread(&start.days)?, end: spread(&end.days)?, before: spread(&start.previous) })
}

type Tags = BTreeMap<String, BTreeSet<Day>>;

async fn events(
    store: &Store,
    person: &Person,
    days: DayRange,
) -> Result<(Vec<Workout>, Tags), store::Error> {
    let (mut workouts, mut tags) = (Vec::new(), Tags::new());
    let wanted: Vec<_> = Theme::Workouts.collections().chain(Theme::Tags.collections()).collect();
    // A tag may have begun before the period.
    let reach = DayRange::new(days.first().plus(-TAG_DAYS), days.last()).unwrap_or(days);
    for document in store.documents_of(person.id, &wanted, reach).await? {
        let Some(mut event) = Event::read(document.collection, document.day, &document.body) else {
            continue;
        };
        if document.collection.theme() == Theme::Workouts {
            if days.contains(document.day) {
                workouts.push(Workout {
                    day: document.day,
                    activity: event.labels.remove("activity").unwrap_or_else(|| "workout".to_owned()),
                    duration: event.values.get("workout_duration").copied(),
                    energy: event.values.get("workout_energy").copied(),
                    distance: event.values.get("workout_distance").copied(),
                });
            }
            continue;
        }
        let named =
            ["custom_name", "tag_type_code", "tags"].iter().find_map(|word| event.labels.remove(*word));
        let on = Event::tagged_days(document.day, &document.body, TAG_DAYS);
        let on: Vec<Day> = on.into_iter().filter(|day| days.contains(*day)).collect();
        if let Some(word) = named.filter(|_| !on.is_empty()) {
            tags.entry(word).or_default().extend(on);
        }
    }
    Ok((workouts, tags))
}

async fn coverage(
    store: &Store,
    person: &Person,
    days: DayRange,
    now: Timestamp,
) -> Result<Vec<Coverage>, store::Error> {
    let of = |traces: DayEvidence| {
        let mut gaps: BTreeMap<&'static str, Vec<Day>> = BTreeMap::new();
        let mut has = 0;
        for day in days.days() {
            if traces.documents.contains(&day) {
                has += 1;
            } else {
                gaps.entry(words(missing_day_reason(&traces, None, day))).or_default().push(day);
            }
        }
        Coverage { collection: traces.collection, has, missing: gaps }
    };
    Ok(store.day_evidence(person, &COVERAGE_COLLECTIONS, days, now).await?.into_iter().map(of).collect())
}

/// A reason in the words of the page.
fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::NeverRead | Reason::NotRead => "not read from Oura yet",
        Reason::Unauthorized | Reason::RenewalFailed => "no log-in that Oura accepts",
        Reason::Scope | Reason::Membership => "Oura did not allow it to be read",
        Reason::AppTooOld => "the Oura app is too old",
        Reason::OuraDown | Reason::RateLimited | Reason::ReadFailed => "could not be read",
        Reason::Rejected => "could not be understood",
        Reason::RingCannot => "the ring cannot measure it",
        Reason::NoData | Reason::NeverMeasured => "Oura has nothing",
        Reason::NoEvent => "there was none",
        Reason::Irregular => "does not come every day",
        Reason::NotYet => "still to come",
        Reason::PhoneNotSynced => "the phone has not synced",
        Reason::RingNotWorn => "the ring was not worn",
        Reason::AppNotOpened => "the Oura app was not opened",
        Reason::NotComputed => "Oura did not compute it",
    }
}

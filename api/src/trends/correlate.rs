//! How metrics go together, day by day. Nothing here says why.

use domain::{Collection, Day, DayRange, Metric, Theme};
use jiff::civil::Weekday;
use serde::Serialize;
use store::{Person, Store};
use utoipa::ToSchema;

use super::aggregate::Aggregate;
use super::events;
use super::query::is_number;
use super::readings::{self, DailyReadings};
use crate::error::Error;

/// Fewer days say nothing.
pub(crate) const MIN_DAYS: usize = 10;

/// Pairs times lags times groups of one answer.
const MAX_ROWS: usize = 1000;

/// From this share of its days on, a row's worth in independent days is too small to leave unsaid.
const AUTOCORRELATION_NOTICE: f64 = 0.8;

/// Which days are looked at apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// None.
    None,
    /// Each day of the week.
    Weekday,
    /// Days with a workout, and days without.
    Workout,
    /// Days with this tag, and days without.
    Tag(String),
}

impl Split {
    /// The collections it looks into.
    pub(crate) fn collections(&self) -> Vec<Collection> {
        match self {
            Self::None | Self::Weekday => Vec::new(),
            Self::Workout => Theme::Workouts.collections().collect(),
            Self::Tag(_) => Theme::Tags.collections().collect(),
        }
    }
}

/// A question about metrics that may go together.
#[derive(Clone, Debug)]
pub(crate) struct CorrelationQuery {
    /// Two or more.
    pub(crate) metrics: Vec<&'static Metric>,
    /// The days of the first metric of each pair.
    pub(crate) range: DayRange,
    /// How many days later the second metric is looked at.
    pub(crate) lags: (i16, i16),
    /// Which days are looked at apart.
    pub(crate) split: Split,
}

/// How metrics go together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Correlations {
    /// Whose.
    #[schema(example = "me")]
    person: String,
    /// First day of the first metric.
    #[schema(value_type = String, format = Date, example = "2026-01-01")]
    from: Day,
    /// Last day of the first metric.
    #[schema(value_type = String, format = Date, example = "2026-03-29")]
    to: Day,
    /// One row per pair, lag and group.
    rows: Vec<PairCorrelation>,
}

/// How two metrics go together at one lag, on the days of one group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PairCorrelation {
    /// The first metric, on a day.
    #[schema(example = "activity_steps")]
    a: &'static str,
    /// The second metric, `lag` days later.
    #[schema(example = "sleep_score")]
    b: &'static str,
    /// Days from the first to the second; negative when the second comes before.
    #[schema(example = 1)]
    lag: i16,
    /// Which days of the first metric: `all`, a weekday, `workout` or `no_workout`, `tag` or `no_tag`.
    #[schema(example = "all")]
    group: &'static str,
    /// Days on which both have a value.
    #[schema(example = 84)]
    n: usize,
    /// How many independent days these are worth: days resemble their neighbours, and the intervals count with this.
    #[schema(example = 71.4)]
    n_effective: f64,
    /// Whether that is much less than `n`: then chance alone gives large coefficients more often than one would think.
    #[schema(example = false)]
    autocorrelated: bool,
    /// Whether there are too few days to say anything; then there are no coefficients.
    #[schema(example = false)]
    too_few: bool,
    /// Pearson's coefficient, -1 to 1; null too where one of the two never changes.
    #[schema(required = true, example = 0.21)]
    pearson: Option<f64>,
    /// Lower end of its 95 % interval.
    #[schema(required = true, example = -0.02)]
    pearson_low: Option<f64>,
    /// Upper end.
    #[schema(required = true, example = 0.42)]
    pearson_high: Option<f64>,
    /// Spearman's coefficient of ranks, -1 to 1.
    #[schema(required = true, example = 0.24)]
    spearman: Option<f64>,
    /// Lower end of its 95 % interval.
    #[schema(required = true, example = 0.0)]
    spearman_low: Option<f64>,
    /// Upper end.
    #[schema(required = true, example = 0.45)]
    spearman_high: Option<f64>,
}

/// A group's name, and for each day whether it belongs.
type Group = (&'static str, Vec<bool>);

/// What is read to answer the question; the answer is arithmetic, of a thousand rows over ten years for a second.
pub(crate) struct Loaded {
    person: String,
    question: CorrelationQuery,
    groups: Vec<Group>,
    readings: Vec<DailyReadings>,
    /// Rows of the answer.
    many: usize,
}

/// Reads what answers the question.
pub(crate) async fn correlations(
    store: &Store,
    person: &Person,
    question: CorrelationQuery,
) -> Result<Loaded, Error> {
    let CorrelationQuery { metrics, range, lags: (first, last), .. } = &question;
    metrics.iter().try_for_each(|metric| is_number("metrics", metric))?;
    let groups = groups(store, person, &question).await?;
    let pairs = metrics.len() * metrics.len().saturating_sub(1) / 2;
    let lags = usize::try_from(last - first + 1).unwrap_or_default();
    let many = pairs * lags * groups.len();
    if many > MAX_ROWS {
        let reason =
            format!("{many} rows are too many; ask for fewer metrics, lags or groups ({MAX_ROWS} rows)");
        return Err(Error::Parameter { parameter: "metrics", reason });
    }
    let margin = i64::from(first.unsigned_abs().max(last.unsigned_abs()));
    let around = range.padded(margin);
    let readings = readings::read(store, person, metrics, around, &[], Aggregate::Mean).await?;
    Ok(Loaded { person: person.name.to_string(), question, groups, readings, many })
}

impl Loaded {
    /// About how many bytes the answer takes.
    pub(crate) fn room(&self) -> usize {
        const ROW: usize = 400;
        ROW * (1 + self.many)
    }

    /// The answer.
    pub(crate) fn answer(&self) -> Correlations {
        let Self { person, question, groups, readings, many } = self;
        let CorrelationQuery { range, lags: (first, last), .. } = question;
        let mut rows = Vec::with_capacity(*many);
        for (at, a) in readings.iter().enumerate() {
            for b in &readings[at + 1..] {
                for lag in *first..=*last {
                    let later = statistics::shifted(&b.daily, isize::from(lag));
                    let left = (a.metric, a.within(*range));
                    let right = (b.metric, &later[b.slots(*range)]);
                    rows.extend(groups.iter().map(|group| correlate_pair(left, right, lag, group)));
                }
            }
        }
        Correlations { person: person.clone(), from: range.first(), to: range.last(), rows }
    }
}

fn correlate_pair(
    (a, left): (&'static Metric, &[Option<f64>]),
    (b, right): (&'static Metric, &[Option<f64>]),
    lag: i16,
    (group, belongs): &Group,
) -> PairCorrelation {
    let slots = left.iter().zip(right).zip(belongs);
    let both: Vec<Option<(f64, f64)>> =
        slots.map(|((l, r), belongs)| Some(((*l)?, (*r)?)).filter(|_| *belongs)).collect();
    let pairs: Vec<(f64, f64)> = both.iter().copied().flatten().collect();
    let side =
        |of: fn((f64, f64)) -> f64| -> Vec<Option<f64>> { both.iter().map(|pair| pair.map(of)).collect() };
    let resemblance = |of| statistics::autocorrelation(&side(of));
    let n_effective =
        statistics::effective_count(pairs.len(), resemblance(|pair| pair.0), resemblance(|pair| pair.1));
    let too_few = pairs.len() < MIN_DAYS;
    let pearson = (!too_few).then(|| statistics::pearson(&pairs, n_effective)).flatten();
    let spearman = (!too_few).then(|| statistics::spearman(&pairs, n_effective)).flatten();
    PairCorrelation {
        a: a.key,
        b: b.key,
        lag,
        group,
        n: pairs.len(),
        n_effective,
        autocorrelated: n_effective < AUTOCORRELATION_NOTICE * statistics::count(pairs.len()),
        too_few,
        pearson: pearson.map(|found| found.coefficient),
        pearson_low: pearson.and_then(|found| found.low),
        pearson_high: pearson.and_then(|found| found.high),
        spearman: spearman.map(|found| found.coefficient),
        spearman_low: spearman.and_then(|found| found.low),
        spearman_high: spearman.and_then(|found| found.high),
    }
}

async fn groups(store: &Store, person: &Person, question: &CorrelationQuery) -> Result<Vec<Group>, Error> {
    let range = question.range;
    let days = |belongs: &dyn Fn(Day) -> bool| -> Vec<bool> { range.days().map(belongs).collect() };
    let halves = |names: [&'static str; 2], with: &dyn Fn(Day) -> bool| {
        vec![(names[0], days(with)), (names[1], days(&|day| !with(day)))]
    };
    Ok(match &question.split {
        Split::None => vec![("all", days(&|_| true))],
        Split::Weekday => {
            let week = Weekday::Monday.cycle_forward().take(7);
            week.map(|weekday| (name(weekday), days(&|day| day.date().weekday() == weekday))).collect()
        }
        Split::Workout => {
            let with = events::workouts(store, person, range).await?;
            halves(["workout", "no_workout"], &|day| with.contains(&day))
        }
        Split::Tag(tag) => {
            let with = events::tagged(store, person, tag, range).await?;
            halves(["tag", "no_tag"], &|day| with.contains(&day))
        }
    })
}

const fn name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

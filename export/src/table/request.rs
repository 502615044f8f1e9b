//! A request for a table: as text, the parameters of an HTTP request or a job, and validated.

use domain::collection::UnknownCollection;
use domain::day::{InvalidDay, ReversedRange};
use domain::{Collection, Day, DayRange, METRICS, Metric};
use serde::{Deserialize, Serialize};

use super::kind::{Format, RowKind, UnknownWord};

/// A validated request for rows of one kind in one format.
#[derive(Clone, Debug)]
pub struct Table {
    format: Format,
    pub(super) range: DayRange,
    pub(super) rows: Rows,
}

#[derive(Clone, Debug)]
pub(super) enum Rows {
    Days(Vec<&'static Metric>),
    Points(Vec<&'static Metric>),
    Documents(Vec<Collection>),
}

/// Why a request is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidTable {
    /// A metric of the other kind.
    #[error("{metric} has {has}, and the rows asked for are {what}; ask for {instead}")]
    Kind {
        /// Which.
        metric: &'static str,
        /// What it has.
        has: &'static str,
        /// What was asked for.
        what: RowKind,
        /// What to ask for.
        instead: RowKind,
    },
    /// Metrics and collections.
    #[error("name metrics or collections, not both: a collection means all its metrics")]
    Both,
    /// Documents have no metrics.
    #[error("documents hold many metrics at once; name collections")]
    MetricsOfDocuments,
    /// FHIR is for numbers.
    #[error(
        "documents cannot be written as FHIR, which has no resource for them; choose days, points, or ndjson"
    )]
    FhirDocuments,
    /// Collections without such rows.
    #[error("none of these collections has {0}; /api/v1/metrics says which metrics each has")]
    Nothing(RowKind),
}

impl Table {
    /// Rows of these metrics, or of all in these collections, or of everything when both are empty; in the catalogue's
    /// order, each once.
    pub fn new(
        what: RowKind,
        format: Format,
        metrics: &[&'static Metric],
        collections: &[Collection],
        range: DayRange,
    ) -> Result<Self, InvalidTable> {
        if !metrics.is_empty() && what == RowKind::Documents {
            return Err(InvalidTable::MetricsOfDocuments);
        }
        if !metrics.is_empty() && !collections.is_empty() {
            return Err(InvalidTable::Both);
        }
        let named = |collection: Collection| collections.is_empty() || collections.contains(&collection);
        let numbers = |series: bool| {
            let wrong = metrics.iter().find(|metric| metric.is_series() != series);
            if let Some(metric) = wrong {
                let (has, instead) = if metric.is_series() {
                    ("points within the day", RowKind::Points)
                } else {
                    ("one number a day", RowKind::Days)
                };
                return Err(InvalidTable::Kind { metric: metric.key, has, what, instead });
            }
            let chosen = |metric: &&Metric| {
                metric.is_series() == series
                    && named(metric.collection)
                    && (metrics.is_empty() || metrics.iter().any(|one| one.key == metric.key))
            };
            let chosen: Vec<&'static Metric> = METRICS.iter().filter(chosen).collect();
            if chosen.is_empty() { Err(InvalidTable::Nothing(what)) } else { Ok(chosen) }
        };
        let rows = match what {
            RowKind::Days => Rows::Days(numbers(false)?),
            RowKind::Points => Rows::Points(numbers(true)?),
            RowKind::Documents if format == Format::Fhir => return Err(InvalidTable::FhirDocuments),
            RowKind::Documents => {
                Rows::Documents(Collection::ALL.iter().copied().filter(|one| named(*one)).collect())
            }
        };
        Ok(Self { format, range, rows })
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Which rows.
    pub fn what(&self) -> RowKind {
        match self.rows {
            Rows::Days(_) => RowKind::Days,
            Rows::Points(_) => RowKind::Points,
            Rows::Documents(_) => RowKind::Documents,
        }
    }

    /// A name for the file: person, kind and days.
    pub fn file_name(&self, person: &str) -> String {
        let (first, last) = (self.range.first(), self.range.last());
        let from = if first == Day::FIRST { "until".to_owned() } else { first.to_string() };
        format!("{person}-{}-{from}-{last}.{}", self.what(), self.format.extension())
    }

    /// The collections it reads; the caller needs the right to each.
    pub fn collections(&self) -> Vec<Collection> {
        let mut all: Vec<Collection> = match &self.rows {
            Rows::Days(metrics) | Rows::Points(metrics) => {
                metrics.iter().map(|metric| metric.collection).collect()
            }
            Rows::Documents(collections) => collections.clone(),
        };
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Parameters of a table. What is left out means all there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRequest {
    /// One of [`Format`].
    pub format: String,
    /// One of [`RowKind`]; days when left out.
    pub what: Option<String>,
    /// Metrics by id.
    pub metrics: Vec<String>,
    /// Collections by Oura's name.
    pub collections: Vec<String>,
    /// The first day.
    pub from: Option<String>,
    /// The last day, included.
    pub to: Option<String>,
}

/// Why parameters are invalid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTableRequest {
    /// The format.
    #[error(transparent)]
    Format(UnknownWord),
    /// The kind of rows.
    #[error(transparent)]
    What(UnknownWord),
    /// No metric has this id.
    #[error("no metric is called {0:?}")]
    Metric(String),
    /// A collection.
    #[error(transparent)]
    Collection(#[from] UnknownCollection),
    /// The first day.
    #[error(transparent)]
    From(InvalidDay),
    /// The last day.
    #[error(transparent)]
    To(InvalidDay),
    /// The days together.
    #[error(transparent)]
    Range(#[from] ReversedRange),
    /// All of it together.
    #[error(transparent)]
    Table(#[from] InvalidTable),
}

impl InvalidTableRequest {
    /// The parameters to correct.
    pub fn parameter(&self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::What(_) => "what",
            Self::Metric(_) => "metrics",
            Self::Collection(_) => "collection",
            Self::From(_) => "from",
            Self::To(_) => "to",
            Self::Range(_) => "from and to",
            Self::Table(_) => "what, format, metrics and collection",
        }
    }
}

impl TableRequest {
    /// The table; `today` is where a range without an end ends.
    pub fn table(&self, today: Day) -> Result<Table, InvalidTableRequest> {
        let format: Format = self.format.parse().map_err(InvalidTableRequest::Format)?;
        let what =
            self.what.as_deref().map_or(Ok(RowKind::Days), str::parse).map_err(InvalidTableRequest::What)?;
        let by_key = |key: &String| {
            Metric::by_key(key).ok_or_else(|| InvalidTableRequest::Metric(key.chars().take(40).collect()))
        };
        let metrics: Vec<&'static Metric> = self.metrics.iter().map(by_key).collect::<Result<_, _>>()?;
        let collections: Vec<Collection> =
            self.collections.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let day = |text: &Option<String>, otherwise: Day| text.as_deref().map_or(Ok(otherwise), str::parse);
        let from = day(&self.from, Day::FIRST).map_err(InvalidTableRequest::From)?;
        // What was measured this evening may belong to tomorrow's UTC day.
        let to = day(&self.to, today.plus(1)).map_err(InvalidTableRequest::To)?;
        Ok(Table::new(what, format, &metrics, &collections, DayRange::new(from, to)?)?)
    }
}

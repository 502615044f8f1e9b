//! What is asked for in words, as the parameters of a request or a job have it.

use domain::collection::UnknownCollection;
use domain::day::{InvalidDay, ReversedRange};
use domain::{Collection, Day, DayRange, Metric};
use serde::{Deserialize, Serialize};

use super::{Format, InvalidTable, RowKind, Table, UnknownWord};

/// Parameters of a table. What is left out means all there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
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

/// Words that make no table.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWords {
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

impl InvalidWords {
    /// The parameters to look at.
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

impl Words {
    /// The table; `today` is where a range without an end ends.
    pub fn table(&self, today: Day) -> Result<Table, InvalidWords> {
        let format: Format = self.format.parse().map_err(InvalidWords::Format)?;
        let what = self.what.as_deref().map_or(Ok(RowKind::Days), str::parse).map_err(InvalidWords::What)?;
        let by_key = |key: &String| {
            Metric::by_key(key).ok_or_else(|| InvalidWords::Metric(key.chars().take(40).collect()))
        };
        let metrics: Vec<&'static Metric> = self.metrics.iter().map(by_key).collect::<Result<_, _>>()?;
        let collections: Vec<Collection> =
            self.collections.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let day = |text: &Option<String>, otherwise: Day| text.as_deref().map_or(Ok(otherwise), str::parse);
        let from = day(&self.from, Day::FIRST).map_err(InvalidWords::From)?;
        // What was measured this evening may belong to tomorrow's UTC day.
        let to = day(&self.to, today.plus(1)).map_err(InvalidWords::To)?;
        Ok(Table::new(what, format, &metrics, &collections, DayRange::new(from, to)?)?)
    }
}

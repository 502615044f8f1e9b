//! Rows for people and programs: numbers of days, points within days, or the documents themselves, as CSV, NDJSON, JSON,
//! Parquet or FHIR. One writer a format, for commands, requests and jobs. What is held in memory is one block
//! of rows and what the reader has not taken yet, however long the history.

mod csv;
mod fhir;
mod json;
mod parquet;
mod read;
mod request;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use domain::{Collection, Day, DayRange, METRICS, Metric};
use jiff::Timestamp;
use store::{Person, Store, StoredDocument};

use crate::{Error, Progress};

pub use request::{InvalidWords, Words};

/// Which rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowKind {
    /// One number a day.
    #[default]
    Days,
    /// Points within days.
    Points,
    /// Documents as Oura sent them.
    Documents,
}

/// How they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header, in UTF-8.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// One array of the same objects.
    Json,
    /// Apache Parquet.
    Parquet,
    /// A FHIR R5 Bundle of Observations.
    Fhir,
}

impl RowKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Days, Self::Points, Self::Documents];

    /// The word for parameters and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Points => "points",
            Self::Documents => "documents",
        }
    }
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Csv, Self::Ndjson, Self::Json, Self::Parquet, Self::Fhir];

    /// The word for parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Fhir => "fhir",
        }
    }

    /// What a file of this format is called at its end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Fhir => "fhir.json",
            other => other.name(),
        }
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Fhir => "application/fhir+json; fhirVersion=5.0",
        }
    }
}

/// A word that names none of the choices.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{word:?} is none of {choices}")]
pub struct UnknownWord {
    word: String,
    choices: String,
}

fn choose<T: Copy>(word: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, UnknownWord> {
    all.iter().copied().find(|one| name(*one) == word).ok_or_else(|| UnknownWord {
        word: word.chars().take(40).collect(),
        choices: all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for RowKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        choose(word, &Self::ALL, Self::name)
    }
}

impl FromStr for Format {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        choose(word, &Self::ALL, Self::name)
    }
}

impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Rows of one kind, in one format: what is asked for, known to make sense.
#[derive(Clone, Debug)]
pub struct Table {
    format: Format,
    range: DayRange,
    rows: Rows,
}

#[derive(Clone, Debug)]
enum Rows {
    Days(Vec<&'static Metric>),
    Points(Vec<&'static Metric>),
    Documents(Vec<Collection>),
}

/// What cannot be asked for together.
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

    /// How it is written.
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

    /// A name for the file: whose, what and which days.
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

    /// Writes the rows of these people, one person after the other; returns how many there were. The rows are read while
    /// they are written: what changes meanwhile is in it or not, day by day. Numbers of days that are not settled `now`
    /// say so where the format can.
    pub async fn write(
        &self,
        store: &Store,
        people: &[Person],
        now: Timestamp,
        out: &mut impl Output,
        progress: Progress<'_>,
    ) -> Result<u64, Error> {
        let mut writer = Writer { encoder: self.encoder(now)?, ready: Vec::new(), out, rows: 0 };
        read::read(self, store, people, now, &mut writer, progress).await?;
        writer.encoder.end(&mut writer.ready)?;
        writer.drain(0).await?;
        Ok(writer.rows)
    }

    fn encoder(&self, now: Timestamp) -> Result<Box<dyn Encode>, Error> {
        let what = self.what();
        Ok(match self.format {
            Format::Csv => Box::new(csv::Csv::new(what)),
            Format::Ndjson => Box::new(json::Json::lines()),
            Format::Json => Box::new(json::Json::array()),
            Format::Parquet => Box::new(parquet::Parquet::new(what)?),
            Format::Fhir => Box::new(fhir::Fhir::new(now)),
        })
    }
}

/// Takes what is written, piece by piece; it may take its time, and then nothing more is read.
pub trait Output: Send {
    /// The next piece.
    fn write(&mut self, piece: Bytes) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Rows that share what is the same for all.
enum Block<'a> {
    Days { whose: &'a Subject<'a>, metric: &'static Metric, rows: &'a [(Day, f64)] },
    Points { whose: &'a Subject<'a>, metric: &'static Metric, rows: &'a [(i64, f64)] },
    Documents { whose: &'a Subject<'a>, collection: Collection, rows: &'a [StoredDocument] },
}

/// A person, with what their rows need.
struct Subject<'a> {
    name: &'a str,
    zone: jiff::tz::TimeZone,
    today: Day,
}

/// A format: turns blocks into bytes. What is done is appended to `into`; the rest stays inside until it is.
trait Encode: Send {
    fn block(&mut self, block: &Block<'_>, into: &mut Vec<u8>) -> Result<(), Error>;
    fn end(&mut self, into: &mut Vec<u8>) -> Result<(), Error>;
}

/// Pieces are at least so large, so that a reader is not woken for every row.
const MIN_CHUNK: usize = 64 * 1024;

struct Writer<'a, O> {
    encoder: Box<dyn Encode>,
    ready: Vec<u8>,
    out: &'a mut O,
    rows: u64,
}

impl<O: Output> Writer<'_, O> {
    async fn block(&mut self, block: Block<'_>) -> Result<(), Error> {
        self.rows += match &block {
            Block::Days { rows, .. } => rows.len(),
            Block::Points { rows, .. } => rows.len(),
            Block::Documents { rows, .. } => rows.len(),
        } as u64;
        self.encoder.block(&block, &mut self.ready)?;
        self.drain(MIN_CHUNK).await
    }

    /// Hands over what is ready when it is more than `least`.
    async fn drain(&mut self, least: usize) -> Result<(), Error> {
        if self.ready.len() > least {
            let piece = std::mem::take(&mut self.ready);
            self.out.write(piece.into()).await?;
        }
        Ok(())
    }
}

/// The word of a state that is a number of a day; `None` for plain numbers.
fn word(metric: &Metric, value: f64) -> Option<&'static str> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; none is there then"
    )]
    metric.states().get(value as usize).copied()
}

/// A time as RFC 3339 in UTC, to the millisecond.
fn time(at: Timestamp) -> impl fmt::Display {
    struct Time(Timestamp);
    impl fmt::Display for Time {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:.3}", self.0)
        }
    }
    Time(at)
}

/// The time of a point, or 1970 where it is none that a calendar knows; the store holds none such.
fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

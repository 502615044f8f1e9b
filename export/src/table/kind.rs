//! What a row is, and the formats of a table.

use std::fmt;
use std::str::FromStr;

/// What a row is.
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

/// The format of a table.
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

    /// The extension of a file of this format.
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

/// The text names none of the choices.
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

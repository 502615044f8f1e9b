//! The catalogue: one row per number a person has. Every name of that number follows from its row by rule: the SQL
//! key and API id are [`Metric::key`], the Prometheus name is [`Metric::name`], HELP is [`Metric::help_text`].
//!
//! Not here: how documents are read (`derive`), how units convert (`unit`).

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::collection::Collection;
use crate::unit::Unit;

mod caveats;
mod metrics;

pub use metrics::METRICS;

/// One number a person has: once a day, or as points within the day.
#[derive(Debug, PartialEq)]
pub struct Metric {
    /// SQL key and API id. With a label, it is the family's name, `_`, and the label's value.
    pub key: &'static str,
    /// What distinguishes this row from the others of its family.
    pub label: Option<Label>,
    /// The collection that states it.
    pub collection: Collection,
    /// Where in the collection's documents it stands.
    pub source: Source,
    /// Kind and base unit.
    pub unit: Unit,
    /// One sentence with its full stop; the same for a whole family.
    pub help: &'static str,
}

/// A Prometheus label with its value: a closed set, known when the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The label's name, the same for a whole family.
    pub name: &'static str,
    /// This row's value.
    pub value: &'static str,
}

/// Which documents of a day count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// The day's one document.
    Only,
    /// The night: the longest completed `long_sleep` of the day; on a day that Oura scored without one, its longest
    /// `sleep`.
    Night,
    /// Every other sleep that counts: further `long_sleep`, `late_nap`, and `sleep` once Oura has scored it. What shares
    /// its time with the night or another nap is a version of that, and counts once.
    Naps,
    /// The night and the naps, for points within the day.
    Counted,
    /// Every document of the day.
    All,
    /// The ring in use: of all the rings an observation lists, the one set up last.
    Newest,
    /// Every document of the day in which this pointer holds this word.
    Each(&'static str, &'static str),
}

/// Where a number stands. Pointers are JSON pointers (RFC 6901) into one document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source {
    /// One number a day; summed when the pick allows several documents.
    Number(Pick, &'static str),
    /// How many documents the pick finds.
    Count(Pick),
    /// Seconds from one instant to the other, summed over the picked documents; an open end counts for nothing.
    Span(Pick, &'static str, &'static str),
    /// One of a closed set of words a day, stored as its index.
    State(Pick, &'static str, &'static [&'static str]),
    /// Points: Oura's sample object (`interval` in seconds, `items`, `timestamp` of the first item).
    Samples(Pick, &'static str, Until),
    /// Points: a text with one digit per `step` seconds, the first at the instant `start` points to.
    Codes {
        /// Which documents count.
        pick: Pick,
        /// The text of digits.
        pointer: &'static str,
        /// The instant of the first digit.
        start: &'static str,
        /// Seconds between digits.
        step: i64,
    },
    /// Points: rows of a time series, each with its `timestamp`.
    Rows {
        /// The row's number.
        value: &'static str,
        /// The row's kind, compared with the metric's label; rows of a kind no label names go to the label `other`.
        /// `None` where rows have no kinds.
        kind: Option<&'static str>,
    },
}

impl Source {
    /// Which documents of a day it reads; `None` for rows, which are all of them.
    pub const fn pick(self) -> Option<Pick> {
        match self {
            Self::Number(pick, _)
            | Self::Count(pick)
            | Self::Span(pick, ..)
            | Self::State(pick, ..)
            | Self::Samples(pick, ..)
            | Self::Codes { pick, .. } => Some(pick),
            Self::Rows { .. } => None,
        }
    }
}

/// Up to where a sample object is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// To its last item.
    Last,
    /// As far as this text of digits reaches, one per so many seconds; the rest is padding of a running day.
    Codes(&'static str, i64),
}

impl Metric {
    /// The row with this key.
    pub fn by_key(key: &str) -> Option<&'static Self> {
        static ROWS_BY_COLLECTION: LazyLock<HashMap<&str, &Metric>> =
            LazyLock::new(|| METRICS.iter().map(|metric| (metric.key, metric)).collect());
        ROWS_BY_COLLECTION.get(key).copied()
    }

    /// The rows one collection fills.
    pub fn of(collection: Collection) -> impl Iterator<Item = &'static Self> {
        METRICS.iter().filter(move |metric| metric.collection == collection)
    }

    /// The family: what the rows that differ only by their label have in common.
    pub fn family(&self) -> &'static str {
        match self.label {
            Some(label) => self
                .key
                .strip_suffix(label.value)
                .and_then(|head| head.strip_suffix('_'))
                .expect("BUG: a law test holds every labelled key to end with its label's value"),
            None => self.key,
        }
    }

    /// The Prometheus name: `oura_`, the family, and the unit unless the family already ends with it.
    pub fn name(&self) -> String {
        let (family, suffix) = (self.family(), self.unit.suffix());
        if suffix.is_empty() || family.ends_with(suffix) {
            format!("oura_{family}")
        } else {
            format!("oura_{family}_{suffix}")
        }
    }

    /// The name of the label that carries a state's word, for [`Source::State`].
    pub const STATE_LABEL: &'static str = "state";

    /// HELP text: the sentence, then its field and the conversion.
    pub fn help_text(&self) -> String {
        let mut field = self.collection.name().to_owned();
        let pointer = match self.source {
            Source::Number(_, pointer) | Source::State(_, pointer, _) | Source::Samples(_, pointer, _) => {
                pointer
            }
            Source::Codes { pointer, .. } => pointer,
            Source::Rows { value, .. } => value,
            Source::Count(_) | Source::Span(..) => "",
        };
        // A family is one HELP line, so what differs between its rows is left open.
        let open = METRICS.iter().any(|other| {
            other.family() == self.family()
                && other.key != self.key
                && !matches!(other.source, Source::Rows { .. })
        });
        let pointer = if open { pointer.rsplit_once('/').map_or("", |(parent, _)| parent) } else { pointer };
        field.push_str(&pointer.replace('/', "."));
        if open {
            field.push_str(".*");
        }
        format!("{} Oura: {field}{}.", self.help, self.unit.transform())
    }

    /// Whether the number is points within the day rather than one per day.
    pub const fn is_series(&self) -> bool {
        matches!(self.source, Source::Samples(..) | Source::Codes { .. } | Source::Rows { .. })
    }

    /// Whether the newest value makes sense as "now". Points inside a daily document (the heart rate of one minute of
    /// last night) are history only.
    pub const fn has_current_value(&self) -> bool {
        !matches!(self.source, Source::Samples(..) | Source::Codes { .. })
    }

    /// Whether it only counts some of a day's documents or rows, so that a day may have others and none of these: naps,
    /// workouts of one intensity, heart rate in one context.
    pub const fn is_of_some_documents(&self) -> bool {
        let pick = match self.source {
            Source::Number(pick, _)
            | Source::Count(pick)
            | Source::Span(pick, ..)
            | Source::State(pick, ..)
            | Source::Samples(pick, ..)
            | Source::Codes { pick, .. } => pick,
            Source::Rows { kind, .. } => return kind.is_some(),
        };
        matches!(pick, Pick::Naps | Pick::Each(..))
    }

    /// Whether a day that has it is complete: false for numbers of naps, which are no night, and for contributors, which are
    /// parts of a score.
    pub fn completes_its_day(&self) -> bool {
        let is_contributor = self.label.is_some_and(|label| label.name == "contributor");
        !is_contributor && (matches!(self.source, Source::Rows { .. }) || !self.is_of_some_documents())
    }

    /// The words of a [`Source::State`]; empty for numbers.
    pub const fn states(&self) -> &'static [&'static str] {
        match self.source {
            Source::State(_, _, states) => states,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;

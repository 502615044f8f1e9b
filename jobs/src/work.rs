//! The work of a job: validated when it is requested, stored as JSON, and read again when it is performed.

use domain::day::{InvalidDay, ReversedRange};
use domain::{Collection, Day, DayRange};
use export::{InvalidTableRequest, Table, TableRequest};
use report::Period;
use serde::{Deserialize, Serialize};

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Rows as a file.
    Export,
    /// Days read from Oura again.
    Backfill,
    /// A page about a week or month.
    Report,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Export, Self::Backfill, Self::Report];

    /// The kind's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Backfill => "backfill",
            Self::Report => "report",
        }
    }
}

/// A request. Days that are left out are counted from the day of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Work {
    /// Rows as a file.
    Export(TableRequest),
    /// Days read from Oura again.
    Backfill {
        /// The first day.
        from: String,
        /// The last.
        to: String,
    },
    /// A page about a week or month.
    Report {
        /// `week` or `month`.
        period: String,
        /// A day in it; without one the last that is over.
        day: Option<String>,
    },
}

/// Why a request is invalid.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWork {
    /// The parameters of an export.
    #[error(transparent)]
    Export(#[from] InvalidTableRequest),
    /// A day.
    #[error("{parameter}: {source}")]
    Day {
        /// Which.
        parameter: &'static str,
        /// Why.
        source: InvalidDay,
    },
    /// The days of a backfill.
    #[error("from and to: {0}")]
    Range(#[from] ReversedRange),
    /// The days of a backfill are still to come.
    #[error("from: {0} is still to come")]
    Future(Day),
    /// The period of a report.
    #[error("period: {0}")]
    Period(#[from] report::UnknownPeriod),
}

/// The health data that a result holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultScope {
    /// None.
    Nothing,
    /// Of these collections.
    Collections(Vec<Collection>),
    /// Of any.
    Everything,
}

impl ResultScope {
    /// The health data in the result of a stored job.
    pub fn of(job: &store::Job) -> Self {
        let work = serde_json::from_str::<Work>(&job.parameters).ok();
        // Which collections it is about does not depend on the day.
        work.and_then(|work| work.result_scope(Day::LAST.plus(-1)).ok()).unwrap_or(Self::Everything)
    }
}

/// Validated work.
#[derive(Clone, Debug)]
pub(crate) enum Ready {
    Export(Table),
    Backfill(DayRange),
    Report(Period, DayRange),
}

impl Work {
    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Export(_) => Kind::Export,
            Self::Backfill { .. } => Kind::Backfill,
            Self::Report { .. } => Kind::Report,
        }
    }

    /// The health data in its result; an error when the request is invalid on `today`.
    pub fn result_scope(&self, today: Day) -> Result<ResultScope, InvalidWork> {
        Ok(match self.ready(today)? {
            Ready::Export(table) => ResultScope::Collections(table.collections()),
            Ready::Report(..) => ResultScope::Everything,
            Ready::Backfill(_) => ResultScope::Nothing,
        })
    }

    /// As stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("BUG: texts under text keys are JSON")
    }

    pub(crate) fn ready(&self, today: Day) -> Result<Ready, InvalidWork> {
        let day = |parameter, text: &str| {
            text.parse::<Day>().map_err(|source| InvalidWork::Day { parameter, source })
        };
        Ok(match self {
            Self::Export(words) => Ready::Export(words.table(today)?),
            Self::Backfill { from, to } => {
                let (from, to) = (day("from", from)?, day("to", to)?);
                if from > today.plus(1) {
                    return Err(InvalidWork::Future(from));
                }
                DayRange::new(from, to)?;
                // East of Greenwich it is already tomorrow.
                Ready::Backfill(DayRange::new(from, to.min(today.plus(1)))?)
            }
            Self::Report { period, day: within } => {
                let period: Period = period.parse()?;
                let range = match within {
                    Some(text) => period.around(day("day", text)?),
                    None => period.before(today),
                };
                Ready::Report(period, range)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_parameters_round_trip() {
        let export = TableRequest {
            format: "csv".into(),
            metrics: vec!["sleep_score".into()],
            ..TableRequest::default()
        };
        for work in [
            Work::Export(export),
            Work::Backfill { from: "2026-03-01".into(), to: "2026-03-29".into() },
            Work::Report { period: "week".into(), day: None },
        ] {
            assert_eq!(serde_json::from_str::<Work>(&work.to_json()).unwrap(), work);
            work.result_scope("2026-03-29".parse().unwrap()).unwrap();
        }
    }

    #[test]
    fn job_parameters_are_validated_when_created() {
        let today: Day = "2026-03-29".parse().unwrap();
        let check = |work: Work, words: &str| {
            let error = work.result_scope(today).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        let backfill = |from: &str, to: &str| Work::Backfill { from: from.into(), to: to.into() };
        check(backfill("2026-04-01", "2026-04-02"), "still to come");
        check(backfill("2026-03-02", "2026-03-01"), "swap");
        check(backfill("yesterday", "2026-03-01"), "YYYY-MM-DD");
        check(Work::Report { period: "decade".into(), day: None }, "week");
        check(Work::Export(TableRequest { format: "xls".into(), ..TableRequest::default() }), "csv");
    }
}

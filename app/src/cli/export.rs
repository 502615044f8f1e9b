//! Flags of what is written: exports and reports.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{Collection, Day, Pseudonym};
use export::RowKind;
use report::Period;

use super::StoreArgs;

/// Which part of history to write.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What")]
pub(crate) struct ExportArgs {
    /// The first day. Default: the first there is.
    #[arg(long)]
    pub(crate) from: Option<Day>,
    /// The last day. Default: today.
    #[arg(long)]
    pub(crate) to: Option<Day>,
    /// Only this person. Default: everyone.
    #[arg(long)]
    pub(crate) person: Option<Pseudonym>,
    /// Only these metrics, by id (see the API's /api/v1/metrics); may be repeated. Default: all.
    #[arg(long = "metric", value_name = "ID", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// Numbers of days only, without the points within them.
    #[arg(long)]
    pub(crate) daily_only: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArgs {
    /// The file, which is there whole or not at all; `-` is standard output. Devices and pipes are written in place.
    pub(crate) file: PathBuf,
    /// A week from Monday to Sunday, or a month of the calendar.
    #[arg(long, value_name = "week|month", default_value_t = Period::Month)]
    pub(crate) period: Period,
    /// A day in it. Default: the last week or month that is over.
    #[arg(long)]
    pub(crate) day: Option<Day>,
    /// Whose.
    #[arg(long, env = "MYHEALTH_PERSON", default_value = "me")]
    pub(crate) person: Pseudonym,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Which rows to write, and where to.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "What")]
pub(crate) struct RowsArgs {
    /// The file, which is there whole or not at all; `-` is standard output. Devices and pipes are written in place.
    pub(crate) file: PathBuf,
    /// Which rows: one number a day, points within the day, or documents as Oura sent them.
    #[arg(long, default_value_t = RowKind::Days, value_name = "days|points|documents")]
    pub(crate) what: RowKind,
    /// The first day. Default: the first there is.
    #[arg(long)]
    pub(crate) from: Option<Day>,
    /// The last day. Default: today.
    #[arg(long)]
    pub(crate) to: Option<Day>,
    /// Only this person. Default: everyone.
    #[arg(long)]
    pub(crate) person: Option<Pseudonym>,
    /// Only these metrics, by id (see the API's /api/v1/metrics); may be repeated. Default: all.
    #[arg(long = "metric", value_name = "ID", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// Only these collections, by Oura's name; may be repeated. Default: all.
    #[arg(long = "collection", value_name = "NAME", value_delimiter = ',')]
    pub(crate) collections: Vec<Collection>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Rows with a header (RFC 4180), for spreadsheets and statistics.
    Csv(RowsArgs),
    /// One JSON object a line, for programs.
    Ndjson(RowsArgs),
    /// One JSON array of the same objects.
    Json(RowsArgs),
    /// Apache Parquet, for pandas, `DuckDB`, Spark.
    Parquet(RowsArgs),
    /// A FHIR R5 Bundle of Observations, for clinical software; numbers only.
    Fhir(RowsArgs),
    /// A file for `promtool tsdb create-blocks-from openmetrics`, with advice on its blocks.
    Openmetrics {
        /// The file, which is there whole or not at all; `-` is standard output. Devices and pipes are written in place.
        file: PathBuf,
        #[command(flatten)]
        what: ExportArgs,
    },
    /// JSON lines for VictoriaMetrics' /api/v1/import.
    Victoriametrics {
        /// The file, which is there whole or not at all; `-` is standard output. Devices and pipes are written in place.
        file: PathBuf,
        #[command(flatten)]
        what: ExportArgs,
    },
    /// Push by Prometheus remote write (1.0), oldest first; goes on where it stopped.
    RemoteWrite {
        /// Where to, for example <http://127.0.0.1:9090/api/v1/write>.
        url: String,
        /// A file that records how far the receiver has everything. Without one every run begins at the first day.
        #[arg(long)]
        cursor: Option<PathBuf>,
        /// A file that holds a bearer token for the receiver.
        #[arg(long)]
        bearer_token_file: Option<PathBuf>,
        #[command(flatten)]
        what: ExportArgs,
    },
}

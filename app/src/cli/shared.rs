//! Flags that many commands have: configuration file, logs, database, person.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use domain::Pseudonym;
use jiff::tz::TimeZone;
use tracing_subscriber::EnvFilter;

/// Logs and traces.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logs and traces")]
pub(crate) struct LogArgs {
    /// A file of settings in TOML: a flag's name is its key, for example `web.listen-address = ":9872"`. Flags and
    /// variables win. `myhealth config show` prints what is in force.
    #[arg(
        long = "config.file",
        env = "MYHEALTH_CONFIG_FILE",
        value_name = "FILE",
        global = true,
        help_heading = "Configuration"
    )]
    pub(crate) config_file: Option<PathBuf>,
    /// Log more: -v each request and sync run, -vv everything. Wins over --log.level.
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Log warnings and errors only, and draw no progress bars.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Which messages: off, error, warn, info, debug, trace, or a filter such as `info,ingest=debug`.
    #[arg(
        long = "log.level",
        env = "MYHEALTH_LOG_LEVEL",
        default_value = "info",
        global = true,
        value_parser = log_filter
    )]
    pub(crate) log_level: String,
    /// How messages look.
    #[arg(long = "log.format", env = "MYHEALTH_LOG_FORMAT", value_enum, default_value_t = LogFormat::Compact, global = true)]
    pub(crate) log_format: LogFormat,
    /// Send traces to this OpenTelemetry collector by HTTP, for example <http://127.0.0.1:4318>. Unset: no traces.
    #[arg(long = "otlp.endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", global = true)]
    pub(crate) otlp_endpoint: Option<String>,
}

impl LogArgs {
    /// Whether a service prints where to look: on a terminal, and not between lines of JSON.
    pub(crate) fn prints_banner(&self) -> bool {
        std::io::stdout().is_terminal() && !self.quiet && matches!(self.log_format, LogFormat::Compact)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Compact,
    /// A line of JSON for collectors.
    Json,
}

/// Where the user keeps data; only to find the default folder.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct HomeArgs {
    /// The user's data folder by the XDG rules.
    #[arg(long, env = "XDG_DATA_HOME", hide = true)]
    pub(crate) xdg_data_home: Option<PathBuf>,
    /// The user's home.
    #[arg(long, env = "HOME", hide = true)]
    pub(crate) home: Option<PathBuf>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct JsonArgs {
    /// Print one JSON document instead of lines for people.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where data is kept.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Database")]
pub(crate) struct StoreArgs {
    /// Folder of the embedded database; created when missing, readable by its owner only.
    /// Default: myhealth in the user's data folder.
    #[arg(long, env = "MYHEALTH_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Use this database instead of the embedded one: `postgres://user:password@host/name`.
    #[arg(long, env = "MYHEALTH_DATABASE_URL", hide_env_values = true, conflicts_with = "database_url_file")]
    pub(crate) database_url: Option<String>,
    /// A file that holds the database URL, as secrets are mounted.
    #[arg(long, env = "MYHEALTH_DATABASE_URL_FILE")]
    pub(crate) database_url_file: Option<PathBuf>,
    /// Use the database of `myhealth demo`, whatever else is configured.
    #[arg(long)]
    pub(crate) demo: bool,
    /// With --demo: where `demo` keeps it, if it was given another folder.
    #[arg(long, env = "MYHEALTH_DEMO_DIR", value_name = "FOLDER", hide_short_help = true)]
    pub(crate) demo_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// The person whose ring is read.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Person")]
pub(crate) struct PersonArgs {
    /// A pseudonym; it becomes a label, so no e-mail and no real name. A name given here must be known: `person add` and
    /// `login` add people. Default: me.
    #[arg(long, env = "MYHEALTH_PERSON")]
    pub(crate) person: Option<Pseudonym>,
    /// IANA time zone that decides which day is "today", for example Europe/Berlin. Default: this machine's.
    #[arg(long, env = "MYHEALTH_TIME_ZONE", value_parser = time_zone)]
    pub(crate) time_zone: Option<TimeZone>,
}

pub(super) fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "no such time zone; use an IANA name such as Europe/Berlin".to_owned())
}

/// Directives of a filter. A word that is no level would name a module and log everything of it, so it is refused.
fn log_filter(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for word in text.split(',').map(str::trim).filter(|word| !word.contains(['=', '['])) {
        if !LEVELS.contains(&word.to_ascii_lowercase().as_str()) {
            return Err(format!(
                "no level is called {word:?}; write one of {}, or MODULE=LEVEL, with commas between",
                LEVELS.join(", ")
            ));
        }
    }
    EnvFilter::builder().parse(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_filter_is_made_of_levels_and_modules() {
        for good in ["info", "WARN", "off", "info,ingest=debug", "api=trace,store[query]=debug,error"] {
            assert_eq!(log_filter(good).as_deref(), Ok(good));
        }
        for wrong in ["inof", "verbose", "", "info,ingest", "ingest=loud", "=x="] {
            assert!(log_filter(wrong).is_err(), "{wrong}");
        }
    }
}

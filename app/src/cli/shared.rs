//! Flags that many commands have: configuration file, logs, person.

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
    /// Send traces to this OpenTelemetry collector by HTTP, for example <http://127.0.0.1:4318>. Unset: no traces. What is sampled,
    /// headers and attributes of the resource are set by the standard variables `OTEL_TRACES_SAMPLER`,
    /// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
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

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct JsonArgs {
    /// Print one JSON document instead of lines for people.
    #[arg(long)]
    pub(crate) json: bool,
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

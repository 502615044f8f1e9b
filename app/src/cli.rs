//! Flags, their environment variables and their manual: the only place that reads configuration. Everything is
//! checked here, before anything is opened or bound; a mistake ends with exit code 64.

pub(crate) mod webhook;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use domain::{Day, Pseudonym};
use exporter::Shard;
use jiff::tz::TimeZone;

use self::webhook::{WebhookArgs, WebhookCommand};
use crate::listen::Address;

/// Runs an Oura ring like a service: gauges for Prometheus, history in SQL, answers by REST.
#[derive(Debug, Parser)]
#[command(
    name = "myhealth",
    version = crate::build::LONG,
    after_help = "Start with `myhealth demo`: no ring, no account, nothing else to install.\n\
                  Exit codes: 0 done, 1 failed, 64 wrong configuration (nothing was opened or bound)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read Oura, export gauges and answer questions, until stopped.
    Serve(Box<ServeArgs>),
    /// The same against a simulated Oura cloud with years of a synthetic person: try everything without an account.
    Demo(DemoArgs),
    /// Log in at Oura: give the consent in a browser, once; it is renewed from then on.
    Login(LoginArgs),
    /// Tell Oura to forget the log-in, and forget it here. What has been read stays.
    Logout(LogoutArgs),
    /// Read what is missing once and exit: for a cron job, a backfill, or a look.
    Sync(SyncArgs),
    /// Say who lives here, add somebody, or remove somebody with everything stored about them.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Fill in history from Oura's account export: the ZIP that membership.ouraring.com/data-export sends.
    Import(ImportArgs),
    /// Bring the database's schema to this version and exit. Embedded databases do this by themselves.
    Migrate(StoreArgs),
    /// Derive every number again from the stored documents, after an upgrade that changed a rule.
    Rebuild(StoreArgs),
    /// Look after the subscriptions by which Oura announces new data; `serve` does so by itself.
    #[command(
        subcommand,
        after_help = "Oura calls an https address of yours when a document changes. How to get one, and an application:\n\
                      docs/webhooks.md. Then, with MYHEALTH_OURA_CLIENT_ID and MYHEALTH_OURA_CLIENT_SECRET_FILE set:\n  \
                      myhealth serve --webhook.callback-url https://health.example.org/oura\n  \
                      myhealth webhook list"
    )]
    Webhook(WebhookCommand),
    /// Check configuration, database, clock and Oura, and say what to do about what is wrong.
    Doctor(DoctorArgs),
    /// Make, list and revoke the tokens by which programs read the API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Write history for another time series database, with the names and labels of remote read.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Ask a running process whether it is well; for images that have no shell. Exits 0 when the answer is 2xx.
    Healthcheck {
        /// An http address, for example <http://127.0.0.1:9872/-/ready>.
        url: String,
    },
    /// Print the API's OpenAPI document.
    Openapi,
}

/// How the process talks about itself.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Logs and traces")]
pub(crate) struct LogArgs {
    /// Which messages: error, warn, info, debug, trace, or a filter such as `info,ingest=debug`.
    #[arg(long = "log.level", env = "MYHEALTH_LOG_LEVEL", default_value = "info", global = true)]
    pub(crate) log_level: String,
    /// How messages look.
    #[arg(long = "log.format", env = "MYHEALTH_LOG_FORMAT", value_enum, default_value_t = LogFormat::Compact, global = true)]
    pub(crate) log_format: LogFormat,
    /// Send traces to this OpenTelemetry collector by HTTP, for example <http://127.0.0.1:4318>. Unset: no traces.
    #[arg(long = "otlp.endpoint", env = "OTEL_EXPORTER_OTLP_ENDPOINT", global = true)]
    pub(crate) otlp_endpoint: Option<String>,
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

/// Where data is kept.
#[derive(Clone, Debug, Args)]
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
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// Whose ring.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Person")]
pub(crate) struct PersonArgs {
    /// A pseudonym; it becomes a label, so no e-mail and no real name.
    #[arg(long, env = "MYHEALTH_PERSON", default_value = "me")]
    pub(crate) person: Pseudonym,
    /// IANA time zone that decides which day is "today", for example Europe/Berlin. Default: this machine's.
    #[arg(long, env = "MYHEALTH_TIME_ZONE", value_parser = time_zone)]
    pub(crate) time_zone: Option<TimeZone>,
}

/// Every scope that Oura enforces but `email`, which nothing here needs.
const SCOPES: &str =
    "personal daily heartrate workout tag session spo2 stress heart_health ring_configuration";

/// The application that is registered at Oura; not needed to read one's own data by a token from before.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Oura application")]
pub(crate) struct ApplicationArgs {
    /// The client id of the application registered at <https://cloud.ouraring.com/oauth/applications> or
    /// <https://developer.ouraring.com>.
    #[arg(
        id = "oura_client_id",
        long = "oura-client-id",
        env = "MYHEALTH_OURA_CLIENT_ID",
        value_name = "ID"
    )]
    pub(crate) id: Option<String>,
    /// The application's client secret; prefer the file, a command line can be read by others.
    #[arg(
        id = "oura_client_secret",
        long = "oura-client-secret",
        env = "MYHEALTH_OURA_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        conflicts_with = "oura_client_secret_file"
    )]
    pub(crate) secret: Option<String>,
    /// A file that holds the application's client secret.
    #[arg(
        id = "oura_client_secret_file",
        long = "oura-client-secret-file",
        env = "MYHEALTH_OURA_CLIENT_SECRET_FILE",
        value_name = "FILE"
    )]
    pub(crate) secret_file: Option<PathBuf>,
}

/// The application registered at Oura, and the key that seals its log-ins.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log-in (docs/login.md)")]
pub(crate) struct LoginSettings {
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    /// Its redirect URI, byte for byte as registered.
    #[arg(long, env = "MYHEALTH_OURA_REDIRECT_URI", default_value = "http://localhost:9873/callback")]
    pub(crate) oura_redirect_uri: String,
    /// What to ask consent for, with spaces between.
    #[arg(long, env = "MYHEALTH_OURA_SCOPES", default_value = SCOPES)]
    pub(crate) oura_scopes: String,
    /// Where a person consents.
    #[arg(
        long,
        env = "MYHEALTH_OURA_AUTHORIZE_URL",
        default_value = "https://cloud.ouraring.com/oauth/authorize"
    )]
    pub(crate) oura_authorize_url: String,
    /// Where tokens are exchanged and renewed. Oura has two portals, and an application works with the one it was
    /// registered at; which one it is, is found out and remembered.
    #[arg(
        long,
        env = "MYHEALTH_OURA_TOKEN_URL",
        value_delimiter = ',',
        default_value = "https://api.ouraring.com/oauth/token,https://moi.ouraring.com/oauth/v2/ext/oauth-token"
    )]
    pub(crate) oura_token_url: Vec<String>,
    /// Where tokens are revoked, in the same order.
    #[arg(
        long,
        env = "MYHEALTH_OURA_REVOKE_URL",
        value_delimiter = ',',
        default_value = "https://api.ouraring.com/oauth/revoke,https://moi.ouraring.com/oauth/v2/ext/oauth-revoke"
    )]
    pub(crate) oura_revoke_url: Vec<String>,
    /// A file that holds the key which seals log-ins: 32 bytes, as 64 hexadecimal digits or in base64
    /// (`openssl rand -hex 32`). Default with the embedded database: secret.key beside it, made by the first log-in.
    #[arg(long, env = "MYHEALTH_SECRET_KEY_FILE")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// The key itself; prefer the file.
    #[arg(long, env = "MYHEALTH_SECRET_KEY", hide_env_values = true, conflicts_with = "secret_key_file")]
    pub(crate) secret_key: Option<String>,
    /// A file that holds the key of before, until each log-in has been renewed once with the new one.
    #[arg(long, env = "MYHEALTH_PREVIOUS_SECRET_KEY_FILE")]
    pub(crate) previous_secret_key_file: Option<PathBuf>,
}

/// How Oura is read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Oura")]
pub(crate) struct OuraArgs {
    #[command(flatten)]
    pub(crate) login: LoginSettings,
    /// A file that holds an access token, used as long as nobody has logged in. Oura gives out no new ones.
    #[arg(long, env = "MYHEALTH_OURA_TOKEN_FILE")]
    pub(crate) oura_token_file: Option<PathBuf>,
    /// Oura's access token; prefer the file, a command line can be read by others.
    #[arg(long, env = "MYHEALTH_OURA_TOKEN", hide_env_values = true, conflicts_with = "oura_token_file")]
    pub(crate) oura_token: Option<String>,
    /// Address of the API.
    #[arg(long, env = "MYHEALTH_OURA_URL", default_value = "https://api.ouraring.com")]
    pub(crate) oura_url: String,
    /// Requests to Oura in a minute, all people of this process together. Oura limits each application.
    #[arg(long, env = "MYHEALTH_OURA_REQUESTS_PER_MINUTE", default_value = "600")]
    pub(crate) oura_requests_per_minute: NonZeroU32,
    /// The oldest day to read. The first ring was sold in 2015.
    #[arg(long, env = "MYHEALTH_HISTORY_FROM", default_value = "2015-01-01")]
    pub(crate) history_from: Day,
    /// Days before the newest that are read again every time, because Oura changes past days.
    #[arg(long, env = "MYHEALTH_TRAILING_DAYS", default_value_t = domain::TRAILING_DAYS, value_parser = clap::value_parser!(u16).range(2..=365))]
    pub(crate) trailing_days: u16,
}

/// Where the process listens.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Listeners")]
pub(crate) struct ListenArgs {
    /// Gauges, probes and the page; may be repeated; `:9872` means every interface. Loopback unless told otherwise:
    /// these are health data.
    #[arg(
        long = "web.listen-address",
        env = "MYHEALTH_WEB_LISTEN_ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:9872"
    )]
    pub(crate) web: Vec<Address>,
    /// Take the sockets of gauges, probes and the page from systemd instead.
    #[arg(long = "web.systemd-socket", env = "MYHEALTH_WEB_SYSTEMD_SOCKET")]
    pub(crate) web_systemd: bool,
    /// Path of the gauges.
    #[arg(
        long = "web.telemetry-path",
        env = "MYHEALTH_WEB_TELEMETRY_PATH",
        default_value = "/metrics",
        value_parser = telemetry_path
    )]
    pub(crate) telemetry_path: String,
    /// TLS, passwords and headers of gauges, probes and the page: the file that Prometheus exporters share. It is read
    /// again when it changes, on SIGHUP and on POST /-/reload.
    #[arg(long = "web.config.file", env = "MYHEALTH_WEB_CONFIG_FILE", value_name = "FILE")]
    pub(crate) web_config: Option<PathBuf>,
    /// The API and its documentation; may be repeated.
    #[arg(
        long = "api.listen-address",
        env = "MYHEALTH_API_LISTEN_ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:8872"
    )]
    pub(crate) api: Vec<Address>,
    /// TLS, passwords and headers of the API, in the same format.
    #[arg(long = "api.config.file", env = "MYHEALTH_API_CONFIG_FILE", value_name = "FILE")]
    pub(crate) api_config: Option<PathBuf>,
    /// Answer the API without a token, whatever the address: where a proxy or a network guards it.
    #[arg(long = "api.allow-anonymous", env = "MYHEALTH_API_ALLOW_ANONYMOUS")]
    pub(crate) allow_anonymous: bool,
    /// A public name under which people reach this process, for example behind a proxy; may be repeated. Addresses and
    /// private names (localhost, *.local, *.svc …) need not be told.
    #[arg(long = "web.host", env = "MYHEALTH_WEB_HOST", value_delimiter = ',', value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads Oura into the database.
    Ingest,
    /// Serves gauges.
    Exporter,
    /// Answers by REST.
    Api,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Run only these roles in this process; the others run elsewhere on the same PostgreSQL.
    #[arg(long, env = "MYHEALTH_ONLY", value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Role>,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) oura: OuraArgs,
    #[command(flatten)]
    pub(crate) webhook: WebhookArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// Export only this share of all persons, INDEX/COUNT: each of COUNT exporters gets another INDEX from 0 on.
    #[arg(long, env = "MYHEALTH_SHARD", default_value_t = Shard::WHOLE)]
    pub(crate) shard: Shard,
    /// Check flags and the files they name, say what is wrong, and exit: nothing is opened or bound.
    #[arg(long = "config.check")]
    pub(crate) check: bool,
    /// Pause between two looks at Oura, in seconds.
    #[arg(long, env = "MYHEALTH_INTERVAL_SECONDS", default_value = "600", value_parser = seconds)]
    pub(crate) interval: Duration,
    /// People read at the same time by this process; processes on one PostgreSQL share the people.
    #[arg(long, env = "MYHEALTH_WORKERS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) workers: u32,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder of the demo's database, apart from real data. Default: demo below the default data folder.
    #[arg(long, env = "MYHEALTH_DEMO_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Which synthetic person: the same seed is the same life.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// The first day of the simulated ring.
    #[arg(long, default_value = "2020-01-01")]
    pub(crate) since: Day,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SyncArgs {
    /// Read history back to this day; what has been read already is not read again.
    #[arg(long)]
    pub(crate) from: Option<Day>,
    /// With --from: read exactly these days again, whether or not they have been read.
    #[arg(long, requires = "from")]
    pub(crate) to: Option<Day>,
    /// Read everybody who lives here, one after the other, instead of one person.
    #[arg(long, conflicts_with = "person")]
    pub(crate) everyone: bool,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) oura: OuraArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it: the only time it is shown.
    Create {
        /// What to call it, for example the program that will use it.
        name: String,
        /// Open this person's numbers only. Default: everyone's.
        #[arg(long)]
        person: Option<Pseudonym>,
        /// What it opens; may be repeated. Default: everything that only reads.
        #[arg(long, value_enum)]
        scope: Vec<ScopeArg>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show every token: number, name, whose numbers, scopes, last use. Never the token itself.
    List(StoreArgs),
    /// Revoke a token for ever.
    Revoke {
        /// Its number, as `list` shows it: the one between the underscores of the token.
        id: i64,
        #[command(flatten)]
        store: StoreArgs,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Days, points and trends by REST.
    Rest,
    /// Prometheus remote read.
    RemoteRead,
    /// Sending documents to /api/v1/ingest.
    Ingest,
}

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

#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// A file for `promtool tsdb create-blocks-from openmetrics`, with advice on its blocks.
    Openmetrics {
        /// The file; written beside it first, so that it is there whole or not at all.
        file: PathBuf,
        #[command(flatten)]
        what: ExportArgs,
    },
    /// JSON lines for VictoriaMetrics' /api/v1/import.
    Victoriametrics {
        /// The file; written beside it first, so that it is there whole or not at all.
        file: PathBuf,
        #[command(flatten)]
        what: ExportArgs,
    },
    /// Push by Prometheus remote write (1.0), oldest first; goes on where it stopped.
    RemoteWrite {
        /// Where to, for example <http://127.0.0.1:9090/api/v1/write>.
        url: String,
        /// A file that remembers how far the receiver has it all. Without one every run begins at the first day.
        #[arg(long)]
        cursor: Option<PathBuf>,
        /// A file that holds a bearer token for the receiver.
        #[arg(long)]
        bearer_token_file: Option<PathBuf>,
        #[command(flatten)]
        what: ExportArgs,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LoginArgs {
    /// Open no listener and no browser: print the link, and read the address that the browser was sent to from standard
    /// input. For SSH, containers and Kubernetes; the browser may be on any machine.
    #[arg(long)]
    pub(crate) paste: bool,
    /// Print the link only; do not try to open a browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// How long to wait for the consent, in seconds.
    #[arg(long, default_value = "600", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) login: LoginSettings,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    pub(crate) login: LoginSettings,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "What the API has said stays: an export fills in documents that nobody has. It can be stopped and \
                        repeated at any time. Rows that cannot be read are put aside one by one, with file, line and \
                        reason. Where you were (rawlocation) and billing are not opened.\n\
                        Exit codes: 0 every table was read to its end, 1 one was damaged or none was found."
)]
pub(crate) struct ImportArgs {
    /// The ZIP file, or a folder with its CSV files.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) oura: OuraArgs,
    #[command(flatten)]
    pub(crate) webhook: WebhookArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// Add a person, or move one who is known to another time zone.
    Add {
        /// A pseudonym; it becomes a label, so no e-mail and no real name.
        name: Pseudonym,
        /// IANA time zone that decides which day is "today", for example Europe/Berlin. Default: this machine's.
        #[arg(long, value_parser = time_zone)]
        time_zone: Option<TimeZone>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// List everybody, with what is stored about them and what fails.
    List {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Remove a person and everything stored about them, for ever.
    Remove {
        /// Whom.
        name: Pseudonym,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "no such time zone; use an IANA name such as Europe/Berlin".to_owned())
}

/// Paths that other routes have are refused, rather than one of the two hidden.
fn telemetry_path(path: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    let taken = path.starts_with("/-/") || path.starts_with("/api/") || path == "/probe" || path.len() < 2;
    if path.starts_with('/') && !taken && !path.contains("//") && path.bytes().all(plain) {
        Ok(path.to_owned())
    } else {
        Err("write a path such as /metrics that nothing else here has".to_owned())
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 10..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected 10 to 86400 seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn both_of_ouras_portals_are_known_by_default() {
        let Ok(Cli { command: Command::Login(login), .. }) = Cli::try_parse_from(["myhealth", "login"])
        else {
            panic!("login needs no flag");
        };
        assert_eq!((login.login.oura_token_url.len(), login.login.oura_revoke_url.len()), (2, 2));
        assert!(!login.login.oura_scopes.contains("email"));
    }

    #[test]
    fn mistakes_are_refused() {
        for line in [
            "serve --history-from 0024-01-01",
            "serve --history-from tomorrow",
            "serve --person a@b.c",
            "serve --time-zone Mars/Olympus",
            "serve --interval 1",
            "serve --only kitchen",
            "serve --web.listen-address 9872",
            "serve --oura-token x --oura-token-file y",
            "sync --to 2026-01-01",
            "import",
            "serve --web.telemetry-path metrics",
            "serve --web.telemetry-path /-/ready",
            "serve --web.telemetry-path /{x}",
            "serve --shard 3/3",
            "demo --since 1",
            "serve --webhook.listen-address 9874",
            "serve --webhook.replay-window 1",
            "serve --oura-client-secret x --oura-client-secret-file y",
            "webhook",
            "webhook sync",
            "fly",
        ] {
            let words = std::iter::once("myhealth").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}

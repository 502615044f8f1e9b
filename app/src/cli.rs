//! Flags, their environment variables and their manual: the only place that reads configuration. Everything is
//! checked here, before anything is opened or bound; a mistake ends with exit code 64.

mod api;
pub(crate) mod backup;
mod duration;
pub(crate) mod mixin;
mod operate;
mod oura;
mod renamed;
pub(crate) mod webhook;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use domain::{Day, Pseudonym};
use exporter::Shard;
use jiff::tz::TimeZone;
use listener::Address;

pub(crate) use self::api::{AccountCommand, GuardArgs, PasswordArgs};
use self::backup::{BackupArgs, EraseArgs, MoveArgs, RestoreArgs};
use self::duration::{delay, interval};
use self::mixin::{DashboardsArgs, FolderArgs, RulesArgs};
pub(crate) use self::operate::{
    AuditArgs, AuditFormat, DoctorArgs, ExportArgs, ExportCommand, ImportArgs, LoginArgs, LogoutArgs,
    PersonCommand, ReportArgs, RowsArgs, SyncArgs, TokenCommand,
};
pub(crate) use self::oura::{ApplicationArgs, LoginSettings, OuraArgs};
use self::webhook::{WebhookArgs, WebhookCommand};

/// Runs an Oura ring as a service: gauges for Prometheus, history in SQL, a REST API.
#[derive(Debug, Parser)]
#[command(
    name = "myhealth",
    version = crate::build::VERSION,
    long_version = crate::build::long_version(),
    after_help = "Start with `myhealth demo`: no ring, no account, nothing else to install.\n\
                  Exit codes: 0 done, 1 failed, 64 wrong configuration (nothing was opened or bound)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

impl Cli {
    /// The command line and environment of this process, with the variables' former names.
    pub(crate) fn from_environment() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&renamed::accept_former_variables(Self::command()).try_get_matches()?)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read Oura, export gauges and serve the API, until stopped.
    Serve(Box<ServeArgs>),
    /// The same against a simulated Oura cloud with years of a synthetic person: try everything without an account.
    Demo(DemoArgs),
    /// Log in at Oura: give the consent in a browser, once; it is renewed from then on.
    Login(LoginArgs),
    /// Revoke the log-in at Oura and delete it here. What has been read stays.
    Logout(LogoutArgs),
    /// Read what is missing once and exit: for a cron job, a backfill, or a look.
    Sync(SyncArgs),
    /// List people, add a person, or remove one with everything stored about them.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Fill in history from Oura's account export: the ZIP that membership.ouraring.com/data-export sends.
    Import(ImportArgs),
    /// Bring the database's schema to this version and exit. Embedded databases do this by themselves.
    Migrate(StoreArgs),
    /// Write a backup of everything that cannot be derived or obtained again, while `serve` runs or not.
    #[command(
        after_help = "Examples:\n  age-keygen -o backup.key          # keep it elsewhere; it prints the recipient\n  \
                      myhealth backup --recipient age1… /mnt/backups/\n  \
                      myhealth backup --recipient age1… s3://bucket/health --keep-daily 30 --keep-weekly 52\n  \
                      myhealth backup --passphrase-file passphrase - | ssh nas 'cat > health.backup'\n\
                      What is in a backup, and how to restore it: docs/backup.md."
    )]
    Backup(BackupArgs),
    /// Restore a backup into an empty database of either kind; everything, or nothing at all.
    #[command(after_help = "Examples:\n  myhealth restore --check --identity backup.key /mnt/backups/\n  \
                      myhealth restore --identity backup.key --data-dir /srv/health s3://bucket/health --at 2026-03-29\n\
                      Log-ins at Oura are not in a backup: `myhealth login` gives each consent again.")]
    Restore(RestoreArgs),
    /// Copy everything into another, empty database, for example from the embedded one to PostgreSQL.
    #[command(after_help = "Example:\n  myhealth move --data-dir /srv/health --to-database-url-file url\n\
                      Stop `serve` first. The old database stays as it was.")]
    Move(MoveArgs),
    /// Erase a person permanently: everything stored and derived, results, log-ins, tokens, and the person in backups.
    #[command(
        after_help = "Examples:\n  myhealth backup --person ann --unencrypted ann.tar     # everything stored about ann, to take along\n  \
                      myhealth erase ann --backups /mnt/backups/ --backups s3://bucket/health\n\
                      The consent is revoked at Oura where --oura-client-id is given. The audit trail keeps the name, without values."
    )]
    Erase(EraseArgs),
    /// Derive every number again from the stored documents, after an upgrade that changed a rule.
    Rebuild(StoreArgs),
    /// Manage the subscriptions by which Oura sends webhook events; `serve` does so by itself.
    #[command(
        subcommand,
        after_help = "Oura calls an https address of yours when a document changes. How to get one, and an application:\n\
                      docs/webhooks.md. Then, with MYHEALTH_OURA_CLIENT_ID and MYHEALTH_OURA_CLIENT_SECRET_FILE set:\n  \
                      myhealth serve --webhook.callback-url https://health.example.org/oura\n  \
                      myhealth webhook list"
    )]
    Webhook(WebhookCommand),
    /// Check configuration, database, clock and Oura, and print what to do about what is wrong.
    Doctor(DoctorArgs),
    /// Make, list and revoke the tokens by which programs read the API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list and remove the accounts with which people log in at the API.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Show the audit trail: log-ins, credentials, exports, people and refusals, the newest last.
    Audit(AuditArgs),
    /// Write a page about a week or month, to read and to print.
    #[command(
        after_help = "The page needs nothing else: no scripts, no network. For a PDF print it from a browser, or\n  \
                            chromium --headless --print-to-pdf=march.pdf march.html"
    )]
    Report(ReportArgs),
    /// Write history: rows for people and programs, or series for another time series database.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Probe a running process; for images that have no shell. Exits 0 when the response is 2xx.
    Healthcheck(HealthcheckArgs),
    /// Print the API's OpenAPI document.
    Openapi,
    /// Write the Grafana dashboards into a folder, with your own goal, thresholds and selectors.
    #[command(after_help = "Example:\n  myhealth dashboards --to /var/lib/grafana/dashboards/myhealth")]
    Dashboards(DashboardsArgs),
    /// Write Prometheus' rules and Alertmanager's configuration, with your own goals, thresholds, times and receivers.
    #[command(
        after_help = "Example:\n  myhealth rules --to /etc/prometheus/myhealth --sleep-goal 7h30m --time-zone Europe/Paris \\\n    \
                      --receiver operator=email:admin@example.org --receiver person=webhook:https://ntfy.example.org/me\n  \
                      myhealth rules check /etc/prometheus/myhealth"
    )]
    Rules(Box<RulesArgs>),
    /// Print the completions of a shell.
    #[command(
        after_help = "Example:\n  myhealth completions bash > ~/.local/share/bash-completion/completions/myhealth"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder, one for each command.
    #[command(after_help = "Example:\n  myhealth man --to ~/.local/share/man/man1")]
    Man(FolderArgs),
    /// Print version, revision, target and how the program was built.
    Version,
    /// Print the reference of commands, flags and variables as Markdown: docs/configuration.md.
    #[command(hide = true)]
    Reference,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HealthcheckArgs {
    /// An address, for example <http://127.0.0.1:9872/-/ready> or <https://127.0.0.1:9872/-/ready>.
    pub(crate) url: String,
    /// With https: the listener's certificate, or the authority's that signed it, in PEM.
    #[arg(long, value_name = "FILE", env = "MYHEALTH_HEALTHCHECK_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// With https: the name in a certificate that an authority signed. Default: the host of the address.
    #[arg(long, value_name = "NAME", requires = "ca")]
    pub(crate) server_name: Option<String>,
    /// With https: accept any certificate, as probes of Kubernetes do.
    #[arg(long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
}

/// Logs and traces.
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

/// The person whose ring is read.
#[derive(Clone, Debug, Args)]
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

/// Where the process listens.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Listeners")]
pub(crate) struct ListenArgs {
    /// Gauges, probes and the page; may be repeated; `:9872` means every interface. Loopback by default:
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
    /// TLS, passwords and headers of the API, in the same format; also people, accounts and tokens that are declared
    /// instead of made by hand (docs/api.md). Read again like the other one.
    #[arg(long = "api.config.file", env = "MYHEALTH_API_CONFIG_FILE", value_name = "FILE")]
    pub(crate) api_config: Option<PathBuf>,
    /// Serve the API without a token on any address: where a proxy or a network guards it.
    #[arg(long = "api.allow-anonymous", env = "MYHEALTH_API_ALLOW_ANONYMOUS")]
    pub(crate) allow_anonymous: bool,
    /// A public host name that clients may use, for example the one of a proxy in front; may be repeated. Addresses and
    /// private names (localhost, *.local, *.svc …) are always allowed.
    #[arg(
        long = "web.allowed-hosts",
        alias = "web.host",
        env = "MYHEALTH_WEB_ALLOWED_HOSTS",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub(crate) allowed_hosts: Vec<String>,
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads Oura into the database.
    Ingest,
    /// Serves gauges.
    Exporter,
    /// Serves the REST API.
    Api,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    /// Run only these roles in this process; the others run elsewhere on the same PostgreSQL.
    #[arg(
        long,
        alias = "only",
        env = "MYHEALTH_ROLES",
        value_enum,
        value_delimiter = ',',
        value_name = "ROLE"
    )]
    pub(crate) roles: Vec<Role>,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) oura: OuraArgs,
    #[command(flatten)]
    pub(crate) webhook: WebhookArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// A replica of the PostgreSQL database: the API reads history there; tokens, accounts and documents stay with the
    /// primary. What was written shows when the replica has it.
    #[arg(
        long,
        env = "MYHEALTH_DATABASE_REPLICA_URL",
        hide_env_values = true,
        conflicts_with = "database_replica_url_file"
    )]
    pub(crate) database_replica_url: Option<String>,
    /// A file that holds the replica's URL.
    #[arg(long, env = "MYHEALTH_DATABASE_REPLICA_URL_FILE")]
    pub(crate) database_replica_url_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// Export only this share of all persons, INDEX/COUNT: each of COUNT exporters gets another INDEX from 0 on.
    #[arg(long, env = "MYHEALTH_SHARD", default_value_t = Shard::WHOLE)]
    pub(crate) shard: Shard,
    /// A person's own goal of sleep, for example me=7h30m; may be repeated. The exporter shows it as a gauge, by which the
    /// rules replace their default.
    #[arg(long, env = "MYHEALTH_SLEEP_GOAL", value_delimiter = ',', value_name = "PERSON=DURATION")]
    pub(crate) sleep_goal: Vec<mixin::SleepGoalOf>,
    /// Where jobs put their results: a folder, or `s3://bucket/prefix` with the usual AWS_… variables. Default: `results`
    /// next to the embedded database; with PostgreSQL there is none, and exports and reports are refused as jobs.
    #[arg(long = "jobs.results", env = "MYHEALTH_JOBS_RESULTS", value_name = "PLACE")]
    pub(crate) results: Option<jobs::ResultLocation>,
    #[command(flatten)]
    pub(crate) backup: backup::ScheduleArgs,
    /// Check flags and the files they name, print what is wrong, and exit: nothing is opened or bound.
    #[arg(long = "config.check")]
    pub(crate) check: bool,
    /// From SIGTERM to the end of serving, for example 5s: `/-/ready` answers 503 at once, everything else goes on, so that a
    /// load balancer can take the process out before it closes its listeners.
    #[arg(
        long = "shutdown.delay",
        env = "MYHEALTH_SHUTDOWN_DELAY",
        default_value = "0s",
        value_name = "DURATION",
        value_parser = delay
    )]
    pub(crate) shutdown_delay: Duration,
    /// From the start of one sync run to the start of the next, for example 10m.
    #[arg(long, env = "MYHEALTH_INTERVAL", default_value = "10m", value_name = "DURATION", value_parser = interval)]
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

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "no such time zone; use an IANA name such as Europe/Berlin".to_owned())
}

/// Paths that other routes have are refused, rather than one of the two hidden.
fn telemetry_path(path: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    let taken = path.starts_with("/-/")
        || path.starts_with("/api/")
        || path.starts_with("/.well-known/")
        || listener::PROBES.contains(&path)
        || ["/probe", crate::runbook::PATH].contains(&path)
        || path.len() < 2;
    if path.starts_with('/') && !taken && !path.contains("//") && path.bytes().all(plain) {
        Ok(path.to_owned())
    } else {
        Err("write a path such as /metrics that nothing else here has".to_owned())
    }
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn oura_portals_are_both_known_by_default() {
        let Ok(Cli { command: Command::Login(login), .. }) = Cli::try_parse_from(["myhealth", "login"])
        else {
            panic!("login needs no flag");
        };
        assert_eq!((login.login.oura_token_url.len(), login.login.oura_revoke_url.len()), (2, 2));
        assert!(!login.login.oura_scopes.contains("email"));
    }

    #[test]
    fn former_flags_do_what_todays_flags_do() {
        for (former, today) in [
            ("serve --only api,exporter", "serve --roles api,exporter"),
            ("serve --web.host health.example.org", "serve --web.allowed-hosts health.example.org"),
            ("serve --trailing-days 14", "serve --resync-days 14"),
            ("serve --interval 900", "serve --interval 15m"),
            ("serve --webhook.replay-window 600", "serve --webhook.replay-window 10m"),
            ("serve --webhook.poll-interval 21600", "serve --webhook.poll-interval 6h"),
            ("login --timeout 60", "login --timeout 1m"),
            ("login --secret-key-file key", "login --encryption-key-file key"),
            ("login --secret-key k", "login --encryption-key k"),
            ("login --previous-secret-key-file key", "login --previous-encryption-key-file key"),
        ] {
            let parsed = |line: &str| {
                let words = std::iter::once("myhealth").chain(line.split(' '));
                format!("{:?}", Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")))
            };
            assert_eq!(parsed(former), parsed(today));
            assert_ne!(parsed(today), parsed(today.split(' ').next().unwrap()), "{today}");
        }
    }

    #[test]
    fn command_line_mistakes_are_refused() {
        for line in [
            "serve --history-from 0024-01-01",
            "serve --history-from tomorrow",
            "serve --person a@b.c",
            "serve --time-zone Mars/Olympus",
            "serve --interval 1",
            "serve --shutdown.delay 2h",
            "serve --roles kitchen",
            "serve --web.listen-address 9872",
            "serve --oura-token x --oura-token-file y",
            "sync --to 2026-01-01",
            "import",
            "serve --web.telemetry-path metrics",
            "serve --web.telemetry-path /-/ready",
            "serve --web.telemetry-path /runbook",
            "serve --web.telemetry-path /healthz",
            "serve --web.telemetry-path /{x}",
            "serve --shard 3/3",
            "demo --since 1",
            "serve --webhook.listen-address 9874",
            "serve --webhook.replay-window 1",
            "serve --oura-client-secret x --oura-client-secret-file y",
            "webhook",
            "webhook sync",
            "serve --api.trusted-proxies everyone",
            "serve --api.cors-origins *",
            "account add ann",
            "account add ann --person ann --everyone",
            "token create x --scope read:everything",
            "token create x --expires yesterday",
            "fly",
        ] {
            let words = std::iter::once("myhealth").chain(line.split(' '));
            assert!(Cli::try_parse_from(words).is_err(), "{line}");
        }
    }
}

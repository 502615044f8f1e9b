//! Flags, their environment variables and their manual: the only place that reads configuration. Everything is
//! checked here, before anything is opened or bound; a mistake ends with exit code 64.
//!
//! To add a flag, write it in the struct of its heading (`serve.rs`, `listen.rs`, `api.rs`, `oura.rs`, `webhook.rs`,
//! `database.rs`, `shared.rs`). With `env = "MYHEALTH_…"` it is a setting: it is then also a key of the configuration file and a line of
//! `config show`. It is shown by `--help` and in docs/configuration.md; `-h` shows a setting only if `help::ESSENTIAL` names it.
//! To add a command, write its variant in [`Command`] and its name in `help::GROUPS`.

mod api;
pub(crate) mod backup;
mod database;
mod duration;
mod environment;
mod export;
mod help;
mod listen;
pub(crate) mod mixin;
mod operate;
mod oura;
mod renamed;
mod serve;
pub(crate) mod settings;
mod shared;
pub(crate) mod webhook;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub(crate) use self::api::{AccountCommand, GuardArgs, PasswordArgs};
use self::backup::{BackupArgs, EraseArgs, MoveArgs, RestoreArgs};
pub(crate) use self::database::{DatabaseAuth, Grant, HomeArgs, MigrateArgs, ReplicaArgs, StoreArgs};
use self::duration::{delay, interval, link_lifetime};
pub(crate) use self::environment::{UnknownVariable, unknown_variables};
pub(crate) use self::export::{ExportArgs, ExportCommand, ReportArgs, RowsArgs};
pub(crate) use self::listen::ListenArgs;
use self::mixin::{DashboardsArgs, FolderArgs, RulesArgs};
pub(crate) use self::operate::{
    AuditArgs, AuditFormat, ConfigCommand, ConfigShowArgs, DoctorArgs, HealthcheckArgs, ImportArgs, ListArgs,
    LoginArgs, LogoutArgs, PersonCommand, StatusArgs, SyncArgs, TokenCommand,
};
pub(crate) use self::oura::{ApplicationArgs, LoginSettings, OuraArgs};
pub(crate) use self::serve::{DemoArgs, Role, ServeArgs};
use self::settings::{ConfigFile, Mistake, Setting};
use self::shared::time_zone;
pub(crate) use self::shared::{JsonArgs, LogArgs, LogFormat, PersonArgs};
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

/// A command line that was understood.
pub(crate) struct Invocation {
    pub(crate) cli: Cli,
    /// Every setting of the command with its value and source.
    pub(crate) settings: Vec<Setting>,
}

impl Invocation {
    /// The command line, environment and configuration file of this process, with the variables' former names.
    pub(crate) fn from_environment() -> Result<Self, Mistake> {
        let words: Vec<_> = std::env::args_os().collect();
        Self::of(renamed::accept_former_variables(Cli::command()), &words)
    }

    fn of(command: clap::Command, words: &[std::ffi::OsString]) -> Result<Self, Mistake> {
        let command = help::arrange(command);
        let file = ConfigFile::named_by(&command, words)?;
        let (command, matches) = settings::parse(command, words, file.as_ref())?;
        let cli = Cli::from_arg_matches(&matches)?;
        Ok(Self { cli, settings: settings::of(&command, &matches, file.as_ref()) })
    }
}

/// The command line as it is parsed: with arranged help.
pub(crate) fn definition() -> clap::Command {
    help::arrange(Cli::command())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read Oura, export gauges and serve the API, until stopped.
    #[command(after_help = "Examples:\n  myhealth serve\n  \
                      myhealth serve --config.file /etc/myhealth/config.toml\n  \
                      myhealth serve --roles exporter,api --database-url-file /run/secrets/database-url\n  \
                      myhealth serve --config.check")]
    Serve(Box<ServeArgs>),
    /// Run everything against a simulated Oura and a synthetic person.
    #[command(after_help = "Examples:\n  myhealth demo\n  myhealth status --demo\n  \
                      myhealth export csv march.csv --demo --from 2026-03-01 --to 2026-03-31")]
    Demo(DemoArgs),
    /// Log in at Oura: give the consent in a browser, once.
    #[command(
        long_about = "Log in at Oura: give the consent in a browser, once. The log-in is renewed from then on.",
        after_help = "Examples:\n  myhealth login --oura-client-id ID --oura-client-secret-file client-secret\n  \
                      myhealth login --paste\n  myhealth login --person ann"
    )]
    Login(LoginArgs),
    /// Revoke the log-in at Oura and delete it here. What has been read stays.
    #[command(after_help = "Example:\n  myhealth logout --person ann")]
    Logout(LogoutArgs),
    /// Read what is missing once and exit.
    #[command(
        long_about = "Read what is missing once and exit: for a cron job or a backfill.",
        after_help = "Examples:\n  myhealth sync\n  myhealth sync --from 2019-01-01\n  \
                      myhealth sync --from 2026-03-01 --to 2026-03-31 --json"
    )]
    Sync(SyncArgs),
    /// Show today on one screen, with the last two weeks and what is missing.
    #[command(
        after_help = "Examples:\n  myhealth status\n  myhealth status --demo\n  myhealth status --person ann --json"
    )]
    Status(StatusArgs),
    /// List people, add a person, or remove one with everything stored about them.
    #[command(
        subcommand,
        after_help = "Examples:\n  myhealth person add ann --time-zone Europe/Berlin\n  myhealth person list --json"
    )]
    Person(PersonCommand),
    /// Fill in history from Oura's account export.
    #[command(
        long_about = "Fill in history from Oura's account export: the ZIP that membership.ouraring.com/data-export sends."
    )]
    Import(ImportArgs),
    /// Bring the database's schema to this version and exit.
    #[command(
        long_about = "Bring the database's schema to this version and exit. Embedded databases do this by themselves.",
        after_help = "Examples:\n  myhealth migrate --database-url-file /run/secrets/database-url\n  \
                      myhealth migrate --grant writer=myhealth_writer --grant reader=myhealth_reader\n\
                      With PostgreSQL, the role that migrates owns the tables; the services need less. The owner gives it, again after\n\
                      each upgrade."
    )]
    Migrate(MigrateArgs),
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
    /// Derive every number again from the stored documents.
    #[command(
        long_about = "Derive every number again from the stored documents, after an upgrade that changed a rule.",
        after_help = "Example:\n  myhealth rebuild"
    )]
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
    /// Check configuration, database, clock and Oura, and print how to fix what is wrong.
    #[command(
        after_help = "Examples:\n  myhealth doctor\n  myhealth doctor --json | jq '.findings[] | select(.level == \"wrong\")'"
    )]
    Doctor(DoctorArgs),
    /// Show the settings in force and where each comes from.
    #[command(
        subcommand,
        after_help = "Example:\n  myhealth config show --config.file /etc/myhealth/config.toml"
    )]
    Config(ConfigCommand),
    /// Make, list and revoke the tokens by which programs read the API.
    #[command(
        subcommand,
        after_help = "Examples:\n  myhealth token create grafana\n  \
                      myhealth token create phone --person ann --scope read:sleep --expires 2026-12-31\n  \
                      myhealth token revoke 3"
    )]
    Token(TokenCommand),
    /// Make, list and remove the accounts with which people log in at the API.
    #[command(
        subcommand,
        after_help = "Examples:\n  myhealth account add ann --person ann\n  myhealth account add admin --everyone\n  \
                      myhealth account list"
    )]
    Account(AccountCommand),
    /// Show the audit trail: log-ins, credentials, exports, people and refusals.
    #[command(
        long_about = "Show the audit trail: log-ins, credentials, exports, people and refusals, the newest last.",
        after_help = "Example:\n  myhealth audit --from 2026-03-01 --action export --format json"
    )]
    Audit(AuditArgs),
    /// Write a page about a week or month, to read and to print.
    #[command(
        after_help = "Examples:\n  myhealth report march.html --day 2026-03-01\n  myhealth report week.html --period week\n\
                      The page needs nothing else: no scripts, no network. For a PDF print it from a browser, or\n  \
                      chromium --headless --print-to-pdf=march.pdf march.html"
    )]
    Report(ReportArgs),
    /// Write history: rows for people and programs, or series for other databases.
    #[command(
        subcommand,
        after_help = "Examples:\n  myhealth export csv nights.csv --metric sleep_score,sleep_duration --from 2026-01-01\n  \
                      myhealth export parquet points.parquet --what points --from 2026-03-01\n  \
                      myhealth export remote-write http://127.0.0.1:9090/api/v1/write --cursor written"
    )]
    Export(ExportCommand),
    /// Probe a running process; for images that have no shell.
    #[command(
        long_about = "Probe a running process; for images that have no shell. Exits 0 when the response is 2xx.",
        after_help = "Example:\n  myhealth healthcheck http://127.0.0.1:9872/-/ready"
    )]
    Healthcheck(HealthcheckArgs),
    /// Print the API's OpenAPI document.
    #[command(after_help = "Example:\n  myhealth openapi > openapi.json")]
    Openapi,
    /// Write the dashboards for Grafana or Perses into a folder, with your own goal and selectors.
    #[command(after_help = "Examples:\n  myhealth dashboards --to /var/lib/grafana/dashboards/myhealth\n  \
                            myhealth dashboards --format perses --to perses")]
    Dashboards(DashboardsArgs),
    /// Write Prometheus' rules and Alertmanager's configuration, with your own goals.
    #[command(
        long_about = "Write Prometheus' rules and Alertmanager's configuration, with your own goals, thresholds, times and receivers.",
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
    #[command(after_help = "Example:\n  myhealth version")]
    Version,
    /// Print the reference of commands, flags and variables as Markdown: docs/configuration.md.
    #[command(hide = true)]
    Reference,
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests;

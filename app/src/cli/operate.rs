//! Flags of the commands that run to their end.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use domain::{Day, Pseudonym};
use jiff::tz::TimeZone;
use store::{AuditAction, Scope};

use super::webhook::WebhookArgs;
use super::{JsonArgs, LoginSettings, OuraArgs, PersonArgs, ServeArgs, StoreArgs, interval, time_zone};

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

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each setting of `serve` with its value and source: flag, environment, file or default. Secrets are not
    /// printed, only whether they are set.
    Show(Box<ConfigShowArgs>),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigShowArgs {
    #[command(flatten)]
    pub(crate) output: JsonArgs,
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// This person only. Default: everyone.
    #[arg(long, env = "MYHEALTH_PERSON")]
    pub(crate) person: Option<Pseudonym>,
    #[command(flatten)]
    pub(crate) output: JsonArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// A list of what is stored.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) output: JsonArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct SyncArgs {
    /// Read history back to this day; what has been read already is not read again.
    #[arg(long)]
    pub(crate) from: Option<Day>,
    /// With --from: read exactly these days again, whether or not they have been read.
    #[arg(long, requires = "from")]
    pub(crate) to: Option<Day>,
    /// Read all persons, one after the other, instead of one.
    #[arg(long, conflicts_with = "person")]
    pub(crate) everyone: bool,
    /// The access token given here is another Oura account's from now on. What is stored stays, as an archive of the
    /// previous account.
    #[arg(long, conflicts_with = "everyone")]
    pub(crate) replace_account: bool,
    #[command(flatten)]
    pub(crate) output: JsonArgs,
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
        /// What it opens; may be repeated. `rest` is all that REST answers, `read:…` one kind of data. Default: everything
        /// that only reads.
        #[arg(long, value_parser = scopes())]
        scope: Vec<Scope>,
        /// The last day on which it works, in UTC. Default: until it is revoked.
        #[arg(long, value_name = "DAY")]
        expires: Option<Day>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Print an entry for `tokens` in the file of --api.config.file, with the hash of a token. No database is needed.
    #[command(after_help = "  myhealth token hash grafana --token-file grafana.token >> entry.yml\n\
                      draws a token, writes it to grafana.token and its entry to entry.yml; a file that exists is kept, and\n\
                      its token hashed. Without --token-file the token is printed once, to standard error.")]
    Hash {
        /// The name of the program that will use it.
        name: String,
        /// Open this person's numbers only. Default: everyone's.
        #[arg(long)]
        person: Option<Pseudonym>,
        /// What it opens; may be repeated. Default: everything that only reads.
        #[arg(long, value_parser = scopes())]
        scope: Vec<Scope>,
        /// The last day on which it works, in UTC. Default: as long as it is declared.
        #[arg(long, value_name = "DAY")]
        expires: Option<Day>,
        /// A file that holds the token, at least 32 characters; made when it is missing, readable by its owner only.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Write the hash to this file instead of printing an entry, which names it as `hash: {file: FILE}`. It is no secret.
        #[arg(long, value_name = "FILE", requires = "token_file")]
        hash_file: Option<PathBuf>,
    },
    /// Show every token: number, name, person, scopes, last use. Never the token itself.
    List(ListArgs),
    /// Revoke a token permanently.
    Revoke {
        /// Its number, as `list` shows it: the one between the underscores of the token.
        id: i64,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// The scopes by their words, so that the manual lists them.
pub(super) fn scopes() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::all().map(|scope| scope.to_string())).try_map(|word| word.parse())
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
    /// How long to wait for the consent, for example 10m.
    #[arg(long, default_value = "10m", value_name = "DURATION", value_parser = interval)]
    pub(crate) timeout: Duration,
    /// The person has another Oura account from now on. What is stored stays, as an archive of the previous account.
    #[arg(long)]
    pub(crate) replace_account: bool,
    /// Address of the API, which is asked whose log-in it is.
    #[arg(long, env = "MYHEALTH_OURA_URL", default_value = super::oura::API)]
    pub(crate) oura_url: String,
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
#[command(after_help = "Example:\n  myhealth import export.zip\n\n\
                        Documents of the API stay: an export fills in days and events that are missing, and gives way when \
                        the API has them later. It can be stopped and repeated at any time. Rows that cannot be read \
                        are rejected one by one, with file, line and reason. Names with dates, numbers or words around \
                        them, folders at any depth, and cells separated by ; or , or tab are all read. Where you were \
                        (rawlocation) and billing are not opened.\n\
                        Exit codes: 0 every table was read to its end, 1 one was damaged or none was found.")]
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
pub(crate) struct AuditArgs {
    /// The first day, in UTC. Default: 30 days before the end.
    #[arg(long)]
    pub(crate) from: Option<Day>,
    /// The last day, in UTC. Default: until now.
    #[arg(long)]
    pub(crate) to: Option<Day>,
    /// Only this action.
    #[arg(long, value_parser = actions())]
    pub(crate) action: Option<AuditAction>,
    /// Most entries, the newest.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) limit: u32,
    /// A line for people, or a JSON object a line.
    #[arg(long, value_enum, default_value_t = AuditFormat::Table)]
    pub(crate) format: AuditFormat,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// How entries are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AuditFormat {
    /// A line for people.
    Table,
    /// A JSON object a line.
    Json,
}

/// The actions by their words, so that the manual lists them.
fn actions() -> impl TypedValueParser<Value = AuditAction> {
    PossibleValuesParser::new(AuditAction::ALL.iter().map(|action| action.name()))
        .try_map(|word| word.parse())
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) output: JsonArgs,
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
    /// List all persons, with what is stored about them and what fails.
    List(ListArgs),
    /// Remove a person and everything stored about them, permanently.
    Remove {
        /// The person.
        name: Pseudonym,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        store: StoreArgs,
    },
}

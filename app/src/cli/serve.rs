//! Flags of the services: `serve` and `demo`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use domain::Day;
use exporter::Shard;

use super::mixin::SleepGoalOf;
use super::{
    HomeArgs, ListenArgs, OuraArgs, PersonArgs, ReplicaArgs, StoreArgs, WebhookArgs, delay, interval,
    link_lifetime,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Reads Oura into the database.
    Ingest,
    /// Serves gauges.
    Exporter,
    /// Serves the REST API.
    Api,
}

impl Role {
    /// The word for it on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Exporter => "exporter",
            Self::Api => "api",
        }
    }
}

/// A field is a heading of the help; [`crate::cli`] tells how a flag is added.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
    #[command(flatten)]
    pub(crate) person: PersonArgs,
    #[command(flatten)]
    pub(crate) oura: OuraArgs,
    #[command(flatten)]
    pub(crate) schedule: ScheduleArgs,
    #[command(flatten)]
    pub(crate) webhook: WebhookArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) replica: ReplicaArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) exporter: ExporterArgs,
    #[command(flatten)]
    pub(crate) jobs: JobArgs,
    #[command(flatten)]
    pub(crate) backup: super::backup::BackupScheduleArgs,
}

/// What runs in this process, and how it ends.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct ProcessArgs {
    /// Run only these roles in this process; the others run elsewhere on the same PostgreSQL. Default: all.
    #[arg(
        long,
        alias = "only",
        env = "MYHEALTH_ROLES",
        value_enum,
        value_delimiter = ',',
        value_name = "ROLE"
    )]
    pub(crate) roles: Vec<Role>,
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
    /// Check flags and the files they name, print what is wrong, and exit: nothing is opened or bound.
    #[arg(long = "config.check", hide_short_help = true)]
    pub(crate) check: bool,
}

/// When Oura is read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Oura")]
pub(crate) struct ScheduleArgs {
    /// From the start of one sync run to the start of the next, for example 10m.
    #[arg(long, env = "MYHEALTH_INTERVAL", default_value = "10m", value_name = "DURATION", value_parser = interval)]
    pub(crate) interval: Duration,
    /// People read at the same time by this process; processes on one PostgreSQL share the people.
    #[arg(long, env = "MYHEALTH_WORKERS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) workers: u32,
}

/// Which gauges are exported.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Exporter")]
pub(crate) struct ExporterArgs {
    /// Export only this share of all persons, INDEX/COUNT: each of COUNT exporters gets another INDEX from 0 on.
    #[arg(long, env = "MYHEALTH_SHARD", default_value_t = Shard::WHOLE)]
    pub(crate) shard: Shard,
    /// A person's own goal of sleep, for example me=7h30m; may be repeated. The exporter shows it as a gauge, by which the
    /// rules replace their default.
    #[arg(long, env = "MYHEALTH_SLEEP_GOAL", value_delimiter = ',', value_name = "PERSON=DURATION")]
    pub(crate) sleep_goal: Vec<SleepGoalOf>,
}

/// Where long work leaves its results.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct JobArgs {
    /// Where jobs put their results: a folder, or `s3://bucket/prefix` with the usual AWS_… variables. Default: `results`
    /// next to the embedded database; with PostgreSQL there is none, and exports and reports are refused as jobs.
    #[arg(long = "jobs.results", env = "MYHEALTH_JOBS_RESULTS", value_name = "PLACE")]
    pub(crate) results: Option<jobs::ResultLocation>,
    /// Let results in S3 be fetched at S3: `GET …/result` answers with a link that opens the file without a credential for
    /// this long, up to 1h. Gateways cut long downloads. Default: results pass through this process.
    #[arg(long = "jobs.result-links", env = "MYHEALTH_JOBS_RESULT_LINKS", value_name = "DURATION", value_parser = link_lifetime)]
    pub(crate) result_links: Option<Duration>,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Demo")]
pub(crate) struct DemoArgs {
    /// Folder of the demo's database, apart from real data; other commands read it with --demo. Default: demo in the
    /// default data folder, and a folder in it for each other --seed and --since.
    #[arg(long, visible_alias = "data-dir", env = "MYHEALTH_DEMO_DIR", value_name = "FOLDER")]
    pub(crate) demo_dir: Option<PathBuf>,
    /// Which synthetic person: the same seed is the same life.
    #[arg(long, default_value_t = Self::SEED)]
    pub(crate) seed: u64,
    /// The first day of the simulated ring.
    #[arg(long, default_value = Self::SINCE)]
    pub(crate) since: Day,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

impl DemoArgs {
    /// The synthetic person of the demo when none is chosen.
    pub(crate) const SEED: u64 = 7;

    /// The first day of that person's ring.
    pub(crate) const SINCE: &str = "2020-01-01";
}

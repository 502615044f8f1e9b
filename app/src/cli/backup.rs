//! Flags of backups.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use backup::Recipient;
use clap::Args;
use domain::{Day, Pseudonym};
use jiff::Timestamp;
use jobs::ResultLocation;

use super::duration::interval;
use super::{LoginSettings, StoreArgs};

/// Where a backup goes, or comes from.
#[derive(Clone, Debug)]
pub(crate) enum BackupPlace {
    /// One file, or a pipe.
    File(PathBuf),
    /// A folder or bucket with several backups.
    Repository(ResultLocation),
}

impl FromStr for BackupPlace {
    type Err = jobs::InvalidResultLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = PathBuf::from(text);
        if text == "-"
            || (!text.is_empty() && !text.contains("://") && !text.ends_with('/') && !path.is_dir())
        {
            return Ok(Self::File(path));
        }
        text.parse().map(Self::Repository)
    }
}

/// The moment of a backup: a timestamp, or the end of a day in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = text.parse::<Day>().map(|day| day.plus(1).midnight_utc() - jiff::SignedDuration::from_nanos(1));
    day.or_else(|_| text.parse()).map_err(|_| "write 2026-03-29, or 2026-03-29T06:00:00Z".to_owned())
}

/// For whom backups are encrypted.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Encryption")]
pub(crate) struct EncryptionArgs {
    /// Encrypt for this recipient (`age1…`, from `age-keygen`); may be repeated. Who has the identity of one can restore.
    #[arg(long, env = "MYHEALTH_BACKUP_RECIPIENT", value_delimiter = ',', value_name = "RECIPIENT")]
    pub(crate) recipient: Vec<Recipient>,
    /// Encrypt by a passphrase, the text of this file.
    #[arg(long, env = "MYHEALTH_BACKUP_PASSPHRASE_FILE", value_name = "FILE", conflicts_with = "recipient")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Do not encrypt: who can read the backup can read everything in it.
    #[arg(long, env = "MYHEALTH_BACKUP_UNENCRYPTED", conflicts_with_all = ["recipient", "passphrase_file"])]
    pub(crate) unencrypted: bool,
}

/// Backups that the service makes by itself.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Backups")]
pub(crate) struct BackupScheduleArgs {
    /// Make backups into this folder, or `s3://bucket/prefix` with the usual AWS_… variables; of several processes that have the
    /// flag, one at a time. Default: none.
    #[arg(long = "backup.to", env = "MYHEALTH_BACKUP_TO", value_name = "PLACE")]
    pub(crate) to: Option<ResultLocation>,
    /// From one backup to the next.
    #[arg(
        long = "backup.every",
        env = "MYHEALTH_BACKUP_EVERY",
        default_value = "24h",
        value_name = "DURATION",
        value_parser = interval
    )]
    pub(crate) every: Duration,
    /// Encrypt for this recipient (`age1…`); may be repeated. Without one of these three flags the key in the folder is used, which
    /// a first `myhealth backup --passphrase-file` made.
    #[arg(
        long = "backup.recipient",
        env = "MYHEALTH_BACKUP_RECIPIENT",
        value_delimiter = ',',
        value_name = "RECIPIENT"
    )]
    pub(crate) backup_recipient: Vec<Recipient>,
    /// Encrypt by a passphrase, the text of this file.
    #[arg(
        long = "backup.passphrase-file",
        env = "MYHEALTH_BACKUP_PASSPHRASE_FILE",
        value_name = "FILE",
        conflicts_with = "backup_recipient"
    )]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
    /// Do not encrypt.
    #[arg(
        long = "backup.unencrypted",
        env = "MYHEALTH_BACKUP_UNENCRYPTED",
        conflicts_with_all = ["backup_recipient", "backup_passphrase_file"]
    )]
    pub(crate) backup_unencrypted: bool,
    /// Keep the newest backup of each of this many days.
    #[arg(
        long = "backup.keep-daily",
        env = "MYHEALTH_BACKUP_KEEP_DAILY",
        default_value_t = 30,
        value_name = "DAYS"
    )]
    pub(crate) backup_keep_daily: usize,
    /// The same for weeks.
    #[arg(
        long = "backup.keep-weekly",
        env = "MYHEALTH_BACKUP_KEEP_WEEKLY",
        default_value_t = 52,
        value_name = "WEEKS"
    )]
    pub(crate) backup_keep_weekly: usize,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BackupArgs {
    /// A file, `-` for standard output, a folder (one that is there, or a name that ends with /), or `s3://bucket/prefix` with
    /// the usual AWS_… variables. In a folder or bucket, backups share what did not change.
    #[arg(value_name = "TARGET")]
    pub(crate) target: BackupPlace,
    #[command(flatten)]
    pub(crate) encryption: EncryptionArgs,
    /// Only this person, for a file: a copy of everything stored about a person, to take along.
    #[arg(long, value_name = "NAME")]
    pub(crate) person: Option<Pseudonym>,
    /// After the backup, keep the newest one of each of this many days in the folder or bucket. Default: all.
    #[arg(long, value_name = "DAYS")]
    pub(crate) keep_daily: Option<usize>,
    /// The same for weeks.
    #[arg(long, value_name = "WEEKS")]
    pub(crate) keep_weekly: Option<usize>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct RestoreArgs {
    /// A file, `-` for standard input, a folder, or `s3://bucket/prefix`.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: BackupPlace,
    /// An identity that opens the backup, as `age-keygen` writes it; may be repeated.
    #[arg(long, env = "MYHEALTH_BACKUP_IDENTITY", value_delimiter = ',', value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,
    /// The passphrase that opens the backup: the text of this file.
    #[arg(long, env = "MYHEALTH_BACKUP_PASSPHRASE_FILE", value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The newest backup of this moment or before (a day, or a timestamp). Default: the newest.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<Timestamp>,
    /// Restore this person only.
    #[arg(long, value_name = "NAME")]
    pub(crate) person: Option<Pseudonym>,
    /// Check the whole backup and restore nothing; no database is opened.
    #[arg(long, conflicts_with = "person")]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MoveArgs {
    /// Folder of the embedded database to move to.
    #[arg(long, value_name = "FOLDER", required_unless_present_any = ["to_database_url", "to_database_url_file"])]
    pub(crate) to_data_dir: Option<PathBuf>,
    /// The database to move to: `postgres://user:password@host/name`. It is migrated, and must be empty.
    #[arg(long, hide_env_values = true, conflicts_with_all = ["to_data_dir", "to_database_url_file"])]
    pub(crate) to_database_url: Option<String>,
    /// A file that holds the URL of the database to move to.
    #[arg(long, value_name = "FILE", conflicts_with = "to_data_dir")]
    pub(crate) to_database_url_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct EraseArgs {
    /// The person.
    pub(crate) name: Pseudonym,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Erase the person from the backups in this folder or `s3://bucket/prefix` as well; may be repeated.
    #[arg(long, value_name = "PLACE")]
    pub(crate) backups: Vec<ResultLocation>,
    /// Where jobs put their results, as for `serve`. Default: `results` next to the embedded database.
    #[arg(long = "jobs.results", env = "MYHEALTH_JOBS_RESULTS", value_name = "PLACE")]
    pub(crate) results: Option<ResultLocation>,
    #[command(flatten)]
    pub(crate) login: LoginSettings,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

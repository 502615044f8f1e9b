//! Flags of the database: where it is, how to log in there, who gets which privileges.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use store::Privileges;

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
    /// A file that holds the database URL, as secrets are mounted. Read again every minute, and when the server refuses the
    /// log-in.
    #[arg(long, env = "MYHEALTH_DATABASE_URL_FILE")]
    pub(crate) database_url_file: Option<PathBuf>,
    /// A file that holds the role's password, instead of the one in the URL. Read again like the other.
    #[arg(long, env = "MYHEALTH_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) database_password_file: Option<PathBuf>,
    /// How to log in at PostgreSQL.
    #[arg(
        long,
        env = "MYHEALTH_DATABASE_AUTH",
        value_enum,
        default_value_t = DatabaseAuth::Password,
        value_name = "METHOD",
    )]
    pub(crate) database_auth: DatabaseAuth,
    /// Use the database of `myhealth demo`, whatever else is configured.
    #[arg(long)]
    pub(crate) demo: bool,
    /// With --demo: where `demo` keeps it, if it was given another folder.
    #[arg(long, env = "MYHEALTH_DEMO_DIR", value_name = "FOLDER", hide_short_help = true)]
    pub(crate) demo_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
}

/// How to log in at PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DatabaseAuth {
    #[default]
    /// By the password of the URL or of --database-password-file.
    Password,
    /// By a token that is signed with the AWS credentials of this process: variables, web identity, container endpoint or
    /// instance metadata. The URL needs sslmode=require or better.
    RdsIam,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Give a role of PostgreSQL what services need, after the migration; may be repeated. `writer` reads and writes rows (ingest,
    /// api), `reader` reads what gauges are made of (exporter). A role that is missing is made, without a password.
    #[arg(long, env = "MYHEALTH_GRANT", value_delimiter = ',', value_name = "PRIVILEGES=ROLE")]
    pub(crate) grant: Vec<Grant>,
}

/// Which role gets which privileges.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) privileges: Privileges,
    pub(crate) role: String,
}

impl std::str::FromStr for Grant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let privileges = |name: &str| match name {
            "writer" => Some(Privileges::Writer),
            "reader" => Some(Privileges::Reader),
            _ => None,
        };
        let (name, role) = text.split_once('=').unwrap_or_default();
        match privileges(name) {
            // PostgreSQL cuts longer names.
            Some(privileges) if (1..=63).contains(&role.len()) => {
                Ok(Self { privileges, role: role.to_owned() })
            }
            _ => Err("write writer=ROLE or reader=ROLE, with a name of 1 to 63 bytes".to_owned()),
        }
    }
}

/// A replica of the database.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Database")]
pub(crate) struct ReplicaArgs {
    /// A replica of the PostgreSQL database: the API reads history there; tokens, accounts and documents stay with the
    /// primary. What was written shows when the replica has it. The log-in is the primary's.
    #[arg(
        long,
        env = "MYHEALTH_DATABASE_REPLICA_URL",
        hide_env_values = true,
        conflicts_with = "database_replica_url_file"
    )]
    pub(crate) database_replica_url: Option<String>,
    /// A file that holds the replica's URL. Read again like the other one.
    #[arg(long, env = "MYHEALTH_DATABASE_REPLICA_URL_FILE")]
    pub(crate) database_replica_url_file: Option<PathBuf>,
}

//! From flags to settings: files are read, places chosen, contradictions refused. Nothing is opened or bound here.

use std::path::{Path, PathBuf};

use api::administration::end_of;
use domain::{Day, DayRange};
use ingest::plan::Horizon;
use jiff::Timestamp;
use secrecy::SecretString;
use store::Location;
use store::denied::remedy;

use crate::cli::OuraArgs;

/// A mistake in the configuration: exit code 64.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("cannot read {flag} {path}; {}", remedy(path, source, "check the path"))]
    Unreadable { flag: &'static str, path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}; {}", remedy(path, source, "choose another path"))]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("{flag} {path} is empty")]
    Empty { flag: &'static str, path: PathBuf },
    #[error(
        "there is no database at {0}; --data-dir or --database-url names another place, and `myhealth serve`, `sync`, \
         `import`, `login` or `person add` makes this one"
    )]
    NoDatabase(Location),
    #[error("there is no home folder to keep data in; say where with --data-dir")]
    NoHome,
    #[error(
        "reading Oura needs a log-in: register an application at Oura, give --oura-client-id and \
         --oura-client-secret-file, and run `myhealth login` (docs/login.md). An access token from before works too, with \
         --oura-token-file. To look around without an account run `myhealth demo`; to serve what is stored use \
         --roles exporter,api"
    )]
    NoLogin,
    #[error(
        "webhooks need the application that is registered at Oura: --oura-client-id and --oura-client-secret-file"
    )]
    NoApplication,
    #[error(
        "{} is set, but {missing} is not; both are of the application that is registered at Oura",
        if *missing == CLIENT_ID { CLIENT_SECRET } else { CLIENT_ID }
    )]
    HalfAnApplication { missing: &'static str },
    #[error(
        "logged in, but {CLIENT_ID} and {CLIENT_SECRET} are not set, and this log-in was made by a version that did not keep \
         them; set both, or run `myhealth login` with both once more"
    )]
    LoggedInWithoutApplication,
    #[error("say which callback with --webhook.callback-url, or --all to delete")]
    NoCallback,
    #[error("--webhook.callback-url: {0}")]
    Callback(#[from] ingest::webhook::InvalidCallback),
    #[error(
        "log-ins in PostgreSQL are encrypted with a key of yours: make one with `openssl rand -hex 32`, keep it in a \
         file and name that with --encryption-key-file"
    )]
    NoKey,
    #[error("--encryption-key, --encryption-key-file, --previous-encryption-key-file: {0}")]
    Key(#[from] ingest::oauth::SealError),
    #[error(
        "{0} is no address that this machine can listen on for the browser; register http://localhost:9873/callback or \
         the like, or use --paste"
    )]
    Redirect(String),
    #[error("{0}")]
    Healthcheck(String),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("--oura-url, --oura-token, --oura-…-url: {0}")]
    Oura(#[source] ingest::InvalidClient),
    #[error(transparent)]
    Tls(ingest::InvalidClient),
    #[error("{flag} {path}{}", web_remedy(source))]
    Web { flag: &'static str, path: PathBuf, source: listener::Invalid },
    #[error("--from, --to: {0}")]
    Range(#[from] domain::day::ReversedRange),
    #[error(transparent)]
    Import(#[from] ingest::import::Unreadable),
    #[error("--expires: that day is over; write the last day on which it works")]
    TokenExpired,
    #[error("--database-replica-url: {0}")]
    Replica(#[source] store::Error),
    #[error(
        "--database-replica-url: a replica is one of a PostgreSQL database named with --database-url; leave it out with \
         the embedded one"
    )]
    ReplicaOfNothing,
    #[error(
        "--database-password-file and --database-auth rds-iam are for PostgreSQL; name the server with --database-url or \
         --database-url-file"
    )]
    LoginOfNothing,
    #[error(
        "--database-auth rds-iam: a token is sent over TLS only; add sslmode=verify-full and sslrootcert=FILE with \
         Amazon's certificates to the URL (docs/database.md)"
    )]
    PlainToken,
    #[error("--database-auth rds-iam: {0}")]
    Signer(#[from] rds::Invalid),
    #[error("{flag} {path}: {source}")]
    SigningKey { flag: &'static str, path: PathBuf, source: api::login::session::InvalidKey },
    #[error("an account's name is 1 to 64 bytes of printable characters; it is typed at every log-in")]
    AccountName,
    #[error("{0}")]
    Password(#[source] api::login::password::InvalidPassword),
    #[error("a token's name is 1 to 64 printable characters, for example the program that will use it")]
    TokenName,
    #[error(
        "--token-file {0}: a token has at least 32 letters, digits, _, -, ~, +, / or =; remove the file to have one drawn"
    )]
    TokenText(PathBuf),
    #[error("no metric is called {0:?}; docs/metrics.md and the API's /api/v1/metrics list every one")]
    UnknownMetric(String),
    #[error("--what, --metric, --collection: {0}")]
    Table(#[from] export::InvalidTable),
    #[error("--jobs.results: {0}")]
    Results(#[from] jobs::InvalidResultLocation),
    #[error("TARGET, SOURCE: {0}")]
    Place(#[source] jobs::InvalidResultLocation),
    #[error(
        "say who may read the backup: --recipient age1…, --passphrase-file FILE, or --unencrypted where the place is safe"
    )]
    NoEncryption,
    #[error("--keep-daily, --keep-weekly: a file is one backup; name a folder or s3://bucket/prefix")]
    KeepOfFile,
    #[error("--person: a copy of one person is a file; name one")]
    PersonOfRepository,
    #[error("--at: a file is one backup; leave it out")]
    AtOfFile,
    #[error("--identity {path}: {source}")]
    Identity { path: PathBuf, source: backup::InvalidKey },
    #[error("{0}")]
    Export(#[from] export::InvalidReceiver),
    #[error("{0}")]
    Logs(String),
    #[error("{0}")]
    Mixin(String),
}

/// The settings of the application that is registered at Oura.
pub(crate) const CLIENT_ID: &str = "--oura-client-id";
pub(crate) const CLIENT_SECRET: &str = "--oura-client-secret-file";

impl From<ingest::InvalidClient> for Invalid {
    fn from(invalid: ingest::InvalidClient) -> Self {
        match invalid {
            // No flag is to blame.
            ingest::InvalidClient::Tls(_) => Self::Tls(invalid),
            _ => Self::Oura(invalid),
        }
    }
}

/// What to do about a file that a configuration of a listener is, or names, and that cannot be read.
fn web_remedy(error: &listener::Invalid) -> String {
    match error {
        listener::Invalid::Unreadable { path, source, .. } => {
            format!("; {}", remedy(path, source, "check the path"))
        }
        _ => String::new(),
    }
}

/// The end of the last day on which a token or an account works, in UTC.
pub(crate) fn expiry(last: Option<Day>, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
    last.map(|day| end_of(day, now).ok_or(Invalid::TokenExpired)).transpose()
}

/// A secret's file without the line end editors add.
pub(crate) fn read_secret(flag: &'static str, path: &Path) -> Result<String, Invalid> {
    let text = std::fs::read_to_string(path).map_err(|source| Invalid::Unreadable {
        flag,
        path: path.to_owned(),
        source,
    })?;
    match text.trim() {
        "" => Err(Invalid::Empty { flag, path: path.to_owned() }),
        text => Ok(text.to_owned()),
    }
}

impl OuraArgs {
    /// The access token of before, if one is given.
    pub(crate) fn token(&self) -> Result<Option<SecretString>, Invalid> {
        match (&self.oura_token, &self.oura_token_file) {
            (Some(token), _) if !token.trim().is_empty() => Ok(Some(token.trim().to_owned().into())),
            (_, Some(path)) => Ok(Some(read_secret("--oura-token-file", path)?.into())),
            _ => Ok(None),
        }
    }

    /// How far back to read.
    pub(crate) fn horizon(&self) -> Horizon {
        Horizon { history_from: self.history_from, trailing_days: i64::from(self.resync_days) }
    }
}

/// The days of `sync --from --to`.
pub(crate) fn exact_range(
    from: Option<domain::Day>,
    to: Option<domain::Day>,
) -> Result<Option<DayRange>, Invalid> {
    match (from, to) {
        (Some(from), Some(to)) => Ok(Some(DayRange::new(from, to)?)),
        _ => Ok(None),
    }
}

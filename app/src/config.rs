//! From flags to settings: files are read, places chosen, contradictions refused. Nothing is opened or bound here.

use std::path::{Path, PathBuf};

use domain::{Day, DayRange};
use ingest::plan::Horizon;
use jiff::Timestamp;
use secrecy::SecretString;
use store::Location;
use store::denied::remedy;

use crate::cli::{DemoArgs, HomeArgs, OuraArgs, StoreArgs};

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

/// Whether a token may be called so: it is printed in lists.
pub(crate) fn is_token_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The end of the last day on which a token or an account works, in UTC.
pub(crate) fn expiry(last: Option<Day>, now: Timestamp) -> Result<Option<Timestamp>, Invalid> {
    let end = last.map(|day| day.plus(1).midnight_utc());
    if end.is_some_and(|end| end <= now) { Err(Invalid::TokenExpired) } else { Ok(end) }
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

impl HomeArgs {
    /// The folder of this program's data by the XDG rules, which ignore a path that is not absolute.
    fn data_dir(&self) -> Result<PathBuf, Invalid> {
        let data = self.xdg_data_home.clone().filter(|path| path.is_absolute());
        let data = data.or_else(|| self.home.as_ref().map(|home| home.join(".local/share")));
        data.map(|data| data.join("myhealth")).ok_or(Invalid::NoHome)
    }
}

const FILE: &str = "myhealth.db";

/// Whether opening a database makes nothing. What may not be read is there.
pub(crate) fn is_there(location: &Location) -> bool {
    match location {
        Location::Sqlite(file) => file.try_exists().unwrap_or(true),
        Location::Postgres(_) => true,
    }
}

impl StoreArgs {
    /// Where the database is.
    pub(crate) fn location(&self) -> Result<Location, Invalid> {
        if self.demo {
            return Ok(Location::Sqlite(self.demo_folder()?.join(FILE)));
        }
        // Compose files and charts write an unset variable as an empty one.
        let url = match (self.database_url.as_ref().filter(|url| !url.is_empty()), &self.database_url_file) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(path)) => Some(read_secret("--database-url-file", path)?),
            (None, None) => None,
        };
        if let Some(url) = url {
            return Ok(url.parse()?);
        }
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => self.home.data_dir()?,
        };
        Ok(Location::Sqlite(folder.join(FILE)))
    }
}

/// The demo's folder in the default data folder.
const DEMO_FOLDER: &str = "demo";

impl StoreArgs {
    fn demo_folder(&self) -> Result<PathBuf, Invalid> {
        match &self.demo_dir {
            Some(folder) => Ok(folder.clone()),
            None => Ok(self.home.data_dir()?.join(DEMO_FOLDER)),
        }
    }
}

impl DemoArgs {
    /// Folder of the demo's own database. Another synthetic person than the default one has a folder of their own.
    pub(crate) fn folder(&self) -> Result<PathBuf, Invalid> {
        if let Some(folder) = &self.demo_dir {
            return Ok(folder.clone());
        }
        let folder = self.home.data_dir()?.join(DEMO_FOLDER);
        let default = self.seed == Self::SEED && self.since.to_string() == Self::SINCE;
        Ok(if default { folder } else { folder.join(format!("seed-{}-since-{}", self.seed, self.since)) })
    }

    /// The demo's own database.
    pub(crate) fn location(&self) -> Result<Location, Invalid> {
        Ok(Location::Sqlite(self.folder()?.join(FILE)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn home(xdg: Option<&str>, home: Option<&str>) -> HomeArgs {
        HomeArgs { xdg_data_home: xdg.map(Into::into), home: home.map(Into::into) }
    }

    fn store_args() -> StoreArgs {
        StoreArgs {
            data_dir: None,
            database_url: None,
            database_url_file: None,
            demo: false,
            demo_dir: None,
            home: home(None, Some("/home/ann")),
        }
    }

    #[test]
    fn data_directory_follows_xdg() {
        let place = |args: StoreArgs| args.location().unwrap().to_string();
        assert_eq!(place(store_args()), "sqlite:/home/ann/.local/share/myhealth/myhealth.db");
        let xdg = StoreArgs { home: home(Some("/data"), None), ..store_args() };
        assert_eq!(place(xdg), "sqlite:/data/myhealth/myhealth.db");
        let relative = StoreArgs { home: home(Some("data"), Some("/home/ann")), ..store_args() };
        assert_eq!(place(relative), "sqlite:/home/ann/.local/share/myhealth/myhealth.db");
        let given = StoreArgs { data_dir: Some("here".into()), ..store_args() };
        assert_eq!(place(given), "sqlite:here/myhealth.db");
        let nowhere = StoreArgs { home: home(None, None), ..store_args() };
        assert!(matches!(nowhere.location(), Err(Invalid::NoHome)));
    }

    #[test]
    fn secret_file_is_read_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("url");
        std::fs::write(&path, "postgres://ann@db/health\n").unwrap();
        let args = StoreArgs { database_url_file: Some(path.clone()), ..store_args() };
        assert_eq!(args.location().unwrap().to_string(), "postgres://db:5432/health");
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(args.location(), Err(Invalid::Empty { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(args.location(), Err(Invalid::Unreadable { .. })));
    }
}

//! Which database, and how to log in at a server: from flags and files, which are read again while the process runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rds::{Endpoint, Signer};
use secrecy::{ExposeSecret, SecretString};
use store::{Location, Login, LoginError};

use crate::cli::{DatabaseAuth, DemoArgs, HomeArgs, ReplicaArgs, StoreArgs};
use crate::config::{Invalid, read_secret};

const FILE: &str = "myhealth.db";

/// The demo's folder in the default data folder.
const DEMO_FOLDER: &str = "demo";

/// Whether opening a database makes nothing. What may not be read is there.
pub(crate) fn is_there(location: &Location) -> bool {
    match location {
        Location::Sqlite(file) => file.try_exists().unwrap_or(true),
        Location::Postgres(_) => true,
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

impl StoreArgs {
    /// Where the database is.
    pub(crate) fn location(&self) -> Result<Location, Invalid> {
        if self.demo {
            let folder = demo_folder(self.demo_dir.as_ref(), &self.home)?;
            return Ok(Location::Sqlite(folder.join(FILE)));
        }
        if let Some(url) =
            UrlSource::of(self.database_url.as_ref(), self.database_url_file.as_ref(), "--database-url-file")
        {
            return self.location_of(url);
        }
        self.refuse_server_flags()?;
        let folder = match &self.data_dir {
            Some(folder) => folder.clone(),
            None => self.home.data_dir()?,
        };
        Ok(Location::Sqlite(folder.join(FILE)))
    }

    /// Where the replica is, if there is one; the log-in is that of the database itself.
    pub(crate) fn replica(&self, args: &ReplicaArgs) -> Result<Option<Location>, Invalid> {
        let file = args.database_replica_url_file.as_ref();
        let url = UrlSource::of(args.database_replica_url.as_ref(), file, "--database-replica-url-file");
        let location = url.map(|url| self.location_of(url)).transpose();
        location.map_err(|error| match error {
            Invalid::Store(error) => Invalid::Replica(error),
            other => other,
        })
    }

    fn location_of(&self, url: UrlSource) -> Result<Location, Invalid> {
        let location: Location = url.read()?.expose_secret().parse()?;
        if location.server().is_none() {
            self.refuse_server_flags()?;
            return Ok(location);
        }
        let is_fixed = matches!(url, UrlSource::Flag(_)) && self.database_password_file.is_none();
        let source = LoginFiles {
            url,
            password: self.database_password_file.clone(),
            signs: self.database_auth == DatabaseAuth::RdsIam,
            signer: Mutex::new(None),
        };
        if is_fixed && !source.signs {
            return Ok(location);
        }
        // Mistakes are found before anything is opened.
        source.read()?;
        let source = Arc::new(source);
        Ok(location.with_login(Arc::new(move || Box::pin(source.clone().log_in()))))
    }

    fn refuse_server_flags(&self) -> Result<(), Invalid> {
        if self.database_password_file.is_some() || self.database_auth != DatabaseAuth::Password {
            return Err(Invalid::LoginOfNothing);
        }
        Ok(())
    }
}

fn demo_folder(given: Option<&PathBuf>, home: &HomeArgs) -> Result<PathBuf, Invalid> {
    given.cloned().map_or_else(|| Ok(home.data_dir()?.join(DEMO_FOLDER)), Ok)
}

impl DemoArgs {
    /// Folder of the demo's own database. Another synthetic person than the default one has a folder of their own.
    pub(crate) fn folder(&self) -> Result<PathBuf, Invalid> {
        let folder = demo_folder(self.demo_dir.as_ref(), &self.home)?;
        let default = self.seed == Self::SEED && self.since.to_string() == Self::SINCE;
        if default || self.demo_dir.is_some() {
            return Ok(folder);
        }
        Ok(folder.join(format!("seed-{}-since-{}", self.seed, self.since)))
    }

    /// The demo's own database.
    pub(crate) fn location(&self) -> Result<Location, Invalid> {
        Ok(Location::Sqlite(self.folder()?.join(FILE)))
    }
}

/// A URL by itself or in a file.
enum UrlSource {
    Flag(SecretString),
    File(&'static str, PathBuf),
}

impl UrlSource {
    /// Compose files and charts write an unset variable as an empty one.
    fn of(url: Option<&String>, file: Option<&PathBuf>, flag: &'static str) -> Option<Self> {
        match (url.filter(|url| !url.is_empty()), file) {
            (Some(url), _) => Some(Self::Flag(url.clone().into())),
            (None, file) => file.cloned().map(|file| Self::File(flag, file)),
        }
    }

    fn read(&self) -> Result<SecretString, Invalid> {
        match self {
            Self::Flag(url) => Ok(url.clone()),
            Self::File(flag, file) => read_secret(flag, file).map(Into::into),
        }
    }
}

/// What a log-in is made of. Certificates of authorities are read by the driver, for each connection.
struct LoginFiles {
    url: UrlSource,
    password: Option<PathBuf>,
    /// Whether a token is signed instead of reading a password.
    signs: bool,
    /// The signer of the server that the URL named last: it keeps its credentials.
    signer: Mutex<Option<Signer>>,
}

/// What the files hold.
struct Read {
    url: SecretString,
    password: Option<SecretString>,
    signer: Option<Signer>,
}

impl LoginFiles {
    fn read(&self) -> Result<Read, Invalid> {
        let url = self.url.read()?;
        let password = self.password.as_ref().map(|file| read_secret("--database-password-file", file));
        let password = password.transpose()?.map(Into::into);
        let signer = if self.signs { Some(self.signer(&url.expose_secret().parse()?)?) } else { None };
        Ok(Read { url, password, signer })
    }

    fn signer(&self, location: &Location) -> Result<Signer, Invalid> {
        let server = location.server().ok_or(Invalid::LoginOfNothing)?;
        if !server.requires_tls {
            return Err(Invalid::PlainToken);
        }
        let endpoint = Endpoint { host: server.host, port: server.port, user: server.user };
        // Nothing panics while it holds this lock.
        let mut kept = self.signer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signer) = kept.as_ref().filter(|signer| *signer.endpoint() == endpoint) {
            return Ok(signer.clone());
        }
        Ok(kept.insert(Signer::new(endpoint, aws_settings())?).clone())
    }

    async fn log_in(self: Arc<Self>) -> Result<Login, LoginError> {
        // A mounted file may be on a slow volume.
        let Read { url, password, signer } = tokio::task::spawn_blocking(move || self.read()).await??;
        #[expect(clippy::disallowed_methods, reason = "AWS takes the token for 15 minutes from this moment")]
        let now = jiff::Timestamp::now();
        match signer {
            Some(signer) => Ok(Login { url, password: Some(signer.token(now).await?), is_token: true }),
            None => Ok(Login { url, password, is_token: false }),
        }
    }
}

/// The variables that every tool for AWS reads.
pub(crate) fn aws_settings() -> impl Iterator<Item = (String, String)> {
    #[expect(clippy::disallowed_methods, reason = "the names are those that every tool for AWS reads")]
    let variables = std::env::vars_os();
    // A variable that is no text is none of them.
    let texts =
        variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(|(name, _)| name.starts_with("AWS_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(xdg: Option<&str>, home: Option<&str>) -> HomeArgs {
        HomeArgs { xdg_data_home: xdg.map(Into::into), home: home.map(Into::into) }
    }

    fn store_args() -> StoreArgs {
        StoreArgs { home: home(None, Some("/home/ann")), ..StoreArgs::default() }
    }

    #[test]
    fn data_directory_follows_xdg() {
        let place = |args: StoreArgs| args.location().unwrap().to_string();
        assert_eq!(place(store_args()), "sqlite:/home/ann/.local/share/myhealth/myhealth.db");
        let xdg = StoreArgs { home: home(Some("/data"), None), ..store_args() };
        assert_eq!(place(xdg), "sqlite:/data/myhealth/myhealth.db");
        let relative = StoreArgs { home: home(Some("data"), Some("/home/ann")), ..store_args() };
        assert_eq!(place(relative), "sqlite:/home/ann/.local/share/myhealth/myhealth.db");
        let configured = StoreArgs { data_dir: Some("here".into()), ..store_args() };
        assert_eq!(place(configured), "sqlite:here/myhealth.db");
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

    #[test]
    fn log_in_flags_are_refused_without_a_server_and_tokens_without_tls() {
        let by = |url: Option<&str>, auth: DatabaseAuth, password: Option<&str>| {
            let (database_url, database_password_file) = (url.map(Into::into), password.map(Into::into));
            StoreArgs { database_url, database_auth: auth, database_password_file, ..store_args() }.location()
        };
        for url in [None, Some("sqlite:here.db")] {
            assert!(matches!(by(url, DatabaseAuth::RdsIam, None), Err(Invalid::LoginOfNothing)));
            let password = by(url, DatabaseAuth::Password, Some("/run/secrets/password"));
            assert!(matches!(password, Err(Invalid::LoginOfNothing)));
        }
        let server = "postgres://writer@db.x.eu-central-1.rds.amazonaws.com/health";
        for mode in ["", "?sslmode=disable", "?sslmode=prefer"] {
            let refused = by(Some(&format!("{server}{mode}")), DatabaseAuth::RdsIam, None);
            assert!(matches!(refused, Err(Invalid::PlainToken)), "{mode}");
        }
        let missing = by(Some(server), DatabaseAuth::Password, Some("/no/such/file"));
        assert!(matches!(missing, Err(Invalid::Unreadable { .. })));
    }
}

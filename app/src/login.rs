//! From flags to log-ins: the application, the key, and where access tokens come from. An application that is not configured
//! is the one that is kept with the log-in, so that a service needs no settings of Oura's.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use api::login::keys;
use api::login::session::{Issuer, SessionKeys};
use ingest::oauth::{Application, ApplicationSettings, ClientCredentials, GrantOwner, KeySource, Keyring};
use ingest::{Access, Client, Metrics, Tokens};
use secrecy::{ExposeSecret as _, SecretString};
use store::{Location, Person, Store};

use crate::Clock;
use crate::cli::{GuardArgs, LoginSettings, OuraArgs};
use crate::config::{Invalid, read_secret};
use crate::database::is_there;

/// The file of the key that signs log-ins at the API, next to the embedded database.
const SIGNING_KEY_FILE: &str = "api-key.pem";

/// The file of the previous, shared key, whose log-ins are accepted until they end.
const SHARED_KEY_FILE: &str = "api.key";

/// The key's file next to the embedded database.
const KEY_FILE: &str = "secret.key";

/// What access tokens may come from; nothing is opened yet.
#[derive(Clone)]
pub(crate) struct Credentials {
    /// For log-ins.
    application: Option<(Application, Keyring)>,
    /// The configured token.
    token: Option<SecretString>,
    /// Where an application that is not configured may be kept.
    kept: Option<(LoginSettings, Location)>,
}

impl LoginSettings {
    /// The configured application; `None` when none is.
    pub(crate) fn application(&self) -> Result<Option<Application>, Invalid> {
        self.application.credentials()?.map(|client| self.application_of(client)).transpose()
    }

    fn application_of(&self, client: ClientCredentials) -> Result<Application, Invalid> {
        Ok(Application::new(ApplicationSettings {
            client_id: client.id,
            client_secret: client.secret,
            redirect_uri: self.oura_redirect_uri.clone(),
            scopes: self.oura_scopes.clone(),
            authorize_url: self.oura_authorize_url.clone(),
            token_urls: self.oura_token_url.clone(),
            revoke_urls: self.oura_revoke_url.clone(),
        })?)
    }

    /// The application that is kept with a log-in of this database; `None` where there is no log-in.
    pub(crate) async fn kept_application(
        &self,
        store: &Store,
        location: &Location,
    ) -> anyhow::Result<Option<Application>> {
        if store.oura_grants().await?.is_empty() {
            return Ok(None);
        }
        match ingest::oauth::stored_client(store, &self.keyring(location)?).await? {
            Some(client) => Ok(Some(self.application_of(client)?)),
            // Logged in by a version that kept none.
            None => Err(Invalid::LoggedInWithoutApplication.into()),
        }
    }

    /// The keys. The embedded database has one next to it, which the first log-in makes; for a server it has to be given.
    pub(crate) fn keyring(&self, location: &Location) -> Result<Keyring, Invalid> {
        let configured = match (&self.encryption_key, &self.encryption_key_file) {
            (Some(key), _) if !key.trim().is_empty() => Some(KeySource::Text(key.trim().to_owned().into())),
            (_, Some(path)) => Some(KeySource::File(path.clone())),
            _ => None,
        };
        let previous = self.previous_encryption_key_file.clone().map(KeySource::File);
        match (configured, location) {
            (Some(current), _) => {
                let keyring = Keyring { current, previous };
                keyring.check()?;
                Ok(keyring)
            }
            (None, Location::Sqlite(file)) => {
                Ok(Keyring { current: KeySource::File(file.with_file_name(KEY_FILE)), previous })
            }
            (None, Location::Postgres(_)) => Err(Invalid::NoKey),
        }
    }

    /// Makes the embedded database's key when it is missing, and proves that the keys are keys.
    pub(crate) fn keyring_for_login(&self, location: &Location) -> Result<Keyring, Invalid> {
        let keyring = self.keyring(location)?;
        if let (KeySource::File(path), Location::Sqlite(file)) = (&keyring.current, location)
            && *path == file.with_file_name(KEY_FILE)
            && Keyring::create(path)?
        {
            outln!("made {}, which seals the log-in; back it up apart from the database", path.display());
        }
        keyring.check()?;
        Ok(keyring)
    }
}

impl GuardArgs {
    /// The keys that sign log-ins at the API. The embedded database has one next to it, made here when it is missing; for
    /// a server one has to be given, or log-ins are refused. Without a location only configured keys are read.
    pub(crate) fn session_keys(&self, location: Option<&Location>) -> Result<Option<SessionKeys>, Invalid> {
        const FLAG: &str = "--api.signing-key-file";
        const PREVIOUS: &str = "--api.previous-signing-key-file";
        let issuer = Issuer { issuer: self.issuer.clone(), audience: self.audience.clone() };
        let wrong = |flag, path: &Path| {
            let path = path.to_owned();
            move |source| Invalid::SigningKey { flag, path, source }
        };
        let read = |flag, path: &Path| read_secret(flag, path).map(SecretString::from);
        let mut shared = None;
        let path = match (&self.signing_key_file, location) {
            (Some(path), _) => path.clone(),
            (None, Some(Location::Sqlite(file))) => {
                let path = file.with_file_name(SIGNING_KEY_FILE);
                create_signing_key(&path)?;
                shared = Some(file.with_file_name(SHARED_KEY_FILE)).filter(|path| path.exists());
                path
            }
            (None, _) => return Ok(None),
        };
        let mut keys = SessionKeys::new(&read(FLAG, &path)?, issuer).map_err(wrong(FLAG, &path))?;
        for path in self.previous_signing_key_files.iter().chain(&shared) {
            keys.accept(&read(PREVIOUS, path)?).map_err(wrong(PREVIOUS, path))?;
        }
        if keys.sign_without_public_key() {
            tracing::warn!(
                "log-ins are signed with a shared key (HS256), which the next release refuses; make a P-256 key and name \
                 this one with --api.previous-signing-key-file for a day (docs/api.md)"
            );
        }
        Ok(Some(keys))
    }
}

/// Makes the file of a new key, readable by its owner only, unless it is there: a whole file or none, of one process.
fn create_signing_key(path: &Path) -> Result<(), Invalid> {
    let failed = |source| Invalid::Unwritable { path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    let key = keys::generate().map_err(|_| failed(std::io::Error::other("no random numbers")))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(key.expose_secret().as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error.error)),
        // Made now, or by another process, whose key counts.
        _ => Ok(()),
    }
}

impl Credentials {
    /// What these flags name. Where they name nothing, a database that is there may have a log-in.
    pub(crate) fn of(args: &OuraArgs, location: &Location) -> Result<Self, Invalid> {
        let token = args.token()?;
        let application = match args.login.application()? {
            Some(application) => Some((application, args.login.keyring(location)?)),
            None => None,
        };
        let kept =
            (application.is_none() && is_there(location)).then(|| (args.login.clone(), location.clone()));
        match (&application, &token, &kept) {
            (None, None, None) => Err(Invalid::NoLogin),
            _ => Ok(Self { application, token, kept }),
        }
    }

    /// A fixed token without an application.
    pub(crate) fn fixed(token: SecretString) -> Self {
        Self { application: None, token: Some(token), kept: None }
    }

    /// With the application that is kept in the database, where none is configured. A configured token does without.
    pub(crate) async fn complete(mut self, store: &Store) -> anyhow::Result<Self> {
        let Some((settings, location)) = self.kept.take() else { return Ok(self) };
        match settings.kept_application(store, &location).await {
            Ok(Some(application)) => {
                self.application = Some((application, settings.keyring(&location)?));
                Ok(self)
            }
            Err(error) if self.token.is_none() => Err(error),
            Ok(None) if self.token.is_none() => Err(Invalid::NoLogin.into()),
            Ok(None) | Err(_) => Ok(self),
        }
    }

    /// The access tokens of a person: of the log-in when there is one, else the configured token for `mine` only. `None`
    /// where there is neither.
    pub(crate) fn tokens(
        &self,
        store: &Store,
        person: &Person,
        mine: bool,
        metrics: &Metrics,
        clock: &Clock,
    ) -> Result<Option<Tokens>, Invalid> {
        let typed = self.token.clone().filter(|_| mine);
        let Some((application, keys)) = &self.application else { return Ok(typed.map(Into::into)) };
        Ok(Some(Tokens::stored(GrantOwner {
            store: store.clone(),
            person: person.clone(),
            application: application.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
            metrics: metrics.oauth(),
            fallback: typed,
        })?))
    }

    /// Access to Oura for every person; a token given on the command line belongs to person `mine`. Each person's client
    /// is made once: it keeps the state of renewals.
    pub(crate) fn access(
        &self,
        client: Client,
        mine: Option<i64>,
        store: &Store,
        metrics: &Metrics,
        clock: &Clock,
    ) -> Access {
        let (credentials, store, metrics, clock) =
            (self.clone(), store.clone(), metrics.clone(), clock.clone());
        let made: Mutex<HashMap<i64, Client>> = Mutex::default();
        Arc::new(move |person| {
            let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(client) = made.get(&person.id) {
                return Some(client.clone());
            }
            let tokens = credentials.tokens(&store, person, Some(person.id) == mine, &metrics, &clock);
            let own =
                tokens.and_then(|tokens| Ok(tokens.map(|tokens| client.with_tokens(tokens)).transpose()?));
            let own = own.unwrap_or_else(|error| {
                tracing::error!(person = %person.name, %error, "cannot ask Oura");
                None
            })?;
            made.insert(person.id, own.clone());
            Some(own)
        })
    }

    /// The application that log-ins are given to.
    pub(crate) fn application(&self) -> Option<&Application> {
        self.application.as_ref().map(|(application, _)| application)
    }

    /// Whether there is a configured token.
    pub(crate) fn is_typed(&self) -> bool {
        self.token.is_some()
    }

    /// Tokens for a client that is made before the database is open, only to try the flags.
    pub(crate) fn typed(&self) -> Tokens {
        self.token.clone().unwrap_or_else(|| String::new().into()).into()
    }
}

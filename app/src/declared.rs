//! People, accounts and tokens as the API's configuration file declares them: further keys of that listener's file. They
//! are checked, their secrets read, and reconciled with the database ([`store::DeclaredAccess`]). The identity provider is one of
//! them.

mod single_sign_on;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use api::administration::{account_number, is_account_name, is_token_name};
use api::login::password;
use api::login::single_sign_on::{CurrentSignOn, SingleSignOn};
use domain::{Day, Pseudonym};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use listener::{Extension, Invalid, Source, Values};
use secrecy::SecretString;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use store::{
    AuditAction, AuditEntry, AuditOutcome, DeclaredAccess, DeclaredAccount, DeclaredToken, Reconciled, Role,
    Scope, Scopes, Store,
};

use crate::config;
use single_sign_on::SignOnEntry;

/// The keys of the file.
const KEYS: &[&str] = &["people", "accounts", "tokens", "single_sign_on"];

/// Declared access as an extension of the API's file. Clones share the database.
#[derive(Clone, Default)]
pub(crate) struct Declared {
    store: Arc<OnceLock<Store>>,
    sign_on: CurrentSignOn,
}

impl Declared {
    /// From now on, what the file declares is reconciled with this database.
    pub(crate) fn reconcile_with(&self, store: &Store) {
        self.store.get_or_init(|| store.clone());
    }

    /// The provider that the file names now.
    pub(crate) fn sign_on(&self) -> &CurrentSignOn {
        &self.sign_on
    }
}

impl Extension for Declared {
    fn keys(&self) -> &'static [&'static str] {
        KEYS
    }

    fn files(&self, source: &Source) -> Vec<PathBuf> {
        source.parse::<Entries>().unwrap_or_default().value_files(source.folder())
    }

    fn read(&self, source: &Source) -> Result<Box<dyn Values>, Invalid> {
        let entries = source.parse::<Entries>()?;
        let sign_on = entries.single_sign_on.as_ref().map(|entry| entry.read(source.folder())).transpose()?;
        let mut access = entries.declared(source.folder())?;
        access.sign_on_rules = sign_on.as_ref().map(|sign_on| sign_on.rules.clone());
        Ok(Box::new(Reconciliation { access, sign_on: sign_on.map(Arc::new), declared: self.clone() }))
    }
}

/// What one read of the file declares.
struct Reconciliation {
    access: DeclaredAccess,
    sign_on: Option<Arc<SingleSignOn>>,
    declared: Declared,
}

impl Values for Reconciliation {
    fn apply(&self, now: Timestamp) -> BoxFuture<'_, Result<(), Invalid>> {
        Box::pin(async move {
            let Some(store) = self.declared.store.get() else { return Ok(()) };
            reconcile(store, &self.access, now).await.map_err(|error| Invalid::NotApplied {
                temporary: matches!(error, store::Error::Unavailable { .. }),
                source: error.into(),
            })?;
            self.declared.sign_on.set(self.sign_on.clone());
            Ok(())
        })
    }
}

async fn reconcile(store: &Store, declared: &DeclaredAccess, now: Timestamp) -> Result<(), store::Error> {
    let reconciled = store.reconcile_access(declared, now).await?;
    if reconciled != Reconciled::default() {
        let Reconciled { changed, revoked } = reconciled;
        let entry = AuditEntry {
            at: now,
            action: AuditAction::AccessReconcile,
            outcome: AuditOutcome::Accepted,
            principal: Some("operator".to_owned()),
            client: None,
            route: Some("--api.config.file".to_owned()),
            subject: Some(format!("{changed} changed, {revoked} revoked")),
        };
        entry.log();
        store.record_audit(&[entry]).await?;
    }
    Ok(())
}

/// The extension of other listeners' files: these keys are known, and refused.
pub(crate) struct DeclaredElsewhere;

impl Extension for DeclaredElsewhere {
    fn keys(&self) -> &'static [&'static str] {
        KEYS
    }

    fn files(&self, _: &Source) -> Vec<PathBuf> {
        Vec::new()
    }

    fn read(&self, source: &Source) -> Result<Box<dyn Values>, Invalid> {
        let Entries { people, accounts, tokens, single_sign_on } = source.parse()?;
        if !people.is_empty() || !accounts.is_empty() || !tokens.is_empty() || single_sign_on.is_some() {
            return Err(Invalid::Field {
                field: KEYS.join(", "),
                reason: "they open the API and are declared in the file of --api.config.file".to_owned(),
            });
        }
        Ok(Box::new(Nothing))
    }
}

struct Nothing;

impl Values for Nothing {
    fn apply(&self, _: Timestamp) -> BoxFuture<'_, Result<(), Invalid>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The values of [`KEYS`] as the file has them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entries {
    people: Vec<PersonEntry>,
    accounts: Vec<AccountEntry>,
    tokens: Vec<TokenEntry>,
    single_sign_on: Option<SignOnEntry>,
}

/// A person who exists from the start.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    name: Spanned<String>,
    time_zone: Spanned<String>,
}

/// A log-in with a password.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    name: Spanned<String>,
    person: Option<Spanned<String>>,
    #[serde(default)]
    everyone: bool,
    password_hash: Spanned<Value>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
    role: Option<Spanned<String>>,
    expires: Option<Spanned<String>>,
}

/// A token by its hash.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    name: Spanned<String>,
    person: Option<Spanned<String>>,
    hash: Spanned<Value>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
    expires: Option<Spanned<String>>,
}

/// A value in the file, in a file of its own, or in an environment variable.
enum Value {
    Here(SecretString),
    File(PathBuf),
    Environment(String),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(_) => f.write_str("Here"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(name) => f.debug_tuple("Environment").field(name).finish(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, {file: PATH} or {env: NAME}")
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Here(text.to_owned().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let found = match map.next_entry::<String, String>()? {
                    Some((key, path)) if key == "file" => Value::File(path.into()),
                    Some((key, name)) if key == "env" => Value::Environment(name),
                    _ => return Err(A::Error::custom("expected file or env")),
                };
                match map.next_key::<String>()? {
                    None => Ok(found),
                    Some(_) => Err(A::Error::custom("expected file or env, not both")),
                }
            }
        }
        from.deserialize_any(Reader)
    }
}

impl Entries {
    /// The files that hold values of this one.
    fn value_files(&self, folder: &Path) -> Vec<PathBuf> {
        let values = self.accounts.iter().map(|account| &account.password_hash);
        let values = values.chain(self.tokens.iter().map(|token| &token.hash));
        let files = values.filter_map(|value| value.value.file()).map(|path| folder.join(path));
        files.chain(self.single_sign_on.iter().flat_map(|entry| entry.files(folder))).collect()
    }

    /// What the file declares.
    fn declared(&self, folder: &Path) -> Result<DeclaredAccess, Invalid> {
        let people = self.people.iter().map(PersonEntry::read).collect::<Result<_, _>>()?;
        let accounts = self.accounts.iter().map(|account| account.read(folder)).collect::<Result<_, _>>()?;
        let tokens = self.tokens.iter().map(|token| token.read(folder)).collect::<Result<_, _>>()?;
        unique("people[].name", self.people.iter().map(|person| (&person.name, &*person.name.value)))?;
        unique("accounts[].name", self.accounts.iter().map(|account| (&account.name, &*account.name.value)))?;
        unique("tokens[].name", self.tokens.iter().map(|token| (&token.name, &*token.name.value)))?;
        let declared = DeclaredAccess { people, accounts, tokens, sign_on_rules: None };
        let hashes = declared.tokens.iter().map(|token| &*token.hash);
        unique("tokens[].hash", self.tokens.iter().map(|token| &token.hash).zip(hashes))?;
        Ok(declared)
    }
}

/// A mistake in a value that has been read.
#[expect(clippy::needless_pass_by_value, reason = "errors and texts are given as they come")]
fn entry<T>(at: &Spanned<T>, key: &str, reason: impl ToString) -> Invalid {
    Invalid::Entry { line: at.referenced.line(), key: key.to_owned(), reason: reason.to_string() }
}

/// Refuses the second entry with the same value.
fn unique<'a, T: 'a>(
    key: &str,
    values: impl Iterator<Item = (&'a Spanned<T>, &'a str)>,
) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    for (at, value) in values {
        if !seen.insert(value) {
            return Err(entry(at, key, "another entry has it already"));
        }
    }
    Ok(())
}

impl PersonEntry {
    fn read(&self) -> Result<(Pseudonym, String), Invalid> {
        let zone = &self.time_zone;
        TimeZone::get(&zone.value).map_err(|_| {
            entry(zone, "people[].time_zone", "no such time zone; use an IANA name such as Europe/Berlin")
        })?;
        Ok((pseudonym(&self.name, "people[].name")?, zone.value.clone()))
    }
}

impl AccountEntry {
    fn read(&self, folder: &Path) -> Result<DeclaredAccount, Invalid> {
        let name = &self.name;
        if !is_account_name(&name.value) {
            return Err(entry(name, "accounts[].name", config::Invalid::AccountName));
        }
        if self.person.is_some() == self.everyone {
            let reason = "write either `person: NAME` or `everyone: true`";
            return Err(entry(name, "accounts[].person", reason));
        }
        let password = self.password_hash.value.read(folder);
        let password = password.and_then(|hash| {
            password::check_hash(&hash).map_err(|error| error.to_string())?;
            Ok(hash)
        });
        let id = account_number().map_err(|error| Invalid::Format(error.to_string()))?;
        Ok(DeclaredAccount {
            id,
            name: name.value.clone(),
            person: person(self.person.as_ref(), "accounts[].person")?,
            password: password
                .map_err(|reason| entry(&self.password_hash, "accounts[].password_hash", reason))?,
            scopes: self.opens()?,
            expires_at: expiry(self.expires.as_ref(), "accounts[].expires")?,
        })
    }
}

impl AccountEntry {
    /// The scopes, by themselves or by a role.
    fn opens(&self) -> Result<Scopes, Invalid> {
        let key = "accounts[].role";
        match &self.role {
            None => Ok(Scopes::of_account(scopes(&self.scopes, "accounts[].scopes")?)),
            Some(role) if !self.scopes.is_empty() => Err(entry(role, key, "write either a role or scopes")),
            Some(role) => {
                let role: Role = role.value.parse().map_err(|error| entry(role, key, error))?;
                Ok(role.scopes())
            }
        }
    }
}

/// What stands before the hash of a token, to say which it is.
pub(crate) const SHA256: &str = "sha256:";

impl TokenEntry {
    fn read(&self, folder: &Path) -> Result<DeclaredToken, Invalid> {
        let name = &self.name;
        if !is_token_name(&name.value) {
            return Err(entry(name, "tokens[].name", config::Invalid::TokenName));
        }
        let hash = self.hash.value.read(folder).and_then(|hash| {
            let hash = secrecy::ExposeSecret::expose_secret(&hash).strip_prefix(SHA256).map(str::to_owned);
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            hash.filter(|hash| hash.len() == 64 && hash.bytes().all(is_digit)).ok_or_else(|| {
                "expected sha256: and 64 hexadecimal digits; `myhealth token hash` prints an entry".to_owned()
            })
        });
        Ok(DeclaredToken {
            name: name.value.clone(),
            hash: hash.map_err(|reason| entry(&self.hash, "tokens[].hash", reason))?,
            person: person(self.person.as_ref(), "tokens[].person")?,
            scopes: Scopes::new(scopes(&self.scopes, "tokens[].scopes")?),
            expires_at: expiry(self.expires.as_ref(), "tokens[].expires")?,
        })
    }
}

impl Value {
    /// The file that holds it.
    fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            Self::Here(_) | Self::Environment(_) => None,
        }
    }

    /// The value, without the line end that editors add.
    fn read(&self, folder: &Path) -> Result<SecretString, String> {
        let text = match self {
            Self::Here(text) => return Ok(text.clone()),
            Self::File(path) => {
                let path = folder.join(path);
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?
            }
            Self::Environment(name) => {
                #[expect(clippy::disallowed_methods, reason = "the file of settings names the variable")]
                let value = std::env::var(name);
                value.map_err(|_| format!("the environment variable {name} is not set, or not UTF-8"))?
            }
        };
        Ok(text.trim().to_owned().into())
    }
}

fn pseudonym(name: &Spanned<String>, key: &str) -> Result<Pseudonym, Invalid> {
    name.value.parse().map_err(|error| entry(name, key, error))
}

fn person(name: Option<&Spanned<String>>, key: &str) -> Result<Option<Pseudonym>, Invalid> {
    name.map(|name| pseudonym(name, key)).transpose()
}

fn scopes(words: &[Spanned<String>], key: &str) -> Result<Vec<Scope>, Invalid> {
    words.iter().map(|word| word.value.parse().map_err(|error| entry(word, key, error))).collect()
}

/// The end of the last day, in UTC.
fn expiry(day: Option<&Spanned<String>>, key: &str) -> Result<Option<Timestamp>, Invalid> {
    let Some(day) = day else { return Ok(None) };
    let last: Day = day.value.parse().map_err(|_| entry(day, key, "write the last day as YYYY-MM-DD"))?;
    Ok(Some(last.plus(1).midnight_utc()))
}

#[cfg(test)]
mod tests;

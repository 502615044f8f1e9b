//! Log-ins of people. A name and a password are checked against an account ([`password`]), and become a signed token
//! ([`session`]) that is good for a day: programs send it as a bearer token, browsers as a cookie ([`cookie`]). Accounts are
//! made by the operator (`myhealth account add`, or declared); without one, or without a key to sign with, log-ins are closed.

pub(crate) mod cookie;
pub mod keys;
pub mod password;
pub mod session;
pub mod single_sign_on;
mod verified;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use store::{AuditAction, AuditOutcome, Store, UserAccount};

use crate::audit::Origin;
use crate::error::Error;
use crate::guards::Client;
use crate::guards::metrics::Outcome;
use crate::state::State;
use keys::PublicKey;
use password::Checker;
use session::SessionKeys;
use single_sign_on::{CurrentSignOn, SingleSignOn};
use verified::VerifiedPasswords;

/// What log-ins need. Clones share the turns of the password checks.
#[derive(Clone, Debug)]
pub struct LogIn {
    keys: Option<Arc<SessionKeys>>,
    checker: Arc<Checker>,
    verified: VerifiedPasswords,
    sign_on: CurrentSignOn,
}

impl LogIn {
    /// Log-ins signed with these keys; without any, log-ins are closed.
    pub fn new(keys: Option<SessionKeys>) -> Self {
        Self {
            keys: keys.map(Arc::new),
            checker: Arc::default(),
            verified: VerifiedPasswords::default(),
            sign_on: CurrentSignOn::default(),
        }
    }

    /// The same, and people may log in at a provider where one is configured.
    #[must_use]
    pub fn with_single_sign_on(self, sign_on: CurrentSignOn) -> Self {
        Self { sign_on, ..self }
    }

    /// The provider at which people log in.
    pub(crate) fn sign_on(&self) -> Option<Arc<SingleSignOn>> {
        self.sign_on.get()
    }

    /// The hash of a new password, made in a turn of the password checks.
    pub(crate) async fn hash_password(&self, password: SecretString) -> Result<SecretString, Error> {
        self.checker.keep(password).await
    }

    /// The public keys of log-ins, the one that signs first; none where log-ins are closed or signed with a shared key.
    pub(crate) fn public_keys(&self) -> Vec<PublicKey> {
        self.keys.as_ref().map_or_else(Vec::new, |keys| keys.public())
    }

    /// The public address of this API, if the issuer of log-ins is one.
    pub(crate) fn issuer_address(&self) -> Option<&str> {
        self.keys.as_ref()?.address()
    }

    /// The keys that sign log-ins; a refusal where log-ins are closed.
    pub(crate) fn keys(&self) -> Result<&SessionKeys, Error> {
        self.keys.as_deref().ok_or(Error::LogInClosed(
            "no key to sign log-ins with is known; `myhealth account add` makes one, or --api.signing-key-file names it",
        ))
    }

    /// The account that a log-in names, and until when, if it is in force.
    pub(crate) async fn account(
        &self,
        store: &Store,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(UserAccount, Timestamp)>, Error> {
        let session = self.keys.as_ref().and_then(|keys| keys.read(token, now));
        let Some(session) = session else { return Ok(None) };
        let account = store.account(session.account).await?;
        let account =
            account.filter(|account| account.generation == session.generation && account.in_force(now));
        Ok(account.map(|account| {
            let until = account.expires_at.map_or(session.expires_at, |end| end.min(session.expires_at));
            (account, until)
        }))
    }
}

/// The account of this name and password. Unknown names and wrong passwords get the same refusal after the same time, and
/// both are in the audit trail.
pub(crate) async fn check_password(
    state: &State,
    origin: &Origin,
    name: &str,
    password: SecretString,
) -> Result<UserAccount, Error> {
    let found = state.primary.account_with_password_hash(name).await?;
    let (account, hash) = found.unzip();
    check(state, origin, account, hash, password).await
}

/// The same for a password that comes with every request: one that was right a while ago is not checked again, and each check
/// counts as an attempt to log in.
pub(crate) async fn check_password_again(
    state: &State,
    (client, origin): (Client, &Origin),
    name: &str,
    password: SecretString,
) -> Result<UserAccount, Error> {
    let now = (state.now)();
    let found = state.primary.account_with_password_hash(name).await?;
    let (account, hash) = found.unzip();
    let proof = hash.as_ref().and_then(|hash| state.login.verified.proof(name, &password, hash));
    if let (Some(account), Some(proof)) = (&account, &proof)
        && account.in_force(now)
        && state.login.verified.contains(proof)
    {
        return Ok(account.clone());
    }
    if let Err(seconds) = state.guards.rate_limiters.count_log_in(client) {
        let what = (AuditAction::LogIn, AuditOutcome::Limited);
        state.audit.record_unless_repeated(origin.clone().entry(now, what, None, None));
        return Err(Error::TooMany(seconds));
    }
    let account = check(state, origin, account, hash, password).await?;
    if let Some(proof) = proof {
        state.login.verified.insert(proof);
    }
    Ok(account)
}

async fn check(
    state: &State,
    origin: &Origin,
    account: Option<UserAccount>,
    hash: Option<SecretString>,
    password: SecretString,
) -> Result<UserAccount, Error> {
    let metrics = &state.guards.metrics;
    let right = state.login.checker.check(password, hash).await;
    let now = (state.now)();
    match (right, account) {
        (Ok(true), Some(account)) if account.in_force(now) => {
            note_log_in(state, origin, &account, now);
            Ok(account)
        }
        (Ok(_), account) => {
            metrics.log_in(Outcome::Refused);
            // An unknown name is not repeated: it may be a password typed in the wrong field.
            let subject =
                account.map_or("an unknown account".to_owned(), |it| format!("account {}", it.name));
            let what = (AuditAction::LogIn, AuditOutcome::Refused);
            state.audit.record(origin.clone().entry(now, what, None, Some(subject)));
            Err(Error::LogInRefused)
        }
        (Err(busy), _) => {
            metrics.log_in(Outcome::Busy);
            Err(busy)
        }
    }
}

/// Counts and records a log-in, and notes it at the account: next to the response, as the use of a token is noted.
pub(crate) fn note_log_in(state: &State, origin: &Origin, account: &UserAccount, now: Timestamp) {
    state.guards.metrics.log_in(Outcome::Accepted);
    let what = (AuditAction::LogIn, AuditOutcome::Accepted);
    state.audit.record(origin.clone().entry(now, what, Some(format!("account {}", account.name)), None));
    let (store, account) = (state.primary.clone(), account.id);
    tokio::spawn(async move {
        if let Err(error) = store.record_login(account, now).await {
            tracing::warn!(error = store::causes(&error), "cannot note a log-in");
        }
    });
}

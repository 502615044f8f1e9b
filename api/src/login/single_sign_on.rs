//! Log-ins at an OpenID Connect provider: who is let in, and what that opens. How the provider is asked is the business of
//! [`sso`]; accounts with a password do not depend on it.

use std::sync::{Arc, PoisonError, RwLock};

use domain::Pseudonym;
use jiff::Timestamp;
use sso::{Attempt, Callback, Identity, Provider};
use store::{AuditAction, AuditOutcome, Scopes, SignOn, UserAccount};

use crate::administration;
use crate::audit::Origin;
use crate::guards::metrics::Outcome;
use crate::login::note_log_in;
use crate::state::State;

/// What names of accounts begin with that log in at a provider. People with a password have names of their own.
const PREFIX: &str = "sso:";

/// A provider, and whom it may send.
#[derive(Debug)]
pub struct SingleSignOn {
    /// What people call the provider.
    pub name: String,
    /// The issuer.
    pub issuer: String,
    /// How it is asked.
    pub provider: Provider,
    /// Whether the page is behind TLS: the scheme of its address.
    pub secure: bool,
    /// What log-ins open: the first entry that fits counts, and without any nothing is opened.
    pub access: Vec<SignOnAccess>,
    /// Changes with `access`: log-ins by other rules than these are over.
    pub rules: String,
}

/// What people of a group open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOnAccess {
    /// Who.
    pub who: SignOnSubject,
    /// The one person whose numbers are open; `None`: everyone's.
    pub person: Option<Pseudonym>,
    /// What is open.
    pub scopes: Scopes,
}

/// Whom an entry is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignOnSubject {
    /// The members of a group at the provider.
    Group(String),
    /// The owner of an address that the provider has verified.
    Email(String),
}

impl SignOnSubject {
    fn fits(&self, identity: &Identity) -> bool {
        match self {
            Self::Group(group) => identity.groups.contains(group),
            Self::Email(email) => {
                identity.verified_email.as_ref().is_some_and(|verified| verified.eq_ignore_ascii_case(email))
            }
        }
    }
}

/// The provider that is configured now, if there is one; clones share it.
#[derive(Clone, Debug, Default)]
pub struct CurrentSignOn(Arc<RwLock<Option<Arc<SingleSignOn>>>>);

impl CurrentSignOn {
    /// From now on, people log in there.
    pub fn set(&self, sign_on: Option<Arc<SingleSignOn>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sign_on;
    }

    /// Whether there is one.
    pub fn is_configured(&self) -> bool {
        self.get().is_some()
    }

    pub(crate) fn get(&self) -> Option<Arc<SingleSignOn>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why a person who came back from the provider is not logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The attempt is older than ten minutes, of another browser, or was finished already.
    Expired,
    /// The provider did not log the person in, for example because they cancelled.
    Denied,
    /// The provider cannot be reached.
    Unavailable,
    /// What the provider says is not acceptable.
    Invalid,
    /// No entry fits.
    NoAccess,
    /// Something failed on this side.
    Failed,
}

impl Refused {
    /// The word by which the page knows what to say.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::NoAccess => "no-access",
            Self::Failed => "failed",
        }
    }

    /// The refusal of a log-in that failed at the provider, which is logged here.
    pub(crate) fn by_provider(error: &sso::Error) -> Self {
        tracing::warn!(error = store::causes(error), "single sign-on failed; log-ins with a password go on");
        if error.is_temporary() { Self::Unavailable } else { Self::Invalid }
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Self {
        tracing::error!(error = store::causes(&error), "single sign-on failed at the database");
        Self::Failed
    }
}

/// The account of a person whom the provider sent back.
pub(crate) async fn sign_on(
    state: &State,
    origin: &Origin,
    sign_on: &SingleSignOn,
    (attempt, callback): (&Attempt, &Callback<'_>),
) -> Result<UserAccount, Refused> {
    let refuse = |refused: Refused, subject: &str| {
        state.guards.metrics.log_in(Outcome::Refused);
        let what = (AuditAction::LogIn, AuditOutcome::Refused);
        state.audit.record(origin.clone().entry((state.now)(), what, None, Some(subject.to_owned())));
        refused
    };
    let now = (state.now)();
    let identity = sign_on.provider.identity(attempt, callback, now).await;
    let identity = identity.map_err(|error| refuse(Refused::by_provider(&error), "single sign-on"))?;
    let name = format!("{PREFIX}{}", identity.name);
    let subject = format!("account {name}");
    let Some(access) = sign_on.access.iter().find(|access| access.who.fits(&identity)) else {
        return Err(refuse(Refused::NoAccess, &subject));
    };
    let person = match &access.person {
        Some(name) => {
            let Some(person) = state.primary.person(name.as_str()).await? else {
                tracing::warn!(person = %name, "single sign-on is configured for a person that does not exist");
                return Err(refuse(Refused::NoAccess, &subject));
            };
            Some(person.id)
        }
        None => None,
    };
    let id = administration::account_number().map_err(|_| Refused::Failed)?;
    let new = SignOn {
        id,
        issuer: sign_on.issuer.clone(),
        subject: identity.subject,
        name,
        person,
        scopes: access.scopes.clone(),
        rules: sign_on.rules.clone(),
    };
    let account = state.primary.sign_on(&new, now).await?;
    note_log_in(state, origin, &account, now);
    Ok(account)
}

/// A log-in at the provider that begins: what the browser keeps, and where it goes.
pub(crate) async fn begin(sign_on: &SingleSignOn, now: Timestamp) -> Result<(Attempt, String), Refused> {
    let attempt = Attempt::begin().map_err(|_| Refused::Failed)?;
    let url = sign_on.provider.authorization_url(&attempt, now).await;
    let url = url.map_err(|error| Refused::by_provider(&error))?;
    Ok((attempt, url.into()))
}

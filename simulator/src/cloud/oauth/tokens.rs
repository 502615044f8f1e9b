//! Applications and the tokens issued to them.

use std::collections::{BTreeSet, HashMap, HashSet};

use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// An application registered at the developer portal.
#[derive(Clone)]
pub struct Application {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
    /// The one `redirect_uri` that is accepted, byte for byte.
    pub redirect_uri: String,
    /// Life of an access token, seconds; Oura says 24 h in one place and 30 days in another.
    pub expires_in: i64,
    /// Scopes the person unticks on the consent page, without prefix.
    pub unticked: Vec<String>,
}

/// Scopes Oura enforces; unknown ones are dropped without a word.
pub const SCOPES: &[&str] = &[
    "email",
    "personal",
    "daily",
    "heartrate",
    "workout",
    "tag",
    "session",
    "spo2",
    "stress",
    "heart_health",
    "ring_configuration",
];

/// How long a code can be exchanged.
pub(super) const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Where an application is registered, and which addresses know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cloud) enum FrontEnd {
    /// `/oauth/…`, the documented one.
    Legacy,
    /// `/oauth/v2/ext/oauth-…`, of the new developer portal.
    Portal,
}

/// A consent: whose data, and which.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) id: u64,
    pub(super) person: usize,
    pub(super) scopes: BTreeSet<String>,
}

/// A consent on its way to the application.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) client: String,
    pub(super) expires: Timestamp,
    pub(super) challenge: Option<String>,
}

/// Everything handed out. A value that was spent is gone, so using it again is using an unknown one; only refresh tokens
/// are remembered, to count who uses one again.
#[derive(Debug, Default)]
pub(in crate::cloud) struct Tokens {
    access: HashMap<String, (Grant, Timestamp)>,
    refresh: HashMap<String, (Grant, String)>,
    pub(super) codes: HashMap<String, Code>,
    spent: HashSet<String>,
    reuses: u64,
    pub(super) issued: u64,
}

impl Tokens {
    /// A token that never expires.
    pub(in crate::cloud) fn add(&mut self, token: &str, person: usize, scopes: &[&str]) {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        self.issued += 1;
        self.access.insert(token.to_owned(), (Grant { id: self.issued, person, scopes }, Timestamp::MAX));
    }

    /// Whose a token is and what it may read.
    pub(in crate::cloud) fn access(&self, token: &str, now: Timestamp) -> Option<(usize, BTreeSet<String>)> {
        let (grant, expires) = self.access.get(token)?;
        (now < *expires).then(|| (grant.person, grant.scopes.clone()))
    }

    /// Whose a token is, expired or not.
    pub(in crate::cloud) fn owner(&self, token: &str) -> Option<usize> {
        self.access.get(token).map(|(grant, _)| grant.person)
    }

    /// Forgets everything of the person a token belongs to.
    pub(in crate::cloud) fn revoke(&mut self, token: &str) {
        let Some(person) = self.owner(token) else { return };
        self.access.retain(|_, (grant, _)| grant.person != person);
        self.refresh.retain(|_, (grant, _)| grant.person != person);
        self.codes.retain(|_, code| code.grant.person != person);
    }

    /// How often a spent refresh token came again.
    pub(in crate::cloud) fn reuses(&self) -> u64 {
        self.reuses
    }

    /// How many refresh tokens are good.
    pub(in crate::cloud) fn log_ins(&self) -> usize {
        self.refresh.len()
    }

    /// Forgets the consent that a token of this client belongs to.
    pub(super) fn forget(&mut self, token: &str, client: &str) {
        let of_access = self.access.get(token).map(|(grant, _)| grant.id);
        let of_refresh =
            self.refresh.get(token).filter(|(_, owner)| owner == client).map(|(grant, _)| grant.id);
        let Some(id) = of_refresh.or(of_access) else { return };
        self.access.retain(|_, (grant, _)| grant.id != id);
        self.refresh.retain(|_, (grant, _)| grant.id != id);
    }

    /// Takes a refresh token out of circulation.
    pub(super) fn spend(&mut self, token: &str) -> Option<(Grant, String)> {
        self.reuses += u64::from(self.spent.contains(token));
        let found = self.refresh.remove(token)?;
        self.spent.insert(token.to_owned());
        Some(found)
    }

    /// A name never used before. Not a secret: nothing here is worth guessing.
    pub(super) fn issue(&mut self, kind: &str) -> String {
        self.issued += 1;
        format!("simulated-{kind}-{:06}", self.issued)
    }

    /// A fresh pair for a grant, as the token endpoint answers it.
    pub(super) fn pair(&mut self, grant: Grant, application: &Application, now: Timestamp) -> Response {
        let (access, refresh) = (self.issue("access"), self.issue("refresh"));
        let granted: Vec<_> = grant.scopes.iter().map(|scope| format!("extapi:{scope}")).collect();
        let life = SignedDuration::from_secs(application.expires_in);
        let expires = now.saturating_add(life).unwrap_or(Timestamp::MAX);
        let answer = json!({
            "token_type": "bearer",
            "access_token": access,
            "expires_in": application.expires_in,
            "refresh_token": refresh,
            "scope": granted.join(" "),
        });
        self.access.insert(access, (grant.clone(), expires));
        self.refresh.insert(refresh, (grant, application.id.clone()));
        axum::Json(answer).into_response()
    }
}

/// Redacts the secret.
impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("id", &self.id).finish_non_exhaustive()
    }
}

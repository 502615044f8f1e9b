//! The state of the simulated cloud: people, tokens, faults, and the log of requests.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

use super::faults::Faults;
use super::oauth::tokens::{Application, FrontEnd, Tokens};
use super::problem::{Problem, locked, problem};
use super::webhook::{Sender, Webhooks};
use crate::life::Person;
use crate::oura::Shape;

/// The simulated cloud. Built once, then shared; faults, tokens and memberships change while it serves.
pub struct Cloud {
    pub(super) clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) people: Vec<Person>,
    pub(super) applications: Vec<(FrontEnd, Application)>,
    pub(super) denies: AtomicBool,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) lapsed: Mutex<BTreeSet<usize>>,
    pub(super) deleted: Mutex<BTreeSet<String>>,
    pub(super) webhooks: Mutex<Webhooks>,
    pub(super) sender: Option<Sender>,
    pub(super) faults: Faults,
    pub(super) page_size: usize,
    pub(super) row_page_size: usize,
    pub(super) requests: AtomicU64,
    pub(super) log: Mutex<VecDeque<Request>>,
}

/// A request as logged: no header, so no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// As sent, percent-encoded; empty when there was none.
    pub query: String,
}

impl Cloud {
    /// A cloud without accounts, which reads the time from `clock`.
    pub fn new(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            people: Vec::new(),
            applications: Vec::new(),
            denies: AtomicBool::new(false),
            tokens: Mutex::default(),
            lapsed: Mutex::default(),
            deleted: Mutex::default(),
            webhooks: Mutex::default(),
            sender: None,
            faults: Faults::default(),
            page_size: 100,
            row_page_size: 1_000,
            requests: AtomicU64::new(0),
            log: Mutex::default(),
        }
    }

    /// Adds a person and a token for them that never expires. `scopes` are names without the `extapi:` prefix.
    #[must_use]
    pub fn with_person(mut self, token: &str, person: Person, scopes: &[&str]) -> Self {
        self.people.push(person);
        locked(&self.tokens).add(token, self.people.len() - 1, scopes);
        self
    }

    /// Registers an application at the legacy portal; the first person added is the one who consents.
    #[must_use]
    pub fn with_application(mut self, application: Application) -> Self {
        self.applications.push((FrontEnd::Legacy, application));
        self
    }

    /// Registers an application at the new portal, whose addresses begin with `/oauth/v2/ext/oauth-`.
    #[must_use]
    pub fn with_portal_application(mut self, application: Application) -> Self {
        self.applications.push((FrontEnd::Portal, application));
        self
    }

    /// Documents in a page, at least 1; 100 unless configured. Oura does not document it.
    #[must_use]
    pub fn with_page_size(mut self, documents: usize) -> Self {
        self.page_size = documents.max(1);
        self
    }

    /// Rows in a page of a series, at least 1; 1,000 unless configured, which was measured for heart rate.
    #[must_use]
    pub fn with_row_page_size(mut self, rows: usize) -> Self {
        self.row_page_size = rows.max(1);
        self
    }

    /// What goes wrong, to be switched while serving.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Requests received, those answered with a fault included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The last thousand requests, oldest first.
    pub fn log(&self) -> Vec<Request> {
        locked(&self.log).iter().cloned().collect()
    }

    /// Ends or renews the membership of the owner of `token`; requests for the data of a lapsed member get a 403. Does nothing
    /// for an unknown token.
    pub fn set_lapsed(&self, token: &str, lapsed: bool) {
        let Some(person) = locked(&self.tokens).owner(token) else { return };
        let mut set = locked(&self.lapsed);
        if lapsed {
            set.insert(person);
        } else {
            set.remove(&person);
        }
    }

    /// Withdraws consent: `token` answers 401 from now on, and so does every token and refresh of the same person.
    pub fn revoke(&self, token: &str) {
        locked(&self.tokens).revoke(token);
    }

    /// Whether the person says no when asked for consent.
    pub fn set_denies(&self, denies: bool) {
        self.denies.store(denies, Ordering::Relaxed);
    }

    /// How often a refresh token came again after it was spent. A client with one refresher that loses no answer never
    /// does that.
    pub fn refresh_reuses(&self) -> u64 {
        locked(&self.tokens).reuses()
    }

    /// How many log-ins can be renewed.
    pub fn log_ins(&self) -> usize {
        locked(&self.tokens).log_ins()
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn page_size(&self, shape: Shape) -> usize {
        match shape {
            Shape::Documents | Shape::Whole => self.page_size,
            Shape::Series => self.row_page_size,
        }
    }

    /// The person behind the request's token, and its scopes.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller<'_>, Problem> {
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(header) = header else {
            return Err(problem(StatusCode::BAD_REQUEST, "No token: send an Authorization header."));
        };
        let token = header.strip_prefix("Bearer ").unwrap_or(header).trim();
        let access = locked(&self.tokens).access(token, self.now());
        let Some((person, scopes)) = access else {
            return Err(problem(StatusCode::UNAUTHORIZED, "The token is unknown, expired or revoked."));
        };
        if locked(&self.lapsed).contains(&person) {
            return Err(problem(StatusCode::FORBIDDEN, "The membership has ended."));
        }
        Ok(Caller { person: &self.people[person], scopes })
    }
}

/// A person behind a valid token.
pub(super) struct Caller<'a> {
    pub(super) person: &'a Person,
    pub(super) scopes: BTreeSet<String>,
}

impl Caller<'_> {
    /// 401 without the scope: never healed by a refresh.
    pub(super) fn require(&self, scope: &str) -> Result<(), Problem> {
        let detail = || format!("Token is not authorized access {scope} scope.");
        if self.scopes.contains(scope) { Ok(()) } else { Err(problem(StatusCode::UNAUTHORIZED, &detail())) }
    }
}

/// Says how many people there are, and no token.
impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("people", &self.people.len()).finish_non_exhaustive()
    }
}

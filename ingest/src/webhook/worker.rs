//! Fetches the documents of webhook events. An event is a reason to fetch, not the truth: Oura's current response is stored,
//! and a document that it no longer has is deleted. A document leaves the queue when it is stored, or after many failures
//! of its own; a revoked token or a lost network is not the document's failure but a reason to wait.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Change;
use store::{AccountClaim, Batch, EventLease, Origin, Store, causes};
use tokio_util::sync::CancellationToken;

use super::metrics::{FetchResult, Metrics};
use super::settings::Shared;
use crate::Clock;
use crate::failure::Failure;
use crate::oura::{Client, DocumentResponse};
use crate::scheduler::{Access, after};

/// Documents fetched at a time.
const CONCURRENCY: usize = 3;

/// How long a document is its worker's: longer than a fetch and storing it may take.
const LEASE: Duration = Duration::from_mins(2);

/// How often the queue is looked at unasked: another process may have filled it, a postponed document may be due.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Pause after a failure that any other document would meet too.
const RETRY_DELAY: Duration = Duration::from_mins(1);

/// Pause after the token was refused: the person has to log in again.
const TOKEN_REFUSED_DELAY: Duration = Duration::from_mins(10);

/// Pause after the store failed.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(10);

/// How often people without a known Oura account are looked for.
const USER_LOOKUP_INTERVAL: Duration = Duration::from_mins(1);

/// The first pause before a document is tried again; doubled each time.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(10);

/// The longest one.
const MAX_RETRY_DELAY: Duration = Duration::from_hours(1);

/// Failures of its own after which a document is given up: half a day of trying. Sync runs read it if it exists.
const MAX_ATTEMPTS: i64 = 20;

/// How often a response that contradicts the event is requested again, before it is accepted: Oura may answer from
/// a copy that is not up to date.
const MAX_CONTRADICTIONS: i64 = 3;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// Nothing is due.
    Nothing,
    /// A document was fetched, postponed or given up.
    One,
    /// Oura cannot be requested for a while.
    Pause(Duration),
}

/// Works the queue of all persons.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    client: Access,
    shared: Shared,
    metrics: Metrics,
    clock: Clock,
}

impl Worker {
    pub(super) fn new(store: Store, client: Access, shared: Shared, metrics: Metrics, clock: Clock) -> Self {
        Self { store, client, shared, metrics, clock }
    }

    /// Works until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        let works = futures_util::future::join_all((0..CONCURRENCY).map(|_| self.work(stop)));
        futures_util::join!(works, self.link_oura_users(stop), self.watch(stop));
    }

    async fn work(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.step(stop).await {
                Ok(StepOutcome::One) => continue,
                Ok(StepOutcome::Nothing) => POLL_INTERVAL,
                Ok(StepOutcome::Pause(pause)) => pause,
                Err(error) => {
                    tracing::error!(error = causes(&error), "cannot read the queue of webhook events");
                    STORE_RETRY_DELAY
                }
            };
            // A delay that Oura requires is kept, whatever is queued.
            let woken = async {
                if pause == POLL_INTERVAL {
                    self.shared.wake.notified().await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = woken => {}
            }
        }
    }

    /// Fetches one document that is due, if any. After a failure of the store the lease ends by itself.
    pub async fn step(&self, stop: &CancellationToken) -> Result<StepOutcome, store::Error> {
        let now = (self.clock)();
        let Some(person) = self.store.next_event(now).await? else { return Ok(StepOutcome::Nothing) };
        let Some(claim) = self.store.claim_event(person.id, after(now, LEASE), now).await? else {
            // Another worker was quicker; there may be more.
            return Ok(StepOutcome::One);
        };
        let event = &claim.event;
        let Some(client) = (self.client)(&person) else {
            return self.wait_for_log_in(&claim).await;
        };
        let answer = tokio::select! {
            answer = client.document(event.collection, &event.id) => answer,
            () = stop.cancelled() => {
                self.store.postpone_event(&claim, (self.clock)(), false).await?;
                return Ok(StepOutcome::Nothing);
            }
        };
        match answer {
            Ok(single) if claim.attempts <= MAX_CONTRADICTIONS && contradicts(event.change, &single) => {
                self.postpone(&claim).await
            }
            Ok(single) => match client.check_account(&self.store, &person, false).await? {
                Ok(()) => self.store_response(&claim, &client, single).await,
                Err(failure) => self.fail(&claim, &failure).await,
            },
            Err(failure) => self.fail(&claim, &failure).await,
        }
    }

    /// Stores Oura's response, then removes the document from the queue. Killed in between, it is fetched again.
    async fn store_response(
        &self,
        claim: &EventLease,
        client: &Client,
        single: DocumentResponse,
    ) -> Result<StepOutcome, store::Error> {
        let event = &claim.event;
        let (person, collection) = (event.person, event.collection);
        let now = (self.clock)();
        let result = match single {
            DocumentResponse::Found(found) => {
                let (documents, rejected) = match found {
                    Ok(document) => (vec![document], Vec::new()),
                    Err(rejected) => {
                        tracing::warn!(%collection, reason = rejected.reason, "rejected documents; `myhealth doctor` lists them");
                        (Vec::new(), vec![rejected])
                    }
                };
                let batch = Batch {
                    person,
                    collection,
                    covered: None,
                    documents,
                    rejected,
                    origin: Origin::Webhook,
                    nearby: Vec::new(),
                };
                let applied = match self.store.apply(&batch, now).await {
                    Ok(applied) => applied,
                    Err(error @ store::Error::Database(_)) => {
                        return self.fail(claim, &Failure::Store(error)).await;
                    }
                    Err(error) => return Err(error),
                };
                client.metrics().count_documents(collection, applied);
                match applied {
                    store::Applied { rejected: 1.., .. } => FetchResult::Unreadable,
                    store::Applied { unchanged: 1.., .. } => FetchResult::Unchanged,
                    _ => FetchResult::Stored,
                }
            }
            DocumentResponse::Gone => {
                self.store.withdraw(person, collection, &[&event.id], now).await?;
                FetchResult::Withdrawn
            }
        };
        self.metrics.count_fetch(result);
        self.metrics.observe_lag(event.event_at, (self.clock)());
        self.store.finish_event(claim).await?;
        Ok(StepOutcome::One)
    }

    async fn fail(&self, claim: &EventLease, failure: &Failure) -> Result<StepOutcome, store::Error> {
        let collection = claim.event.collection;
        tracing::warn!(%collection, kind = %failure.cause(), error = causes(failure), "cannot fetch the document of a webhook event");
        if failure.is_final_for_token() {
            return self.wait_for_log_in(claim).await;
        }
        if let Failure::Resting { pause, .. } = failure {
            return self.postpone_uncounted(claim, *pause).await;
        }
        if failure.ends_sync_run() || matches!(failure, Failure::RateLimited(_)) {
            let pause = failure.retry_after().unwrap_or_default().max(RETRY_DELAY);
            self.postpone_uncounted(claim, pause).await?;
            return Ok(StepOutcome::Pause(pause));
        }
        if matches!(failure, Failure::Scope) {
            // Oura sends events of collections that the person has not consented to as well; they are not fetched.
            self.store.finish_event(claim).await?;
            self.metrics.count_fetch(FetchResult::NotConsented);
            return Ok(StepOutcome::One);
        }
        if claim.attempts >= MAX_ATTEMPTS {
            let reason =
                format!("webhook event, but not fetched in {MAX_ATTEMPTS} attempts: {}", failure.cause());
            self.store.reject_event(claim, &reason, (self.clock)()).await?;
            self.metrics.count_fetch(FetchResult::Rejected);
            return Ok(StepOutcome::One);
        }
        self.postpone(claim).await
    }

    /// This person's documents wait for a log-in; those of others are fetched.
    async fn wait_for_log_in(&self, claim: &EventLease) -> Result<StepOutcome, store::Error> {
        self.postpone_uncounted(claim, TOKEN_REFUSED_DELAY).await
    }

    /// Puts a document off that is not to blame.
    async fn postpone_uncounted(
        &self,
        claim: &EventLease,
        pause: Duration,
    ) -> Result<StepOutcome, store::Error> {
        self.store.postpone_event(claim, after((self.clock)(), pause), false).await?;
        self.metrics.count_fetch(FetchResult::Postponed);
        Ok(StepOutcome::One)
    }

    async fn postpone(&self, claim: &EventLease) -> Result<StepOutcome, store::Error> {
        let not_before = after((self.clock)(), jittered(pause_after(claim.attempts)));
        self.store.postpone_event(claim, not_before, true).await?;
        self.metrics.count_fetch(FetchResult::Postponed);
        Ok(StepOutcome::One)
    }

    /// Learns the Oura accounts of people; until all are known, an event of an unknown account may be a person's. People are
    /// added and log in while this runs, so it never ends.
    async fn link_oura_users(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.link_oura_users_once().await {
                tracing::error!(error = causes(&error), "cannot learn the Oura accounts of people");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(USER_LOOKUP_INTERVAL) => {}
            }
        }
    }

    /// Requests the account of each person without one; returns whether the accounts of all who are logged in are known.
    pub async fn link_oura_users_once(&self) -> Result<bool, store::Error> {
        let mut all = true;
        for person in self.store.people_without_account().await? {
            let Some(client) = (self.client)(&person) else { continue };
            if client.tokens().is_login_required().await {
                continue;
            }
            match client.oura_user_id().await {
                Ok(user) => {
                    let claim = self.store.claim_account(person.id, &user, None).await?;
                    if claim != AccountClaim::Confirmed {
                        tracing::warn!(person = %person.name, "the access token is another Oura account's than the person's");
                    }
                }
                Err(failure) => {
                    all = false;
                    tracing::warn!(
                        person = %person.name, kind = %failure.cause(),
                        "cannot request the Oura account of a person; Oura keeps sending their webhook events"
                    );
                }
            }
        }
        self.shared.known.store(all, Ordering::Relaxed);
        Ok(all)
    }

    /// Counts the queue for the gauges.
    async fn watch(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            // A database that is away is reported where events are claimed.
            if let Ok(queue) = self.store.event_queue(None).await {
                self.metrics.set_queue(queue, (self.clock)());
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}

/// Whether the response contradicts the event.
fn contradicts(change: Change, single: &DocumentResponse) -> bool {
    matches!(single, DocumentResponse::Gone) != (change == Change::Delete)
}

/// The pause after so many attempts.
fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from((attempts - 1).clamp(0, 16)).expect("BUG: it was just made small");
    (FIRST_RETRY_DELAY * 2_u32.pow(doublings)).min(MAX_RETRY_DELAY)
}

/// Up to half as long again, so that what failed together does not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without chance the pause is merely regular.
    let _ = getrandom::fill(&mut random);
    pause + pause * u32::from(random[0]) / 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_retry_delay_doubles_up_to_an_hour() {
        let seconds = |attempts| pause_after(attempts).as_secs();
        assert_eq!([1, 2, 3, 9, 10, 20, i64::MAX].map(seconds), [10, 20, 40, 2_560, 3_600, 3_600, 3_600]);
        assert_eq!(seconds(i64::MIN + 1), 10);
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(100)).as_secs_f64();
            assert!((100.0..150.0).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn response_that_contradicts_its_webhook_event_is_retried() {
        let found = || {
            DocumentResponse::Found(Err(domain::Rejected {
                id: String::new(),
                reason: String::new(),
                body: String::new(),
            }))
        };
        assert!(
            contradicts(Change::Delete, &found()) && contradicts(Change::Create, &DocumentResponse::Gone)
        );
        assert!(
            !contradicts(Change::Delete, &DocumentResponse::Gone) && !contradicts(Change::Update, &found())
        );
    }
}

//! Fetches the documents of webhook events. An event is a reason to fetch, not the truth: Oura's current response is
//! stored, and a document that Oura no longer has is deleted. An event leaves the queue when its document is stored, or
//! after many failures of its own; an invalid token or a lost network does not count as one and delays it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Change;
use store::{AccountClaim, Batch, EventLease, Origin, Store, causes};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::metrics::Metrics;
use crate::oura::{Client, DocumentResponse, Failure};
use crate::scheduler::{Access, after};
use crate::sync::Clock;

/// Documents fetched at a time.
const CONCURRENCY: usize = 3;

/// How long a document is its worker's: longer than a fetch and storing it may take.
const LEASE: Duration = Duration::from_mins(2);

/// How often the queue is looked at unasked: another process may have filled it, a postponed document may be due.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Pause after a failure that any other document would meet too.
const RETRY_DELAY: Duration = Duration::from_mins(1);

/// Pause after the token was refused, which needs a new log-in.
const TOKEN_REFUSED_DELAY: Duration = Duration::from_mins(10);

/// Pause after the store failed.
const STORE_RETRY_DELAY: Duration = Duration::from_secs(10);

/// How often people are looked for whose Oura user is not known.
const USER_LOOKUP_INTERVAL: Duration = Duration::from_mins(1);

/// The first pause before a document is tried again; doubled each time.
const FIRST_RETRY_DELAY: Duration = Duration::from_secs(10);

/// The longest one.
const MAX_RETRY_DELAY: Duration = Duration::from_hours(1);

/// Failures of its own after which a document is given up: half a day of trying. The passes read it if it is there.
const MAX_ATTEMPTS: i64 = 20;

/// How often a response that contradicts the event is requested again before it is accepted: Oura may respond from a
/// replica that lags.
const MAX_CONTRADICTIONS: i64 = 3;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// Nothing is due.
    Nothing,
    /// A document was fetched, postponed or given up.
    One,
    /// Oura cannot be asked for a while.
    Pause(Duration),
}

/// Works the queue of everybody.
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
                    tracing::error!(error = causes(&error), "cannot work the queue of announcements");
                    STORE_RETRY_DELAY
                }
            };
            // A pause Oura asked for is kept, whatever is announced.
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

    /// Fetches one document that is due, if any. A failure of the store leaves the claim to run out.
    pub async fn step(&self, stop: &CancellationToken) -> Result<StepOutcome, store::Error> {
        let now = (self.clock)();
        let Some(person) = self.store.next_event(now).await? else { return Ok(StepOutcome::Nothing) };
        let Some(claim) = self.store.claim_event(person.id, after(now, LEASE), now).await? else {
            // Another worker was quicker; there may be more.
            return Ok(StepOutcome::One);
        };
        let announcement = &claim.announcement;
        let Some(client) = (self.client)(&person) else {
            return self.wait_for_log_in(&claim).await;
        };
        let answer = tokio::select! {
            answer = client.document(announcement.collection, &announcement.id) => answer,
            () = stop.cancelled() => {
                self.store.postpone_event(&claim, (self.clock)(), false).await?;
                return Ok(StepOutcome::Nothing);
            }
        };
        match answer {
            Ok(single)
                if claim.attempts <= MAX_CONTRADICTIONS && contradicts(announcement.change, &single) =>
            {
                self.postpone(&claim).await
            }
            Ok(single) => match client.check_account(&self.store, &person, false).await? {
                Ok(()) => self.store_response(&claim, &client, single).await,
                Err(failure) => self.fail(&claim, &failure).await,
            },
            Err(failure) => self.fail(&claim, &failure).await,
        }
    }

    /// Stores what Oura answered, then takes the document out of the queue. Killed in between, it is fetched again.
    async fn store_response(
        &self,
        claim: &EventLease,
        client: &Client,
        single: DocumentResponse,
    ) -> Result<StepOutcome, store::Error> {
        let announcement = &claim.announcement;
        let (person, collection) = (announcement.person, announcement.collection);
        let now = (self.clock)();
        let result = match single {
            DocumentResponse::Found(found) => {
                let (documents, rejected) = match found {
                    Ok(document) => (vec![document], Vec::new()),
                    Err(rejected) => {
                        tracing::warn!(%collection, reason = rejected.reason, "rejected a document that cannot be read; `myhealth doctor` lists it");
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
                client.metrics().count_documents(collection.name(), applied);
                match applied {
                    store::Applied { rejected: 1.., .. } => "unreadable",
                    store::Applied { unchanged: 1.., .. } => "unchanged",
                    _ => "stored",
                }
            }
            DocumentResponse::Gone => {
                self.store.withdraw(person, collection, &[&announcement.id], now).await?;
                "withdrawn"
            }
        };
        self.metrics.count_fetch(result);
        self.metrics.observe_lag(announcement.event_at, (self.clock)());
        self.store.finish_event(claim).await?;
        Ok(StepOutcome::One)
    }

    async fn fail(&self, claim: &EventLease, failure: &Failure) -> Result<StepOutcome, store::Error> {
        let collection = claim.announcement.collection;
        tracing::warn!(%collection, kind = %failure.cause(), error = causes(failure), "cannot fetch an announced document");
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
            // Oura sends events also for collections without consent; their documents are not read.
            self.store.finish_event(claim).await?;
            self.metrics.count_fetch("not_consented");
            return Ok(StepOutcome::One);
        }
        if claim.attempts >= MAX_ATTEMPTS {
            let reason = format!("announced but not fetched in {MAX_ATTEMPTS} attempts: {}", failure.cause());
            self.store.reject_event(claim, &reason, (self.clock)()).await?;
            self.metrics.count_fetch("rejected");
            return Ok(StepOutcome::One);
        }
        self.postpone(claim).await
    }

    /// This person's events wait for a log-in; those of other people go on.
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
        self.metrics.count_fetch("postponed");
        Ok(StepOutcome::One)
    }

    async fn postpone(&self, claim: &EventLease) -> Result<StepOutcome, store::Error> {
        let not_before = after((self.clock)(), jittered(pause_after(claim.attempts)));
        self.store.postpone_event(claim, not_before, true).await?;
        self.metrics.count_fetch("postponed");
        Ok(StepOutcome::One)
    }

    /// Finds the Oura user of each person; until all are known no user can be called unknown. People are added and log in
    /// while this runs, so it never ends.
    async fn link_oura_users(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.link_oura_users_once().await {
                tracing::error!(error = causes(&error), "cannot learn whose announcements are ours");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(USER_LOOKUP_INTERVAL) => {}
            }
        }
    }

    /// Asks Oura who each person is who is not known yet; says whether all are known now who have logged in.
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
                        "cannot ask Oura who this person is; announcements wait at Oura"
                    );
                }
            }
        }
        self.shared.known.store(all, Ordering::Relaxed);
        Ok(all)
    }

    /// Shows how much waits.
    async fn watch(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            // Failures of the database are reported where it is needed.
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

/// Whether Oura answers otherwise than it announced.
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

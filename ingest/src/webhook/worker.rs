//! Fetches what is announced. An announcement is a reason to look, not the truth: what Oura answers now is stored, and
//! what it says it has no longer is taken back. A document leaves the queue when it is stored, or after many failures of
//! its own; a dead token or network is nobody's failure but a reason to wait.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Change;
use jiff::SignedDuration;
use store::{Batch, Claim, Store, causes};
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::metrics::Metrics;
use crate::oura::{Client, Failure, Single};
use crate::sync::Clock;

/// Documents fetched at a time.
const AT_ONCE: usize = 3;

/// How long a document is its worker's: longer than a fetch and storing it may take.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// How often the queue is looked at unasked: another process may have filled it, a postponed document may be due.
const POLL: Duration = Duration::from_secs(5);

/// Pause after a failure that any other document would meet too.
const PAUSE: Duration = Duration::from_mins(1);

/// Pause after the token was refused: somebody must mend that.
const REFUSED: Duration = Duration::from_mins(10);

/// Pause after the store failed.
const STORE_AWAY: Duration = Duration::from_secs(10);

/// The first pause before a document is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// The longest one.
const LAST_RETRY: Duration = Duration::from_hours(1);

/// Failures of its own after which a document is given up: half a day of trying. The passes read it if it is there.
const MAX_ATTEMPTS: i64 = 20;

/// How often an answer that contradicts the announcement is asked for again, before it is believed: Oura may answer from
/// a copy that has not heard yet.
const DOUBTED: i64 = 3;

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Nothing is due.
    Nothing,
    /// A document was fetched, postponed or given up.
    One,
    /// Oura cannot be asked for a while.
    Pause(Duration),
}

/// Works the queue of one person.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    client: Client,
    person: i64,
    shared: Shared,
    metrics: Metrics,
    clock: Clock,
}

impl Worker {
    pub(super) fn new(
        store: Store,
        client: Client,
        person: i64,
        shared: Shared,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self { store, client, person, shared, metrics, clock }
    }

    /// Works until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        // Nobody else works on an embedded database, so what is claimed there was claimed by a process that died.
        if self.store.is_embedded()
            && let Err(error) = self.store.release_events(self.person).await
        {
            tracing::error!(
                error = causes(&error),
                "cannot free what an earlier start was fetching; it waits"
            );
        }
        let works = futures_util::future::join_all((0..AT_ONCE).map(|_| self.work(stop)));
        futures_util::join!(works, self.learn(stop), self.watch(stop));
    }

    async fn work(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.step(stop).await {
                Ok(Done::One) => continue,
                Ok(Done::Nothing) => POLL,
                Ok(Done::Pause(pause)) => pause,
                Err(error) => {
                    tracing::error!(error = causes(&error), "cannot work the queue of announcements");
                    STORE_AWAY
                }
            };
            // A pause Oura asked for is kept, whatever is announced.
            let woken = async {
                if pause == POLL {
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
    pub async fn step(&self, stop: &CancellationToken) -> Result<Done, store::Error> {
        let now = (self.clock)();
        let Some(claim) = self.store.claim_event(self.person, now + LEASE, now).await? else {
            return Ok(Done::Nothing);
        };
        let announcement = &claim.announcement;
        let answer = tokio::select! {
            answer = self.client.document(announcement.collection, &announcement.id) => answer,
            () = stop.cancelled() => {
                self.store.postpone_event(&claim, (self.clock)(), false).await?;
                return Ok(Done::Nothing);
            }
        };
        match answer {
            Ok(single) if claim.attempts <= DOUBTED && contradicts(announcement.change, &single) => {
                self.postpone(&claim).await
            }
            Ok(single) => self.settle(&claim, single).await,
            Err(failure) => self.fail(&claim, &failure).await,
        }
    }

    /// Stores what Oura answered, then takes the document out of the queue. Killed in between, it is fetched again.
    async fn settle(&self, claim: &Claim, single: Single) -> Result<Done, store::Error> {
        let announcement = &claim.announcement;
        let (person, collection) = (announcement.person, announcement.collection);
        let now = (self.clock)();
        let result = match single {
            Single::Found(found) => {
                let (documents, rejected) = match found {
                    Ok(document) => (vec![document], Vec::new()),
                    Err(rejected) => {
                        tracing::warn!(%collection, reason = rejected.reason, "put aside what cannot be read; `myhealth doctor` lists it");
                        (Vec::new(), vec![rejected])
                    }
                };
                let batch = Batch { person, collection, covered: None, documents, rejected };
                let applied = match self.store.apply(&batch, now).await {
                    Ok(applied) => applied,
                    Err(error @ store::Error::Database(_)) => {
                        return self.fail(claim, &Failure::Store(error)).await;
                    }
                    Err(error) => return Err(error),
                };
                self.client.metrics().count_documents(collection.name(), applied);
                match applied {
                    store::Applied { rejected: 1.., .. } => "unreadable",
                    store::Applied { unchanged: 1.., .. } => "unchanged",
                    _ => "stored",
                }
            }
            Single::Gone => {
                self.store.withdraw(person, collection, &[&announcement.id], now).await?;
                "withdrawn"
            }
        };
        self.metrics.count_fetch(result);
        self.metrics.observe_lag(announcement.event_at, (self.clock)());
        self.store.finish_event(claim).await?;
        Ok(Done::One)
    }

    async fn fail(&self, claim: &Claim, failure: &Failure) -> Result<Done, store::Error> {
        let collection = claim.announcement.collection;
        tracing::warn!(%collection, kind = failure.kind(), error = causes(failure), "cannot fetch an announced document");
        if failure.ends_pass() || matches!(failure, Failure::RateLimited(_)) {
            let least = if failure.is_final_for_token() { REFUSED } else { PAUSE };
            let pause = failure.pause().unwrap_or_default().max(least);
            self.store.postpone_event(claim, (self.clock)() + signed(pause), false).await?;
            self.metrics.count_fetch("postponed");
            return Ok(Done::Pause(pause));
        }
        if matches!(failure, Failure::Scope) {
            // Whoever did not consent to a collection is announced its documents all the same; they are not ours.
            self.store.finish_event(claim).await?;
            self.metrics.count_fetch("not_consented");
            return Ok(Done::One);
        }
        if claim.attempts >= MAX_ATTEMPTS {
            let reason = format!("announced but not fetched in {MAX_ATTEMPTS} attempts: {}", failure.kind());
            self.store.reject_event(claim, &reason, (self.clock)()).await?;
            self.metrics.count_fetch("rejected");
            return Ok(Done::One);
        }
        self.postpone(claim).await
    }

    async fn postpone(&self, claim: &Claim) -> Result<Done, store::Error> {
        let not_before = (self.clock)() + signed(jittered(pause_after(claim.attempts)));
        self.store.postpone_event(claim, not_before, true).await?;
        self.metrics.count_fetch("postponed");
        Ok(Done::One)
    }

    /// Learns once which Oura user the token's owner is; until then nobody can be told a stranger.
    async fn learn(&self, stop: &CancellationToken) {
        let mut pause = FIRST_RETRY;
        loop {
            let learnt = tokio::select! {
                () = stop.cancelled() => return,
                learnt = self.learn_once() => learnt,
            };
            match learnt {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(
                        error,
                        "cannot ask Oura who the token's owner is; announcements wait at Oura"
                    );
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(jittered(pause)) => {}
            }
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    /// Asks once; says why that failed.
    pub async fn learn_once(&self) -> Result<(), String> {
        // Known from an earlier start, it is asked again all the same: the token may be another person's now.
        if self.store.has_account(self.person).await.map_err(|error| causes(&error))? {
            self.shared.known.store(true, Ordering::Relaxed);
        }
        let user = self.client.account().await.map_err(|failure| causes(&failure))?;
        self.store.learn_account(self.person, &user).await.map_err(|error| causes(&error))?;
        self.shared.known.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Shows how much waits.
    async fn watch(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            // A database that is away is said by whoever needs it.
            if let Ok(queue) = self.store.event_queue(self.person).await {
                self.metrics.set_queue(queue, (self.clock)());
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}

/// Whether Oura answers otherwise than it announced.
fn contradicts(change: Change, single: &Single) -> bool {
    matches!(single, Single::Gone) != (change == Change::Delete)
}

/// The pause after so many attempts.
fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from((attempts - 1).clamp(0, 16)).expect("BUG: it was just made small");
    (FIRST_RETRY * 2_u32.pow(doublings)).min(LAST_RETRY)
}

/// Up to half as long again, so that what failed together does not come back together.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without chance the pause is merely regular.
    let _ = getrandom::fill(&mut random);
    pause + pause * u32::from(random[0]) / 512
}

fn signed(pause: Duration) -> SignedDuration {
    SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds = |attempts| pause_after(attempts).as_secs();
        assert_eq!([1, 2, 3, 9, 10, 20, i64::MAX].map(seconds), [10, 20, 40, 2_560, 3_600, 3_600, 3_600]);
        assert_eq!(seconds(i64::MIN + 1), 10);
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(100)).as_secs_f64();
            assert!((100.0..150.0).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn an_answer_is_doubted_when_it_is_not_what_was_announced() {
        let found = || {
            Single::Found(Err(domain::Rejected {
                id: String::new(),
                reason: String::new(),
                body: String::new(),
            }))
        };
        assert!(contradicts(Change::Delete, &found()) && contradicts(Change::Create, &Single::Gone));
        assert!(!contradicts(Change::Delete, &Single::Gone) && !contradicts(Change::Update, &found()));
    }
}

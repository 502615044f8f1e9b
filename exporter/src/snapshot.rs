//! What the store said at one moment, and what of it may still be shown at another.

use std::collections::HashMap;

use domain::{Collection, Day, Ring};
use jiff::{SignedDuration, Timestamp};
use store::{Latest, Person, Store, SyncState};

/// Everything the health part of a scrape shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) people: Vec<(Person, Vec<SyncState>)>,
    pub(crate) latest: Vec<Latest>,
    pub(crate) rings: HashMap<i64, Ring>,
    /// Collection, pointer, documents.
    pub(crate) drift: Vec<(String, String, i64)>,
}

impl Snapshot {
    pub(crate) async fn read(store: &Store) -> Result<Self, store::Error> {
        let mut states = store.all_sync_states().await?;
        let people = store.people().await?.into_iter();
        let people = people.map(|person| (states.remove(&person.id).unwrap_or_default(), person));
        Ok(Self {
            people: people.map(|(states, person)| (person, states)).collect(),
            latest: store.latest().await?,
            rings: store.rings().await?.into_iter().collect(),
            drift: store.drift_counts().await?,
        })
    }

    /// The values that are still "now".
    pub(crate) fn valid(&self, now: Timestamp) -> impl Iterator<Item = &Latest> {
        self.latest.iter().filter(move |latest| now < valid_until(latest))
    }

    /// When the next value stops being "now".
    pub(crate) fn next_expiry(&self, now: Timestamp) -> Option<Timestamp> {
        self.valid(now).map(valid_until).min()
    }

    /// When the newest value of each person's collections was measured.
    pub(crate) fn observed(&self) -> HashMap<(i64, Collection), Timestamp> {
        let mut observed = HashMap::new();
        for latest in &self.latest {
            let at = observed.entry((latest.person, latest.metric.collection)).or_insert(latest.observed_at);
            *at = latest.observed_at.max(*at);
        }
        observed
    }
}

/// The moment from which a value is yesterday's: so many days after its day has ended, or after it was measured.
fn valid_until(latest: &Latest) -> Timestamp {
    let days = latest.metric.collection.valid_days();
    if latest.metric.is_series() {
        latest.observed_at.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
    } else {
        end_of(latest.day.plus(days))
    }
}

/// The midnight UTC that ends `day`.
fn end_of(day: Day) -> Timestamp {
    day.plus(1).midnight_utc()
}

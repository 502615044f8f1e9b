//! Documents that a complete response lacks. A window that was read to its last page is authoritative for its days, so a
//! stored document that it lacks is gone. Guards against partial responses: a deletion of unusual size must be confirmed by
//! a second response at least one hour later.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{Day, Document, Window, document};
use jiff::{SignedDuration, Timestamp};

use super::batch::Batch;
use super::load::{Known, Stored};
use crate::Store;
use crate::error::Result;
use crate::sql::{read, row, select};
use crate::time::Time;

/// How long a suspicious deletion must last to be confirmed; also how old a document must be to be missed at all, because
/// one that a webhook brought a moment ago may be younger than the response that lacks it.
const CONFIRMATION_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// From how many stored documents, or rows of a day, on "more than half is missing" is suspicious.
const MIN_DOCUMENTS: usize = 10;

/// Documents of one collection whose deletion is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnconfirmedDeletion {
    /// Oura's name of the collection.
    pub collection: String,
    /// How many documents.
    pub documents: i64,
    /// Since when the oldest of them is missing.
    pub since: Timestamp,
}

/// What a response does to stored documents that it lacks, or has less of than before.
#[derive(Debug, Default)]
pub(super) struct Deletions<'a> {
    /// To be deleted.
    pub(super) gone: Vec<&'a str>,
    /// Missing for the first time.
    pub(super) unconfirmed: Vec<&'a str>,
    /// All that wait for confirmation, those that were missing before included.
    pub(super) waiting: usize,
    /// Days that came with much less than is stored: the new body is not stored either.
    pub(super) kept_back: BTreeSet<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Gone,
    Unconfirmed,
    Waiting,
}

/// Decides about one missing document. `since` is when it was first missing without having been seen again.
fn decide(suspicious: bool, since: Option<Timestamp>, now: Timestamp) -> Decision {
    match since {
        _ if !suspicious => Decision::Gone,
        Some(since) if now.duration_since(since) >= CONFIRMATION_DELAY => Decision::Gone,
        Some(since) if since <= now => Decision::Waiting,
        // Never, or by a clock that was ahead.
        _ => Decision::Unconfirmed,
    }
}

/// Whether a response lacks more than deleting by hand explains.
fn is_suspicious(stored: usize, missing: usize, received: usize) -> bool {
    received == 0 || (stored >= MIN_DOCUMENTS && missing * 2 > stored)
}

impl<'a> Deletions<'a> {
    fn decide(
        &mut self,
        id: &'a str,
        suspicious: bool,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Decision {
        let decision = decide(suspicious, since, now);
        match decision {
            Decision::Gone => {}
            Decision::Unconfirmed => {
                self.unconfirmed.push(id);
                self.waiting += 1;
            }
            Decision::Waiting => self.waiting += 1,
        }
        decision
    }
}

/// Compares a response with what is stored.
pub(super) fn plan<'a>(
    stored: &'a Stored,
    batch: &'a Batch,
    incoming: &BTreeMap<&str, &Document>,
    replaced: &[(&'a Document, &Known)],
    now: Timestamp,
) -> Deletions<'a> {
    let mut deletions = Deletions::default();
    if batch.complete_days().is_none() {
        return deletions;
    }
    let expected: Vec<(&'a str, &Known)> = stored
        .documents
        .iter()
        .filter(|(_, known)| batch.must_contain(known))
        .map(|(id, known)| (id.as_str(), known))
        .collect();
    let rejected: HashSet<&str> = batch.rejected.iter().map(|rejected| rejected.id.as_str()).collect();
    // A rejected document without a readable id may be any of its day, and without a readable day any of all.
    let unnamed = batch.rejected.iter().filter(|rejected| rejected.is_unnamed());
    let unnamed: BTreeSet<Option<Day>> =
        unnamed.map(|rejected| Document::day_of(batch.collection, &rejected.body)).collect();
    let is_missing = |(id, known): &&(&str, &Known)| {
        let came = incoming.contains_key(id) || rejected.contains(id) || unnamed.contains(&Some(known.day));
        let age = now.duration_since(known.changed_at);
        // A document stored by a clock that was ahead is old enough.
        !came && (age >= CONFIRMATION_DELAY || age <= -CONFIRMATION_DELAY)
    };
    let missing: Vec<&(&str, &Known)> = expected.iter().filter(is_missing).collect();
    // A day of a time series is many rows, which are not deleted by hand.
    let whole_days = batch.collection.window() == Window::Instants;
    let suspicious =
        whole_days || unnamed.contains(&None) || is_suspicious(expected.len(), missing.len(), incoming.len());
    for (id, known) in missing {
        if deletions.decide(id, suspicious, known.missing_since, now) == Decision::Gone {
            deletions.gone.push(id);
        }
    }
    if whole_days {
        for (document, known) in replaced {
            let before = known.differing_body.as_deref().map_or(0, document::rows);
            let shrunk = is_suspicious(before, before.saturating_sub(document.rows()), document.rows());
            if shrunk && deletions.decide(&document.id, true, known.missing_since, now) != Decision::Gone {
                deletions.kept_back.insert(&document.id);
            }
        }
    }
    deletions
}

row! {
    struct UnconfirmedRow {
        collection: String,
        documents: i64 = "count(*)",
        since: Time = "min(missing_since)",
    }
}

impl Store {
    /// Documents that complete responses lack and that are kept until that is confirmed.
    pub async fn unconfirmed_deletions(&self, person: i64) -> Result<Vec<UnconfirmedDeletion>> {
        let rows: Vec<UnconfirmedRow> = read!(
            self,
            query_as.fetch_all,
            select::<UnconfirmedRow>(
                "from document
                 where person = $1 and missing_since is not null group by collection order by collection"
            ),
            person
        );
        let deletion = |UnconfirmedRow { collection, documents, since }| UnconfirmedDeletion {
            collection,
            documents,
            since: Time::get(since),
        };
        Ok(rows.into_iter().map(deletion).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_deletions_are_accepted_and_empty_responses_are_not() {
        assert!(!is_suspicious(1, 1, 1), "the only one was deleted, and another came");
        assert!(!is_suspicious(9, 8, 1));
        assert!(!is_suspicious(10, 5, 5), "half is not more than half");
        assert!(is_suspicious(10, 6, 4));
        assert!(is_suspicious(1, 1, 0));
    }

    #[test]
    fn unconfirmed_deletion_must_last_an_hour() {
        let now: Timestamp = "2026-03-29T12:00:00Z".parse().unwrap();
        let before = |minutes| Some(now - SignedDuration::from_mins(minutes));
        assert_eq!(decide(false, None, now), Decision::Gone);
        assert_eq!(decide(true, None, now), Decision::Unconfirmed);
        assert_eq!(decide(true, before(59), now), Decision::Waiting);
        assert_eq!(decide(true, before(60), now), Decision::Gone);
        assert_eq!(
            decide(true, before(-600), now),
            Decision::Unconfirmed,
            "a clock set back: the hour starts again"
        );
    }
}

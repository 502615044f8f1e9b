//! What a batch changes, as a pure function of the batch, what is stored, and the time.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Collection, Day, Document, Rejected, Window, compare};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::batch::{Applied, Batch};
use super::deletions::{self, Deletions};
use super::load::{Known, Stored};
use super::origin::Origin;
use super::{precedence, rejected};

/// The changes of one batch, in the order in which they are made.
#[derive(Debug)]
pub(crate) struct Changes<'a> {
    /// Documents that are missing from a complete response and not deleted yet.
    pub(crate) unconfirmed: Vec<&'a str>,
    /// Documents that leave: their bodies become revisions.
    pub(crate) removed: Vec<&'a str>,
    /// Documents whose stored bodies become revisions before they are replaced.
    pub(crate) revised: Vec<&'a str>,
    /// Documents to insert or to replace.
    pub(crate) written: Vec<Write<'a>>,
    /// Unchanged documents that Oura's API has sent again: they are no longer missing, and count as Oura's.
    pub(crate) seen: Vec<&'a str>,
    /// What is rejected.
    pub(crate) rejected: Vec<&'a Rejected>,
    /// Ids whose rejections end, because a document of this id was accepted.
    pub(crate) accepted: Vec<&'a str>,
    /// Ids whose rejections end, because a complete response lacks them.
    pub(crate) resolved: Vec<&'a str>,
    /// The days to derive again.
    pub(crate) days: BTreeSet<Day>,
    /// The counts of all this.
    pub(crate) applied: Applied,
}

/// A document to write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    pub(crate) document: &'a Document,
    /// Its revision where it is not stored: the last one kept, and one more.
    pub(crate) revision: i64,
}

/// Plans what a batch changes.
pub(crate) fn plan<'a>(stored: &'a Stored, batch: &'a Batch, now: Timestamp) -> Changes<'a> {
    let mut incoming = batch.incoming(&stored.documents);
    let mut fresh: Vec<&Document> =
        incoming.values().copied().filter(|document| is_changed(stored, batch.origin, document)).collect();
    let superseded = precedence::resolve_twins(stored, batch, &mut fresh, &incoming);

    let deletions = deletions::plan(stored, batch, &incoming, &replaced(stored, &fresh), now);
    let Deletions { gone, unconfirmed, waiting, kept_back } = deletions;
    incoming.retain(|id, _| !kept_back.contains(id));
    fresh.retain(|document| !kept_back.contains(document.id.as_str()));
    let replaced = replaced(stored, &fresh);

    let settled = replaced.iter().filter(|(_, known)| is_settled(batch.collection, known, &stored.zone));
    let written: BTreeSet<&str> = fresh.iter().map(|document| document.id.as_str()).collect();
    let is_news = |id: &&str| {
        let known = stored.documents.get(*id).filter(|_| !written.contains(id));
        known.is_some_and(|known| known.missing_since.is_some() || !known.origin.is_oura())
    };
    let seen = incoming.keys().copied().filter(|id| batch.origin.is_oura() && is_news(id)).collect();
    // An archive may be older than a document of the same id that is stored.
    let is_superseded = |rejected: &&Rejected| {
        let id = rejected.id.as_str();
        batch.origin.is_archive() && (stored.documents.contains_key(id) || written.contains(id))
    };
    let removed: Vec<&str> = gone.iter().chain(&superseded).copied().collect();
    let mut days: BTreeSet<Day> = fresh.iter().map(|document| document.day).collect();
    days.extend(replaced.iter().map(|(_, known)| known.day));
    days.extend(removed.iter().filter_map(|id| stored.day_of(id)));
    let applied = Applied {
        new: fresh.len() - replaced.len(),
        changed: replaced.len(),
        unchanged: incoming.len() - fresh.len(),
        rejected: batch.rejected.len(),
        withdrawn: gone.len(),
        doubted: waiting,
    };
    Changes {
        unconfirmed,
        removed,
        revised: settled.map(|(document, _)| document.id.as_str()).collect(),
        written: fresh
            .iter()
            .map(|document| Write {
                document,
                revision: stored.revisions.get(&document.id).map_or(1, |last| last + 1),
            })
            .collect(),
        seen,
        rejected: batch.rejected.iter().filter(|rejected| !is_superseded(rejected)).collect(),
        accepted: incoming.keys().copied().collect(),
        resolved: rejected::resolved(&stored.rejections, batch, now),
        days,
        applied,
    }
}

impl Stored {
    fn day_of(&self, id: &str) -> Option<Day> {
        let twin = || self.twins.iter().find(|twin| twin.id == id).map(|twin| twin.day);
        self.documents.get(id).map(|known| known.day).or_else(twin)
    }
}

/// Whether a document is to be written. Bodies are compared by content, so that an import and the API may spell the same
/// document differently without ever writing it twice; an archive only replaces a body to which it adds.
fn is_changed(stored: &Stored, origin: Origin, document: &Document) -> bool {
    let Some(known) = stored.documents.get(&document.id) else { return true };
    known.differing_body.as_ref().is_some_and(|body| {
        let adds = || compare::only_adds(body, &document.body);
        !compare::is_equivalent(body, &document.body) && (!origin.is_archive() || adds())
    })
}

/// Those of the documents to write that are stored.
fn replaced<'a>(stored: &'a Stored, fresh: &[&'a Document]) -> Vec<(&'a Document, &'a Known)> {
    fresh.iter().filter_map(|document| Some((*document, stored.documents.get(&document.id)?))).collect()
}

/// Whether a stored body was final when it was stored, so that replacing it is a correction worth keeping. A document
/// that grows with its day is final once the day has ended, which for activity is at 04:00 of the next. A phone brings the
/// rows of a time series hours late, so those have until the end of the next day.
fn is_settled(collection: Collection, known: &Known, zone: &TimeZone) -> bool {
    let ended = match collection.window() {
        _ if !collection.accumulates() => return true,
        Window::Instants => known.day.plus(2).midnight_utc(),
        _ => known.day.end_of_activity(zone),
    };
    known.changed_at >= ended
}

impl Batch {
    /// The documents that count, by id: of those around the covered days, the ones that are stored under a covered day,
    /// because Oura moved them.
    pub(crate) fn incoming<'a>(
        &'a self,
        stored: &BTreeMap<String, Known>,
    ) -> BTreeMap<&'a str, &'a Document> {
        let moved = self
            .nearby
            .iter()
            .filter(|document| stored.get(&document.id).is_some_and(|known| self.must_contain(known)));
        moved.chain(&self.documents).map(|document| (document.id.as_str(), document)).collect()
    }
}
#[cfg(test)]
mod tests;

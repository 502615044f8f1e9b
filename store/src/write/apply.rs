//! How documents are stored: a batch is stored, derived and acknowledged in one transaction, or not at all. What a batch
//! changes is planned without the database (`plan`) from what is stored (`load`), and then executed (`execute`). Applying
//! the same batch again writes only the time of the attempt.

use std::collections::BTreeSet;

use domain::{Collection, Day, DayRange, Document, Rejected, Window};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::derive::{self, Owner};
use super::execute::execute;
use super::load::{Known, load};
use super::origin::Origin;
use super::plan::plan;
use super::{quarantine, rejected};
use crate::Store;
use crate::error::Result;
use crate::people;
use crate::sync;
use crate::time::stored;
use crate::transaction::Tx;

/// The documents of one collection of one person that came together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The person.
    pub person: i64,
    /// The collection.
    pub collection: Collection,
    /// The days that have now been read completely; `None` when the documents came another way. From [`Origin::Api`],
    /// stored documents of these days that are missing from the batch are deleted.
    pub covered: Option<DayRange>,
    /// How the documents came.
    pub origin: Origin,
    /// Documents that parsed. An id that appears twice counts once, the last one winning.
    pub documents: Vec<Document>,
    /// Documents around `covered` that came along: only those count that are stored under one of its days, because
    /// Oura moved them.
    pub nearby: Vec<Document>,
    /// Documents that did not parse.
    pub rejected: Vec<Rejected>,
}

/// What a batch changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Documents never seen before.
    pub new: usize,
    /// Documents whose content differs from what was stored.
    pub changed: usize,
    /// Documents stored already.
    pub unchanged: usize,
    /// Documents rejected with a reason.
    pub rejected: usize,
    /// Documents deleted, because Oura no longer has them.
    pub withdrawn: usize,
    /// Documents that a complete response lacks, or has much less of, and that are kept until a response at least one
    /// hour later confirms it.
    pub doubted: usize,
}

impl std::ops::AddAssign for Applied {
    fn add_assign(&mut self, more: Self) {
        self.new += more.new;
        self.changed += more.changed;
        self.unchanged += more.unchanged;
        self.rejected += more.rejected;
        self.withdrawn += more.withdrawn;
        self.doubted += more.doubted;
    }
}

/// Rows a statement: below the databases' limits on parameters, large enough to be fast.
pub(crate) const ROWS: usize = 500;

impl Store {
    /// Stores a batch, derives the days it touches and notes how far has been read. Documents of the future are rejected
    /// until they are past, also those that an older version stored; rejected documents that are past by now are stored.
    #[tracing::instrument(name = "db.document.apply", skip_all, fields(collection = %batch.collection, documents = batch.documents.len()))]
    pub async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied> {
        let (owner, now) = (Owner { person: batch.person, collection: batch.collection }, stored(now));
        let mut tx = self.begin_on(owner).await?;
        let (past, _) = rejected::retry(&mut tx, owner, rejected::Which::Due, now).await?;
        let batch = &*batch.without_future(now);
        let written = write(&mut tx, owner, batch, now).await?;
        let mut days = written.days;
        days.extend(past.days);
        days.extend(quarantine::stored_ahead(&mut tx, owner, now).await?);
        // An archive is no reading of Oura.
        let read = (!batch.origin.is_archive())
            .then(|| Read { covered: batch.covered, rejected_undated: batch.rejects_undated(now) });
        self.commit_days(tx, owner, &days, read, now).await?;
        Ok(written.applied)
    }

    /// Begins a transaction that changes documents of one collection of one person.
    pub(super) async fn begin_on(&self, owner: Owner) -> Result<Tx> {
        let mut tx = self.begin().await?;
        tx.lock(owner.person, owner.lock_name()).await?;
        Ok(tx)
    }

    /// Commits a transaction that changed documents: derives their days, notes the newest day and, with `read`, a
    /// successful reading of Oura, and notifies the readers of this process.
    pub(super) async fn commit_days(
        &self,
        mut tx: Tx,
        owner: Owner,
        days: &BTreeSet<Day>,
        read: Option<Read>,
        now: Timestamp,
    ) -> Result<()> {
        let newest = derive::refresh(&mut tx, owner, days, now).await?;
        match read {
            Some(Read { covered, rejected_undated }) => {
                sync::note_success(&mut tx, owner, covered, newest, rejected_undated, now).await?;
            }
            None => sync::note_newest(&mut tx, owner, newest, now).await?,
        }
        if !days.is_empty() {
            people::count_change(&mut tx, owner.person).await?;
        }
        tx.commit().await?;
        self.changes.notify();
        Ok(())
    }
}

/// A successful reading of Oura.
pub(super) struct Read {
    covered: Option<DayRange>,
    /// Whether it brought a rejected document that may be of the newest days.
    rejected_undated: bool,
}

/// What [`write`] did.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) applied: Applied,
    /// The days that must be derived again.
    pub(crate) days: BTreeSet<Day>,
}

/// Brings the documents up to date; derived rows and the state of reading are the caller's.
pub(crate) async fn write(tx: &mut Tx, owner: Owner, batch: &Batch, now: Timestamp) -> Result<Written> {
    let stored = load(tx, owner, batch).await?;
    let changes = plan(&stored, batch, now);
    execute(tx, owner, batch, &changes, now).await?;
    Ok(Written { applied: changes.applied, days: changes.days })
}

impl Batch {
    /// The days of which the batch is a complete response of Oura's API, where days are listed.
    pub(crate) fn complete_days(&self) -> Option<DayRange> {
        let lists_days = self.collection.window() != Window::Whole;
        self.covered.filter(|_| self.origin == Origin::Api && lists_days)
    }

    /// Whether a complete response must contain this stored document, or it is gone.
    pub(crate) fn must_contain(&self, known: &Known) -> bool {
        self.complete_days().is_some_and(|days| days.contains(known.day)) && known.origin.is_oura()
    }

    /// Whether it rejects a document that may be of the newest days: one that does not state its day.
    fn rejects_undated(&self, now: Timestamp) -> bool {
        // West of Greenwich today is yesterday in UTC.
        let newest = Day::at(now, &TimeZone::UTC).plus(-1);
        let may_be_new = self.covered.is_none_or(|range| range.last() >= newest);
        may_be_new && self.rejected.iter().any(|rejected| rejected.day(self.collection).is_none())
    }
}

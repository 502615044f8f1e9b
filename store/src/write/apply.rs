//! How documents are stored: a batch is stored, derived and acknowledged in one transaction, or not at all. What a batch
//! changes is planned without the database (`plan`) from what is stored (`load`), and then executed (`execute`). Applying
//! the same batch again writes only the time of the attempt.

use std::collections::BTreeSet;

use domain::{Day, DayRange};
use jiff::Timestamp;

use super::batch::{Applied, Batch};
use super::documents::write;
use super::owner::Owner;
use super::{derive, quarantine, retry};
use crate::Store;
use crate::error::Result;
use crate::people;
use crate::sync;
use crate::time::stored;
use crate::transaction::Tx;

impl Store {
    /// Stores a batch, derives the days it touches and notes how far has been read. Documents of the future are rejected
    /// until they are past, also those that an older version stored; rejected documents that are past by now are stored.
    #[tracing::instrument(name = "db.document.apply", skip_all, fields(collection = %batch.collection, documents = batch.documents.len()))]
    pub async fn apply(&self, batch: &Batch, now: Timestamp) -> Result<Applied> {
        let (owner, now) = (Owner { person: batch.person, collection: batch.collection }, stored(now));
        let mut tx = self.begin_on(owner).await?;
        let (past, _) = retry::retry(&mut tx, owner, retry::Which::Due, now).await?;
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

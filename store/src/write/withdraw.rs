//! The one way documents go: what Oura no longer has leaves `document`, and its body stays as a revision.

use std::collections::{BTreeSet, HashMap};

use domain::{Collection, Day};
use jiff::Timestamp;
use sqlx::QueryBuilder;

use crate::Store;
use crate::write::apply::{self, ROWS, push_id_filter};
use crate::error::Result;
use crate::write::derive::{self, Owner};
use crate::people;
use crate::sync;
use crate::transaction::{Tx, with_conn};

impl Store {
    /// Takes back documents that Oura no longer has: each body moves to `document_revision`, and the days are derived
    /// without it. Ids that are not stored are passed over, so that a repeat changes nothing. A document that comes
    /// back is stored again, its revisions counting on. Returns how many were taken back.
    #[tracing::instrument(name = "db.document.withdraw", skip_all, fields(%collection, documents = ids.len()))]
    pub async fn withdraw(
        &self,
        person: i64,
        collection: Collection,
        ids: &[&str],
        now: Timestamp,
    ) -> Result<usize> {
        let owner = Owner { person, collection };
        // A column keeps microseconds at best; what is compared later must be what was stored.
        let now = now.round(jiff::Unit::Millisecond).unwrap_or(now);
        let mut tx = self.begin().await?;
        tx.lock(person, owner.lock_name()).await?;
        let (withdrawn, days) = move_to_revisions(&mut tx, owner, ids, now).await?;
        if withdrawn == 0 {
            return Ok(0);
        }
        let newest = derive::refresh(&mut tx, owner, &days, now).await?;
        // The newest day may have gone with its document.
        sync::note_newest(&mut tx, owner, newest, now).await?;
        people::count_change(&mut tx, person).await?;
        tx.commit().await?;
        self.changes.notify();
        Ok(withdrawn)
    }
}

/// Moves documents to their revisions, be they progress or final. Returns how many there were, and the days that must
/// be derived again.
pub(crate) async fn move_to_revisions(
    tx: &mut Tx,
    owner: Owner,
    ids: &[&str],
    now: Timestamp,
) -> Result<(usize, BTreeSet<Day>)> {
    let known = apply::stored_versions(tx, owner, ids.iter().copied()).await?;
    let days = known.values().map(|known| known.day).collect();
    apply::keep_revisions(tx, owner, known.keys().map(String::as_str), now).await?;
    let stored: Vec<&str> = known.keys().map(String::as_str).collect();
    for ids in stored.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("delete from document");
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok((known.len(), days))
}

/// The number of the last revision kept of each document that is stored no longer: where one that comes back counts on.
pub(crate) async fn last_revisions(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<HashMap<String, i64>> {
    let mut last = HashMap::new();
    for ids in ids.chunks(ROWS) {
        let rows: Vec<(String, i64)> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, max(revision) from document_revision");
            push_id_filter(&mut query, owner, ids).push(" group by id");
            query.build_query_as().persistent(false).fetch_all(conn).await?
        });
        last.extend(rows);
    }
    Ok(last)
}

//! What lies in the future is quarantined: it stands in `rejected` with its body until it is past.

use std::borrow::Cow;
use std::collections::BTreeSet;

use domain::document::{AHEAD, newest_day};
use domain::{Collection, Day, Document, Rejected, Window};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use crate::Store;
use crate::write::apply::{Batch, ROWS, push_id_filter};
use crate::error::Result;
use crate::write::derive::{self, Owner};
use crate::write::origin::Origin;
use crate::people;
use crate::write::rejected;
use crate::sync;
use crate::transaction::{Tx, with_conn};
use crate::write::withdraw;

impl Batch {
    /// Moves what lies in the future to what is rejected. [`Store::apply`](crate::Store::apply) does so in any case; a
    /// caller that reports what is rejected does it before.
    pub fn quarantine_future(&mut self, now: Timestamp) {
        for documents in [&mut self.documents, &mut self.nearby] {
            for document in std::mem::take(documents) {
                if document.is_ahead(now) {
                    let (rest, rejected) = document.split_ahead(self.collection, now);
                    documents.extend(rest);
                    self.rejected.push(rejected);
                } else {
                    documents.push(document);
                }
            }
        }
    }

    /// The batch as it is, unless something of it lies in the future.
    pub(crate) fn without_future(&self, now: Timestamp) -> Cow<'_, Self> {
        if !self.documents.iter().chain(&self.nearby).any(|document| document.is_ahead(now)) {
            return Cow::Borrowed(self);
        }
        let mut batch = self.clone();
        batch.quarantine_future(now);
        Cow::Owned(batch)
    }
}

impl Store {
    /// Quarantines what is stored of one collection under days to come. [`Store::apply`] does so for its own collection;
    /// this is for one that is not read, be it for want of consent. Returns how many days were stored so.
    pub async fn quarantine_stored(
        &self,
        person: i64,
        collection: Collection,
        now: Timestamp,
    ) -> Result<usize> {
        let owner = Owner { person, collection };
        let now = now.round(jiff::Unit::Millisecond).unwrap_or(now);
        let mut tx = self.begin().await?;
        tx.lock(person, owner.lock_name()).await?;
        let days = stored_ahead(&mut tx, owner, now).await?;
        if !days.is_empty() {
            let newest = derive::refresh(&mut tx, owner, &days, now).await?;
            sync::note_newest(&mut tx, owner, newest, now).await?;
            people::count_change(&mut tx, person).await?;
        }
        tx.commit().await?;
        self.changes.notify();
        Ok(days.len())
    }
}

type Row = (String, jiff_sqlx::Date, String, String);

/// Quarantines documents that are stored under days to come: those of a version that took them, or of a clock that was
/// ahead. What has no past is the work of such a clock alone and becomes a revision. Returns the days they were stored
/// under. One index probe where there are none.
pub(crate) async fn stored_ahead(tx: &mut Tx, owner: Owner, now: Timestamp) -> Result<BTreeSet<Day>> {
    let limit = newest_day(owner.collection, now);
    let mut days = BTreeSet::new();
    while derive::newest_day(tx, owner).await?.is_some_and(|newest| newest > limit) {
        let rows: Vec<Row> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, day, origin, body from document where person = ");
            query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
            query.push(" and day > ").push_bind(limit.date().to_sqlx());
            query.push(" order by day limit ").push_bind(i64::try_from(ROWS).unwrap_or(i64::MAX));
            query.build_query_as().persistent(false).fetch_all(conn).await?
        });
        let ids: Vec<&str> = rows.iter().map(|(id, ..)| id.as_str()).collect();
        if owner.collection.window() == Window::Whole {
            days.extend(withdraw::move_to_revisions(tx, owner, &ids, now).await?.1);
            continue;
        }
        for origin in Origin::ALL {
            let of_origin = rows.iter().filter(|(_, _, word, _)| word == origin.name());
            let rejected: Vec<Rejected> = of_origin.map(|(id, _, _, body)| ahead(owner, id, body)).collect();
            let rejected: Vec<&Rejected> = rejected.iter().collect();
            rejected::upsert(tx, owner, origin, None, &rejected, now).await?;
        }
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("delete from document");
            push_id_filter(&mut query, owner, &ids).build().persistent(false).execute(conn).await?;
        });
        for (_, date, ..) in rows {
            days.insert(sync::day(date)?);
        }
    }
    Ok(days)
}

fn ahead(owner: Owner, id: &str, body: &str) -> Rejected {
    let gathered = owner.collection.window() == Window::Instants;
    let id = if gathered { Document::ahead_id(id) } else { id.to_owned() };
    Rejected { id, reason: AHEAD.to_owned(), body: body.to_owned() }
}

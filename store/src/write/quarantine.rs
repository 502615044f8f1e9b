//! Documents of the future are quarantined: they stay in `rejected` with their bodies until they are past.

use std::borrow::Cow;
use std::collections::BTreeSet;

use domain::document::{AHEAD, newest_day};
use domain::{Collection, Day, Document, Rejected, Window};
use jiff::Timestamp;
use jiff_sqlx::{Date, ToSqlx};
use sqlx::QueryBuilder;

use super::batch::{Batch, ROWS};
use super::execute::remove;
use super::ids::delete_documents;
use super::origin::Origin;
use super::owner::Owner;
use super::{derive, rejected};
use crate::Store;
use crate::error::Result;
use crate::sql::{Columns, row};
use crate::sync;
use crate::time::stored;
use crate::transaction::{Tx, with_conn};

impl Batch {
    /// Moves documents of the future to the rejected ones. [`Store::apply`](crate::Store::apply) does so in any case; a
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

    /// The batch as it is, unless a document of it is of the future.
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
    /// Quarantines stored documents of future days. [`Store::apply`] does so for its own collection; this is for one that
    /// is not read, for lack of consent for example. Returns how many days were stored so.
    pub async fn quarantine_stored(
        &self,
        person: i64,
        collection: Collection,
        now: Timestamp,
    ) -> Result<usize> {
        let (owner, now) = (Owner { person, collection }, stored(now));
        let mut tx = self.begin_on(owner).await?;
        let days = stored_ahead(&mut tx, owner, now).await?;
        if !days.is_empty() {
            self.commit_days(tx, owner, &days, None, now).await?;
        }
        Ok(days.len())
    }
}

row! {
    struct AheadRow {
        id: String,
        day: Date,
        origin: String,
        body: String,
    }
}

/// Quarantines stored documents of future days, which an older version or a clock that was ahead stored. Observations
/// without a past are the work of such a clock alone and become revisions. Returns the days they were stored under. One
/// index probe where there are none.
pub(crate) async fn stored_ahead(tx: &mut Tx, owner: Owner, now: Timestamp) -> Result<BTreeSet<Day>> {
    let limit = newest_day(owner.collection, now);
    let mut days = BTreeSet::new();
    while derive::newest_day(tx, owner).await?.is_some_and(|newest| newest > limit) {
        let rows: Vec<AheadRow> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(format!("select {} from document where person = ", AheadRow::COLUMNS));
            query.push_bind(owner.person).push(" and collection = ").push_bind(owner.collection.name());
            query.push(" and day > ").push_bind(limit.date().to_sqlx());
            query.push(" order by day limit ").push_bind(i64::try_from(ROWS).unwrap_or(i64::MAX));
            query.build_query_as().persistent(false).fetch_all(conn).await?
        });
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        if owner.collection.window() == Window::Whole {
            remove(tx, owner, &ids, now).await?;
            for row in &rows {
                days.insert(sync::day(row.day)?);
            }
            continue;
        }
        for origin in Origin::ALL {
            let of_origin = rows.iter().filter(|row| row.origin == origin.name());
            let rejected: Vec<Rejected> = of_origin.map(|row| ahead(owner, &row.id, &row.body)).collect();
            let rejected: Vec<&Rejected> = rejected.iter().collect();
            rejected::upsert(tx, owner, origin, None, &rejected, now).await?;
        }
        delete_documents(tx, owner, &ids).await?;
        for row in rows {
            days.insert(sync::day(row.day)?);
        }
    }
    Ok(days)
}

fn ahead(owner: Owner, id: &str, body: &str) -> Rejected {
    let gathered = owner.collection.window() == Window::Instants;
    let id = if gathered { Document::ahead_id(id) } else { id.to_owned() };
    Rejected { id, reason: AHEAD.to_owned(), body: body.to_owned() }
}

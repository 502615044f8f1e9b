//! Everything derived, derived again: after an upgrade that adds a metric or corrects a rule.

use std::collections::BTreeSet;

use domain::{Collection, DayRange, Rejected};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;

use crate::Store;
use crate::error::Result;
use crate::write::derive::{self, Owner};
use crate::people::{self, Person};
use crate::write::quarantine;
use crate::write::rejected;
use crate::sync::{self, DateColumn};
use crate::transaction::{Tx, with_conn};

/// Days derived at a time: bounds the memory.
const DAYS_PER_BATCH: i64 = 60;

impl Store {
    /// Drops the numbers of one collection of one person, from its first to its last document, and derives them again
    /// in one transaction, so that readers see the old numbers until the new ones are complete. Before that, what was
    /// put aside is read again by this version's parser. `progress` is told the days done and in all. Returns how many
    /// things were put aside no longer.
    pub async fn rebuild(
        &self,
        person: &Person,
        collection: Collection,
        now: Timestamp,
        mut progress: impl FnMut(i64, i64),
    ) -> Result<usize> {
        let now = now.round(jiff::Unit::Millisecond).unwrap_or(now);
        let owner = Owner { person: person.id, collection };
        let mut tx = self.begin().await?;
        tx.lock(person.id, owner.lock_name()).await?;
        let (_, read) = rejected::retry(&mut tx, owner, rejected::Which::All, now).await?;
        let ahead = quarantine::stored_ahead(&mut tx, owner, now).await?;
        if !ahead.is_empty() {
            let newest = derive::refresh(&mut tx, owner, &ahead, now).await?;
            sync::note_newest(&mut tx, owner, newest, now).await?;
        }
        if let Some(range) = documented(&mut tx, owner).await? {
            let mut done = 0;
            for chunk in range.chunks(DAYS_PER_BATCH) {
                let days: BTreeSet<_> = chunk.days().collect();
                derive::refresh(&mut tx, owner, &days, now).await?;
                done += chunk.len();
                progress(done, range.len());
            }
        }
        let dated = date_rejected(&mut tx, owner, now).await?;
        if read + dated > 0 {
            let newest = derive::refresh(&mut tx, owner, &BTreeSet::new(), now).await?;
            sync::note_newest(&mut tx, owner, newest, now).await?;
        }
        people::count_change(&mut tx, person.id).await?;
        tx.commit().await?;
        self.changes.notify();
        Ok(read)
    }

    /// Removes the numbers of metrics that the catalogue no longer has.
    pub async fn delete_unknown_metrics(&self) -> Result<u64> {
        let mut tx = self.begin().await?;
        let mut removed = 0;
        for delete in ["delete from daily where", "delete from series where", "delete from latest where"] {
            removed += with_conn!(&mut tx, conn, Db => {
                let mut query = sqlx::QueryBuilder::<Db>::new(delete);
                query.push(" metric not in (");
                let mut list = query.separated(", ");
                for metric in domain::METRICS {
                    list.push_bind(metric.key);
                }
                query.push(")").build().persistent(false).execute(conn).await?.rows_affected()
            });
        }
        tx.commit().await?;
        Ok(removed)
    }
}

/// Notes the days of rejected documents that an earlier version kept without. Returns how many say one.
async fn date_rejected(tx: &mut Tx, owner: Owner, now: Timestamp) -> Result<usize> {
    let rows: Vec<(String, String)> = with_conn!(&mut *tx, conn => {
        sqlx::query_as("select id, body from rejected where person = $1 and collection = $2 and day is null")
            .bind(owner.person)
            .bind(owner.collection.name())
            .fetch_all(conn)
            .await?
    });
    let mut dated = 0;
    for (id, body) in rows {
        let row = Rejected { id, reason: String::new(), body };
        let Some(day) = rejected::claimed_day(owner, &row, now) else { continue };
        with_conn!(&mut *tx, conn => {
            sqlx::query("update rejected set day = $1 where person = $2 and collection = $3 and id = $4")
                .bind(day.date().to_sqlx())
                .bind(owner.person)
                .bind(owner.collection.name())
                .bind(&row.id)
                .execute(conn)
                .await?;
        });
        dated += 1;
    }
    Ok(dated)
}

/// From the first to the last day that has documents.
async fn documented(tx: &mut Tx, owner: Owner) -> Result<Option<DayRange>> {
    let (first, last): (DateColumn, DateColumn) = with_conn!(tx, conn => {
        sqlx::query_as("select min(day), max(day) from document where person = $1 and collection = $2")
            .bind(owner.person)
            .bind(owner.collection.name())
            .fetch_one(conn)
            .await?
    });
    match (first, last) {
        (Some(first), Some(last)) => Ok(DayRange::new(sync::day(first)?, sync::day(last)?).ok()),
        _ => Ok(None),
    }
}

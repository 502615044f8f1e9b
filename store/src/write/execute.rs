//! Makes the changes of a plan.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::QueryBuilder;

use super::batch::{Batch, ROWS};
use super::fingerprint::fingerprint;
use super::ids::{delete_documents, push_id_filter};
use super::origin::Origin;
use super::owner::Owner;
use super::plan::{Changes, Write};
use super::{drift, rejected};
use crate::error::Result;
use crate::time::Time;
use crate::transaction::{Tx, with_conn};

/// Writes documents, revisions and rejections; derived rows and the state of reading are the caller's.
pub(crate) async fn execute(
    tx: &mut Tx,
    owner: Owner,
    batch: &Batch,
    changes: &Changes<'_>,
    now: Timestamp,
) -> Result<()> {
    mark_missing(tx, owner, &changes.unconfirmed, now).await?;
    remove(tx, owner, &changes.removed, now).await?;
    keep_revisions(tx, owner, &changes.revised, now).await?;
    write_documents(tx, owner, batch.origin, &changes.written, now).await?;
    let documents: Vec<_> = changes.written.iter().map(|write| write.document).collect();
    drift::record(tx, owner, &documents, now).await?;
    mark_seen(tx, owner, batch.origin, &changes.seen).await?;
    rejected::upsert(tx, owner, batch.origin, batch.covered, &changes.rejected, now).await?;
    // An archive may be older than what Oura's API has sent and could not be parsed.
    rejected::delete(tx, owner, &changes.accepted, batch.origin).await?;
    rejected::delete(tx, owner, &changes.resolved, Origin::Api).await
}

/// Removes documents; their bodies become revisions.
pub(crate) async fn remove(tx: &mut Tx, owner: Owner, ids: &[&str], now: Timestamp) -> Result<()> {
    keep_revisions(tx, owner, ids, now).await?;
    delete_documents(tx, owner, ids).await
}

async fn keep_revisions(tx: &mut Tx, owner: Owner, ids: &[&str], now: Timestamp) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into document_revision
                     (person, collection, id, revision, day, body, changed_at, replaced_at)
                 select person, collection, id, revision, day, body, changed_at, ",
            );
            // PostgreSQL cannot tell the type of a bare parameter in a select list; SQLite would cast to a number.
            query.push("coalesce(").push_bind(Time::from(now)).push(", changed_at) from document");
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

async fn write_documents(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    documents: &[Write<'_>],
    now: Timestamp,
) -> Result<()> {
    for documents in documents.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new(
                "insert into document
                     (person, collection, id, day, body, fingerprint, origin, revision, first_seen_at, changed_at) ",
            );
            query.push_values(documents, |mut row, Write { document, revision }| {
                row.push_bind(owner.person)
                    .push_bind(owner.collection.name())
                    .push_bind(&document.id)
                    .push_bind(document.day.date().to_sqlx())
                    .push_bind(&document.body)
                    .push_bind(fingerprint(&document.body))
                    .push_bind(origin.name())
                    .push_bind(*revision)
                    .push_bind(Time::from(now))
                    .push_bind(Time::from(now));
            });
            query.push(
                " on conflict (person, collection, id) do update
                  set day = excluded.day, body = excluded.body, fingerprint = excluded.fingerprint,
                      revision = document.revision + 1, changed_at = excluded.changed_at, missing_since = null,
                      -- A document from Oura's API stays Oura's.
                      origin = case when document.origin in ('api', 'webhook') then document.origin
                                    else excluded.origin end",
            );
            query.build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

/// Notes since when documents are missing.
async fn mark_missing(tx: &mut Tx, owner: Owner, ids: &[&str], now: Timestamp) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("update document set missing_since = ");
            query.push_bind(Time::from(now));
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

async fn mark_seen(tx: &mut Tx, owner: Owner, origin: Origin, ids: &[&str]) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("update document set missing_since = null, origin = ");
            query.push_bind(origin.name());
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

//! Which of two bodies under one id stands: Oura's answer over an archive, and a body over another spelling of it.

use std::collections::HashMap;

use domain::{Document, Rejected, compare};
use sqlx::QueryBuilder;

use super::{Batch, ROWS, known, these};
use crate::error::Result;
use crate::numbers::Owner;
use crate::origin::Origin;
use crate::transaction::{Tx, with_conn};

/// Leaves in `fresh` what is to be written. What `is_known` and has another fingerprint is compared by content, so that
/// an import and the API may spell the same document differently without ever writing it twice.
pub(super) async fn settle(
    tx: &mut Tx,
    owner: Owner,
    origin: Origin,
    fresh: &mut Vec<&Document>,
    is_known: impl Fn(&str) -> bool,
) -> Result<()> {
    let ids: Vec<&str> =
        fresh.iter().map(|document| document.id.as_str()).filter(|id| is_known(id)).collect();
    let stored = bodies(tx, owner, &ids).await?;
    fresh.retain(|document| {
        stored.get(&document.id).is_none_or(|stored| {
            let adds = || compare::adds(stored, &document.body);
            !compare::same(stored, &document.body) && (!origin.is_archive() || adds())
        })
    });
    Ok(())
}

/// What the batch rejects, without what an archive got wrong and Oura has said right.
pub(super) async fn rejected<'a>(tx: &mut Tx, owner: Owner, batch: &'a Batch) -> Result<Vec<&'a Rejected>> {
    let mut rejected: Vec<&Rejected> = batch.rejected.iter().collect();
    if batch.origin.is_archive() && !rejected.is_empty() {
        let known = known(tx, owner, rejected.iter().map(|rejected| rejected.id.as_str())).await?;
        rejected.retain(|rejected| !known.contains_key(&rejected.id));
    }
    Ok(rejected)
}

async fn bodies(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<HashMap<String, String>> {
    let mut bodies = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(ROWS) {
        let rows: Vec<(String, String)> = with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("select id, body from document");
            these(&mut query, owner, ids).build_query_as().persistent(false).fetch_all(conn).await?
        });
        bodies.extend(rows);
    }
    Ok(bodies)
}

//! Statements about documents by their ids.

use sqlx::{Encode, QueryBuilder, Type};

use super::batch::ROWS;
use super::owner::Owner;
use crate::error::Result;
use crate::transaction::{Tx, with_conn};

/// Narrows a statement to documents by their ids.
pub(crate) fn push_id_filter<'q, Db>(
    query: &'q mut QueryBuilder<Db>,
    owner: Owner,
    ids: &[&str],
) -> &'q mut QueryBuilder<Db>
where
    Db: sqlx::Database,
    i64: for<'t> Encode<'t, Db> + Type<Db>,
    for<'t> &'t str: Encode<'t, Db> + Type<Db>,
{
    query.push(" where person = ").push_bind(owner.person);
    query.push(" and collection = ").push_bind(owner.collection.name()).push(" and id in (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    query.push(")")
}

/// Deletes documents without keeping their bodies.
pub(crate) async fn delete_documents(tx: &mut Tx, owner: Owner, ids: &[&str]) -> Result<()> {
    for ids in ids.chunks(ROWS) {
        with_conn!(&mut *tx, conn, Db => {
            let mut query = QueryBuilder::<Db>::new("delete from document");
            push_id_filter(&mut query, owner, ids).build().persistent(false).execute(conn).await?;
        });
    }
    Ok(())
}

//! The ring in use, for the one series whose labels are words of Oura's.

use domain::{Collection, Ring};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;

impl Store {
    /// The ring each person was last seen with, in order of person; constant work per person.
    pub async fn rings(&self) -> Result<Vec<(i64, Ring)>> {
        let rows: Vec<(i64, String)> = with_pool!(self, pool => {
            sqlx::query_as(
                "select document.person, body from sync_state
                 join document on document.person = sync_state.person
                      and document.collection = sync_state.collection and day = newest_day
                 where sync_state.collection = $1 order by document.person",
            )
            .bind(Collection::RingConfiguration.name())
            .fetch_all(pool)
            .await?
        });
        Ok(rows.into_iter().filter_map(|(person, body)| Some((person, Ring::of(&body)?))).collect())
    }

    /// The ring one person was last seen with.
    pub async fn ring(&self, person: i64) -> Result<Option<Ring>> {
        let body: Option<String> = with_pool!(self, pool => {
            sqlx::query_scalar(
                "select body from document where person = $1 and collection = $2 order by day desc limit 1",
            )
            .bind(person)
            .bind(Collection::RingConfiguration.name())
            .fetch_optional(pool)
            .await?
        });
        Ok(body.and_then(|body| Ring::of(&body)))
    }
}

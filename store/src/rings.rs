//! The ring in use, for the one series whose labels are words of Oura's.

use domain::{Collection, Ring};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;

impl Store {
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

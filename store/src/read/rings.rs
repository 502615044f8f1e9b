//! The ring in use, for the one series whose labels are words of Oura.

use domain::{Collection, Ring, Rings};
use jiff::tz::TimeZone;

use crate::Store;
use crate::error::Result;
use crate::sql::read;

impl Store {
    /// The ring one person was last seen with.
    pub async fn ring(&self, person: i64) -> Result<Option<Ring>> {
        let body = self.newest_observation(person).await?;
        Ok(body.and_then(|body| Ring::of(&body)))
    }

    /// All rings one person was last seen with.
    pub(crate) async fn rings(&self, person: i64, zone: &TimeZone) -> Result<Rings> {
        let body = self.newest_observation(person).await?;
        Ok(body.map(|body| Rings::of(&body, zone)).unwrap_or_default())
    }

    async fn newest_observation(&self, person: i64) -> Result<Option<String>> {
        let body = read!(
            self,
            query_scalar.fetch_optional,
            "select body from document where person = $1 and collection = $2 order by day desc limit 1",
            person,
            Collection::RingConfiguration.name()
        );
        Ok(body)
    }
}

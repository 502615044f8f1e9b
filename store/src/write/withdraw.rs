//! Deleting documents that Oura no longer has: they leave `document`, and their bodies stay as revisions.

use domain::Collection;
use jiff::Timestamp;

use super::execute::remove;
use super::load::days_of;
use super::owner::Owner;
use crate::Store;
use crate::error::Result;
use crate::time::stored;

impl Store {
    /// Deletes documents that Oura no longer has: each body moves to `document_revision`, and the days are derived
    /// without it. Ids that are not stored are ignored, so that a repetition changes nothing. A document that returns is
    /// stored again and continues its revisions. Returns how many were deleted.
    #[tracing::instrument(name = "db.document.withdraw", skip_all, fields(%collection, documents = ids.len()))]
    pub async fn withdraw(
        &self,
        person: i64,
        collection: Collection,
        ids: &[&str],
        now: Timestamp,
    ) -> Result<usize> {
        let (owner, now) = (Owner { person, collection }, stored(now));
        let mut tx = self.begin_on(owner).await?;
        let known = days_of(&mut tx, owner, ids).await?;
        if known.is_empty() {
            return Ok(0);
        }
        let ids: Vec<&str> = known.keys().map(String::as_str).collect();
        remove(&mut tx, owner, &ids, now).await?;
        // The newest day may have gone with its document.
        self.commit_days(tx, owner, &known.values().copied().collect(), None, now).await?;
        Ok(known.len())
    }
}

//! One batch brought into `document`: read what is stored, plan, execute.

use std::collections::BTreeSet;

use domain::Day;
use jiff::Timestamp;

use super::batch::{Applied, Batch};
use super::execute::execute;
use super::load::load;
use super::owner::Owner;
use super::plan::plan;
use crate::error::Result;
use crate::transaction::Tx;

/// What [`write`] did.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) applied: Applied,
    /// The days that must be derived again.
    pub(crate) days: BTreeSet<Day>,
}

/// Brings the documents up to date; derived rows and the state of reading are the caller's.
pub(crate) async fn write(tx: &mut Tx, owner: Owner, batch: &Batch, now: Timestamp) -> Result<Written> {
    let stored = load(tx, owner, batch).await?;
    let changes = plan(&stored, batch, now);
    execute(tx, owner, batch, &changes, now).await?;
    Ok(Written { applied: changes.applied, days: changes.days })
}

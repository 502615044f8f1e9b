//! How a service reads Oura.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::bail;
use ingest::plan::Horizon;
use ingest::{Scheduler, Settings};
use prometheus_client::registry::Registry;
use store::Store;

use crate::Clock;
use crate::config::Invalid;
use crate::login::Credentials;
use crate::people::{self, PersonSettings};

/// How to read Oura.
pub(crate) struct Oura {
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    pub(crate) horizon: Horizon,
    pub(crate) interval: Duration,
    /// Requests a minute.
    pub(crate) budget: NonZeroU32,
    /// People read at the same time.
    pub(crate) workers: u32,
}

/// A client of Oura without a person yet.
pub(super) fn oura_client<'a>(
    oura: &'a Oura,
    registry: &mut Registry,
) -> anyhow::Result<(ingest::Client, &'a Oura, ingest::Metrics, Settings)> {
    let metrics = ingest::Metrics::register(registry);
    let client = ingest::Client::new(&oura.url, oura.credentials.typed(), metrics.clone());
    let client = client.map_err(Invalid::from)?.with_budget(oura.budget);
    Ok((client, oura, metrics, Settings { horizon: oura.horizon, interval: oura.interval }))
}

/// The scheduler of sync runs for all persons, the person of this process's flags among them.
pub(super) async fn scheduler(
    (client, oura, metrics, settings): (ingest::Client, &Oura, ingest::Metrics, Settings),
    who: &PersonSettings,
    store: &Store,
    clock: &Clock,
) -> anyhow::Result<Scheduler> {
    let credentials = oura.credentials.clone().complete(store).await?;
    let mine = who.of_service(store, clock()).await?.map(|person| person.id);
    match mine {
        // A restart syncs at once, so that its effect can be seen.
        Some(mine) => store.schedule_sync(mine, None).await?,
        None if credentials.is_typed() => bail!(
            "the access token is given for a person, and no person here is called {}; name one with --person: {}",
            who.name,
            people::listed(&store.people().await?).trim_end_matches(';')
        ),
        None => {}
    }
    Ok(Scheduler {
        store: store.clone(),
        client: credentials.access(client, mine, store, &metrics, clock),
        settings,
        metrics,
        clock: clock.clone(),
        workers: oura.workers,
        holder: lease_holder()?,
        lease_duration: Scheduler::LEASE,
        relaxed: None,
    })
}

/// A name for this process's leases that no other process has.
pub(crate) fn lease_holder() -> anyhow::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| anyhow::anyhow!("the system has no random numbers"))?;
    Ok(format!("{}-{:016x}", std::process::id(), u64::from_ne_bytes(random)))
}

//! Work that several processes share: leases, webhook events, jobs.

pub(crate) mod jobs;
pub(crate) mod leases;
pub(crate) mod sync_leases;
pub(crate) mod webhook_events;

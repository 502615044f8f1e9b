//! Whether the databases of this process do what its roles need: probed every two seconds, shown as `myhealth_store_up`,
//! and what readiness goes by; and how their connections are used.

use std::collections::BTreeMap;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use service_metrics::{Labels, Metric, Pool, Statement, Task, table};
use store::{
    PROBE_INTERVAL, PoolUse, RENEWAL_INTERVAL, STATEMENT_BUCKETS, StatementDurations, StatementName, Store,
    causes,
};
use tokio_util::sync::CancellationToken;

use crate::cli::Role;
use crate::shutdown::Lifecycle;

/// The databases of one process.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    stores: Vec<Store>,
    /// Whether answers come from the database; gauges come from memory.
    answers_from_them: bool,
}

/// What readiness reports to a load balancer (see `docs/adr/0010`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// Requests are answered, some with 503; every other replica would do the same.
    Degraded,
    /// Another replica may be better off.
    NotReady,
}

impl Databases {
    /// The database of a process with these roles, and the replica it reads from; probed as long as the process runs.
    pub(crate) fn start(
        store: &Store,
        replica: Option<&Store>,
        roles: &[Role],
        lifecycle: &Lifecycle,
    ) -> Self {
        let runs = |role| roles.contains(&role);
        // An API that reads from a server is of use while that takes no writes. An embedded database without room for
        // them is on its way to the end, and this process is the only one that can say so.
        if runs(Role::Ingest) || runs(Role::Api) && store.is_embedded() {
            store.need_writes();
        }
        let stores = std::iter::once(store).chain(replica).cloned().collect();
        let databases = Self { stores, answers_from_them: runs(Role::Ingest) || runs(Role::Api) };
        let (probed, stop) = (databases.clone(), lifecycle.stop.clone());
        lifecycle.supervise(Task::DatabaseProbes, move || probed.clone().probe_until(stop.clone()));
        databases
    }

    pub(crate) async fn close(&self) {
        for store in &self.stores {
            store.close().await;
        }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        let outages: Vec<_> = self.stores.iter().filter_map(|store| store.last_probe().err()).collect();
        if outages.is_empty() {
            Readiness::Ready
        } else if self.answers_from_them && outages.iter().any(|outage| !outage.is_shared()) {
            Readiness::NotReady
        } else {
            Readiness::Degraded
        }
    }

    /// Durations by statement, of all databases together.
    fn encode_statements(&self, mut family: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut statements = BTreeMap::<StatementName, StatementDurations>::new();
        for (name, durations) in self.stores.iter().flat_map(Store::statements) {
            let all = statements.entry(name).or_default();
            all.sum += durations.sum;
            for (all, count) in all.buckets.iter_mut().zip(durations.buckets) {
                *all += count;
            }
        }
        for (name, durations) in statements {
            let bounds = STATEMENT_BUCKETS.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(durations.buckets).collect();
            let labels = Labels((Statement(name.to_string()),));
            let mut series = family.encode_family(&labels)?;
            series.encode_histogram::<Labels<()>>(durations.sum, durations.count(), &buckets, None)?;
        }
        Ok(())
    }

    /// Probes the databases and reads their log-ins again.
    async fn probe_until(self, stop: CancellationToken) {
        let every = |store: Store| async move {
            loop {
                // Each outcome is kept where it is found; a hanging database does not delay the look at another.
                drop(store.probe_now().await);
                tokio::time::sleep(PROBE_INTERVAL).await;
            }
        };
        let renew = |store: Store| async move {
            loop {
                tokio::time::sleep(RENEWAL_INTERVAL).await;
                if let Err(error) = store.renew_login().await {
                    tracing::warn!(error = %causes(&error), "cannot use the changed database log-in; keeping the previous one");
                }
            }
        };
        let mut probes = tokio::task::JoinSet::<()>::new();
        for store in self.stores {
            probes.spawn(every(store.clone()));
            probes.spawn(renew(store));
        }
        stop.cancelled().await;
    }
}

impl Collector for Databases {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let up = self.stores.iter().all(|store| store.last_probe().is_ok());
        let up = ConstGauge::new(i64::from(up));
        up.encode(table::STORE_UP.describe(&mut encoder)?)?;
        let failures = ConstCounter::new(self.stores.iter().map(Store::write_failures).sum::<u64>());
        failures.encode(table::STORE_WRITE_FAILURES.describe(&mut encoder)?)?;
        self.encode_statements(table::DB_STATEMENTS.describe(&mut encoder)?)
    }
}

/// `myhealth_db_pool_*`: when all connections are used, work waits.
#[derive(Debug)]
pub(crate) struct Pools {
    pub(crate) store: Store,
    /// Where the API reads, if that is another database.
    pub(crate) replica: Option<Store>,
}

impl Collector for Pools {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        type Column = (Metric<(Pool,)>, fn(&PoolUse) -> u64);
        let columns: [Column; 3] = [
            (table::POOL_IDLE, |pool| pool.idle),
            (table::POOL_USED, |pool| pool.used),
            (table::POOL_MAX, |pool| pool.max),
        ];
        let replica = self.replica.iter().flat_map(Store::pools);
        let pools = self.store.pools().into_iter().map(|pool| (pool.pool, pool));
        let pools: Vec<_> = pools.chain(replica.map(|pool| ("replica", pool))).collect();
        for (metric, value) in columns {
            let mut family = metric.describe(&mut encoder)?;
            for (label, pool) in &pools {
                let gauge = ConstGauge::new(i64::try_from(value(pool)).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&Labels((Pool(label),)))?)?;
            }
        }
        Ok(())
    }
}

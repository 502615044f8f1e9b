//! How the database's connections are used, asked at the scrape.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use service_metrics::{Labels, Metric, Pool, table};
use store::{PoolUse, Store};

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

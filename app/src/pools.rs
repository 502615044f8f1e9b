//! How the database's connections are used, asked at the scrape.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
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
        type Column = (&'static str, &'static str, fn(&PoolUse) -> u64);
        let columns: [Column; 3] = [
            ("idle_connections", "Open connections that wait to be used.", |pool| pool.idle),
            ("used_connections", "Connections in use.", |pool| pool.used),
            ("max_connections", "Most connections that are opened.", |pool| pool.max),
        ];
        let replica = self.replica.iter().flat_map(Store::pools);
        let pools = self.store.pools().into_iter().map(|pool| (pool.pool, pool));
        let pools: Vec<_> = pools.chain(replica.map(|pool| ("replica", pool))).collect();
        for (name, help, value) in columns {
            let name = format!("myhealth_db_pool_{name}");
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut family = encoder.encode_descriptor(&name, help, None, kind)?;
            for (label, pool) in &pools {
                let gauge = ConstGauge::new(i64::try_from(value(pool)).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&[("pool", *label)])?)?;
            }
        }
        Ok(())
    }
}

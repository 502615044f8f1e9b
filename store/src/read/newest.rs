//! Where a history ends.

use domain::{Day, Metric};

use crate::Store;
use crate::backend::with_pool;
use crate::error::Result;
use crate::sync::{self, DateColumn};

impl Store {
    /// The newest day that has points of this metric; one index probe.
    pub async fn newest_series_day(&self, person: i64, metric: &'static Metric) -> Result<Option<Day>> {
        let newest: DateColumn = with_pool!(self, pool => {
            sqlx::query_scalar("select max(day) from series where person = $1 and metric = $2")
                .bind(person)
                .bind(metric.key)
                .fetch_one(pool)
                .await?
        });
        newest.map(sync::day).transpose()
    }
}

//! `process_*`: what every Prometheus client library reports about its process, read at the scrape.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

/// Reads `/proc/self` where there is one; elsewhere it has no metrics.
#[derive(Debug)]
pub struct ProcessCollector;

#[cfg(target_os = "linux")]
impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        use procfs::WithCurrentSystemInfo;
        use prometheus_client::encoding::EncodeMetric;
        use prometheus_client::metrics::counter::ConstCounter;
        use prometheus_client::metrics::gauge::ConstGauge;

        use crate::table;

        let Ok(process) = procfs::process::Process::myself() else { return Ok(()) };
        let Ok(stat) = process.stat() else { return Ok(()) };
        #[expect(clippy::cast_precision_loss, reason = "clock ticks of a process's life fit 53 bits")]
        let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;

        let cpu = ConstCounter::new(seconds(stat.utime + stat.stime));
        cpu.encode(table::PROCESS_CPU.describe(&mut encoder)?)?;
        if let Ok(boot) = procfs::boot_time_secs() {
            #[expect(clippy::cast_precision_loss, reason = "seconds of this era fit 53 bits")]
            let birth = ConstGauge::new(boot as f64 + seconds(stat.starttime));
            birth.encode(table::PROCESS_START.describe(&mut encoder)?)?;
        }
        let gauges = [
            (table::PROCESS_RESIDENT, Some(stat.rss_bytes().get())),
            (table::PROCESS_VIRTUAL, Some(stat.vsize)),
            (table::PROCESS_THREADS, u64::try_from(stat.num_threads).ok()),
            (table::PROCESS_OPEN_FDS, process.fd_count().ok().map(|count| count as u64)),
            (table::PROCESS_MAX_FDS, most_files(&process)),
        ];
        for (metric, value) in gauges {
            if let Some(value) = value {
                let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                gauge.encode(metric.describe(&mut encoder)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn most_files(process: &procfs::process::Process) -> Option<u64> {
    match process.limits().ok()?.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(limit) => Some(limit),
        procfs::process::LimitValue::Unlimited => None,
    }
}

#[cfg(not(target_os = "linux"))]
impl Collector for ProcessCollector {
    fn encode(&self, _: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        Ok(())
    }
}

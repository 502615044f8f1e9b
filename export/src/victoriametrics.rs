//! The JSON lines that VictoriaMetrics takes at `/api/v1/import`.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use store::Store;

use crate::selection::Selection;
use crate::{Error, Progress};

/// Samples a line: VictoriaMetrics reads lines whole and has a limit on them.
const SAMPLES: usize = 10_000;

#[derive(Serialize)]
struct Line<'a> {
    metric: BTreeMap<&'static str, &'a str>,
    values: Vec<f64>,
    timestamps: Vec<i64>,
}

/// Writes a selection. Returns the number of samples.
pub async fn victoriametrics(
    store: &Store,
    selection: &Selection,
    out: &mut (impl Write + Send),
    progress: Progress<'_>,
) -> Result<u64, Error> {
    let series = selection.series()?;
    let mut samples = 0;
    for (done, one) in series.iter().enumerate() {
        let labels = one.labels();
        one.samples(store, selection.range, async |points| {
            for points in points.chunks(SAMPLES) {
                let metric = labels.iter().map(|(label, value)| (*label, &**value)).collect();
                let (timestamps, values) = points.iter().copied().unzip();
                serde_json::to_writer(&mut *out, &Line { metric, values, timestamps })
                    .map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            samples += points.len() as u64;
            Ok(())
        })
        .await?;
        progress(done + 1, series.len());
    }
    out.flush()?;
    Ok(samples)
}

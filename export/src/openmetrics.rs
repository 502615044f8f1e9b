//! The text that `promtool tsdb create-blocks-from openmetrics` reads.

use std::io::Write;

use store::Store;

use crate::selection::Selection;
use crate::{Error, Progress};

/// Writes a selection, a family after the other. Returns the number of samples.
pub async fn openmetrics(
    store: &Store,
    selection: &Selection,
    out: &mut (impl Write + Send),
    progress: Progress<'_>,
) -> Result<u64, Error> {
    let series = selection.series()?;
    let (mut samples, mut open) = (0, String::new());
    let mut line = Vec::new();
    for (done, one) in series.iter().enumerate() {
        let labels = one.labels();
        let name = one.metric().name();
        if open != name {
            writeln!(out, "# TYPE {name} gauge\n# HELP {name} {}", one.metric().help_text())?;
            open.clone_from(&name);
        }
        // Label values are pseudonyms and words of the catalogue: nothing that needs escaping.
        let own = labels.iter().filter(|(label, _)| *label != "__name__");
        let own: Vec<String> = own.map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let head = format!("{name}{{{}}} ", own.join(","));
        one.samples(store, selection.range, async |points| {
            line.clear();
            for (at, value) in points {
                line.extend_from_slice(head.as_bytes());
                line.extend_from_slice(zmij::Buffer::new().format(*value).as_bytes());
                let (seconds, milliseconds) = (at.div_euclid(1000), at.rem_euclid(1000));
                writeln!(line, " {seconds}.{milliseconds:03}")?;
            }
            samples += points.len() as u64;
            Ok(out.write_all(&line)?)
        })
        .await?;
        progress(done + 1, series.len());
    }
    out.write_all(b"# EOF\n")?;
    out.flush()?;
    Ok(samples)
}

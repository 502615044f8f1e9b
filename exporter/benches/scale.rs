//! One household, a thousand persons, and ten thousand: what each series costs, and what one person's change does.

#![expect(clippy::print_stdout, reason = "a bench talks to people")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

fn main() {
    println!("  people   series  write ns/series  gzip ns/series  change µs  B/series above the text");
    // The smallest first, so that memory given back by a larger one is not counted as its own.
    for people in [1, 1_000, 10_000, 1_000, 10_000] {
        let m = exporter::bench::measure(people);
        let per = |ns: u128| ns as f64 / m.series as f64;
        let above = m.memory as f64 - (m.bytes.0 + m.bytes.1) as f64;
        println!(
            "{:>8} {:>8} {:>16.1} {:>15.1} {:>10.0} {:>10.1}   ({} MB plain, {:.1} MB gzip)",
            m.people,
            m.series,
            per(m.write.as_nanos()),
            per(m.compress.as_nanos()),
            m.change.as_nanos() as f64 / 1e3,
            above / m.series as f64,
            m.bytes.0 / 1_000_000,
            m.bytes.1 as f64 / 1e6,
        );
    }
}

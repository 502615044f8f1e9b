//! One household, a thousand persons, and ten thousand: what each series costs, and what one person's change does.

#![expect(clippy::print_stdout, reason = "a bench talks to people")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::process::Command;

fn main() {
    let people = std::env::args().skip(1).find_map(|word| word.parse().ok());
    if let Some(people) = people {
        return report(people);
    }
    println!("  people   series   ns/series: first, again, sync, gzip   change µs   B/series above the text");
    // Each in a process of its own: memory that an earlier run freed would be counted wrongly.
    for people in ["1", "1000", "10000", "1000", "10000"] {
        let itself = std::env::current_exe().expect("a running program has a file");
        assert!(Command::new(itself).arg(people).status().is_ok_and(|status| status.success()));
    }
}

fn report(people: usize) {
    let m = exporter::bench::measure(people);
    let per = |time: std::time::Duration| time.as_nanos() as f64 / m.series as f64;
    println!(
        "{:>8} {:>8} {:>18.1} {:>7.1} {:>6.1} {:>6.1} {:>11.0} {:>13.1}   ({} MB plain, {:.1} MB gzip)",
        m.people,
        m.series,
        per(m.first),
        per(m.again),
        per(m.sync),
        per(m.compress),
        m.change.as_nanos() as f64 / 1e3,
        (m.memory as f64 - (m.bytes.0 + m.bytes.1) as f64) / m.series as f64,
        m.bytes.0 / 1_000_000,
        m.bytes.1 as f64 / 1e6,
    );
}

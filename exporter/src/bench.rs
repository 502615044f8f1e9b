//! What keeping the gauges costs, measured inside: `cargo bench -p exporter --features bench`.

use std::time::{Duration, Instant};

use domain::{Collection, METRICS};
use jiff::Timestamp;
use store::{Latest, SyncState};

use crate::gauges::Gauges;
use crate::person::Record;

/// What was measured with this number of persons.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Persons.
    pub people: usize,
    /// Series about them.
    pub series: usize,
    /// Bytes of a scrape, plain and compressed.
    pub bytes: (usize, usize),
    /// Writing the lines of all persons for the first time: processor time.
    pub first: Duration,
    /// Writing all of them again with other values and times, into memory that is there.
    pub again: Duration,
    /// Writing the lines of one collection of all persons again.
    pub sync: Duration,
    /// Cutting and compressing all of it.
    pub compress: Duration,
    /// One person's change, from the values to the ready body: the middle of many.
    pub change: Duration,
    /// Resident memory that everything took, the ready text included.
    pub memory: usize,
}

/// Fills gauges with synthetic persons, changes one of them many times, and measures what it costs.
pub fn measure(people: usize) -> Measured {
    let now: Timestamp = "2026-03-29T12:00:00Z".parse().expect("BUG: a constant");
    let before = resident();
    let mut gauges = Gauges::default();
    let first = fill(&mut gauges, people, Round::Whole(0), now);
    let started = busy();
    let body = gauges.body();
    let compress = busy().saturating_sub(started);
    let memory = resident().saturating_sub(before);
    let again = fill(&mut gauges, people, Round::Whole(1), now);
    let sync = fill(&mut gauges, people, Round::Sync(1), now);
    drop(gauges.body());
    let mut changes: Vec<Duration> = (2..=102)
        .map(|round| {
            let one = [record(round * people / 103, Round::Sync(round), now)];
            let started = Instant::now();
            gauges.set(&one, now);
            drop(gauges.body());
            started.elapsed()
        })
        .collect();
    changes.sort_unstable();
    Measured {
        people,
        series: body.snapshot.lines(),
        bytes: body.snapshot.bytes(),
        first,
        again,
        sync,
        compress,
        change: changes[50],
        memory,
    }
}

/// How values differ from those before.
#[derive(Clone, Copy)]
enum Round {
    /// All of them, and when they were measured and read.
    Whole(usize),
    /// Those of one collection, as a sync brings them.
    Sync(usize),
}

/// Gives all persons the values of a round.
fn fill(gauges: &mut Gauges, people: usize, round: Round, now: Timestamp) -> Duration {
    let mut took = Duration::ZERO;
    for first in (0..people).step_by(256) {
        let records: Vec<Record> = (first..people.min(first + 256)).map(|n| record(n, round, now)).collect();
        let started = busy();
        gauges.set(&records, now);
        took += busy().saturating_sub(started);
    }
    took
}

/// A person with a value of everything.
fn record(person: usize, round: Round, now: Timestamp) -> Record {
    let (all, sleep) = match round {
        Round::Whole(round) => (round, 0),
        Round::Sync(round) => (1, round),
    };
    let now = now + jiff::SignedDuration::from_secs(i64::try_from(all).expect("BUG: a count of rounds"));
    let id = i64::try_from(person).expect("BUG: a count of persons");
    let day = domain::Day::at(now, &jiff::tz::TimeZone::UTC);
    let rows = METRICS.iter().filter(|metric| metric.has_current_value());
    let latest = rows.enumerate().map(|(row, metric)| {
        let changed = if metric.collection == Collection::Sleep { all + sleep } else { all };
        // Most of Oura's numbers are whole, some have decimals, few all their digits.
        let n = (person * 31 + row * 7 + changed) % 997;
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let n = n as f64;
        let value = match row % 20 {
            0..12 => n,
            12..17 => n / 100.0,
            _ => n / 7.0,
        };
        let value = if metric.states().is_empty() { value } else { 0.0 };
        Latest { person: id, metric, day, observed_at: now, value }
    });
    let mut latest: Vec<Latest> = latest.collect();
    latest.sort_unstable_by_key(|latest| latest.metric.key);
    let state = |collection: &Collection| SyncState {
        collection: *collection,
        covered: None,
        newest_day: Some(day),
        last_attempt_at: Some(now),
        last_success_at: Some(now),
        failure: None,
        rejected_at: None,
        rejected_day: None,
    };
    let name = format!("p-{person:06}").parse().expect("BUG: a plain word is a pseudonym");
    Record {
        person: store::Person { id, name, time_zone: "UTC".into() },
        latest,
        states: Collection::ALL.iter().map(state).collect(),
        ring: None,
    }
}

/// The processor's time for this process: waiting for a busy machine does not count.
fn busy() -> Duration {
    let process = procfs::process::Process::myself();
    let ran = process.and_then(|process| process.schedstat()).map_or(0, |stat| stat.sum_exec_runtime);
    Duration::from_nanos(ran)
}

fn resident() -> usize {
    use procfs::WithCurrentSystemInfo;
    usize::try_from(stat(|stat| stat.rss_bytes().get())).unwrap_or(usize::MAX)
}

fn stat(read: impl Fn(&procfs::process::Stat) -> u64) -> u64 {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat());
    stat.map_or(0, |stat| read(&stat))
}

//! The windows of a sync run that are still to be read: in the order of the plan, and so that a collection whose answers
//! hang keeps no other waiting.

use std::time::Duration;

use domain::Collection;
use tokio::time::Instant;

use crate::plan::Request;

/// Windows asked for at a time: hides Oura's latency behind the store's work and the other way round, while bounding
/// both memory and the burst at Oura's door.
const AT_ONCE: usize = 3;

/// After so long a window takes no place any more. With it at most one window of each collection is under way.
const SLOW: Duration = Duration::from_secs(3);

/// What a run has yet to read.
pub(super) struct Queue {
    /// In order; the first `recent` are the newest days.
    waiting: Vec<Request>,
    recent: usize,
    /// What is under way, and since when; one window of a collection at a time, so that they end in order.
    running: Vec<(Collection, Instant)>,
    failed: Vec<Collection>,
}

impl Queue {
    pub(super) fn new(requests: Vec<Request>, recent: usize) -> Self {
        Self { waiting: requests, recent, running: Vec::new(), failed: Vec::new() }
    }

    /// The next window to ask for now, if there is one and a place for it. When it is `late`, history waits for the next
    /// run.
    pub(super) fn next(&mut self, late: bool, now: Instant) -> Option<Request> {
        let places = self.running.iter().filter(|(_, began)| now < *began + SLOW).count();
        if places >= AT_ONCE {
            return None;
        }
        let wanted = if late { &self.waiting[..self.recent] } else { &self.waiting[..] };
        let busy = |collection| self.running.iter().any(|(running, _)| *running == collection);
        let at = wanted.iter().position(|request| !busy(request.collection))?;
        let request = self.waiting.remove(at);
        self.recent -= usize::from(at < self.recent);
        self.running.push((request.collection, now));
        Some(request)
    }

    /// Waits until a slow window gives its place away; never returns when nothing waits for one.
    pub(super) async fn place(&self) {
        let now = Instant::now();
        let slow = self.running.iter().map(|(_, began)| *began + SLOW).filter(|at| now < *at).min();
        match slow.filter(|_| !self.waiting.is_empty()) {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// A window has come or failed; whether it is wanted, because none of its collection failed before.
    pub(super) fn finish(&mut self, request: &Request) -> bool {
        self.running.retain(|(collection, _)| *collection != request.collection);
        !self.failed.contains(&request.collection)
    }

    /// Takes out what waits of a collection that has failed: after a hole nothing older may count as read.
    pub(super) fn give_up(&mut self, collection: Collection) -> Vec<Request> {
        self.failed.push(collection);
        let of_it = |request: &Request| request.collection == collection;
        self.recent -= self.waiting[..self.recent].iter().filter(|request| of_it(request)).count();
        self.waiting.extract_if(.., |request| of_it(request)).collect()
    }

    /// Whether nothing waits.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use domain::{Day, DayRange};

    use super::*;
    use Collection::{DailyActivity, DailyReadiness, DailySleep, HeartRate, Sleep};

    fn window(collection: Collection, back: i64) -> Request {
        Request { collection, range: DayRange::ending(Day::literal(2026, 3, 29).plus(-back), 1) }
    }

    fn asked(queue: &mut Queue, late: bool, now: Instant) -> Vec<Collection> {
        std::iter::from_fn(|| queue.next(late, now)).map(|request| request.collection).collect()
    }

    #[test]
    fn slow_window_gives_its_place_to_another_collection_and_never_to_its_own() {
        let now = Instant::now();
        let recent = [DailySleep, DailySleep, Sleep, HeartRate, DailyActivity, DailyReadiness];
        let mut queue = Queue::new(recent.map(|collection| window(collection, 0)).to_vec(), recent.len());
        assert_eq!(asked(&mut queue, false, now), [DailySleep, Sleep, HeartRate]);
        assert!(queue.finish(&window(Sleep, 0)));
        assert_eq!(asked(&mut queue, false, now), [DailyActivity]);
        assert_eq!(asked(&mut queue, false, now + SLOW), [DailyReadiness], "three are slow");
        assert!(queue.finish(&window(DailySleep, 0)));
        assert_eq!(asked(&mut queue, false, now + SLOW), [DailySleep]);
        assert!(queue.is_done());
    }

    #[test]
    fn failed_collection_is_given_up_with_what_is_under_way() {
        let now = Instant::now();
        let history = [window(DailySleep, 0), window(Sleep, 0), window(DailySleep, 1), window(Sleep, 1)];
        let mut queue = Queue::new(history.to_vec(), 2);
        assert_eq!(asked(&mut queue, false, now), [DailySleep, Sleep]);
        queue.finish(&window(DailySleep, 0));
        assert_eq!(asked(&mut queue, false, now), [DailySleep]);
        assert_eq!(queue.give_up(DailySleep), []);
        assert!(!queue.finish(&window(DailySleep, 1)), "it would be stored after a hole");
        assert_eq!(queue.give_up(Sleep), [window(Sleep, 1)]);
        assert!(queue.is_done());
    }

    #[test]
    fn late_run_reads_the_newest_days_and_leaves_history() {
        let now = Instant::now();
        let windows = [window(DailySleep, 0), window(DailySleep, 1), window(Sleep, 1)];
        let mut queue = Queue::new(windows.to_vec(), 1);
        assert_eq!(asked(&mut queue, true, now), [DailySleep]);
        queue.finish(&window(DailySleep, 0));
        assert_eq!(asked(&mut queue, true, now), []);
        assert!(!queue.is_done());
    }
}

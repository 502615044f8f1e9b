//! A bounded number of seats that clients share: connections of a listener, exports being sent. Each seat knows whether it
//! waits for its client or for the server. When all are taken, a new client gets a seat of the client that has most of them:
//! first one that waits for its client, the longest first; a busy one only where the new client has fewer seats. So one
//! client that opens as many as it can does not exclude the others, and idle seats are revoked before busy ones.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::Client;

/// Seats; clones share them.
#[derive(Clone, Debug)]
pub struct Seats(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    grace: Duration,
    since: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    seats: HashMap<u64, Arc<Occupied>>,
}

/// What a seat waits for from its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Wait {
    /// A request, since the last response.
    Request = 1,
    /// The rest of a request.
    Body = 2,
    /// Reading what was sent.
    Reader = 4,
}

#[derive(Debug)]
struct Occupied {
    /// The client that opened it.
    peer: Client,
    /// The client whose request it serves, where a proxy opened it.
    behind: Mutex<Option<Client>>,
    /// Its current waits, as bits of [`Wait`].
    waits: AtomicU8,
    /// When waiting or working began, in microseconds since [`Shared::since`].
    changed: AtomicU64,
    /// Whether a complete request has arrived.
    asked: AtomicBool,
    /// Whether it can be revoked.
    fixed: AtomicBool,
    revoked: CancellationToken,
}

impl Occupied {
    fn client(&self) -> Client {
        lock(&self.behind).unwrap_or(self.peer)
    }
}

/// The order in which the seats of one client are revoked: waiting ones first, of them those without any request, then the
/// longest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    working: bool,
    asked: bool,
    changed: u64,
    number: u64,
}

impl Seats {
    /// Creates `total` seats. A seat counts as waiting for its client after `grace`.
    pub fn new(most: usize, grace: Duration) -> Self {
        Self(Arc::new(Shared { most, grace, since: Instant::now(), taken: Mutex::default() }))
    }

    /// A seat for this client; `None` when all are taken and none can be revoked for it.
    pub fn take(&self, peer: Client) -> Option<Seat> {
        let mut taken = lock(&self.0.taken);
        if taken.seats.len() >= self.0.most {
            let number = self.to_give_up(&taken, peer)?;
            // It is not free before its holder notices; until then there is one more than configured.
            taken.seats.remove(&number)?.revoked.cancel();
        }
        let number = taken.next;
        taken.next += 1;
        let occupied = Arc::new(Occupied {
            peer,
            behind: Mutex::default(),
            waits: AtomicU8::new(0),
            changed: AtomicU64::new(self.0.now()),
            asked: AtomicBool::new(false),
            fixed: AtomicBool::new(false),
            revoked: CancellationToken::new(),
        });
        taken.seats.insert(number, occupied.clone());
        Some(Seat { seats: self.clone(), number, occupied })
    }

    /// The seat to revoke for one more of this client.
    fn to_give_up(&self, taken: &Taken, newcomer: Client) -> Option<u64> {
        let mut held: HashMap<Client, usize> = HashMap::from([(newcomer, 1)]);
        for seat in taken.seats.values() {
            *held.entry(seat.client()).or_default() += 1;
        }
        let most = held.values().copied().max()?;
        let of_the_richest = taken.seats.iter().filter(|(_, seat)| held.get(&seat.client()) == Some(&most));
        let (rank, number) = of_the_richest
            .filter(|(_, seat)| !seat.fixed.load(Ordering::Relaxed))
            .map(|(number, seat)| (self.rank(*number, seat), *number))
            .min_by(|(one, _), (other, _)| one.cmp(other))?;
        (!rank.working || held.get(&newcomer) < Some(&most)).then_some(number)
    }

    fn rank(&self, number: u64, seat: &Occupied) -> Rank {
        let changed = seat.changed.load(Ordering::Relaxed);
        let lately = Duration::from_micros(self.0.now().saturating_sub(changed)) < self.0.grace;
        let working = seat.waits.load(Ordering::Relaxed) == 0 || lately;
        Rank { working, asked: seat.asked.load(Ordering::Relaxed), changed, number }
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds such a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A seat, released when dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    number: u64,
    occupied: Arc<Occupied>,
}

impl Seat {
    /// Cancelled when the seat is needed for another client: its holder ends.
    pub fn revoked(&self) -> CancellationToken {
        self.occupied.revoked.clone()
    }

    /// It begins to wait for its client.
    pub fn wait(&self, wait: Wait) {
        self.change(self.occupied.waits.fetch_or(wait as u8, Ordering::Relaxed) == 0);
    }

    /// This wait has ended.
    pub fn resume(&self, wait: Wait) {
        let before = self.occupied.waits.fetch_and(!(wait as u8), Ordering::Relaxed);
        self.change(before != 0 && before & !(wait as u8) == 0);
    }

    fn change(&self, changed: bool) {
        if changed {
            self.occupied.changed.store(self.seats.0.now(), Ordering::Relaxed);
        }
    }

    /// A complete request has arrived, from `behind` a proxy where there is one.
    pub fn begin(&self, behind: Option<Client>) {
        self.occupied.asked.store(true, Ordering::Relaxed);
        if let Some(client) = behind {
            *lock(&self.occupied.behind) = Some(client);
        }
        self.resume(Wait::Request);
    }

    /// The request is answered.
    pub fn end(&self) {
        *lock(&self.occupied.behind) = None;
        self.wait(Wait::Request);
    }

    /// From now on the seat is not revoked: nothing would notice.
    pub fn keep(&self) {
        self.occupied.fixed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One that was revoked is gone already.
        lock(&self.seats.0.taken).seats.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::of(address.parse().unwrap())
    }

    /// Seats of these clients, each waiting for a request.
    fn idle(seats: &Seats, address: &str, many: usize) -> Vec<Seat> {
        let seat = |_| {
            let seat = seats.take(client(address)).unwrap();
            seat.wait(Wait::Request);
            seat
        };
        (0..many).map(seat).collect()
    }

    fn revoked(seats: &[Seat]) -> Vec<bool> {
        seats.iter().map(|seat| seat.revoked().is_cancelled()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn idle_seat_of_the_client_with_most_seats_goes_first() {
        let seats = Seats::new(4, Duration::ZERO);
        let scraper = idle(&seats, "10.0.0.1", 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        let crowd = idle(&seats, "10.0.0.2", 3);
        crowd[0].begin(None);
        crowd[1].begin(None);
        crowd[1].end();
        let newcomer = seats.take(client("10.0.0.3"));
        assert!(newcomer.is_some());
        assert_eq!(revoked(&crowd), [false, false, true], "the one without any request");
        let newcomer = seats.take(client("10.0.0.4"));
        assert!(newcomer.is_some());
        assert_eq!(revoked(&crowd), [false, true, true], "the one that has been answered");
        assert_eq!(revoked(&scraper), [false], "the longest idle of all, of a client with one seat");
    }

    #[tokio::test(start_paused = true)]
    async fn busy_seat_goes_only_for_a_client_with_fewer() {
        let seats = Seats::new(3, Duration::ZERO);
        let greedy: Vec<_> = (0..3).map(|_| seats.take(client("10.0.0.1")).unwrap()).collect();
        assert!(seats.take(client("10.0.0.1")).is_none(), "no seat is revoked for its own client");
        let others: Vec<_> = (2..4).map(|n| seats.take(client(&format!("10.0.0.{n}")))).collect();
        assert!(others.iter().all(Option::is_some));
        assert_eq!(revoked(&greedy), [true, true, false]);
        assert!(seats.take(client("10.0.0.4")).is_none(), "each has one");
    }

    #[tokio::test(start_paused = true)]
    async fn seat_of_a_proxy_belongs_to_the_client_whose_request_it_serves() {
        let seats = Seats::new(3, Duration::ZERO);
        let proxy: Vec<_> = (0..3).map(|_| seats.take(client("10.0.0.1")).unwrap()).collect();
        for (seat, address) in proxy.iter().zip(["1.1.1.1", "1.1.1.1", "2.2.2.2"]) {
            seat.begin(Some(client(address)));
        }
        assert!(seats.take(client("10.0.0.1")).is_some(), "the proxy itself has none");
        assert_eq!(revoked(&proxy), [true, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn client_counts_as_waited_for_after_the_grace() {
        let seats = Seats::new(1, Duration::from_secs(5));
        let slow = seats.take(client("10.0.0.1")).unwrap();
        slow.wait(Wait::Reader);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(seats.take(client("10.0.0.2")).is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(seats.take(client("10.0.0.2")).is_some());
        assert!(slow.revoked().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn seat_is_waiting_until_every_wait_is_over() {
        let seats = Seats::new(1, Duration::ZERO);
        let seat = seats.take(client("10.0.0.1")).unwrap();
        seat.wait(Wait::Body);
        seat.wait(Wait::Reader);
        seat.resume(Wait::Body);
        assert!(seats.take(client("10.0.0.1")).is_some(), "its reader does not read");
    }

    #[test]
    fn dropped_and_revoked_seats_are_counted_once() {
        let seats = Seats::new(1, Duration::ZERO);
        let first = idle(&seats, "10.0.0.1", 1);
        let second = idle(&seats, "10.0.0.1", 1);
        drop(first);
        second[0].begin(None);
        assert!(seats.take(client("10.0.0.1")).is_none());
        drop(second);
        assert!(seats.take(client("10.0.0.1")).is_some());
    }

    #[test]
    fn kept_seat_is_not_taken_away() {
        let seats = Seats::new(1, Duration::ZERO);
        let socket = idle(&seats, "10.0.0.1", 1);
        socket[0].keep();
        assert!(seats.take(client("10.0.0.2")).is_none());
    }
}

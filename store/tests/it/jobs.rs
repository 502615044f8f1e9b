//! The queue of long work, one rule a case.

use jiff::{SignedDuration, Timestamp};
use store::{Accepted, Ending, Job, JobResult, JobState, NewJob, Renewal, Room, Store};

use crate::fixtures::{me, now};

const ROOM: Room = Room { unfinished: 3, all: 5 };
const DAY: SignedDuration = SignedDuration::from_hours(24);
const KINDS: [&str; 2] = ["export", "report"];

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn new(person: i64, id: &str, key: Option<&str>) -> NewJob {
    NewJob {
        id: id.into(),
        person,
        kind: "export",
        parameters: "{}".into(),
        asker: "token 1".into(),
        key: key.map(Into::into),
    }
}

async fn queued(store: &Store, id: &str) -> Job {
    let new = new(me(store).await.id, id, None);
    match store.enqueue_job(&new, ROOM, now()).await.unwrap() {
        Accepted::New(job) => job,
        other => panic!("{other:?}"),
    }
}

/// Claims at `seconds` for a minute.
async fn claimed(store: &Store, holder: &str, seconds: i64) -> Option<Job> {
    store.claim_job(&KINDS, holder, later(seconds + 60), later(seconds)).await.unwrap()
}

async fn finish(store: &Store, job: &Job, holder: &str, ending: Ending) -> bool {
    store.finish_job(job, holder, &ending, DAY, later(30)).await.unwrap()
}

fn result(object: &str) -> JobResult {
    JobResult { object: object.into(), bytes: 7, media_type: "text/csv".into(), file_name: "a.csv".into() }
}

pub(crate) async fn a_job_is_done_once_and_keeps_its_result(store: Store) {
    let job = queued(&store, "a").await;
    assert_eq!((job.state, job.version, job.attempts, job.created_at), (JobState::Queued, 1, 0, now()));
    assert_eq!(store.claim_job(&["backfill"], "x", later(60), later(1)).await.unwrap(), None, "another kind");
    let mine = claimed(&store, "w1", 1).await.unwrap();
    assert_eq!((mine.state, mine.attempts, mine.started_at), (JobState::Running, 1, Some(later(1))));
    assert_eq!(claimed(&store, "w2", 2).await, None);
    let held = store.renew_job(&mine, "w1", later(60), (3, 10)).await.unwrap();
    assert_eq!(held, Renewal::Held);
    let seen = store.job("a").await.unwrap().unwrap();
    assert_eq!((seen.progress, seen.version), ((3, 10), 3));
    store.renew_job(&mine, "w1", later(90), (3, 10)).await.unwrap();
    assert_eq!(store.job("a").await.unwrap().unwrap().version, 3, "nothing has changed for whoever watches");
    assert!(finish(&store, &mine, "w1", Ending::Done(Some(result("o")))).await);
    assert!(!finish(&store, &mine, "w1", Ending::Failed("late")).await, "it has ended");
    let done = store.job("a").await.unwrap().unwrap();
    assert_eq!((done.state, done.progress, done.version), (JobState::Done, (10, 10), 4));
    assert_eq!((done.result, done.failure, done.finished_at), (Some(result("o")), None, Some(later(30))));
    assert_eq!(claimed(&store, "w2", 9_000).await, None, "done is done");
    assert_eq!(store.jobs(me(&store).await.id).await.unwrap().len(), 1);
}

pub(crate) async fn the_same_key_is_the_same_job_and_never_another(store: Store) {
    let me = me(&store).await.id;
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    let ask = async |new: NewJob| store.enqueue_job(&new, ROOM, now()).await.unwrap();
    let Accepted::New(first) = ask(new(me, "a", Some("k"))).await else { panic!("the first") };
    assert_eq!(ask(new(me, "b", Some("k"))).await, Accepted::Same(first));
    let other = NewJob { parameters: "{\"x\":1}".into(), ..new(me, "c", Some("k")) };
    assert_eq!(ask(other).await, Accepted::KeyTaken);
    assert_eq!(ask(new(ann, "d", Some("k"))).await, Accepted::KeyTaken, "about somebody else");
    let stranger = NewJob { asker: "token 2".into(), ..new(me, "e", Some("k")) };
    assert!(matches!(ask(stranger).await, Accepted::New(_)), "another asker's keys are his own");
    assert!(matches!(ask(new(me, "f", None)).await, Accepted::New(_)), "no key is like no other");
}

pub(crate) async fn a_job_whose_holder_died_is_taken_over_and_the_dead_changes_nothing(store: Store) {
    queued(&store, "a").await;
    let dead = claimed(&store, "dead", 0).await.unwrap();
    assert_eq!(claimed(&store, "alive", 59).await, None);
    let alive = claimed(&store, "alive", 61).await.unwrap();
    assert_eq!((alive.id.as_str(), alive.attempts), ("a", 2));
    assert_eq!(store.renew_job(&dead, "dead", later(999), (1, 1)).await.unwrap(), Renewal::Lost);
    assert!(!finish(&store, &dead, "dead", Ending::Failed("late")).await);
    store.postpone_job(&dead, "dead", later(0), true).await.unwrap();
    assert_eq!(store.job("a").await.unwrap().unwrap().state, JobState::Running);
    assert!(finish(&store, &alive, "alive", Ending::Done(None)).await);
}

pub(crate) async fn a_cancelled_job_stops_at_the_next_sign_of_life(store: Store) {
    queued(&store, "waits").await;
    let cancelled = store.cancel_job("waits", DAY, now()).await.unwrap().unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert_eq!(claimed(&store, "w", 1).await, None);
    queued(&store, "runs").await;
    let mine = claimed(&store, "w", 1).await.unwrap();
    let told = store.cancel_job("runs", DAY, later(2)).await.unwrap().unwrap();
    assert_eq!((told.state, told.cancelling), (JobState::Running, true));
    assert_eq!(store.renew_job(&mine, "w", later(60), (0, 0)).await.unwrap(), Renewal::Cancel);
    assert!(finish(&store, &mine, "w", Ending::Cancelled).await);
    let again = store.cancel_job("runs", DAY, later(99)).await.unwrap().unwrap();
    assert_eq!((again.state, again.finished_at), (JobState::Cancelled, Some(later(30))), "it had ended");
    assert_eq!(store.cancel_job("nothing", DAY, now()).await.unwrap(), None);
}

pub(crate) async fn a_job_given_back_waits_and_is_begun_again(store: Store) {
    queued(&store, "a").await;
    let first = claimed(&store, "w", 0).await.unwrap();
    store.postpone_job(&first, "w", later(100), true).await.unwrap();
    assert_eq!(claimed(&store, "w", 99).await, None);
    let second = claimed(&store, "w", 101).await.unwrap();
    assert_eq!(second.attempts, 2);
    store.postpone_job(&second, "w", later(100), false).await.unwrap();
    assert_eq!(claimed(&store, "w", 101).await.unwrap().attempts, 2, "not its own failure");
}

pub(crate) async fn nobody_fills_the_queue_and_nobody_waits_behind_one_who_tries(store: Store) {
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    for id in ["a", "b", "c"] {
        queued(&store, id).await;
    }
    let me = me(&store).await.id;
    assert_eq!(store.enqueue_job(&new(me, "d", None), ROOM, now()).await.unwrap(), Accepted::Full);
    let late = store.enqueue_job(&new(ann, "z", None), ROOM, later(5)).await.unwrap();
    assert!(matches!(late, Accepted::New(_)));
    let mut order = Vec::new();
    while let Some(job) = claimed(&store, &order.len().to_string(), 6).await {
        order.push(job.id);
    }
    assert_eq!(order, ["a", "z", "b", "c"], "whoever has nothing running is next");
    // Finished ones count until they are forgotten.
    for (n, id) in order.iter().enumerate() {
        let job = store.job(id).await.unwrap().unwrap();
        assert!(finish(&store, &job, &n.to_string(), Ending::Done(None)).await);
    }
    for id in ["e", "f"] {
        queued(&store, id).await;
    }
    assert_eq!(store.enqueue_job(&new(me, "g", None), ROOM, now()).await.unwrap(), Accepted::Full);
    let counts = store.job_counts(Some(me)).await.unwrap();
    let counts: Vec<_> = counts.iter().map(|one| (one.state.name(), one.count)).collect();
    assert_eq!(counts, [("done", 3), ("queued", 2)]);
}

pub(crate) async fn jobs_claimed_at_the_same_moment_are_different_ones(store: Store) {
    let me = me(&store).await.id;
    let room = Room { unfinished: 100, all: 100 };
    for n in 0..24 {
        store.enqueue_job(&new(me, &n.to_string(), None), room, now()).await.unwrap();
    }
    let workers = (0..4).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            while let Some(job) = claimed(&store, &n.to_string(), 1).await {
                ids.push(job.id);
            }
            ids
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 24);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 24);
}

pub(crate) async fn a_job_is_kept_until_it_expires(store: Store) {
    let waiting = queued(&store, "a").await;
    let mine = claimed(&store, "w", 0).await.unwrap();
    assert!(finish(&store, &mine, "w", Ending::Failed("database")).await);
    queued(&store, "b").await;
    let end = later(30) + DAY;
    let ids = async |at| -> Vec<String> {
        store.expired_jobs(9, at).await.unwrap().into_iter().map(|job| job.id).collect()
    };
    assert_eq!(ids(end - SignedDuration::from_secs(1)).await, Vec::<String>::new());
    // Times count in whole seconds, rounded so that nothing ends early.
    assert_eq!(ids(end + SignedDuration::from_secs(1)).await, ["a"]);
    store.forget_job(&waiting).await.unwrap();
    assert_eq!(store.job("a").await.unwrap(), None);
    let unfinished = store.job("b").await.unwrap().unwrap();
    store.forget_job(&unfinished).await.unwrap();
    assert!(store.job("b").await.unwrap().is_some(), "what has not ended is not forgotten");
}

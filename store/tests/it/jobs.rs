//! The queue of long work, one rule a case.

use jiff::{SignedDuration, Timestamp};
use store::{Cancel, Enqueued, Job, JobLimits, JobOutcome, JobResult, JobState, LeaseRenewal, NewJob, Store};

use crate::fixtures::{me, now};

const ROOM: JobLimits = JobLimits { unfinished: 3, all: 5 };
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
        Enqueued::New(job) => job,
        other => panic!("{other:?}"),
    }
}

/// Claims at `seconds` for a minute.
async fn claimed(store: &Store, holder: &str, seconds: i64) -> Option<Job> {
    store.claim_job(&KINDS, holder, later(seconds + 60), later(seconds)).await.unwrap()
}

async fn finish(store: &Store, job: &Job, holder: &str, ending: JobOutcome) -> bool {
    store.finish_job(job, holder, &ending, DAY, later(30)).await.unwrap()
}

fn result(object: &str) -> JobResult {
    JobResult { object: object.into(), bytes: 7, media_type: "text/csv".into(), file_name: "a.csv".into() }
}

pub(crate) async fn job_is_completed_once_and_keeps_its_result(store: Store) {
    let job = queued(&store, "a").await;
    assert_eq!((job.state, job.version, job.attempts, job.created_at), (JobState::Queued, 1, 0, now()));
    assert_eq!(store.claim_job(&["backfill"], "x", later(60), later(1)).await.unwrap(), None, "another kind");
    let mine = claimed(&store, "w1", 1).await.unwrap();
    assert_eq!((mine.state, mine.attempts, mine.started_at), (JobState::Running, 1, Some(later(1))));
    assert_eq!(claimed(&store, "w2", 2).await, None);
    let held = store.renew_job_lease(&mine, "w1", later(60), (3, 10)).await.unwrap();
    assert_eq!(held, LeaseRenewal::Held);
    let seen = store.job("a").await.unwrap().unwrap();
    assert_eq!((seen.progress, seen.version), ((3, 10), 3));
    store.renew_job_lease(&mine, "w1", later(90), (3, 10)).await.unwrap();
    assert_eq!(store.job("a").await.unwrap().unwrap().version, 3, "nothing has changed for a watcher");
    assert!(finish(&store, &mine, "w1", JobOutcome::Done(Some(result("o")))).await);
    assert!(!finish(&store, &mine, "w1", JobOutcome::Failed("late")).await, "it has ended");
    let done = store.job("a").await.unwrap().unwrap();
    assert_eq!((done.state, done.progress, done.version), (JobState::Done, (10, 10), 4));
    assert_eq!((done.result, done.failure, done.finished_at), (Some(result("o")), None, Some(later(30))));
    assert_eq!(claimed(&store, "w2", 9_000).await, None, "done is done");
    assert_eq!(store.jobs(me(&store).await.id).await.unwrap().len(), 1);
}

pub(crate) async fn idempotency_key_identifies_one_job(store: Store) {
    let me = me(&store).await.id;
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    let ask = async |new: NewJob| store.enqueue_job(&new, ROOM, now()).await.unwrap();
    let Enqueued::New(first) = ask(new(me, "a", Some("k"))).await else { panic!("the first") };
    assert_eq!(ask(new(me, "b", Some("k"))).await, Enqueued::Same(first));
    let other = NewJob { parameters: "{\"x\":1}".into(), ..new(me, "c", Some("k")) };
    assert_eq!(ask(other).await, Enqueued::KeyTaken);
    assert_eq!(ask(new(ann, "d", Some("k"))).await, Enqueued::KeyTaken, "about another person");
    let stranger = NewJob { asker: "token 2".into(), ..new(me, "e", Some("k")) };
    assert!(matches!(ask(stranger).await, Enqueued::New(_)), "another asker's keys are his own");
    assert!(matches!(ask(new(me, "f", None)).await, Enqueued::New(_)), "no key is like no other");
}

pub(crate) async fn job_lease_of_a_dead_worker_is_taken_over(store: Store) {
    queued(&store, "a").await;
    let dead = claimed(&store, "dead", 0).await.unwrap();
    assert_eq!(claimed(&store, "alive", 59).await, None);
    let alive = claimed(&store, "alive", 61).await.unwrap();
    assert_eq!((alive.id.as_str(), alive.attempts), ("a", 2));
    assert_eq!(store.renew_job_lease(&dead, "dead", later(999), (1, 1)).await.unwrap(), LeaseRenewal::Lost);
    assert!(!finish(&store, &dead, "dead", JobOutcome::Failed("late")).await);
    let given = store.release_job(&dead, "dead", later(0), true, DAY, later(99)).await.unwrap();
    assert_eq!(given, LeaseRenewal::Lost);
    assert_eq!(store.job("a").await.unwrap().unwrap().state, JobState::Running);
    assert!(finish(&store, &alive, "alive", JobOutcome::Done(None)).await);
}

pub(crate) async fn cancelled_job_stops_at_the_next_heartbeat(store: Store) {
    queued(&store, "runs").await;
    let mine = claimed(&store, "w", 1).await.unwrap();
    let withdraw = async |seconds| store.cancel_job("runs", later(seconds)).await.unwrap();
    let Cancel::Requested(told) = withdraw(2).await else { panic!("it runs") };
    assert_eq!((told.state, told.cancelling), (JobState::Running, true));
    assert_eq!(withdraw(3).await, Cancel::Requested(told), "asking twice is asking once");
    assert_eq!(store.renew_job_lease(&mine, "w", later(60), (0, 0)).await.unwrap(), LeaseRenewal::Cancel);
    assert!(finish(&store, &mine, "w", JobOutcome::Cancelled).await);
    let ended = store.job("runs").await.unwrap().unwrap();
    assert_eq!((ended.state, ended.finished_at), (JobState::Cancelled, Some(later(30))));
}

pub(crate) async fn cancelled_job_without_a_worker_is_deleted(store: Store) {
    let withdraw = async |id, seconds| store.cancel_job(id, later(seconds)).await.unwrap();
    assert_eq!(withdraw("nothing", 0).await, Cancel::Unknown);
    queued(&store, "waits").await;
    assert_eq!(withdraw("waits", 0).await, Cancel::Deleted(None));
    assert_eq!(claimed(&store, "w", 1).await, None);
    queued(&store, "ended").await;
    let mine = claimed(&store, "w", 1).await.unwrap();
    assert!(finish(&store, &mine, "w", JobOutcome::Done(Some(result("o")))).await);
    assert_eq!(withdraw("ended", 31).await, Cancel::Deleted(Some("o".into())));
    assert_eq!(withdraw("ended", 32).await, Cancel::Unknown);
    queued(&store, "orphan").await;
    let dead = claimed(&store, "dead", 1).await.unwrap();
    assert!(matches!(withdraw("orphan", 60).await, Cancel::Requested(_)), "its claim has not run out");
    // Times count in whole seconds, rounded so that nothing ends early.
    assert_eq!(withdraw("orphan", 62).await, Cancel::Deleted(None));
    assert!(!finish(&store, &dead, "dead", JobOutcome::Done(None)).await);
}

pub(crate) async fn cancelled_job_is_not_queued_again(store: Store) {
    queued(&store, "a").await;
    let mine = claimed(&store, "w", 0).await.unwrap();
    store.cancel_job("a", later(1)).await.unwrap();
    let given = store.release_job(&mine, "w", later(100), true, DAY, later(2)).await.unwrap();
    assert_eq!(given, LeaseRenewal::Cancel);
    let ended = store.job("a").await.unwrap().unwrap();
    assert_eq!((ended.state, ended.finished_at), (JobState::Cancelled, Some(later(2))));
    assert!(ended.expires_at.is_some_and(|at| at >= later(2) + DAY), "{ended:?}");
    assert_eq!(claimed(&store, "w", 101).await, None);
}

pub(crate) async fn released_job_waits_and_is_started_again(store: Store) {
    queued(&store, "a").await;
    let first = claimed(&store, "w", 0).await.unwrap();
    let given = store.release_job(&first, "w", later(100), true, DAY, later(1)).await.unwrap();
    assert_eq!(given, LeaseRenewal::Held);
    let waits = store.job("a").await.unwrap().unwrap();
    assert_eq!((waits.state, waits.finished_at, waits.expires_at), (JobState::Queued, None, None));
    assert_eq!(claimed(&store, "w", 99).await, None);
    let second = claimed(&store, "w", 101).await.unwrap();
    assert_eq!(second.attempts, 2);
    store.release_job(&second, "w", later(100), false, DAY, later(101)).await.unwrap();
    assert_eq!(claimed(&store, "w", 101).await.unwrap().attempts, 2, "not its own failure");
}

pub(crate) async fn job_queue_is_fair_among_people(store: Store) {
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    for id in ["a", "b", "c"] {
        queued(&store, id).await;
    }
    let me = me(&store).await.id;
    assert_eq!(store.enqueue_job(&new(me, "d", None), ROOM, now()).await.unwrap(), Enqueued::Full);
    let late = store.enqueue_job(&new(ann, "z", None), ROOM, later(5)).await.unwrap();
    assert!(matches!(late, Enqueued::New(_)));
    let mut order = Vec::new();
    while let Some(job) = claimed(&store, &order.len().to_string(), 6).await {
        order.push(job.id);
    }
    assert_eq!(order, ["a", "z", "b", "c"], "a person without a running job is next");
    let counts = store.job_counts(Some(me)).await.unwrap();
    let counts: Vec<_> = counts.iter().map(|one| (one.state.name(), one.count)).collect();
    assert_eq!(counts, [("running", 3)]);
}

pub(crate) async fn new_job_replaces_the_one_that_ended_first(store: Store) {
    let ann = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    let end = async |holder: &str, seconds| {
        let job = claimed(&store, holder, seconds).await.unwrap();
        let ended =
            store.finish_job(&job, holder, &JobOutcome::Done(None), DAY, later(seconds)).await.unwrap();
        assert!(ended);
    };
    store.enqueue_job(&new(ann, "z", None), ROOM, now()).await.unwrap();
    end("w", 1).await;
    for (n, id) in (2_i64..).zip(["c", "a", "d"]) {
        queued(&store, id).await;
        end("w", n).await;
    }
    for id in ["e", "f", "g"] {
        queued(&store, id).await;
    }
    let ids = async |person| -> Vec<String> {
        let mut ids: Vec<String> = store.jobs(person).await.unwrap().into_iter().map(|job| job.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(me(&store).await.id).await, ["a", "d", "e", "f", "g"], "c ended first");
    assert_eq!(ids(ann).await, ["z"], "another's stay");
    let more = store.enqueue_job(&new(me(&store).await.id, "h", None), ROOM, now()).await.unwrap();
    assert_eq!(more, Enqueued::Full);
    assert_eq!(ids(me(&store).await.id).await.len(), 5, "a refused job takes no place");
}

pub(crate) async fn concurrent_workers_lease_different_jobs(store: Store) {
    let me = me(&store).await.id;
    let room = JobLimits { unfinished: 100, all: 100 };
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

pub(crate) async fn job_is_kept_until_it_expires(store: Store) {
    queued(&store, "a").await;
    let mine = claimed(&store, "w", 0).await.unwrap();
    assert!(finish(&store, &mine, "w", JobOutcome::Failed("database")).await);
    queued(&store, "b").await;
    let end = later(30) + DAY;
    assert_eq!(store.delete_expired_jobs(end - SignedDuration::from_secs(1)).await.unwrap(), 0);
    assert!(store.job("a").await.unwrap().is_some());
    // Times count in whole seconds, rounded so that nothing ends early.
    assert_eq!(store.delete_expired_jobs(end + SignedDuration::from_secs(1)).await.unwrap(), 1);
    assert_eq!(store.job("a").await.unwrap(), None);
    assert!(store.job("b").await.unwrap().is_some(), "what has not ended is not forgotten");
}

//! Attempts: how they end, and what ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::TryStreamExt as _;
use jiff::SignedDuration;
use jobs::{Backfill, BackfillEnd, RETENTION, Work};
use store::{Cancel, JobState, LeaseRenewal};
use tokio::sync::{Semaphore, watch};

use crate::world::{World, backfill, endless, ends, export};

#[tokio::test]
async fn export_job_completes_and_its_result_is_read() {
    for world in World::both().await {
        let queue = world.queue();
        let id = world.ask(&queue, &export()).await;
        let worker = world.worker_at(&queue, endless());
        assert!(worker.step(&world.stop).await.unwrap());
        assert!(!worker.step(&world.stop).await.unwrap(), "there was one");
        let job = world.job(&id).await;
        assert_eq!((job.state, job.attempts, job.progress.0), (JobState::Done, 1, job.progress.1));
        let result = job.result.unwrap();
        let pieces: Vec<_> =
            queue.results.unwrap().read(&result.object).await.unwrap().try_collect().await.unwrap();
        let text = String::from_utf8(pieces.concat()).unwrap();
        assert_eq!(i64::try_from(text.len()).unwrap(), result.bytes);
        assert!(text.contains("me,2026-03-28,sleep_score,82"), "{text}");
        assert_eq!(world.counted("export", "done"), 1);
    }
}

#[tokio::test]
async fn transient_job_failure_is_retried_five_times_with_back_off() {
    for world in World::both().await {
        let id = world.ask(&world.bare_queue(), &backfill()).await;
        let worker = world.worker(ends(BackfillEnd::Oura));
        for (attempt, pause) in (1..).zip([10, 20, 40, 80]) {
            assert!(worker.step(&world.stop).await.unwrap());
            assert_eq!(world.state(&id).await, (JobState::Queued, attempt));
            world.later(pause - 1);
            assert!(!worker.step(&world.stop).await.unwrap(), "{pause} s are not over");
            world.later(1);
        }
        assert!(worker.step(&world.stop).await.unwrap());
        let job = world.job(&id).await;
        assert_eq!((job.state, job.attempts, job.failure.as_deref()), (JobState::Failed, 5, Some("oura")));
        world.later(3600);
        assert!(!worker.step(&world.stop).await.unwrap(), "given up is given up");
        assert_eq!((world.counted("backfill", "postponed"), world.counted("backfill", "failed")), (4, 1));
    }
}

#[tokio::test]
async fn permanent_job_failure_is_not_retried() {
    let world = World::embedded().await;
    let unknown = Work::Backfill { from: "2026-03-02".into(), to: "2026-03-01".into() };
    for (work, end, failure) in [
        (backfill(), BackfillEnd::NoLogIn, "login_required"),
        (export(), BackfillEnd::Done, "no_place"),
        (unknown, BackfillEnd::Done, "unknown"),
    ] {
        let queue = world.bare_queue();
        let id = world.ask(&queue, &work).await;
        assert!(world.worker_at(&queue, ends(end)).step(&world.stop).await.unwrap());
        let job = world.job(&id).await;
        assert_eq!((job.state, job.failure.as_deref()), (JobState::Failed, Some(failure)));
    }
}

#[tokio::test]
async fn job_that_kills_its_process_fails_after_max_attempts() {
    for world in World::both().await {
        let id = world.ask(&world.bare_queue(), &backfill()).await;
        for _ in 0..5 {
            let until = world.time() + SignedDuration::from_secs(30);
            let claimed = world.store.claim_job(&["backfill"], "dead", until, world.time()).await.unwrap();
            assert!(claimed.is_some());
            world.later(31);
        }
        assert!(world.worker(endless()).step(&world.stop).await.unwrap());
        let job = world.job(&id).await;
        assert_eq!((job.state, job.failure.as_deref()), (JobState::Failed, Some("given_up")));
    }
}

#[tokio::test]
async fn lease_of_a_killed_worker_is_taken_over() {
    for world in World::both().await {
        let queue = world.queue();
        let id = world.ask(&queue, &export()).await;
        let until = world.time() + SignedDuration::from_secs(30);
        let dead = world.store.claim_job(&["export"], "dead", until, world.time()).await.unwrap().unwrap();
        let worker = world.worker_at(&queue, endless());
        assert!(!worker.step(&world.stop).await.unwrap(), "it may live");
        world.later(31);
        assert!(worker.step(&world.stop).await.unwrap());
        assert_eq!(world.state(&id).await, (JobState::Done, 2));
        assert_eq!(world.files(), [format!("{id}-3.csv")]);
        let late = world.store.renew_job_lease(&dead, "dead", until, (0, 0)).await.unwrap();
        assert_eq!(late, LeaseRenewal::Lost);
    }
}

/// The embedded database has one connection that writes. A heartbeat has to wait for it while the work has it, and the
/// work has to continue meanwhile, or both wait for each other.
#[tokio::test]
async fn heartbeat_does_not_block_work_that_writes() {
    let world = World::embedded().await;
    let queue = world.bare_queue();
    let id = world.ask(&queue, &backfill()).await;
    let (looks, looked) = watch::channel(());
    let (store, cancelled) = (world.store.clone(), id.clone());
    let work: Backfill = Arc::new(move |_, _, progress, stop| {
        let (store, id, mut looked) = (store.clone(), cancelled.clone(), looked.clone());
        Box::pin(async move {
            looked.borrow_and_update();
            let held = store::testing::writing(&store).await;
            progress.set(1, 2);
            // The clock is read, and a heartbeat begins to wait.
            looked.changed().await.unwrap();
            drop(held);
            while store.job(&id).await.unwrap().is_some_and(|job| job.progress != (1, 2)) {
                if stop.is_cancelled() {
                    return BackfillEnd::Stopped;
                }
                looked.changed().await.unwrap();
            }
            BackfillEnd::Done
        })
    });
    // A heartbeat that fails loses the lease, because so much time passes between two of them.
    let clock = world.clock.clone();
    let worker = world.worker_by(&queue, work, move || {
        looks.send_replace(());
        let mut now = clock.lock().unwrap();
        *now += SignedDuration::from_secs(31);
        *now
    });
    assert!(worker.step(&world.stop).await.unwrap());
    assert_eq!(world.state(&id).await, (JobState::Done, 1));
    assert_eq!(world.counted("backfill", "lost"), 0);
}

#[tokio::test]
async fn cancelled_running_job_stops() {
    for world in World::both().await {
        let queue = world.bare_queue();
        let id = world.ask(&queue, &backfill()).await;
        let worker = world.worker_at(&queue, endless());
        let withdraw = async {
            let begun = queue.wait_for_change(&id, 1).await.unwrap().unwrap();
            assert_eq!(begun.state, JobState::Running);
            let cancelled = queue.cancel(&id, world.time()).await.unwrap();
            assert!(matches!(&cancelled, Cancel::Requested(job) if job.cancelling), "{cancelled:?}");
        };
        let (stepped, ()) = tokio::join!(worker.step(&world.stop), withdraw);
        assert!(stepped.unwrap());
        assert_eq!(world.state(&id).await, (JobState::Cancelled, 1));
        assert_eq!(world.counted("backfill", "cancelled"), 1);
        assert_eq!(queue.cancel(&id, world.time()).await.unwrap(), Cancel::Deleted(None));
        assert_eq!(queue.wait_for_change(&id, 1).await.unwrap(), None);
    }
}

#[tokio::test]
async fn cancelled_job_that_fails_is_cancelled() {
    let world = World::embedded().await;
    let queue = world.bare_queue();
    let id = world.ask(&queue, &backfill()).await;
    let (taking, at, job) = (queue.clone(), world.time(), id.clone());
    let work: Backfill = Arc::new(move |_, _, _, _| {
        let (queue, id) = (taking.clone(), job.clone());
        Box::pin(async move {
            assert!(matches!(queue.cancel(&id, at).await.unwrap(), Cancel::Requested(_)));
            BackfillEnd::Oura
        })
    });
    assert!(world.worker_at(&queue, work).step(&world.stop).await.unwrap());
    let job = world.job(&id).await;
    assert_eq!((job.state, job.finished_at), (JobState::Cancelled, Some(at)));
    assert_eq!((world.counted("backfill", "cancelled"), world.counted("backfill", "postponed")), (1, 0));
}

#[tokio::test]
async fn stopped_worker_releases_its_jobs_without_counting_an_attempt() {
    for world in World::both().await {
        let queue = world.bare_queue();
        let id = world.ask(&queue, &backfill()).await;
        let worker = world.worker_at(&queue, endless());
        let stop = async {
            queue.wait_for_change(&id, 1).await.unwrap();
            world.stop.cancel();
        };
        tokio::join!(worker.run(world.stop.clone()), stop);
        assert_eq!(world.state(&id).await, (JobState::Queued, 0));
    }
}

#[tokio::test]
async fn attempts_write_results_under_different_names() {
    let world = World::embedded().await;
    let queue = world.queue();
    let id = world.ask(&queue, &export()).await;
    let until = world.time() + SignedDuration::from_secs(30);
    let first = world.store.claim_job(&["export"], "first", until, world.time()).await.unwrap().unwrap();
    // Released uncounted, as by a process that stops; a write that it had sent may arrive late.
    world.store.release_job(&first, "first", world.time(), false, RETENTION, world.time()).await.unwrap();
    world.write(&format!("{}/{id}-{}.csv", world.me.id, first.version));
    assert!(world.worker_at(&queue, endless()).step(&world.stop).await.unwrap());
    assert_eq!(world.state(&id).await, (JobState::Done, first.attempts));
    assert_eq!(world.files().len(), 2);
    assert_eq!(world.job(&id).await.result.unwrap().object, format!("{}/{id}-4.csv", world.me.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn result_of_a_lost_lease_is_deleted() {
    let world = World::embedded().await;
    let queue = world.queue();
    let id = world.ask(&queue, &export()).await;
    let looks = AtomicU32::new(0);
    let (store, clock) = (world.store.clone(), world.clock.clone());
    // Read when the job is claimed, when it is begun, and when it has been made: by then another worker has it.
    let worker = world.worker_by(&queue, endless(), move || {
        let now = *clock.lock().unwrap();
        if looks.fetch_add(1, Ordering::Relaxed) == 2 {
            let late = now + SignedDuration::from_secs(31);
            let claim = store.claim_job(&["export"], "other", late + SignedDuration::from_secs(30), late);
            let runtime = tokio::runtime::Handle::current();
            let claimed = tokio::task::block_in_place(|| runtime.block_on(claim)).unwrap();
            assert!(claimed.is_some());
        }
        now
    });
    assert!(worker.step(&world.stop).await.unwrap());
    assert_eq!(world.state(&id).await, (JobState::Running, 2), "as the other left it");
    assert_eq!(world.files(), Vec::<String>::new());
    assert_eq!((world.counted("export", "lost"), world.counted("export", "done")), (1, 0));
}

#[tokio::test]
async fn backfills_run_one_at_a_time_without_blocking_others() {
    let world = World::embedded().await;
    let queue = world.queue();
    let gate = Arc::new(Semaphore::new(0));
    let open = gate.clone();
    let gated: Backfill = Arc::new(move |_, _, _, _| {
        let gate = gate.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            BackfillEnd::Done
        })
    });
    let worker = world.worker_at(&queue, gated);
    let rest = async {
        let first = world.ask(&queue, &backfill()).await;
        // Of two of one moment either may be the first to be taken.
        world.later(1);
        let backfills = [first, world.ask(&queue, &backfill()).await];
        let ended = async |id: &str| {
            let mut seen = 0;
            loop {
                let job = queue.wait_for_change(id, seen).await.unwrap().unwrap();
                seen = job.version;
                if job.state.is_final() {
                    return job.state;
                }
            }
        };
        queue.wait_for_change(&backfills[0], 1).await.unwrap();
        for _ in 0..2 {
            assert_eq!(ended(&world.ask(&queue, &export()).await).await, JobState::Done);
        }
        assert_eq!(world.state(&backfills[0]).await, (JobState::Running, 1));
        assert_eq!(world.state(&backfills[1]).await, (JobState::Queued, 0));
        open.add_permits(2);
        for id in &backfills {
            assert_eq!(ended(id).await, JobState::Done);
        }
        world.stop.cancel();
    };
    tokio::join!(worker.run(world.stop.clone()), rest);
}

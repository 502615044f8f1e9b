//! Garbage collection: what is deleted, and when.

use jobs::{BackfillEnd, RETENTION};
use store::{Cancel, JobState};

use crate::world::{World, backfill, endless, ends, export};

#[tokio::test]
async fn gc_deletes_expired_jobs_with_their_results() {
    for world in World::both().await {
        let queue = world.queue();
        let worker = world.worker_at(&queue, endless());
        let id = world.ask(&queue, &export()).await;
        assert!(worker.step(&world.stop).await.unwrap());
        let object = format!("{id}-2.csv");
        world.later(RETENTION.as_secs() - 1);
        worker.collect_garbage().await;
        assert_eq!((world.files(), world.state(&id).await), (vec![object], (JobState::Done, 1)));
        world.later(1);
        worker.collect_garbage().await;
        assert_eq!(world.files(), Vec::<String>::new());
        assert_eq!(world.store.job(&id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn gc_deletes_expired_jobs_without_a_results_location() {
    for world in World::both().await {
        let queue = world.bare_queue();
        let worker = world.worker_at(&queue, ends(BackfillEnd::Done));
        let id = world.ask(&queue, &backfill()).await;
        assert!(worker.step(&world.stop).await.unwrap());
        world.later(RETENTION.as_secs());
        worker.collect_garbage().await;
        assert_eq!(world.store.job(&id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn gc_deletes_results_without_a_job() {
    for world in World::both().await {
        let queue = world.queue();
        let worker = world.worker_at(&queue, endless());
        let [deleted, kept] = [world.ask(&queue, &export()).await, world.ask(&queue, &export()).await];
        while worker.step(&world.stop).await.unwrap() {}
        let gone = queue.cancel(&deleted, world.time()).await.unwrap();
        assert!(matches!(gone, Cancel::Deleted(Some(_))), "{gone:?}");
        let whole = format!("{kept}-2.csv");
        assert_eq!(world.files(), [whole.as_str()], "at once");

        // Of a removed person; of an attempt whose lease was lost; of another program that uses this folder.
        let unknown_job = "0123456789abcdef0123456789abcdef";
        world.write(&format!("9/{unknown_job}-1.csv"));
        world.write(&format!("{}/{kept}-7.csv", world.me.id));
        world.write("9/notes.txt");
        world.write("9/0123-letter.txt");
        worker.collect_garbage().await;
        let mut left = world.files();
        left.sort();
        let mut expected = ["0123-letter.txt".to_owned(), "notes.txt".to_owned(), whole];
        expected.sort();
        assert_eq!(left, expected);
    }
}

#[tokio::test]
async fn gc_keeps_results_of_running_jobs() {
    let world = World::embedded().await;
    let queue = world.queue();
    let id = world.ask(&queue, &export()).await;
    let until = world.time() + jiff::SignedDuration::from_secs(30);
    world.store.claim_job(&["export"], "other", until, world.time()).await.unwrap().unwrap();
    let object = format!("{id}-2.csv");
    world.write(&format!("{}/{object}", world.me.id));
    world.worker_at(&queue, endless()).collect_garbage().await;
    assert_eq!(world.files(), [object]);
}

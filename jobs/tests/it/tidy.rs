//! What is forgotten, and when.

use jobs::{BackfillEnd, KEEP};
use store::{JobState, Withdrawn};

use crate::world::{World, backfill, endless, ends, export};

#[tokio::test]
async fn a_job_is_forgotten_with_its_result_when_its_time_is_over() {
    for world in World::both().await {
        let desk = world.desk();
        let worker = world.worker_at(&desk, endless());
        let id = world.ask(&desk, &export()).await;
        assert!(worker.step(&world.stop).await.unwrap());
        let object = format!("{id}-2.csv");
        world.later(KEEP.as_secs() - 1);
        worker.tidy().await;
        assert_eq!((world.files(), world.state(&id).await), (vec![object], (JobState::Done, 1)));
        world.later(1);
        worker.tidy().await;
        assert_eq!(world.files(), Vec::<String>::new());
        assert_eq!(world.store.job(&id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn jobs_are_forgotten_where_no_place_for_results_is_known() {
    for world in World::both().await {
        let desk = world.bare_desk();
        let worker = world.worker_at(&desk, ends(BackfillEnd::Done));
        let id = world.ask(&desk, &backfill()).await;
        assert!(worker.step(&world.stop).await.unwrap());
        world.later(KEEP.as_secs());
        worker.tidy().await;
        assert_eq!(world.store.job(&id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_result_goes_with_its_job_and_without_one() {
    for world in World::both().await {
        let desk = world.desk();
        let worker = world.worker_at(&desk, endless());
        let [deleted, kept] = [world.ask(&desk, &export()).await, world.ask(&desk, &export()).await];
        while worker.step(&world.stop).await.unwrap() {}
        let gone = desk.withdraw(&deleted, world.time()).await.unwrap();
        assert!(matches!(gone, Withdrawn::Gone(Some(_))), "{gone:?}");
        let whole = format!("{kept}-2.csv");
        assert_eq!(world.files(), [whole.as_str()], "at once");

        // Of a removed person; of an attempt that was lost; of whoever else uses this folder.
        let nobodys = "0123456789abcdef0123456789abcdef";
        world.write(&format!("9/{nobodys}-1.csv"));
        world.write(&format!("{}/{kept}-7.csv", world.me.id));
        world.write("9/notes.txt");
        world.write("9/0123-letter.txt");
        worker.tidy().await;
        let mut left = world.files();
        left.sort();
        let mut expected = ["0123-letter.txt".to_owned(), "notes.txt".to_owned(), whole];
        expected.sort();
        assert_eq!(left, expected);
    }
}

#[tokio::test]
async fn what_a_running_job_has_made_is_left_to_it() {
    let world = World::embedded().await;
    let desk = world.desk();
    let id = world.ask(&desk, &export()).await;
    let until = world.time() + jiff::SignedDuration::from_secs(30);
    world.store.claim_job(&["export"], "other", until, world.time()).await.unwrap().unwrap();
    let object = format!("{id}-2.csv");
    world.write(&format!("{}/{object}", world.me.id));
    world.worker_at(&desk, endless()).tidy().await;
    assert_eq!(world.files(), [object]);
}

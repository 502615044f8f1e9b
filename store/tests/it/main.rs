//! The contract of the store, every case on both databases in the same run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod fixtures;
mod history;
mod schema;

/// Registers each case under `sqlite::` and `postgres::`.
macro_rules! on_both_databases {
    ($($case:ident)+) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                let (store, _folder) = store::testing::sqlite().await;
                super::contract::$case(store).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::contract::$case(store::testing::postgres().await).await;
            })+
        }
    };
}

on_both_databases! {
    a_batch_is_stored_and_derived
    applying_again_changes_nothing
    the_newest_content_wins_and_the_old_is_kept
    progress_of_a_running_day_is_no_revision
    null_removes_a_value
    a_document_may_move_to_another_day
    the_newest_value_is_not_hidden_by_a_nap
    a_failed_batch_leaves_nothing
    rejected_documents_are_kept_until_they_parse
    only_the_days_read_without_a_hole_count_as_read
    a_failure_keeps_what_was_read
    ranges_are_inclusive
    points_come_back_exactly
    values_come_back_to_the_last_bit
    rebuild_gives_the_same_numbers
    people_are_kept_apart
    changes_are_announced
}

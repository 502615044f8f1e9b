//! The contract of the store, every case on both databases in the same run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod credentials;
mod fixtures;
mod leases;
mod people;
mod schema;
mod turns;
mod webhooks;
mod withdrawn;

/// Every case, wherever it stands.
mod cases {
    pub(crate) use crate::contract::*;
    pub(crate) use crate::credentials::*;
    pub(crate) use crate::leases::*;
    pub(crate) use crate::people::*;
    pub(crate) use crate::turns::*;
    pub(crate) use crate::webhooks::*;
    pub(crate) use crate::withdrawn::*;
}

/// Registers each case under `sqlite::` and `postgres::`.
macro_rules! on_both_databases {
    ($($case:ident)+) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() {
                let (store, _folder) = store::testing::sqlite().await;
                super::cases::$case(store).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() {
                super::cases::$case(store::testing::postgres().await).await;
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
    one_holder_has_a_lease_until_it_ends
    of_many_only_one_takes_a_lease
    the_longest_due_come_first_and_nobody_twice
    a_person_removed_leaves_nothing_and_takes_nobody_along
    of_many_who_add_a_person_all_get_the_same
    a_log_in_is_kept_renewed_and_forgotten
    who_comes_late_changes_nothing
    a_failure_says_whether_the_token_may_be_spent
    of_many_only_one_renews
    a_withdrawn_document_leaves_its_day_and_stays_as_a_revision
    withdrawing_again_changes_nothing
    a_document_that_comes_back_counts_on
    the_last_document_takes_the_newest_values_with_it
    progress_withdrawn_is_kept_too
    a_repeated_announcement_waits_once_and_the_newest_counts
    what_is_announced_during_its_fetch_is_fetched_again
    a_claim_that_runs_out_is_given_to_another_and_is_worth_nothing_then
    a_postponed_document_waits_and_only_its_own_failures_count
    a_document_given_up_is_listed_with_its_reason
    a_full_queue_takes_no_more_documents_but_news_of_those_it_has
    what_is_due_longest_is_claimed_first
    claims_at_the_same_moment_never_share_a_document
    an_account_is_one_persons_and_the_newest_word_counts
}

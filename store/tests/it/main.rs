//! The contract of the store, every case on both databases in the same run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod absent;
mod accounts;
mod contract;
mod credentials;
mod fixtures;
mod health;
mod history;
mod jobs;
mod leases;
mod oura_accounts;
mod people;
mod put_aside;
mod quarantine;
mod read_back;
mod schema;
mod traces;
mod turns;
mod twins;
mod webhooks;
mod withdrawn;

/// Every case, wherever it stands.
mod cases {
    pub(crate) use crate::absent::*;
    pub(crate) use crate::accounts::*;
    pub(crate) use crate::contract::*;
    pub(crate) use crate::credentials::*;
    pub(crate) use crate::jobs::*;
    pub(crate) use crate::leases::*;
    pub(crate) use crate::oura_accounts::*;
    pub(crate) use crate::people::*;
    pub(crate) use crate::put_aside::*;
    pub(crate) use crate::quarantine::*;
    pub(crate) use crate::read_back::*;
    pub(crate) use crate::traces::*;
    pub(crate) use crate::turns::*;
    pub(crate) use crate::twins::*;
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
    an_archive_fills_what_is_missing_and_replaces_nothing
    an_archive_of_a_person_never_read_leaves_the_cursor_open
    another_spelling_of_a_document_is_no_change
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
    a_nap_confirmed_days_later_joins_its_day
    a_night_in_progress_counts_once_it_has_ended
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
    a_job_is_done_once_and_keeps_its_result
    the_same_key_is_the_same_job_and_never_another
    a_job_whose_holder_died_is_taken_over_and_the_dead_changes_nothing
    a_job_taken_back_stops_at_the_next_sign_of_life
    a_job_nobody_works_on_is_gone_when_it_is_taken_back
    a_job_taken_back_is_not_queued_again
    a_new_job_takes_the_place_of_the_one_that_ended_first
    a_job_given_back_waits_and_is_begun_again
    nobody_fills_the_queue_and_nobody_waits_behind_one_who_tries
    jobs_claimed_at_the_same_moment_are_different_ones
    a_job_is_kept_until_it_expires
    what_a_complete_answer_lacks_is_withdrawn
    an_empty_answer_is_believed_after_an_hour
    an_answer_that_lacks_most_is_believed_after_an_hour
    what_is_seen_again_is_missed_no_longer
    only_what_the_api_has_said_can_be_missing
    an_answer_with_a_nameless_document_proves_no_absence
    a_document_that_came_a_moment_ago_is_not_missed
    a_document_that_moved_out_of_the_window_follows_its_day
    a_day_of_rows_that_shrinks_is_believed_after_an_hour
    a_rebuild_reads_again_what_was_put_aside
    what_was_put_aside_does_not_replace_what_is_newer
    rows_put_aside_join_their_day
    rows_put_aside_are_forgotten_when_their_day_comes_whole
    a_profile_put_aside_is_filed_under_the_day_it_held
    documents_of_the_future_are_put_aside_whatever_way_they_come
    days_that_have_begun_somewhere_are_taken
    rows_of_the_next_hours_are_put_aside_and_the_others_kept
    what_lay_ahead_is_read_once_it_is_past
    what_a_clock_ahead_stored_is_repaired
    a_rebuild_repairs_what_no_answer_is_about
    what_was_rejected_goes_when_it_is_mended_or_gone
    a_nameless_rejection_shields_its_own_day_alone
    a_score_decides_whether_a_short_sleep_is_the_night
    a_correction_of_yesterday_keeps_what_it_replaces
    what_is_unknown_is_counted_once_a_change
    a_peer_gone_mad_does_not_fill_the_table
    many_metrics_are_answered_in_the_order_asked
    documents_come_page_by_page_in_order
    what_is_stored_of_a_metric_is_known
    traces_say_what_days_without_values_left_behind
    traces_of_rows_follow_the_civil_days_of_the_person
    rejected_document_is_the_reason_of_its_own_day
    rejected_document_without_a_day_counts_with_the_newest_days_only
    rebuild_fills_the_days_of_rejected_documents
    document_that_says_null_is_not_computed
    the_exporter_reads_only_whom_it_asks_for
    only_writes_since_the_mark_count_as_changes
    an_account_is_made_once_and_a_new_password_ends_its_log_ins
    a_token_ends_by_itself_at_its_time
    every_change_of_a_person_is_counted_and_nothing_else
    day_of_the_api_stands_against_an_archive_with_another_id
    day_of_an_archive_gives_way_to_the_api_under_another_id
    day_pushed_by_another_program_is_no_archive
    event_of_the_api_stands_against_an_archive_with_another_id
    event_of_an_archive_gives_way_to_the_api_under_another_id
    tags_of_one_moment_stay_apart
    second_archive_with_other_ids_adds_nothing
    account_is_one_person_and_a_person_one_account
    confirmation_remembers_its_log_in_until_the_next
    stored_profile_tells_the_account_of_before
    replaced_account_keeps_what_is_stored_and_answers_of_the_new_one_miss_nothing
}

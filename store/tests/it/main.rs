//! The contract of the store, every case on both databases in the same run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod audit;
mod contract;
mod credentials;
mod declared;
mod deletions;
mod derivation;
mod fixtures;
mod health;
mod history;
mod jobs;
mod leases;
mod log_in;
mod oura_accounts;
mod people;
mod quarantine;
mod read_back;
mod rejected;
mod schema;
mod sign_on;
mod traces;
mod turns;
mod twins;
mod webhooks;
mod withdrawn;

/// Every case, wherever it stands.
mod cases {
    pub(crate) use crate::accounts::*;
    pub(crate) use crate::audit::*;
    pub(crate) use crate::contract::*;
    pub(crate) use crate::credentials::*;
    pub(crate) use crate::declared::*;
    pub(crate) use crate::deletions::*;
    pub(crate) use crate::derivation::*;
    pub(crate) use crate::jobs::*;
    pub(crate) use crate::leases::*;
    pub(crate) use crate::oura_accounts::*;
    pub(crate) use crate::people::*;
    pub(crate) use crate::quarantine::*;
    pub(crate) use crate::read_back::*;
    pub(crate) use crate::rejected::*;
    pub(crate) use crate::sign_on::*;
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
    batch_is_stored_and_derived
    batch_applied_twice_changes_nothing
    newest_body_wins_and_the_previous_is_a_revision
    progress_of_a_running_day_is_not_a_revision
    null_removes_the_value
    document_moves_to_another_day
    latest_value_is_not_hidden_by_a_nap
    failed_batch_leaves_nothing
    rejected_documents_are_kept_until_they_parse
    archive_adds_missing_documents_and_replaces_none
    archive_does_not_move_the_cursor
    equivalent_document_is_not_a_change
    covered_range_has_no_holes
    failure_keeps_the_covered_range
    day_ranges_are_inclusive
    points_round_trip_exactly
    values_round_trip_exactly
    rebuild_gives_the_same_values
    people_are_kept_apart
    change_signal_fires_after_a_commit
    lease_belongs_to_one_holder_until_it_ends
    lease_is_taken_by_one_of_many
    due_people_are_leased_once_longest_due_first
    removing_a_person_leaves_nothing_and_keeps_the_others
    person_added_concurrently_is_one_person
    grant_is_saved_renewed_and_deleted
    late_renewal_of_an_old_generation_changes_nothing
    renewal_failure_tells_whether_the_token_may_be_spent
    grant_is_renewed_by_one_of_many
    nap_confirmed_days_later_joins_its_day
    night_in_progress_counts_once_it_has_ended
    withdrawn_document_leaves_its_day_and_stays_as_a_revision
    withdrawal_repeated_changes_nothing
    document_that_returns_continues_its_revisions
    withdrawal_of_the_last_document_removes_latest_values
    withdrawn_progress_is_kept_as_a_revision
    repeated_webhook_event_is_queued_once
    webhook_event_enqueued_during_its_fetch_is_fetched_again
    expired_event_lease_is_taken_over_and_void
    postponed_event_waits_and_counts_its_own_failures
    event_given_up_is_listed_with_its_reason
    full_event_queue_accepts_only_documents_it_has
    event_due_longest_is_leased_first
    concurrent_event_leases_never_share_a_document
    job_is_completed_once_and_keeps_its_result
    idempotency_key_identifies_one_job
    job_lease_of_a_dead_worker_is_taken_over
    cancelled_job_stops_at_the_next_heartbeat
    cancelled_job_without_a_worker_is_deleted
    cancelled_job_is_not_queued_again
    new_job_replaces_the_one_that_ended_first
    released_job_waits_and_is_started_again
    job_queue_is_fair_among_people
    concurrent_workers_lease_different_jobs
    job_is_kept_until_it_expires
    document_missing_from_a_complete_response_is_withdrawn
    empty_response_deletes_after_an_hour
    response_without_most_documents_deletes_after_an_hour
    document_seen_again_is_confirmed
    archived_document_is_never_missing
    unnamed_document_prevents_deletions_of_its_day
    recently_stored_document_is_not_missing
    document_moved_out_of_the_window_follows_its_day
    day_of_rows_shrinks_after_an_hour
    rebuild_retries_rejected_documents
    rejected_newer_body_replaces_the_stored_one_once_it_is_read
    undated_rejection_outlives_a_response_about_fewer_days
    rejected_document_does_not_replace_a_newer_one
    rejected_rows_join_their_day
    rejected_rows_end_when_their_day_arrives_complete
    rejected_profile_is_filed_under_its_day
    documents_of_the_future_are_quarantined_from_every_source
    days_that_have_begun_in_some_time_zone_are_accepted
    rows_of_the_next_hours_are_quarantined_and_the_others_kept
    quarantined_document_is_read_once_its_time_is_past
    documents_stored_by_a_clock_ahead_are_repaired
    rebuild_repairs_future_documents_without_a_response
    rejection_ends_when_the_document_is_fixed_or_gone
    unnamed_rejection_shields_its_own_day_only
    short_sleep_is_the_night_of_a_scored_day
    correction_of_yesterday_keeps_the_replaced_revision
    drift_is_counted_once_per_change
    drift_table_is_bounded
    daily_values_are_in_requested_order
    documents_are_paged_in_order
    extent_of_a_metric_is_known
    day_evidence_explains_days_without_values
    day_evidence_of_rows_follows_civil_days
    rejected_document_is_the_reason_of_its_own_day
    rejected_document_without_a_day_counts_with_the_newest_days_only
    rebuild_fills_the_days_of_rejected_documents
    document_that_says_null_is_not_computed
    latest_values_are_read_for_the_given_people_only
    changed_people_are_those_written_since_the_mark
    account_is_created_once_and_a_new_password_revokes_sessions
    token_expires_at_its_time
    audit_entries_of_one_second_are_in_the_order_of_time
    declared_token_is_in_force_until_it_leaves_the_file
    token_made_by_hand_is_left_alone_by_a_file
    declared_account_keeps_its_number_and_its_log_ins_until_the_password_changes
    declared_access_with_an_unknown_person_changes_nothing
    sign_on_keeps_its_account_and_takes_the_rights_of_today
    sign_on_never_becomes_an_account_with_a_password
    sessions_by_other_sign_on_rules_are_over
    replicas_that_start_together_reconcile_once
    person_revision_counts_every_change_and_nothing_else
    day_of_the_api_stands_against_an_archive_with_another_id
    day_of_an_archive_gives_way_to_the_api_under_another_id
    day_pushed_by_another_program_is_no_archive
    event_of_the_api_stands_against_an_archive_with_another_id
    event_of_an_archive_gives_way_to_the_api_under_another_id
    tags_of_one_moment_stay_apart
    second_archive_with_other_ids_adds_nothing
    oura_account_belongs_to_one_person
    account_confirmation_lasts_until_the_next_grant
    stored_profile_identifies_the_previous_account
    account_of_a_stored_profile_belongs_to_its_person
    removed_token_numbers_are_not_given_again
    stale_numbers_are_derived_again_from_the_newest_day
    documents_of_a_stale_collection_do_not_make_it_current
    documents_stored_while_deriving_again_keep_its_progress
    deriving_again_reads_rejected_documents
    database_of_an_older_version_is_stale_and_its_times_are_in_order
    replaced_account_keeps_stored_documents
}

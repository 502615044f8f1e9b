//! The table: a row is type, constant, labels, name as scraped, and help without a final period.

use domain::{Cause, Collection, Reason};

use crate::labels::{
    CacheLookup, EventResult, FetchResult, JobKind, JobResult, JobState, LogInOutcome, Method, Person,
    Pointer, Pool, RateLimitTier, RefreshResult, Refusal, RequestLimit, Revision, RingLabels, Route, Scope,
    ShedReason, Statement, Status, SubscriptionState, SyncOutcome, Task, Version,
};
use crate::metric::{Kind, Metric, Row, Section};

macro_rules! table {
    ($( $section:ident { $( $kind:ident $id:ident: $labels:ty = $name:literal, $help:literal; )+ } )+) => {
        $($(
            #[doc = $help]
            pub const $id: Metric<$labels> = Metric::new($name, Kind::$kind, $help, Section::$section);
        )+)+

        /// Every row, in the order of the documentation.
        pub const ROWS: &[Row] = &[$($( $id.row() ),+),+];

        /// The name of each row's series.
        pub mod names {
            $($(
                #[doc = $help]
                pub const $id: &str = super::$id.name();
            )+)+
        }
    };
}

table! {
    Process {
        Info BUILD_INFO: (Version, Revision) = "myhealth_build_info", "Which build this is";
        Counter TASK_RESTARTS: (Task,) = "myhealth_task_restarts_total",
            "Roles and listeners started again after they panicked or ended by themselves; a bug";
        Gauge STORE_UP: () = "myhealth_store_up",
            "Whether the database does what the roles of this process need: take writes for ingest, answer for the others (an embedded database takes writes for api, too); probed every two seconds";
        Counter STORE_WRITE_FAILURES: () = "myhealth_store_write_failures_total",
            "Writing transactions that failed because of the database's condition: full, read-only, unreachable, I/O errors";
        Counter PROCESS_CPU: () = "process_cpu_seconds_total", "User and system time spent";
        Gauge PROCESS_START: () = "process_start_time_seconds", "When the process started, as Unix time";
        Gauge PROCESS_RESIDENT: () = "process_resident_memory_bytes", "Resident memory";
        Gauge PROCESS_VIRTUAL: () = "process_virtual_memory_bytes", "Virtual memory";
        Gauge PROCESS_THREADS: () = "process_threads", "Threads";
        Gauge PROCESS_OPEN_FDS: () = "process_open_fds", "Open file descriptors";
        Gauge PROCESS_MAX_FDS: () = "process_max_fds", "Most file descriptors allowed";
    }

    Exporter {
        Gauge NEWEST_DAY: (Person, Collection) = "oura_newest_day_timestamp_seconds",
            "The newest day that has a document, as its midnight UTC";
        Gauge OBSERVED: (Person, Collection) = "oura_observed_timestamp_seconds",
            "When the newest value was measured; for a number of a whole day its midnight UTC";
        Gauge SYNC_LAST_SUCCESS: (Person, Collection) = "myhealth_sync_last_success_timestamp_seconds",
            "When the collection was last read from Oura without a failure";
        Gauge SYNC_UP: (Person, Collection) = "myhealth_sync_up",
            "Whether the last attempt to read the collection from Oura succeeded";
        Gauge EXPORTER_UP: () = "myhealth_exporter_up",
            "Whether the newest values could be read the last time; while it is 0 those read before are shown until they expire";
        Counter EXPORTER_REBUILDS: () = "myhealth_exporter_rebuilds_total",
            "How often the body of a scrape was rendered again";
        Gauge EXPORTER_PEOPLE: () = "myhealth_exporter_people", "Persons whose gauges are exported here";
        Gauge EXPORTER_SERIES: () = "myhealth_exporter_series", "Series about persons in a scrape";
        Gauge EXPORTER_BODY: () = "myhealth_exporter_body_bytes", "Size of the series about persons in a scrape";
        Gauge EXPORTER_COMPRESSED_BODY: () = "myhealth_exporter_compressed_body_bytes",
            "Compressed size of the series about persons in a scrape";
        Gauge EXPORTER_LAST_READ: () = "myhealth_exporter_last_read_timestamp_seconds",
            "When the newest values were last read from the database, as Unix time";
        Gauge EXPORTER_READ_DURATION: () = "myhealth_exporter_last_read_duration_seconds",
            "How long the last reading of the database took";
        Gauge EXPORTER_REBUILD_DURATION: () = "myhealth_exporter_last_rebuild_duration_seconds",
            "How long the last rebuild of the body took";
    }

    Ingest {
        Counter OURA_REQUESTS: (Collection,) = "myhealth_oura_requests_total", "HTTP requests sent to Oura";
        Counter OURA_FAILURES: (Collection, Cause) = "myhealth_oura_failures_total",
            "Requests to Oura that failed, by cause (docs/failures.md)";
        Counter OURA_RECEIVED: (Collection,) = "myhealth_oura_received_bytes_total",
            "Bytes of responses received from Oura";
        Counter SYNC_DOCUMENTS: (Collection, SyncOutcome) = "myhealth_sync_documents_total",
            "Documents read from Oura, by what became of them";
        Gauge SYNC_BACKLOG: () = "myhealth_sync_backlog_windows",
            "Windows of days that the running sync runs still have to read";
        Gauge OURA_BUDGET: () = "myhealth_oura_budget_requests_per_minute",
            "Requests to Oura that this process allows itself in a minute";
        Gauge OURA_CIRCUIT_OPEN: (Collection,) = "myhealth_oura_circuit_open",
            "Whether a collection failed so often that it is not requested for a while";
        Counter OURA_THROTTLED: () = "myhealth_oura_throttled_seconds_total",
            "Time requests waited for the budget or for a pause that Oura requested";
        Gauge DERIVATION_PENDING: () = "myhealth_derivation_pending_collections",
            "Collections, counted by person, whose numbers other rules derived and this version derives again";
        Counter SYNC_PANICS: () = "myhealth_sync_panics_total", "Sync runs and windows that ended by a panic; a bug";
    }

    Conditional {
        Gauge SYNC_FAILURE: (Person, Collection, Cause) = "myhealth_sync_failure",
            "1; why the last attempt to read the collection from Oura failed (docs/failures.md)";
        Gauge SLEEP_GOAL: (Person,) = "myhealth_sleep_goal_seconds",
            "Sleep a night should have, of a person with a goal of their own (--sleep-goal of serve); rules compare nights with it instead of their default";
        Gauge BACKUP_NEWEST: () = "myhealth_backup_last_verified_timestamp_seconds",
            "When the newest verified backup in the place of --backup.to was made, as Unix time; 0 where there is none";
        Gauge BACKUP_INTERVAL: () = "myhealth_backup_interval_seconds",
            "Time from one backup to the next (--backup.every)";
        Gauge BACKUP_SIZE: () = "myhealth_backup_size_bytes", "Size of all objects of the newest backup";
        Gauge BACKUP_WRITTEN: () = "myhealth_backup_written_bytes",
            "Size of the objects that the last backup of this process added";
        Gauge BACKUP_DURATION: () = "myhealth_backup_duration_seconds",
            "How long the last backup of this process took, with its verification";
        Counter BACKUP_FAILURES: () = "myhealth_backup_failures_total",
            "Backups, verifications and removals of old backups of this process that failed";
        Gauge OURA_RATE_LIMIT: (RateLimitTier,) = "myhealth_oura_rate_limit_requests",
            "Requests that Oura allows in a window, as its last 429 stated";
        Gauge OURA_RATE_LIMIT_WINDOW: (RateLimitTier,) = "myhealth_oura_rate_limit_window_seconds",
            "How long a window of Oura's limit is, as its last 429 stated";
        Gauge OURA_RATE_LIMIT_RESET: (RateLimitTier,) = "myhealth_oura_rate_limit_reset_timestamp_seconds",
            "When the window of Oura's limit is reset, as its last 429 stated";
        Gauge ABSENCE_REASON: (Person, Collection, Reason) = "oura_absence_reason",
            "1; why the collection has nothing of today; no series where it has";
        Gauge OURA_DRIFT: (Collection, Pointer) = "myhealth_oura_drift_documents",
            "Documents with a field or word of Oura's that this version does not know";
        Gauge RING_INFO: RingLabels = "oura_ring_info", "1; the ring in use, as Oura lists it";
    }

    Listeners {
        Histogram HTTP: (Route, Method, Status) = "myhealth_http_request_duration_seconds",
            "How long requests took until their response began, by route and status; its count is the rate";
        Gauge HTTP_IN_FLIGHT: () = "myhealth_http_requests_in_flight", "Requests in flight";
        Counter WEB_REFUSED: (Refusal,) = "myhealth_web_refused_total",
            "Connections and requests refused before they were handled: too many connections, a failed TLS handshake, a wrong password, too many passwords to check, the rate limit";
        Counter CONFIG_RELOAD_FAILURES: () = "myhealth_config_reload_failures_total",
            "Readings of the web configuration that found a mistake";
        Gauge CONFIG_RELOAD_SUCCESSFUL: () = "myhealth_config_last_reload_successful",
            "Whether the web configurations in force are the newest ones";
        Gauge CONFIG_RELOADED: () = "myhealth_config_last_reload_success_timestamp_seconds",
            "When the web configuration was last read without a mistake, as Unix time";
        Histogram DB_STATEMENTS: (Statement,) = "myhealth_db_statement_duration_seconds",
            "How long statements of the database took until their last row was read, by what they do to which table";
        Gauge POOL_IDLE: (Pool,) = "myhealth_db_pool_idle_connections", "Open database connections that wait to be used";
        Gauge POOL_USED: (Pool,) = "myhealth_db_pool_used_connections", "Database connections in use";
        Gauge POOL_MAX: (Pool,) = "myhealth_db_pool_max_connections", "Most database connections that are opened";
    }

    Api {
        Counter CACHE_LOOKUPS: (CacheLookup,) = "myhealth_api_cache_lookups_total",
            "Responses looked up in the cache";
        Gauge CACHE_ENTRIES: () = "myhealth_api_cache_entries", "Responses in the cache";
        Gauge CACHE_SIZE: () = "myhealth_api_cache_size_bytes",
            "Size of the responses in the cache; --api.cache-mebibytes limits it";
        Counter LIMITED_REQUESTS: (RequestLimit,) = "myhealth_api_limited_requests_total",
            "Requests refused because their address, token or account sent too many";
        Gauge LIMITED_ADDRESSES: () = "myhealth_api_limited_addresses",
            "Addresses remembered when one was last refused";
        Counter SHED_REQUESTS: (ShedReason,) = "myhealth_api_refused_requests_total",
            "Requests refused because too many ran or the database was unavailable";
        Counter LOG_INS: (LogInOutcome,) = "myhealth_api_log_ins_total", "Attempts to log in";
    }

    LogIn {
        Gauge TOKEN_EXPIRY: (Person,) = "myhealth_oauth_token_expiry_timestamp_seconds",
            "When the access token of the log-in at Oura ends; it is renewed before";
        Gauge LOGIN_REQUIRED: (Person,) = "myhealth_oauth_login_required",
            "Whether reading Oura waits for `myhealth login`";
        Gauge SCOPE: (Person, Scope) = "myhealth_oauth_scope",
            "Scopes requested at log-in: 1 when the person granted it";
        Counter REFRESHES: (RefreshResult,) = "myhealth_oauth_refreshes_total",
            "Attempts to renew a log-in at Oura, by result; repeated: Oura issued the refused access token again";
    }

    Webhooks {
        Counter WEBHOOK_EVENTS: (EventResult,) = "myhealth_webhook_events_total",
            "Requests to the webhook callback, by what became of them";
        Counter WEBHOOK_FETCHES: (FetchResult,) = "myhealth_webhook_fetches_total",
            "Documents named by webhook events, by what became of them";
        Gauge WEBHOOK_QUEUE: () = "myhealth_webhook_queue_length",
            "Documents named by webhook events and not fetched yet";
        Gauge WEBHOOK_OLDEST: () = "myhealth_webhook_queue_oldest_age_seconds",
            "How long the document that waits longest has waited; 0 when none waits";
        Gauge WEBHOOK_SUBSCRIPTIONS: (SubscriptionState,) = "myhealth_webhook_subscriptions",
            "Subscriptions at Oura to this callback, as last seen";
        Gauge WEBHOOK_EXPIRY: () = "myhealth_webhook_subscription_expiry_timestamp_seconds",
            "When the first subscription at Oura expires; 0 when there is none";
        Histogram WEBHOOK_LAG: () = "myhealth_webhook_delivery_lag_seconds",
            "From the time of an event to the stored document";
    }

    Jobs {
        Gauge JOBS: (JobKind, JobState) = "myhealth_jobs", "Jobs of all processes, by how far they are";
        Gauge JOBS_OLDEST: () = "myhealth_jobs_oldest_queued_age_seconds",
            "How long the job that waits longest has waited; 0 when none waits";
        Counter JOB_ATTEMPTS: (JobKind, JobResult) = "myhealth_job_attempts_total",
            "Attempts of this process at jobs, by how they ended";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_end_as_their_type_asks() {
        let names: BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len(), "a name is used twice");
        for row in ROWS {
            let prefixed =
                ["myhealth_", "oura_", "process_"].iter().any(|prefix| row.name.starts_with(prefix));
            assert!(prefixed, "{}", row.name);
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
        }
    }

    #[test]
    fn help_is_a_sentence_without_its_period_and_fits_a_cell() {
        for row in ROWS {
            let first = row.help.chars().next().unwrap();
            assert!(first.is_uppercase() || first == '1' || row.help.starts_with("HTTP"), "{}", row.name);
            assert!(!row.help.ends_with('.') && !row.help.contains(['|', '\n', '\\']), "{}", row.name);
        }
    }

    #[test]
    fn labels_are_names_with_different_words() {
        for row in ROWS {
            let labels = (row.labels)();
            let names: BTreeSet<_> = labels.iter().map(|label| label.name).collect();
            assert_eq!(names.len(), labels.len(), "{}", row.name);
            for words in labels.iter().filter_map(|label| label.words.as_ref()) {
                let different: BTreeSet<_> = words.iter().collect();
                assert!(
                    different.len() == words.len() && words.iter().all(|word| !word.is_empty()),
                    "{}",
                    row.name
                );
            }
        }
    }
}

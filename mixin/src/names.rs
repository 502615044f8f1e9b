//! Names that do not come from the catalogue: what the services say about themselves, and what stands beside the
//! numbers. `docs/service-metrics.md` explains them; a test holds that page to a real scrape, and `lint` holds every
//! expression to that page.

// Beside the numbers.
pub(crate) const NEWEST_DAY: &str = "oura_newest_day_timestamp_seconds";
pub(crate) const OBSERVED: &str = "oura_observed_timestamp_seconds";
pub(crate) const ABSENCE: &str = "oura_absence_reason";
pub(crate) const LAST_SUCCESS: &str = "myhealth_sync_last_success_timestamp_seconds";
pub(crate) const SYNC_UP: &str = "myhealth_sync_up";
pub(crate) const SYNC_FAILURE: &str = "myhealth_sync_failure";

/// A setting, of the people who have a goal of their own.
pub(crate) const SLEEP_GOAL_SET: &str = "myhealth_sleep_goal_seconds";

// Every process.
pub(crate) const RESTARTS: &str = "myhealth_task_restarts_total";
pub(crate) const PANICS: &str = "myhealth_sync_panics_total";
pub(crate) const BUILD_INFO: &str = "myhealth_build_info";
/// A histogram; labels: route, method, code.
pub(crate) const HTTP: &str = "myhealth_http_request_duration_seconds";
pub(crate) const HTTP_RUNNING: &str = "myhealth_http_requests_in_flight";
pub(crate) const REFUSED: &str = "myhealth_web_refused_total";
pub(crate) const RELOADED: &str = "myhealth_config_last_reload_successful";
pub(crate) const POOL_IDLE: &str = "myhealth_db_pool_idle_connections";
pub(crate) const POOL_USED: &str = "myhealth_db_pool_used_connections";
pub(crate) const POOL_MAX: &str = "myhealth_db_pool_max_connections";
pub(crate) const EXPORTER_PEOPLE: &str = "myhealth_exporter_people";
pub(crate) const EXPORTER_SERIES: &str = "myhealth_exporter_series";
pub(crate) const EXPORTER_REBUILD: &str = "myhealth_exporter_last_rebuild_duration_seconds";
pub(crate) const EXPORTER_READ: &str = "myhealth_exporter_last_read_duration_seconds";
pub(crate) const EXPORTER_UP: &str = "myhealth_exporter_up";
/// The database does what the roles of the process need.
pub(crate) const STORE_UP: &str = "myhealth_store_up";
pub(crate) const WRITE_FAILURES: &str = "myhealth_store_write_failures_total";

// Ingest.
pub(crate) const OURA_REQUESTS: &str = "myhealth_oura_requests_total";
pub(crate) const OURA_FAILURES: &str = "myhealth_oura_failures_total";
pub(crate) const OURA_RECEIVED: &str = "myhealth_oura_received_bytes_total";
pub(crate) const DOCUMENTS: &str = "myhealth_sync_documents_total";
pub(crate) const BACKLOG: &str = "myhealth_sync_backlog_windows";
pub(crate) const DRIFT: &str = "myhealth_oura_drift_documents";

// Log-in.
pub(crate) const TOKEN_EXPIRY: &str = "myhealth_oauth_token_expiry_timestamp_seconds";
pub(crate) const LOGIN_REQUIRED: &str = "myhealth_oauth_login_required";
pub(crate) const REFRESHES: &str = "myhealth_oauth_refreshes_total";
pub(crate) const SCOPE: &str = "myhealth_oauth_scope";

// Webhooks.
pub(crate) const WEBHOOK_EVENTS: &str = "myhealth_webhook_events_total";
pub(crate) const WEBHOOK_FETCHES: &str = "myhealth_webhook_fetches_total";
pub(crate) const WEBHOOK_QUEUE: &str = "myhealth_webhook_queue_length";
/// How long the oldest has waited; 0 when none waits.
pub(crate) const WEBHOOK_OLDEST: &str = "myhealth_webhook_queue_oldest_age_seconds";
/// 0 when there is none.
pub(crate) const WEBHOOK_EXPIRY: &str = "myhealth_webhook_subscription_expiry_timestamp_seconds";
pub(crate) const WEBHOOK_SUBSCRIPTIONS: &str = "myhealth_webhook_subscriptions";
/// A histogram: from Oura's event to our database.
pub(crate) const WEBHOOK_LAG: &str = "myhealth_webhook_delivery_lag_seconds";

// The API's edges.
/// Labels: result.
pub(crate) const CACHE_LOOKUPS: &str = "myhealth_api_cache_lookups_total";
pub(crate) const CACHE_SIZE: &str = "myhealth_api_cache_size_bytes";
/// Refused for what one address asked; labels: limit.
pub(crate) const LIMITED: &str = "myhealth_api_limited_requests_total";
/// Refused for what everybody asked; labels: reason.
pub(crate) const SHED: &str = "myhealth_api_refused_requests_total";
/// Labels: outcome.
pub(crate) const LOG_INS: &str = "myhealth_api_log_ins_total";

// Jobs.
/// Of all processes; labels: kind, state.
pub(crate) const JOBS: &str = "myhealth_jobs";
/// How long the one has waited that waits longest; 0 when none waits.
pub(crate) const JOBS_OLDEST: &str = "myhealth_jobs_oldest_queued_age_seconds";
/// Labels: kind, result.
pub(crate) const JOB_ATTEMPTS: &str = "myhealth_job_attempts_total";

// Rules of ours that dashboards read.
pub(crate) const ILLNESS_SIGNS: &str = "person:oura_illness_signs:count";
pub(crate) const SLEEP_GOAL: &str = "person:oura_sleep_goal_seconds:max";
pub(crate) const SLEEP_SLO: &str = "person:oura_sleep_goal_met:ratio_28d";
pub(crate) const SLEEP_DEBT: &str = "person:oura_sleep_debt_seconds:sum_14d";
pub(crate) const SLEEP_BUDGET: &str = "person:oura_sleep_budget_left:ratio_28d";
pub(crate) const SLEEP_BURN_FAST: &str = "person:oura_sleep_budget_burn:ratio_3d";
pub(crate) const SLEEP_BURN_SLOW: &str = "person:oura_sleep_budget_burn:ratio_7d";

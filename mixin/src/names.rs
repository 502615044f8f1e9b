//! Names that do not come from the catalogue: what the services report about themselves, by the table of `service_metrics`,
//! and our own recording rules.

pub(crate) use service_metrics::names::{
    ABSENCE_REASON as ABSENCE, BACKUP_FAILURES, BACKUP_INTERVAL, BACKUP_NEWEST, BUILD_INFO, CACHE_LOOKUPS,
    CACHE_SIZE, CONFIG_RELOAD_SUCCESSFUL as RELOADED, DB_STATEMENTS, EXPORTER_PEOPLE,
    EXPORTER_READ_DURATION as EXPORTER_READ, EXPORTER_REBUILD_DURATION as EXPORTER_REBUILD, EXPORTER_SERIES,
    EXPORTER_UP, HTTP, HTTP_IN_FLIGHT as HTTP_RUNNING, JOB_ATTEMPTS, JOBS, JOBS_OLDEST,
    LIMITED_REQUESTS as LIMITED, LOG_INS, LOGIN_REQUIRED, NEWEST_DAY, OBSERVED, OURA_DRIFT as DRIFT,
    OURA_FAILURES, OURA_RECEIVED, OURA_REQUESTS, POOL_IDLE, POOL_MAX, POOL_USED, REFRESHES, SCOPE,
    SHED_REQUESTS as SHED, SLEEP_GOAL as SLEEP_GOAL_SET, STORE_UP, STORE_WRITE_FAILURES as WRITE_FAILURES,
    SYNC_BACKLOG as BACKLOG, SYNC_DOCUMENTS as DOCUMENTS, SYNC_FAILURE, SYNC_LAST_SUCCESS as LAST_SUCCESS,
    SYNC_PANICS as PANICS, SYNC_UP, TASK_RESTARTS as RESTARTS, TOKEN_EXPIRY, WEB_REFUSED as REFUSED,
    WEBHOOK_EVENTS, WEBHOOK_EXPIRY, WEBHOOK_FETCHES, WEBHOOK_LAG, WEBHOOK_OLDEST, WEBHOOK_QUEUE,
    WEBHOOK_SUBSCRIPTIONS,
};

// Rules of ours that dashboards read.
pub(crate) const ILLNESS_SIGNS: &str = "person:oura_illness_signs:count";
pub(crate) const SLEEP_GOAL: &str = "person:oura_sleep_goal_seconds:max";
pub(crate) const SLEEP_NIGHTS: &str = "person:oura_sleep_nights:count_28d";
pub(crate) const SLEEP_SLO: &str = "person:oura_sleep_goal_met:ratio_28d";
pub(crate) const SLEEP_DEBT: &str = "person:oura_sleep_debt_seconds:sum_14d";
pub(crate) const SLEEP_BUDGET: &str = "person:oura_sleep_budget_left:ratio_28d";
pub(crate) const SLEEP_BURN_FAST: &str = "person:oura_sleep_budget_burn:ratio_3d";
pub(crate) const SLEEP_BURN_SLOW: &str = "person:oura_sleep_budget_burn:ratio_7d";

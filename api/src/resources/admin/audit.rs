//! The audit trail.

use axum::Json;
use axum::extract::State as With;
use domain::Day;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{AuditAction, AuditEntry};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::Access;
use crate::cursor::DayText;
use crate::error::{Error, Failures, shown};
use crate::extract::Query;
use crate::params;
use crate::policy::Policy;
use crate::routes::Routes;
use crate::state::State;

/// Entries of one response, and when none are asked for.
const MAX_ENTRIES: usize = 1000;
const ENTRIES: usize = 100;

/// How far back without `from`.
const PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn routes(read: Policy) -> Routes<State> {
    Routes::new().add(read, routes!(list_audit))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// First day, in UTC. Without it: 30 days before the last moment.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-01")]
    from: Option<String>,
    /// Last day, included, in UTC. Without it: until now.
    #[param(value_type = DayText, required = false, inline, example = "2026-03-29")]
    to: Option<String>,
    /// Only this action, for example `log-in` or `export`.
    #[param(example = "log-in")]
    action: Option<String>,
    /// Most entries, 1 to 1000. Without it: 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, example = 100)]
    limit: Option<String>,
}

/// Entries of the audit trail, newest first.
#[derive(Serialize, ToSchema)]
struct Audit {
    /// Newest first.
    entries: Vec<Entry>,
    /// Whether there are older entries in the range.
    truncated: bool,
}

/// Who did what.
#[derive(Serialize, ToSchema)]
struct Entry {
    /// When.
    #[schema(value_type = String, format = DateTime, example = "2026-03-29T10:00:00Z")]
    at: Timestamp,
    /// What was done or tried.
    #[schema(example = "log-in")]
    action: &'static str,
    /// `accepted`, `refused` or `limited`.
    #[schema(example = "refused")]
    outcome: &'static str,
    /// `account NAME`, `token NUMBER (NAME)`, `operator` (the command line) or `anonymous`.
    #[schema(example = "account ann")]
    principal: Option<String>,
    /// The client's address, after trusted proxies.
    #[schema(example = "203.0.113.9")]
    client: Option<String>,
    /// The route, or the command.
    #[schema(example = "/api/v1/auth/login")]
    route: Option<String>,
    /// What it was done to.
    #[schema(example = "account ann")]
    subject: Option<String>,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { at, action, outcome, principal, client, route, subject } = entry;
        Self { at, action: action.name(), outcome: outcome.name(), principal, client, route, subject }
    }
}

/// Log-ins, credentials, exports, people and refusals.
///
/// Needs the scope `admin` without a person. Entries of the last seconds may be missing, and those older than
/// `--audit.retention-days` are deleted.
#[utoipa::path(
    get, path = "/admin/audit", operation_id = "list_audit", tag = "administration", params(Params),
    responses((status = 200, description = "The entries.", body = Audit), Failures),
)]
async fn list_audit(
    With(state): With<State>,
    _: Access,
    Query(query): Query<Params>,
) -> Result<Json<Audit>, Error> {
    let limit = params::limit(query.limit.as_deref(), ENTRIES, MAX_ENTRIES)?;
    let action: Option<AuditAction> = match query.action.as_deref() {
        Some(word) => Some(word.parse().map_err(|error| Error::Parameter {
            parameter: "action",
            reason: format!("{:?} is unknown; {error}", shown(word)),
        })?),
        None => None,
    };
    let day = |parameter, text: Option<&str>| params::day(parameter, text);
    let (from, to) = (day("from", query.from.as_deref())?, day("to", query.to.as_deref())?);
    if let (Some(from), Some(to)) = (from, to) {
        params::ordered(from, to)?;
    }
    // Entries made by a clock that is a little ahead are there as well.
    let end = to.map_or((state.now)() + SignedDuration::from_mins(5), |day| day.plus(1).midnight_utc());
    let begin = from.map_or_else(|| end.checked_sub(PERIOD).unwrap_or(Timestamp::MIN), Day::midnight_utc);
    let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut entries = state.primary.audit(begin, end, action, most).await?;
    let truncated = entries.len() > limit;
    entries.truncate(limit);
    Ok(Json(Audit { entries: entries.into_iter().map(Entry::from).collect(), truncated }))
}

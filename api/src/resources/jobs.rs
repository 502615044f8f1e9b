//! Long work: requested, watched, cancelled, and its result fetched.

mod request;
mod watch;

use ::jobs::ResultScope;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as With};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{AuditAction, Cancel, Enqueued, Scope};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::access::Access;
use crate::error::{Error, Failures, Unknown, shown};
use crate::extract::Query;
use crate::params;
use crate::policy::{Policy, RequiredAccess};
use crate::routes::Routes;
use crate::state::State;

use self::request::JobRequest;

/// Where jobs are, for links to them.
const PATH: &str = "/api/v1/jobs";

/// Header by which a client names a request, so that repeating it does not repeat the work.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Longest name of a request.
const MAX_IDEMPOTENCY_KEY: usize = 255;

/// A report is a page of its own: its styles are within it, and nothing else is.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

pub(super) fn routes() -> Routes<State> {
    let read = Policy::scope(Scope::Jobs);
    // Reading can be open without credentials; asking for work never is.
    let write = Policy { access: RequiredAccess::Identified(Scope::Jobs), ..read };
    Routes::new()
        .add(read, routes!(list_jobs))
        .add(write, routes!(create_job))
        .add(read, routes!(get_job))
        .add(write, routes!(delete_job))
        .add(Policy { audited: Some(AuditAction::Export), ..read }, routes!(read_job_result))
        .merge(watch::routes(read))
}

/// Jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Jobs {
    /// Jobs, newest first; the newest 200 are kept.
    jobs: Vec<Job>,
}

/// Long work.
#[derive(Debug, Serialize, ToSchema)]
struct Job {
    /// Its name.
    #[schema(example = "0f8fad5bd9cb469fa165708677289502")]
    id: String,
    /// `export`, `report` or `backfill`.
    #[schema(example = "export")]
    kind: String,
    /// Whose data it is about.
    #[schema(example = "me")]
    person: String,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    #[schema(example = "done")]
    state: &'static str,
    /// Whether it was requested to stop; it does so within some seconds.
    #[schema(example = false)]
    cancelling: bool,
    /// How far it is.
    progress: JobProgress,
    /// Times it was begun; a failure that may pass is tried five times.
    #[schema(example = 1)]
    attempts: i64,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime, example = "2026-03-29T10:00:00Z")]
    created_at: Timestamp,
    /// When it was last begun.
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-03-29T10:00:01Z")]
    started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-03-29T10:00:03Z")]
    finished_at: Option<Timestamp>,
    /// When it is forgotten, with its result: a week after its end.
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-04-05T10:00:03Z")]
    expires_at: Option<Timestamp>,
    /// Why it failed, in words.
    #[schema(required = true, example = "the database did not answer")]
    failure: Option<&'static str>,
    /// What it made.
    #[schema(required = true)]
    result: Option<JobResult>,
    /// What was asked for.
    #[schema(value_type = Object, example = json!({"kind": "export", "format": "csv"}))]
    request: Box<RawValue>,
}

/// How far a job is, in steps of its own.
#[derive(Debug, Serialize, ToSchema)]
struct JobProgress {
    /// Steps done.
    #[schema(example = 113)]
    done: i64,
    /// Steps in all; 0 before that is known.
    #[schema(example = 113)]
    total: i64,
}

/// What a job made.
#[derive(Debug, Serialize, ToSchema)]
struct JobResult {
    /// Where to fetch it.
    #[schema(format = "uri-reference", example = "/api/v1/jobs/0f8fad5bd9cb469fa165708677289502/result")]
    href: String,
    /// How long it is.
    #[schema(example = 1_048_576)]
    bytes: i64,
    /// What it is.
    #[schema(example = "text/csv; charset=utf-8; header=present")]
    media_type: String,
    /// What to call the file.
    #[schema(example = "me-days-2026-01-01-2026-03-29.csv")]
    file_name: String,
}

impl From<store::Job> for Job {
    fn from(job: store::Job) -> Self {
        let href = format!("{PATH}/{}/result", job.id);
        let result = job.result.map(|result| JobResult {
            href,
            bytes: result.bytes,
            media_type: result.media_type,
            file_name: result.file_name,
        });
        Self {
            id: job.id,
            kind: job.kind,
            person: job.person.name.to_string(),
            state: job.state.name(),
            cancelling: job.cancelling && !job.state.is_final(),
            progress: JobProgress { done: job.progress.0, total: job.progress.1 },
            attempts: job.attempts,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            expires_at: job.expires_at,
            failure: job.failure.as_deref().map(words),
            result,
            request: RawValue::from_string(job.parameters).unwrap_or_else(|_| RawValue::NULL.to_owned()),
        }
    }
}

/// A failure's word as a sentence; the causes are in the log of the process that ran the job.
fn words(failure: &str) -> &'static str {
    match failure {
        "database" => "the database did not answer",
        "storage" => "the place for results could not be written",
        "no_place" => "no place for results was named where the job ran; see --jobs.results",
        "too_large" => "the result would be larger than 4 GiB; ask for fewer days",
        "oura" => "Oura could not be read",
        "login_required" => "a log-in at Oura is needed first: `myhealth login`",
        "time_zone" => "the time zone of the person cannot be used",
        "given_up" => "it was begun five times and never ended; its log may say why",
        _ => "this version cannot do this kind of work",
    }
}

/// The job of this name, if the caller may access its person.
async fn visible(state: &State, access: &Access, id: &str) -> Result<store::Job, Error> {
    let job = state.primary.job(id).await?.filter(|job| access.sees(&job.person));
    job.ok_or_else(|| Error::UnknownJob(shown(id)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// Whose jobs; needed only when there are several people.
    #[param(example = "me")]
    person: Option<String>,
}

/// Every job of a person that is still kept, newest first.
#[utoipa::path(
    get, path = "/jobs", operation_id = "list_jobs", tag = "jobs", params(Params),
    responses((status = 200, description = "Every job.", body = Jobs), Unknown, Failures),
)]
async fn list_jobs(
    With(state): With<State>,
    access: Access,
    Query(query): Query<Params>,
) -> Result<Json<Jobs>, Error> {
    let person = params::person(&state.store, &access, query.person.as_deref()).await?;
    let jobs = state.primary.jobs(person.id).await?;
    Ok(Json(Jobs { jobs: jobs.into_iter().map(Job::from).collect() }))
}

/// Ask for long work: an export as a file, a report, or days read from Oura again.
///
/// A person has at most ten unfinished jobs; of those that ended, the newest are kept, 200 in all. A token for some kinds
/// of data (`read:…`) gets exports of those only, and a report needs `rest`. With an `Idempotency-Key`, asking again answers with the same job, and
/// asking for something else under the same key is refused. `docs/jobs.md` has examples.
#[utoipa::path(
    post, path = "/jobs", operation_id = "create_job", tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "A name for this request, at most 255 visible characters.", example = "monthly-2026-03")),
    request_body(content = JobRequest, content_type = "application/json"),
    responses(
        (status = 202, description = "It is queued.", body = Job,
            headers(("location" = String, description = "Where to look for it."))),
        (status = 415, description = "The body is no `application/json`.", body = crate::error::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The key was used for something else.", body = crate::error::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Ten jobs of the person are not finished, or the address, token or account sends too many requests.", body = crate::error::Problem, content_type = "application/problem+json"),
        Unknown, Failures,
    ),
)]
async fn create_job(
    With(state): With<State>,
    access: Access,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Error> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Error::MediaType);
    }
    let key = headers.get(IDEMPOTENCY_KEY).map(key).transpose()?;
    let (person, work) = request::read(&body)?;
    let person = params::person(&state.store, &access, person.as_deref()).await?;
    access.may_read_result(&work.result_scope(state.today(&person)?).map_err(request::refusal)?)?;
    if work.kind() != jobs::Kind::Backfill && state.jobs.results.is_none() {
        return Err(Error::NoResults);
    }
    let now = (state.now)();
    match state.jobs.enqueue(&work, person.id, access.principal_key(), key, now).await? {
        Enqueued::New(job) | Enqueued::Same(job) => {
            let location = format!("{PATH}/{}", job.id);
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(Job::from(job))).into_response())
        }
        Enqueued::KeyTaken => Err(Error::KeyTaken),
        Enqueued::Full => Err(Error::ManyJobs),
    }
}

fn key(value: &HeaderValue) -> Result<String, Error> {
    let text = value.to_str().ok().filter(|text| (1..=MAX_IDEMPOTENCY_KEY).contains(&text.len()));
    text.map(str::to_owned).ok_or_else(|| Error::Parameter {
        parameter: "Idempotency-Key",
        reason: format!("write 1 to {MAX_IDEMPOTENCY_KEY} visible characters"),
    })
}

/// One job, as it is now.
#[utoipa::path(
    get, path = "/jobs/{id}", operation_id = "get_job", tag = "jobs",
    params(("id" = String, Path, description = "The job's name.", example = "0f8fad5bd9cb469fa165708677289502")),
    responses((status = 200, description = "The job.", body = Job), Unknown, Failures),
)]
async fn get_job(
    With(state): With<State>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Json<Job>, Error> {
    Ok(Json(visible(&state, &access, &id).await?.into()))
}

/// Cancel or delete a job.
///
/// A job that is not running is deleted at once, with its result. One that runs is requested to stop, which it does within
/// some seconds; it stays as `cancelled` until it expires or is deleted again.
#[utoipa::path(
    delete, path = "/jobs/{id}", operation_id = "delete_job", tag = "jobs",
    params(("id" = String, Path, description = "The job's name.", example = "0f8fad5bd9cb469fa165708677289502")),
    responses(
        (status = 202, description = "It runs and was requested to stop.", body = Job),
        (status = 204, description = "It is gone, and its result with it."),
        Unknown, Failures,
    ),
)]
async fn delete_job(
    With(state): With<State>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    access.may_read_result(&ResultScope::of(&visible(&state, &access, &id).await?))?;
    match state.jobs.cancel(&id, (state.now)()).await? {
        Cancel::Deleted(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        Cancel::Requested(job) => Ok((StatusCode::ACCEPTED, Json(Job::from(*job))).into_response()),
        Cancel::Unknown => Err(Error::UnknownJob(shown(&id))),
    }
}

/// What a job made.
#[utoipa::path(
    get, path = "/jobs/{id}/result", operation_id = "read_job_result", tag = "jobs",
    params(("id" = String, Path, description = "The job's name.", example = "0f8fad5bd9cb469fa165708677289502")),
    responses(
        (status = 200, description = "The file, of the type that the job says.", content(
            (String = "text/csv"), (String = "application/x-ndjson"), (Vec<Object> = "application/json"),
            (Vec<u8> = "application/vnd.apache.parquet"), (Object = "application/fhir+json"), (String = "text/html"),
        )),
        (status = 307, description = "The file is at the address in `Location`, without a credential and for some minutes only \
            (`--jobs.result-links`)."),
        (status = 409, description = "There is no result: the job has not ended, has failed, or makes none.", body = crate::error::Problem, content_type = "application/problem+json"),
        Unknown, Failures,
    ),
)]
async fn read_job_result(
    With(state): With<State>,
    access: Access,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let job = visible(&state, &access, &id).await?;
    access.may_read_result(&ResultScope::of(&job))?;
    let result = job.result.ok_or(Error::NoResult(job.state.name()))?;
    let results = state.jobs.results.as_ref().ok_or(Error::NoResults)?;
    let page = result.media_type.starts_with("text/html");
    let how = if page { "inline" } else { "attachment" };
    let disposition = format!("{how}; filename=\"{}\"", result.file_name);
    let link = results.link(&result.object, &result.media_type, &disposition).await.map_err(Error::Result)?;
    if let Some(link) = link {
        return Ok(Redirect::temporary(&link).into_response());
    }
    let pieces = results.read(&result.object).await.map_err(Error::Result)?;
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).map_err(|_| Error::NoResult("unreadable"));
    headers.insert(header::CONTENT_TYPE, text(&result.media_type)?);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(result.bytes));
    headers.insert(header::CONTENT_DISPOSITION, text(&disposition)?);
    if page {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    }
    Ok(response)
}

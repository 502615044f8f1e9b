//! Documents from another program: a bridge from an older database, a study's own collector. The same rules hold as for
//! documents from Oura: a bad document is quarantined with its reason, and the others are stored.

use axum::body::Bytes;
use axum::extract::State as With;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{Collection, Document, Rejected, Window};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Batch, Origin, Scope};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::access::Access;
use crate::error::{Error, Failures, Unknown};
use crate::params;
use crate::policy::{BodyLimit, Policy};
use crate::routes::Routes;
use crate::state::State;

/// Most documents, or rows of a time series, at a time.
const MAX_DOCUMENTS: usize = 10_000;

/// Most refusals that an answer repeats; all are stored.
const MAX_REPORTED: usize = 100;

pub(crate) fn routes() -> Routes<State> {
    let policy = Policy { body: BodyLimit::Documents, ..Policy::scope(Scope::Ingest) };
    Routes::new().add(policy, routes!(ingest))
}

/// What is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Push<'a> {
    /// Whose documents; they must be known.
    #[schema(example = "me")]
    person: String,
    /// The collection, as Oura's API calls it.
    #[schema(example = "daily_sleep")]
    collection: String,
    /// Documents as Oura's API returns them, or the rows of a time series.
    #[serde(borrow)]
    #[schema(value_type = Vec<Object>, max_items = 10_000)]
    documents: Vec<&'a RawValue>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
struct Pushed {
    /// Documents that were not stored before.
    new: usize,
    /// Documents whose content differs from what was stored, which is kept as a revision.
    changed: usize,
    /// Documents stored already.
    unchanged: usize,
    /// Documents quarantined.
    rejected: usize,
    /// Why, for the first hundred.
    reasons: Vec<Reason>,
}

/// Why a document was quarantined.
#[derive(Serialize, ToSchema)]
struct Reason {
    /// Its id, or a name made of its content.
    id: String,
    /// What is wrong and where.
    #[schema(example = "/score: expected a number")]
    reason: String,
}

/// Stores documents of one collection of one person, all or none of them.
///
/// Needs a token with the scope `ingest`, whatever the address. Sending the same again changes nothing. A time series is
/// stored by UTC day, and a day that is sent replaces the day that is stored: send whole days.
#[utoipa::path(
    post, path = "/ingest", operation_id = "ingest", tag = "service",
    request_body(content = Push, content_type = "application/json"),
    responses((status = 200, description = "What became of the documents.", body = Pushed), Unknown, Failures),
)]
async fn ingest(With(state): With<State>, access: Access, body: Bytes) -> Result<Response, Error> {
    let refuse = |reason: String| Error::Parameter { parameter: "body", reason };
    let push: Push<'_> = serde_json::from_slice(&body).map_err(|error| {
        // serde's own words can quote a value.
        refuse(format!(
            "expected {{\"person\", \"collection\", \"documents\"}} in JSON (broken at line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    if push.documents.len() > MAX_DOCUMENTS {
        return Err(refuse(format!("at most {MAX_DOCUMENTS} documents at a time")));
    }
    let collection: Collection = push.collection.parse().map_err(|error| refuse(format!("{error}")))?;
    let person = params::person(&state.store, &access, Some(&push.person)).await?;
    let items = push.documents.iter().map(|raw| raw.get());
    let (documents, rejected): (Vec<Document>, Vec<Rejected>) = match collection.window() {
        Window::Days => {
            let (mut documents, mut rejected) = (Vec::new(), Vec::new());
            for item in items {
                match Document::parse(collection, item) {
                    Ok(document) => documents.push(document),
                    Err(refused) => rejected.push(refused),
                }
            }
            (documents, rejected)
        }
        Window::Instants => Document::group_rows(collection, items),
        Window::Whole => {
            let (document, rejected) = Document::observe(collection, state.today(&person)?, items);
            (document.into_iter().collect(), rejected)
        }
    };
    let mut batch = Batch {
        person: person.id,
        collection,
        covered: None,
        origin: Origin::Push,
        documents,
        nearby: Vec::new(),
        rejected,
    };
    let now = (state.now)();
    batch.quarantine_future(now);
    let reasons = batch.rejected.iter().take(MAX_REPORTED);
    let reasons = reasons.map(|it| Reason { id: it.id.clone(), reason: it.reason.clone() }).collect();
    let applied = state.primary.apply(&batch, now).await?;
    let pushed = Pushed {
        new: applied.new,
        changed: applied.changed,
        unchanged: applied.unchanged,
        rejected: applied.rejected,
        reasons,
    };
    Ok((StatusCode::OK, axum::Json(pushed)).into_response())
}

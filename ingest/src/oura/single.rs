//! One document by its id, and the owner of the token: requested once, because the callers have retries of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Collection, Document, Rejected};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Client, OuraResponse};
use crate::failure::Failure;

/// How long one document may take; a window may take longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest id of a user accepted; Oura's are UUIDs.
const MAX_ID: usize = 256;

/// What stands behind an id.
#[derive(Debug)]
pub enum DocumentResponse {
    /// A document, or something that cannot be read as one.
    Found(Result<Document, Rejected>),
    /// Oura says that it has no such document.
    Gone,
}

#[derive(Deserialize)]
struct Owner {
    id: String,
}

impl Client {
    /// Asks once for one document of a [`domain::Window::Days`] collection.
    #[tracing::instrument(name = "oura.document", skip_all, fields(%collection))]
    pub async fn document(&self, collection: Collection, id: &str) -> Result<DocumentResponse, Failure> {
        self.counted(collection, async {
            let asked =
                tokio::time::timeout(REQUEST_TIMEOUT, self.authorized_request(&[collection.path(), id], &[]))
                    .await;
            let answer = asked.unwrap_or(Err(Failure::Timeout))?;
            Ok((read(collection, &answer)?, answer.body.len()))
        })
        .await
    }

    /// Asks once for the id by which Oura's webhooks name the token's owner; any token may read it.
    pub async fn oura_user_id(&self) -> Result<String, Failure> {
        let answer = self.authorized_request(&["personal_info"], &[]).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let owner: Option<Owner> = serde_json::from_slice(&answer.body).ok();
        let id = owner.map(|owner| owner.id).filter(|id| (1..=MAX_ID).contains(&id.len()));
        id.ok_or_else(|| Failure::Malformed("personal_info without an id".into()))
    }
}

fn read(collection: Collection, answer: &OuraResponse) -> Result<DocumentResponse, Failure> {
    match answer.status {
        StatusCode::OK => {
            let text = std::str::from_utf8(&answer.body).ok().filter(|text| is_object(text));
            let text = text.ok_or_else(|| Failure::Malformed("no document".into()))?;
            Ok(DocumentResponse::Found(Document::parse(collection, text)))
        }
        // A 404 of a proxy says nothing about documents: only Oura's own body counts, because it deletes the document here.
        StatusCode::NOT_FOUND if has_detail(&answer.body) => Ok(DocumentResponse::Gone),
        _ => Err(answer.failure()),
    }
}

/// Whether it is an object at all; what is in it is the document's own affair.
fn is_object(text: &str) -> bool {
    serde_json::from_str::<BTreeMap<String, &RawValue>>(text).is_ok()
}

fn has_detail(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok_and(|value| value.get("detail").is_some_and(Value::is_string))
}

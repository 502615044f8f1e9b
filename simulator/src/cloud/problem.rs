//! Errors as Oura answers them, and locks that outlive a failed test.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error in Oura's envelope: `{"detail": …}`, a text or the list of a 422.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) detail: Value,
}

pub(super) fn problem(status: StatusCode, detail: &str) -> Problem {
    Problem { status, detail: detail.into() }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({ "detail": self.detail }))).into_response()
    }
}

/// A lock that a panicking test cannot poison for the others.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

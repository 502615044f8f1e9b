//! Extractors whose refusals are problems like every other.

use std::error::Error as _;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::Metric;
use serde::de::DeserializeOwned;

use crate::closest::closest;
use crate::error::{Error, shown};

/// Longest reason of the parser repeated; it quotes the name of an unknown parameter.
const MAX_REASON: usize = 200;

/// The query string as `T`; every type read this way denies unknown parameters, because a misspelt `form=` would
/// otherwise answer another question than the one asked.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|axum::extract::Query(query)| Self(query)).map_err(
            |rejection| {
                let reason = rejection.source().map_or_else(|| rejection.to_string(), ToString::to_string);
                Error::Query(reason.chars().take(MAX_REASON).collect())
            },
        )
    }
}

/// The metric a path names.
pub(crate) struct ByKey(pub(crate) &'static Metric);

impl<S: Send + Sync> FromRequestParts<S> for ByKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(key) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Error::Path)?;
        Metric::by_key(&key)
            .map(Self)
            .ok_or_else(|| Error::UnknownMetric { close: closest(&key), key: shown(&key) })
    }
}

/// A question without parameters.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoParams {}

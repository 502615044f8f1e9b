//! Tells clients which numbers are still being derived again after an upgrade: until then some days have the numbers of the
//! rules before it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Query, Request, State as With};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use domain::Collection;
use serde::Deserialize;
use store::Store;

use crate::access::Access;
use crate::guards::STALE_COLLECTIONS;

/// How long "nothing is stale" holds while this process writes nothing.
const TTL: Duration = Duration::from_secs(1);

/// Checks whether numbers are stale. Responses cost no statement while nothing is.
pub(crate) struct StaleCheck {
    store: Store,
    /// When nothing was stale last, and how many changes this process had made by then.
    current: Mutex<Option<(Instant, u64)>>,
}

impl StaleCheck {
    pub(crate) fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, current: Mutex::default() })
    }

    /// Whether any collection of anyone may be stale.
    async fn any(&self) -> bool {
        let changes = self.store.change_count();
        let known = *self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some_and(|(at, seen)| seen == changes && at.elapsed() < TTL) {
            return false;
        }
        // A database that fails is reported by the handler.
        let is_stale = self.store.stale_collections(None).await.is_ok_and(|stale| !stale.is_empty());
        let current = (!is_stale).then(|| (Instant::now(), changes));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = current;
        is_stale
    }
}

#[derive(Deserialize)]
struct Subject {
    person: Option<String>,
}

/// Adds the header to successful responses of authenticated requests while numbers of the person in question are stale; where a request names no
/// person, those of everyone whom the caller may see count.
pub(crate) async fn report(With(check): With<Arc<StaleCheck>>, request: Request, next: Next) -> Response {
    let access = Access::granted(request.extensions()).cloned();
    let named = Query::<Subject>::try_from_uri(request.uri()).map(|query| query.0.person);
    let collections = match (access, named) {
        (Some(access), Ok(named)) if check.any().await => {
            of_person(&check.store, &access, named).await.unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let mut response = next.run(request).await;
    let list: Vec<&str> = collections.into_iter().map(Collection::name).collect();
    if let Ok(value) = HeaderValue::from_str(&list.join(", "))
        && !list.is_empty()
        && response.status().is_success()
    {
        response.headers_mut().insert(STALE_COLLECTIONS, value);
    }
    response
}

/// The stale collections of the named person, or of everyone whom the caller may see.
async fn of_person(store: &Store, access: &Access, named: Option<String>) -> Option<Vec<Collection>> {
    let person = match named {
        Some(name) => Some(store.person(&name).await.ok()?.filter(|person| access.sees(person))?.id),
        None => access.person(),
    };
    store.stale_collections(person).await.ok()
}

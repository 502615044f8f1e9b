//! One window of one collection, read to its last page. Documents stay raw JSON; only the envelope is read here.

use std::collections::HashSet;

use backon::Retryable;
use domain::{Collection, Day, DayRange, Document, Rejected, collection};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::client::Client;
use crate::failure::{Failure, MAX_INLINE_RETRY_AFTER};
use crate::http::REQUEST_TIMEOUT;

/// Days asked for around those that are kept. Oura's filters read a bare date as midnight UTC and compare it with
/// instants that may lie in any offset, so its own answer to "these days" can miss the first or the last; asking wider
/// and keeping by `day` is right under every reading.
const PADDING_DAYS: i64 = 2;

/// The most pages of one window: paging that never ends is a fault, not a long answer.
const MAX_PAGES: usize = 1_000;

/// The most pages in a row that bring nothing and promise more.
const MAX_EMPTY_PAGES: usize = 10;

/// The most bytes of one window, all its pages together.
const MAX_WINDOW: usize = 256 * 1024 * 1024;

/// What one window of one collection held.
#[derive(Debug, Default)]
pub struct Window {
    /// What parsed and belongs to the days asked for.
    pub documents: Vec<Document>,
    /// What parsed and lies around them, because the question is wider.
    pub nearby: Vec<Document>,
    /// What did not parse, whatever day it claims.
    pub rejected: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    next_token: Option<String>,
}

impl Client {
    /// Reads every document of `collection` whose day lies in `range`, to the last page. What has no past is filed
    /// under the last day of `range`.
    #[tracing::instrument(name = "oura.window", skip_all, fields(%collection, first = %range.first(), last = %range.last()))]
    pub async fn window(&self, collection: Collection, range: DayRange) -> Result<Window, Failure> {
        let mut query = bounds(collection, range);
        let mut window = Window::default();
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let (mut bytes, mut empty) = (0, 0);
        for _ in 0..MAX_PAGES {
            let body = self.page(collection, &query).await?;
            let page = parse(collection, &body)?;
            bytes += body.len();
            if bytes > MAX_WINDOW {
                return Err(Failure::TooLarge(format!("a window of more than {MAX_WINDOW} bytes")));
            }
            empty = if page.data.is_empty() { empty + 1 } else { 0 };
            match collection.window() {
                collection::Window::Days => {
                    for raw in page.data {
                        window.keep(Document::parse(collection, raw.get()));
                    }
                }
                // Rows of one day may stand on two pages, so they are gathered at the end.
                collection::Window::Instants | collection::Window::Whole => {
                    rows.extend(page.data.into_iter().map(|raw| raw.get().to_owned()));
                }
            }
            // No token and an empty one are the end.
            let Some(token) = page.next_token.filter(|token| !token.is_empty()) else {
                let rows = rows.iter().map(String::as_str);
                window.gather(collection, range.last(), rows);
                let documents = std::mem::take(&mut window.documents);
                (window.documents, window.nearby) =
                    documents.into_iter().partition(|document| range.contains(document.day));
                return Ok(window);
            };
            if !seen.insert(token.clone()) {
                return Err(Failure::Malformed("the same next_token came twice".into()));
            }
            if empty > MAX_EMPTY_PAGES {
                return Err(Failure::TooLarge(format!("more than {MAX_EMPTY_PAGES} empty pages in a row")));
            }
            match query.last_mut() {
                Some((name, value)) if *name == "next_token" => *value = token,
                _ => query.push(("next_token", token)),
            }
        }
        Err(Failure::TooLarge(format!("more than {MAX_PAGES} pages")))
    }

    /// One page, tried again while the failure may pass. The answer is known to be an envelope.
    async fn page(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        let began = Instant::now();
        (|| self.attempt(collection, query))
            .retry(self.retries)
            .when(|failure| {
                let may_wait = match failure.retry_after() {
                    Some(pause) => pause <= MAX_INLINE_RETRY_AFTER,
                    None => began.elapsed() < REQUEST_TIMEOUT,
                };
                failure.is_transient() && may_wait
            })
            .adjust(|failure, planned| planned.map(|planned| failure.retry_after().map_or(planned, |p| p.max(planned))))
            .notify(|failure, pause| {
                tracing::debug!(%collection, kind = %failure.cause(), pause_ms = pause.as_millis(), "trying Oura again");
            })
            .await
    }

    async fn attempt(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        self.counted(collection, async {
            let body = self.get(collection, query).await?;
            let bytes = body.len();
            Ok((body, bytes))
        })
        .await
    }

    async fn get(
        &self,
        collection: Collection,
        query: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Failure> {
        let answer = self.authorized_request(&[collection.path()], query).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        // Half a page is found here, where it can be asked for again.
        parse(collection, &answer.body)?;
        Ok(answer.body)
    }
}

fn parse(collection: Collection, body: &[u8]) -> Result<Page<'_>, Failure> {
    let broken = |error: serde_json::Error| {
        Failure::Malformed(format!("no page of documents (line {}, column {})", error.line(), error.column()))
    };
    if collection.is_single() {
        let object: &RawValue = serde_json::from_slice(body).map_err(broken)?;
        return Ok(Page { data: vec![object], next_token: None });
    }
    serde_json::from_slice(body).map_err(broken)
}

/// One answer of the API as a window of its own, asked for on `today`: the way from bytes to documents without a
/// connection.
pub fn page(collection: Collection, today: Day, body: &[u8]) -> Result<Window, Failure> {
    let bodies = parse(collection, body)?.data.into_iter().map(RawValue::get);
    let mut window = Window::default();
    match collection.window() {
        collection::Window::Days => bodies.for_each(|body| window.keep(Document::parse(collection, body))),
        _ => window.gather(collection, today, bodies),
    }
    Ok(window)
}

impl Window {
    fn keep(&mut self, parsed: Result<Document, Rejected>) {
        match parsed {
            Ok(document) => self.documents.push(document),
            Err(rejected) => self.rejected.push(rejected),
        }
    }

    /// Makes documents of rows that belong together, where a collection has such.
    fn gather<'a>(&mut self, collection: Collection, today: Day, rows: impl Iterator<Item = &'a str>) {
        match collection.window() {
            collection::Window::Days => {}
            collection::Window::Instants => {
                (self.documents, self.rejected) = Document::group_rows(collection, rows);
            }
            collection::Window::Whole => {
                let (document, rejected) = Document::observe(collection, today, rows);
                (self.documents, self.rejected) = (document.into_iter().collect(), rejected);
            }
        }
    }
}

/// The query for a window, wider than the days wanted.
fn bounds(collection: Collection, range: DayRange) -> Vec<(&'static str, String)> {
    match collection.window() {
        collection::Window::Days => {
            let wide = range.padded(PADDING_DAYS);
            vec![("start_date", wide.first().to_string()), ("end_date", wide.last().to_string())]
        }
        collection::Window::Instants => {
            // Written with Z: the + of an offset would have to be escaped, and not every peer unescapes it.
            let midnight = |day: Day| format!("{day}T00:00:00Z");
            let minute_before = format!("{}T23:59:00Z", range.first().plus(-1));
            vec![("start_datetime", minute_before), ("end_datetime", midnight(range.last().plus(1)))]
        }
        collection::Window::Whole => Vec::new(),
    }
}

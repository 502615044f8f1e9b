//! One scrape: the ready health series, then this process's own metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::refresh::Exporter;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

struct Scrape {
    exporter: Option<Exporter>,
    registry: Arc<Registry>,
}

/// `/metrics`: the services' own metrics, and the health series where this process exports them.
pub fn router(exporter: Option<Exporter>, registry: Arc<Registry>) -> Router {
    Router::new().route("/metrics", routing::get(metrics)).with_state(Arc::new(Scrape { exporter, registry }))
}

async fn metrics(State(scrape): State<Arc<Scrape>>, headers: HeaderMap) -> Response {
    let mut own = String::new();
    if let Err(error) = encode(&mut own, &scrape.registry) {
        tracing::error!(%error, "cannot encode this process's own metrics");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let health = scrape.exporter.as_ref().map(Exporter::body).unwrap_or_default();
    let openmetrics = accepts_openmetrics(&headers);
    let own = if openmetrics { own } else { classic(&own) };
    let mut body = Vec::with_capacity(health.len() + own.len());
    body.extend_from_slice(&health);
    body.extend_from_slice(own.as_bytes());
    let content_type = if openmetrics { OPENMETRICS } else { TEXT };
    ([(header::CONTENT_TYPE, content_type), (header::VARY, "accept")], body).into_response()
}

/// Whether a client asks for OpenMetrics, by name and without refusing it. A scraper that knows the format prefers it,
/// so the order of preference does not matter.
fn accepts_openmetrics(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let named =
            parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/openmetrics-text"));
        let refused =
            parts.clone().any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)));
        let version = parts.find_map(|part| part.strip_prefix("version=")).unwrap_or("1.0.0");
        named && !refused && matches!(version, "1.0.0" | "0.0.1")
    })
}

/// prometheus-client writes OpenMetrics only. The older text format wants a counter's family to be called like its
/// sample, knows neither units nor infos, and has no end marker.
fn classic(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help: Option<(&str, &str)> = None;
    for line in openmetrics.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(words)) => help = Some((name, words)),
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some((_, words)) = help.take().filter(|(of, _)| *of == name) {
                    text.extend(["# HELP ", name, suffix, " ", words, "\n"]);
                }
                text.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
            }
            (Some("#"), ..) => {}
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(accept: &str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_bytes(accept.as_bytes()).unwrap());
        assert_eq!(accepts_openmetrics(&headers), expected, "{accept}");
    }

    #[test]
    fn openmetrics_is_for_those_who_ask() {
        check("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true);
        check("text/plain, application/openmetrics-text", true);
        check("APPLICATION/OpenMetrics-Text; version=0.0.1; q=0.75", true);
        check("application/openmetrics-text;version=2.0.0", false);
        check("application/openmetrics-text;q=0", false);
        check("text/plain", false);
        check("*/*", false);
        check(";;,,q=;version", false);
        check("\u{fffd}", false);
    }

    #[test]
    fn the_older_format_names_counters_by_their_sample() {
        let new = "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total 1\n\
                   # HELP a_build Build.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                   # HELP a_size_bytes Size.\n# TYPE a_size_bytes gauge\n# UNIT a_size_bytes bytes\na_size_bytes 2\n# EOF\n";
        let old = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\na_requests_total 1\n\
                   # HELP a_build_info Build.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                   # HELP a_size_bytes Size.\n# TYPE a_size_bytes gauge\na_size_bytes 2\n";
        assert_eq!(classic(new), old);
    }
}

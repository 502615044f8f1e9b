//! Content negotiation: which text format a response has, and whether it is compressed.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The older Prometheus text format: for people, `curl` and tools.
    Text,
    /// OpenMetrics 1.0: counters by their base name, units, exemplars, an end marker.
    OpenMetrics,
}

impl Format {
    /// The format that a client asks for.
    pub fn of(headers: &HeaderMap) -> Self {
        if accepts_openmetrics(headers) { Self::OpenMetrics } else { Self::Text }
    }

    /// The content type.
    pub const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        })
    }

    /// The content type with the escaping of names, for a client that asks for it: it reads a response of OpenMetrics 1.0
    /// without one as `underscores`. Names here are of the old set of characters, which only `dots` would change.
    pub fn content_type_for(self, headers: &HeaderMap) -> HeaderValue {
        let scheme = match self {
            Self::Text => None,
            Self::OpenMetrics => asked_for_openmetrics(headers).find_map(|parameters| {
                parameters.split(';').find_map(|part| part.trim().strip_prefix("escaping="))
            }),
        };
        HeaderValue::from_static(match scheme {
            None => return self.content_type(),
            Some("allow-utf-8") => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            Some("values") => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values",
            Some(_) => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        })
    }

    /// What ends the text.
    pub const fn end(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::OpenMetrics => "# EOF\n",
        }
    }
}

/// Whether a client asks for OpenMetrics, by name and without refusing it. A scraper that knows the format prefers it,
/// so the order of preference does not matter.
fn accepts_openmetrics(headers: &HeaderMap) -> bool {
    asked_for_openmetrics(headers).next().is_some()
}

/// The parameters of each item that asks for a version of OpenMetrics that is written here.
fn asked_for_openmetrics(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    items(headers, &header::ACCEPT).filter_map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        let parts = parameters.split(';').map(str::trim);
        let version = parts.clone().find_map(|part| part.strip_prefix("version=")).unwrap_or("1.0.0");
        let named = name.trim().eq_ignore_ascii_case("application/openmetrics-text");
        (named && !refused(parts) && matches!(version, "1.0.0" | "0.0.1")).then_some(parameters)
    })
}

/// Whether a client accepts gzip. A named coding wins over `*`.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let find = |name: &str| {
        items(headers, &header::ACCEPT_ENCODING).find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
            named.then(|| !refused(parts))
        })
    };
    find("gzip").or_else(|| find("*")).unwrap_or(false)
}

/// The items of a header that may be repeated; a value that is no text is ignored.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

fn refused<'a>(mut parameters: impl Iterator<Item = &'a str>) -> bool {
    parameters.any(|part| part.strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        HeaderMap::from_iter([(name, value)])
    }

    #[test]
    fn openmetrics_is_sent_only_when_accepted() {
        let check = |accept: &str, expected: bool| {
            assert_eq!(accepts_openmetrics(&headers(header::ACCEPT, accept)), expected, "{accept}");
        };
        check("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true);
        check("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.5", true);
        check("text/plain, application/openmetrics-text", true);
        check("APPLICATION/OpenMetrics-Text; version=0.0.1; q=0.75", true);
        check("application/openmetrics-text;version=2.0.0", false);
        check("application/openmetrics-text;q=0", false);
        check("application/openmetrics-text;q=0.0;version=1.0.0", false);
        check("text/plain", false);
        check("*/*", false);
        check(";;,,q=;version", false);
        check("\u{fffd}", false);
        assert!(!accepts_openmetrics(&HeaderMap::new()));
    }

    #[test]
    fn escaping_is_named_to_clients_that_ask_for_it() {
        let check = |accept: &str, expected: &str| {
            let headers = headers(header::ACCEPT, accept);
            assert_eq!(Format::of(&headers).content_type_for(&headers), expected, "{accept}");
        };
        let plain = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        check("application/openmetrics-text", plain);
        for (asked, named) in [
            ("allow-utf-8", "allow-utf-8"),
            ("values", "values"),
            ("dots", "underscores"),
            ("x", "underscores"),
        ] {
            let accept =
                format!("application/openmetrics-text; version=1.0.0;escaping={asked};q=0.6,*/*;q=0.1");
            check(&accept, &format!("{plain}; escaping={named}"));
        }
        check(
            "application/openmetrics-text;version=2.0.0;escaping=values,application/openmetrics-text",
            plain,
        );
        check("text/plain;version=1.0.0;escaping=allow-utf-8", "text/plain; version=0.0.4; charset=utf-8");
    }

    #[test]
    fn gzip_is_sent_only_to_clients_that_accept_it() {
        let check = |accept: &str, expected: bool| {
            assert_eq!(accepts_gzip(&headers(header::ACCEPT_ENCODING, accept)), expected, "{accept}");
        };
        check("gzip", true);
        check("deflate, GZIP;q=0.5", true);
        check("*", true);
        check("gzip;q=0, *", false);
        check("*;q=0", false);
        check("identity", false);
        check("x-gzip2", false);
        check(",;q=,", false);
        check("", false);
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}

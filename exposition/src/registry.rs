//! Metrics counted by prometheus-client as text. They are counted live and written when they are requested.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::Format;

/// The registry as text with its end marker.
pub fn registry_text(registry: &Registry, format: Format) -> Result<String, std::fmt::Error> {
    let mut text = String::with_capacity(16 * 1024);
    encode(&mut text, registry)?;
    Ok(match format {
        Format::OpenMetrics => text,
        Format::Text => classic(&text),
    })
}

/// prometheus-client writes OpenMetrics only. The older text format wants a counter's family to be called like its
/// sample, knows neither units nor infos nor exemplars, and has no end marker.
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
                text.push_str(without_exemplar(line));
                text.push('\n');
            }
        }
    }
    text
}

/// An exemplar follows the value behind `# {`; inside quotes that is a label's text.
fn without_exemplar(line: &str) -> &str {
    let mut marks = line.match_indices(" # {").map(|(at, _)| &line[..at]);
    marks.find(|sample| sample.matches('"').count() % 2 == 0).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_format_names_counters_by_sample() {
        let new = "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total 1\n\
                   # HELP a_build Build.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                   # HELP a_size_bytes Size.\n# TYPE a_size_bytes gauge\n# UNIT a_size_bytes bytes\na_size_bytes 2\n# EOF\n";
        let old = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\na_requests_total 1\n\
                   # HELP a_build_info Build.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                   # HELP a_size_bytes Size.\n# TYPE a_size_bytes gauge\na_size_bytes 2\n";
        assert_eq!(classic(new), old);
    }

    #[test]
    fn text_format_has_no_exemplars() {
        let new = "# TYPE a histogram\na_bucket{le=\"0.1\"} 3 # {trace_id=\"4bf9\"} 0.05\n\
                   a_bucket{le=\"+Inf\",route=\"/x # {y}\"} 3\n# EOF\n";
        let old = "# TYPE a histogram\na_bucket{le=\"0.1\"} 3\na_bucket{le=\"+Inf\",route=\"/x # {y}\"} 3\n";
        assert_eq!(classic(new), old);
    }
}

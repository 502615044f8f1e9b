//! Load by wrk, and the summary of several runs.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// The core of the load and of PostgreSQL; the server has the first.
pub(super) const LOAD_CORE: &str = "1";

/// What a closed loop saw.
pub(super) struct Load {
    pub(super) requests: f64,
    /// A second.
    pub(super) rate: f64,
    /// The median in milliseconds.
    pub(super) half: f64,
    /// The 99th percentile in milliseconds.
    pub(super) tail: f64,
}

/// A closed loop of so many connections beside the server.
pub(super) fn wrk(port: u16, path: &str, header: &str, connections: u32, seconds: u32) -> Result<Load> {
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE, "wrk", "-t1", "--latency", "-H", header]);
    command.args([format!("-c{connections}"), format!("-d{seconds}s")]);
    let advice = "look at the lines above";
    let printed = run::quietly(command.arg(format!("http://127.0.0.1:{port}{path}")), advice)?;
    if printed.contains("Non-2xx") || printed.contains("Socket errors") {
        bail!("wrk met errors:\n{printed}");
    }
    read(&printed).with_context(|| format!("wrk printed less than it should:\n{printed}"))
}

fn read(printed: &str) -> Option<Load> {
    // At the start of a line: other columns hold percentages, too.
    let after = |mark: &str| {
        let rest = printed.lines().find_map(|line| line.trim_start().strip_prefix(mark))?;
        rest.split_whitespace().next()
    };
    let words = printed.split_whitespace();
    let requests = words.clone().zip(words.skip(1)).find(|(_, word)| *word == "requests")?.0;
    Some(Load {
        requests: requests.parse().ok()?,
        rate: after("Requests/sec:")?.parse().ok()?,
        half: milliseconds(after("50%")?)?,
        tail: milliseconds(after("99%")?)?,
    })
}

fn milliseconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The smallest and the largest.
pub(super) fn spread(values: &[f64]) -> String {
    let (min, max) = values.iter().fold((f64::MAX, f64::MIN), |(min, max), v| (min.min(*v), max.max(*v)));
    if max < 10.0 { format!("{min:.4} to {max:.4}") } else { format!("{min:.0} to {max:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_output_is_parsed() {
        let printed = "Running 5s test @ http://127.0.0.1:1/\n  1 threads and 8 connections\n  Thread Stats   Avg      Stdev     Max   +/- Stdev\n    \
                    Latency   810.50us  120.00us   5.00ms   90.50%\n  Latency Distribution\n     50%  790.00us\n     75%    1.00ms\n     \
                    90%    1.50ms\n     99%    1.05s \n  49123 requests in 5.00s, 1.20GB read\nRequests/sec:   9824.60\n";
        let load = read(printed).unwrap();
        assert_eq!((load.requests, load.rate, load.half, load.tail), (49123.0, 9824.6, 0.79, 1050.0));
        assert!(read("Requests/sec: many").is_none());
    }

    #[test]
    fn runs_are_summarised_by_median_and_spread() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), spread(&[30.0, 1.0, 2.0]).as_str()), (2.0, "1 to 30"));
    }
}

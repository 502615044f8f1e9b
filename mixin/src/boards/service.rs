//! Service health: rate, errors, duration of every role; Oura, log-in, webhooks, database, process.

mod work;

use crate::board::{Board, Row, Subject};
use crate::config::Config;
use crate::names;
use crate::panel::{GREEN, Kind, NONE, ORANGE, Panel, RED, UP};

/// Matchers of the chosen processes.
const CHOSEN: &str = r#"job=~"$job",instance=~"$instance""#;

pub(super) fn board(config: &Config) -> Board {
    Board {
        uid: "myhealth-service",
        title: "Service health",
        about: "Rate, errors and duration of every role, and what they depend on.",
        subject: Subject::Service,
        from: "now-6h",
        rows: vec![
            Row::new("At a glance", glance()),
            Row::new("HTTP: rate, errors, duration", answers(config)),
            Row::new("API cache and limits", edges()),
            Row::new("Oura", work::oura(config)),
            Row::new("Log-in", work::login()),
            Row::new("Webhooks", work::webhooks()),
            Row::new("Jobs", work::jobs()),
            Row::new("Database", database()),
            Row::new("Exporter and listeners", exporter()),
            Row::new("Process", process()),
        ],
        annotations: Vec::new(),
    }
}

fn of(name: &str) -> String {
    format!("{name}{{{CHOSEN}}}")
}

fn rate(name: &str) -> String {
    format!("rate({}[$__rate_interval])", of(name))
}

/// The same with a matcher of its own.
fn rate_where(name: &str, matcher: &str) -> String {
    format!("rate({name}{{{CHOSEN},{matcher}}}[$__rate_interval])")
}

fn glance() -> Vec<Panel> {
    vec![
        Panel::new(Kind::Stat, "Up", "Whether Prometheus reaches each process.")
            .ask(of("up"), "{{instance}}")
            .words(&[(0, "down", RED), (1, "up", GREEN)])
            .unit("bool_yes_no")
            .steps(UP),
        Panel::new(Kind::Table, "Builds", "What runs where.")
            .ask(of(names::BUILD_INFO), "{{version}}")
            .rows(&["Value"], &[("version", "Version"), ("revision", "Revision")])
            .size(8, 4),
        Panel::new(Kind::Stat, "Uptime", "Time since the youngest process started.")
            .ask(format!("time() - max(process_start_time_seconds{{{CHOSEN}}})"), "youngest")
            .duration(),
        Panel::new(Kind::Stat, "Errors", "Share of responses that are server errors.")
            .ask(error_ratio(), "errors")
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.01, ORANGE), (0.05, RED)]),
        Panel::new(Kind::Stat, "Failed collections", "Collections whose last read from Oura failed.")
            .ask(format!("sum({} == bool 0)", of(names::SYNC_UP)), "failed")
            .unit("short")
            .steps(NONE),
    ]
}

fn count() -> String {
    format!("{}_count", names::HTTP)
}

fn error_ratio() -> String {
    format!("(sum({}) or vector(0)) / sum({})", rate_where(&count(), r#"code=~"5..""#), rate(&count()))
}

fn quantile(quantile: &str, by: &str) -> String {
    format!("histogram_quantile({quantile}, sum by ({by}) ({}))", rate(&format!("{}_bucket", names::HTTP)))
}

fn answers(config: &Config) -> Vec<Panel> {
    let limit = config.services.latency_seconds;
    vec![
        Panel::new(Kind::Lines, "Requests", "Responses a second by route.")
            .ask(format!("sum by (route) ({})", rate(&count())), "{{route}}")
            .unit("reqps")
            .at_least_zero()
            .size(8, 8),
        Panel::new(Kind::Lines, "Errors", "Share of responses that are server errors, by route.")
            .ask(
                format!("(sum by (route) ({0}) or 0 * sum by (route) ({1})) / sum by (route) ({1})", rate_where(&count(), r#"code=~"5..""#), rate(&count())),
                "{{route}}",
            )
            .unit("percentunit")
            .steps(&[(f64::NEG_INFINITY, GREEN), (0.05, RED)])
            .at_least_zero()
            .reaches(0.1)
            .nothing("no errors")
            .size(8, 8),
        Panel::new(Kind::Lines, "Duration", &format!("Half, 95 % and 99 % of responses were faster. An alert fires when the 95 % line stays above {limit} s."))
            .ask(quantile("0.5", "le"), "50 %")
            .ask(quantile("0.95", "le"), "95 %")
            .ask(quantile("0.99", "le"), "99 %")
            .unit("s")
            .at_least_zero()
            .size(8, 8),
        Panel::new(Kind::Lines, "Slowest routes", "95 % of responses of each route were faster.")
            .ask(quantile("0.95", "le, route"), "{{route}}")
            .unit("s")
            .at_least_zero(),
        Panel::new(Kind::Stacked, "Responses by status", "Responses a second by status code.")
            .ask(format!("sum by (code) ({})", rate(&count())), "{{code}}")
            .unit("reqps")
            .at_least_zero(),
    ]
}

fn edges() -> Vec<Panel> {
    let by = |label: &str, name: &str| format!("sum by ({label}) ({})", rate(name));
    vec![
        Panel::new(
            Kind::Lines,
            "Cached responses",
            "Share of cacheable responses that were served from memory. Low while requests differ or much is written.",
        )
        .ask(
            format!(
                "sum by (instance) ({}) / sum by (instance) ({})",
                rate_where(names::CACHE_LOOKUPS, r#"result="hit""#),
                rate(names::CACHE_LOOKUPS)
            ),
            "{{instance}}",
        )
        .unit("percentunit")
        .range(0.0, 1.0)
        .size(6, 7),
        Panel::new(Kind::Lines, "Response cache size", "Bytes of the responses in the cache.")
            .ask(of(names::CACHE_SIZE), "{{instance}}")
            .unit("bytes")
            .at_least_zero()
            .size(6, 7),
        Panel::new(
            Kind::Lines,
            "Rejected requests",
            "Requests a second that were rejected: one client over its limit, too many at once, or no database.",
        )
        .ask(by("limit", names::LIMITED), "rate limit: {{limit}}")
        .ask(by("reason", names::SHED), "load shedding: {{reason}}")
        .unit("reqps")
        .at_least_zero()
        .reaches(1.0)
        .size(6, 7),
        Panel::new(Kind::Bars, "Log-ins", "Attempts to log in, in the five minutes up to each point.")
            .ask(format!("sum by (outcome) (increase({}[5m]))", of(names::LOG_INS)), "{{outcome}}")
            .unit("short")
            .at_least_zero()
            .reaches(4.0)
            .every("5m")
            .size(6, 7),
    ]
}

fn database() -> Vec<Panel> {
    let by_pool = |name: &str| format!("sum by (instance, pool) ({})", of(name));
    vec![
        Panel::new(Kind::Stacked, "Connections", "Connections of each pool, in use and idle.")
            .ask(by_pool(names::POOL_USED), "used {{pool}} {{instance}}")
            .ask(by_pool(names::POOL_IDLE), "idle {{pool}} {{instance}}")
            .unit("short")
            .at_least_zero()
            .size(8, 7),
        Panel::new(
            Kind::Lines,
            "Pool in use",
            "Connections in use as a share of the pool's size. At 1 work waits; the embedded database writes with one.",
        )
        .ask(format!("{} / {}", by_pool(names::POOL_USED), by_pool(names::POOL_MAX)), "{{pool}} {{instance}}")
        .unit("percentunit")
        .range(0.0, 1.0)
        .size(8, 7),
        Panel::new(
            Kind::States,
            "Exporter reads succeed",
            "Whether the exporter's last read of the database succeeded; while it fails, the gauges stay as they were.",
        )
        .ask(of(names::STORE_UP), "{{instance}}")
        .words(&[(0, "no", RED), (1, "yes", GREEN)])
        .unit("bool_yes_no")
        .steps(UP)
        .size(8, 7),
        Panel::new(
            Kind::Lines,
            "Database query performance",
            "95 % of the statements took at most this long; the ten slowest kinds, by what they do to which table.",
        )
        .ask(slowest_statements(), "{{statement}}")
        .unit("s")
        .at_least_zero()
        .size(12, 8),
        Panel::new(
            Kind::Stacked,
            "Time in the database",
            "Seconds that statements take in each second, by kind; the ten with the most. What to make faster first.",
        )
        .ask(
            format!("topk(10, sum by (statement) ({}))", rate(&format!("{}_sum", names::DB_STATEMENTS))),
            "{{statement}}",
        )
        .unit("s")
        .at_least_zero()
        .size(12, 8),
    ]
}

fn slowest_statements() -> String {
    let buckets = rate(&format!("{}_bucket", names::DB_STATEMENTS));
    format!("topk(10, histogram_quantile(0.95, sum by (statement, le) ({buckets})))")
}

fn exporter() -> Vec<Panel> {
    let line = |title: &str, about: &str, name: &str, unit| {
        Panel::new(Kind::Lines, title, about)
            .ask(of(name), "{{instance}}")
            .unit(unit)
            .at_least_zero()
            .size(8, 7)
    };
    vec![
        line("Persons", "Persons whose gauges each exporter shows; shards add up.", names::EXPORTER_PEOPLE, "short"),
        line("Series about persons", "Size of a scrape, in series about persons.", names::EXPORTER_SERIES, "short"),
        line("Render duration", "How long the last rendering of the gauges took.", names::EXPORTER_REBUILD, "s"),
        line("Database read duration", "How long the exporter's last read of the database took.", names::EXPORTER_READ, "s"),
        line("Requests in flight", "Requests being processed.", names::HTTP_RUNNING, "short"),
        Panel::new(
            Kind::Lines,
            "Refused connections and requests",
            "Connections and requests a second that were refused before they were answered: too many, a failed handshake, a wrong password.",
        )
        .ask(format!("sum by (reason) ({})", rate(names::REFUSED)), "{{reason}}")
        .reaches(1.0)
        .unit("reqps")
        .at_least_zero()
        .size(8, 7),
    ]
}

fn process() -> Vec<Panel> {
    let line = |title: &str, about: &str, expr: String, unit| {
        Panel::new(Kind::Lines, title, about).ask(expr, "{{instance}}").unit(unit).at_least_zero().size(8, 7)
    };
    vec![
        line("CPU", "Cores in use.", rate("process_cpu_seconds_total"), "short").decimals(3),
        line("Memory", "Resident memory.", of("process_resident_memory_bytes"), "bytes"),
        line(
            "File descriptors",
            "Open file descriptors as a share of the limit.",
            format!("{} / {}", of("process_open_fds"), of("process_max_fds")),
            "percentunit",
        ),
        line("Threads", "Threads of each process.", of("process_threads"), "short"),
        line("Scrape duration", "How long the last scrape took.", of("scrape_duration_seconds"), "s"),
        line(
            "Starts per hour",
            "How often each process was restarted in the hour up to each point.",
            format!("changes({}[1h])", of("process_start_time_seconds")),
            "short",
        )
        .reaches(4.0),
    ]
}

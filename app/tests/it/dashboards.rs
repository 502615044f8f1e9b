//! Every expression of every dashboard, asked of a real Prometheus that scrapes the demo and reads three years of its
//! history: a panel that stays empty is a failure, unless it is listed here with the reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;

use crate::generation::{Generation, on_each_generation};
use crate::monitoring::{Prometheus, impatient, left, serve, shipped};
use crate::process::{Running, get, service, until};

/// Panels that may be empty: dashboard, panel (or annotation), and why.
const MAY_BE_EMPTY: [(&str, &str, &str); 18] = [
    ("Today", "Firing alerts", "nothing may be wrong"),
    ("Oura overview", "Firing alerts", "nothing may be wrong"),
    ("Oura overview", "annotation Alerts", "nothing may have been wrong"),
    ("Sleep", "annotation Alerts", "nothing may have been wrong"),
    ("Activity", "annotation Alerts", "nothing may have been wrong"),
    ("Readiness and recovery", "annotation Alerts", "nothing may have been wrong"),
    ("Heart and body", "annotation Alerts", "nothing may have been wrong"),
    ("Long term", "annotation Alerts", "nothing may have been wrong"),
    ("Data quality", "annotation Alerts", "nothing may have been wrong"),
    ("Every number", "annotation Alerts", "nothing may have been wrong"),
    ("Activity", "Workouts", "a day without a workout has no gauge"),
    ("Sleep", "Oura's advice", "Oura gives none on most days"),
    ("Every number", "oura_legacy_tags", "a collection of old accounts; the simulated person has none"),
    ("Service health", "Scopes not granted", "the demo grants all"),
    ("Service health", "Failures by kind", "the demo's Oura does not fail"),
    ("Data quality", "Changed documents", "a day must pass before Oura changes it"),
    ("Data quality", "Rejected documents", "the demo's Oura sends what is known"),
    ("Kubernetes", "Time until the volume is full", "a volume that does not grow is never full"),
];

/// Stands still while the questions are asked, so that a range's end is a moment with data.
fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the demo lives in real time")]
    Timestamp::now()
}

/// Series that the demo has no reason to show (a log-in, webhooks, failures, Kubernetes), one for each documented label
/// and word, so that the panels about them are executed too.
fn documented(scrape: &str) -> String {
    let words = |label: &str| -> &[&str] {
        match label {
            "person" => &["me"],
            "collection" => &["sleep"],
            "namespace" => &["health"],
            "container" | "deployment" => &["myhealth"],
            "pod" => &["myhealth-0"],
            "job_name" => &["myhealth-migrate"],
            "cronjob" => &["myhealth-backup"],
            "persistentvolumeclaim" => &["myhealth-data"],
            "resource" => &["cpu", "memory"],
            "code" => &["200", "500"],
            "pool" => &["postgres"],
            "mode" => &["idle"],
            "status" => &["true"],
            _ => &["some"],
        }
    };
    let mut text = String::new();
    for row in shipped("docs/service-metrics.md").lines().filter_map(|line| line.strip_prefix("| `")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (name, kind, labels) = (cells[0].trim_matches('`'), cells[1], cells[2]);
        if scrape.contains(&format!("\n{name}")) || ["up", "scrape_duration_seconds"].contains(&name) {
            continue;
        }
        // Behind a label's name are its words, if they are a closed set.
        let names = labels.split('`').skip(1).step_by(2);
        let mut sets = vec![String::new()];
        for label in names {
            let with = |set: &String| {
                words(label).iter().map(|word| format!("{set}{label}=\"{word}\",")).collect::<Vec<_>>()
            };
            sets = sets.iter().flat_map(with).collect();
        }
        writeln!(text, "# TYPE {name} {kind}").unwrap();
        for set in sets {
            if kind == "histogram" {
                for le in ["0.1", "1", "+Inf"] {
                    writeln!(text, "{name}_bucket{{{set}le=\"{le}\"}} 1").unwrap();
                }
                writeln!(text, "{name}_sum{{{set}}} 0.1\n{name}_count{{{set}}} 1").unwrap();
            } else {
                writeln!(text, "{name}{{{set}}} 1").unwrap();
            }
        }
    }
    text
}

/// One question of a dashboard.
struct Question {
    place: (String, String),
    expr: String,
    instant: bool,
    /// Seconds.
    range: i64,
    step: i64,
}

fn seconds(duration: &str) -> i64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "y" => 31_557_600,
        unit => panic!("unknown unit: {unit}"),
    };
    number.parse::<i64>().unwrap() * unit
}

fn questions(board: &Value) -> Vec<Question> {
    let title = board["title"].as_str().unwrap();
    let range = seconds(board["time"]["from"].as_str().unwrap().strip_prefix("now-").unwrap());
    let question = |name: String, expr: &Value, instant: bool, interval: Option<&str>, range: i64| {
        // As Grafana does on a page that is a thousand points wide.
        let step = interval.map_or(15, seconds).max(range / 1000);
        let expr = expr.as_str().unwrap();
        let expr = expr.replace("$__rate_interval", "1m").replace("$__range", &format!("{range}s"));
        let expr = expr.replace("$__interval", &format!("{step}s"));
        let expr = ["$person", "$job", "$instance", "$namespace"]
            .iter()
            .fold(expr, |expr, name| expr.replace(name, ".+"));
        // `$1` is a group of a regular expression.
        let is_group = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
        assert!(expr.split('$').skip(1).all(is_group), "unknown variable: {expr}");
        Question { place: (title.to_owned(), name), expr, instant, range, step }
    };
    let top = board["panels"].as_array().unwrap().iter();
    let panels =
        top.flat_map(|panel| std::iter::once(panel).chain(panel["panels"].as_array().into_iter().flatten()));
    let mut questions = Vec::new();
    for panel in panels.filter(|panel| panel["type"] != "row") {
        let range = panel["timeFrom"].as_str().map_or(range, seconds);
        for target in panel["targets"].as_array().unwrap() {
            let name = panel["title"].as_str().unwrap().to_owned();
            questions.push(question(
                name,
                &target["expr"],
                target["instant"] == true,
                panel["interval"].as_str(),
                range,
            ));
        }
    }
    for annotation in board["annotations"]["list"].as_array().unwrap() {
        let name = format!("annotation {}", annotation["name"].as_str().unwrap());
        let mut asked = question(
            name,
            &annotation["target"]["expr"],
            false,
            annotation["target"]["interval"].as_str(),
            range,
        );
        // A month may pass without a journey or an illness.
        asked.range = asked.range.max(seconds("3y"));
        asked.step = asked.step.max(asked.range / 10_000);
        questions.push(asked);
    }
    questions
}

fn boards() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("dashboards");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    files.sort();
    files.iter().map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()).collect()
}

/// The expressions of a dashboard's computed variables.
fn computed(board: &Value) -> impl Iterator<Item = String> {
    let variables = board["templating"]["list"].as_array().unwrap().iter();
    variables.filter_map(|variable| {
        let query = variable["query"]["query"].as_str()?;
        let expr = query.strip_prefix("query_result(")?.strip_suffix(')')?;
        Some(expr.replace("$person", ".+"))
    })
}

async fn answer(prometheus: &Prometheus, question: &Question, now: i64) -> Result<Vec<Value>, String> {
    let Question { expr, instant, range, step, .. } = question;
    let query = ("query", expr.clone());
    let asked = if *instant {
        prometheus.ask("query", &[query, ("time", now.to_string())]).await
    } else {
        // A day is a sample at its own beginning. East of Greenwich the person's today may begin after now.
        let end = if *step >= 86_400 { now - now % 86_400 + 86_400 } else { now };
        let start = end - range / step * step;
        let ends = [("start", start.to_string()), ("end", end.to_string()), ("step", step.to_string())];
        prometheus.ask("query_range", &[&[query][..], &ends].concat()).await
    };
    asked.unwrap_or_else(|| Err("Prometheus is gone".to_owned()))
}
on_each_generation!(every_dashboard_panel_has_data);

async fn every_dashboard_panel_has_data(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let since = now().to_zoned(TimeZone::UTC).date().saturating_sub(3.years()).saturating_sub(60.days());
    let command = service(&["demo", "--seed", "5", "--since", &since.to_string()], folder.path());
    let demo = Running::start(command);
    let (web, api) = (demo.address("web").await, demo.address("api").await);
    let metrics = format!("http://{web}/metrics");
    let scrape = until("all of history to be read", async || {
        let scrape = get(&metrics).await?;
        let read =
            scrape.contains("oura_sleep_score") && scrape.contains("\nmyhealth_sync_backlog_windows 0\n");
        read.then_some(scrape)
    })
    .await;

    let others = documented(&scrape);
    let router = axum::Router::new().route("/metrics", axum::routing::get(async move || others));
    let others = serve(router).await;
    let rules = ["health", "service"].map(|name| (name, impatient(&shipped(&format!("alerts/{name}.yaml")))));
    let prometheus = Prometheus::start(generation, &[&web, &others], &api, &rules, None);
    // Three good scrapes of each make a rate, and the last group of rules has been evaluated.
    for expr in [
        "count(sum_over_time(up[1m]) >= 3) == 2",
        "count_over_time(person:oura_sleep_budget_left:ratio_28d[1m]) >= 2",
        "count_over_time(person:oura_illness_signs:count[1m]) >= 2",
    ] {
        until(expr, async || {
            let answer = prometheus.ask("query", &[("query", expr.to_owned())]).await?.ok()?;
            (!answer.is_empty()).then_some(())
        })
        .await;
    }

    let boards = boards();
    let questions: Vec<_> = boards.iter().flat_map(questions).collect();
    let asked_at = now().as_second();
    let (mut wrong, mut times) = (Vec::new(), Vec::new());
    for question in &questions {
        let (board, panel) = &question.place;
        let started = Instant::now();
        let answer = answer(&prometheus, question, asked_at).await;
        times.push((started.elapsed(), board, panel));
        let listed = MAY_BE_EMPTY.iter().any(|(of, name, _)| of == board && name == panel);
        match answer {
            Ok(result) if !result.is_empty() || listed => {}
            Ok(_) => wrong.push(format!("{board} / {panel} is empty: {}", question.expr)),
            Err(error) => wrong.push(format!("{board} / {panel}: {error}: {}", question.expr)),
        }
    }
    report(&mut times);
    for expr in boards.iter().flat_map(computed) {
        let answer = prometheus.ask("query", &[("query", expr.clone())]).await.unwrap().unwrap();
        // One person: nothing in the legends.
        assert_eq!(answer[0]["metric"]["legend"], " ", "{expr}");
        assert_eq!(answer.len(), 1, "{expr}");
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), questions.len(), wrong.join("\n"));
    assert!(
        questions.len() > 500 && boards.len() >= 12,
        "{} questions on {} dashboards",
        questions.len(),
        boards.len()
    );

    let places: BTreeSet<_> =
        questions.iter().map(|question| (question.place.0.as_str(), question.place.1.as_str())).collect();
    let gone = MAY_BE_EMPTY.iter().filter(|(board, panel, _)| !places.contains(&(board, panel)));
    assert_eq!(gone.collect::<Vec<_>>(), Vec::<&(&str, &str, &str)>::new(), "listed and no longer there");
}

/// Leaves the slowest questions where people can read them.
fn report(times: &mut [(Duration, &String, &String)]) {
    times.sort_unstable_by(|one, other| other.cmp(one));
    let total: Duration = times.iter().map(|(time, ..)| *time).sum();
    let mut text = format!("{} questions in {:.1} s\n", times.len(), total.as_secs_f64());
    for (time, board, panel) in times.iter().take(10) {
        writeln!(text, "{:>6.0} ms  {board} / {panel}", time.as_secs_f64() * 1000.0).unwrap();
    }
    std::fs::write(left("slowest-queries.txt"), text).unwrap();
}

//! The committed dashboards and rules, held to what exists, and the lint itself, held to finding what does not.

use mixin::Vocabulary;

use super::*;

#[test]
fn queries_name_existing_series_only() {
    assert_eq!(mixin::problems(&Config::default()), Vec::<String>::new());
}

#[test]
fn promtool_parses_every_expression() {
    lint(&LintArgs { types: false }).unwrap();
}

/// Of today's Prometheus and Alertmanager, in addition to Debian's.
fn current_program(variable: &str) -> String {
    let program = programs::variable(&format!("MYHEALTH_TEST_CURRENT_{variable}"));
    program.expect("`cargo xtask provision` builds it")
}

fn prove(promtool: &str, name: &str) {
    let file = format!("alerts/tests/{name}.yaml");
    let mut promtool = Command::new(promtool);
    promtool.current_dir(run::root()).args(["test", "rules", &file]);
    run::quietly(&mut promtool, "fix the alert or its proof").unwrap();
}

// Two tests, because they take half a minute and can run at the same time.
#[test]
fn health_alerts_are_silent_before_and_fire_after() {
    prove(&promtool().unwrap(), "health");
}

#[test]
fn service_alerts_are_silent_before_and_fire_after() {
    prove(&promtool().unwrap(), "service");
}

mod current {
    use super::*;

    #[test]
    fn health_alerts_are_silent_before_and_fire_after() {
        prove(&current_program("PROMTOOL"), "health");
    }

    #[test]
    fn service_alerts_are_silent_before_and_fire_after() {
        prove(&current_program("PROMTOOL"), "service");
    }

    #[test]
    fn promtool_parses_every_expression() {
        check_expressions(&current_program("PROMTOOL"), &Config::default()).unwrap();
    }

    #[test]
    fn alertmanager_can_read_its_configuration_and_routes_every_alert() {
        check_alertmanager(&current_program("AMTOOL"));
    }
}

fn vocabulary() -> Vocabulary {
    Vocabulary::new(&Config::default())
}

fn complaints(expr: &str, legend: &str) -> Vec<String> {
    vocabulary().complaints(expr, &[legend.to_owned()])
}

#[test]
fn lint_finds_unknown_names() {
    for (expr, legend, wanted) in [
        ("oura_sleep_scoer", "", "no series is called oura_sleep_scoer"),
        ("oura_sleep_score{persom=\"me\"}", "", "oura_sleep_score has no label persom"),
        (
            "oura_sleep_stage_duration_seconds{stage=~\"deep|rm\"}",
            "",
            "stage of oura_sleep_stage_duration_seconds is never \"rm\"",
        ),
        ("oura_resilience_level{state=\"good\"}", "", "state of oura_resilience_level is never \"good\""),
        (
            "oura_newest_day_timestamp_seconds{collection=\"sleeps\"}",
            "",
            "collection of oura_newest_day_timestamp_seconds is never \"sleeps\"",
        ),
        ("myhealth_sync_downs", "", "no series is called myhealth_sync_downs"),
        (
            "myhealth_sync_documents_total{outcome=~\"new|old\"}",
            "",
            "outcome of myhealth_sync_documents_total is never \"old\"",
        ),
        ("myhealth_sync_failure{kind=\"expired\"}", "", "kind of myhealth_sync_failure is never \"expired\""),
        ("sum by (stage) (oura_sleep_score)", "", "no series here has a label stage"),
        ("oura_sleep_score", "{{stage}}", "no series here has a label stage"),
        ("oura_sleep_score", "{{ $labels.stage }}", "no series here has a label stage"),
        ("ALERTS{alertname=\"OuraIll\"}", "", "alertname of ALERTS is never \"OuraIll\""),
        ("time()", "", "selects no series"),
    ] {
        assert_eq!(complaints(expr, legend), [wanted], "{expr}");
    }
}

#[test]
fn lint_accepts_known_names() {
    for (expr, legend) in [
        (
            "max by (person, stage) (oura_sleep_stage_duration_seconds{source=\"history\",person=~\"$person\"})",
            "{{stage}} {{person}}",
        ),
        (
            "histogram_quantile(0.95, sum by (le) (rate(myhealth_http_request_duration_seconds_bucket[5m])))",
            "",
        ),
        (
            "person:oura_illness_signs:count{person=\"me\"} > 2",
            "{{ $value | humanize }} {{ $labels.person }}",
        ),
    ] {
        assert_eq!(complaints(expr, legend), Vec::<String>::new(), "{expr}");
    }
}

#[test]
fn runbook_headings_equal_the_alerts() {
    let runbook = std::fs::read_to_string(run::root().join("docs/runbook.md")).unwrap();
    let headings: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut alerts: Vec<_> =
        mixin::alert_files(&Config::default()).into_iter().flat_map(|file| file.alerts).collect();
    let mut sorted = headings.clone();
    sorted.sort_unstable();
    alerts.sort_unstable();
    assert_eq!(sorted, alerts);
    for heading in headings {
        let section = runbook.split(&format!("### {heading}\n")).nth(1).unwrap().split("\n#").next().unwrap();
        assert!(section.contains("**Do:**") && section.len() > 80, "{heading} says what to do");
    }
}

const ALERTMANAGER: &str = "alerts/alertmanager/alertmanager.yml";

fn amtool(amtool: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(amtool);
    run::quietly(command.current_dir(run::root()).args(arguments), "fix the configuration").unwrap()
}

#[test]
fn alertmanager_can_read_its_configuration_and_routes_every_alert() {
    let amtool = programs::variable("MYHEALTH_TEST_AMTOOL")
        .or_else(|| programs::find("amtool").map(|path| path.display().to_string()));
    check_alertmanager(&amtool.expect("`cargo xtask provision` installs amtool"));
}

/// Reads configuration and templates, and sends every kind of alert to whom it concerns.
fn check_alertmanager(program: &str) {
    let printed = amtool(program, &["check-config", ALERTMANAGER]);
    assert!(printed.contains("SUCCESS") && printed.contains("1 templates"), "{printed}");
    for (labels, receiver) in [
        (&["area=health", "severity=warning", "alertname=OuraIllnessSignal", "person=me"][..], "person"),
        (&["area=health", "severity=warning", "alertname=OuraRingBatteryLow", "person=me"], "person"),
        (&["area=health", "severity=info", "alertname=OuraHrvLow", "person=me"], "person-digest"),
        (&["area=health", "severity=warning", "alertname=OuraRingBatteryLow", "person=alex"], "alex"),
        (&["area=service", "severity=critical", "alertname=MyHealthDown", "blinds=health"], "operator-pager"),
        (&["area=service", "severity=warning", "alertname=MyHealthSyncStale", "person=alex"], "operator"),
        (&["area=service", "severity=info", "alertname=MyHealthOuraDrift"], "operator-digest"),
    ] {
        let printed = amtool(
            program,
            &[&["config", "routes", "test", "--config.file", ALERTMANAGER][..], labels].concat(),
        );
        assert_eq!(printed.trim(), receiver, "{labels:?}");
    }
}

#[test]
fn alertmanager_routes_name_existing_alerts_only() {
    let text = std::fs::read_to_string(run::root().join(ALERTMANAGER)).unwrap();
    let vocabulary = vocabulary();
    let matchers = text
        .lines()
        .filter_map(|line| line.split_once("matchers: ["))
        .map(|(_, rest)| rest.trim_end_matches(']'));
    let mut seen = 0;
    for matcher in matchers {
        // `Oura(A|B)` is written out: every word must be one.
        let written =
            match matcher.split_once('(').and_then(|(head, rest)| Some((head, rest.split_once(')')?.0))) {
                Some((head, words)) => {
                    let prefix = head.rsplit_once('"').unwrap().1;
                    let words: Vec<_> = words.split('|').map(|word| format!("{prefix}{word}")).collect();
                    format!("alertname=~\"{}\"", words.join("|"))
                }
                None => matcher.to_owned(),
            };
        let expr = format!("ALERTS{{{written}}}").replace("person!=\"\"", "person=~\".+\"");
        assert_eq!(vocabulary.complaints(&expr, &[]), Vec::<String>::new(), "{matcher}");
        seen += 1;
    }
    assert!(seen > 15, "{seen} matchers: the file was not understood");
}

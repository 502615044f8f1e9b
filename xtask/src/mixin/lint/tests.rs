//! The committed dashboards and rules, held to what exists, and the lint itself, held to finding what does not.

use super::*;

#[test]
fn every_expression_is_about_what_exists() {
    assert_eq!(problems(&Config::default()).unwrap(), Vec::<String>::new());
}

#[test]
fn prometheus_can_read_every_expression() {
    main(&Args {}).unwrap();
}

fn prove(name: &str) {
    let file = format!("alerts/tests/{name}.yaml");
    let mut promtool = Command::new(promtool().unwrap());
    promtool.current_dir(run::root()).args(["test", "rules", &file]);
    run::quietly(&mut promtool, "mend the alert or its proof").unwrap();
}

// Two tests, because they take half a minute and can run beside each other.
#[test]
fn every_health_alert_is_silent_before_and_fires_after() {
    prove("health");
}

#[test]
fn every_service_alert_is_silent_before_and_fires_after() {
    prove("service");
}

fn complaints(expr: &str, legend: &str) -> Vec<String> {
    let files = alerts::all(&Config::default());
    let groups: Vec<_> = files.iter().flat_map(|file| &file.groups).collect();
    Vocabulary::read(&groups).unwrap().complaints(expr, &[legend.to_owned()])
}

#[test]
fn what_does_not_exist_is_found() {
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
fn what_exists_is_let_through() {
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

//! `myhealth dashboards` and `myhealth rules`: the files that the repository ships, with a user's own settings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::generation::{Generation, on_each_generation};
use crate::process::{Running, finish, get, myhealth, printed, until};

/// Every file below a folder, by its path from there, without what npm makes.
fn texts(folder: &Path) -> BTreeMap<String, String> {
    fn read(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if ["node_modules", "dist"].iter().any(|made| entry.file_name() == *made) {
                continue;
            }
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.path().is_dir() {
                read(&entry.path(), &format!("{name}/"), into);
            } else {
                into.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut texts = BTreeMap::new();
    read(folder, "", &mut texts);
    texts.remove(".myhealth.sha256");
    texts
}

fn run(words: &[&str]) -> (Option<i32>, String) {
    let output = finish(myhealth(words));
    (output.status.code(), printed(&output))
}

#[test]
fn default_files_equal_the_committed_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (line, committed) in [
        (&["dashboards"][..], "dashboards"),
        (&["dashboards", "--format", "perses"], "dashboards/perses"),
        (&["rules", "--time-zone", "UTC"], "alerts"),
    ] {
        let to = folder.path().join(committed.replace('/', "-"));
        let (code, printed) = run(&[line, &["--to", to.to_str().unwrap()]].concat());
        assert_eq!(code, Some(0), "{printed}");
        let mut committed = texts(&root.join(committed));
        let others = ["perses/", "preview/", "preview-perses/"];
        committed.retain(|path, _| !others.iter().any(|folder| path.starts_with(folder)));
        let written = texts(&to);
        assert_eq!(written.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
        assert!(written == committed, "{line:?}: `cargo xtask generate`");
    }
}

/// A test of rules that does not hold.
const FAILING: &str = "\
rule_files: [../health.yaml]
tests:
- interval: 1m
  promql_expr_test:
  - {expr: vector(1), eval_time: 1m, exp_samples: [{labels: '{}', value: 2}]}
";

on_each_generation!(rules_with_own_settings_pass_their_tests_and_route_alerts);

async fn rules_with_own_settings_pass_their_tests_and_route_alerts(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let words = "--sleep-goal 7h30m --time-zone America/New_York --time-zone ann=Asia/Tokyo --quiet-hours 23:00-08:00 \
                 --receiver operator=email:admin@example.org --receiver person=webhook:https://ntfy.example.org/us \
                 --receiver bob=discord";
    let words: Vec<_> = words.split_whitespace().collect();
    let (code, printed) = run(&[&["rules", "--to", to], &words[..]].concat());
    assert_eq!(code, Some(0), "{printed}");
    let health = fs::read_to_string(folder.path().join("health.yaml")).unwrap();
    assert!(health.contains("+ 27000"), "the goal is missing: {health}");
    let routes = fs::read_to_string(folder.path().join("alertmanager/alertmanager.yml")).unwrap();
    for expected in
        ["location: America/New_York", "location: Asia/Tokyo", "start_time: '23:00'", "discord-url-bob"]
    {
        assert!(routes.contains(expected), "{expected}: {routes}");
    }

    let program = |command: Command| command.get_program().to_str().unwrap().to_owned();
    let (promtool, amtool) = (program(generation.promtool()), program(generation.amtool()));
    let (code, printed) = run(&["rules", "check", to, "--promtool", &promtool, "--amtool", &amtool]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("their tests passed") && printed.contains("alertmanager.yml: read"),
        "{printed}"
    );
    for (labels, receiver) in [
        (["area=health", "severity=info", "person=ann"], "person"),
        (["area=health", "severity=info", "person=bob"], "bob"),
        (["area=service", "severity=critical", "person=\"\""], "operator"),
    ] {
        let mut routes = Command::new(&amtool);
        routes.args(["config", "routes", "test", "--config.file"]);
        let output = finish({
            routes.arg(folder.path().join("alertmanager/alertmanager.yml")).args(labels);
            routes
        });
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), receiver, "{labels:?}");
    }

    // A test that fails is found; these two are short.
    fs::write(folder.path().join("tests/health.yaml"), FAILING).unwrap();
    fs::write(folder.path().join("tests/service.yaml"), "tests: []\n").unwrap();
    let (code, printed) = run(&["rules", "check", to, "--promtool", &promtool, "--amtool", &amtool]);
    assert!(code == Some(1) && printed.contains("test rules failed"), "{printed}");

    // Other thresholds have no tests: the series of the tests are made for the defaults.
    let other = folder.path().join("other");
    let to = other.to_str().unwrap();
    let settings = folder.path().join("settings.yaml");
    fs::write(&settings, "health: {sleep_debt_hours: 10}\n").unwrap();
    let settings = settings.to_str().unwrap();
    let (code, printed) = run(&["rules", "--to", to, "--settings", settings, "--set", "health.readiness=65"]);
    assert_eq!(code, Some(0), "{printed}");
    assert!(!other.join("tests").exists(), "{printed}");
    let health = fs::read_to_string(other.join("health.yaml")).unwrap();
    assert!(health.contains("< 65") && health.contains("> 36000"), "a threshold is missing: {health}");
    let (code, printed) = run(&["rules", "check", to, "--promtool", &promtool, "--amtool", &amtool]);
    assert!(code == Some(0) && printed.contains("for the default thresholds only"), "{printed}");
}

#[test]
fn rules_check_without_promtool_names_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let (code, printed) = run(&["rules", "check", to]);
    assert!(code == Some(64) && printed.contains("`myhealth rules --to"), "{printed}");
    assert_eq!(run(&["rules", "--to", to]).0, Some(0));
    let (code, printed) = run(&["rules", "check", to, "--promtool", "/nowhere/promtool"]);
    assert!(code == Some(1) && printed.contains("install it, or name it with --promtool"), "{printed}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("to");
    let settings = folder.path().join("settings.yaml");
    fs::write(&settings, "health: {sleepy_hours: 7}\n").unwrap();
    for (words, reason) in [
        (&["--sleep-goal", "40h"][..], "1 to 16 hours"),
        (&["--time-zone", "Mars/Olympus"], "no such time zone"),
        (&["--quiet-hours", "25:00-07:00"], "not a time of day"),
        (&["--quiet-hours", "07:00-07:00"], "begin when they end"),
        (&["--receiver", "operator=pigeon"], "slack:#CHANNEL"),
        (&["--receiver", "operator=discord"], "--receiver person=… is missing"),
        (&["--set", "health.redyness=1"], "redyness is not a setting"),
        (&["--set", "health.signs=9"], "outside of 1 to 4"),
        (&["--set", "notifications.time_zone=Mars"], "not a time zone"),
        (&["--settings", "/nowhere.yaml"], "cannot read --settings /nowhere.yaml"),
        (&["--settings", settings.to_str().unwrap()], "sleepy_hours"),
    ] {
        let (code, printed) = run(&[&["rules", "--to", to.to_str().unwrap()], words].concat());
        assert_eq!(code, Some(64), "{words:?}: {printed}");
        assert!(printed.contains(reason), "{words:?}: {printed}");
    }
    assert!(!to.exists());
}

#[test]
fn edited_file_is_kept_without_force() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().to_str().unwrap();
    let routes = folder.path().join("alertmanager/alertmanager.yml");
    assert_eq!(run(&["rules", "--to", to]).0, Some(0));
    fs::write(&routes, "mine").unwrap();
    let (code, printed) = run(&["rules", "--to", to, "--sleep-goal", "8h"]);
    assert_eq!(code, Some(64), "{printed}");
    assert!(printed.contains("alertmanager/alertmanager.yml; nothing was written"), "{printed}");
    assert!(!fs::read_to_string(folder.path().join("health.yaml")).unwrap().contains("28800"));
    assert_eq!(fs::read_to_string(&routes).unwrap(), "mine");
    assert_eq!(run(&["rules", "--to", to, "--sleep-goal", "8h", "--force"]).0, Some(0));
    assert!(fs::read_to_string(folder.path().join("health.yaml")).unwrap().contains("28800"));
}

#[tokio::test]
async fn sleep_goal_of_a_person_is_a_gauge() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert_eq!(run(&["migrate", "--data-dir", data]).0, Some(0));
    let command = |goal: &str| {
        let loopback = ["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"];
        let serve = ["serve", "--roles", "exporter", "--data-dir", data, "--sleep-goal", goal];
        myhealth(&[&serve[..], &loopback].concat())
    };
    let service = Running::start(command("ann=7h30m,bob=8.25"));
    let metrics = format!("http://{}/metrics", service.address("web").await);
    let scrape = until("gauges", async || get(&metrics).await).await;
    for line in [
        "myhealth_sleep_goal_seconds{person=\"ann\"} 27000",
        "myhealth_sleep_goal_seconds{person=\"bob\"} 29700",
    ] {
        assert!(scrape.lines().any(|found| found == line), "{line}: {scrape}");
    }
    let refused = finish(command("Ann=7h"));
    assert_eq!(refused.status.code(), Some(64), "{}", printed(&refused));
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    for (shell, check) in [("bash", Some("bash")), ("zsh", None), ("fish", None)] {
        let output = finish(myhealth(&["completions", shell]));
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("dashboards") && script.contains("web.listen-address"), "{shell}");
        if let Some(program) = check {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), &script).unwrap();
            assert!(
                finish({
                    let mut check = Command::new(program);
                    check.arg("-n").arg(file.path());
                    check
                })
                .status
                .success()
            );
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, printed) = run(&["man", "--to", folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{printed}");
    let pages = texts(folder.path());
    for (page, text) in
        [("myhealth.1", "demo"), ("myhealth-serve.1", "web.listen"), ("myhealth-person-add.1", "time")]
    {
        assert!(pages.get(page).is_some_and(|page| page.contains(text)), "{page}: {:?}", pages.keys());
    }
    assert!(!pages.contains_key("myhealth-reference.1"));
}

#[test]
fn version_names_revision_target_and_features() {
    let (code, printed) = run(&["version"]);
    assert_eq!(code, Some(0));
    for field in ["myhealth ", "\nrevision: ", "\ntarget: ", "\nfeatures: "] {
        assert!(printed.contains(field), "{printed}");
    }
    assert_eq!(run(&["--version"]).1, printed);
    let short = run(&["-V"]).1;
    assert_eq!(short.lines().count(), 1, "{short}");
}

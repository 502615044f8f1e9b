//! Dashboards, rules and notifications as files, with the user's settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use mixin::{Config, Receivers};
use serde_json::Value;

use crate::cli::mixin::{
    DashboardFormat, DashboardsArgs, FolderArgs, NotificationArgs, ReceiverOf, RulesArgs, RulesCommand,
    SettingsArgs, ZoneOf,
};
use crate::config::Invalid;
use crate::folder;

pub(crate) fn dashboards(args: &DashboardsArgs) -> anyhow::Result<ExitCode> {
    let config = checked(config(&args.settings)?)?;
    let files = match args.format {
        DashboardFormat::Grafana => mixin::dashboard_files,
        DashboardFormat::Perses => mixin::perses_files,
    };
    write(&config, &args.settings, &args.to, files)
}

pub(crate) fn rules(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    if let Some(RulesCommand::Check { folder, promtool, amtool }) = &args.command {
        return check(folder, promtool.as_deref(), amtool.as_deref());
    }
    let mut config = config(&args.settings)?;
    notifications(&mut config.notifications, &args.notifications)?;
    write(&checked(config)?, &args.settings, &args.to, mixin::rule_files)
}

fn write(
    config: &Config,
    settings: &SettingsArgs,
    args: &FolderArgs,
    files: fn(&Config) -> Vec<mixin::File>,
) -> anyhow::Result<ExitCode> {
    if settings.print_settings {
        outln!("{}", serde_json::to_string_pretty(config)?);
        return Ok(ExitCode::SUCCESS);
    }
    to_folder(args, &files(config))
}

/// Writes files where the flags say, and reports how many.
pub(super) fn to_folder(args: &FolderArgs, files: &[mixin::File]) -> anyhow::Result<ExitCode> {
    let folder = args.to.as_ref().ok_or_else(|| Invalid::Mixin("name a folder with --to".to_owned()))?;
    let folder::Written { replaced, removed, unchanged } = folder::write(folder, files, args.force)?;
    outln!("{}: {replaced} files written, {removed} removed, {unchanged} unchanged", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// The defaults in this machine's time zone, then the file, then single settings, then flags of their own.
fn config(args: &SettingsArgs) -> Result<Config, Invalid> {
    let mut config = Config::default();
    if let Some(zone) = TimeZone::system().iana_name() {
        zone.clone_into(&mut config.notifications.time_zone);
    }
    if let Some(path) = &args.settings {
        let wrong =
            |error: &dyn std::fmt::Display| Invalid::Mixin(format!("--settings {}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|source| Invalid::Unreadable {
            flag: "--settings",
            path: path.clone(),
            source,
        })?;
        // Once for errors with their places, once for what is there.
        serde_saphyr::from_str::<Config>(&text).map_err(|error| wrong(&error))?;
        let given: Value = serde_saphyr::from_str(&text).map_err(|error| wrong(&error))?;
        let mut all = serde_json::to_value(&config).map_err(|error| wrong(&error))?;
        merge(&mut all, given);
        config = serde_json::from_value(all).map_err(|error| wrong(&error))?;
    }
    for (path, value) in &args.set {
        config = set(&config, path, value)?;
    }
    if let Some(goal) = args.sleep_goal {
        config.health.sleep_hours = goal.hours;
    }
    Ok(config)
}

/// Replaces what `given` has. Receivers are replaced as a whole: they are a choice, not a list of changes.
fn merge(into: &mut Value, given: Value) {
    match (into, given) {
        (Value::Object(into), Value::Object(given)) => {
            for (name, value) in given {
                match into.get_mut(&name) {
                    Some(place) if name != "receivers" => merge(place, value),
                    _ => drop(into.insert(name, value)),
                }
            }
        }
        (into, given) => *into = given,
    }
}

/// The same settings with one of them changed; `path` is its names, joined by dots.
fn set(config: &Config, path: &str, value: &str) -> Result<Config, Invalid> {
    let wrong = |what: String| Invalid::Mixin(format!("--set {path}={value}: {what}"));
    let mut all = serde_json::to_value(config).map_err(|error| wrong(error.to_string()))?;
    let mut place = &mut all;
    for name in path.split('.') {
        let names = match &*place {
            Value::Object(fields) => fields.keys().cloned().collect::<Vec<_>>().join(", "),
            _ => String::new(),
        };
        place = match place.get_mut(name) {
            Some(place) => place,
            None if names.is_empty() => {
                return Err(wrong(format!("{name} is not a setting; --print-settings prints all")));
            }
            None => return Err(wrong(format!("{name} is not a setting; there are {names}"))),
        };
    }
    // What is no JSON is text.
    *place = match place {
        Value::String(_) => Value::String(value.to_owned()),
        _ => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
    };
    serde_json::from_value(all).map_err(|error| wrong(error.to_string()))
}

fn checked(config: Config) -> Result<Config, Invalid> {
    config.check().map_err(|error| Invalid::Mixin(error.to_string()))?;
    let notifications = &config.notifications;
    for zone in notifications.person_time_zones.values().chain([&notifications.time_zone]) {
        TimeZone::get(zone).map_err(|_| {
            Invalid::Mixin(format!("{zone:?} is not a time zone; use an IANA name such as Europe/Paris"))
        })?;
    }
    Ok(config)
}

/// Applies the flags.
fn notifications(into: &mut mixin::Notifications, args: &NotificationArgs) -> Result<(), Invalid> {
    for ZoneOf { person, zone } in &args.time_zone {
        let zone = zone.iana_name().unwrap_or("UTC").to_owned();
        match person {
            Some(person) => drop(into.person_time_zones.insert(person.to_string(), zone)),
            None => into.time_zone = zone,
        }
    }
    if let Some(quiet) = &args.quiet_hours {
        into.quiet_hours.clone_from(&quiet.0);
    }
    if !args.receiver.is_empty() {
        into.receivers = receivers(&args.receiver)?;
    }
    Ok(())
}

/// Exactly the receivers that were named.
fn receivers(named: &[ReceiverOf]) -> Result<Receivers, Invalid> {
    let mut by_name: BTreeMap<&str, _> = BTreeMap::new();
    for ReceiverOf { name, receiver } in named {
        if by_name.insert(name.as_str(), receiver.clone()).is_some() {
            return Err(Invalid::Mixin(format!("--receiver {name} is given twice")));
        }
    }
    let mut required = |name| {
        by_name.remove(name).ok_or_else(|| {
            Invalid::Mixin(format!("--receiver {name}=… is missing; operator and person are needed"))
        })
    };
    let (operator, person) = (required("operator")?, required("person")?);
    Ok(Receivers {
        operator,
        operator_pager: by_name.remove("operator-pager"),
        operator_digest: by_name.remove("operator-digest"),
        person,
        person_digest: by_name.remove("person-digest"),
        people: by_name.into_iter().map(|(name, receiver)| (name.to_owned(), receiver)).collect(),
    })
}

/// Runs the tools of Prometheus and Alertmanager on a folder.
fn check(folder: &Path, promtool: Option<&Path>, amtool: Option<&Path>) -> anyhow::Result<ExitCode> {
    let alertmanager = folder.join("alertmanager/alertmanager.yml");
    let rules = ["health.yaml", "service.yaml"].map(|name| folder.join(name));
    let tests = ["health.yaml", "service.yaml"].map(|name| folder.join("tests").join(name));
    for file in rules.iter().chain([&alertmanager]) {
        if !file.is_file() {
            return Err(Invalid::Mixin(format!(
                "{} is missing; `myhealth rules --to {}` writes it",
                file.display(),
                folder.display()
            ))
            .into());
        }
    }
    let paths = |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    let promtool = promtool.unwrap_or(Path::new("promtool"));
    run(promtool, "--promtool", &["check", "rules"], &paths(&rules))?;
    if tests.iter().all(|test| test.is_file()) {
        run(promtool, "--promtool", &["test", "rules"], &paths(&tests))?;
        outln!("rules: read, and their tests passed");
    } else {
        outln!("rules: read; there are tests for the default thresholds only");
    }
    let given = amtool.is_some();
    match run(amtool.unwrap_or(Path::new("amtool")), "--amtool", &["check-config"], &paths(&[alertmanager])) {
        Err(error) if !given && error.is::<Missing>() => {
            outln!("alertmanager.yml: not checked, there is no amtool on the PATH");
        }
        result => {
            result?;
            outln!("alertmanager.yml: read");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A program that is not there.
#[derive(Debug, thiserror::Error)]
#[error("{program} is not there; install it, or name it with {flag}")]
struct Missing {
    program: String,
    flag: &'static str,
}

fn run(program: &Path, flag: &'static str, words: &[&str], files: &[String]) -> anyhow::Result<()> {
    let output = match Command::new(program).args(words).args(files).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Missing { program: program.display().to_string(), flag }.into());
        }
        output => output.with_context(|| format!("cannot run {}", program.display()))?,
    };
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        bail!(
            "{} {} failed: {}\n{}",
            program.display(),
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&printed).trim_end()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_changes_one_setting_and_names_the_others_on_a_mistake() {
        let config = Config::default();
        assert_eq!(set(&config, "health.readiness", "65").unwrap().health.readiness, 65);
        assert_eq!(set(&config, "runbook", "12").unwrap().runbook, "12");
        let error = |path: &str, value: &str| set(&config, path, value).unwrap_err().to_string();
        assert!(
            error("health.redyness", "65").contains("redyness is not a setting; there are battery_hours")
        );
        assert!(error("health.readiness", "low").contains("--set health.readiness=low: invalid type"));
        assert!(error("health.readiness", "300").contains("300"));
        assert!(error("health.readiness.x", "1").contains("x is not a setting"));
    }

    #[test]
    fn settings_of_a_file_replace_only_what_it_names() {
        let mut all = serde_json::json!({
            "health": {"signs": 3, "readiness": 60},
            "notifications": {"quiet_hours": {"from": "1", "to": "2"}, "receivers": {"operator": 1, "person": 2}},
        });
        merge(
            &mut all,
            serde_json::json!({
                "health": {"readiness": 70},
                "notifications": {"quiet_hours": null, "receivers": {"operator": 3}},
            }),
        );
        assert_eq!(
            all,
            serde_json::json!({
                "health": {"signs": 3, "readiness": 70},
                "notifications": {"quiet_hours": null, "receivers": {"operator": 3}},
            })
        );
    }

    #[test]
    fn receivers_without_operator_or_person_are_refused() {
        let named =
            |texts: &[&str]| receivers(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>());
        let error = named(&["operator=discord"]).unwrap_err().to_string();
        assert!(error.starts_with("--receiver person=… is missing"), "{error}");
        let error = named(&["operator=discord", "operator=pagerduty"]).unwrap_err().to_string();
        assert_eq!(error, "--receiver operator is given twice");
        let all = named(&["operator=discord", "person=discord", "ann=pagerduty"]).unwrap();
        assert!(all.operator_pager.is_none() && all.people.contains_key("ann"));
    }
}

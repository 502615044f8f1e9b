//! Flags of the commands that write files for Grafana, Prometheus and Alertmanager.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use domain::Pseudonym;
use jiff::tz::TimeZone;
use mixin::{QuietHours, Receiver};

use super::time_zone;

#[derive(Clone, Debug, Args)]
pub(crate) struct DashboardsArgs {
    /// What will show them. perses: Dashboard resources for percli, and `PersesDashboard` resources for its operator.
    #[arg(long, value_enum, default_value_t = DashboardFormat::Grafana)]
    pub(crate) format: DashboardFormat,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) to: FolderArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DashboardFormat {
    Grafana,
    Perses,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: Option<RulesCommand>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) notifications: NotificationArgs,
    #[command(flatten)]
    pub(crate) to: FolderArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check files that `rules` wrote: promtool reads the rules and runs their tests, amtool reads the routes.
    Check {
        /// The folder that `rules --to` wrote.
        folder: PathBuf,
        /// Prometheus' promtool. Default: the one on the PATH.
        #[arg(long, value_name = "FILE")]
        promtool: Option<PathBuf>,
        /// Alertmanager's amtool. Default: the one on the PATH; without one, routes are not checked.
        #[arg(long, value_name = "FILE")]
        amtool: Option<PathBuf>,
    },
}

/// Where to write.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct FolderArgs {
    /// The folder; created when missing. All files are written or none.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: Option<PathBuf>,
    /// Replace files that this command did not write, or that were edited since.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What both kinds of files are made of.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsArgs {
    /// Settings that differ from the defaults, in YAML or JSON; --print-settings prints all.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// One setting by its path, for example health.readiness=65; may be repeated. Applied after --settings.
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// Sleep a night should have, for example 7h30m. A person's own goal is --sleep-goal of `serve`.
    #[arg(long, value_name = "DURATION")]
    pub(crate) sleep_goal: Option<SleepGoal>,
    /// Print the settings in force and write nothing.
    #[arg(long, conflicts_with = "to")]
    pub(crate) print_settings: bool,
}

/// Who is notified, and when not.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Notifications")]
pub(crate) struct NotificationArgs {
    /// IANA time zone of quiet hours and digests; PERSON=ZONE for a person in another one; may be repeated.
    /// Default: this machine's.
    #[arg(long, value_name = "[PERSON=]ZONE")]
    pub(crate) time_zone: Vec<ZoneOf>,
    /// When people are not notified, for example 22:30-07:30, or `none`.
    #[arg(long, value_name = "FROM-TO", value_parser = quiet_hours)]
    pub(crate) quiet_hours: Option<Quiet>,
    /// Who is notified how; may be repeated. NAME is operator, operator-pager, operator-digest, person, person-digest or
    /// a person's name; HOW is slack:#CHANNEL, discord, pagerduty, email:ADDRESS or webhook:URL. At least operator and
    /// person; without any, the file has an example of each kind.
    #[arg(long, value_name = "NAME=HOW")]
    pub(crate) receiver: Vec<ReceiverOf>,
}

/// Quiet hours, or that there are none.
#[derive(Clone, Debug)]
pub(crate) struct Quiet(pub(crate) Option<QuietHours>);

/// Hours of sleep, as `7h30m` or `7.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SleepGoal {
    pub(crate) hours: f64,
}

impl SleepGoal {
    pub(crate) fn seconds(self) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "hours of one night")]
        let seconds = (self.hours * 3600.0).round() as i64;
        seconds
    }
}

impl FromStr for SleepGoal {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write hours of sleep such as 7h30m or 7.5, from 1 to 16 hours";
        let seconds = match text.parse::<jiff::SignedDuration>() {
            Ok(duration) => duration.as_secs_f64(),
            Err(_) => text.parse::<f64>().map_err(|_| HOW)? * 3600.0,
        };
        let hours = seconds / 3600.0;
        if (1.0..=16.0).contains(&hours) { Ok(Self { hours }) } else { Err(HOW) }
    }
}

/// A person's goal, as `ann=7h30m`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SleepGoalOf {
    pub(crate) person: Pseudonym,
    pub(crate) goal: SleepGoal,
}

impl FromStr for SleepGoalOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (person, goal) = text.split_once('=').ok_or("write PERSON=DURATION, for example me=7h30m")?;
        let person = person.parse().map_err(|error| format!("{person:?}: {error}"))?;
        Ok(Self { person, goal: goal.parse()? })
    }
}

/// A time zone, of one person or of everyone.
#[derive(Clone, Debug)]
pub(crate) struct ZoneOf {
    pub(crate) person: Option<Pseudonym>,
    pub(crate) zone: TimeZone,
}

impl FromStr for ZoneOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (person, zone) = match text.split_once('=') {
            Some((person, zone)) => {
                (Some(person.parse().map_err(|error| format!("{person:?}: {error}"))?), zone)
            }
            None => (None, text),
        };
        Ok(Self { person, zone: time_zone(zone)? })
    }
}

/// A receiver and who it is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReceiverOf {
    pub(crate) name: Pseudonym,
    pub(crate) receiver: Receiver,
}

impl FromStr for ReceiverOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str =
            "write NAME=HOW; HOW is slack:#CHANNEL, discord, pagerduty, email:ADDRESS or webhook:URL";
        let (name, how) = text.split_once('=').ok_or(HOW)?;
        let name = name.parse().map_err(|error| format!("{name:?}: {error}"))?;
        let receiver = match how.split_once(':') {
            None if how == "discord" => Receiver::Discord {},
            None if how == "pagerduty" => Receiver::Pagerduty {},
            Some(("slack", channel)) if channel.len() > 1 => Receiver::Slack { channel: channel.to_owned() },
            Some(("email", to)) if to.contains('@') => Receiver::Email { to: to.to_owned() },
            Some(("webhook", url)) if url.starts_with("http://") || url.starts_with("https://") => {
                Receiver::Webhook { url: url.to_owned() }
            }
            _ => return Err(HOW.to_owned()),
        };
        Ok(Self { name, receiver })
    }
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    let (path, value) = text.split_once('=').ok_or("write PATH=VALUE, for example health.readiness=65")?;
    Ok((path.to_owned(), value.to_owned()))
}

fn quiet_hours(text: &str) -> Result<Quiet, &'static str> {
    if text == "none" {
        return Ok(Quiet(None));
    }
    let (from, to) = text.split_once('-').ok_or("write FROM-TO such as 22:30-07:30, or none")?;
    Ok(Quiet(Some(QuietHours { from: from.to_owned(), to: to.to_owned() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_goal_is_a_duration_or_hours() {
        for (text, hours) in [("7h30m", 7.5), ("8h", 8.0), ("7.5", 7.5), ("450m", 7.5), ("16", 16.0)] {
            assert_eq!(text.parse(), Ok(SleepGoal { hours }), "{text}");
        }
        for text in ["", "0", "17h", "-8h", "eight", "NaN", "inf"] {
            assert!(text.parse::<SleepGoal>().is_err(), "{text}");
        }
    }

    #[test]
    fn receiver_is_a_name_a_kind_and_a_target() {
        let parsed = |text: &str| text.parse::<ReceiverOf>().map(|of| of.receiver);
        assert_eq!(parsed("person=slack:#sleep"), Ok(Receiver::Slack { channel: "#sleep".to_owned() }));
        assert_eq!(
            parsed("operator=webhook:https://ntfy.example.org/a"),
            Ok(Receiver::Webhook { url: "https://ntfy.example.org/a".to_owned() })
        );
        for text in [
            "operator",
            "operator=smoke",
            "operator=slack",
            "Ann=discord",
            "a=email:ann",
            "a=webhook:ftp://x",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}

//! Alertmanager's configuration: who is notified of what, when, and which alert holds back which.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::config::{Notifications, QuietHours, Receiver, Receivers};
use super::rules::{HEAD, quoted};

const STRING: &str = "BUG: writing to a string";

/// What messages look like, in Go's template language.
const TEMPLATES: &str = include_str!("alertmanager/myhealth.tmpl");

/// What holds back what. The names are those of the alerts.
const INHIBITIONS: &str = include_str!("alertmanager/inhibitions.yaml");

/// The templates of messages.
pub(crate) fn templates() -> String {
    format!("{{{{/*{}*/}}}}\n{TEMPLATES}", HEAD.trim_start_matches('#').replace('\n', " "))
}

/// `alertmanager.yml`.
pub(crate) fn configuration(notifications: &Notifications) -> String {
    let mut text = HEAD.to_owned();
    text.push_str(
        "# Secrets are in files: none is in here. docs/runbook.md explains each alert. For Alertmanager 0.25 or newer.\n\n",
    );
    global(notifications, &mut text);
    text.push_str("\ntemplates: [templates/*.tmpl]\n\n");
    intervals(notifications, &mut text);
    routes(notifications, &mut text);
    text.push('\n');
    text.push_str(INHIBITIONS);
    text.push_str("\nreceivers:\n");
    for (at, (name, receiver)) in notifications.receivers.all().into_iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        write!(
            text,
            "{gap}- name: {}\n{}",
            quoted_if_needed(name),
            settings(name, receiver, &notifications.secrets)
        )
        .expect(STRING);
    }
    text
}

fn global(notifications: &Notifications, text: &mut String) {
    let secrets = &notifications.secrets;
    text.push_str("global:\n  resolve_timeout: 10m\n");
    let receivers = notifications.receivers.all();
    let any = |kind: fn(&Receiver) -> bool| receivers.iter().any(|(_, receiver)| kind(receiver));
    if any(|receiver| matches!(receiver, Receiver::Slack { .. })) {
        writeln!(text, "  slack_api_url_file: {}", path(secrets, "slack-url")).expect(STRING);
    }
    if any(|receiver| matches!(receiver, Receiver::Email { .. })) {
        let mail = &notifications.mail;
        writeln!(text, "  smtp_smarthost: {}", quoted_if_needed(&mail.server)).expect(STRING);
        writeln!(text, "  smtp_from: {}", quoted_if_needed(&mail.from)).expect(STRING);
        if !mail.user.is_empty() {
            writeln!(text, "  smtp_auth_username: {}", quoted_if_needed(&mail.user)).expect(STRING);
            writeln!(text, "  smtp_auth_password_file: {}", path(secrets, "smtp-password")).expect(STRING);
        }
    }
}

/// The times of one clock: night, and all of the week but Sunday evening.
fn intervals(notifications: &Notifications, text: &mut String) {
    text.push_str("time_intervals:\n");
    for clock in clocks(notifications) {
        let zone = quoted_if_needed(clock.zone);
        if let Some(QuietHours { from, to }) = &notifications.quiet_hours {
            let times = if from < to {
                format!("{{start_time: '{from}', end_time: '{to}'}}")
            } else if to == "00:00" {
                format!("{{start_time: '{from}', end_time: '24:00'}}")
            } else {
                format!(
                    "{{start_time: '{from}', end_time: '24:00'}}, {{start_time: '00:00', end_time: '{to}'}}"
                )
            };
            let name = clock.interval("night");
            write!(text, "- name: {name}\n  time_intervals:\n  - times: [{times}]\n    location: {zone}\n")
                .expect(STRING);
        }
        let name = clock.interval("not-on-sunday-evening");
        write!(
            text,
            "- name: {name}\n  time_intervals:\n  - weekdays: ['monday:saturday']\n    location: {zone}\n  - weekdays: ['sunday']\n    \
             times: [{{start_time: '00:00', end_time: '17:00'}}, {{start_time: '19:00', end_time: '24:00'}}]\n    location: {zone}\n"
        )
        .expect(STRING);
    }
}

/// A time zone, and whose it is if not everyone's.
#[derive(Clone, Copy)]
struct Clock<'a> {
    person: Option<&'a str>,
    zone: &'a str,
}

impl Clock<'_> {
    fn interval(self, name: &str) -> String {
        self.person.map_or_else(|| name.to_owned(), |person| format!("{name}-{person}"))
    }
}

/// Everyone's, then those of persons in other zones.
fn clocks(notifications: &Notifications) -> Vec<Clock<'_>> {
    let everyone = Clock { person: None, zone: &notifications.time_zone };
    let own = notifications.person_time_zones.iter();
    let own = own.map(|(person, zone)| Clock { person: Some(person), zone });
    std::iter::once(everyone).chain(own).collect()
}

fn routes(notifications: &Notifications, text: &mut String) {
    let Receivers { operator_pager, operator_digest, person_digest, people, .. } = &notifications.receivers;
    let pager = if operator_pager.is_some() { "operator-pager" } else { "operator" };
    let notes = if operator_digest.is_some() { "operator-digest" } else { "operator" };
    let digest = if person_digest.is_some() { "person-digest" } else { "person" };
    let clocks = clocks(notifications);
    let night = |clock: Clock<'_>| {
        notifications
            .quiet_hours
            .is_some()
            .then(|| format!("mute_time_intervals: [{}]\n", clock.interval("night")))
    };
    text.push_str(
        "\nroute:\n  receiver: operator\n  group_by: [alertname, job]\n  group_wait: 30s\n  group_interval: 5m\n  \
         repeat_interval: 12h\n  routes:\n  # About a person: one message for all that a morning brings, none in quiet hours.\n  \
         - matchers: [area=\"health\"]\n    receiver: person\n    group_by: [person]\n    group_wait: 2m\n    \
         group_interval: 30m\n    repeat_interval: 24h\n",
    );
    let indented =
        |indent: &str, line: Option<String>| line.map(|line| format!("{indent}{line}")).unwrap_or_default();
    text.push_str(&indented("    ", night(clocks[0])));
    text.push_str("    # Times are set on each route: a route does not inherit them.\n    routes:\n");
    let persons: BTreeSet<&String> = people.keys().chain(notifications.person_time_zones.keys()).collect();
    for person in persons {
        let clock = clocks.iter().find(|clock| clock.person == Some(person)).unwrap_or(&clocks[0]);
        let own = people.contains_key(person).then_some(person.as_str());
        let name = quoted_if_needed(own.unwrap_or("person"));
        write!(text, "    - matchers: [person=\"{person}\"]\n      receiver: {name}\n").expect(STRING);
        text.push_str(&indented("      ", night(*clock)));
        text.push_str("      routes:\n");
        by_urgency("      ", &quoted_if_needed(own.unwrap_or(digest)), *clock, text);
    }
    by_urgency("    ", digest, clocks[0], text);
    write!(
        text,
        "  # About the service.\n  - matchers: [severity=\"critical\"]\n    receiver: {pager}\n    group_wait: 10s\n    \
         repeat_interval: 4h\n  - matchers: [severity=\"info\"]\n    receiver: {notes}\n    repeat_interval: 7d\n"
    )
    .expect(STRING);
}

/// What cannot wait for the morning, and what can wait for Sunday.
fn by_urgency(indent: &str, digest: &str, clock: Clock<'_>, text: &mut String) {
    let sunday = clock.interval("not-on-sunday-evening");
    let routes = format!(
        "# Useful for an hour or two before bed, by itself, at any hour.\n- matchers: [alertname=\"OuraRingBatteryLow\"]\n  \
         group_by: [alertname, person]\n  group_wait: 10s\n  repeat_interval: 12h\n# Habits: once a week, in one message.\n\
         - matchers: [severity=\"info\"]\n  receiver: {digest}\n  group_by: [person]\n  repeat_interval: 7d\n  \
         mute_time_intervals: [{sunday}]\n"
    );
    for line in routes.lines() {
        writeln!(text, "{indent}{line}").expect(STRING);
    }
}

/// A receiver's settings.
fn settings(name: &str, receiver: &Receiver, secrets: &str) -> String {
    let title = r#"'{{ template "myhealth.title" . }}'"#;
    let body = r#"'{{ template "myhealth.text" . }}'"#;
    let color = r#"'{{ template "myhealth.color" . }}'"#;
    match receiver {
        Receiver::Slack { channel } => format!(
            "  slack_configs:\n  - channel: {}\n    send_resolved: true\n    title: {title}\n    text: {body}\n    color: {color}\n",
            quoted(channel)
        ),
        // It understands the form of Slack's messages.
        Receiver::Discord {} => format!(
            "  slack_configs:\n  - api_url_file: {}\n    send_resolved: false\n    title: {title}\n    text: {body}\n    color: {color}\n",
            path(secrets, &format!("discord-url-{name}"))
        ),
        Receiver::Pagerduty {} => format!(
            "  pagerduty_configs:\n  - routing_key_file: {}\n    send_resolved: true\n    severity: critical\n    \
             description: {title}\n    details: {{text: {body}}}\n",
            path(secrets, "pagerduty-key")
        ),
        Receiver::Email { to } => format!(
            "  email_configs:\n  - to: {}\n    headers: {{Subject: {title}}}\n    html: '{{{{ template \"myhealth.html\" . }}}}'\n    \
             text: {body}\n",
            quoted_if_needed(to)
        ),
        Receiver::Webhook { url } => format!(
            "  webhook_configs:\n  - url: {}\n    send_resolved: true\n    max_alerts: 20\n    http_config:\n      \
             authorization: {{type: Bearer, credentials_file: {}}}\n",
            quoted_if_needed(url),
            path(secrets, "webhook-token")
        ),
    }
}

fn path(folder: &str, name: &str) -> String {
    quoted_if_needed(&format!("{}/{name}", folder.trim_end_matches('/')))
}

/// A YAML string, bare where it has no character that could mean anything to YAML.
fn quoted_if_needed(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._@+-".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let inner = text.replace("://", "").replace(':', "");
    let colons = !text.ends_with(':') && !text.contains(": ");
    if begins && colons && inner.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn with(change: impl FnOnce(&mut Notifications)) -> String {
        let mut notifications = Notifications::default();
        change(&mut notifications);
        configuration(&notifications)
    }

    #[test]
    fn quiet_hours_past_midnight_are_two_ranges_and_others_one() {
        let times = |from: &str, to: &str| {
            let hours = QuietHours { from: from.to_owned(), to: to.to_owned() };
            let text = with(|notifications| notifications.quiet_hours = Some(hours));
            text.lines().find_map(|line| line.trim_start().strip_prefix("- times: ")).unwrap().to_owned()
        };
        assert_eq!(
            times("22:30", "07:30"),
            "[{start_time: '22:30', end_time: '24:00'}, {start_time: '00:00', end_time: '07:30'}]"
        );
        assert_eq!(times("01:00", "09:00"), "[{start_time: '01:00', end_time: '09:00'}]");
        assert_eq!(times("21:00", "00:00"), "[{start_time: '21:00', end_time: '24:00'}]");
    }

    #[test]
    fn no_quiet_hours_mute_no_route_at_night() {
        let text = with(|notifications| notifications.quiet_hours = None);
        assert!(!text.contains("name: night") && !text.contains("[night"), "{text}");
        assert!(text.contains("mute_time_intervals: [not-on-sunday-evening]"), "{text}");
    }

    #[test]
    fn person_in_another_zone_is_muted_by_their_own_clock() {
        let text = with(|notifications| {
            notifications.person_time_zones = BTreeMap::from([("ann".to_owned(), "Asia/Tokyo".to_owned())]);
        });
        let route = text.split("- matchers: [person=\"ann\"]\n").nth(1).unwrap();
        assert!(
            route.starts_with("      receiver: person\n      mute_time_intervals: [night-ann]\n"),
            "{text}"
        );
        assert!(route.contains("mute_time_intervals: [not-on-sunday-evening-ann]"), "{text}");
        assert!(text.contains("- name: night-ann\n"), "{text}");
        assert_eq!(text.matches("location: Asia/Tokyo").count(), 3);
    }

    #[test]
    fn receiver_that_is_not_configured_is_not_named() {
        let text = with(|notifications| {
            notifications.receivers = Receivers {
                operator: Receiver::Webhook { url: "http://127.0.0.1:8080/a".to_owned() },
                operator_pager: None,
                operator_digest: None,
                person: Receiver::Webhook { url: "http://127.0.0.1:8080/b".to_owned() },
                person_digest: None,
                people: BTreeMap::new(),
            };
        });
        for absent in ["smtp", "slack", "pager", "digest", "alex", "discord"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }

    #[test]
    fn text_with_a_meaning_in_yaml_is_quoted() {
        for (text, written) in [
            ("a.example.org:587", "a.example.org:587"),
            ("http://127.0.0.1:9095/a", "http://127.0.0.1:9095/a"),
            ("http://h/?a=b", "'http://h/?a=b'"),
            ("a: b", "'a: b'"),
            ("#a", "'#a'"),
            ("0x10", "'0x10'"),
            ("it's", "'it''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted_if_needed(text), written);
        }
    }
}

//! Settings of notifications: receivers, their order of fallback, and quiet hours.

use std::collections::BTreeMap;

use domain::Pseudonym;
use serde::{Deserialize, Serialize};

use super::InvalidConfig;

/// Receivers, quiet hours and time zones: the source of Alertmanager's configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// When a person is not notified, on their own clock; `null`: at any time.
    pub quiet_hours: Option<QuietHours>,
    /// IANA time zone of quiet hours and digests.
    pub time_zone: String,
    /// The same of persons in another zone, by pseudonym.
    pub person_time_zones: BTreeMap<String, String>,
    /// Folder of the files that hold the receivers' secrets.
    pub secrets: String,
    /// The server that e-mail is sent by.
    pub mail: Mail,
    /// Where messages go.
    pub receivers: Receivers,
}

/// A part of the day, as `HH:MM`; it may go past midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When they begin.
    pub from: String,
    /// When they end.
    pub to: String,
}

/// The server that e-mail is sent by. Its password is in the file `smtp-password` of the folder of secrets.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// Host and port.
    pub server: String,
    /// The sender's address.
    pub from: String,
    /// The name to log in with; empty: no log-in.
    pub user: String,
}

/// Where messages go. What has no receiver of its own goes to `operator` or `person`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receivers {
    /// About the service.
    pub operator: Receiver,
    /// Critical alerts about the service.
    #[serde(default)]
    pub operator_pager: Option<Receiver>,
    /// Notes about the service, once a week.
    #[serde(default)]
    pub operator_digest: Option<Receiver>,
    /// About people.
    pub person: Receiver,
    /// Notes about habits, once a week.
    #[serde(default)]
    pub person_digest: Option<Receiver>,
    /// About one person only, by pseudonym.
    #[serde(default)]
    pub people: BTreeMap<String, Receiver>,
}

/// A means of notification. Secrets are files; their names follow from the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Receiver {
    /// Slack, or what speaks its language such as Mattermost. Secret: `slack-url`.
    Slack {
        /// The channel, with its `#`.
        channel: String,
    },
    /// Discord. Secret: `discord-url-NAME`, the webhook's address with `/slack` at its end.
    Discord {},
    /// `PagerDuty`'s Events API v2. Secret: `pagerduty-key`.
    Pagerduty {},
    /// E-mail, by the server of `mail`.
    Email {
        /// The recipient's address.
        to: String,
    },
    /// A program that takes a POST of Alertmanager's JSON. Secret: `webhook-token`.
    Webhook {
        /// Its address.
        url: String,
    },
}

/// The names of the receivers that are not a person's.
const ROLES: [&str; 5] = ["operator", "operator-pager", "operator-digest", "person", "person-digest"];

impl Default for Notifications {
    fn default() -> Self {
        Self {
            quiet_hours: Some(QuietHours { from: "22:30".to_owned(), to: "07:30".to_owned() }),
            time_zone: "UTC".to_owned(),
            person_time_zones: BTreeMap::new(),
            secrets: "/etc/alertmanager/secrets".to_owned(),
            mail: Mail::default(),
            receivers: Receivers::default(),
        }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            server: "smtp.example.org:587".to_owned(),
            from: "alertmanager@example.org".to_owned(),
            user: "alertmanager@example.org".to_owned(),
        }
    }
}

impl Default for Receivers {
    /// One of each kind, as an example.
    fn default() -> Self {
        let email = |to: &str| Receiver::Email { to: to.to_owned() };
        Self {
            operator: Receiver::Slack { channel: "#myhealth".to_owned() },
            operator_pager: Some(Receiver::Pagerduty {}),
            operator_digest: Some(email("operator@example.org")),
            person: Receiver::Webhook { url: "http://127.0.0.1:9095/myhealth".to_owned() },
            person_digest: Some(email("people@example.org")),
            people: BTreeMap::from([("alex".to_owned(), Receiver::Discord {})]),
        }
    }
}

impl Notifications {
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        if let Some(QuietHours { from, to }) = &self.quiet_hours {
            for time in [from, to] {
                if !is_time_of_day(time) {
                    return Err(InvalidConfig::TimeOfDay(time.clone()));
                }
            }
            if from == to {
                return Err(InvalidConfig::NoQuietHours);
            }
        }
        check_persons("notifications.person_time_zones", self.person_time_zones.keys())?;
        let people = &self.receivers.people;
        check_persons("notifications.receivers.people", people.keys())?;
        if let Some(person) = people.keys().find(|person| ROLES.contains(&person.as_str())) {
            return Err(InvalidConfig::Reserved(person.clone()));
        }
        let mail = &self.mail;
        let plain = |text: &String| !text.chars().any(char::is_control);
        let receivers = self.receivers.all();
        let targets = receivers.iter().all(|(_, receiver)| receiver.target().is_none_or(plain));
        for (name, plain) in [
            ("notifications.time_zone", plain(&self.time_zone) && self.person_time_zones.values().all(plain)),
            ("notifications.secrets", plain(&self.secrets)),
            ("notifications.mail", [&mail.server, &mail.from, &mail.user].into_iter().all(plain)),
            ("notifications.receivers", targets),
        ] {
            if !plain {
                return Err(InvalidConfig::ControlCharacter(name));
            }
        }
        Ok(())
    }
}

fn check_persons<'a>(
    name: &'static str,
    persons: impl Iterator<Item = &'a String>,
) -> Result<(), InvalidConfig> {
    for person in persons {
        person.parse::<Pseudonym>().map_err(|source| InvalidConfig::Person {
            name,
            person: person.clone(),
            source,
        })?;
    }
    Ok(())
}

fn is_time_of_day(text: &str) -> bool {
    let Some((hour, minute)) = text.split_once(':') else { return false };
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| digits(text));
    matches!((number(hour), number(minute)), (Some(0..=23), Some(0..=59)))
}

impl Receivers {
    /// Every receiver with its name, in the order of the routes.
    pub(crate) fn all(&self) -> Vec<(&str, &Receiver)> {
        let roles = [
            Some(&self.operator),
            self.operator_pager.as_ref(),
            self.operator_digest.as_ref(),
            Some(&self.person),
            self.person_digest.as_ref(),
        ];
        let roles = ROLES.into_iter().zip(roles).filter_map(|(name, receiver)| Some((name, receiver?)));
        let people = self.people.iter().map(|(name, receiver)| (name.as_str(), receiver));
        roles.chain(people).collect()
    }
}

impl Receiver {
    /// What is written into the configuration of it.
    fn target(&self) -> Option<&String> {
        match self {
            Self::Slack { channel: text } | Self::Email { to: text } | Self::Webhook { url: text } => {
                Some(text)
            }
            Self::Discord {} | Self::Pagerduty {} => None,
        }
    }
}

//! The person that flags name: who is stored under the name, and what to do about one that is not known.

use domain::Pseudonym;
use jiff::{Timestamp, tz::TimeZone};
use store::{Person, Store};

use crate::cli::PersonArgs;

/// The person when no name is given.
const DEFAULT_PERSON: &str = "me";

/// The person whose ring is read.
#[derive(Clone, Debug)]
pub(crate) struct PersonSettings {
    pub(crate) name: Pseudonym,
    /// Whether the name was given, so that it may be mistyped.
    pub(crate) named: bool,
    /// IANA name.
    pub(crate) zone: String,
    /// Whether the zone is configured, rather than the machine's: only then a stored person is moved to it.
    pub(crate) zone_configured: bool,
}

impl PersonArgs {
    /// The person, in the configured zone or this machine's (UTC where it has no name).
    pub(crate) fn person(&self) -> PersonSettings {
        let zone = self.time_zone.clone().unwrap_or_else(TimeZone::system);
        let zone = zone.iana_name().unwrap_or("UTC").to_owned();
        let (name, named) = (self.name(), self.person.is_some());
        PersonSettings { name, named, zone, zone_configured: self.time_zone.is_some() }
    }

    /// The name given, or the default.
    pub(crate) fn name(&self) -> Pseudonym {
        let default = || DEFAULT_PERSON.parse().expect("BUG: a plain word is a pseudonym");
        self.person.clone().unwrap_or_else(default)
    }
}

impl PersonSettings {
    /// The stored person, created if new.
    pub(crate) async fn ensure(&self, store: &Store, now: Timestamp) -> Result<Person, store::Error> {
        let person = store.ensure_person(&self.name, &self.zone, now).await?;
        self.moved(store, person).await
    }

    /// The stored person. The first start on an empty database makes the person of the default name; a name that was
    /// given and is not known is a mistake.
    pub(crate) async fn known_or_first(&self, store: &Store, now: Timestamp) -> anyhow::Result<Person> {
        if let Some(person) = store.person(self.name.as_str()).await? {
            return Ok(self.moved(store, person).await?);
        }
        let people = store.people().await?;
        if !self.named && people.is_empty() {
            return Ok(self.ensure(store, now).await?);
        }
        Err(Unknown::new(&self.name, &people).into())
    }

    /// The same for a service, whose name is configuration: on an empty database it is added. Without a name, on a
    /// database of others, there is none.
    pub(crate) async fn of_service(&self, store: &Store, now: Timestamp) -> anyhow::Result<Option<Person>> {
        if let Some(person) = store.person(self.name.as_str()).await? {
            return Ok(Some(self.moved(store, person).await?));
        }
        let people = store.people().await?;
        match (people.is_empty(), self.named) {
            (true, _) => Ok(Some(self.ensure(store, now).await?)),
            (false, true) => Err(Unknown::new(&self.name, &people).into()),
            (false, false) => Ok(None),
        }
    }

    async fn moved(&self, store: &Store, person: Person) -> Result<Person, store::Error> {
        if self.zone_configured && person.time_zone != self.zone {
            store.set_time_zone(person.id, &self.zone).await?;
            return Ok(Person { time_zone: self.zone.clone(), ..person });
        }
        Ok(person)
    }
}

/// A name that no stored person has.
#[derive(Debug, thiserror::Error)]
#[error("no person here is called {name}; {hint}")]
pub(crate) struct Unknown {
    name: Pseudonym,
    hint: String,
}

/// The most names listed in a message.
const NAMES: usize = 5;

impl Unknown {
    pub(crate) fn new(name: &Pseudonym, people: &[Person]) -> Self {
        let hint = match similar(name, people) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("known: {}", listed(people)),
        };
        Self { name: name.clone(), hint: format!("{hint} `myhealth person add {name}` adds this person") }
    }
}

/// The stored name that may have been meant.
pub(crate) fn similar<'a>(name: &Pseudonym, people: &'a [Person]) -> Option<&'a Pseudonym> {
    let likeness = |person: &Person| strsim::jaro_winkler(name.as_str(), person.name.as_str());
    let best = people.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(best) > 0.7).then_some(&best.name)
}

/// Some names, as a message lists them.
pub(crate) fn listed(people: &[Person]) -> String {
    if people.is_empty() {
        return "no persons yet;".to_owned();
    }
    let names: Vec<&str> = people.iter().take(NAMES).map(|person| person.name.as_str()).collect();
    let more = people.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more};", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str) -> Person {
        Person { id: 1, name: name.parse().unwrap(), time_zone: "UTC".to_owned() }
    }

    #[test]
    fn unknown_name_like_a_known_one_is_suggested() {
        let people = ["karl", "ann", "me"].map(person);
        let message = |name: &str| Unknown::new(&name.parse().unwrap(), &people).to_string();
        for (typed, meant) in [("carl", "karl"), ("kral", "karl"), ("anna", "ann"), ("an", "ann")] {
            assert!(message(typed).contains(&format!("did you mean {meant}?")), "{}", message(typed));
        }
        assert_eq!(
            message("zoe"),
            "no person here is called zoe; known: karl, ann, me; `myhealth person add zoe` adds this person"
        );
        assert!(Unknown::new(&"me".parse().unwrap(), &[]).to_string().contains("known: no persons yet;"));
    }
}

//! People: add, list, remove.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::bail;
use domain::{Day, Pseudonym, Window};
use jiff::Timestamp;
use serde::Serialize;
use store::{AuditAction, Person, Store};

use super::audit;
use crate::cli::{PersonArgs, PersonCommand, StoreArgs};
use crate::{Clock, output};

pub(crate) async fn person(command: PersonCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        PersonCommand::Add { name, time_zone, store } => {
            let store = super::open_or_create(&store).await?;
            let known = store.person(name.as_str()).await?;
            let added = PersonArgs { person: Some(name), time_zone }.person().ensure(&store, clock()).await?;
            match known {
                None => {
                    let subject = format!("person {}", added.name);
                    audit::record(&store, clock(), AuditAction::PersonAdd, "person add", subject).await;
                    outln!("{} was added, in the zone {}", added.name, added.time_zone);
                }
                Some(known) if known.time_zone == added.time_zone => {
                    outln!("{} is known already, in the zone {}", added.name, added.time_zone);
                }
                Some(known) => {
                    outln!("{} moved from {} to {}", added.name, known.time_zone, added.time_zone);
                }
            }
            store.close().await;
            Ok(ExitCode::SUCCESS)
        }
        PersonCommand::List(args) => {
            let store = super::open(&args.store).await?;
            list(&store, args.output.json).await?;
            store.close().await;
            Ok(ExitCode::SUCCESS)
        }
        PersonCommand::Remove { name, yes, store } => remove(&name, yes, &store, clock()).await,
    }
}

/// A line of the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    time_zone: String,
    documents: i64,
    newest_day: Option<String>,
    failing: Vec<Failing>,
}

/// A collection whose last attempt failed.
#[derive(Serialize)]
struct Failing {
    collection: &'static str,
    cause: &'static str,
}

async fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let mut people = Vec::new();
    for person in store.people().await? {
        people.push(listed(store, &person).await?);
    }
    if json {
        return Ok(output::print_json(&people)?);
    }
    if people.is_empty() {
        outln!("no persons yet; `myhealth person add NAME` or `myhealth login` adds a person");
        return Ok(());
    }
    outln!("{:<20} {:<24} {:>10} {:>11}  failing", "name", "zone", "documents", "newest day");
    for Listed { name, time_zone, documents, newest_day, failing } in people {
        let failing: Vec<_> =
            failing.iter().map(|Failing { collection, cause }| format!("{collection} ({cause})")).collect();
        let failing = if failing.is_empty() { "nothing".to_owned() } else { failing.join(", ") };
        let newest = newest_day.as_deref().unwrap_or("-");
        outln!("{name:<20} {time_zone:<24} {documents:>10} {newest:>11}  {failing}");
    }
    Ok(())
}

async fn listed(store: &Store, person: &Person) -> anyhow::Result<Listed> {
    let totals = store.totals(person.id).await?;
    let states = store.sync_states(person.id).await?;
    // Profile and ring are of the day on which they were requested.
    let dated = states.iter().filter(|state| state.collection.window() != Window::Whole);
    let newest = dated.filter_map(|state| state.newest_day).max();
    let failing = states.iter().filter_map(|state| {
        Some(Failing { collection: state.collection.name(), cause: state.failure?.word() })
    });
    Ok(Listed {
        name: person.name.to_string(),
        time_zone: person.time_zone.clone(),
        documents: totals.documents,
        newest_day: newest.map(|day: Day| day.to_string()),
        failing: failing.collect(),
    })
}

async fn remove(name: &Pseudonym, yes: bool, store: &StoreArgs, now: Timestamp) -> anyhow::Result<ExitCode> {
    let store = super::open(store).await?;
    let person = super::known(&store, name).await?;
    let totals = store.totals(person.id).await?;
    outln!(
        "{name}: {} documents, {} superseded versions and everything derived from them will be deleted permanently.",
        totals.documents,
        totals.revisions
    );
    outln!("Oura keeps its own copy; backups of this database keep theirs.");
    if !yes && !confirmed(name)? {
        outln!("nothing was removed");
        return Ok(ExitCode::FAILURE);
    }
    store.remove_person(person.id).await?;
    let subject = format!("person {name}");
    audit::record(&store, now, AuditAction::PersonRemove, "person remove", subject).await;
    outln!("{name} was removed");
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Asks for the name on a terminal; a script uses --yes.
pub(super) fn confirmed(name: &Pseudonym) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask on; use --yes to remove without being asked");
    }
    output::print(format_args!("Type the name to go on: "));
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    Ok(typed.trim() == name.as_str())
}

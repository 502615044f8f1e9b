//! Who lives here: add, list, remove.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::bail;
use domain::{Day, Pseudonym, Window};
use jiff::Timestamp;
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
        PersonCommand::List { store } => {
            let store = super::open(&store).await?;
            list(&store).await?;
            store.close().await;
            Ok(ExitCode::SUCCESS)
        }
        PersonCommand::Remove { name, yes, store } => remove(&name, yes, &store, clock()).await,
    }
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let people = store.people().await?;
    if people.is_empty() {
        outln!("no persons yet; `myhealth person add NAME` or `myhealth login` adds a person");
        return Ok(());
    }
    outln!("{:<20} {:<24} {:>10} {:>11}  failing", "name", "zone", "documents", "newest day");
    for person in people {
        outln!("{}", line(store, &person).await?);
    }
    Ok(())
}

async fn line(store: &Store, person: &Person) -> anyhow::Result<String> {
    let totals = store.totals(person.id).await?;
    let states = store.sync_states(person.id).await?;
    // Profile and ring are of the day on which they were asked for.
    let dated = states.iter().filter(|state| state.collection.window() != Window::Whole);
    let newest = dated.filter_map(|state| state.newest_day).max();
    let failing: Vec<String> = states
        .iter()
        .filter_map(|state| Some(format!("{} ({})", state.collection, state.failure?)))
        .collect();
    let failing = if failing.is_empty() { "nothing".to_owned() } else { failing.join(", ") };
    let newest = newest.map_or("-".to_owned(), |day: Day| day.to_string());
    Ok(format!(
        "{:<20} {:<24} {:>10} {newest:>11}  {failing}",
        person.name.as_str(),
        person.time_zone,
        totals.documents
    ))
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

//! Who lives here: add, list, remove.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;
use domain::{Day, Pseudonym, Window};
use store::{Person, Store};

use crate::Clock;
use crate::cli::{PersonArgs, PersonCommand, StoreArgs};

pub(crate) async fn person(command: PersonCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        PersonCommand::Add { name, time_zone, store } => {
            let store = super::open(&store).await?;
            let known = store.person(name.as_str()).await?;
            let added = PersonArgs { person: name, time_zone }.who().ensure(&store, clock()).await?;
            match known {
                None => println!("{} was added, in the zone {}", added.name, added.time_zone),
                Some(known) if known.time_zone == added.time_zone => {
                    println!("{} is known already, in the zone {}", added.name, added.time_zone);
                }
                Some(known) => {
                    println!("{} moved from {} to {}", added.name, known.time_zone, added.time_zone);
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
        PersonCommand::Remove { name, yes, store } => remove(&name, yes, &store).await,
    }
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let people = store.people().await?;
    if people.is_empty() {
        println!("nobody yet; `myhealth person add` or `myhealth sync` adds somebody");
        return Ok(());
    }
    println!("{:<20} {:<24} {:>10} {:>11}  failing", "name", "zone", "documents", "newest day");
    for person in people {
        println!("{}", line(store, &person).await?);
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

async fn remove(name: &Pseudonym, yes: bool, store: &StoreArgs) -> anyhow::Result<ExitCode> {
    let store = super::open(store).await?;
    let Some(person) = store.person(name.as_str()).await? else {
        bail!("nobody here is called {name}; `myhealth person list` says who is");
    };
    let totals = store.totals(person.id).await?;
    println!(
        "{name}: {} documents, {} superseded versions and everything derived from them will be gone for ever.",
        totals.documents, totals.revisions
    );
    println!("Oura keeps its own copy; backups of this database keep theirs.");
    if !yes && !confirmed(name)? {
        println!("nothing was removed");
        return Ok(ExitCode::FAILURE);
    }
    store.remove_person(person.id).await?;
    println!("{name} was removed");
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Whoever removes a life types its name; a script says --yes.
fn confirmed(name: &Pseudonym) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask on; say --yes to remove without being asked");
    }
    print!("Type the name to go on: ");
    std::io::stdout().flush()?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    Ok(typed.trim() == name.as_str())
}

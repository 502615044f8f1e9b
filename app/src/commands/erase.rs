//! A person's erasure, from everything that this program can reach.

use std::process::ExitCode;

use anyhow::Context;
use backup::Repository;
use ingest::oauth::log_out;
use jobs::ResultLocation;
use store::{AuditAction, Store, causes};

use super::audit;
use super::person::confirmed;
use crate::cli::backup::EraseArgs;
use crate::config::Invalid;
use crate::{Clock, database, work};

pub(crate) async fn erase(args: EraseArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let location = args.store.location()?;
    let application = args.login.application()?;
    let keys = if application.is_some() { Some(args.login.keyring(&location)?) } else { None };
    let results = work::results(args.results.as_ref(), None, &location).map_err(Invalid::from)?;
    // Opened before anything is deleted: a wrong name of a place must not be found out afterwards.
    let open = |place| Ok((place, Repository::open(place, database::aws_settings())?));
    let backups = args.backups.iter().map(open).collect::<Result<Vec<_>, backup::Error>>()?;
    let store = super::open(&args.store).await?;
    let name = &args.name;
    let person = super::known(&store, name).await?;
    let totals = store.totals(person.id).await?;
    outln!(
        "{name}: {} documents, {} superseded versions and everything derived from them, log-ins, tokens, accounts and results \
         will be erased permanently. Oura keeps its own copy.",
        totals.documents,
        totals.revisions
    );
    if !args.yes && !confirmed(name)? {
        outln!("nothing was erased");
        return Ok(ExitCode::FAILURE);
    }
    // The database comes last, so that what fails before can be tried again under the same name.
    erase_from(&backups, person.id).await.context("nothing was erased from the database yet")?;
    // The consent needs the tokens that are erased after it.
    let (revoked, had_consent) = log_out(&store, person.id, application.as_ref().zip(keys.as_ref())).await?;
    match (had_consent, application.is_some(), revoked) {
        (false, ..) => {}
        (true, true, Ok(())) => outln!("the consent at Oura is revoked"),
        (true, false, _) => outln!(
            "the consent was not revoked at Oura, because no --oura-client-id is given; remove the application's access in the Oura account"
        ),
        (true, true, Err(error)) => outln!(
            "the consent was not revoked at Oura: {}; remove the application's access in the Oura account",
            causes(&error)
        ),
    }
    // With its jobs, so that no worker writes another result.
    store.remove_person(person.id).await?;
    let subject = format!("person {name}");
    audit::record(&store, clock(), AuditAction::PersonRemove, "erase", subject).await;
    outln!("the database has nothing of {name} any more; gauges of running processes go within a minute");
    if let Some(results) = &results {
        let removed =
            results.remove_person(person.id).await.context("the results of jobs were not erased")?;
        outln!("{removed} results of jobs were removed");
    }
    // One may have been made meanwhile.
    erase_from(&backups, person.id).await?;
    let complete = overwrite(&store).await;
    store.close().await;
    say_rest(name.as_str(), person.id);
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn erase_from(backups: &[(&ResultLocation, Repository)], person: i64) -> anyhow::Result<()> {
    for (place, repository) in backups {
        let erased = repository.erase(person).await.with_context(|| place.to_string())?;
        if erased.backups > 0 {
            outln!(
                "{place}: erased from {} backups, {} objects removed; their manifests keep the name and counts",
                erased.backups,
                erased.objects
            );
        }
    }
    Ok(())
}

/// Leaves no byte of what was deleted in the database's files.
async fn overwrite(store: &Store) -> bool {
    match store.overwrite_deleted().await {
        Ok(true) => outln!(
            "the database's files were written again without what was deleted, and copies from before upgrades removed"
        ),
        Ok(false) => outln!("PostgreSQL reclaims the rows by itself; `vacuum full` of its owner does so now"),
        Err(error) => {
            outln!("deleted bytes are still in the database's files: {}", causes(&error));
            return false;
        }
    }
    true
}

/// What this program cannot reach.
fn say_rest(name: &str, number: i64) {
    outln!("What is elsewhere, and removes it:");
    outln!(
        "  Prometheus (with --web.enable-admin-api):\n    \
         curl -g -X POST 'http://PROMETHEUS:9090/api/v1/admin/tsdb/delete_series?match[]={{person=\"{name}\"}}'\n    \
         curl -X POST http://PROMETHEUS:9090/api/v1/admin/tsdb/clean_tombstones"
    );
    outln!("  backup folders not named with --backups: the person has the number {number} in them");
    outln!("  backup files, exports and reports that were written elsewhere: delete them");
}

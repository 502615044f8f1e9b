//! One function a subcommand: from flags to settings, then the work.

mod account;
mod audit;
mod backup;
mod config;
mod declare;
mod demo;
mod doctor;
mod erase;
mod export;
mod healthcheck;
mod import;
mod login;
mod manual;
mod mixin;
mod oura_account;
mod person;
mod report;
mod rows;
mod status;
mod sync;
mod token;
mod webhook;

use std::process::ExitCode;

use anyhow::Context as _;
use domain::{Collection, Pseudonym};
use store::{Location, Person, Store};

use crate::Clock;
use crate::cli::{Command, Grant, MigrateArgs, PersonArgs, Role, ServeArgs, StoreArgs};
use crate::config::Invalid;
use crate::database::is_there;
use crate::login::Credentials;
use crate::people::Unknown;
use crate::progress;
use crate::serve::{self, Oura, Service};
use crate::shutdown::Ending;

pub(crate) use account::account;
pub(crate) use audit::audit;
pub(crate) use backup::{backup, move_store, restore};
pub(crate) use config::config;
pub(crate) use demo::demo;
pub(crate) use doctor::doctor;
pub(crate) use erase::erase;
pub(crate) use export::export;
pub(crate) use healthcheck::healthcheck;
pub(crate) use import::import;
pub(crate) use login::{login, logout};
pub(crate) use person::person;
pub(crate) use report::report;
pub(crate) use status::status;
pub(crate) use sync::sync;
pub(crate) use token::token;
pub(crate) use webhook::webhook;

/// The commands that need no database, no clock and no network.
pub(crate) fn without_service(command: &Command) -> Option<anyhow::Result<ExitCode>> {
    Some(match command {
        Command::Dashboards(args) => mixin::dashboards(args),
        Command::Rules(args) => mixin::rules(args),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man(args) => manual::man(args),
        Command::Version => Ok(manual::version()),
        Command::Reference => manual::reference(),
        _ => return None,
    })
}

pub(crate) async fn serve(args: ServeArgs, banner: bool, clock: Clock) -> anyhow::Result<ExitCode> {
    let all = [Role::Ingest, Role::Exporter, Role::Api];
    let roles = if args.process.roles.is_empty() { all.to_vec() } else { args.process.roles };
    let location = args.store.location()?;
    let oura = if roles.contains(&Role::Ingest) {
        Some(Oura {
            url: args.oura.oura_url.clone(),
            credentials: Credentials::of(&args.oura, &location)?,
            horizon: args.oura.horizon(),
            interval: args.schedule.interval,
            budget: args.oura.oura_requests_per_minute,
            workers: args.schedule.workers,
        })
    } else {
        None
    };
    let webhook = match &oura {
        Some(oura) => args.webhook.webhook(&args.oura.login.application, &oura.url)?,
        None => None,
    };
    let person = args.person.person();
    let check = args.process.check;
    let replica = args.store.replica(&args.replica)?;
    let servers = |location: &Location| matches!(location, Location::Postgres(_));
    if replica.as_ref().is_some_and(|replica| !servers(replica) || !servers(&location)) {
        return Err(Invalid::ReplicaOfNothing.into());
    }
    let service = Service {
        location,
        replica,
        roles,
        person,
        oura,
        webhook,
        listen: args.listen,
        shard: args.exporter.shard,
        demo: false,
        banner,
        sleep_goals: args.exporter.sleep_goal,
        results: args.jobs.results,
        result_links: args.jobs.result_links,
        backup: Some(args.backup),
        shutdown_delay: args.process.shutdown_delay,
    };
    if check {
        serve::check(&service)?;
        outln!("the configuration is usable");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(exit(serve::run(service, clock).await?))
}

pub(crate) async fn migrate(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let location = args.store.location()?;
    if !args.grant.is_empty() && location.server().is_none() {
        return Err(Invalid::Store(store::Error::NoRoles).into());
    }
    let store = Store::open(&location).await?;
    let pending = store.pending().await?;
    store.migrate().await?;
    match pending.as_slice() {
        [] => outln!("{location} is up to date"),
        pending => outln!("{location}: applied {}", pending.join(", ")),
    }
    for Grant { privileges, role } in &args.grant {
        store.grant(*privileges, role).await.with_context(|| {
            format!("cannot give the role {role} its privileges; the owner of the tables can, and a role that may make roles")
        })?;
        outln!("{location}: {role} has the privileges it needs");
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn rebuild(args: StoreArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let store = open(&args).await?;
    for person in store.people().await? {
        let mut read = 0;
        for &collection in Collection::ALL {
            let bar = progress::days(&format!("{} {collection}", person.name));
            read += store
                .rebuild(&person, collection, clock(), |done, all| progress::set(&bar, done, all))
                .await?;
            bar.finish_and_clear();
        }
        outln!("{}: every number derived again; {read} documents read that had been rejected", person.name);
    }
    let removed = store.delete_unknown_metrics().await?;
    outln!("{removed} values of metrics that no longer exist were removed");
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn openapi() -> anyhow::Result<ExitCode> {
    outln!("{}", api::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

/// Opens a database that is there, and must be migrated already.
async fn open(args: &StoreArgs) -> anyhow::Result<Store> {
    let location = args.location()?;
    if !is_there(&location) {
        return Err(Invalid::NoDatabase(location).into());
    }
    open_at(&location).await
}

/// The same for a command that stores something: the embedded database is made when it is missing.
async fn open_or_create(args: &StoreArgs) -> anyhow::Result<Store> {
    open_at(&args.location()?).await
}

/// The same for a command about a person: a name that was given can only be known in a database that is there.
async fn open_for(args: &StoreArgs, person: &PersonArgs) -> anyhow::Result<Store> {
    if person.person.is_some() { open(args).await } else { open_or_create(args).await }
}

async fn open_at(location: &Location) -> anyhow::Result<Store> {
    let store = Store::open(location).await?;
    serve::check_schema(&store, location).await?;
    Ok(store)
}

/// The person of this name, who must be known.
async fn known(store: &Store, name: &Pseudonym) -> anyhow::Result<Person> {
    match store.person(name.as_str()).await? {
        Some(person) => Ok(person),
        None => Err(Unknown::new(name, &store.people().await?).into()),
    }
}

/// A client of Oura by these flags, and what it needs once the database is open and the person known.
fn client(
    args: &crate::cli::OuraArgs,
    location: &Location,
    metrics: ingest::Metrics,
) -> Result<(ingest::Client, Credentials), Invalid> {
    let credentials = Credentials::of(args, location)?;
    let client = ingest::Client::new(&args.oura_url, credentials.typed(), metrics)?;
    Ok((client.with_budget(args.oura_requests_per_minute), credentials))
}

fn exit(ending: Ending) -> ExitCode {
    match ending {
        Ending::Clean => ExitCode::SUCCESS,
        Ending::Broken => ExitCode::FAILURE,
    }
}

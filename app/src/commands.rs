//! One function a subcommand: from flags to settings, then the work.

mod demo;
mod doctor;
mod export;
mod healthcheck;
mod sync;
mod token;

use std::process::ExitCode;

use anyhow::Context;
use domain::{Collection, Pseudonym};
use store::{Person, Store};

use crate::Clock;
use crate::cli::{Role, ServeArgs, StoreArgs};
use crate::config::Invalid;
use crate::progress;
use crate::serve::{self, Oura, Service};
use crate::shutdown::Ending;

pub(crate) use demo::demo;
pub(crate) use doctor::doctor;
pub(crate) use export::export;
pub(crate) use healthcheck::healthcheck;
pub(crate) use sync::sync;
pub(crate) use token::token;

pub(crate) async fn serve(args: ServeArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let all = [Role::Ingest, Role::Exporter, Role::Api];
    let roles = if args.only.is_empty() { all.to_vec() } else { args.only };
    let location = args.store.location()?;
    let oura = if roles.contains(&Role::Ingest) {
        let token = args.oura.token()?;
        Some(Oura {
            url: args.oura.oura_url.clone(),
            token,
            horizon: args.oura.horizon(),
            interval: args.interval,
        })
    } else {
        None
    };
    let person = args.person.who();
    let service = Service { location, roles, person, oura, listen: args.listen, demo: false };
    Ok(exit(serve::run(service, clock).await?))
}

pub(crate) async fn migrate(args: StoreArgs) -> anyhow::Result<ExitCode> {
    let location = args.location()?;
    let store = Store::open(&location).await?;
    let pending = store.pending().await?;
    store.migrate().await?;
    match pending.as_slice() {
        [] => println!("{location} is up to date"),
        pending => println!("{location}: applied {}", pending.join(", ")),
    }
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn rebuild(args: StoreArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let store = open(&args).await?;
    for person in store.people().await? {
        for &collection in Collection::ALL {
            let bar = progress::days(&format!("{} {collection}", person.name));
            store.rebuild(&person, collection, clock(), |done, all| progress::set(&bar, done, all)).await?;
            bar.finish_and_clear();
        }
        println!("{}: every number derived again", person.name);
    }
    let removed = store.forget_unknown_metrics().await?;
    println!("{removed} values of metrics that no longer exist were removed");
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn openapi() -> anyhow::Result<ExitCode> {
    println!("{}", api::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}

/// Opens a store that must be migrated already.
async fn open(args: &StoreArgs) -> anyhow::Result<Store> {
    let location = args.location()?;
    let store = Store::open(&location).await?;
    serve::check_schema(&store, &location).await?;
    Ok(store)
}

/// The person of this name, who must be known.
async fn person(store: &Store, name: &Pseudonym) -> anyhow::Result<Person> {
    let found = store.person(name.as_str()).await?;
    found.with_context(|| format!("nothing is stored about {name}; `myhealth doctor` shows whom there is"))
}

/// A client of Oura by these flags.
fn client(args: &crate::cli::OuraArgs, metrics: ingest::Metrics) -> Result<ingest::Client, Invalid> {
    Ok(ingest::Client::new(&args.oura_url, args.token()?, metrics)?)
}

fn exit(ending: Ending) -> ExitCode {
    match ending {
        Ending::Clean => ExitCode::SUCCESS,
        Ending::Broken => ExitCode::FAILURE,
    }
}

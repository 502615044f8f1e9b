//! Everything at once against a simulated Oura cloud: what a new user tries first.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ingest::plan::Horizon;
use store::Location;
use tokio::net::TcpListener;

use crate::Clock;
use crate::cli::{DemoArgs, PersonArgs, Role, StoreArgs};
use crate::login::Credentials;
use crate::people::PersonSettings;
use crate::serve::{self, Oura, Service};

/// Opens the simulated cloud; no secret.
const TOKEN: &str = "demo";

/// The synthetic person's day goes on; a new user should see it.
const INTERVAL: Duration = Duration::from_mins(1);

/// How other commands reach the demo's database.
fn reached_by(args: &DemoArgs, location: &Location) -> String {
    let default = StoreArgs { demo: true, home: args.home.clone(), ..StoreArgs::default() };
    match location {
        Location::Sqlite(file)
            if !default.location().is_ok_and(|usual| usual.to_string() == location.to_string()) =>
        {
            let folder = file.parent().unwrap_or(Path::new("."));
            format!("myhealth status --data-dir {}, as person me", folder.display())
        }
        _ => "myhealth status --demo, as person me".to_owned(),
    }
}

pub(crate) async fn demo(args: DemoArgs, banner: bool, clock: Clock) -> anyhow::Result<ExitCode> {
    let location = args.location()?;
    let life = simulator::Life::new(args.seed, args.since.date());
    let zone = life.home.iana_name().unwrap_or("UTC").to_owned();
    let person = simulator::Person::new(life);
    let time = clock.clone();
    let cloud = simulator::Cloud::new(move || time()).with_person(TOKEN, person, simulator::SCOPES);
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot open the simulated cloud")?;
    let address = listener.local_addr()?;
    let router = Arc::new(cloud).router();
    // It ends with the process and stores nothing.
    let simulated = tokio::spawn(async move { axum::serve(listener, router).await });

    let command = reached_by(&args, &location);
    if banner {
        outln!("myhealth demo: a simulated Oura cloud and a synthetic person, no real data");
        outln!("  data      {location}");
        outln!("  commands  {command}");
    } else {
        tracing::info!(%location, command, "demo: a simulated Oura cloud and a synthetic person, no real data");
    }
    let oura = Oura {
        url: format!("http://{address}"),
        credentials: Credentials::fixed(TOKEN.to_owned().into()),
        horizon: Horizon { history_from: args.since, trailing_days: i64::from(domain::TRAILING_DAYS) },
        interval: INTERVAL,
        budget: NonZeroU32::MAX,
        workers: 1,
    };
    let service = Service {
        location,
        replica: None,
        result_links: None,
        roles: vec![Role::Ingest, Role::Exporter, Role::Api],
        person: PersonSettings {
            name: PersonArgs::default().name(),
            named: false,
            zone,
            zone_configured: true,
        },
        oura: Some(oura),
        webhook: None,
        listen: args.listen,
        shard: exporter::Shard::WHOLE,
        demo: true,
        banner,
        sleep_goals: Vec::new(),
        results: None,
        backup: None,
        shutdown_delay: Duration::ZERO,
    };
    let ending = serve::run(service, clock).await;
    simulated.abort();
    Ok(super::exit(ending?))
}

//! Everything at once against a simulated Oura cloud: what a newcomer tries first.

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ingest::plan::Horizon;
use tokio::net::TcpListener;

use crate::Clock;
use crate::cli::{DemoArgs, Role};
use crate::config::PersonSettings;
use crate::login::Credentials;
use crate::serve::{self, Oura, Service};

/// Opens the simulated cloud; no secret.
const TOKEN: &str = "demo";

/// The synthetic person moves on all day; a newcomer should see it.
const INTERVAL: Duration = Duration::from_mins(1);

pub(crate) async fn demo(args: DemoArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let location = args.location()?;
    let life = simulator::Life::new(args.seed, args.since.date());
    let zone = life.home.iana_name().unwrap_or("UTC").to_owned();
    let person = simulator::Person::new(life);
    let time = clock.clone();
    let cloud = simulator::Cloud::new(move || time()).with_person(TOKEN, person, simulator::SCOPES);
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot open the simulated cloud")?;
    let address = listener.local_addr()?;
    let router = Arc::new(cloud).router();
    // It lives and dies with the process: nothing of it needs to be finished.
    let simulated = tokio::spawn(async move { axum::serve(listener, router).await });

    outln!("myhealth demo: a simulated Oura cloud and a synthetic person, no real data");
    outln!("  data      {location}");
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
        roles: vec![Role::Ingest, Role::Exporter, Role::Api],
        person: PersonSettings {
            name: "demo".parse().expect("BUG: a plain word is a pseudonym"),
            named: true,
            zone,
            zone_configured: true,
        },
        oura: Some(oura),
        webhook: None,
        listen: args.listen,
        shard: exporter::Shard::WHOLE,
        demo: true,
        sleep_goals: Vec::new(),
        results: None,
        backup: None,
        shutdown_delay: Duration::ZERO,
    };
    let ending = serve::run(service, clock).await;
    simulated.abort();
    Ok(super::exit(ending?))
}

//! Checks everything that can be wrong, and reports how to fix it.

mod webhooks;
mod work;

use std::process::ExitCode;

use domain::{Cause, Collection, Day, DayRange};
use ingest::{Client, Metrics};
use jiff::tz::TimeZone;
use prometheus_client::registry::Registry;
use serde::Serialize;
use store::{Person, Store, causes};

use crate::Clock;
use crate::cli::DoctorArgs;
use crate::output;
use crate::people::Unknown;

mod log_in;
mod truth;

/// No build of this program is older.
const BUILT_AFTER: &str = "2026-11-01";

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// Good to know, and no fault of this machine.
    Note,
    Wrong,
}

#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    text: String,
    advice: Option<String>,
}

/// What has been found so far; printed at once unless as JSON.
#[derive(Default)]
struct Findings {
    json: bool,
    all: Vec<Finding>,
}

impl Findings {
    fn ok(&mut self, text: &str) {
        self.add(Level::Ok, text, None);
    }

    fn note(&mut self, text: &str, advice: Option<&str>) {
        self.add(Level::Note, text, advice);
    }

    fn wrong(&mut self, text: &str, advice: &str) {
        self.add(Level::Wrong, text, Some(advice));
    }

    fn add(&mut self, level: Level, text: &str, advice: Option<&str>) {
        if !self.json {
            let word = match level {
                Level::Ok => "ok",
                Level::Note => "--",
                Level::Wrong => "WRONG",
            };
            outln!("  {word:<5} {text}");
            if let Some(advice) = advice {
                outln!("        {advice}");
            }
        }
        self.all.push(Finding { level, text: text.to_owned(), advice: advice.map(str::to_owned) });
    }

    /// Prints the end; whether anything is wrong.
    fn finish(self) -> anyhow::Result<bool> {
        let wrong = self.all.iter().filter(|finding| finding.level == Level::Wrong).count();
        match (self.json, wrong) {
            (true, _) => output::print_json(&serde_json::json!({ "wrong": wrong, "findings": self.all }))?,
            (false, 0) => outln!("nothing wrong found"),
            (false, n) => outln!("{n} to fix"),
        }
        Ok(wrong > 0)
    }
}

pub(crate) async fn doctor(args: DoctorArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let mut findings = Findings { json: args.output.json, ..Findings::default() };
    let today = Day::at(clock(), &TimeZone::UTC);
    if today < BUILT_AFTER.parse()? {
        findings.wrong(&format!("the clock says {today}"), "set it; days, expiry and TLS depend on it");
    } else {
        findings.ok(&format!("the clock says {today} (UTC); your zone is {}", args.person.person().zone));
    }
    let store = database(&args, &mut findings).await;
    let person = match &store {
        Some(store) => store.person(args.person.name().as_str()).await?,
        None => None,
    };
    match (&store, &person) {
        (Some(store), Some(person)) => {
            stored(store, person, &mut findings).await?;
            truth::report(store, person, clock(), &mut findings).await?;
            webhooks::queue(store, person, clock(), &mut findings).await?;
            work::report(store, person, clock(), &mut findings).await?;
        }
        (Some(store), None) => {
            let (name, people) = (args.person.name(), store.people().await?);
            if people.is_empty() {
                findings.note(
                    "there are no persons yet",
                    Some("`myhealth login` or `myhealth person add` adds a person"),
                );
            } else {
                let advice = "--person names another one; `myhealth person list` shows all";
                findings.wrong(&Unknown::new(&name, &people).to_string(), advice);
            }
        }
        (None, _) => {}
    }
    if args.store.demo {
        findings.note("Oura is not checked: the simulated one runs inside `myhealth demo`", None);
    } else {
        oura(&args, store.as_ref(), person.as_ref(), &clock, &mut findings).await;
        webhooks::subscriptions(&args, clock(), &mut findings).await;
    }
    if let Some(store) = store {
        store.close().await;
    }
    Ok(if findings.finish()? { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn database(args: &DoctorArgs, findings: &mut Findings) -> Option<Store> {
    let location = match args.store.location() {
        Ok(location) => location,
        Err(error) => {
            findings.wrong(&error.to_string(), "nothing can be stored");
            return None;
        }
    };
    if !crate::database::is_there(&location) {
        findings.wrong(
            &format!("there is no database at {location}"),
            "--data-dir or --database-url names another place; `myhealth serve`, `login` or `sync` makes this one",
        );
        return None;
    }
    let store = match Store::open(&location).await {
        Ok(store) => store,
        Err(error) => {
            findings.wrong(&format!("{location} cannot be opened"), &causes(&error));
            return None;
        }
    };
    match store.pending().await.as_deref() {
        Ok([]) => findings.ok(&format!("{location} is open and its schema is current")),
        Ok(pending) => {
            findings.wrong(&format!("{location} lacks {}", pending.join(", ")), "run `myhealth migrate`");
            return None;
        }
        Err(error) => {
            findings.wrong(&format!("{location} does not answer"), &causes(&error));
            return None;
        }
    }
    Some(store)
}

async fn stored(store: &Store, person: &Person, findings: &mut Findings) -> anyhow::Result<()> {
    let totals = store.totals(person.id).await?;
    findings.ok(&format!(
        "{} documents of {}, {} superseded versions, {} daily numbers",
        totals.documents, person.name, totals.revisions, totals.daily
    ));
    for state in store.sync_states(person.id).await? {
        let read = state.covered.map_or("nothing read yet".to_owned(), |covered| {
            format!("read from {} to {}", covered.first(), covered.last())
        });
        let newest =
            state.newest_day.map_or("no document".to_owned(), |day| format!("newest document {day}"));
        let line = format!("{:<16} {read}; {newest}", state.collection.name());
        match state.failure {
            None => findings.ok(&line),
            Some(cause) => {
                findings.wrong(&format!("{line}; last attempt failed: {cause}"), cause.advice());
            }
        }
    }
    for (collection, reason, count) in store.rejections(person.id).await? {
        let line = format!("{collection:<16} {count} documents rejected: {reason}");
        findings
            .wrong(&line, "they are kept with their bodies; a version that can read them does so by itself");
    }
    Ok(())
}

async fn oura(
    args: &DoctorArgs,
    store: Option<&Store>,
    person: Option<&Person>,
    clock: &Clock,
    findings: &mut Findings,
) {
    let client = match client(args, store, person, clock, findings).await {
        Ok(Some(client)) => client,
        Ok(None) => return,
        Err(error) => {
            findings.wrong("Oura cannot be read", &causes(&*error));
            return;
        }
    };
    if let Some((store, person)) = store.zip(person) {
        account(&client, store, person, findings).await;
    }
    let today = Day::at(clock(), &TimeZone::UTC);
    match client.window(Collection::DailySleep, DayRange::ending(today, 7)).await {
        Ok(window) => findings.ok(&format!(
            "{} answers and accepts the token; {} of the last 7 nights have a score",
            args.oura.oura_url,
            window.documents.len()
        )),
        Err(failure) => findings.wrong(&causes(&failure), failure.cause().advice()),
    }
    client.tokens().finish().await;
}

/// Whether the access token is the person's: another account's reads nothing.
async fn account(client: &Client, store: &Store, person: &Person, findings: &mut Findings) {
    // What fails here is reported where documents are requested.
    let (Ok(Some(known)), Ok(account)) = (store.oura_account(person.id).await, client.oura_user_id().await)
    else {
        return;
    };
    if account != known.id {
        findings.wrong(
            &format!("the access token is another Oura account's than the one stored as {}", person.name),
            Cause::WrongAccount.advice(),
        );
    }
}

/// A client with the log-in or token that opens Oura; `None` when there is neither, which is a finding.
async fn client(
    args: &DoctorArgs,
    store: Option<&Store>,
    person: Option<&Person>,
    clock: &Clock,
    findings: &mut Findings,
) -> anyhow::Result<Option<Client>> {
    let metrics = Metrics::register(&mut Registry::default());
    let (client, credentials) = super::client(&args.oura, &args.store.location()?, metrics.clone())?;
    // Without a database nothing is known about log-ins.
    let credentials = match store {
        Some(store) => credentials.complete(store).await?,
        None => credentials,
    };
    let known = store.zip(person);
    let credential = match known {
        Some((store, person)) => store.oura_grant(person.id).await?,
        None => None,
    };
    if let (Some(_), Some(application)) = (store, credentials.application())
        && (credential.is_some() || !credentials.is_typed())
    {
        log_in::report(credential.as_ref(), application, clock(), findings);
    }
    match known {
        Some((store, person)) if credential.is_some() => {
            let tokens = credentials.tokens(store, person, true, &metrics, clock)?;
            Ok(tokens.map(|tokens| client.with_tokens(tokens)).transpose()?)
        }
        _ => Ok(credentials.is_typed().then_some(client)),
    }
}

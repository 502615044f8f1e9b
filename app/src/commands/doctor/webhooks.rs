//! Whether Oura's webhook events arrive and their documents are fetched.

use ingest::webhook::{Action, Callback, Subscription, Subscriptions, plan};
use jiff::{SignedDuration, Timestamp};
use store::{Person, Store, causes};

use super::Findings;
use crate::cli::DoctorArgs;

/// A document that has waited longer is not merely being fetched.
const STUCK: SignedDuration = SignedDuration::from_mins(15);

/// What waits in the database.
pub(super) async fn queue(
    store: &Store,
    person: &Person,
    now: Timestamp,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let queue = store.event_queue(Some(person.id)).await?;
    match queue.oldest {
        Some(oldest) if now.duration_since(oldest) > STUCK => findings.wrong(
            &format!("{} documents of webhook events wait to be fetched, the first since {oldest}", queue.length),
            "is a process with the ingest role and --webhook.callback-url running? its log says why a fetch fails",
        ),
        Some(_) => findings.ok(&format!("{} documents of webhook events are being fetched", queue.length)),
        None => {}
    }
    Ok(())
}

/// What is subscribed at Oura.
pub(super) async fn subscriptions(args: &DoctorArgs, now: Timestamp, findings: &mut Findings) {
    let callback = match args.webhook.callback() {
        Ok(Some(callback)) => callback,
        Ok(None) => {
            findings.note(
                "no webhooks: new data come with the next sync run",
                Some("docs/webhooks.md explains how to get them within a minute"),
            );
            return;
        }
        Err(error) => {
            findings.wrong(&error.to_string(), "Oura only calls https addresses that the internet reaches");
            return;
        }
    };
    let subscriptions = args
        .oura
        .login
        .application
        .credentials()
        .and_then(|credentials| credentials.ok_or(crate::config::Invalid::NoApplication))
        .and_then(|credentials| Ok(Subscriptions::new(&args.oura.oura_url, credentials)?));
    let subscriptions = match subscriptions {
        Ok(subscriptions) => subscriptions,
        Err(error) => {
            findings.wrong("the subscriptions cannot be read", &causes(&error));
            return;
        }
    };
    match subscriptions.list().await {
        Ok(list) => judge(&list, &callback, now, findings),
        Err(failure) => findings.wrong("the subscriptions cannot be read", &causes(&failure)),
    }
}

fn judge(list: &[Subscription], callback: &Callback, now: Timestamp, findings: &mut Findings) {
    let actions = plan(list, callback, now);
    let missing = actions.iter().filter(|action| matches!(action, Action::Create(..))).count();
    let expiring = actions.iter().filter(|action| matches!(action, Action::Renew(_))).count();
    if missing > 0 {
        findings.wrong(
            &format!("{missing} subscriptions to {callback} are missing at Oura"),
            "start `myhealth serve`, or run `myhealth webhook sync` while it runs, and see what Oura says",
        );
    }
    if expiring > 0 {
        findings.wrong(
            &format!("{expiring} subscriptions end within a week"),
            "`myhealth serve` renews them every hour; run `myhealth webhook sync` to see why it did not",
        );
    }
    if missing == 0 && expiring == 0 {
        findings.ok(&format!("Oura sends every kind of event to {callback}"));
    }
    let elsewhere = list.iter().filter(|subscription| !callback.is(&subscription.callback_url)).count();
    if elsewhere > 0 {
        findings.note(
            &format!("{elsewhere} subscriptions go to other callbacks"),
            Some("`myhealth webhook list` shows them"),
        );
    }
}

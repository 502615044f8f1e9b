//! The subscriptions by hand: look, repair, turn off.

use std::process::ExitCode;

use anyhow::bail;
use ingest::webhook::{Metrics, Subscription, SubscriptionReconciler, Summary, WebhookHealth};
use prometheus_client::registry::Registry;

use crate::Clock;
use crate::cli::webhook::WebhookCommand;
use crate::webhook::callback;

pub(crate) async fn webhook(command: WebhookCommand, clock: Clock) -> anyhow::Result<ExitCode> {
    match command {
        WebhookCommand::List { output, target } => {
            let mut all = target.subscriptions()?.list().await?;
            all.sort_by(|a, b| key(a).cmp(&key(b)));
            if output.json {
                let listed =
                    all.iter().map(|Subscription { id, callback_url, event_type, data_type, expires }| {
                        serde_json::json!({
                            "id": id,
                            "callback_url": callback_url,
                            "event_type": event_type,
                            "data_type": data_type,
                            "expires_at": expires,
                        })
                    });
                crate::output::print_json(&listed.collect::<Vec<_>>())?;
                return Ok(ExitCode::SUCCESS);
            }
            for Subscription { callback_url, event_type, data_type, expires, .. } in &all {
                let expires = expires.map_or("?".to_owned(), |at| at.to_string());
                outln!("{data_type:<26} {event_type:<8} {expires:<28} {callback_url}");
            }
            outln!("{} subscriptions", all.len());
        }
        WebhookCommand::Sync { target, webhook } => {
            let subscriptions = target.subscriptions()?;
            let Some(callback) = callback(&webhook.callback_url)? else {
                bail!(crate::config::Invalid::NoCallback);
            };
            let metrics = Metrics::register(&mut Registry::default());
            let keeper = SubscriptionReconciler::new(
                subscriptions,
                callback,
                WebhookHealth::default(),
                metrics,
                clock,
            );
            let Summary { created, renewed, deleted } = keeper.reconcile().await?;
            outln!("{created} made, {renewed} renewed, {deleted} removed; every kind of news is subscribed");
        }
        WebhookCommand::Delete { target, callback_url, all } => {
            let subscriptions = target.subscriptions()?;
            let ours = callback(callback_url.as_deref().unwrap_or_default())?.filter(|_| !all);
            if ours.is_none() && !all {
                bail!(crate::config::Invalid::NoCallback);
            }
            let mut ended = 0;
            for subscription in subscriptions.list().await? {
                if ours.as_ref().is_none_or(|callback| callback.is(&subscription.callback_url)) {
                    subscriptions.delete(&subscription.id).await?;
                    ended += 1;
                }
            }
            outln!("{ended} subscriptions ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn key(subscription: &Subscription) -> (&str, &str, &str) {
    (&subscription.callback_url, &subscription.data_type, &subscription.event_type)
}

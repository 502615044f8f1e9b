//! Flags of the webhooks.

use std::time::Duration;

use clap::{Args, Subcommand};
use listener::Address;

use super::{ApplicationArgs, JsonArgs};

/// Changes from Oura within a minute.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Webhooks")]
pub(crate) struct WebhookArgs {
    /// The https address at which the internet reaches --webhook.listen-address, for example
    /// <https://health.example.org/oura>. Without it there are no webhooks and nothing listens.
    #[arg(long = "webhook.callback-url", env = "MYHEALTH_WEBHOOK_CALLBACK_URL", value_name = "URL")]
    pub(crate) callback_url: Option<String>,
    /// Where webhook events are received; a proxy or tunnel brings them here. Nothing else answers at this address.
    #[arg(
        long = "webhook.listen-address",
        env = "MYHEALTH_WEBHOOK_LISTEN_ADDRESS",
        default_value = "127.0.0.1:9874"
    )]
    pub(crate) listen: Address,
    /// How far a signature's time may be from this machine's clock.
    #[arg(
        long = "webhook.replay-window",
        env = "MYHEALTH_WEBHOOK_REPLAY_WINDOW",
        default_value = "5m",
        value_name = "DURATION",
        value_parser = super::interval
    )]
    pub(crate) replay_window: Duration,
    /// From one sync run to the next while every subscription is active. Default: --interval. Oura sends no webhook
    /// events for heart rate and battery, so these are updated as rarely.
    #[arg(
        long = "webhook.poll-interval",
        env = "MYHEALTH_WEBHOOK_POLL_INTERVAL",
        value_name = "DURATION",
        value_parser = super::interval
    )]
    pub(crate) poll_interval: Option<Duration>,
}

/// Manage the subscriptions by which Oura sends webhook events. `serve` does this by itself; these commands are for
/// looking, repairing and turning off.
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// List the application's subscriptions: which event, where, and until when.
    List {
        #[command(flatten)]
        output: JsonArgs,
        #[command(flatten)]
        target: SubscriptionArgs,
    },
    /// Make what is missing, renew what ends within a week, remove what is double. The receiver must be running: Oura
    /// sends the callback a request before it accepts it.
    Sync {
        #[command(flatten)]
        target: SubscriptionArgs,
        #[command(flatten)]
        webhook: CallbackArgs,
    },
    /// End the subscriptions of a callback. Start `serve` without --webhook.callback-url, or it makes them again.
    Delete {
        #[command(flatten)]
        target: SubscriptionArgs,
        /// Those of this callback.
        #[arg(long = "webhook.callback-url", env = "MYHEALTH_WEBHOOK_CALLBACK_URL", value_name = "URL")]
        callback_url: Option<String>,
        /// Those of every callback of the application, whichever is named.
        #[arg(long)]
        all: bool,
    },
}

/// Whose subscriptions.
#[derive(Clone, Debug, Args)]
pub(crate) struct SubscriptionArgs {
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    /// Address of the API.
    #[arg(long, env = "MYHEALTH_OURA_URL", default_value = "https://api.ouraring.com")]
    pub(crate) oura_url: String,
}

/// Which callback.
#[derive(Clone, Debug, Args)]
pub(crate) struct CallbackArgs {
    /// The https address at which the internet reaches the receiver.
    #[arg(long = "webhook.callback-url", env = "MYHEALTH_WEBHOOK_CALLBACK_URL", value_name = "URL")]
    pub(crate) callback_url: String,
}

//! From flags to settings of the webhooks. Nothing is opened or bound here.

use std::time::Duration;

use ingest::webhook::{Callback, Credentials, Settings, Subscriptions};
use jiff::SignedDuration;
use listener::Address;

use crate::cli::ApplicationArgs;
use crate::cli::webhook::{SubscriptionArgs, WebhookArgs};
use crate::config::{CLIENT_ID, CLIENT_SECRET, Invalid, read_secret};

/// What a process needs to receive webhook events.
pub(crate) struct Webhook {
    pub(crate) settings: Settings,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) listen: Address,
    /// From one sync run to the next while all is well, where it differs from the usual interval.
    pub(crate) poll_interval: Option<Duration>,
}

impl ApplicationArgs {
    /// Who the application is; `None` when it is not configured. Compose files and charts write an unset variable as an
    /// empty one.
    pub(crate) fn credentials(&self) -> Result<Option<Credentials>, Invalid> {
        let given = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let secret = match (given(&self.secret), &self.secret_file) {
            (Some(secret), _) => Some(secret),
            (None, Some(path)) => Some(read_secret("--oura-client-secret-file", path)?),
            (None, None) => None,
        };
        match (given(&self.id), secret) {
            (Some(id), Some(secret)) => Ok(Some(Credentials { id, secret: secret.into() })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(Invalid::HalfAnApplication { missing: CLIENT_SECRET }),
            (None, Some(_)) => Err(Invalid::HalfAnApplication { missing: CLIENT_ID }),
        }
    }
}

impl SubscriptionArgs {
    /// The application's subscriptions at Oura.
    pub(crate) fn subscriptions(&self) -> Result<Subscriptions, Invalid> {
        let credentials = self.application.credentials()?.ok_or(Invalid::NoApplication)?;
        Ok(Subscriptions::new(&self.oura_url, credentials)?)
    }
}

impl WebhookArgs {
    /// The callback; `None` means no webhooks.
    pub(crate) fn callback(&self) -> Result<Option<Callback>, Invalid> {
        callback(self.callback_url.as_deref().unwrap_or_default())
    }

    /// What `serve` needs; `None` means no webhooks.
    pub(crate) fn webhook(
        &self,
        application: &ApplicationArgs,
        oura_url: &str,
    ) -> Result<Option<Webhook>, Invalid> {
        let Some(callback) = self.callback()? else { return Ok(None) };
        let credentials = application.credentials()?.ok_or(Invalid::NoApplication)?;
        let subscriptions = Subscriptions::new(oura_url, credentials.clone())?;
        let replay_window = SignedDuration::try_from(self.replay_window).unwrap_or(SignedDuration::MAX);
        let settings = Settings { credentials, callback, replay_window };
        Ok(Some(Webhook {
            settings,
            subscriptions,
            listen: self.listen.clone(),
            poll_interval: self.poll_interval,
        }))
    }
}

/// A callback's address; an empty one is none.
pub(crate) fn callback(text: &str) -> Result<Option<Callback>, Invalid> {
    match text.trim() {
        "" => Ok(None),
        text => Ok(Some(text.parse()?)),
    }
}

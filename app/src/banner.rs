//! What a service logs, prints and warns about when it starts: where it listens, and who can read it there.

use std::net::SocketAddr;

use listener::WebConfig;
use tokio::net::TcpListener;

use crate::build;
use crate::cli::Role;
use crate::serve::{ListenerRules, Service};
use crate::webhook::Webhook;

/// Warns about gauges, which are health data, that every client of a network address can read.
pub(crate) fn warn_about_open_gauges(sockets: &[TcpListener], service: &Service, rules: &ListenerRules) {
    let rules = rules.web.rules();
    let serves_gauges = service.roles.contains(&Role::Exporter) && !service.demo;
    let certified = rules.tls.as_ref().is_some_and(listener::Tls::requires_client_certificates);
    if !serves_gauges || rules.requires_password() || certified {
        return;
    }
    for address in sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
        if !address.ip().is_loopback() {
            tracing::warn!(
                %address,
                "gauges are served on a network address without a password; set users in --web.config.file"
            );
        }
    }
}

/// Where the listeners are, as addresses that a browser on this machine can open.
pub(crate) struct Addresses {
    web: Vec<String>,
    /// Empty where the API has no listener of its own.
    api: Vec<String>,
    webhooks: Vec<String>,
}

impl Addresses {
    pub(crate) fn of(
        web: &[TcpListener],
        api: &[TcpListener],
        webhooks: Option<&(Vec<TcpListener>, Webhook)>,
        rules: &ListenerRules,
    ) -> std::io::Result<Self> {
        let of = |sockets: &[TcpListener], encrypted: bool| {
            let scheme = if encrypted { "https" } else { "http" };
            let address = |socket: &TcpListener| Ok(format!("{scheme}://{}", openable(socket.local_addr()?)));
            sockets.iter().map(address).collect::<std::io::Result<Vec<_>>>()
        };
        let encrypted = |web: &WebConfig| web.rules().tls.is_some();
        Ok(Self {
            web: of(web, encrypted(&rules.web))?,
            api: of(api, encrypted(&rules.api))?,
            webhooks: webhooks.map_or(Ok(Vec::new()), |(sockets, _)| of(sockets, false))?,
        })
    }

    /// The one line in the log about a start.
    pub(crate) fn log(&self, service: &Service) {
        let roles: Vec<&str> = service.roles.iter().map(|role| role.name()).collect();
        let list = |addresses: &[String]| (!addresses.is_empty()).then(|| addresses.join(","));
        tracing::info!(
            version = build::VERSION,
            revision = build::REVISION,
            roles = %roles.join(","),
            database = service.location.kind(),
            web = list(&self.web).as_ref().map(tracing::field::display),
            api = list(&self.api).as_ref().map(tracing::field::display),
            webhooks = list(&self.webhooks).as_ref().map(tracing::field::display),
            "started"
        );
    }

    /// Prints where to look.
    pub(crate) fn print(&self, service: &Service) {
        let Some(web) = self.web.first() else { return };
        let gauges = format!("{web}{}", service.listen.telemetry_path);
        outln!("  page      {web}/");
        outln!("  gauges    {gauges}");
        outln!("  ready     {web}/-/ready");
        if let Some(api) = self.api.first() {
            outln!("  api       {api}/api/v1/health");
            outln!("  api docs  {api}/api/docs");
        }
        if let Some(webhooks) = self.webhooks.first() {
            outln!("  webhooks  {webhooks}/");
        }
        if service.demo {
            outln!("Try:");
            outln!("  curl -s {gauges} | grep oura_sleep_score");
            if let Some(api) = self.api.first() {
                outln!(
                    "  curl -s '{api}/api/v1/trends/sleep_average_hrv?from=2020-01-01&to=2026-01-01&bucket=month'"
                );
            }
            outln!("Stop with Ctrl-C. The next start goes on where this one ended.");
        }
    }
}

/// A listener on every interface is reached here by the machine's own name.
fn openable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

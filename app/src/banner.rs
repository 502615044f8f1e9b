//! What a service prints and warns about when it starts: where it listens, and who can read it there.

use std::net::SocketAddr;

use listener::WebConfig;
use tokio::net::TcpListener;

use crate::cli::Role;
use crate::serve::{ListenerRules, Service};

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

/// An address that a browser can open: a listener on every interface is reached here by the machine's own name.
fn openable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Prints where to look; the only thing a service prints besides its log.
pub(crate) fn print_addresses(
    web: SocketAddr,
    api: Option<SocketAddr>,
    service: &Service,
    rules: &ListenerRules,
) {
    let scheme = |web: &WebConfig| if web.rules().tls.is_some() { "https" } else { "http" };
    let web = format!("{}://{}", scheme(&rules.web), openable(web));
    let api = api.map(|api| format!("{}://{}", scheme(&rules.api), openable(api)));
    let gauges = format!("{web}{}", service.listen.telemetry_path);
    outln!("  page      {web}/");
    outln!("  gauges    {gauges}");
    outln!("  ready     {web}/-/ready");
    if let Some(api) = &api {
        outln!("  api       {api}/api/v1/health");
        outln!("  api docs  {api}/api/docs");
    }
    if service.demo {
        outln!("Try:");
        outln!("  curl -s {gauges} | grep oura_sleep_score");
        if let Some(api) = &api {
            outln!(
                "  curl -s '{api}/api/v1/trends/sleep_average_hrv?from=2020-01-01&to=2026-01-01&bucket=month'"
            );
        }
        outln!("Stop with Ctrl-C. The next start goes on where this one ended.");
    }
}

//! Flags of the listeners.

use std::path::PathBuf;

use clap::Args;
use listener::Address;

use super::GuardArgs;

/// Where the process listens.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Listeners")]
pub(crate) struct ListenArgs {
    /// Gauges, probes and the page; may be repeated; `:9872` means every interface. Loopback by default:
    /// these are health data.
    #[arg(
        long = "web.listen-address",
        env = "MYHEALTH_WEB_LISTEN_ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:9872"
    )]
    pub(crate) web: Vec<Address>,
    /// Take the sockets of gauges, probes and the page from systemd instead.
    #[arg(long = "web.systemd-socket", env = "MYHEALTH_WEB_SYSTEMD_SOCKET")]
    pub(crate) web_systemd: bool,
    /// Path of the gauges.
    #[arg(
        long = "web.telemetry-path",
        env = "MYHEALTH_WEB_TELEMETRY_PATH",
        default_value = "/metrics",
        value_parser = telemetry_path
    )]
    pub(crate) telemetry_path: String,
    /// TLS, passwords and headers of gauges, probes and the page: the file that Prometheus exporters share. It is read
    /// again when it changes, on SIGHUP and on POST /-/reload.
    #[arg(long = "web.config.file", env = "MYHEALTH_WEB_CONFIG_FILE", value_name = "FILE")]
    pub(crate) web_config: Option<PathBuf>,
    /// The API and its documentation; may be repeated.
    #[arg(
        long = "api.listen-address",
        env = "MYHEALTH_API_LISTEN_ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:8872"
    )]
    pub(crate) api: Vec<Address>,
    /// TLS, passwords and headers of the API, in the same format; also people, accounts and tokens that are declared
    /// instead of made by hand (docs/api.md). Read again like the other one.
    #[arg(long = "api.config.file", env = "MYHEALTH_API_CONFIG_FILE", value_name = "FILE")]
    pub(crate) api_config: Option<PathBuf>,
    /// Serve this process's own metrics at /metrics of the API's address too, to credentials that open any data; the gauges stay
    /// with the other address.
    #[arg(long = "api.metrics", env = "MYHEALTH_API_METRICS")]
    pub(crate) api_metrics: bool,
    /// Serve the API without a token on any address: where a proxy or a network guards it.
    #[arg(long = "api.allow-anonymous", env = "MYHEALTH_API_ALLOW_ANONYMOUS")]
    pub(crate) allow_anonymous: bool,
    /// A public host name that clients may use, for example the one of a proxy in front; may be repeated. Addresses and
    /// private names (localhost, *.local, *.svc …) are always allowed.
    #[arg(
        long = "web.allowed-hosts",
        alias = "web.host",
        env = "MYHEALTH_WEB_ALLOWED_HOSTS",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub(crate) allowed_hosts: Vec<String>,
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
}

/// Paths that other routes have are refused, rather than one of the two hidden.
fn telemetry_path(path: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    let taken = path.starts_with("/-/")
        || path.starts_with("/api/")
        || path.starts_with("/.well-known/")
        || listener::PROBES.contains(&path)
        || ["/probe", crate::runbook::PATH].contains(&path)
        || path.len() < 2;
    if path.starts_with('/') && !taken && !path.contains("//") && path.bytes().all(plain) {
        Ok(path.to_owned())
    } else {
        Err("write a path such as /metrics that nothing else here has".to_owned())
    }
}

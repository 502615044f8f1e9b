//! Logs and traces, set up once. Neither ever carries a health value, a token or a raw body.

use std::io::IsTerminal;
use std::sync::OnceLock;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::{LogArgs, LogFormat, UnknownVariable, unknown_variables};
use crate::config::Invalid;

/// Libraries whose notes on each statement are of no use below these levels. A filter may name them.
const NOISE: &str = "sqlx=warn,opentelemetry=warn";

/// The filter of -v: what is ours, without each connection and frame.
const VERBOSE: &str = "debug,h2=info,hyper=info,hyper_util=info,reqwest=info,rustls=info,tower=info";

/// The filter that -q, -v or --log.level asks for.
fn level(args: &LogArgs) -> &str {
    match (args.quiet, args.verbose) {
        (true, _) => "warn",
        (false, 0) => &args.log_level,
        (false, 1) => VERBOSE,
        (false, _) => "trace",
    }
}

/// Warns about variables that look like settings and that nothing reads.
pub(crate) fn warn_about_unknown_variables() {
    for UnknownVariable { name, meant } in unknown_variables() {
        tracing::warn!(
            variable = name,
            did_you_mean = meant,
            "unknown environment variable; it has no effect"
        );
    }
}

static JSON: OnceLock<()> = OnceLock::new();

/// Whether messages are lines of JSON.
pub(crate) fn is_json() -> bool {
    JSON.get().is_some()
}

/// Flushes what has not been sent when it is dropped, on the way of errors too.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Must run outside the async runtime: the exporter owns a blocking HTTP client.
    pub(crate) fn start(args: &LogArgs) -> Result<Self, Invalid> {
        let wrong = |reason: String| Invalid::Logs(reason);
        let filter = EnvFilter::builder()
            .parse(format!("{NOISE},{}", level(args)))
            .map_err(|error| wrong(format!("--log.level: {error}")))?;
        let colours = std::io::stderr().is_terminal();
        // A log that cannot be written must not end the process that writes it.
        let logs = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(colours)
            .log_internal_errors(false);
        let logs = match args.log_format {
            LogFormat::Compact => logs.compact().with_target(false).boxed(),
            LogFormat::Json => {
                let _ = JSON.set(());
                // A panic would otherwise be the one message that a collector cannot parse.
                std::panic::set_hook(Box::new(|panic| {
                    let place = panic.location().map(ToString::to_string);
                    tracing::error!(place, "BUG: a task panicked");
                }));
                logs.json().flatten_event(true).boxed()
            }
        };
        let provider = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()).map(provider);
        let provider = provider.transpose().map_err(|reason| wrong(format!("--otlp.endpoint: {reason}")))?;
        let traces = provider
            .as_ref()
            .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("myhealth")));
        tracing_subscriber::registry().with(filter).with(logs).with(traces).init();
        Ok(Self(provider))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, String> {
    // The variable names the collector; the signal's path is ours to add.
    let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/').trim_end_matches("/v1/traces"));
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err("an http(s) address is needed, for example http://127.0.0.1:4318".into());
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| error.to_string())?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build())
}

/// What all spans say of this process; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first.
fn resource() -> Resource {
    let detected = Resource::builder().build();
    let says = |key: &'static str| detected.get(&Key::from_static_str(key));
    let mut resource = Resource::builder();
    if says("service.name").is_none_or(|name| name.as_str().starts_with("unknown_service")) {
        resource = resource.with_service_name("myhealth");
    }
    if says("service.version").is_none() {
        resource = resource.with_attribute(KeyValue::new("service.version", crate::build::VERSION));
    }
    resource.build()
}

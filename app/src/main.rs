//! The one binary. `main` is a table of subcommands; only this crate reads flags, environment, clock and signals.

#[macro_use]
mod output;

mod backups;
mod banner;
mod build;
mod cli;
mod commands;
mod config;
mod database;
mod declared;
mod file;
mod folder;
mod goals;
mod health;
mod hosts;
mod login;
mod people;
mod probes;
mod progress;
mod requests;
mod runbook;
mod serve;
mod shutdown;
mod telemetry;
mod web;
mod webhook;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::settings::Mistake;
use crate::cli::{Command, Invocation};
use crate::config::Invalid;
use crate::telemetry::Telemetry;

/// The allocator of static builds: docs/adr/0022 has the measurements.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reads the wall clock; the only one, passed to everything that needs the time.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Wrong configuration, as sysexits.h calls it.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let invocation = match Invocation::from_environment() {
        Ok(invocation) => invocation,
        Err(Mistake::Arguments(error)) => {
            // --help and --version arrive here too and are no mistakes.
            let code = if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            drop(error.print());
            return code;
        }
        Err(mistake) => {
            errln!("error: {mistake}");
            return ExitCode::from(USAGE);
        }
    };
    let code = match run(invocation) {
        Ok(code) => code,
        Err(error) if error.is::<file::ReaderGone>() => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            let invalid = error.downcast_ref::<Invalid>().is_some();
            let invalid = invalid || error.is::<folder::NotOurs>();
            let folder = matches!(error.downcast_ref(), Some(store::Error::Directory { .. }));
            if invalid || folder { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    };
    if let Err(error) = output::finish() {
        errln!("error: cannot write standard output: {error}");
        return ExitCode::FAILURE;
    }
    code
}

/// Prints why a command failed; as the last line of the log where the log is JSON.
fn report(error: &anyhow::Error) {
    let causes = store::causes(&**error);
    if telemetry::is_json() {
        tracing::error!(error = causes, "stopped");
    } else {
        errln!("error: {causes}");
    }
}

fn run(Invocation { cli, settings }: Invocation) -> anyhow::Result<ExitCode> {
    if let Command::Healthcheck(args) = &cli.command {
        // Before anything else is set up: an image without a shell runs this every few seconds.
        return commands::healthcheck(args);
    }
    if let Some(result) = commands::without_service(&cli.command) {
        return result;
    }
    // The one TLS provider of the process; the first to be installed stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let clock: Clock = Arc::new(Timestamp::now);
    let _telemetry = Telemetry::start(&cli.log)?;
    let banner = cli.log.prints_banner();
    telemetry::warn_about_unknown_variables();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => Box::pin(commands::serve(*args, banner, clock)).await,
            Command::Demo(args) => commands::demo(args, banner, clock).await,
            Command::Login(args) => commands::login(args, clock).await,
            Command::Logout(args) => commands::logout(args).await,
            Command::Sync(args) => commands::sync(args, clock).await,
            Command::Status(args) => commands::status(args, clock).await,
            Command::Config(command) => commands::config(&command, &settings),
            Command::Person(command) => commands::person(command, clock).await,
            Command::Import(args) => commands::import(args, clock).await,
            Command::Migrate(args) => commands::migrate(args).await,
            Command::Backup(args) => commands::backup(args, clock).await,
            Command::Restore(args) => commands::restore(args, clock).await,
            Command::Move(args) => commands::move_store(args, clock).await,
            Command::Erase(args) => commands::erase(args, clock).await,
            Command::Rebuild(args) => commands::rebuild(args, clock).await,
            Command::Webhook(command) => commands::webhook(command, clock).await,
            Command::Doctor(args) => commands::doctor(args, clock).await,
            Command::Token(command) => commands::token(command, clock).await,
            Command::Account(command) => commands::account(command, clock).await,
            Command::Audit(args) => commands::audit(args, clock).await,
            Command::Report(args) => commands::report(args, clock).await,
            Command::Export(command) => commands::export(command, clock).await,
            Command::Openapi => commands::openapi(),
            Command::Healthcheck(_)
            | Command::Dashboards(_)
            | Command::Rules(_)
            | Command::Completions { .. }
            | Command::Man(_)
            | Command::Version
            | Command::Reference => unreachable!("run above"),
        }
    });
    // What still runs was cancelled; a name look-up that hangs must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

//! The OpenAPI document against the running service: schemathesis sends requests that it allows and that it forbids.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::Running;
use crate::{python, run};

/// Hold the running service to its OpenAPI document: schemathesis, with and without a token
///
/// Every check but one, `use_after_free`: a job that runs while it is deleted can be read until it has stopped.
/// The binary serves the demo's data, closed by a token. The default takes some minutes; for the long run say
/// `--cases 2000` (more than 20,000 requests) and `--lint`, which needs npx. Schemathesis comes from `PyPI`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Cases per operation and phase
    #[arg(long, default_value_t = 30)]
    cases: u32,
    /// Lint the document by redocly, too
    #[arg(long)]
    lint: bool,
    /// Ask this binary instead of building one
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

/// One version, so that what was green stays green.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const REDOCLY: &str = "@redocly/cli@2.77.0";

const ADVICE: &str = "fix what its last lines name; `st replay` and the curl line above repeat it.";

pub(crate) fn main(args: &Args) -> Result<()> {
    let document = run::root().join("api/openapi.json");
    if args.lint {
        let mut redocly = Command::new("npx");
        redocly
            .args(["--yes", REDOCLY, "lint", "--config"])
            .arg(run::root().join("api/tests/contract/redocly.yaml"));
        run::visibly(
            redocly.arg(&document),
            "fix the description at the handlers; then `cargo xtask generate`.",
        )?;
    }
    let binary = if let Some(binary) = &args.binary {
        binary.clone()
    } else {
        run::visibly(&mut run::cargo(&["build", "-p", "app"]), "fix the build.")?;
        run::root().join("target/debug/myhealth")
    };
    let folder = run::root().join("target/contract");
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder)?;
    let database = filled(&binary, &folder)?;
    let mut create = Command::new(&binary);
    create.args(["token", "create", "contract", "--database-url", &database]);
    create.args(["--scope", "rest", "--scope", "remote-read", "--scope", "ingest", "--scope", "jobs"]);
    let token = run::quietly(&mut create, "look at the lines above")?;
    let password = folder.join("password");
    fs::write(&password, "correct horse battery staple\n")?;
    let mut account = Command::new(&binary);
    account.args(["account", "add", "ann", "--everyone", "--database-url", &database, "--password-file"]);
    run::quietly(account.arg(&password), "look at the lines above")?;
    let mut serve = Command::new(&binary);
    serve.args(["serve", "--roles", "api", "--database-url", &database, "--log.level", "warn"]);
    // A limit that refuses everything would pass every check.
    serve.args(["--api.requests-per-second", "0", "--api.log-ins-per-minute", "0"]);
    let mut service = service(&mut serve, &folder.join("serve.log"))?;
    let address = format!("http://127.0.0.1:{}", service.port("api")?);

    let advice = "look at the lines above; it needs python3-venv and PyPI.";
    let schemathesis = python::with("schemathesis", &[SCHEMATHESIS], advice)?.with_file_name("schemathesis");
    for (who, header) in [("with a token", Some(token.trim())), ("without", None)] {
        println!("── schemathesis, {who}");
        let mut run = Command::new(&schemathesis);
        run.current_dir(run::root().join("api/tests/contract")).env("SCHEMATHESIS_HOOKS", "hooks");
        run.arg("--config-file").arg("schemathesis.toml").arg("run").arg(&document);
        run.args(["--url", &address, "--checks", "all", "--no-color", "--continue-on-failure"]);
        // A job that runs while it is deleted (202) can be read until it has stopped.
        run.args(["--exclude-checks", "use_after_free"]);
        run.args(["--max-examples", &args.cases.to_string(), "--generation-database", "none"]);
        if let Some(token) = header {
            run.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        run::visibly(&mut run, ADVICE)?;
    }
    let printed = service.printed();
    if printed.contains("panicked") || printed.contains(" ERROR ") {
        bail!("the service logged failures:\n{}", run::last_lines(&printed));
    }
    println!("the service conforms to its document");
    Ok(())
}

/// The demo's data of some months, in a file of its own.
fn filled(binary: &Path, folder: &Path) -> Result<String> {
    let data = folder.join("demo");
    let mut demo = Command::new(binary);
    demo.args(["demo", "--since", "2026-01-01", "--data-dir"]).arg(&data);
    let mut demo = service(&mut demo, &folder.join("demo.log"))?;
    demo.until("the demo's history", |printed| printed.contains("percent=100"))?;
    drop(demo);
    let file = fs::read_dir(&data)?.filter_map(|entry| Some(entry.ok()?.path()));
    let file = file.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "db"));
    Ok(format!("sqlite:{}", file.context("the demo made no database")?.display()))
}

/// A service of ours on ports of the system's choice.
fn service(command: &mut Command, log: &Path) -> Result<Running> {
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    Running::logged(command, log)
}

//! What the tests need besides cargo: installed if it is missing, started, and told to them by environment variables.
//! A variable that the caller has already set is passed on, and what it names is neither installed nor started.

use std::path::Path;

use anyhow::{Context, Result};

use crate::postgres::{self, Server};
use crate::{apt, programs, python};

/// Install and start what the tests need, for running `cargo test` by hand
///
/// Prints the environment as `export` lines and keeps PostgreSQL running until Ctrl-C. Missing programs come from
/// Debian's packages: as root they are installed, otherwise the command to install them is printed.
/// On other systems set the variables yourself; what is set is used as it is.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  cargo xtask provision          in one terminal; paste its lines into another\n  \
                        cargo test -p store            there"
)]
pub(crate) struct Args {}

/// A Python that has the reference readers of what we write.
const PYTHON: &str = "MYHEALTH_TEST_PYTHON";
const POSTGRES_URL: &str = "MYHEALTH_TEST_POSTGRES_URL";
const POSTGRES_PACKAGE: &str = "postgresql";

/// A program that tests run.
struct Program {
    /// Carries its path to the tests.
    variable: &'static str,
    name: &'static str,
    package: &'static str,
}

const PROGRAMS: [Program; 5] = [
    Program { variable: "MYHEALTH_TEST_PROMETHEUS", name: "prometheus", package: "prometheus" },
    Program { variable: "MYHEALTH_TEST_PROMTOOL", name: "promtool", package: "prometheus" },
    Program {
        variable: "MYHEALTH_TEST_ALERTMANAGER",
        name: "prometheus-alertmanager",
        package: "prometheus-alertmanager",
    },
    Program { variable: "MYHEALTH_TEST_AMTOOL", name: "amtool", package: "prometheus-alertmanager" },
    Program { variable: "MYHEALTH_TEST_CHROMIUM", name: "chromium", package: "chromium" },
];

/// Everything is there, for as long as this lives.
pub(crate) struct Provisioned {
    /// What the tests read: name and value.
    pub(crate) variables: Vec<(&'static str, String)>,
    postgres: Option<Server>,
}

pub(crate) fn main(_: &Args) -> Result<()> {
    let mut provisioned = provision()?;
    for (name, value) in &provisioned.variables {
        println!("export {name}={value}");
    }
    let Some(server) = &mut provisioned.postgres else { return Ok(()) };
    println!("# PostgreSQL runs until Ctrl-C.");
    server.wait()
}

/// Installs what is missing and starts PostgreSQL.
pub(crate) fn provision() -> Result<Provisioned> {
    install_missing()?;
    let mut variables = Vec::new();
    for Program { variable, name, package } in PROGRAMS {
        let value =
            programs::variable(variable).or_else(|| Some(programs::find(name)?.display().to_string()));
        let value = value
            .with_context(|| format!("package `{package}` is installed but `{name}` is not on the path"))?;
        variables.push((variable, value));
    }
    let python = programs::variable(PYTHON).map_or_else(python::with_readers, Ok)?;
    variables.push((PYTHON, python));
    let (url, postgres) = match programs::variable(POSTGRES_URL) {
        Some(url) => (url, None),
        None => start_postgres()?,
    };
    variables.push((POSTGRES_URL, url));
    Ok(Provisioned { variables, postgres })
}

fn start_postgres() -> Result<(String, Option<Server>)> {
    let folder = postgres::find_programs();
    let folder = folder.with_context(|| {
        format!(
            "package `{POSTGRES_PACKAGE}` is installed but too old.\n\
             What to do: set {POSTGRES_URL} to a server of version 15 or newer where tests may create schemas."
        )
    })?;
    let server = Server::start(Path::new(&folder))?;
    Ok((server.url(), Some(server)))
}

fn install_missing() -> Result<()> {
    let mut packages: Vec<_> = PROGRAMS
        .iter()
        .filter(|program| {
            programs::variable(program.variable).is_none() && programs::find(program.name).is_none()
        })
        .map(|program| program.package)
        .collect();
    if programs::variable(PYTHON).is_none() && !python::is_installed() {
        packages.push(python::PACKAGE);
    }
    if programs::variable(POSTGRES_URL).is_none() && postgres::find_programs().is_none() {
        packages.push(POSTGRES_PACKAGE);
    }
    packages.dedup();
    if packages.is_empty() { Ok(()) } else { apt::install(&packages) }
}

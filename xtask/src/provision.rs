//! What the tests need besides cargo: installed if it is missing, started, and told to them by environment variables.
//! A variable that the caller has already set is passed on, and what it names is neither installed nor started.

use std::path::Path;

use anyhow::{Context, Result};

use crate::go_tools::Tool;
use crate::postgres::{self, Server};
use crate::{apt, node, programs, python};

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
/// A folder from which Node.js imports the packages that tests use.
const NODE_PACKAGES: &str = "MYHEALTH_TEST_NODE_PACKAGES";
const POSTGRES_URL: &str = "MYHEALTH_TEST_POSTGRES_URL";
const POSTGRES_PACKAGE: &str = "postgresql";

/// A program that tests run.
struct Program {
    /// Carries its path to the tests.
    variable: &'static str,
    name: &'static str,
    package: &'static str,
}

const PROGRAMS: [Program; 6] = [
    Program { variable: "MYHEALTH_TEST_PROMETHEUS", name: "prometheus", package: "prometheus" },
    Program { variable: "MYHEALTH_TEST_PROMTOOL", name: "promtool", package: "prometheus" },
    Program {
        variable: "MYHEALTH_TEST_ALERTMANAGER",
        name: "prometheus-alertmanager",
        package: "prometheus-alertmanager",
    },
    Program { variable: "MYHEALTH_TEST_AMTOOL", name: "amtool", package: "prometheus-alertmanager" },
    Program { variable: "MYHEALTH_TEST_CHROMIUM", name: "chromium", package: "chromium" },
    Program { variable: "MYHEALTH_TEST_NODE", name: "node", package: "npm" },
];

/// Programs of today's Prometheus and Alertmanager, beside Debian's: the variable, and where it is built.
const CURRENT: [(&str, Tool, &str); 4] = [
    ("MYHEALTH_TEST_CURRENT_PROMETHEUS", Tool::Prometheus, "prometheus"),
    ("MYHEALTH_TEST_CURRENT_PROMTOOL", Tool::Prometheus, "promtool"),
    ("MYHEALTH_TEST_CURRENT_ALERTMANAGER", Tool::Alertmanager, "alertmanager"),
    ("MYHEALTH_TEST_CURRENT_AMTOOL", Tool::Alertmanager, "amtool"),
];

/// Tests whose path contains this need [`CURRENT`].
pub(crate) const CURRENT_TESTS: &str = "current::";

/// Everything is there, for as long as this lives.
pub(crate) struct Provisioned {
    /// What the tests read: name and value.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Whether today's Prometheus and Alertmanager are among them. They are not where nothing can build them.
    pub(crate) has_current: bool,
    postgres: Option<Server>,
}

pub(crate) fn main(_: &Args) -> Result<()> {
    let mut provisioned = provision()?;
    for (name, value) in &provisioned.variables {
        println!("export {name}={value}");
    }
    if !provisioned.has_current {
        println!("# {}", without_current());
        println!("# `cargo test` leaves them out with `-- --skip {CURRENT_TESTS}`.");
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
    let current = current()?;
    let has_current = current.is_some();
    variables.extend(current.into_iter().flatten());
    let python = programs::variable(PYTHON).map_or_else(python::with_readers, Ok)?;
    variables.push((PYTHON, python));
    let packages = programs::variable(NODE_PACKAGES).map_or_else(node::packages, Ok)?;
    variables.push((NODE_PACKAGES, packages));
    let (url, postgres) = match programs::variable(POSTGRES_URL) {
        Some(url) => (url, None),
        None => start_postgres()?,
    };
    variables.push((POSTGRES_URL, url));
    Ok(Provisioned { variables, has_current, postgres })
}

/// Builds what no variable names; `None` where that takes Go and there is none.
fn current() -> Result<Option<Vec<(&'static str, String)>>> {
    let named = CURRENT.map(|(variable, _, _)| programs::variable(variable));
    if named.iter().any(Option::is_none) && programs::find("go").is_none() {
        return Ok(None);
    }
    let program = |((variable, tool, name), named): ((_, Tool, &str), Option<String>)| {
        let path = match named {
            Some(path) => path,
            None => tool.folder()?.join(name).display().to_string(),
        };
        Ok((variable, path))
    };
    CURRENT.into_iter().zip(named).map(program).collect::<Result<_>>().map(Some)
}

/// What is printed where today's programs are not there.
pub(crate) fn without_current() -> String {
    format!(
        "NOT RUN: the tests on today's Prometheus and Alertmanager (their names contain `{CURRENT_TESTS}`): Go is missing; \
         those on Debian's run. Install Go 1.21 or newer (https://go.dev/dl), or name the programs in {}.",
        CURRENT.map(|(variable, _, _)| variable).join(", ")
    )
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

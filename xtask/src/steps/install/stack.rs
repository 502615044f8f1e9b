//! The compose file as a project of its own: its `.env`, its ports, and what was overridden.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::images::{ALERTMANAGER, POSTGRES, PROMETHEUS};
use crate::go_tools::Tool;
use crate::image::engine::Engine;
use crate::process::{self, Answer, free_port, until};
use crate::run;

const ADVICE: &str = "look at the lines above";

/// A rule that fires at once, so that a walk need not wait for a fault.
const RULE: &str = "groups:\n- name: walk\n  interval: 5s\n  rules:\n  - {alert: Walk, expr: 'up{job=\"myhealth\"} == 1', labels: {severity: info}}\n";

/// A running project. Its containers, networks and volumes are removed when it is dropped.
pub(super) struct Stack<'a> {
    engine: &'a Engine,
    compose: std::path::PathBuf,
    folder: TempDir,
    pub(super) web: u16,
    pub(super) api: u16,
    pub(super) prometheus: u16,
    pub(super) alertmanager: u16,
}

impl<'a> Stack<'a> {
    pub(super) fn new(engine: &'a Engine) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("walk.yaml"), RULE)?;
        let place = folder.path().display();
        let overridden = format!(
            "services:\n  \
             myhealth: {{env_file: !override ['{place}/.env']}}\n  \
             migrate: {{env_file: !override ['{place}/.env']}}\n  \
             prometheus: {{image: '{PROMETHEUS}', volumes: ['{place}/walk.yaml:/etc/prometheus/rules/walk.yaml:ro']}}\n  \
             alertmanager: {{image: '{ALERTMANAGER}'}}\n  \
             postgres: {{image: '{POSTGRES}'}}\n  \
             # Its image cannot be made here; the walk runs what it depends on.\n  \
             grafana: {{profiles: [grafana]}}\n  \
             grafana-password: {{profiles: [grafana]}}\n"
        );
        fs::write(folder.path().join("override.yaml"), overridden)?;
        let compose = Tool::Compose.folder()?.join("docker-compose");
        let port = free_port;
        Ok(Self {
            engine,
            compose,
            folder,
            web: port()?,
            api: port()?,
            prometheus: port()?,
            alertmanager: port()?,
        })
    }

    /// Writes `.env`: the ports and these lines.
    pub(super) fn set(&self, lines: &[&str]) -> Result<()> {
        let ports = format!(
            "MYHEALTH_WEB_PORT={}\nMYHEALTH_API_PORT={}\nMYHEALTH_PROMETHEUS_PORT={}\nMYHEALTH_ALERTMANAGER_PORT={}\n",
            self.web, self.api, self.prometheus, self.alertmanager
        );
        Ok(fs::write(self.folder.path().join(".env"), ports + &lines.join("\n") + "\n")?)
    }

    /// `docker compose` with these arguments.
    pub(super) fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.compose);
        self.engine.reach(&mut command);
        let name = format!("myhealth-walk-{}", std::process::id());
        command.current_dir(run::root()).args(["--project-name", &name, "--file", "compose.yaml", "--file"]);
        command.arg(self.folder.path().join("override.yaml"));
        command.arg("--env-file").arg(self.folder.path().join(".env")).args(arguments);
        command
    }

    pub(super) fn quietly(&self, arguments: &[&str]) -> Result<String> {
        let printed = run::quietly(&mut self.compose(arguments), ADVICE);
        printed.with_context(|| self.logs().unwrap_or_default())
    }

    /// The end of what every container printed.
    pub(super) fn logs(&self) -> Result<String> {
        let output = self.compose(&["logs", "--no-color", "--tail=15"]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What a query of Prometheus returns.
    pub(super) fn query(&self, query: &str) -> Result<Value> {
        let escaped: String = query.bytes().map(escape).collect();
        let answer = process::get(self.prometheus, &format!("/api/v1/query?query={escaped}"), "")?;
        serde_json::from_slice(&answer.body).with_context(|| format!("Prometheus answers {}", answer.text()))
    }

    /// Waits until a query has a result, without a warning of a failed remote read.
    pub(super) fn until_query(&self, query: &str) -> Result<()> {
        let waited = until(&format!("a result of {query}"), || {
            self.query(query).is_ok_and(|answer| {
                answer["status"] == "success"
                    && answer.get("warnings").is_none()
                    && answer["data"]["result"].as_array().is_some_and(|result| !result.is_empty())
            })
        });
        waited.with_context(|| self.logs().unwrap_or_default())
    }

    /// A response of the API.
    pub(super) fn api(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        let header = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        process::get(self.api, path, &header)
    }
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        let down = ["--profile=*", "down", "--volumes", "--remove-orphans", "--timeout=5"];
        if let Err(error) = run::quietly(&mut self.compose(&down), ADVICE) {
            eprintln!("the project could not be removed: {error:#}");
        }
    }
}

//! What holds for every service of the compose file, whether it can be started here or not.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::stack::Stack;
use crate::run;

/// From the root of the repository.
const PROVIDER: &str = "dashboards/provisioning/dashboards/myhealth.yaml";

/// Checks the file as `docker compose` resolves it, with every profile.
pub(super) fn check(stack: &Stack) -> Result<()> {
    let printed = stack.quietly(&["--profile=*", "config", "--format=json", "--no-path-resolution"])?;
    let config: Value = serde_json::from_str(&printed)?;
    let services = config["services"].as_object().context("no services")?;
    for (name, service) in services {
        hardened(service).with_context(|| format!("the service {name} of compose.yaml"))?;
    }
    grafana(&services["grafana"])?;
    println!("compose.yaml: {} services, each hardened, versioned and on loopback", services.len());
    Ok(())
}

fn hardened(service: &Value) -> Result<()> {
    ensure!(service["read_only"] == true, "its root can be written");
    ensure!(service["cap_drop"] == json!(["ALL"]), "it has capabilities");
    ensure!(service["security_opt"] == json!(["no-new-privileges:true"]), "it may gain privileges");
    ensure!(service["stop_grace_period"] == "30s", "it is killed sooner than it ends");
    let image = service["image"].as_str().context("no image")?;
    let version = image.rsplit_once(':').map(|(_, version)| version);
    ensure!(version.is_some_and(|version| version != "latest"), "{image} has no version");
    let ports = service["ports"].as_array().into_iter().flatten();
    for port in ports {
        ensure!(port["host_ip"] == "127.0.0.1", "a port is open to the network: {port}");
    }
    let test = &service["healthcheck"]["test"];
    ensure!(test.is_null() || test[0] == "CMD", "its health check needs a shell: {test}");
    for mount in service["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind") {
        let source = mount["source"].as_str().context("a mount without a source")?;
        ensure!(run::root().join(source).exists(), "{source} does not exist");
        ensure!(mount["read_only"] == true, "{source} can be written");
    }
    Ok(())
}

/// Grafana itself cannot be started here: the folder that its provider reads is the one where the dashboards are mounted, and its
/// password comes from a file.
fn grafana(service: &Value) -> Result<()> {
    let provider = std::fs::read_to_string(run::root().join(PROVIDER))?;
    let path = provider.lines().find_map(|line| line.trim().strip_prefix("path: "));
    let path = path.with_context(|| format!("{PROVIDER} names no path"))?;
    let mounts = service["volumes"].as_array().context("no volumes")?;
    let source_of = |target: &str| {
        let mount = mounts.iter().find(|mount| mount["target"] == target)?;
        Some(Path::new(mount["source"].as_str()?).to_owned())
    };
    ensure!(source_of(path).is_some_and(|source| source.ends_with("dashboards")), "no dashboards at {path}");
    ensure!(
        source_of("/etc/grafana/provisioning/dashboards")
            .is_some_and(|source| source.ends_with("provisioning/dashboards")),
        "no provider"
    );
    let environment = &service["environment"];
    let home =
        environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str().context("no home dashboard")?;
    let home = Path::new(home).strip_prefix(path)?;
    ensure!(run::root().join("dashboards").join(home).is_file(), "no dashboard {}", home.display());
    ensure!(environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false", "Grafana is open to all");
    ensure!(environment["GF_SECURITY_ADMIN_PASSWORD__FILE"].is_string(), "the password is not from a file");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn data_sources_of_compose_differ_from_the_shipped_ones_by_their_addresses() {
        let read = |path: &str| {
            let text = fs::read_to_string(run::root().join(path)).unwrap();
            text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
        };
        let shipped = read("dashboards/provisioning/datasources/myhealth.yaml");
        let expected = shipped
            .replace("http://localhost:9090", "http://prometheus:9090")
            .replace("http://localhost:9093", "http://alertmanager:9093");
        assert_ne!(expected, shipped);
        assert_eq!(read("compose/grafana-datasources.yaml"), expected);
    }

    #[test]
    fn service_that_is_open_or_unpinned_is_found() {
        let service = || {
            json!({
                "image": "prom/prometheus:v3.16.0", "read_only": true, "cap_drop": ["ALL"],
                "security_opt": ["no-new-privileges:true"], "stop_grace_period": "30s",
                "ports": [{"host_ip": "127.0.0.1"}], "healthcheck": {"test": ["CMD", "true"]},
            })
        };
        hardened(&service()).unwrap();
        for (field, wrong) in [
            ("image", json!("prom/prometheus:latest")),
            ("image", json!("prom/prometheus")),
            ("read_only", json!(false)),
            ("cap_drop", json!([])),
            ("ports", json!([{"target": 9090}])),
            ("healthcheck", json!({"test": ["CMD-SHELL", "true"]})),
            ("volumes", json!([{"type": "bind", "source": "no/such/file", "read_only": true}])),
        ] {
            let mut changed = service();
            changed[field] = wrong;
            assert!(hardened(&changed).is_err(), "{field}");
        }
    }
}

//! The files by which Grafana finds its data source and the dashboards: read as strictly as Grafana documents them, since
//! it says nothing of a misspelt field.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::monitoring::shipped;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DataSources {
    api_version: u8,
    datasources: Vec<DataSource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DataSource {
    name: String,
    r#type: String,
    uid: String,
    access: String,
    url: String,
    #[serde(default)]
    is_default: bool,
    json_data: JsonData,
}

/// What the data sources of Prometheus and Alertmanager know, as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsonData {
    http_method: Option<String>,
    time_interval: Option<String>,
    implementation: Option<String>,
    handle_grafana_managed_alerts: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Dashboards {
    api_version: u8,
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Provider {
    name: String,
    folder: String,
    r#type: String,
    allow_ui_updates: bool,
    update_interval_seconds: u32,
    options: Options,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    path: PathBuf,
}

fn read<T: DeserializeOwned>(kind: &str) -> T {
    serde_saphyr::from_str(&shipped(&format!("dashboards/provisioning/{kind}/myhealth.yaml"))).unwrap()
}

#[test]
fn grafana_provisioning_names_prometheus_and_alertmanager() {
    let DataSources { api_version, datasources } = read("datasources");
    assert_eq!(api_version, 1);
    let kinds: Vec<_> = datasources.iter().map(|source| source.r#type.as_str()).collect();
    assert_eq!(kinds, ["prometheus", "alertmanager"]);
    for source in &datasources {
        assert_eq!(source.access, "proxy", "{}: a browser would need to reach it", source.name);
        assert!(source.uid.starts_with("myhealth-") && source.url.starts_with("http://localhost:"));
    }
    assert_eq!(datasources.iter().filter(|source| source.is_default).count(), 1);
    let JsonData { http_method, time_interval, .. } = &datasources[0].json_data;
    assert_eq!((http_method.as_deref(), time_interval.as_deref()), (Some("POST"), Some("15s")));
    let JsonData { implementation, handle_grafana_managed_alerts, .. } = &datasources[1].json_data;
    assert_eq!(
        (implementation.as_deref(), *handle_grafana_managed_alerts),
        (Some("prometheus"), Some(false))
    );
}

#[test]
fn grafana_provisioning_finds_the_dashboards() {
    let Dashboards { api_version, providers } = read("dashboards");
    assert_eq!((api_version, providers.len()), (1, 1));
    let Provider { name, folder, r#type, allow_ui_updates, update_interval_seconds, options } = &providers[0];
    assert_eq!((name.as_str(), folder.as_str(), r#type.as_str()), ("myhealth", "Oura", "file"));
    assert!(!allow_ui_updates && *update_interval_seconds >= 10, "edits are made in mixin/src");
    assert!(shipped("docs/dashboards.md").contains(options.path.to_str().unwrap()));
}

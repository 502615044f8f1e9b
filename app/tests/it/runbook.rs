//! Every alert's link leads somewhere.

use crate::monitoring::shipped;
use crate::process::{Running, get, service};

#[tokio::test]
async fn served_runbook_has_a_heading_for_every_alert() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(service(&["serve", "--roles", "exporter"], folder.path()));
    let web = running.address("web").await;
    let mut links = 0;
    for rules in ["health", "service"].map(|name| shipped(&format!("alerts/{name}.yaml"))) {
        for line in rules.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")) {
            let url: String = serde_json::from_str(line).unwrap();
            let (place, anchor) = url.split_once('#').unwrap();
            let path = place.strip_prefix("http://localhost:9872").unwrap();
            let page = get(&format!("http://{web}{path}")).await.unwrap();
            assert!(page.contains(&format!("<h3 id=\"{anchor}\">")), "{url} leads nowhere");
            links += 1;
        }
    }
    let alerts = ["health", "service"]
        .map(|name| shipped(&format!("alerts/{name}.yaml")).matches("- alert: ").count());
    assert_eq!(links, alerts.iter().sum::<usize>());
}

//! History is read from a replica. It may be behind, and it takes no writing.

use store::Store;

use crate::end_to_end::now;
use crate::outage::sleep;
use crate::process::{Running, finish, get, http, myhealth, printed, until};

#[tokio::test]
async fn replica_serves_history_only() {
    let mut urls = Vec::new();
    for score in [81, 74] {
        let url = store::testing::empty_database_url().await;
        assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
        let store = Store::open(&url.parse().unwrap()).await.unwrap();
        let person = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
        sleep(&store, person, score, now()).await;
        store.close().await;
        urls.push(url);
    }
    let (primary, replica) = (&urls[0], &urls[1]);
    // As a standby: whatever would write there fails.
    let separator = if replica.contains('?') { '&' } else { '?' };
    let replica = format!("{replica}{separator}options[default_transaction_read_only]=on");
    let made =
        finish(myhealth(&["token", "create", "test", "--person", "ann", "--database-url", primary.as_str()]));
    assert!(made.status.success(), "{}", printed(&made));
    let token = String::from_utf8(made.stdout).unwrap();
    let token = token.split_whitespace().find(|word| word.starts_with("mh_")).unwrap().to_owned();

    let mut command = myhealth(&["serve", "--roles", "exporter,api", "--database-url", primary.as_str()]);
    command.args(["--database-replica-url", &replica]);
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    let running = Running::start(command);
    let (web, api) = (running.address("web").await, running.address("api").await);
    let gauges = until("the primary's gauge", async || {
        get(&format!("http://{web}/metrics")).await.filter(|body| body.contains("oura_sleep_score{"))
    })
    .await;
    let score = gauges.lines().find(|line| line.starts_with("oura_sleep_score{")).unwrap();
    assert!(score.ends_with(" 81"), "{score}");
    for pool in ["postgres", "replica"] {
        assert!(gauges.contains(&format!("myhealth_db_pool_max_connections{{pool=\"{pool}\"}}")), "{gauges}");
    }

    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let question = format!("http://{api}/api/v1/trends/sleep_score?from={today}&to={today}");
    let refused = http().get(&question).send().await.unwrap();
    assert_eq!(refused.status(), 401, "the primary has a token");
    let answer = http().get(&question).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["points"][0]["value"], 74.0, "{answer}");
}

#[test]
fn replica_url_must_be_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::process::service(&["serve", "--roles", "api"], folder.path());
    command.args(["--database-replica-url", "sqlite:/somewhere/else.db"]);
    let output = finish(command);
    assert_eq!(output.status.code(), Some(64), "{}", printed(&output));
    assert!(printed(&output).contains("--database-replica-url"), "{}", printed(&output));
}

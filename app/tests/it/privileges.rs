//! The role in PostgreSQL that docs/exporter.md advises: enough for gauges, and not for more.

use domain::{Collection, Document};
use store::{Batch, Origin, Store, testing};

use crate::end_to_end::now;
use crate::process::{Running, finish, get, myhealth, printed, until};

/// The page's statements, for a role and a schema that no other test has.
fn statements(role: &str, schema: &str) -> String {
    let page = include_str!("../../../docs/exporter.md");
    let (_, rest) = page.split_once("```sql\ncreate role exporter").unwrap();
    let (rest, _) = rest.split_once("```").unwrap();
    format!("create role exporter{rest}")
        .replace("role exporter", &format!("role {role}"))
        .replace("to exporter;", &format!("to {role};"))
        .replace("schema public", &format!("schema {schema}"))
}

/// The last day of a person, and a ring.
async fn fill(store: &Store) {
    let person = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let body = format!(r#"{{"id":"a","day":"{today}","score":81,"contributors":{{}},"new_field":7}}"#);
    let ring = r#"{"id":"one","hardware_type":"gen4","set_up_at":"2026-01-01T00:00:00+00:00","size":9}"#;
    let rings = Document::observe(Collection::RingConfiguration, today.to_string().parse().unwrap(), [ring])
        .0
        .unwrap();
    let slept = Document::parse(Collection::DailySleep, &body).unwrap();
    for (collection, document) in [(Collection::DailySleep, slept), (Collection::RingConfiguration, rings)] {
        let batch = Batch {
            person,
            collection,
            covered: None,
            origin: Origin::Api,
            documents: vec![document],
            nearby: Vec::new(),
            rejected: Vec::new(),
        };
        store.apply(&batch, now()).await.unwrap();
    }
}

#[tokio::test]
async fn exporter_database_role_serves_gauges_and_reads_nothing_else() {
    let url = testing::empty_database_url().await;
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    let role = format!("exporter_{schema}");
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    fill(&store).await;
    testing::administer(&url, &statements(&role, schema)).await;
    let mut own = reqwest::Url::parse(&url).unwrap();
    own.set_username(&role).unwrap();
    own.set_password(Some("…")).unwrap();

    let mut command = myhealth(&["serve", "--roles", "exporter", "--database-url", own.as_str()]);
    command.args(["--web.listen-address", "127.0.0.1:0"]);
    let exporter = Running::start(command);
    let address = exporter.address("web").await;
    let metrics = until("the gauges", async || {
        let metrics = get(&format!("http://{address}/metrics")).await?;
        metrics.contains("oura_sleep_score{").then_some(metrics)
    })
    .await;
    let ready = until("all to be read", async || get(&format!("http://{address}/-/ready")).await).await;
    assert!(metrics.contains(r#"hardware_type="gen4""#), "{metrics}\n{ready}");
    assert!(metrics.contains("myhealth_store_up 1\n"), "{metrics}");
    assert!(metrics.contains(r#"pointer="/new_field""#), "{metrics}");
    drop(exporter);

    for more in ["token list", "account list"] {
        let words: Vec<&str> = more.split(' ').chain(["--database-url", own.as_str()]).collect();
        let output = finish(myhealth(&words));
        assert!(printed(&output).contains("permission denied"), "{more}: {}", printed(&output));
    }
    for table in ["document", "series", "daily", "credential", "account", "api_token"] {
        assert!(!testing::may_read(own.as_str(), table).await, "{table}");
    }
    testing::administer(&url, &format!("drop owned by {role}; drop role {role}")).await;
}

/// Statements of a script of `terraform/scripts`, for roles and a schema that no other test has.
fn script(text: &str, prefix: &str, schema: &str) -> String {
    let text = text.replace("myhealth_", prefix).replace("schema public", &format!("schema {schema}"));
    format!("set search_path to {schema};\n{text}")
}

/// Runs statements as an operator does, by psql.
fn psql(url: &str, statements: &str) {
    let mut psql = std::process::Command::new("psql");
    psql.args(["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--file", "-"]);
    for role in ["owner", "writer", "reader"] {
        psql.args(["--set", &format!("{role}_password=secret of {role}")]);
    }
    let mut psql = psql
        .arg(url)
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("psql comes with PostgreSQL");
    std::io::Write::write_all(&mut psql.stdin.take().unwrap(), statements.as_bytes()).unwrap();
    let output = psql.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn roles_of_the_terraform_scripts_migrate_write_and_read() {
    let url = testing::empty_database_url().await;
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    let prefix = format!("role_{schema}_");
    let roles = include_str!("../../../terraform/scripts/database-roles.sql");
    let reader = include_str!("../../../terraform/scripts/database-reader.sql");
    let role = |name: &str| {
        let mut url = reqwest::Url::parse(&url).unwrap();
        url.set_username(&format!("{prefix}{name}")).unwrap();
        url.set_password(Some(&format!("secret of {name}"))).unwrap();
        url.to_string()
    };
    psql(&url, &script(roles, &prefix, schema));
    // To rotate the passwords it is run again.
    psql(&url, &script(roles, &prefix, schema));
    assert!(finish(myhealth(&["migrate", "--database-url", &role("owner")])).status.success());
    psql(&role("owner"), &script(reader, &prefix, schema));

    let store = Store::open(&role("writer").parse().unwrap()).await.unwrap();
    fill(&store).await;

    assert!(testing::may_read(&role("writer"), "document").await);
    assert!(testing::may_read(&role("reader"), "latest").await);
    for table in ["document", "series", "daily", "credential", "account", "api_token"] {
        assert!(!testing::may_read(&role("reader"), table).await, "{table}");
    }
    let migrated = finish(myhealth(&["account", "list", "--database-url", &role("writer")]));
    assert!(migrated.status.success(), "{}", printed(&migrated));
    drop(store);
    for name in ["reader", "writer", "owner"].map(|name| format!("{prefix}{name}")) {
        testing::administer(&url, &format!("drop owned by {name} cascade; drop role {name}")).await;
    }
}

#[tokio::test]
async fn roles_granted_by_migrate_have_what_their_services_need_and_no_more() {
    let url = testing::empty_database_url().await;
    let (_, schema) = url.rsplit_once("%3D").unwrap();
    // A name that has to be quoted.
    let role = |name: &str| format!("{name} of-{schema}");
    let owner = role("owner");
    let create = format!(
        "create role \"{owner}\" login createrole; grant create, usage on schema {schema} to \"{owner}\""
    );
    testing::administer(&url, &create).await;
    let by = |name: &str| {
        let mut url = reqwest::Url::parse(&url).unwrap();
        url.set_username(&role(name)).unwrap();
        url.to_string()
    };
    let grants = [format!("writer={}", role("writer")), format!("reader={}", role("reader"))];
    let migrate = || {
        let mut migrate = myhealth(&["migrate", "--database-url", &by("owner")]);
        migrate.args(grants.iter().flat_map(|grant| ["--grant", grant]));
        finish(migrate)
    };
    // PostgreSQL only warns of a schema that its user may not pass on.
    let partly = migrate();
    assert!(
        !partly.status.success() && printed(&partly).contains("with grant option"),
        "{}",
        printed(&partly)
    );
    let roles = format!("select count(*) from pg_roles where rolname = '{}'", role("writer"));
    assert_eq!(crate::own_server::query(&url, &roles), "0", "nothing is half-done");
    let pass_on = format!("grant usage on schema {schema} to \"{owner}\" with grant option");
    testing::administer(&url, &pass_on).await;
    for _ in 0..2 {
        let migrated = migrate();
        assert!(migrated.status.success(), "{}", printed(&migrated));
    }

    let store = Store::open(&by("writer").parse().unwrap()).await.unwrap();
    fill(&store).await;
    store.people().await.unwrap();
    let tables = testing::privileges(&by("writer")).await;
    assert!(tables.iter().all(|(_, may_write)| *may_write) && tables.len() > 15, "{tables:?}");
    let alter = crate::own_server::try_query(&by("writer"), "create table another (id bigint)");
    assert!(alter.unwrap_err().contains("permission denied"));

    let readable: Vec<String> =
        testing::privileges(&by("reader")).await.into_iter().map(|(table, _)| table).collect();
    assert_eq!(readable, ["_sqlx_migrations", "drift", "latest", "person", "ring", "sync_state"]);
    assert!(testing::privileges(&by("reader")).await.iter().all(|(_, may_write)| !may_write));
    drop(store);

    // Not the owner: refused whole.
    let mut stranger = myhealth(&["migrate", "--database-url", &by("writer")]);
    stranger.args(["--grant", &format!("reader={}", role("third"))]);
    let refused = finish(stranger);
    assert!(!refused.status.success(), "{}", printed(&refused));
    let roles = format!("select count(*) from pg_roles where rolname = '{}'", role("third"));
    assert_eq!(crate::own_server::query(&url, &roles), "0");
    // The owner first: it granted what the others have.
    for name in ["owner", "reader", "writer"].map(role) {
        testing::administer(&url, &format!("drop owned by \"{name}\" cascade; drop role \"{name}\"")).await;
    }
}

#[test]
fn grants_are_refused_for_the_embedded_database() {
    let folder = tempfile::tempdir().unwrap();
    let mut migrate = myhealth(&["migrate", "--grant", "reader=a", "--data-dir"]);
    migrate.arg(folder.path());
    let refused = finish(migrate);
    assert_eq!(refused.status.code(), Some(64), "{}", printed(&refused));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
}

#[test]
fn reader_of_the_terraform_scripts_is_the_role_of_the_exporters_page() {
    let page = include_str!("../../../docs/exporter.md");
    let script = include_str!("../../../terraform/scripts/database-reader.sql");
    let grant = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("grant select on ")).unwrap();
        line.split(" to ").next().unwrap().to_owned()
    };
    assert_eq!(grant(script), grant(page));
}

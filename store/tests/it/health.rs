//! Outages: what is found out about the database, what it costs, and that writing goes on afterwards.

use domain::{Collection, Document};
use store::{Batch, Error, Location, Origin, Store, testing};

use crate::fixtures::{me, now};

/// A document too large for the room that is left.
fn large(person: i64) -> Batch {
    let body = format!(
        r#"{{"id":"large","day":"2026-03-29","score":80,"contributors":{{}},"filler":"{}"}}"#,
        "x".repeat(500_000)
    );
    Batch {
        person,
        collection: Collection::DailySleep,
        covered: None,
        origin: Origin::Push,
        documents: vec![Document::parse(Collection::DailySleep, &body).unwrap()],
        nearby: Vec::new(),
        rejected: Vec::new(),
    }
}

fn is_unavailable<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.expect_err("the database cannot do this");
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn writing_goes_on_after_a_full_disk_has_room_again() {
    let (store, _folder) = testing::sqlite().await;
    let person = me(&store).await.id;
    testing::fill(&store).await;
    is_unavailable(store.apply(&large(person), now()).await);
    assert_eq!(store.write_failures(), 1);
    // The full connection was closed, and the next has room.
    assert_eq!(store.apply(&large(person), now()).await.unwrap().new, 1);
    store.schedule_sync(person, Some(now())).await.unwrap();
    assert_eq!(store.write_failures(), 1);
}

#[tokio::test]
async fn failed_write_counts_as_an_outage_until_a_probe_has_written() {
    let (store, _folder) = testing::sqlite().await;
    let person = me(&store).await.id;
    store.need_writes();
    store.probe().await.unwrap();
    testing::fill(&store).await;
    is_unavailable(store.apply(&large(person), now()).await);
    let outage = store.last_probe().unwrap_err();
    assert!(outage.to_string().contains("full") && !outage.is_shared(), "{outage}");
    assert!(outage.is_only_of_writes() && store.people().await.unwrap().len() == 1);
    store.probe_now().await.unwrap();
    store.last_probe().unwrap();
}

#[tokio::test]
async fn failed_write_is_no_outage_for_a_process_that_only_reads() {
    let (store, _folder) = testing::sqlite().await;
    let person = me(&store).await.id;
    testing::fill(&store).await;
    is_unavailable(store.apply(&large(person), now()).await);
    store.last_probe().unwrap();
    assert_eq!(store.write_failures(), 1);
}

#[tokio::test]
async fn refused_statement_is_no_failed_write() {
    for store in [testing::sqlite().await.0, testing::postgres().await] {
        store.need_writes();
        let unknown = store.set_time_zone(7, "UTC").await;
        unknown.unwrap();
        let error = store.apply(&large(7), now()).await.unwrap_err();
        assert!(matches!(error, Error::Database(_)), "{error:?}");
        assert_eq!(store.write_failures(), 0);
        store.last_probe().unwrap();
    }
}

#[tokio::test]
async fn probe_of_a_healthy_embedded_database_writes_nothing() {
    let (store, folder) = testing::sqlite().await;
    store.need_writes();
    me(&store).await;
    let files = || {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap());
        let changed = |file: std::fs::DirEntry| {
            let known = file.metadata().unwrap();
            (file.file_name(), known.len(), known.modified().unwrap())
        };
        // Readers take turns in the index of the log, which lies in memory.
        let mut files: Vec<_> =
            files.filter(|file| !file.file_name().to_string_lossy().ends_with("-shm")).map(changed).collect();
        files.sort();
        files
    };
    store.probe_now().await.unwrap();
    let before = files();
    for _ in 0..3 {
        store.probe_now().await.unwrap();
    }
    assert_eq!(files(), before);
}

#[tokio::test]
async fn closed_database_is_an_outage_of_this_process() {
    for store in [testing::sqlite().await.0, testing::postgres().await] {
        store.close().await;
        let outage = store.probe_now().await.unwrap_err();
        assert!(!outage.is_shared() && !outage.is_only_of_writes());
    }
}

#[tokio::test]
async fn server_that_takes_no_writes_is_an_outage_for_writers_only() {
    let url = testing::empty_database_url().await;
    Store::open(&url.parse().unwrap()).await.unwrap().migrate().await.unwrap();
    let read_only = format!("{url}%20-c%20default_transaction_read_only%3Don").parse().unwrap();
    let reader = Store::open(&read_only).await.unwrap();
    reader.probe_now().await.unwrap();
    reader.people().await.unwrap();
    let writer = Store::open(&read_only).await.unwrap();
    writer.need_writes();
    let outage = writer.probe_now().await.unwrap_err();
    assert!(
        outage.is_shared() && outage.is_only_of_writes() && outage.to_string().contains("takes no writes"),
        "{outage}"
    );
    is_unavailable(writer.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await);
    assert_eq!(writer.write_failures(), 1);
}

#[tokio::test]
async fn writing_goes_on_when_a_server_takes_writes_again() {
    let url = testing::empty_database_url().await;
    let role = format!("writer_{}", url.rsplit_once("%3D").unwrap().1);
    testing::administer(&url, &format!("create role {role} login superuser")).await;
    let store = Store::open(&as_role(&url, &role)).await.unwrap();
    store.migrate().await.unwrap();
    store.need_writes();
    let read_only = async |on: &str| {
        let statements = format!(
            "alter role {role} set default_transaction_read_only = {on};
             select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'"
        );
        testing::administer(&url, &statements).await;
    };
    read_only("on").await;
    is_unavailable(store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await);
    store.probe_now().await.unwrap_err();
    // As after a failover: what is connected stays with the server that takes no writes.
    testing::administer(&url, &format!("alter role {role} reset default_transaction_read_only")).await;
    store.probe_now().await.unwrap();
    store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap();
    store.close().await;
    testing::administer(&url, &format!("drop owned by {role}; drop role {role}")).await;
}

#[tokio::test]
async fn server_that_refuses_the_log_in_is_an_outage_of_this_process() {
    let url = testing::empty_database_url().await;
    let role = format!("refused_{}", url.rsplit_once("%3D").unwrap().1);
    testing::administer(&url, &format!("create role {role} login superuser")).await;
    let store = Store::open(&as_role(&url, &role)).await.unwrap();
    store.migrate().await.unwrap();
    store.probe_now().await.unwrap();
    let refuse = format!(
        "alter role {role} nologin;
         select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'"
    );
    testing::administer(&url, &refuse).await;
    is_unavailable(store.people().await);
    // The connection that was ended answers with that, the next one is refused.
    let _ = store.probe_now().await;
    let outage = store.probe_now().await.unwrap_err();
    assert!(!outage.is_shared() && outage.to_string().contains("not permitted to log in"), "{outage}");
    store.close().await;
    testing::administer(&url, &format!("drop owned by {role}; drop role {role}")).await;
}

fn as_role(url: &str, role: &str) -> Location {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, server) = rest.split_once('@').unwrap();
    format!("{scheme}://{role}@{server}").parse().unwrap()
}

#[tokio::test]
async fn database_of_another_encoding_is_refused_with_the_cure() {
    let url = testing::empty_database_url().await;
    let schema = url.rsplit_once("%3D").unwrap().1.to_owned();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("{schema}_{}", encoding.to_lowercase());
        let create = format!(
            "create database {name} encoding '{encoding}' lc_collate 'C' lc_ctype 'C' template template0"
        );
        testing::administer(&url, &format!("drop database if exists {name}")).await;
        testing::administer(&url, &create).await;
        let (server, _) = url.rsplit_once('/').unwrap();
        let refused = Store::open(&format!("{server}/{name}").parse().unwrap()).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(&name) && text.contains(encoding), "{text}");
        assert!(text.contains("createdb --encoding=UTF8 --template=template0"), "{text}");
        testing::administer(&url, &format!("drop database {name}")).await;
    }
}

#[tokio::test]
async fn text_with_nul_is_refused_as_such() {
    let store = testing::postgres().await;
    let error = store.person("a\0b").await.unwrap_err();
    assert!(matches!(error, Error::Nul(_)), "{error:?}");
    store.people().await.unwrap();
}

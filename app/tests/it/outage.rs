//! A database that hangs, refuses, or cannot write. Scrapes must not notice, and operators, clients and load balancers
//! must.

use domain::{Collection, Document};
use jiff::Timestamp;
use store::{Batch, Location, Origin, Store};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::end_to_end::now;
use std::process::Command;

use crate::process::{Running, WAIT_TIMEOUT, finish, get, http, myhealth, printed, service, until};

/// What becomes of what clients and server say to each other.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    Open,
    /// Nothing arrives any more.
    Held,
    /// Connections are ended, and new ones refused as by a server that is starting.
    Refused,
}

/// Stands before a server.
struct Proxy {
    port: u16,
    flow: watch::Sender<Flow>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (flow, watched) = watch::channel(Flow::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() == Flow::Refused {
                    tokio::spawn(refuse(client));
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_client, to_server, watched.clone()));
                tokio::spawn(pass(from_server, to_client, watched.clone()));
            }
        });
        Self { port, flow }
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
) {
    let mut refused = flow.clone();
    let pass = async {
        let mut some = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut some).await {
            if flow.wait_for(|flow| *flow == Flow::Open).await.is_err()
                || to.write_all(&some[..length]).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = pass => {}
        _ = refused.wait_for(|flow| *flow == Flow::Refused) => {}
    }
}

/// Answers as PostgreSQL does while it starts: no TLS, then an error with its SQLSTATE.
async fn refuse(mut client: TcpStream) -> std::io::Result<()> {
    const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut start = [0; 8];
    client.read_exact(&mut start).await?;
    if start == TLS_REQUEST {
        client.write_all(b"N").await?;
        client.read_exact(&mut start).await?;
    }
    let fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    client.write_all(&[b"E".as_slice(), &length, fields].concat()).await?;
    client.shutdown().await
}

/// Host and port of a database's address.
fn server(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    authority.rsplit('@').next().unwrap()
}

pub(crate) async fn sleep(store: &Store, person: i64, value: u8, now: Timestamp) {
    let day = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let body = format!("{{\"id\":\"a\",\"day\":\"{day}\",\"score\":{value},\"contributors\":{{}}}}");
    let batch = Batch {
        person,
        collection: Collection::DailySleep,
        covered: None,
        origin: Origin::Api,
        documents: vec![Document::parse(Collection::DailySleep, &body).unwrap()],
        nearby: Vec::new(),
        rejected: Vec::new(),
    };
    store.apply(&batch, now).await.unwrap();
}

#[tokio::test]
async fn hanging_database_is_reported_and_last_values_stay() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let location: Location = url.parse().unwrap();
    let store = Store::open(&location).await.unwrap();
    let person = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    sleep(&store, person, 81, now()).await;

    let proxy = Proxy::start(server(&url).to_owned()).await;
    let url = url.replacen(server(&url), &format!("127.0.0.1:{}", proxy.port), 1);
    let words =
        ["serve", "--roles", "exporter", "--web.listen-address", "127.0.0.1:0", "--database-url", &url];
    let running = Running::start(myhealth(&words));
    let web = running.address("web").await;
    // Who waits for the database here waits for ever.
    let ask = async |path: &str| {
        let answer = tokio::time::timeout(WAIT_TIMEOUT, get(&format!("http://{web}{path}"))).await;
        answer.expect("an answer while the database hangs")
    };
    let shows = async |what: &str| {
        until(what, async || ask("/metrics").await.filter(|text| text.contains(what))).await
    };
    let line = |score: u8| format!("oura_sleep_score{{person=\"ann\"}} {score}\n");
    shows(&line(81)).await;
    until("readiness", async || ask("/-/ready").await).await;

    proxy.flow.send_replace(Flow::Held);
    sleep(&store, person, 64, now()).await;
    let text = shows("myhealth_store_up 0\n").await;
    assert!(text.contains(&line(81)), "the newest known value stays: {text}");
    assert!(ask("/-/ready").await.is_some(), "it still answers scrapes; a restart would lose the values");
    assert!(ask("/-/healthy").await.is_some() && ask("/probe?target=ann").await.is_some());

    proxy.flow.send_replace(Flow::Open);
    shows(&line(64)).await;
    shows("myhealth_store_up 1\n").await;
}

/// The status and `Retry-After` of an answer.
async fn status(url: &str) -> (u16, Option<String>) {
    let answer = http().get(url).send().await.unwrap();
    let retry_after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry_after)
}

async fn shows(web: &str, what: &str) {
    let metrics = format!("http://{web}/metrics");
    until(what, async || get(&metrics).await.filter(|text| text.contains(what))).await;
}

#[tokio::test]
async fn refusing_server_shows_without_a_request_and_every_replica_stays_in_rotation() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let proxy = Proxy::start(server(&url).to_owned()).await;
    let url = url.replacen(server(&url), &format!("127.0.0.1:{}", proxy.port), 1);
    let mut command = myhealth(&["serve", "--roles", "exporter,api", "--database-url", &url]);
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    let running = Running::start(command);
    let (web, api) = (running.address("web").await, running.address("api").await);
    let ready = format!("http://{web}/-/ready");
    until("readiness", async || get(&ready).await).await;
    assert_eq!(status(&format!("http://{api}/api/v1/people")).await, (200, None));

    proxy.flow.send_replace(Flow::Refused);
    shows(&web, "myhealth_store_up 0\n").await;
    for path in ["health", "people", "sleep"] {
        let answer = status(&format!("http://{api}/api/v1/{path}")).await;
        assert_eq!(answer, (503, Some("5".to_owned())), "{path}");
    }
    assert!(get(&ready).await.unwrap().contains("database is unavailable"));
    let output = running.output();
    assert_eq!(output.matches("database unavailable").count(), 1, "{output}");

    proxy.flow.send_replace(Flow::Open);
    shows(&web, "myhealth_store_up 1\n").await;
    assert_eq!(status(&format!("http://{api}/api/v1/people")).await, (200, None));
    assert_eq!(get(&ready).await.unwrap(), "ready\n");
}

#[tokio::test]
async fn health_is_answered_while_the_server_hangs() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let proxy = Proxy::start(server(&url).to_owned()).await;
    let url = url.replacen(server(&url), &format!("127.0.0.1:{}", proxy.port), 1);
    let mut command = myhealth(&["serve", "--roles", "api", "--database-url", &url]);
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    let running = Running::start(command);
    let api = running.address("api").await;
    proxy.flow.send_replace(Flow::Held);
    let health = format!("http://{api}/api/v1/health");
    let lost =
        until("health to follow", async || Some(status(&health).await).filter(|(code, _)| *code != 200));
    assert_eq!(lost.await, (503, Some("5".to_owned())));
    proxy.flow.send_replace(Flow::Open);
    until("health to follow", async || get(&health).await).await;
}

#[tokio::test]
async fn server_that_takes_no_writes_is_unavailable_to_ingest_and_not_to_the_api() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let read_only = format!("{url}%20-c%20default_transaction_read_only%3Don");
    let mut command = myhealth(&["serve", "--roles", "api", "--database-url", &read_only]);
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    let running = Running::start(command);
    let (web, api) = (running.address("web").await, running.address("api").await);
    assert_eq!(status(&format!("http://{api}/api/v1/health")).await, (200, None));
    shows(&web, "myhealth_store_up 1\n").await;
}

#[tokio::test]
async fn embedded_database_that_cannot_write_is_not_ready_serves_reads_and_writes_again_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(finish(myhealth(&["person", "add", "me", "--data-dir", data])).status.success());
    let made = finish(myhealth(&[
        "token",
        "create",
        "i",
        "--scope",
        "ingest",
        "--scope",
        "rest",
        "--data-dir",
        data,
    ]));
    let token = printed(&made).split_whitespace().find(|word| word.starts_with("mh_")).unwrap().to_owned();
    // A file that would grow beyond the limit fails to be written, as on a disk with errors.
    let served = service(&["serve", "--roles", "exporter,api"], folder.path());
    let mut command = Command::new("/bin/sh");
    command.env_clear().args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    command.arg(served.get_program()).args(served.get_args());
    let running = Running::start(command);
    let (web, api) = (running.address("web").await, running.address("api").await);
    let ready = format!("http://{web}/-/ready");
    until("readiness", async || get(&ready).await).await;
    let push = async |bytes: usize| {
        let filler = "x".repeat(bytes);
        let body = format!(
            r#"{{"person":"me","collection":"daily_sleep","documents":[{{"id":"{bytes}","day":"2026-01-01","score":71,"x":"{filler}"}}]}}"#
        );
        let request = http().post(format!("http://{api}/api/v1/ingest")).bearer_auth(&token);
        request.header("content-type", "application/json").body(body).send().await.unwrap().status().as_u16()
    };
    // The limit in force; the one up to which it may be raised stays.
    let limit = |bytes: &str| {
        let set =
            Command::new("prlimit").args(["--pid", &running.id(), &format!("--fsize={bytes}:")]).status();
        assert!(set.unwrap().success());
    };
    assert_eq!(push(10).await, 200);

    limit("4096");
    assert_eq!(push(200_000).await, 503);
    shows(&web, "myhealth_store_up 0\n").await;
    shows(&web, "myhealth_store_write_failures_total 1\n").await;
    assert_eq!(status(&ready).await.0, 503);
    assert_eq!(status(&format!("http://{api}/api/v1/health")).await.0, 503);
    let people = http().get(format!("http://{api}/api/v1/people")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(people.status(), 200, "reading needs no room");

    limit("unlimited");
    assert_eq!(push(200_001).await, 200, "at once, whatever the probe knows");
    shows(&web, "myhealth_store_up 1\n").await;
    until("readiness", async || get(&ready).await).await;
}

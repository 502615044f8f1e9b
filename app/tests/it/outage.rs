//! A database that hangs: nothing is refused, nothing is answered. Scrapes must not notice, and operators must.

use domain::{Collection, Document};
use jiff::Timestamp;
use store::{Batch, Location, Origin, Store};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::end_to_end::now;
use crate::process::{PATIENCE, Running, finish, get, myhealth, until};

/// Stands before a server and passes on what is said, or holds it back.
struct Proxy {
    port: u16,
    flows: watch::Sender<bool>,
}

impl Proxy {
    async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (flows, open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(pass(from_client, to_server, open.clone()));
                tokio::spawn(pass(from_server, to_client, open.clone()));
            }
        });
        Self { port, flows }
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut open: watch::Receiver<bool>,
) {
    let mut some = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut some).await {
        if open.wait_for(|open| *open).await.is_err() || to.write_all(&some[..length]).await.is_err() {
            return;
        }
    }
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
async fn a_hanging_database_is_said_and_the_last_values_stay_until_it_answers() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let location: Location = url.parse().unwrap();
    let store = Store::open(&location).await.unwrap();
    let person = store.ensure_person(&"ann".parse().unwrap(), "UTC", now()).await.unwrap().id;
    sleep(&store, person, 81, now()).await;

    let proxy = Proxy::start(server(&url).to_owned()).await;
    let url = url.replacen(server(&url), &format!("127.0.0.1:{}", proxy.port), 1);
    let words =
        ["serve", "--only", "exporter", "--web.listen-address", "127.0.0.1:0", "--database-url", &url];
    let running = Running::start(myhealth(&words));
    let web = running.address("gauges").await;
    // Who waits for the database here waits for ever.
    let ask = async |path: &str| {
        let answer = tokio::time::timeout(PATIENCE, get(&format!("http://{web}{path}"))).await;
        answer.expect("an answer while the database hangs")
    };
    let shows = async |what: &str| {
        until(what, async || ask("/metrics").await.filter(|text| text.contains(what))).await
    };
    let line = |score: u8| format!("oura_sleep_score{{person=\"ann\"}} {score}\n");
    shows(&line(81)).await;
    until("readiness", async || ask("/-/ready").await).await;

    proxy.flows.send_replace(false);
    sleep(&store, person, 64, now()).await;
    let text = shows("myhealth_store_up 0\n").await;
    assert!(text.contains(&line(81)), "the newest known value stays: {text}");
    assert!(ask("/-/ready").await.is_some(), "it still answers scrapes; a restart would lose the values");
    assert!(ask("/-/healthy").await.is_some() && ask("/probe?target=ann").await.is_some());

    proxy.flows.send_replace(true);
    shows(&line(64)).await;
    shows("myhealth_store_up 1\n").await;
}

//! Passwords of the database that change under load, and certificates of servers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::own_server::OwnServer;
use crate::process::{Running, finish, http, myhealth, printed, until};

const ROLE: &str = "writer";

/// The API as a role whose log-in is read from files below `folder`.
fn api(folder: &Path, words: &[&str]) -> Running {
    let mut command = myhealth(&["serve", "--roles", "api", "--log.level", "info"]);
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    // Every request of this test comes from one address.
    command.args(["--api.requests-per-second", "0"]);
    command.arg("--database-url-file").arg(folder.join("url")).args(words);
    Running::start(command)
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    ended: AtomicBool,
    requests: AtomicUsize,
    retries: AtomicUsize,
    failures: AtomicUsize,
}

/// Clients that request what only the database knows, and try once more when that fails.
async fn load(url: &str, clients: usize, during: impl AsyncFnOnce(&Seen)) -> Arc<Seen> {
    let seen = Arc::new(Seen::default());
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (seen, url, http) = (seen.clone(), url.to_owned(), http());
        all.spawn(async move {
            let succeeds =
                async || http.get(&url).send().await.is_ok_and(|response| response.status() == 200);
            while !seen.ended.load(Ordering::Relaxed) {
                seen.requests.fetch_add(1, Ordering::Relaxed);
                if !succeeds().await {
                    seen.retries.fetch_add(1, Ordering::Relaxed);
                    if !succeeds().await {
                        seen.failures.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
    }
    during(&seen).await;
    seen.ended.store(true, Ordering::Relaxed);
    all.join_all().await;
    seen
}

/// Waits for some more requests.
async fn some_more(seen: &Seen) {
    let until_now = seen.requests.load(Ordering::Relaxed);
    until("more requests", async || (seen.requests.load(Ordering::Relaxed) > until_now + 200).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn password_rotates_under_load_and_no_request_fails_beyond_one_retry() {
    let server = OwnServer::start();
    let folder = tempfile::tempdir().unwrap();
    let set = |password: &str| {
        server.set_password(ROLE, password);
        std::fs::write(folder.path().join("password"), password).unwrap();
    };
    set("first");
    let url = format!("{}?sslmode=disable", server.url(ROLE));
    std::fs::write(folder.path().join("url"), url).unwrap();
    let password = folder.path().join("password");
    let words = ["--database-password-file", password.to_str().unwrap()];
    let mut migrate = myhealth(&["migrate", "--database-url", &server.url(ROLE)]);
    migrate.args(words);
    assert!(finish(migrate).status.success());

    let running = api(folder.path(), &words);
    let people = format!("http://{}/api/v1/people", running.address("api").await);
    let mut ended = 0;
    let seen = load(&people, 8, async |seen| {
        some_more(seen).await;
        for rotation in 0..10 {
            set(&format!("rotated {rotation}"));
            ended += server.end_connections(ROLE);
            some_more(seen).await;
        }
    })
    .await;
    let [requests, retries, failures] =
        [&seen.requests, &seen.retries, &seen.failures].map(|count| count.load(Ordering::Relaxed));
    println!(
        "10 rotations, {ended} connections ended: {requests} requests, {retries} retries, {failures} failures"
    );
    assert!(ended >= 10, "connections were open");
    assert_eq!(failures, 0, "{requests} requests, {retries} retries\n{}", running.output());
    assert!(running.output().contains("database log-in changed"));
    assert!(!running.output().contains("rotated 3"), "no password is logged");
}

#[tokio::test]
async fn certificate_of_the_server_is_verified_by_the_authority_that_the_url_names() {
    let server = OwnServer::start();
    server.set_password(ROLE, "secret");
    let migrate = |host: &str, query: &str| {
        let url = server.url(ROLE).replacen("writer@localhost", &format!("writer:secret@{host}"), 1);
        finish(myhealth(&["migrate", "--database-url", &format!("{url}?{query}")]))
    };
    let verified = format!("sslmode=verify-full&sslrootcert={}", server.authority().display());
    let done = migrate("localhost", &verified);
    assert!(done.status.success(), "{}\n{}", printed(&done), server.log());
    // The name is not in the certificate.
    let other_name = migrate("127.0.0.1", &verified);
    assert!(
        !other_name.status.success() && printed(&other_name).contains("certificate"),
        "{}",
        printed(&other_name)
    );
    let unknown_authority = migrate("localhost", "sslmode=verify-full");
    assert!(printed(&unknown_authority).contains("UnknownIssuer"), "{}", printed(&unknown_authority));
    let no_file = migrate("localhost", "sslmode=verify-full&sslrootcert=/no/such/bundle.pem");
    assert!(!no_file.status.success());
}

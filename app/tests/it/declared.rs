//! Accounts and tokens in the API's configuration file: the API starts on a network address without a step by hand.

use std::path::Path;

use crate::process::{Running, finish, http, myhealth, printed, until};

const PASSWORD: &str = "correct horse battery staple";

/// What a command that prints an entry prints.
fn entry(words: &[&str]) -> String {
    let output = finish(myhealth(words));
    assert!(output.status.success(), "{}", printed(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// A file that declares a person, an account and a token, and the token's text.
fn declare(folder: &Path) -> (String, String) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("password"), PASSWORD).unwrap();
    let account = entry(&["account", "hash", "ann", "--person", "ann", "--password-file", &path("password")]);
    let words = ["token", "hash", "grafana", "--scope", "rest", "--expires", "2199-12-30"];
    let token = entry(&[&words[..], &["--token-file", &path("token")]].concat());
    assert_eq!(token, entry(&[&words[..], &["--token-file", &path("token")]].concat()), "the file is kept");
    let text =
        format!("people:\n  - {{name: ann, time_zone: Europe/Berlin}}\naccounts:\n{account}tokens:\n{token}");
    std::fs::write(path("api.yml"), text).unwrap();
    (path("api.yml"), std::fs::read_to_string(path("token")).unwrap().trim().to_owned())
}

fn serve(file: &str, store: &[&str]) -> Running {
    let mut command = myhealth(&["serve", "--only", "exporter,api", "--web.listen-address", "127.0.0.1:0"]);
    Running::start({
        command.args(["--api.listen-address", "0.0.0.0:0", "--api.config.file", file]).args(store);
        command
    })
}

async fn status(api: &str, token: &str) -> u16 {
    let request = http().get(format!("http://{api}/api/v1/people")).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

async fn declared_access_is_in_force_on_every_replica_until_it_leaves_the_file(store: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (file, token) = declare(folder.path());
    let (mut replicas, mut addresses) = (Vec::new(), Vec::new());
    // One after the other: the first one makes the embedded database.
    for _ in 0..2 {
        let replica = serve(&file, store);
        let port = replica.address("api").await.rsplit_once(':').unwrap().1.to_owned();
        addresses.push(format!("127.0.0.1:{port}"));
        replicas.push(replica);
    }
    for api in &addresses {
        assert_eq!((status(api, &token).await, status(api, "mh_1_00").await), (200, 401));
    }

    let by_hand = |words: &[&str]| {
        let output = finish(myhealth(&[words, store].concat()));
        (output.status.success(), printed(&output))
    };
    assert!(by_hand(&["token", "list"]).1.contains("ends 2199-12-31 00:00 UTC, declared"));
    for words in [&["token", "revoke", "1"][..], &["account", "remove", "ann"]] {
        let (done, output) = by_hand(words);
        assert!(!done && output.contains("declared in the API's configuration file"), "{output}");
    }

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("hash: sha256:", "hsah: sha256:")).unwrap();
    let web = replicas[0].address("web").await;
    let reload = async || {
        let answer = http().post(format!("http://{web}/-/reload")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (refused, why) = reload().await;
    assert!(refused == 500 && why.contains("line 9: unknown key hsah; did you mean hash?"), "{why}");
    assert_eq!(status(&addresses[0], &token).await, 200, "the old one stays");

    std::fs::write(&file, text.split("tokens:").next().unwrap()).unwrap();
    assert_eq!(reload().await.0, 200);
    for api in &addresses {
        until("the token to be revoked", async || (status(api, &token).await == 401).then_some(())).await;
    }
    std::fs::write(&file, &text).unwrap();
    replicas[1].signal("-HUP");
    for api in &addresses {
        until("the token to return", async || (status(api, &token).await == 200).then_some(())).await;
    }
    for replica in &replicas {
        let log = replica.output();
        assert!(!log.contains(&token) && !log.contains("argon2id") && !log.contains("sha256:"), "{log}");
    }
}

#[tokio::test]
async fn declared_access_is_in_force_on_postgres() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    declared_access_is_in_force_on_every_replica_until_it_leaves_the_file(&["--database-url", &url]).await;
}

#[tokio::test]
async fn declared_access_is_in_force_on_the_embedded_database() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    declared_access_is_in_force_on_every_replica_until_it_leaves_the_file(&["--data-dir", folder]).await;
    // A log-in with the declared password, on a first start with another database.
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, _) = declare(folder.path());
    let key = folder.path().join("api.key");
    std::fs::write(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f").unwrap();
    let (key, data) = (key.to_str().unwrap(), data.path().to_str().unwrap());
    let running = serve(&file, &["--data-dir", data, "--api.signing-key-file", key]);
    let port = running.address("api").await.rsplit_once(':').unwrap().1.to_owned();
    let body = format!(r#"{{"name":"ann","password":"{PASSWORD}"}}"#);
    let answer = http().post(format!("http://127.0.0.1:{port}/api/v1/auth/login")).body(body);
    let answer: serde_json::Value =
        serde_json::from_str(&answer.send().await.unwrap().text().await.unwrap()).unwrap();
    let session = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(status(&format!("127.0.0.1:{port}"), session).await, 200);
}

#[test]
fn api_on_a_network_address_without_credentials_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = myhealth(&["serve", "--only", "api", "--web.listen-address", "127.0.0.1:0"]);
    command.args(["--api.listen-address", "0.0.0.0:0", "--data-dir"]).arg(folder.path());
    let output = finish(command);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("--api.config.file"), "{}", printed(&output));

    let file = folder.path().join("web.yml");
    std::fs::write(&file, "tokens: []\npeople: [{name: ann, time_zone: UTC}]\n").unwrap();
    let output = finish(myhealth(&[
        "serve",
        "--config.check",
        "--only",
        "exporter",
        "--data-dir",
        folder.path().to_str().unwrap(),
        "--web.config.file",
        file.to_str().unwrap(),
    ]));
    assert_eq!(output.status.code(), Some(64), "{}", printed(&output));
    assert!(printed(&output).contains("--api.config.file"), "{}", printed(&output));
}

const WARNING: &str = "without a password; set users in --web.config.file";

#[tokio::test]
async fn open_gauges_on_a_network_address_are_warned_about_and_the_banner_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let serve = |address: &str, more: &[&str]| {
        let mut command = myhealth(&["serve", "--only", "exporter", "--web.listen-address", address]);
        command.args(["--data-dir", data]).args(more);
        Running::start(command)
    };
    for everywhere in ["0.0.0.0:0", ":0"] {
        let open = serve(everywhere, &[]);
        let page = open.address("web").await;
        assert!(page.starts_with("localhost:"), "{page}");
        assert!(crate::process::get(&format!("http://{page}/-/healthy")).await.is_some());
        assert_eq!(open.output().matches(WARNING).count(), 1, "{}", open.output());
    }
    let local = serve("127.0.0.1:0", &[]);
    assert!(local.address("web").await.starts_with("127.0.0.1:"));
    assert!(!local.output().contains(WARNING), "{}", local.output());
    let file = folder.path().join("web.yml");
    std::fs::write(&file, format!("basic_auth_users: {{ann: '{}'}}\n", bcrypt::hash("secret", 4).unwrap()))
        .unwrap();
    let guarded = serve("0.0.0.0:0", &["--web.config.file", file.to_str().unwrap()]);
    guarded.address("web").await;
    assert!(!guarded.output().contains(WARNING), "{}", guarded.output());
}

#[test]
fn token_file_that_is_too_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2hunter2").unwrap();
    let output = finish(myhealth(&["token", "hash", "x", "--token-file", file.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(64));
    assert!(
        printed(&output).contains("at least 32") && !printed(&output).contains("hunter2"),
        "{}",
        printed(&output)
    );
}

#[tokio::test]
async fn every_listener_answers_the_probes_of_prometheus_and_kubernetes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, format!("basic_auth_users: {{ann: '{}'}}\n", bcrypt::hash("secret", 4).unwrap()))
        .unwrap();
    let file = file.to_str().unwrap();
    let mut command = crate::process::service(&["serve", "--roles", "exporter,api"], folder.path());
    command.args(["--web.config.file", file, "--api.config.file", file]);
    let running = Running::start(command);
    for listener in ["web", "api"] {
        let address = running.address(listener).await;
        for (path, word) in [
            ("/-/healthy", "healthy"),
            ("/livez", "healthy"),
            ("/healthz", "healthy"),
            ("/health", "healthy"),
            ("/-/ready", "ready"),
            ("/readyz", "ready"),
        ] {
            let text =
                until(path, async || crate::process::get(&format!("http://{address}{path}")).await).await;
            assert_eq!(text.trim(), word, "{listener} {path}");
        }
        let guarded = http().get(format!("http://{address}/api/v1/people")).send().await.unwrap();
        assert_eq!(guarded.status(), 401, "{listener}");
    }
}

#[test]
fn hash_file_holds_the_hash_of_the_printed_entry() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (token, hash) = (path("token"), path("hash"));
    let words = ["token", "hash", "x", "--token-file", &token];
    let write = || {
        let output = finish(myhealth(&[&words[..], &["--hash-file", &hash]].concat()));
        assert!(output.status.success() && output.stdout.is_empty(), "{}", printed(&output));
        (std::fs::read_to_string(&token).unwrap(), std::fs::read_to_string(&hash).unwrap())
    };

    let (drawn, written) = write();

    let entry = printed(&finish(myhealth(&words)));
    assert!(written.starts_with("sha256:") && entry.contains(written.trim()), "{entry}");
    assert_eq!(write(), (drawn, written), "a token that exists is kept");
}

//! The exporter as operators run it: encrypted, behind a password, started by systemd, told to read its files again.

use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::ToSpan;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, IsCa, KeyPair,
    generate_simple_self_signed,
};

use crate::end_to_end::{ask, now, prometheus_with};
use crate::generation::{Generation, on_each_generation};
use crate::killed::Cloud;
use crate::process::{Running, finish, get, http, myhealth, printed, provided, service, started, until};

/// An exporter over what is stored in a folder.
fn exporter(folder: &Path, words: &[&str]) -> Command {
    let mut command = myhealth(&["serve", "--roles", "exporter", "--web.listen-address", "127.0.0.1:0"]);
    command.args(words).arg("--data-dir").arg(folder);
    command
}

/// A demo young enough to be complete in a moment.
fn young_demo(folder: &Path, words: &[&str]) -> Running {
    let since = now().to_zoned(jiff::tz::TimeZone::UTC).date().saturating_sub(40.days()).to_string();
    let mut command = service(&["demo", "--since", &since], folder);
    command.args(words);
    Running::start(command)
}

/// Certificate, key and a file that names them and lets `ann` in with `secret`.
fn encrypted(folder: &Path) -> String {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    let path = folder.join("web.yml");
    let text = format!(
        "tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{ann: '{}'}}\n",
        bcrypt::hash("secret", 4).unwrap()
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
on_each_generation!(prometheus_scrapes_over_tls_with_basic_auth, strict_parsers_accept_the_exposition);

async fn prometheus_scrapes_over_tls_with_basic_auth(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let file = encrypted(folder.path());
    let demo = young_demo(folder.path(), &["--web.config.file", &file]);
    let gauges = encrypted_address(&demo).await;
    let job = |name: &str, password: &str| {
        format!(
            "  - job_name: {name}\n    scheme: https\n    tls_config: {{ca_file: {}, server_name: localhost}}\n    \
             basic_auth: {{username: ann, password: {password}}}\n    static_configs: [{{targets: ['{gauges}']}}]\n",
            folder.path().join("cert.pem").display()
        )
    };
    let (_running, prometheus, _data) =
        prometheus_with(generation, &(job("right", "secret") + &job("wrong", "Secret")));
    let up = async |job: &str| ask(&prometheus, &format!("up{{job='{job}'}}")).await.map(|up| up > 0.5);
    until("a scrape", async || (up("right").await == Some(true)).then_some(())).await;
    until("a refusal", async || (up("wrong").await == Some(false)).then_some(())).await;
    until("a gauge", async || ask(&prometheus, "count(oura_activity_steps{job='right'})").await).await;
    assert_eq!(ask(&prometheus, "count({job='wrong',__name__=~'oura_.*'})").await, None);
    until("the refusals", async || {
        let refused = "myhealth_web_refused_total{job='right',reason='password'} > 0";
        ask(&prometheus, refused).await
    })
    .await;
}

/// Where an encrypted listener answers.
async fn encrypted_address(running: &Running) -> String {
    until("an encrypted address", async || {
        Some(started(&running.output(), "web")?.strip_prefix("https://")?.to_owned())
    })
    .await
}

#[tokio::test]
async fn healthcheck_trusts_the_given_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params.clone(), KeyPair::generate().unwrap()).unwrap();
    let stranger = CertifiedIssuer::self_signed(params.clone(), KeyPair::generate().unwrap()).unwrap();
    std::fs::write(path("authority.pem"), authority.pem()).unwrap();
    std::fs::write(path("stranger.pem"), stranger.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let signed =
        CertificateParams::new(["health.lan".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    // As `openssl req -x509` makes it: its own authority, which no chain may end with.
    let own = params.self_signed(&key).unwrap();
    for (certificate, told) in [
        (
            signed.pem(),
            vec![
                (vec!["--ca", "authority.pem", "--server-name", "health.lan"], 0),
                (vec!["--ca", "authority.pem"], 1),
                (vec!["--ca", "listener.pem"], 0),
                (vec!["--ca", "stranger.pem", "--server-name", "health.lan"], 1),
                (vec!["--insecure"], 0),
            ],
        ),
        (own.pem(), vec![(vec!["--ca", "listener.pem"], 0), (vec!["--ca", "stranger.pem"], 1)]),
    ] {
        std::fs::write(path("listener.pem"), certificate).unwrap();
        std::fs::write(path("key.pem"), key.serialize_pem()).unwrap();
        let file = "tls_server_config: {cert_file: listener.pem, key_file: key.pem}\n";
        std::fs::write(path("web.yml"), file).unwrap();
        let running = Running::start(exporter(folder.path(), &["--web.config.file", &path("web.yml")]));
        let url = format!("https://{}/-/healthy", encrypted_address(&running).await);
        for (words, code) in told {
            let mut probe = myhealth(&["healthcheck", &url]);
            let output = finish({
                probe.args(&words).current_dir(folder.path());
                probe
            });
            assert_eq!(output.status.code(), Some(code), "{words:?}: {}", printed(&output));
        }
    }
}

/// Python's own reader of OpenMetrics refuses what scrapers let pass: order, units, duplicates, exemplars, the end.
async fn strict_parsers_accept_the_exposition(generation: Generation) {
    let folder = tempfile::tempdir().unwrap();
    let collector = crate::telemetry::collector();
    let demo = young_demo(folder.path(), &["--otlp.endpoint", &collector.0]);
    let (web, api) = (demo.address("web").await, demo.address("api").await);
    until("gauges", async || {
        let body = get(&format!("http://{web}/metrics")).await;
        body.filter(|body| body.contains("oura_activity_steps{person="))
    })
    .await;
    get(&format!("http://{api}/api/v1/people")).await.unwrap();
    let mut exemplars = 0;
    for path in ["/metrics", "/metrics?collection[]=daily_activity", "/probe?target=me"] {
        let url = format!("http://{web}{path}");
        let accept = "application/openmetrics-text;version=1.0.0";
        let answer = http().get(&url).header("accept", accept).send().await.unwrap();
        assert!(
            answer.headers()["content-type"].to_str().unwrap().starts_with(accept.split(';').next().unwrap())
        );
        let text = answer.text().await.unwrap();
        exemplars += text.matches("# {trace_id=").count();
        assert!(text.contains("oura_activity_steps{person=\"me\"}"), "{path}: {text}");
        strictly(&text);
        let classic = get(&url).await.unwrap();
        assert!(!classic.contains("# {") && !classic.contains("# EOF"), "{path}");
        assert_eq!(complaints(generation, &classic), Vec::<String>::new(), "{path}");
    }
    assert!(exemplars > 0, "a request that was traced says where");
}

fn strictly(text: &str) {
    const READ: &str = "import sys\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
        families = list(read(sys.stdin.read()))\n\
        assert sum(len(family.samples) for family in families) > 10\n";
    let output = fed(Command::new(provided("MYHEALTH_TEST_PYTHON")).args(["-c", READ]), text);
    assert!(output.status.success(), "{}", printed(&output));
}

/// What promtool has against a page of metrics.
pub(crate) fn complaints(generation: Generation, text: &str) -> Vec<String> {
    // Version 2 takes the word for a type. Only a day that has one shows it, so it is not there in the morning.
    const WORD: &str = "oura_stress_summary metric name should not include type 'summary'";
    let output = fed(generation.promtool().args(["check", "metrics"]), text);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", printed(&output));
    let known = |line: &&str| generation == Generation::Debian && *line == WORD;
    printed(&output).lines().filter(|line| !known(line)).map(str::to_owned).collect()
}

/// Runs a command that reads `text`.
fn fed(command: &mut Command, text: &str) -> std::process::Output {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    command.stdin(Stdio::from(input)).output().unwrap()
}

#[tokio::test]
async fn scrape_filters_select_persons_collections_and_shards() {
    let folder = tempfile::tempdir().unwrap();
    for (person, seed) in [("ann", 3), ("bob", 4)] {
        let cloud = Cloud::of(seed).await;
        let data = folder.path().to_str().unwrap();
        let added = finish(myhealth(&["person", "add", person, "--time-zone", "UTC", "--data-dir", data]));
        assert!(added.status.success(), "{}", printed(&added));
        let mut command = cloud.command("sync", folder.path());
        command.args(["--person", person, "--from", "2026-03-20", "--to", "2026-03-29"]);
        let output = finish(command);
        assert!(output.status.success(), "{}", printed(&output));
    }
    let running = Running::start(exporter(folder.path(), &["--web.telemetry-path", "/numbers"]));
    let web = running.address("web").await;
    let all = until("both persons", async || {
        let body = get(&format!("http://{web}/numbers")).await;
        body.filter(|body| body.contains("person=\"ann\"") && body.contains("person=\"bob\""))
    })
    .await;
    assert!(all.contains("myhealth_exporter_people 2") && all.contains("myhealth_db_pool_used_connections"));
    let ann = get(&format!("http://{web}/probe?target=ann")).await.unwrap();
    assert!(ann.contains("person=\"ann\"") && !ann.contains("bob") && !ann.contains("process_"), "{ann}");
    let sleep =
        get(&format!("http://{web}/probe?target=ann&collection[]=sleep&collection%5B%5D=workout")).await;
    let sleep = sleep.unwrap();
    assert!(sleep.contains("collection=\"sleep\"") && !sleep.contains("heartrate"), "{sleep}");
    let landing = get(&format!("http://{web}/")).await.unwrap();
    assert!(
        landing.contains("href=\"/numbers\"") && landing.contains(env!("CARGO_PKG_VERSION")),
        "{landing}"
    );
    for (path, status, reason) in [
        ("/probe", 400, "?target=NAME"),
        ("/probe?target=eve", 404, "no person here"),
        ("/probe?target=a@b.c", 404, "no person here"),
        ("/probe?target=ann&collection[]=dreams", 400, "daily_sleep"),
        ("/numbers?collection[]=%00%ff", 400, ""),
        ("/numbers?&&&==%", 200, ""),
        ("/metrics", 404, ""),
    ] {
        let answer = http().get(format!("http://{web}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(reason) && text.len() < 1_000 || status == 200, "{path}: {text}");
    }
    drop(running);

    // Each person is in exactly one of the shards.
    let mut seen = Vec::new();
    for shard in ["0/2", "1/2"] {
        let running = Running::start(exporter(folder.path(), &["--shard", shard]));
        let web = running.address("web").await;
        until("readiness", async || get(&format!("http://{web}/-/ready")).await).await;
        let body = get(&format!("http://{web}/metrics")).await.unwrap();
        seen.extend(["ann", "bob"].into_iter().filter(|name| body.contains(&format!("person=\"{name}\""))));
    }
    seen.sort_unstable();
    assert_eq!(seen, ["ann", "bob"]);
}

#[tokio::test]
async fn web_config_is_reloaded_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, "# open\n").unwrap();
    let running = Running::start(exporter(folder.path(), &["--web.config.file", file.to_str().unwrap()]));
    let web = running.address("web").await;
    let metrics = format!("http://{web}/metrics");
    let reload = async || http().post(format!("http://{web}/-/reload")).send().await.unwrap();
    assert_eq!(reload().await.status(), 200);
    assert!(get(&metrics).await.unwrap().contains("myhealth_config_last_reload_successful 1"));

    std::fs::write(&file, "basic_auth_users: {ann: hunter2}\n").unwrap();
    let answer = reload().await;
    assert_eq!(answer.status(), 500);
    let text = answer.text().await.unwrap();
    assert!(text.contains("basic_auth_users.ann") && !text.contains("hunter2"), "{text}");
    // At once, and not only when the file's watcher looks again: the API's listener, which has no file, was read too.
    until("an answer newer than the one kept", async || {
        let body = get(&metrics).await.unwrap();
        let failures =
            body.lines().find_map(|line| line.strip_prefix("myhealth_config_reload_failures_total "));
        let successful =
            body.lines().find_map(|line| line.strip_prefix("myhealth_config_last_reload_successful "));
        if failures != Some("0") {
            assert_eq!(successful, Some("0"), "{body}");
        }
        (failures != Some("0")).then_some(())
    })
    .await;
    assert!(
        running.output().contains("the previous one stays in force") && !running.output().contains("hunter2")
    );

    let hash = bcrypt::hash("secret", 4).unwrap();
    std::fs::write(&file, format!("basic_auth_users: {{ann: '{hash}'}}\n")).unwrap();
    running.signal("-HUP");
    until("a closed door", async || {
        let status = http().get(&metrics).send().await.unwrap().status();
        (status == 401).then_some(())
    })
    .await;
    let inside = http().get(&metrics).basic_auth("ann", Some("secret")).send().await.unwrap();
    assert_eq!(inside.status(), 200);
    assert!(get(&format!("http://{web}/-/ready")).await.is_some(), "probes stay open");
}

#[tokio::test]
async fn pages_of_other_origins_make_it_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(service(&["serve", "--roles", "exporter,api"], folder.path()));
    let (web, api) = (running.address("web").await, running.address("api").await);
    for (address, path) in [
        (&web, "/-/reload"),
        (&web, "/api/v1/ingest"),
        (&web, "/api/v1/prometheus/read"),
        (&api, "/api/v1/ingest"),
        (&api, "/api/v1/prometheus/read"),
        (&api, "/api/v1/jobs"),
        (&api, "/api/v1/auth/login"),
    ] {
        let send = async |origin: Option<String>| {
            let mut request =
                http().post(format!("http://{address}{path}")).header("content-type", "text/plain");
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let answer = request.body("{}").send().await.unwrap();
            let status = answer.status();
            let refused = answer.text().await.unwrap().contains("another origin");
            assert!(!refused || status == 403, "{path}: {status}");
            refused
        };
        assert!(send(Some("https://evil.example".to_owned())).await, "{path}");
        assert!(send(Some("null".to_owned())).await, "{path}");
        for allowed in [None, Some(format!("http://{address}"))] {
            assert!(!send(allowed.clone()).await, "{path} {allowed:?}");
        }
    }
    let links = http().get(format!("http://{web}/")).header("sec-fetch-site", "cross-site");
    assert_eq!(links.send().await.unwrap().status(), 200, "a link leads here from anywhere");
}

#[tokio::test]
async fn systemd_socket_activation_works() {
    let folder = tempfile::tempdir().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // What systemd does: the socket is file 3, and two variables say so to this very process.
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
    let mut command = Command::new("/bin/sh");
    command.env_clear().args(["-c", script, "sh", env!("CARGO_BIN_EXE_myhealth")]);
    command.args(["serve", "--roles", "exporter", "--web.systemd-socket", "--data-dir"]).arg(folder.path());
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    let running = Running::start(command);
    assert_eq!(running.address("web").await, address.to_string());
    assert!(get(&format!("http://{address}/metrics")).await.unwrap().contains("myhealth_build_info"));

    let output = finish(exporter(folder.path(), &["--web.systemd-socket"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("start the .socket unit"), "{}", printed(&output));
}

#[tokio::test]
async fn several_listen_addresses_serve_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let running = Running::start(exporter(folder.path(), &["--web.listen-address", &other]));
    let first = running.address("web").await;
    for address in [first, other] {
        assert!(get(&format!("http://{address}/-/healthy")).await.is_some(), "{address}");
    }
}

#[test]
fn config_check_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let check = |words: &[&str], code: i32, expected: &str| {
        let mut command = myhealth(&["serve", "--roles", "exporter", "--config.check", "--data-dir"]);
        command.arg(&data).args(words);
        let output = finish(command);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", printed(&output));
        assert!(printed(&output).contains(expected), "{words:?}: {}", printed(&output));
    };
    check(&[], 0, "usable");
    check(
        &["--web.config.file", "none.yml"],
        64,
        "--web.config.file none.yml; check the path: cannot read none.yml",
    );
    let broken = folder.path().join("web.yml");
    std::fs::write(&broken, "basic_auth_users: {ann: hunter2}").unwrap();
    check(&["--api.config.file", broken.to_str().unwrap()], 64, "--api.config.file");
    std::fs::write(&broken, "rate_limit: {interval: 1s, burst: 20}").unwrap();
    check(&["--web.config.file", broken.to_str().unwrap()], 0, "usable");
    assert!(!data.exists(), "nothing was opened");
}

#[tokio::test]
async fn exporter_works_with_a_read_only_role() {
    let url = store::testing::empty_database_url().await;
    assert!(finish(myhealth(&["migrate", "--database-url", &url])).status.success());
    let read_only = format!("{url}%20-c%20default_transaction_read_only%3Don");
    let words =
        ["serve", "--roles", "exporter", "--web.listen-address", "127.0.0.1:0", "--database-url", &read_only];
    let running = Running::start(myhealth(&words));
    let web = running.address("web").await;
    until("readiness", async || get(&format!("http://{web}/-/ready")).await).await;
    assert!(get(&format!("http://{web}/metrics")).await.unwrap().contains("myhealth_store_up 1"));
}

//! Log-ins with the real binary, as a person at a browser or a terminal makes them, and as a service keeps them.

mod renewal;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use simulator::{Application, Fault, Life, Person};

use crate::process::{Running, finish, get, http, myhealth, printed, until};

const SECRET: &str = "c11e47-5ec2e7-of-the-simulated-application";
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A simulated Oura whose clock can be moved, and an application registered there.
struct Oura {
    cloud: Arc<simulator::Cloud>,
    address: String,
    /// Seconds that its clock is ahead of ours.
    ahead: Arc<AtomicI64>,
    id: &'static str,
    port: u16,
    /// The first day of the ring.
    since: jiff::civil::Date,
}

/// Life of an access token, seconds.
const LIFE: i64 = 86_400;

impl Oura {
    async fn start(id: &'static str) -> Self {
        Self::of_wearer(id, 3).await
    }

    /// The account of another wearer.
    async fn of_wearer(id: &'static str, seed: u64) -> Self {
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = ahead.clone();
        #[expect(clippy::disallowed_methods, reason = "the binary lives in real time")]
        let now = move || Timestamp::now() + SignedDuration::from_secs(clock.load(Ordering::Relaxed));
        let today = now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let since = today.saturating_sub(jiff::Span::new().days(20));
        let person = Person::new(Life::new(seed, since));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let application = Application {
            id: id.to_owned(),
            secret: SECRET.to_owned(),
            redirect_uri: format!("http://localhost:{port}/callback"),
            expires_in: LIFE,
            unticked: vec!["tag".to_owned()],
        };
        let cloud = simulator::Cloud::new(now).with_person("nobody's", person, simulator::SCOPES);
        let cloud = Arc::new(match id {
            "portal" => cloud.with_portal_application(application),
            _ => cloud.with_application(application),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = cloud.router();
        // On a thread of its own: tests block while they wait for processes.
        std::thread::spawn(move || {
            let listener = listener.into_std().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
            });
        });
        Self { cloud, address, ahead, id, port, since }
    }

    /// A command with the application's settings and an embedded database.
    fn command(&self, name: &str, folder: &Path) -> Command {
        let mut command = self.command_on(name);
        command.arg("--data-dir").arg(folder);
        command
    }

    fn command_on(&self, name: &str) -> Command {
        let mut command = myhealth(&[name]);
        let url = |path: &str| format!("{}/oauth/{path}", self.address);
        let both = |path: &str| format!("{},{}", url(path), url(&format!("v2/ext/oauth-{path}")));
        command.env("MYHEALTH_OURA_CLIENT_ID", self.id).env("MYHEALTH_OURA_CLIENT_SECRET", SECRET);
        command.env("MYHEALTH_OURA_REDIRECT_URI", format!("http://localhost:{}/callback", self.port));
        command.env("MYHEALTH_OURA_AUTHORIZE_URL", url("authorize"));
        command.env("MYHEALTH_OURA_TOKEN_URL", both("token")).env("MYHEALTH_OURA_REVOKE_URL", both("revoke"));
        command.env("MYHEALTH_OURA_URL", &self.address).env("MYHEALTH_TIME_ZONE", "UTC");
        command.env("MYHEALTH_HISTORY_FROM", self.since.to_string());
        command
    }

    /// Requests at the token addresses.
    fn exchanges(&self) -> usize {
        self.cloud.log().iter().filter(|request| request.path.ends_with("token")).count()
    }

    /// Makes Oura refuse every access token that is out, as if it had ended.
    fn a_day_passes(&self) {
        self.ahead.fetch_add(LIFE + 1, Ordering::Relaxed);
    }
}

/// Gives the consent by paste.
fn log_in(mut command: Command) -> Output {
    command.arg("--paste");
    paste(command, &|link| format!("{}\n", consent(link)))
}

/// What the browser is sent to after the consent.
fn consent(link: &str) -> String {
    let link = link.to_owned();
    // On a thread of its own: the caller blocks.
    let asked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
            let answer = http.build().unwrap().get(link).send().await.unwrap();
            answer.headers()["location"].to_str().unwrap().to_owned()
        })
    });
    asked.join().unwrap()
}

/// Runs a log-in by paste: reads the link, and types what `typed` makes of it.
fn paste(mut command: Command, typed: &dyn Fn(&str) -> String) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    let link = loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap() == 0 {
            break None;
        }
        stdout.push_str(&line);
        if line.contains("response_type=code") {
            break Some(line.trim().to_owned());
        }
    };
    if let Some(link) = link {
        child.stdin.take().unwrap().write_all(typed(&link).as_bytes()).unwrap();
    }
    lines.read_to_string(&mut stdout).unwrap();
    let output = child.wait_with_output().unwrap();
    Output { stdout: stdout.into_bytes(), ..output }
}

/// The link that a running log-in prints.
async fn link_of(running: &Running) -> String {
    let find = || {
        let output = running.output();
        Some(output.lines().find(|line| line.contains("response_type=code"))?.trim().to_owned())
    };
    until("the link", async || find()).await
}

/// The command of a unit that has no settings of the application.
fn without_application(mut command: Command) -> Command {
    command.env_remove("MYHEALTH_OURA_CLIENT_ID").env_remove("MYHEALTH_OURA_CLIENT_SECRET");
    command
}

#[tokio::test]
async fn application_of_the_log_in_is_used_where_none_is_configured() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    let sync = || without_application(oura.command("sync", folder.path()));
    let output = finish(sync());
    assert_eq!(output.status.code(), Some(64), "{}", printed(&output));
    assert!(log_in(oura.command("login", folder.path())).status.success());
    // One scope was not given, so some collections fail.
    assert!(printed(&finish(sync())).contains("windows read"));
    oura.a_day_passes();
    let before = oura.exchanges();
    let output = finish(sync());
    assert!(printed(&output).contains("windows read"), "{}", printed(&output));
    assert_eq!(oura.exchanges(), before + 1, "the application renews the log-in");
    let report = printed(&finish(without_application(oura.command("doctor", folder.path()))));
    assert!(report.contains("accepts the token"), "{report}");
    let half = finish({
        let mut sync = sync();
        sync.env("MYHEALTH_OURA_CLIENT_ID", "legacy");
        sync
    });
    assert_eq!(half.status.code(), Some(64));
    assert!(
        printed(&half).contains("--oura-client-id is set, but --oura-client-secret-file is not"),
        "{}",
        printed(&half)
    );
    let output = finish(without_application(oura.command("logout", folder.path())));
    assert!(!printed(&output).contains("not revoked at Oura"), "{}", printed(&output));
    assert_eq!(oura.cloud.log_ins(), 0, "the application revokes it");
}

#[tokio::test]
async fn browser_consent_is_used_by_every_role() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = oura.command("login", folder.path());
    command.arg("--no-browser");
    let mut login = Running::start(command);
    let link = link_of(&login).await;
    let callback = format!("http://localhost:{}/callback", oura.port);
    // Any page can send a browser there; it changes nothing.
    for forged in ["?code=forged", "?code=forged&state=forged", "?error=access_denied&state=forged", ""] {
        let answer = http().get(format!("{callback}{forged}")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{forged}");
    }
    assert_eq!(http().get(format!("{callback}/more")).send().await.unwrap().status(), 404);
    let page = get(&link).await.unwrap();
    assert!(page.contains("Consent given"), "{page}");
    assert!(login.ended().await.success(), "{}", login.output());
    let output = login.output();
    assert!(output.contains("me is logged in"), "{output}");
    assert!(output.contains("not given: tag (without it no enhanced_tag, tag)"), "{output}");
    assert!(!output.contains("not given: daily"), "{output}");
    let key = folder.path().join("secret.key");
    let rights = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(rights & 0o777, 0o600);

    let report = printed(&finish(oura.command("doctor", folder.path())));
    assert!(report.contains("logged in since") && report.contains("accepts the token"), "{report}");
    assert!(report.contains("the scope tag was not given (without it no enhanced_tag, tag)"), "{report}");
    let synced = printed(&finish(oura.command("sync", folder.path())));
    assert!(synced.contains("windows read"), "{synced}");

    let output = finish(oura.command("logout", folder.path()));
    assert!(output.status.success() && printed(&output).contains("me is logged out"), "{}", printed(&output));
    assert!(!printed(&output).contains("not revoked at Oura"), "{}", printed(&output));
    assert_eq!(oura.cloud.log_ins(), 0);
    let output = finish(oura.command("sync", folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("run `myhealth login`"), "{}", printed(&output));
    let report = printed(&finish(oura.command("doctor", folder.path())));
    assert!(report.contains("there is no log-in at Oura"), "{report}");
}

#[tokio::test]
async fn log_in_of_another_account_is_refused_and_changes_nothing() {
    let (mine, other) = (Oura::start("legacy").await, Oura::of_wearer("legacy", 4).await);
    let folder = tempfile::tempdir().unwrap();
    let as_person = |oura: &Oura, words: &[&str]| {
        let mut command = oura.command("login", folder.path());
        command.args(words);
        let output = log_in(command);
        (output.status.code(), printed(&output))
    };
    let list =
        || printed(&finish(myhealth(&["person", "list", "--data-dir", folder.path().to_str().unwrap()])));
    assert_eq!(as_person(&mine, &[]).0, Some(0));
    let synced = printed(&finish(mine.command("sync", folder.path())));
    assert!(synced.contains("windows read") && !synced.contains(" 0 new documents"), "{synced}");
    let before = list();

    let (code, text) = as_person(&other, &[]);
    assert!(code == Some(1) && text.contains("another Oura account than the one stored as me"), "{text}");
    let (code, text) = as_person(&mine, &["--person", "mee"]);
    assert!(code == Some(1) && text.contains("this Oura account is me's here"), "{text}");
    assert!(text.contains("mee is new here and is added by this log-in; did you mean me?"), "{text}");
    assert_eq!(list(), before, "nobody was added, and nothing was removed");
    let synced = printed(&finish(mine.command("sync", folder.path())));
    assert!(
        synced.contains(" 0 new documents") && synced.contains(" 0 deleted"),
        "the log-in of before: {synced}"
    );

    let mut doctor = other.command("doctor", folder.path());
    doctor.env_remove("MYHEALTH_OURA_CLIENT_ID").env_remove("MYHEALTH_OURA_CLIENT_SECRET");
    doctor.env("MYHEALTH_OURA_TOKEN", "nobody's");
    let report = printed(&finish(doctor));
    assert!(report.contains("another Oura account's than the one stored as me"), "{report}");
    let (code, text) = as_person(&other, &["--replace-account"]);
    assert!(code == Some(0) && text.contains("me has another Oura account from now on"), "{text}");
    let synced = printed(&finish(other.command("sync", folder.path())));
    assert!(synced.contains(" 0 deleted") && !synced.contains(" 0 new documents"), "{synced}");
    let (code, text) = as_person(&mine, &["--person", "ann"]);
    assert_eq!(code, Some(0), "the account of before may be a person again: {text}");
}

#[tokio::test]
async fn denied_consent_changes_nothing() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    oura.cloud.set_denies(true);
    let mut command = oura.command("login", folder.path());
    command.arg("--no-browser");
    let mut login = Running::start(command);
    let page = get(&link_of(&login).await).await.unwrap();
    assert!(page.contains("Consent denied"), "{page}");
    assert_eq!(login.ended().await.code(), Some(1));
    assert!(login.output().contains("denied"), "{}", login.output());
    let output = log_in(oura.command("login", folder.path()));
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("denied"), "{}", printed(&output));
    assert_eq!(oura.exchanges(), 0);
}

#[tokio::test]
async fn wrong_paste_is_prompted_again_and_server_failure_is_final() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    let login = || {
        let mut command = oura.command("login", folder.path());
        command.arg("--paste");
        command
    };
    let output = paste(login(), &|link| {
        let right = consent(link);
        let (before, _) = right.split_once("&state=").unwrap();
        format!("\nno idea\n{before}&state=another\n{right}\n")
    });
    let text = printed(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("belongs to another log-in") && text.contains("there is no code in it"), "{text}");
    let output = paste(login(), &|_| String::new());
    assert_eq!(output.status.code(), Some(1), "the end of input is no consent");
    oura.cloud.faults().next("/oauth/token", 1, &Fault::Status(500));
    let before = oura.exchanges();
    let output = paste(login(), &|link| format!("{}\n", consent(link)));
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("may be spent"), "{}", printed(&output));
    assert_eq!(oura.exchanges(), before + 1, "a code is sent once");
    // The log-in of before is still there.
    assert!(printed(&finish(oura.command("sync", folder.path()))).contains("windows read"));
}

#[tokio::test]
async fn serve_without_a_log_in_waits_for_one() {
    let oura = Oura::start("portal").await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = oura.command("serve", folder.path());
    command.args(["--web.listen-address", "127.0.0.1:0", "--api.listen-address", "127.0.0.1:0"]);
    command.args(["--interval", "10"]);
    let service = Running::start(command);
    let web = service.address("web").await;
    let metrics = format!("http://{web}/metrics");
    let shows = async |line: &str| {
        until(line, async || get(&metrics).await.filter(|body| body.contains(line))).await;
    };
    until("readiness", async || get(&format!("http://{web}/-/ready")).await).await;
    shows("myhealth_oauth_login_required{person=\"me\"} 1").await;
    shows("kind=\"login_required\"").await;
    assert!(service.output().contains("run `myhealth login`"), "{}", service.output());

    let output = log_in(oura.command("login", folder.path()));
    assert!(output.status.success(), "{}", printed(&output));
    shows("oura_newest_day_timestamp_seconds{person=\"me\"").await;
    shows("myhealth_oauth_login_required{person=\"me\"} 0").await;
    shows("myhealth_oauth_scope{person=\"me\",scope=\"tag\"} 0").await;
    assert!(
        get(&metrics)
            .await
            .unwrap()
            .contains("myhealth_oauth_token_expiry_timestamp_seconds{person=\"me\"} 1")
    );

    // Oura ends the access token early; the next look at Oura renews it, where it worked before.
    for round in 1..=2 {
        oura.a_day_passes();
        shows(&format!("myhealth_oauth_refreshes_total{{result=\"renewed\"}} {round}")).await;
        // A token that is refused again within the run that renewed it is another case.
        shows("\nmyhealth_sync_backlog_windows 0\n").await;
    }
    let asked = |path: &str| oura.cloud.log().iter().filter(|request| request.path == path).count();
    assert_eq!(asked("/oauth/token"), 1, "the first exchange found out where the application is at home");
    assert_eq!((asked("/oauth/v2/ext/oauth-token"), oura.cloud.refresh_reuses()), (3, 0));
}

#[tokio::test]
async fn incomplete_oauth_configuration_is_refused_before_opening_the_database() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    let check = |mut command: Command, words: &[&str], reason: &str| {
        let output = finish({
            command.args(words);
            command
        });
        assert_eq!(output.status.code(), Some(64), "{words:?}: {}", printed(&output));
        assert!(printed(&output).contains(reason), "{words:?}: {}", printed(&output));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{words:?} left something behind");
    };
    let plain = |name: &str| {
        let mut command = myhealth(&[name, "--data-dir"]);
        command.arg(folder.path());
        command
    };
    check(plain("login"), &[], "--oura-client-id");
    check(plain("serve"), &["--oura-client-id", "x"], "--oura-client-secret-file");
    check(plain("serve"), &["--oura-client-secret", "x"], "--oura-client-id is not");
    let server = ["--database-url", "postgres://nobody@127.0.0.1:1/none"];
    check(oura.command_on("login"), &server, "--encryption-key-file");
    check(oura.command_on("serve"), &server, "--encryption-key-file");
    let command = || oura.command("login", folder.path());
    check(command(), &["--oura-redirect-uri", "https://health.example/callback"], "--paste");
    check(command(), &["--oura-token-url", "http://health.example/token"], "unencrypted");
    check(command(), &["--oura-authorize-url", "nonsense"], "http(s)");
    check(command(), &["--encryption-key", "short"], "is no key");
}

#[tokio::test]
async fn trace_log_of_a_log_in_has_no_secrets() {
    let oura = Oura::start("legacy").await;
    let folder = tempfile::tempdir().unwrap();
    let talkative = |name: &str| {
        let mut command = oura.command(name, folder.path());
        command.args(["--log.level", "trace"]);
        command
    };
    let login = log_in(talkative("login"));
    oura.a_day_passes();
    let sync = finish(talkative("sync"));
    oura.a_day_passes();
    oura.cloud.faults().next("/oauth/token", 1, &Fault::Garbage);
    let broken = finish(talkative("sync"));
    let key = std::fs::read_to_string(folder.path().join("secret.key")).unwrap();
    for output in [&login, &sync, &broken, &finish(talkative("doctor")), &finish(talkative("logout"))] {
        let text = printed(output);
        for secret in ["simulated-access", "simulated-refresh", "simulated-code", SECRET, key.trim()] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(printed(&sync).contains("log-in renewed") && printed(&broken).contains("may be spent"));
}

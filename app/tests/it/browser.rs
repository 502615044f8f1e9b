//! The page in a real browser, used with a keyboard, on a phone and on a desk, in both themes.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::killed::Cloud;
use crate::process::{Running, finish, myhealth, printed, provided, service, until};

const LOG_IN: &str = include_str!("browser/log_in.mjs");
const PASSWORD: &str = "correct horse battery staple";

/// A folder with numbers of `ann` and an account of the same name.
async fn folder_with_account() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let run = |mut command: Command, words: &[&str]| {
        command.args(words);
        let output = finish(command);
        assert!(output.status.success(), "{}", printed(&output));
    };
    run(myhealth(&["person", "add", "ann", "--time-zone", "UTC", "--data-dir", data]), &[]);
    let cloud = Cloud::of(3).await;
    let days = ["--person", "ann", "--from", "2026-03-01", "--to", "2026-03-29"];
    run(cloud.command("sync", folder.path()), &days);
    let password = folder.path().join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    let words = ["account", "add", "ann", "--person", "ann", "--password-file", password.to_str().unwrap()];
    run(myhealth(&words), &["--data-dir", data]);
    folder
}

/// What a script saw in a browser.
pub(crate) fn browse(script: &str, settings: &Value) -> Value {
    let mut node = Command::new(provided("MYHEALTH_TEST_NODE"));
    node.args(["--input-type=module", "-e", script]).arg(settings.to_string());
    let output = finish({
        node.current_dir(provided("MYHEALTH_TEST_NODE_PACKAGES"));
        node
    });
    assert!(output.status.success(), "{}", printed(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where pictures of what is tested go, for someone to look at; usually nowhere.
pub(crate) fn pictures() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a picture is for the one who runs the test")]
    std::env::var("MYHEALTH_TEST_PICTURES").ok()
}

fn serve(folder: &Path) -> Running {
    let mut command = service(&["serve", "--roles", "exporter,api"], folder);
    command.args(["--api.log-ins-per-minute", "1000"]);
    Running::start(command)
}

#[tokio::test]
async fn person_logs_in_and_out_with_a_keyboard() {
    let folder = folder_with_account().await;
    let running = serve(folder.path());
    let (page, api) = (running.address("web").await, running.address("api").await);
    for (width, theme) in [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")] {
        let seen = browse(
            LOG_IN,
            &json!({
                "chromium": provided("MYHEALTH_TEST_CHROMIUM"), "page": format!("http://{page}/"),
                "api": format!("http://{api}"), "pictures": pictures(), "width": width, "theme": theme,
                "name": "ann", "password": PASSWORD,
            }),
        );
        let what = format!("{width} {theme}: {seen}");
        assert_eq!((&seen["heading"], &seen["focused"]), (&json!("Please log in"), &json!("name")), "{what}");
        assert_eq!(seen["refusal"], "Name or password is wrong.", "{what}");
        assert_eq!(
            (&seen["account"], &seen["ended"]),
            (&json!("ann"), &json!("The log-in has ended.")),
            "{what}"
        );
        let cookie =
            json!({"name": "myhealth-session", "httpOnly": true, "sameSite": "Strict", "secure": false});
        assert_eq!((&seen["cookies"], &seen["cookies_after"]), (&json!([cookie]), &json!(0)), "{what}");
        assert_eq!(seen["scripts_see"], "00", "{what}");
        assert!(seen["rows"].as_u64() > Some(10), "{what}");
        assert_eq!((&seen["rows_after"], &seen["rows_ended"]), (&json!(0), &json!(0)), "{what}");
        assert_eq!((&seen["violations"], &seen["errors"]), (&json!([]), &json!([])), "{what}");
        assert_eq!((&seen["prompts"], &seen["wide"]), (&json!(0), &json!(0)), "{what}");
    }
    let log = running.output();
    assert!(!log.contains(PASSWORD) && !log.contains("eyJ"), "{log}");
}

const PROVIDER: &str = include_str!("browser/provider.mjs");
const SINGLE_SIGN_ON: &str = include_str!("browser/single_sign_on.mjs");
const CLIENT_SECRET: &str = "a-secret-of-the-client-5eed9a11e5";

/// A certified provider, which sends browsers back to this address.
fn provider(redirect: &str) -> Running {
    let mut node = Command::new(provided("MYHEALTH_TEST_NODE"));
    let settings = json!({"secret": CLIENT_SECRET, "redirect": redirect});
    node.args(["--input-type=module", "-e", PROVIDER]).arg(settings.to_string());
    node.current_dir(provided("MYHEALTH_TEST_NODE_PACKAGES"));
    Running::start(node)
}

#[tokio::test]
async fn person_logs_in_at_an_identity_provider_and_without_it() {
    let folder = folder_with_account().await;
    // The provider has to know where it sends browsers back to before either of them runs.
    let page = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let redirect = format!("http://{page}/api/v1/auth/sso/callback");
    let provider = provider(&redirect);
    let issuer = until("the provider's address", async || {
        provider
            .output()
            .lines()
            .find_map(|line| Some(line.strip_prefix("issuer http://")?.trim_end_matches('/').to_owned()))
    })
    .await;
    let file = folder.path().join("api.yml");
    let text = format!(
        "single_sign_on:\n  name: Home\n  issuer: http://{issuer}\n  client_id: myhealth\n  client_secret: {CLIENT_SECRET}\n  \
         redirect_url: {redirect}\n  access:\n    - {{group: family, person: ann, role: reader}}\n    \
         - {{email: op@example.org, everyone: true, role: admin}}\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = myhealth(&["serve", "--roles", "exporter,api", "--api.listen-address", "127.0.0.1:0"]);
    command.args(["--web.listen-address", &page.to_string(), "--api.log-ins-per-minute", "1000"]);
    command.arg("--api.config.file").arg(&file).arg("--data-dir").arg(folder.path());
    let running = Running::start(command);
    running.address("web").await;
    let settings = |down: bool| {
        json!({
            "chromium": provided("MYHEALTH_TEST_CHROMIUM"), "page": format!("http://{page}/"), "pictures": pictures(),
            "down": down, "name": "ann", "password": PASSWORD,
        })
    };

    let seen = browse(SINGLE_SIGN_ON, &settings(false));
    let log = running.output();
    let what = format!("{seen}\n{log}");
    assert_eq!((&seen["button"], &seen["violations"]), (&json!("Log in with Home"), &json!([])), "{what}");
    assert_eq!((&seen["account"], &seen["again"]), (&json!("sso:ann"), &json!("sso:ann")), "{what}");
    assert!(seen["rows"].as_u64() > Some(10), "{what}");
    assert_eq!(seen["address"], format!("http://{page}/"), "{what}");
    let session = json!([{"name": "myhealth-session", "httpOnly": true, "sameSite": "Strict"}]);
    assert_eq!(seen["cookies"], session, "the attempt is forgotten: {what}");
    assert!(seen["stranger"].as_str().unwrap().contains("none of your groups opens anything"), "{what}");
    assert_eq!(
        (&seen["cancelled"], &seen["cancelled_address"]),
        (&json!("Home did not log you in."), &seen["address"])
    );
    assert!(seen["replayed"].as_str().unwrap().contains("took too long"), "{what}");

    drop(provider);
    let seen = browse(SINGLE_SIGN_ON, &settings(true));
    let text = seen["sentence"].as_str().unwrap();
    assert!(text.starts_with("Home does not answer.") && seen["account"] == "ann", "{seen}");

    let listed = |words: &[&str]| {
        let mut command = myhealth(words);
        command.arg("--data-dir").arg(folder.path());
        printed(&finish(command))
    };
    let accounts = listed(&["account", "list"]);
    assert!(
        accounts.contains("sso:ann") && accounts.contains("single sign-on") && !accounts.contains("eve"),
        "{accounts}"
    );
    crate::process::until("the entries", async || {
        let audit = listed(&["audit", "--action", "log-in"]);
        let accepted = audit.contains("account sso:ann") && audit.contains("/api/v1/auth/sso/callback");
        (accepted && audit.contains("account sso:eve")).then_some(())
    })
    .await;
    let log = running.output();
    for secret in [CLIENT_SECRET, PASSWORD, "eyJ", "?code="] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

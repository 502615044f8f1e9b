//! Log-ins as gateways check them: by the published keys alone, with libraries that are not ours.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::process::{Running, finish, http, json, myhealth, printed, provided, service};

const ISSUER: &str = "https://health.example.org";
const AUDIENCE: &str = "health";

/// Reads `keys.json` and `tokens.json` and prints the subject of each token, or `refused`.
const PYJWT: &str = r"
import json, jwt
keys = jwt.PyJWKSet.from_dict(json.load(open('keys.json')))
def check(token):
    try:
        key = keys[jwt.get_unverified_header(token)['kid']]
        return jwt.decode(token, key, algorithms=['ES256'], audience='health', issuer='https://health.example.org')['sub']
    except (jwt.PyJWTError, KeyError):
        return 'refused'
print(json.dumps([check(token) for token in json.load(open('tokens.json'))]))
";

const JOSERFC: &str = r"
import json
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
keys = KeySet.import_key_set(json.load(open('keys.json')))
rules = jwt.JWTClaimsRegistry(iss={'essential': True, 'value': 'https://health.example.org'}, aud={'essential': True, 'value': 'health'})
def check(token):
    try:
        claims = jwt.decode(token, keys, algorithms=['ES256']).claims
        rules.validate(claims)
        return claims['sub']
    except (JoseError, ValueError):
        return 'refused'
print(json.dumps([check(token) for token in json.load(open('tokens.json'))]))
";

const JOSE: &str = r"
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, jwtVerify } from 'jose';
const read = (name) => JSON.parse(readFileSync(process.argv[1] + '/' + name));
const keys = createLocalJWKSet(read('keys.json'));
const rules = { issuer: 'https://health.example.org', audience: 'health', algorithms: ['ES256'] };
const check = (token) => jwtVerify(token, keys, rules).then((it) => it.payload.sub, () => 'refused');
console.log(JSON.stringify(await Promise.all(read('tokens.json').map(check))));
";

fn subjects(mut verifier: Command) -> Value {
    let output = verifier.output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn log_in(api: &str) -> String {
    let body = r#"{"name":"ann","password":"correct horse battery staple"}"#;
    let answer = http().post(format!("http://{api}/api/v1/auth/login")).body(body).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn serve(data: &Path, audience: &str, more: &[&str]) -> Running {
    let words = ["serve", "--only", "exporter,api", "--api.issuer", ISSUER, "--api.audience", audience];
    let mut command = service(&words, data);
    command.args(more);
    Running::start(command)
}

#[tokio::test]
async fn log_in_is_verified_by_three_foreign_libraries_across_a_rotation() {
    let (data, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let password = here.path().join("password");
    std::fs::write(&password, "correct horse battery staple").unwrap();
    drop(finish(service_command(&["person", "add", "ann", "--time-zone", "UTC"], data.path())));
    let words = ["account", "add", "ann", "--everyone", "--password-file", password.to_str().unwrap()];
    let added = finish(service_command(&words, data.path()));
    assert!(added.status.success(), "{}", printed(&added));

    let first = serve(data.path(), AUDIENCE, &[]);
    let api = first.address("api").await;
    let old = log_in(&api).await;
    let configuration = json(&format!("http://{api}/.well-known/openid-configuration")).await;
    assert_eq!(configuration["issuer"], ISSUER);
    assert_eq!(configuration["jwks_uri"], format!("{ISSUER}/.well-known/jwks.json"));
    first.kill();

    // The key of before goes on being accepted; another signs.
    let (key, before) = (data.path().join("api-key.pem"), here.path().join("before.pem"));
    std::fs::rename(&key, &before).unwrap();
    let elsewhere = serve(data.path(), "elsewhere", &[]);
    let foreign = log_in(&elsewhere.address("api").await).await;
    elsewhere.kill();
    let second = serve(data.path(), AUDIENCE, &["--api.previous-signing-key-file", before.to_str().unwrap()]);
    let api = second.address("api").await;
    let new = log_in(&api).await;
    for token in [&old, &new] {
        let answer = http().get(format!("http://{api}/api/v1/people")).bearer_auth(token).send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    let answer = http().get(format!("http://{api}/.well-known/jwks.json")).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let keys = answer.text().await.unwrap();
    let published: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2);
    assert!(published["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()), "{keys}");

    let (message, signature) = new.rsplit_once('.').unwrap();
    let swapped = format!("{message}.{}", signature.chars().rev().collect::<String>());
    let tokens = [&old, &new, &foreign, &swapped, &format!("{message}.")];
    std::fs::write(here.path().join("keys.json"), keys).unwrap();
    std::fs::write(here.path().join("tokens.json"), serde_json::to_string(&tokens).unwrap()).unwrap();

    let python = |script| {
        let mut command = Command::new(provided("MYHEALTH_TEST_PYTHON"));
        command.args(["-c", script]).current_dir(here.path());
        command
    };
    let mut node = Command::new(provided("MYHEALTH_TEST_NODE"));
    node.args(["--input-type=module", "-e", JOSE]).arg(here.path());
    node.current_dir(provided("MYHEALTH_TEST_NODE_PACKAGES"));
    for (library, verifier) in [("PyJWT", python(PYJWT)), ("joserfc", python(JOSERFC)), ("jose", node)] {
        let subjects = subjects(verifier);
        let subject = subjects[0].as_str().unwrap();
        assert!(subject.parse::<i64>().is_ok(), "{library}: {subjects}");
        let expected = serde_json::json!([subject, subject, "refused", "refused", "refused"]);
        assert_eq!(subjects, expected, "{library}");
    }
}

/// A command on the same data, without listeners.
fn service_command(words: &[&str], data: &Path) -> Command {
    let mut command = myhealth(words);
    command.arg("--data-dir").arg(data);
    command
}

#[tokio::test]
async fn shared_key_of_an_earlier_version_is_accepted_with_a_warning() {
    let data = tempfile::tempdir().unwrap();
    let key = data.path().join("shared.key");
    std::fs::write(&key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n").unwrap();
    let password = data.path().join("password");
    std::fs::write(&password, "correct horse battery staple").unwrap();
    drop(finish(service_command(&["person", "add", "ann", "--time-zone", "UTC"], data.path())));
    let words = ["account", "add", "ann", "--everyone", "--password-file", password.to_str().unwrap()];
    assert!(finish(service_command(&words, data.path())).status.success());
    let before = serve(data.path(), AUDIENCE, &["--api.signing-key-file", key.to_str().unwrap()]);
    let api = before.address("api").await;
    let token = log_in(&api).await;
    assert!(before.output().contains("the next release refuses"), "{}", before.output());
    assert_eq!(json(&format!("http://{api}/.well-known/jwks.json")).await["keys"], serde_json::json!([]));
    before.kill();
    // As the embedded database had it.
    std::fs::rename(&key, data.path().join("api.key")).unwrap();
    let after = serve(data.path(), AUDIENCE, &[]);
    let api = after.address("api").await;
    let answer = http().get(format!("http://{api}/api/v1/people")).bearer_auth(&token).send().await;
    assert_eq!(answer.unwrap().status(), 200);
    assert!(!after.output().contains("the next release refuses"), "{}", after.output());
    let keys = json(&format!("http://{api}/.well-known/jwks.json")).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn metrics_of_the_process_are_at_the_apis_address_only_when_configured_and_need_a_credential() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert!(finish(myhealth(&["person", "add", "me", "--data-dir", data])).status.success());
    let made = finish(myhealth(&["token", "create", "scraper", "--scope", "rest", "--data-dir", data]));
    let made = printed(&made);
    let token = made.split_whitespace().find(|word| word.starts_with("mh_")).unwrap();
    for (flag, with_token, without) in [(Some("--api.metrics"), 200, 401), (None, 404, 401)] {
        let mut command = service(&["serve", "--roles", "exporter,api"], folder.path());
        command.args(flag);
        let running = Running::start(command);
        let metrics = format!("http://{}/metrics", running.address("api").await);
        assert_eq!(http().get(&metrics).send().await.unwrap().status(), without);
        let answer = http().get(&metrics).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), with_token, "{flag:?}");
        let body = answer.text().await.unwrap();
        assert_eq!(body.contains("myhealth_build_info"), flag.is_some(), "{body}");
        assert!(!body.contains("oura_"), "gauges of people stay with the other address: {body}");
    }
}

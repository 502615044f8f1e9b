//! The scripts that write secrets, against a simulated AWS (moto): what they keep matters more than what they write.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process::{Running, free_port};
use crate::{apt, programs, python, run};

const AWS: [&str; 2] = ["awscli==1.46.3", "moto[server]==5.2.5"];

/// Paths before and after the site's function, which the edge runs before it looks for an object.
const PATHS: [(&str, &str); 4] = [
    ("/", "/index.html"),
    ("/guide/", "/guide/index.html"),
    ("/guide", "/guide/index.html"),
    ("/v1.2/style.css", "/v1.2/style.css"),
];

/// Runs the site's function by node.
pub(super) fn check_site_function(source: &Path) -> Result<()> {
    let function = std::fs::read_to_string(source.join("modules/cdn/index.js"))?;
    for (path, expected) in PATHS {
        let script = format!("{function}\nconsole.log(handler({{ request: {{ uri: '{path}' }} }}).uri);");
        let found =
            run::quietly(Command::new("node").args(["-e", &script]), "it needs node, which npm comes with.")?;
        ensure!(
            found.trim() == expected,
            "modules/cdn/index.js makes {} of {path}, not {expected}",
            found.trim()
        );
    }
    Ok(())
}

/// A cluster's state and values are those of one environment.
fn check_cluster(scripts: &Path) -> Result<()> {
    let cluster = |words: &[&str]| {
        let mut command = Command::new(scripts.join("cluster.sh"));
        run::quietly(command.env("TERRAFORM", "echo").args(words), "fix terraform/scripts/cluster.sh.")
    };
    let printed = [cluster(&["staging", "init"])?, cluster(&["staging", "plan", "-out=plan"])?].concat();
    for expected in [
        " init -backend-config=backend-staging.hcl\n",
        " plan -var=environment=staging -var-file=staging.tfvars.json -out=plan\n",
    ] {
        ensure!(printed.contains(expected), "cluster.sh does not run `{expected}`: {printed}");
    }
    ensure!(cluster(&["production", "plan"]).is_err(), "an environment without sizes was planned");
    Ok(())
}

/// Runs the scripts as an operator does.
pub(super) fn check(source: &Path) -> Result<()> {
    check_cluster(&source.join("scripts"))?;
    if programs::find("jq").is_none() {
        apt::install(&["jq"])?;
    }
    let python = python::with("aws", &AWS, "look at the lines above; it needs python3-venv and PyPI.")?;
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let mut server = Command::new(python.with_file_name("moto_server"));
    server.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let mut server = Running::logged(&server, &folder.path().join("moto.log"))?;
    server.until("its address", |said| said.contains("Running on http://"))?;
    let operator = Operator { scripts: source.join("scripts"), programs: python, port };

    let name = "myhealth-test";
    for secret in ["oura", "sealing-key"] {
        operator.aws(&["secretsmanager", "create-secret", "--name", &format!("{name}/{secret}")])?;
    }
    operator.run("put-secret.sh", &[name, "oura", "client-id"], "an id")?;
    operator.run("put-secret.sh", &[name, "oura", "client-secret"], "it's \"quoted\" $HOME")?;
    let lines = "accounts:\n  ann: hash";
    operator.run("put-secret.sh", &[name, "oura", "lines"], lines)?;
    let oura = operator.secret("myhealth-test/oura")?;
    ensure!(oura["lines"] == lines, "put-secret.sh lost lines of a file: {oura}");
    ensure!(oura["client-id"] == "an id", "put-secret.sh lost the key that was there: {oura}");
    ensure!(oura["client-secret"] == "it's \"quoted\" $HOME", "put-secret.sh changed the value: {oura}");
    ensure!(
        operator.run("put-secret.sh", &[name, "oura", "client-id"], "").is_err(),
        "an empty value was written"
    );
    ensure!(
        operator.run("put-secret.sh", &[name, "nothing", "key"], "x").is_err(),
        "no secret was written to"
    );

    operator.run("rotate-key.sh", &[name, "sealing-key"], "")?;
    let first = operator.secret("myhealth-test/sealing-key")?;
    ensure!(first["current"] == first["previous"], "the first key has none before it: {first}");
    operator.run("rotate-key.sh", &[name, "sealing-key"], "")?;
    let second = operator.secret("myhealth-test/sealing-key")?;
    ensure!(second["previous"] == first["current"], "rotate-key.sh lost the key of before");
    ensure!(second["current"] != first["current"], "rotate-key.sh made no new key");
    let key = second["current"].as_str().unwrap_or_default();
    let is_key = key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_key, "a key is 32 bytes as the program reads them");
    ensure!(operator.run("rotate-key.sh", &[name, "oura"], "").is_err(), "what is no key was rotated");

    operator.run("put-parameter.sh", &["myhealth-home", "first-password"], "correct horse battery staple")?;
    let parameter = operator.aws(&[
        "ssm",
        "get-parameter",
        "--with-decryption",
        "--name",
        "/myhealth-home/first-password",
    ])?;
    let parameter: Value = serde_json::from_str(&parameter)?;
    ensure!(
        parameter["Parameter"]["Value"] == "correct horse battery staple",
        "put-parameter.sh: {parameter}"
    );
    ensure!(parameter["Parameter"]["Type"] == "SecureString", "a parameter lies open: {parameter}");
    println!("scripts: secrets are written, kept and rotated");
    Ok(())
}

struct Operator {
    scripts: std::path::PathBuf,
    /// The Python whose folder has `aws`.
    programs: std::path::PathBuf,
    port: u16,
}

impl Operator {
    fn command(&self, program: &Path) -> Result<Command> {
        let bin = self.programs.parent().context("BUG: a program lies in a folder")?;
        let path = programs::variable("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command.env("PATH", format!("{}:{path}", bin.display()));
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        command.env("AWS_REGION", "eu-central-1").env("AWS_DEFAULT_REGION", "eu-central-1");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        Ok(command)
    }

    fn aws(&self, words: &[&str]) -> Result<String> {
        let mut aws = self.command(&self.programs.with_file_name("aws"))?;
        run::quietly(aws.args(["--output", "json"]).args(words), "look at the lines above.")
    }

    fn secret(&self, id: &str) -> Result<Value> {
        let found: Value =
            serde_json::from_str(&self.aws(&["secretsmanager", "get-secret-value", "--secret-id", id])?)?;
        Ok(serde_json::from_str(found["SecretString"].as_str().context("the secret has no value")?)?)
    }

    /// A script with a value on its standard input.
    fn run(&self, script: &str, words: &[&str], value: &str) -> Result<()> {
        let mut command = self.command(&self.scripts.join(script))?;
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| script.to_owned())?;
        let mut input = child.stdin.take().context("BUG: it is piped")?;
        // A script that reads nothing may have ended.
        let _ = std::io::Write::write_all(&mut input, value.as_bytes());
        drop(input);
        let output = child.wait_with_output()?;
        let said = [output.stdout, output.stderr].concat();
        ensure!(output.status.success(), "{script} failed:\n{}", String::from_utf8_lossy(&said));
        Ok(())
    }
}

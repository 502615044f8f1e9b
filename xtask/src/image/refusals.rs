//! What an operator gets wrong about volumes, users and files: each ends the container with one sentence that says what, where
//! and what to do.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::container::{Container, Volume};
use super::engine::Engine;
use super::platform::TAG;
use super::runs::{LIMITS, PORTS};
use crate::postgres::{self, Server};
use crate::run;

/// A way to start it wrongly.
struct Refusal {
    name: &'static str,
    options: Vec<String>,
    command: Vec<String>,
    code: i32,
    /// Parts of the sentence.
    says: Vec<String>,
}

/// Wrong configuration, as the program calls it.
const USAGE: i32 = 64;

pub(super) fn check(engine: &Engine) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let programs = postgres::find_programs().context("install the package postgresql")?;
    let server = Server::start(&programs)?;
    // A container whose ports another one takes, with a folder that another user cannot open.
    let volume = Volume::new(engine)?;
    let data = volume.on_data();
    let first = demo(engine, &[&data])?;
    let network = format!("--network=container:{}", first.id);
    let newer = newer_database(engine, folder.path())?;
    for refusal in [
        unwritable_volume(folder.path())?,
        unreadable_secret(folder.path())?,
        Refusal {
            name: "other user",
            options: vec!["--user=568:568".to_owned(), data.clone()],
            command: words("demo"),
            code: USAGE,
            says: words_of(&[
                "/data/myhealth belongs to uid 65532",
                "runs as uid 568",
                "`chown -R 568:568 /data/myhealth`",
                "or run this as uid 65532",
            ]),
        },
        Refusal {
            name: "port in use",
            options: vec![network],
            command: words("demo"),
            code: 1,
            says: words_of(&["cannot listen on [::]:9872", "--web.listen-address", "in use"]),
        },
        Refusal {
            name: "older database",
            options: words("--network=host"),
            command: words(&format!(
                "serve --roles=exporter --web.listen-address=127.0.0.1:0 --database-url={}",
                server.url()
            )),
            code: 1,
            says: words_of(&["lacks the migrations", "run `myhealth migrate` first"]),
        },
        Refusal {
            name: "newer database",
            options: vec![newer],
            command: words("demo"),
            code: 1,
            says: words_of(&[
                "/data/myhealth/demo/",
                "schema 9999 of a newer myhealth",
                "run that version again",
            ]),
        },
        Refusal {
            name: "full volume",
            options: words("--mount=type=tmpfs,destination=/data,tmpfs-size=262144,tmpfs-mode=1777"),
            command: words("demo"),
            code: 1,
            says: words_of(&["cannot write the database /data/myhealth/demo/", "its volume is full"]),
        },
        Refusal {
            name: "no CA bundle",
            options: words("--volume=/dev/null:/etc/ssl/certs/ca-certificates.crt:ro"),
            command: words("demo"),
            code: USAGE,
            says: words_of(&["install the system's CA certificates", "SSL_CERT_FILE"]),
        },
    ] {
        refusal.check(engine)?;
    }
    Ok(())
}

impl Refusal {
    fn check(&self, engine: &Engine) -> Result<()> {
        let mut docker = engine.docker(&["run", "--rm"]);
        docker.args(LIMITS).args(&self.options).arg(TAG).args(&self.command);
        let output = docker.stdin(Stdio::null()).output()?;
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors: Vec<_> = printed.lines().filter(|line| line.starts_with("error: ")).collect();
        let [sentence] = errors[..] else {
            bail!("{}: {} sentences instead of one ({}):\n{printed}", self.name, errors.len(), output.status);
        };
        if let Some(missing) = self.says.iter().find(|part| !sentence.contains(*part)) {
            bail!("{}: the sentence does not say {missing:?}:\n{sentence}", self.name);
        }
        if output.status.code() != Some(self.code) {
            bail!("{}: ended with {} instead of {}", self.name, output.status, self.code);
        }
        println!("{}: {sentence}", self.name);
        Ok(())
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn words_of(parts: &[&str]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}

/// A demo that has begun to write.
fn demo<'a>(engine: &'a Engine, options: &[&str]) -> Result<Container<'a>> {
    let options = [&LIMITS[..], &PORTS, options].concat();
    let container = Container::start(engine, &options, TAG, &["demo"])?;
    container.response(9872, "/-/ready", |answer| answer.status == 200)?;
    Ok(container)
}

/// A folder of the host that belongs to the one who made it.
fn unwritable_volume(folder: &Path) -> Result<Refusal> {
    let path = folder.join("volume");
    fs::create_dir(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    let owner = path.metadata()?.uid();
    Ok(Refusal {
        name: "unwritable volume",
        options: vec![format!("--volume={}:/data", path.display())],
        command: words("demo"),
        code: USAGE,
        says: vec![
            format!("/data belongs to uid {owner}"),
            "runs as uid 65532".to_owned(),
            "`chown -R 65532:65532 /data`".to_owned(),
        ],
    })
}

fn unreadable_secret(folder: &Path) -> Result<Refusal> {
    let path = folder.join("secret");
    fs::write(&path, "secret")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let owner = path.metadata()?.uid();
    Ok(Refusal {
        name: "unreadable secret",
        options: vec![
            format!("--volume={}:/run/secrets/oura:ro", path.display()),
            "--env=MYHEALTH_OURA_CLIENT_ID=none".to_owned(),
            "--env=MYHEALTH_OURA_CLIENT_SECRET_FILE=/run/secrets/oura".to_owned(),
        ],
        command: words("serve"),
        code: USAGE,
        says: vec![
            "--oura-client-secret-file /run/secrets/oura".to_owned(),
            format!("belongs to uid {owner}"),
            "runs as uid 65532".to_owned(),
            "`chown 65532:65532 /run/secrets/oura`".to_owned(),
        ],
    })
}

/// The option that mounts a database which a later version has migrated.
fn newer_database(engine: &Engine, folder: &Path) -> Result<String> {
    const MIGRATE: &str = "import glob, sqlite3, sys\n\
        database = sqlite3.connect(glob.glob(sys.argv[1] + '/myhealth/demo/*.db')[0])\n\
        database.execute('insert into _sqlx_migrations select 9999, description, installed_on, success, checksum, execution_time from _sqlx_migrations limit 1')\n\
        database.commit()";
    let path = folder.join("newer");
    fs::create_dir(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o1777))?;
    let option = format!("--volume={}:/data", path.display());
    let container = demo(engine, &[&option])?;
    container.stop()?;
    let mut python = Command::new("python3");
    run::quietly(python.args(["-c", MIGRATE]).arg(&path), "run as root, or as uid 65532")?;
    Ok(option)
}

//! A PostgreSQL server of one test, which asks for passwords and speaks TLS.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::process::{WAIT_TIMEOUT, provided};

/// The server; ends when it is dropped, or with the thread of its test.
pub(crate) struct OwnServer {
    server: Child,
    folder: tempfile::TempDir,
    port: u16,
}

const ADMINISTRATOR: &str = "postgres";
const PASSWORD: &str = "administrator's";

impl OwnServer {
    /// Starts a server whose certificate an authority of its own signed, for the name `localhost`.
    pub(crate) fn start() -> Self {
        let shared = provided(store::testing::POSTGRES);
        let programs = PathBuf::from(query(&shared, "select setting from pg_config where name = 'BINDIR'"));
        let folder = tempfile::tempdir().unwrap();
        let owner = owner();
        make_certificates(folder.path());
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        for name in ["run", "password", "server.key"] {
            if let Some(owner) = owner {
                chown(folder.path().join(name), Some(owner), None).unwrap();
            }
        }
        let data = folder.path().join("run/data");
        let mut initdb = unprivileged(&programs.join("initdb"), owner);
        // SCRAM takes an unoptimised program a second for each connection.
        initdb.args(["--auth=md5", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"]).arg(&data);
        initdb.arg("--pwfile").arg(folder.path().join("password")).args(["--username", ADMINISTRATOR]);
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut postgres = unprivileged(&programs.join("postgres"), owner);
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path().join("run"));
        postgres.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "ssl=on", "-c", "fsync=off"]);
        postgres.args(["-c", "password_encryption=md5"]);
        for (setting, file) in [("ssl_cert_file", "server.pem"), ("ssl_key_file", "server.key")] {
            postgres.arg("-c").arg(format!("{setting}={}", folder.path().join(file).display()));
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server = Self { server, folder, port };
        let started = std::time::Instant::now();
        while !server.is_ready() {
            assert!(started.elapsed() < WAIT_TIMEOUT, "{}", server.log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        server
    }

    /// The file's eighth line is the server's state; `pg_ctl --wait` reads it too.
    fn is_ready(&self) -> bool {
        let state = std::fs::read_to_string(self.folder.path().join("run/data/postmaster.pid"));
        state.is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The certificate of the authority, in PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The address of the database for a role, by the name in the certificate.
    pub(crate) fn url(&self, role: &str) -> String {
        format!("postgres://{role}@localhost:{}/postgres", self.port)
    }

    /// The address for the administrator.
    pub(crate) fn administrator(&self) -> String {
        let mut url = reqwest::Url::parse(&self.url(ADMINISTRATOR)).unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
        url.set_query(Some("sslmode=require"));
        url.to_string()
    }

    /// What an administrator's statement returns, as text.
    pub(crate) fn query(&self, statement: &str) -> String {
        query(&self.administrator(), statement)
    }

    /// Gives a role its password; it is made if it is new.
    pub(crate) fn set_password(&self, role: &str, password: &str) {
        let known = self.query(&format!("select count(*) from pg_roles where rolname = '{role}'"));
        let verb = if known == "0" { "create role" } else { "alter role" };
        self.query(&format!("{verb} {role} login superuser password '{password}'"));
    }

    /// Ends every connection of a role; how many there were.
    pub(crate) fn end_connections(&self, role: &str) -> usize {
        let ended = self.query(&format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '{role}'"
        ));
        ended.parse().unwrap()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // SIGINT ends the connections too.
        let _ = Command::new("kill").args(["-INT", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

/// What a statement returns, as text without decoration.
pub(crate) fn query(url: &str, statement: &str) -> String {
    try_query(url, statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
}

/// The same, or what the server says instead.
pub(crate) fn try_query(url: &str, statement: &str) -> Result<String, String> {
    let psql = Command::new("psql").args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, url]).output();
    let output = psql.expect("psql comes with PostgreSQL");
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// PostgreSQL refuses to run as root; Debian's package makes the account.
fn owner() -> Option<u32> {
    let id = |words: &[&str]| {
        let output = Command::new("id").args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (id(&["-u"]) == 0).then(|| id(&["-u", ADMINISTRATOR]))
}

fn unprivileged(program: &Path, owner: Option<u32>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some(owner) = owner {
        command.args([&format!("--reuid={owner}"), "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

/// An authority and a server called `localhost`, in PEM.
pub(crate) fn make_certificates(folder: &Path) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "authority of a test");
    let certificate = authority.self_signed(&key).unwrap();
    std::fs::write(folder.join("authority.pem"), certificate.pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("server.pem"), server.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(folder.join("server.key"), PermissionsExt::from_mode(0o600)).unwrap();
}

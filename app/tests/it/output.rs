//! What commands print and write: to readers that have gone, to files, and to what is no file.

use std::fs::{self, FileType};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::killed::{Cloud, NOW, SINCE};
use crate::process::{Running, finish, myhealth, printed, until};

/// A database with a person, and what commands need.
struct House {
    cloud: Cloud,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let (cloud, folder) = (Cloud::start().await, tempfile::tempdir().unwrap());
        let person = simulator::Person::new(simulator::Life::new(3, SINCE.parse().unwrap()));
        fs::write(folder.path().join("export.zip"), person.account_export(NOW.parse().unwrap(), None))
            .unwrap();
        fs::write(folder.path().join("password"), "a password of some length").unwrap();
        let house = Self { cloud, folder };
        assert!(finish(house.command("import {}/export.zip")).status.success());
        assert!(finish(house.command("token create first")).status.success());
        assert!(
            finish(house.command("account add ann --everyone --password-file {}/password")).status.success()
        );
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command on this database; `{}` is the folder, `{oura}` the cloud.
    fn command(&self, line: &str) -> Command {
        let folder = self.folder.path().to_str().unwrap();
        let line = line.replace("{oura}", &self.cloud.address()).replace("{}", folder);
        let mut command = myhealth(&line.split(' ').collect::<Vec<_>>());
        command.env("MYHEALTH_DATA_DIR", folder).env("MYHEALTH_DEMO_DIR", format!("{folder}/demo"));
        command
            .env("MYHEALTH_OURA_URL", self.cloud.address())
            .env("MYHEALTH_OURA_TOKEN", crate::killed::TOKEN);
        command.env("MYHEALTH_HISTORY_FROM", "2026-03-01").env("MYHEALTH_TIME_ZONE", "Europe/Berlin");
        command
    }
}

/// Every command that has no commands below it, as the program's own manual lists them.
fn commands(above: &[String]) -> Vec<String> {
    let mut words: Vec<&str> = above.iter().map(String::as_str).collect();
    words.push("-h");
    let manual = printed(&finish(myhealth(&words)));
    // The program's own help has its commands in groups before the options, a command's those below it under a heading.
    let first = if above.is_empty() { "Start:" } else { "Commands:" };
    let listed = manual.lines().skip_while(|line| *line != first).take_while(|line| *line != "Options:");
    let listed: Vec<String> = listed
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect();
    if listed.is_empty() {
        return vec![above.join(" ")];
    }
    listed.into_iter().flat_map(|name| commands(&[above, &[name]].concat())).collect()
}

/// How each is run to its end, and the exit code it has with a reader.
fn example(command: &str) -> (&'static str, i32) {
    match command {
        "serve" => ("serve --config.check", 0),
        "login" => ("login --paste --oura-client-id a --oura-client-secret b", 1),
        "logout" => ("logout", 0),
        "sync" => ("sync", 0),
        "person add" => ("person add bob", 0),
        "person list" => ("person list", 0),
        "person remove" => ("person remove bob --yes", 0),
        "import" => ("import {}/export.zip", 0),
        "migrate" => ("migrate", 0),
        "rebuild" => ("rebuild", 0),
        "backup" => ("backup --unencrypted -", 0),
        "restore" => ("restore --check {}/none/", 1),
        "move" => ("move --to-data-dir {}/moved", 0),
        "erase" => ("erase bob --yes", 1),
        "webhook list" => ("webhook list --oura-client-id a --oura-client-secret b", 1),
        "webhook sync" => (
            "webhook sync --oura-client-id a --oura-client-secret b --webhook.callback-url https://h.example.org/o",
            1,
        ),
        "webhook delete" => ("webhook delete --all --oura-client-id a --oura-client-secret b", 1),
        "doctor" => ("doctor", 0),
        "status" => ("status", 0),
        "config show" => ("config show", 0),
        "token create" => ("token create x", 0),
        "token hash" => ("token hash x", 0),
        "token list" => ("token list", 0),
        "token revoke" => ("token revoke 1", 0),
        "account add" => ("account add bob --everyone --password-file {}/password", 0),
        "account hash" => ("account hash bob --everyone --password-file {}/password", 0),
        "account password" => ("account password ann --password-file {}/password", 0),
        "account list" => ("account list", 0),
        "account remove" => ("account remove bob", 0),
        "audit" => ("audit", 0),
        "report" => ("report - --day 2026-03-10", 0),
        "export csv" => ("export csv -", 0),
        "export ndjson" => ("export ndjson -", 0),
        "export json" => ("export json -", 0),
        "export parquet" => ("export parquet -", 0),
        "export fhir" => ("export fhir -", 0),
        "export openmetrics" => ("export openmetrics -", 0),
        "export victoriametrics" => ("export victoriametrics -", 0),
        "export remote-write" => ("export remote-write {oura}/none", 1),
        "healthcheck" => ("healthcheck {oura}/none", 1),
        "openapi" => ("openapi", 0),
        "dashboards" => ("dashboards --print-settings", 0),
        "rules" => ("rules --print-settings", 0),
        "rules check" => ("rules check {}/none", 64),
        "completions" => ("completions bash", 0),
        "man" => ("man --to {}/man", 0),
        "version" => ("version", 0),
        other => panic!("write down how `myhealth {other}` is run"),
    }
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[tokio::test]
async fn commands_end_quietly_on_a_closed_pipe() {
    let commands = commands(&[]);
    assert!(commands.len() > 30, "{commands:?}");
    let house = House::new().await;
    // A token that cannot be printed is revoked, which is an error and has a test of its own.
    let quiet = commands.iter().filter(|command| !["demo", "token create"].contains(&command.as_str()));
    for command in quiet {
        let (line, code) = example(command);
        let mut run = house.command(line);
        let output = run.stdout(closed()).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {printed}");
        assert!(!printed.contains("panicked") && !printed.contains("Broken pipe"), "{line}: {printed}");
        // What it does may be done by now; it still must not panic.
        let status = house.command(line).stdout(closed()).stderr(closed()).status().unwrap();
        assert!([Some(0), Some(1), Some(code)].contains(&status.code()), "{line}: {status}");
    }
}

#[tokio::test]
async fn service_goes_on_when_the_reader_of_its_output_has_gone() {
    let house = House::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("--web.listen-address 127.0.0.1:{port} --api.listen-address 127.0.0.1:0");
    for line in ["demo", "serve"] {
        let mut command = house.command(&format!("{line} {listen}"));
        let mut child = command.stdout(closed()).stderr(closed()).spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}/-/ready");
        until("the service to be ready", async || crate::process::get(&url).await).await;
        let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert!(child.wait().unwrap().success(), "{line}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_a_failure() {
    let house = House::new().await;
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for line in ["openapi", "person list", "export csv -", "report - --day 2026-03-10"] {
        let output = house.command(line).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(printed(&output).contains("No space left on device"), "{line}: {}", printed(&output));
    }
}

fn kind(path: &Path) -> FileType {
    fs::symlink_metadata(path).unwrap().file_type()
}

/// What an export writes into a file of its own.
fn expected(house: &House) -> Vec<u8> {
    assert!(finish(house.command("export csv {}/expected.csv")).status.success());
    fs::read(house.path("expected.csv")).unwrap()
}

#[tokio::test]
async fn export_to_standard_output_is_the_file_and_nothing_else() {
    let house = House::new().await;
    let expected = expected(&house);
    symlink("/proc/self/fd/1", house.path("stdout")).unwrap();
    for name in ["-", "{}/stdout"] {
        let output = finish(house.command(&format!("export csv {name}")));
        assert!(output.status.success(), "{}", printed(&output));
        assert!(output.stdout == expected, "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(" rows are in "), "{}", printed(&output));
    }
    assert!(kind(&house.path("stdout")).is_symlink());
    // Behind what a file has already.
    fs::write(house.path("log"), "before\n").unwrap();
    let log = fs::File::options().append(true).open(house.path("log")).unwrap();
    assert!(house.command("export csv {}/stdout").stdout(log).status().unwrap().success());
    assert!(fs::read(house.path("log")).unwrap() == [b"before\n", expected.as_slice()].concat());
}

#[tokio::test]
async fn pipes_and_devices_are_written_in_place() {
    let house = House::new().await;
    let expected = expected(&house);
    let pipe = house.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = pipe.clone();
    let reader = std::thread::spawn(move || {
        let mut read = Vec::new();
        fs::File::open(reader).unwrap().read_to_end(&mut read).unwrap();
        read
    });
    let output = finish(house.command("export csv {}/pipe"));
    assert!(output.status.success(), "{}", printed(&output));
    assert!(kind(&pipe).is_fifo(), "the pipe was replaced");
    assert!(reader.join().unwrap() == expected);

    let device = house.path("device");
    symlink("/dev/null", &device).unwrap();
    for line in ["export csv {}/device", "report {}/device --day 2026-03-10", "export openmetrics {}/device"]
    {
        let output = finish(house.command(line));
        assert!(output.status.success(), "{}", printed(&output));
        assert!(kind(&device).is_symlink() && kind(Path::new("/dev/null")).is_char_device(), "{line}");
    }
}

#[tokio::test]
async fn links_are_followed_and_a_file_keeps_its_rights() {
    let house = House::new().await;
    let expected = expected(&house);
    let file = house.path("file.csv");
    fs::write(&file, "before").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let root = fs::metadata(&file).unwrap().uid() == 0;
    if root {
        std::os::unix::fs::chown(&file, Some(12_345), Some(23_456)).unwrap();
    }
    let before = fs::metadata(&file).unwrap();
    symlink("file.csv", house.path("link.csv")).unwrap();
    symlink("link.csv", house.path("link of link.csv")).unwrap();
    symlink("new.csv", house.path("dangling.csv")).unwrap();
    for name in ["link of link.csv", "dangling.csv"] {
        let mut command = house.command("export csv");
        let output = command.arg(house.path(name)).output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        assert!(kind(&house.path(name)).is_symlink(), "{name}");
        assert!(fs::read(house.path(name)).unwrap() == expected, "{name}");
    }
    let after = fs::metadata(&file).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert_eq!(fs::metadata(house.path("new.csv")).unwrap().mode() & 0o777, 0o600, "its owner's alone");
}

#[tokio::test]
async fn failed_export_leaves_everything_as_it_was() {
    let house = House::new().await;
    fs::write(house.path("file.csv"), "before").unwrap();
    fs::create_dir(house.path("folder")).unwrap();
    symlink("loop", house.path("loop")).unwrap();
    let names = || {
        let names = fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| !name.starts_with("myhealth.db")).collect::<std::collections::BTreeSet<_>>()
    };
    let before = names();
    for (line, reason) in [
        ("export csv {}/file.csv --from 2010-01-01 --to 2010-01-02", "there is nothing to write"),
        ("export csv {}/new.csv --from 2010-01-01 --to 2010-01-02", "there is nothing to write"),
        ("export openmetrics {}/new.om --from 2010-01-01 --to 2010-01-02", "there is nothing to write"),
        ("export csv {}/folder", "it is a folder"),
        ("export csv {}/none/x.csv", "cannot write"),
        ("export csv {}/file.csv/x.csv", "cannot write"),
        ("export csv {}/loop", "symbolic links never end"),
    ] {
        let output = finish(house.command(line));
        assert_eq!(output.status.code(), Some(1), "{line}: {}", printed(&output));
        assert!(printed(&output).contains(reason), "{line}: {}", printed(&output));
    }
    assert_eq!(names(), before);
    assert_eq!(fs::read_to_string(house.path("file.csv")).unwrap(), "before");
}

#[tokio::test]
async fn reading_commands_make_no_database() {
    let home = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let mut command = myhealth(&line.split(' ').collect::<Vec<_>>());
        command.env("HOME", home.path()).env("MYHEALTH_OURA_TOKEN", "t");
        command.env("MYHEALTH_OURA_URL", "http://127.0.0.1:1").current_dir(home.path());
        let output = finish(command);
        (output.status.code(), printed(&output))
    };
    let password = home.path().join("password");
    fs::write(&password, "a password of some length").unwrap();
    let password = password.to_str().unwrap();
    for line in [
        "report r.html",
        "export csv x.csv",
        "export openmetrics x.om",
        "export remote-write http://127.0.0.1:1/",
        "person list",
        "person remove me --yes",
        "token list",
        "token create x",
        "token revoke 1",
        "account list",
        &format!("account add ann --everyone --password-file {password}"),
        "account remove ann",
        "rebuild",
        "logout",
        "sync --everyone",
        "sync --person carl",
    ] {
        let (code, printed) = run(line);
        assert_eq!(code, Some(64), "{line}: {printed}");
        assert!(printed.contains("there is no database at sqlite:"), "{line}: {printed}");
    }
    let (code, printed) = run("doctor");
    assert!(code == Some(1) && printed.contains("WRONG there is no database at sqlite:"), "{printed}");
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["password"]);
}

#[tokio::test]
async fn mistyped_name_makes_no_person() {
    let house = House::new().await;
    assert!(finish(house.command("person add karl")).status.success());
    for line in [
        "sync --person carl",
        "import {}/export.zip --person carl",
        "serve --person carl --web.listen-address 127.0.0.1:0 --api.listen-address 127.0.0.1:0",
        "report {}/r.html --person carl",
        "export csv {}/r.csv --person carl",
        "logout --person carl",
        "doctor --person carl",
        "person remove carl --yes",
        "token create x --person carl",
    ] {
        let output = finish(house.command(line));
        assert_eq!(output.status.code(), Some(1), "{line}: {}", printed(&output));
        assert!(
            printed(&output).contains("no person here is called carl; did you mean karl?"),
            "{}",
            printed(&output)
        );
    }
    let people = printed(&finish(house.command("person list")));
    assert!(!people.contains("carl") && people.lines().count() == 3, "{people}");
}

#[tokio::test]
async fn default_name_is_made_in_an_empty_database_only() {
    let house = House::new().await;
    assert!(finish(house.command("person add ann")).status.success());
    assert!(finish(house.command("person remove me --yes")).status.success());
    for line in ["sync", "import {}/export.zip"] {
        let output = finish(house.command(line));
        assert!(
            printed(&output).contains("no person here is called me; known: ann"),
            "{line}: {}",
            printed(&output)
        );
    }
    let output =
        finish(house.command("serve --web.listen-address 127.0.0.1:0 --api.listen-address 127.0.0.1:0"));
    assert!(printed(&output).contains("name one with --person: ann"), "{}", printed(&output));
    // Without a token for one person it reads all who have logged in.
    let mut command =
        house.command("serve --web.listen-address 127.0.0.1:0 --api.listen-address 127.0.0.1:0");
    command.env_remove("MYHEALTH_OURA_TOKEN");
    command.env("MYHEALTH_OURA_CLIENT_ID", "a").env("MYHEALTH_OURA_CLIENT_SECRET", "b");
    let service = Running::start(command);
    service.address("api").await;
    drop(service);
    let people = printed(&finish(house.command("person list")));
    assert!(!people.contains("\nme "), "{people}");
}

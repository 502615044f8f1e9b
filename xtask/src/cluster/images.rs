//! Images without a registry and without a container engine: a folder with programs and the libraries that they need, packed
//! as `docker save` packs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use super::kubectl::ADVICE;
use crate::go_tools::Tool;
use crate::{postgres, programs, run};

/// Waits for SIGTERM: the container that holds a pod's network.
const PAUSE: &str = "#include <signal.h>\n#include <unistd.h>\nstatic void end(int s){(void)s;_exit(0);}\n\
                     int main(void){signal(SIGTERM,end);signal(SIGINT,end);for(;;)pause();}\n";

/// The authorities that the image of the program brings.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An image in the making.
struct Image<'a> {
    name: &'a str,
    root: PathBuf,
}

impl<'a> Image<'a> {
    fn new(folder: &Path, name: &'a str) -> Result<Self> {
        let root = folder.join(format!("image-{name}"));
        fs::create_dir(&root)?;
        for folder in ["tmp", "data", "etc"] {
            fs::create_dir(root.join(folder))?;
        }
        Ok(Self { name, root })
    }

    /// Adds a file or folder of this machine at a path of the image.
    fn add(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.root.join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().context("a file without a folder")?)?;
        let mut copy = Command::new("cp");
        copy.args(["-rL", "--preserve=mode"]).arg(from).arg(&to);
        run::quietly(&mut copy, ADVICE).map(drop)
    }

    /// Adds a program with the libraries that it is linked with.
    fn program(&self, from: &Path, to: &str) -> Result<()> {
        self.add(from, to)?;
        self.libraries(from)
    }

    fn libraries(&self, of: &Path) -> Result<()> {
        // A static program has none, and ldd says so by its exit code.
        let output = Command::new("ldd").arg(of).output().context("ldd did not start")?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let path = line.split_whitespace().find(|word| word.starts_with('/'));
            if let Some(path) = path.filter(|path| !self.root.join(path.trim_start_matches('/')).exists()) {
                self.add(Path::new(path), path)?;
            }
        }
        Ok(())
    }

    /// Packs it as `docker.io/local/NAME:dev`.
    fn pack(self, entrypoint: &[&str]) -> Result<()> {
        let work = self.root.with_extension("parts");
        fs::create_dir(&work)?;
        let tar = |folder: &Path, to: &Path| {
            let mut tar = Command::new("tar");
            tar.args(["--owner=0", "--group=0", "--sort=name", "--mtime=@0", "-cf"])
                .arg(to)
                .arg("-C")
                .arg(folder)
                .arg(".");
            run::quietly(&mut tar, ADVICE)
        };
        let mut open = Command::new("chmod");
        run::quietly(open.arg("1777").arg(self.root.join("tmp")).arg(self.root.join("data")), ADVICE)?;
        tar(&self.root, &work.join("layer.tar"))?;
        let digest = run::quietly(Command::new("sha256sum").arg(work.join("layer.tar")), ADVICE)?;
        let digest = digest.split_whitespace().next().context("sha256sum printed nothing")?.to_owned();
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }, "os": "linux",
            "config": { "Entrypoint": entrypoint, "User": "65532:65532", "Env": ["PATH=/usr/bin"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
        });
        fs::write(work.join("config.json"), config.to_string())?;
        let tag = format!("docker.io/local/{}:dev", self.name);
        let manifest = json!([{ "Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"] }]);
        fs::write(work.join("manifest.json"), manifest.to_string())?;
        let image = self.root.with_extension("tar");
        tar(&work, &image)?;
        fs::remove_dir_all(work)?;
        Ok(fs::remove_dir_all(self.root)?)
    }
}

/// What is imported once the node runs; the node itself starts with `pause`.
pub(super) const NAMES: [&str; 6] =
    ["myhealth", "oura", "coredns", "metrics-server", "prometheus", "postgres"];

/// The target of the released image on this machine, and its C compiler's variable for crates that build C.
const TARGET: (&str, &str) = if cfg!(target_arch = "aarch64") {
    ("aarch64-unknown-linux-musl", "CC_aarch64_unknown_linux_musl")
} else {
    ("x86_64-unknown-linux-musl", "CC_x86_64_unknown_linux_musl")
};

/// Makes every image as `image-NAME.tar` in a folder. Our own programs are those of the released image (Dockerfile), built
/// with the profile of its quick checks.
pub(super) fn all(folder: &Path) -> Result<()> {
    let (target, compiler) = TARGET;
    if programs::find("rustup").is_some() {
        let mut add = Command::new("rustup");
        run::quietly(add.current_dir(run::root()).args(["target", "add", target]), "install the target.")?;
    }
    let mut build = run::cargo(&["build", "--profile", "quick", "--target", target, "--package", "app"]);
    build
        .args(["--package", "simulator", "--bin", "myhealth", "--example", "cloud"])
        .env(compiler, "musl-gcc");
    run::visibly(&mut build, "fix the build.")?;
    let programs = run::root().join("target").join(target).join("quick");
    pause(folder)?;
    myhealth(folder, &programs.join("myhealth"))?;
    oura(folder, &programs)?;
    single(folder, "coredns", &Tool::Coredns.folder()?.join("coredns"))?;
    single(folder, "metrics-server", &Tool::MetricsServer.folder()?.join("metrics-server"))?;
    prometheus(folder)?;
    database(folder)
}

fn pause(folder: &Path) -> Result<()> {
    let source = folder.join("pause.c");
    fs::write(&source, PAUSE)?;
    let program = folder.join("pause");
    let mut compile = Command::new("musl-gcc");
    compile.args(["-static", "-Os", "-o"]).arg(&program).arg(source);
    run::quietly(&mut compile, ADVICE)?;
    let image = Image::new(folder, "pause")?;
    image.add(&program, "/pause")?;
    image.pack(&["/pause"])
}

/// The program as its image has it: with authorities, without a shell.
fn myhealth(folder: &Path, program: &Path) -> Result<()> {
    let image = Image::new(folder, "myhealth")?;
    image.program(program, "/usr/bin/myhealth")?;
    image.add(Path::new(AUTHORITIES), AUTHORITIES)?;
    image.pack(&["/usr/bin/myhealth"])
}

/// The simulated cloud; and what a pod needs from which a test tries to reach others.
fn oura(folder: &Path, built: &Path) -> Result<()> {
    let image = Image::new(folder, "oura")?;
    image.program(&built.join("examples/cloud"), "/usr/bin/oura")?;
    image.program(&built.join("myhealth"), "/usr/bin/myhealth")?;
    image.add(&folder.join("pause"), "/pause")?;
    image.pack(&["/usr/bin/oura"])
}

fn single(folder: &Path, name: &str, program: &Path) -> Result<()> {
    let image = Image::new(folder, name)?;
    image.program(program, &format!("/usr/bin/{name}"))?;
    image.pack(&[&format!("/usr/bin/{name}")])
}

fn prometheus(folder: &Path) -> Result<()> {
    let image = Image::new(folder, "prometheus")?;
    image.program(&Tool::Prometheus.folder()?.join("prometheus"), "/usr/bin/prometheus")?;
    image.program(&Tool::Alertmanager.folder()?.join("alertmanager"), "/usr/bin/alertmanager")?;
    image.pack(&["/usr/bin/prometheus"])
}

/// The one time zone that PostgreSQL needs.
const UTC: &str = "/usr/share/zoneinfo/UTC";

/// PostgreSQL, which makes its database at the first start.
fn database(folder: &Path) -> Result<()> {
    let programs = postgres::find_programs().context("package `postgresql` is missing")?;
    let version = programs.parent().context("no folder of PostgreSQL")?;
    let image = Image::new(folder, "postgres")?;
    for program in ["postgres", "initdb"] {
        let program = programs.join(program);
        image.program(&program, &program.display().to_string())?;
    }
    image.program(&programs.join("psql"), "/usr/bin/psql")?;
    image.program(Path::new("/bin/sh"), "/bin/sh")?;
    for folder in [
        version.join("lib"),
        Path::new("/usr/share/postgresql").join(version.file_name().context("no version")?),
    ] {
        image.add(&folder, &folder.display().to_string())?;
    }
    image.add(Path::new(UTC), UTC)?;
    fs::write(image.root.join("etc/passwd"), "postgres:x:65532:65532::/data:/bin/sh\n")?;
    let start = format!(
        "test -s /data/db/PG_VERSION || {programs}/initdb -D /data/db -U postgres --auth=trust --locale=C -E UTF8 >/tmp/initdb || exit 1; \
         echo 'host all all all trust' >> /data/db/pg_hba.conf; \
         exec {programs}/postgres -D /data/db -k /tmp -h 0.0.0.0 -c max_connections=200 -c fsync=off -c jit=off",
        programs = programs.display()
    );
    image.pack(&["/bin/sh", "-c", &start])
}

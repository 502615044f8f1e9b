//! Programs that tests need and that no package has: built from their Go modules, once per machine.
//!
//! A module is built as its authors build it: as the main module, whose own `replace` and `exclude` directives apply and
//! whose own `go.sum` pins every dependency. Its checksum here pins that `go.sum`.

mod cluster;
mod install;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::{cache, programs, run};

/// Build programs from their Go modules and print the folder of each tool
///
/// Tools that are there already are not built again. The folder of caches is `myhealth-xtask` in `XDG_CACHE_HOME` or
/// `~/.cache`; `MYHEALTH_XTASK_CACHE` names another.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which ones; all if none is named
    #[arg(value_name = "TOOL")]
    tools: Vec<Tool>,
}

/// A module with programs that tests run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Tool {
    /// `alertmanager`, `amtool`
    Alertmanager,
    /// `docker-compose`
    Compose,
    /// `containerd`, `containerd-shim-runc-v2`, `ctr`
    Containerd,
    /// `controller-gen`
    ControllerGen,
    /// `coredns`
    Coredns,
    /// `etcd`
    Etcd,
    /// `helm` of the major version 4
    Helm,
    /// `helm` of the major version 3
    #[value(name = "helm-3")]
    Helm3,
    /// `istioctl`
    Istioctl,
    /// `kube-router`
    KubeRouter,
    /// `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `kubelet`, `kube-proxy`, `kubectl`
    Kubernetes,
    /// `metrics-server`
    MetricsServer,
    /// `nfpm`
    Nfpm,
    /// `tofu`
    Opentofu,
    /// `prometheus`, `promtool`
    Prometheus,
}

/// What is built, and of what.
struct Source {
    module: &'static str,
    version: &'static str,
    /// Of the module's content, as `go mod download -json MODULE@VERSION` prints it under `Sum`.
    sum: &'static str,
    /// Package below the module, and the program's name.
    programs: &'static [(&'static str, &'static str)],
    ldflags: &'static str,
    /// Files that the module embeds and does not ship; they are empty here.
    fill: &'static [&'static str],
    parts: Parts,
}

/// What replaces folders that the module's `go.mod` names as replacements and that only its repository has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Parts {
    /// There are none.
    None,
    /// The published modules of the versions that `go.mod` requires.
    AsRequired,
    /// The published modules of one version.
    Version(&'static str),
}

impl Source {
    /// The fields that most tools leave as they are.
    const EMPTY: Self =
        Self { module: "", version: "", sum: "", programs: &[], ldflags: "", fill: &[], parts: Parts::None };
}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { module, version, sum, programs, ldflags, fill, parts } = self;
        (module, version, sum, programs, ldflags, fill).hash(state);
        // Left out where there are none, so that tools that were built before this field was there stay built.
        if *parts != Parts::None {
            parts.hash(state);
        }
    }
}

impl Tool {
    const fn source(self) -> Source {
        match self {
            Self::Alertmanager => Source {
                module: "github.com/prometheus/alertmanager",
                version: "v0.35.0",
                sum: "h1:nbXMjr+P2JaoFd7aHNDxKifEwTPN+TWxM0gNPonuH5w=",
                programs: &[("cmd/alertmanager", "alertmanager"), ("cmd/amtool", "amtool")],
                ldflags: "-X github.com/prometheus/common/version.Version=0.35.0",
                fill: &["ui/app/dist/index.html"],
                ..Source::EMPTY
            },
            Self::Compose => install::COMPOSE,
            Self::Nfpm => install::NFPM,
            Self::Containerd => cluster::CONTAINERD,
            Self::ControllerGen => cluster::CONTROLLER_GEN,
            Self::Coredns => cluster::COREDNS,
            Self::Etcd => cluster::ETCD,
            Self::Helm => cluster::HELM,
            Self::Helm3 => cluster::HELM_3,
            Self::Istioctl => cluster::ISTIOCTL,
            Self::KubeRouter => cluster::KUBE_ROUTER,
            Self::Kubernetes => cluster::KUBERNETES,
            Self::MetricsServer => cluster::METRICS_SERVER,
            Self::Opentofu => Source {
                module: "github.com/opentofu/opentofu",
                version: "v1.10.7",
                sum: "h1:8alUSELAsxZ4X5NdYCKN8lclBAzV1KwaZnuuM88yt1Y=",
                programs: &[("cmd/tofu", "tofu")],
                ldflags: "-X github.com/opentofu/opentofu/version.dev=no",
                ..Source::EMPTY
            },
            Self::Prometheus => Source {
                module: "github.com/prometheus/prometheus",
                // 3.16.0: a module of the major version 3 would need another path.
                version: "v0.316.0",
                sum: "h1:f1GRFerhTMKQma+awCoC9T820ecWeGSdF+xAlMHzZzM=",
                programs: &[("cmd/prometheus", "prometheus"), ("cmd/promtool", "promtool")],
                ldflags: "-X github.com/prometheus/common/version.Version=3.16.0",
                ..Source::EMPTY
            },
        }
    }

    fn name(self) -> String {
        self.to_possible_value().expect("BUG: no tool is hidden").get_name().to_owned()
    }

    /// The folder of its programs, built when they are not there yet.
    pub(crate) fn folder(self) -> Result<PathBuf> {
        let source = self.source();
        cache::folder("go", &folder_name(&self.name(), &source), |folder| {
            eprintln!(
                "building {} {} from its Go module; this takes minutes, once",
                self.name(),
                source.version
            );
            build(&source, folder)
                .with_context(|| format!("cannot build {} {}", source.module, source.version))
        })
    }
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let tools = if args.tools.is_empty() { Tool::value_variants() } else { &args.tools };
    for tool in tools {
        println!("{}", tool.folder()?.display());
    }
    Ok(())
}

/// Different for any difference in what is built.
fn folder_name(name: &str, source: &Source) -> String {
    let mut hash = DefaultHasher::new();
    source.hash(&mut hash);
    format!("{name}-{}-{:08x}", source.version, hash.finish() >> 32)
}

/// A program whose module is a folder of this repository.
pub(crate) fn local(name: &str, module: &Path) -> Result<PathBuf> {
    let mut hash = DefaultHasher::new();
    for file in ["go.mod", "go.sum", "main.go"] {
        fs::read(module.join(file)).with_context(|| format!("cannot read {file} of {name}"))?.hash(&mut hash);
    }
    let folder = cache::folder("go", &format!("{name}-{:016x}", hash.finish()), |folder| {
        compile(module, ".", &folder.join(name), "", Mode::Pinned)
            .with_context(|| format!("cannot build {name}"))
    })?;
    Ok(folder.join(name))
}

const ADVICE: &str =
    "look at the lines above; it needs Go 1.21 or newer (https://go.dev/dl) and a module proxy.";

/// Builds the programs into an empty folder.
fn build(source: &Source, to: &Path) -> Result<()> {
    check_go()?;
    let work = tempfile::tempdir()?;
    let module = download(source.module, source.version, source.sum, work.path())?;
    let copy = work.path().join("module");
    copy_writable(&module, &copy).with_context(|| format!("cannot copy {}", module.display()))?;
    for file in source.fill {
        let file = copy.join(file);
        fs::create_dir_all(file.parent().expect("BUG: a file lies in a folder"))?;
        fs::write(file, "")?;
    }
    let mode = match source.parts {
        Parts::None => Mode::Pinned,
        parts => {
            replace_parts(&copy, parts)?;
            Mode::Completed
        }
    };
    for (package, program) in source.programs {
        compile(&copy, package, &to.join(program), source.ldflags, mode)?;
    }
    Ok(())
}

/// The folder of a module's content, downloaded if need be.
pub(crate) fn module(module: &str, version: &str, sum: &str) -> Result<PathBuf> {
    check_go()?;
    let work = tempfile::tempdir()?;
    download(module, version, sum, work.path())
}

/// Replaces the folders of the module's repository by published modules.
fn replace_parts(module: &Path, parts: Parts) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct GoMod {
        #[serde(default)]
        replace: Vec<Replace>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Replace {
        old: At,
        new: At,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct At {
        path: String,
        version: Option<String>,
    }
    let printed = run::quietly(go(module).args(["mod", "edit", "-json"]), ADVICE)?;
    let GoMod { replace } = serde_json::from_str(&printed).context("`go mod edit` printed no JSON")?;
    let mut edit = go(module);
    edit.args(["mod", "edit"]);
    for Replace { old, new } in replace.iter().filter(|replace| replace.new.version.is_none()) {
        debug_assert!(new.path.starts_with('.'), "a replacement without a version is a folder");
        let path = &old.path;
        match parts {
            Parts::Version(version) => edit.arg(format!("-replace={path}={path}@{version}")),
            Parts::None | Parts::AsRequired => edit.arg(format!("-dropreplace={path}")),
        };
    }
    run::quietly(&mut edit, ADVICE).map(drop)
}

/// Where the checksums of dependencies come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The module's own `go.sum`. A dependency that it does not pin is an error.
    Pinned,
    /// In addition Go's checksum database, for what replaces the folders of the module's repository.
    Completed,
}

/// Compiles a package of the module in a folder.
fn compile(module: &Path, package: &str, program: &Path, ldflags: &str, mode: Mode) -> Result<()> {
    check_go()?;
    let mode = if mode == Mode::Pinned { "-mod=readonly" } else { "-mod=mod" };
    let mut build = || {
        let mut go = go(module);
        go.args(["build", mode, "-trimpath", "-buildvcs=false"]);
        go.arg(format!("-ldflags=-s -w {ldflags}")).arg("-o").arg(program).arg(format!("./{package}"));
        go
    };
    run::quietly_retried(&mut build, ADVICE).map(drop)
}

fn check_go() -> Result<()> {
    if programs::find("go").is_none() {
        bail!(
            "Go is missing.\nWhat to do: install Go 1.21 or newer (https://go.dev/dl) and put it on the path."
        );
    }
    Ok(())
}

/// What `go mod download -json` prints, as far as it matters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    dir: PathBuf,
    sum: String,
}

/// The folder of the module's content, which is what its checksum says.
fn download(module: &str, version: &str, sum: &str, work: &Path) -> Result<PathBuf> {
    let at = format!("{module}@{version}");
    let mut download = || {
        let mut go = go(work);
        go.args(["mod", "download", "-json", &at]);
        go
    };
    let printed = run::quietly_retried(&mut download, ADVICE)?;
    let downloaded: Downloaded =
        serde_json::from_str(&printed).context("`go mod download` printed no JSON")?;
    check_sum(&at, sum, &downloaded.sum)?;
    Ok(downloaded.dir)
}

fn check_sum(at: &str, pinned: &str, found: &str) -> Result<()> {
    if found != pinned {
        bail!(
            "{at} has the checksum {found}, not {pinned}.\nWhat to do: find out why before you trust either; a new \
             version takes a new checksum next to its number in xtask/src."
        );
    }
    Ok(())
}

/// Go in a folder, independent of what the caller has set for projects of their own.
fn go(folder: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GOWORK", "off");
    go
}

/// Copies a folder of the module cache, where everything is read-only.
fn copy_writable(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_writable(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_tool_is_pinned_by_version_and_checksum() {
        for tool in Tool::value_variants() {
            let source = tool.source();
            assert!(source.version.starts_with('v'), "{}", source.version);
            let hash = source.sum.strip_prefix("h1:").unwrap_or_default();
            assert!(hash.len() == 44 && hash.ends_with('='), "{}", source.sum);
            assert!(!source.programs.is_empty());
        }
    }

    #[test]
    fn folder_name_changes_with_any_part_of_the_source() {
        let source = || Tool::Opentofu.source();
        let name = folder_name("opentofu", &source());
        assert!(name.starts_with("opentofu-v1.10.7-"), "{name}");
        let others = [
            Source { sum: "h1:other", ..source() },
            Source { programs: &[("cmd/tofu", "terraform")], ..source() },
            Source { ldflags: "", ..source() },
            Source { fill: &["a"], ..source() },
            Source { parts: Parts::AsRequired, ..source() },
        ];
        for other in others {
            assert_ne!(folder_name("opentofu", &other), name);
        }
    }

    #[test]
    fn unexpected_checksum_is_refused() {
        let source = Tool::Prometheus.source();
        check_sum("module@v1", source.sum, source.sum).unwrap();
        let error = check_sum("module@v1", source.sum, "h1:other").unwrap_err().to_string();
        assert!(error.contains("module@v1 has the checksum h1:other"), "{error}");
    }

    #[test]
    fn copied_module_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("ui")).unwrap();
        fs::write(from.join("ui/file"), "text").unwrap();
        fs::set_permissions(from.join("ui/file"), PermissionsExt::from_mode(0o444)).unwrap();
        fs::set_permissions(from.join("ui"), PermissionsExt::from_mode(0o555)).unwrap();

        copy_writable(&from, &to).unwrap();

        let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o200;
        assert_eq!((mode("ui"), mode("ui/file")), (0o200, 0o200));
        assert_eq!(fs::read_to_string(to.join("ui/file")).unwrap(), "text");
        fs::set_permissions(from.join("ui"), PermissionsExt::from_mode(0o755)).unwrap();
    }
}

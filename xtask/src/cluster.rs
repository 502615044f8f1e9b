//! `cargo xtask cluster`: the chart on a real Kubernetes of one node.
//!
//! What runs outside builds and downloads; what runs inside is a second process of this program, which has a network, mounts
//! and a process tree of its own (`namespaces.sh`), so that nothing of the cluster can outlive it or touch the machine's rules.

mod crds;
mod images;
mod keys;
mod kubectl;
mod node;

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use self::kubectl::ADVICE;
use self::node::Node;
use crate::go_tools::Tool;
use crate::{apt, postgres, programs, run};

/// Start a Kubernetes of one node, test the chart on it, and remove it
///
/// etcd, Kubernetes, containerd, `CoreDNS`, metrics-server, kube-router and Helm are built once (see `cargo xtask go-tools`);
/// `runc` and its like come from Debian's packages. Needs root and Go, and no container engine. It has a network, mounts and
/// processes of its own, which end with it in every way that it can end.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    cargo xtask cluster                      every test, as in CI\n  \
    cargo xtask cluster -- upgrade           tests whose names contain `upgrade`\n  \
    cargo xtask cluster --keep               only the cluster, until Ctrl-C; prints how to enter it")]
pub(crate) struct Args {
    /// Keep the cluster running until Ctrl-C instead of testing; prints how to enter it
    #[arg(long)]
    keep: bool,
    /// What the process inside the cluster's namespaces is started with
    #[arg(long, hide = true, value_name = "FOLDER")]
    inside: Option<PathBuf>,
    /// Passed on to the tests
    #[arg(last = true, value_name = "TEST ARGUMENTS")]
    extra: Vec<String>,
}

/// Files of Debian's packages, and the package of each.
const PACKAGES: [(&str, &str); 12] = [
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/ptp", "containernetworking-plugins"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/sbin/ipset", "ipset"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/sbin/ethtool", "ethtool"),
    ("/usr/bin/socat", "socat"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/musl-gcc", "musl-tools"),
    ("/usr/bin/strip", "binutils"),
    ("/usr/sbin/ip", "iproute2"),
];

/// From the root of the repository.
const NAMESPACES: &str = "xtask/src/cluster/namespaces.sh";

pub(crate) fn main(args: &Args) -> Result<()> {
    match &args.inside {
        Some(folder) => inside(folder, args),
        None => outside(args),
    }
}

/// Everything that needs the machine's network.
fn outside(args: &Args) -> Result<()> {
    install_missing()?;
    // A socket's path must be short.
    let folder = tempfile::Builder::new().prefix("myhealth-cluster-").tempdir_in("/tmp")?;
    let _leash = remove_at_the_end(folder.path())?;
    images::all(folder.path())?;
    crds::all(folder.path())?;
    keys::make(folder.path())?;
    if !args.keep {
        run::visibly(&mut tests(&["--no-run"]), "fix the tests.")?;
    }
    enter(folder.path(), args)
}

/// Has a folder removed when this process ends, also by Ctrl-C or kill -9: the kernel then closes the pipe that is returned.
fn remove_at_the_end(folder: &Path) -> Result<Option<ChildStdin>> {
    let mut remover = Command::new("sh");
    remover.args(["-c", "cat >/dev/null; rm -rf \"$1\"", "sh"]).arg(folder);
    let remover = remover.stdin(Stdio::piped()).process_group(0).spawn().context("`sh` did not start")?;
    Ok(remover.stdin)
}

/// Runs this program again, inside.
fn enter(folder: &Path, args: &Args) -> Result<()> {
    let program = std::env::current_exe().context("this program has no path")?;
    let mut command = Command::new("sh");
    command.arg(run::root().join(NAMESPACES)).arg(folder).arg(program).args(["cluster", "--inside"]);
    command.arg(folder);
    if args.keep {
        command.arg("--keep");
    }
    command.arg("--").args(&args.extra);
    // Out of reach of Ctrl-C, which ends this process and thereby closes the pipe: the removal then must not be cut short.
    let mut child = command.stdin(Stdio::piped()).process_group(0).spawn().context("`sh` did not start")?;
    let leash = child.stdin.take();
    let status = child.wait()?;
    drop(leash);
    if !status.success() {
        bail!(
            "the tests on a cluster failed: {status}. Their output is above.\n\
             What to do: fix the first failure; alone: `cargo xtask cluster -- TEST_NAME`."
        );
    }
    Ok(())
}

/// Everything that happens on the cluster's own network.
fn inside(folder: &Path, args: &Args) -> Result<()> {
    let started = Instant::now();
    let node = Node::start(folder)?;
    for image in images::NAMES {
        node.import(image)?;
    }
    // What an upgrade goes to.
    node.tag("myhealth", "next")?;
    crds::define(&node)?;
    node.apply(&run::root().join("helm/tests/cluster/system.yaml"))?;
    node.wait_for_system()?;
    eprintln!("the cluster is ready after {:.0} s", started.elapsed().as_secs_f32());
    if args.keep {
        println!("{}", entrance(&node)?);
        loop {
            std::thread::park();
        }
    }
    let mut tests = tests(&["--offline", "--"]);
    // They share one node, and some of them stop what others need.
    tests.args(["--test-threads", "1"]).args(&args.extra).envs(environment(&node)?);
    run::visibly(&mut tests, ADVICE)
}

fn tests(arguments: &[&str]) -> Command {
    run::cargo(&[&["test", "--package", "xtask", "--test", "cluster"], arguments].concat())
}

/// What the tests read.
fn environment(node: &Node) -> Result<[(&'static str, PathBuf); 5]> {
    Ok([
        ("KUBECONFIG", node.kubeconfig()),
        ("MYHEALTH_TEST_KUBECTL", Tool::Kubernetes.folder()?.join("kubectl")),
        ("MYHEALTH_TEST_HELM", Tool::Helm.folder()?.join("helm")),
        ("MYHEALTH_TEST_HELM_3", Tool::Helm3.folder()?.join("helm")),
        ("MYHEALTH_TEST_KEYS", node.keys()),
    ])
}

/// How a shell enters the namespaces, where the tests can then be run by hand.
fn entrance(node: &Node) -> Result<String> {
    let mut text = format!(
        "nsenter --target \"$(pgrep --newest --full -- '--inside {}')\" --net --mount --pid\n",
        node.folder().display()
    );
    for (name, path) in environment(node)? {
        writeln!(text, "export {name}={}", path.display())?;
    }
    Ok(text + "cargo test --offline --package xtask --test cluster -- --test-threads 1")
}

/// Installs what is missing of Debian's packages, or says what else is.
fn install_missing() -> Result<()> {
    if !apt::is_root() {
        bail!(
            "NOT RUN: the tests on a cluster need root.\nWhat to do: run them as root, for example in a virtual machine."
        );
    }
    if programs::find("go").is_none() {
        bail!(
            "NOT RUN: the tests on a cluster need Go.\nWhat to do: install Go 1.21 or newer (https://go.dev/dl)."
        );
    }
    let mut packages: Vec<_> =
        PACKAGES.iter().filter(|(file, _)| !Path::new(file).is_file()).map(|(_, package)| *package).collect();
    if postgres::find_programs().is_none() {
        packages.push("postgresql");
    }
    if packages.is_empty() { Ok(()) } else { apt::install(&packages) }
}

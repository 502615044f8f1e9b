//! The node: control plane, containerd, kubelet, kube-proxy and kube-router on addresses of their own.

mod config;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use self::config::{SERVICES, arguments};
use super::kubectl::{ADVICE, kubectl};
use crate::go_tools::Tool;
use crate::{process, programs, run};

pub(super) use self::config::{API, NODE};

/// A running node. It ends with the namespaces that this process is in.
pub(super) struct Node {
    folder: PathBuf,
}

/// Restarts a program that ends, as a service manager would, and keeps what it prints.
const SERVICE: &str = "while :; do \"$@\" || :; sleep 1; done";

impl Node {
    /// Starts everything and waits until the node is ready.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let node = Self { folder: folder.to_owned() };
        for name in ["log", "manifests", "cni", "kubelet"] {
            fs::create_dir(folder.join(name))?;
        }
        config::write(folder)?;
        let ip = |line: &str| run::quietly(Command::new("ip").args(line.split(' ')), ADVICE);
        ip(&format!("addr add {NODE}/32 dev lo"))?;
        // Any route will do: kube-proxy replaces the addresses of Services by those of pods.
        ip(&format!("route add {SERVICES} dev lo src {NODE}"))?;
        run::quietly(Command::new("sysctl").args(["-qw", "net.ipv4.ip_forward=1"]), ADVICE)?;
        node.start_control_plane()?;
        node.start_containers()?;
        node.until("kubelet", "the node's readiness", |node| {
            let mut wait = kubectl(&node.kubeconfig())?;
            wait.args(["wait", "--for=condition=Ready", "node/node", "--timeout=1s"]);
            Ok(wait.output()?.status.success())
        })?;
        Ok(node)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// The path of an image's archive is `image-NAME.tar`.
    pub(super) fn import(&self, name: &str) -> Result<()> {
        let archive = self.folder.join(format!("image-{name}.tar"));
        let mut import = self.ctr()?;
        run::quietly(import.args(["images", "import"]).arg(&archive), ADVICE)?;
        // Containers are made from what was imported.
        Ok(fs::remove_file(archive)?)
    }

    /// Gives an imported image of ours another tag.
    pub(super) fn tag(&self, name: &str, tag: &str) -> Result<()> {
        let image = |tag| format!("docker.io/local/{name}:{tag}");
        run::quietly(self.ctr()?.args(["images", "tag", &image("dev"), &image(tag)]), ADVICE).map(drop)
    }

    pub(super) fn apply(&self, file: &Path) -> Result<()> {
        let mut apply = kubectl(&self.kubeconfig())?;
        apply.args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(file);
        run::quietly(&mut apply, ADVICE).map(drop)
    }

    /// Waits for DNS and the metrics of pods.
    pub(super) fn wait_for_system(&self) -> Result<()> {
        for wait in [
            "rollout status -n kube-system deploy --timeout=300s",
            "wait --for=condition=Available apiservice/v1beta1.metrics.k8s.io --timeout=300s",
        ] {
            let mut kubectl = kubectl(&self.kubeconfig())?;
            run::quietly(kubectl.args(wait.split(' ')), ADVICE)?;
        }
        Ok(())
    }

    fn ctr(&self) -> Result<Command> {
        let mut ctr = Command::new(Tool::Containerd.folder()?.join("ctr"));
        ctr.arg("-a").arg(self.folder.join("containerd.sock")).args(["-n", "k8s.io"]);
        Ok(ctr)
    }

    /// Waits for a condition; the end of the named program's log goes with the error.
    fn until(&self, program: &str, what: &str, is: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        process::until(what, || is(self).unwrap_or(false)).with_context(|| {
            let log = fs::read_to_string(self.folder.join("log").join(program)).unwrap_or_default();
            format!("{program} printed at last:\n{}", run::last_lines(&log))
        })
    }

    /// Starts a program whose output goes into `log/NAME`.
    fn start_service(&self, program: &Path, arguments: &str) -> Result<()> {
        let name = program.file_name().context("a program without a name")?;
        let log = File::create(self.folder.join("log").join(name))?;
        let folder = program.parent().context("a program without a folder")?;
        let path = programs::variable("PATH").unwrap_or_default();
        Command::new("sh")
            .args(["-c", SERVICE, "sh"])
            .arg(program)
            .args(arguments.split_whitespace())
            .current_dir(&self.folder)
            // containerd looks for its shim there.
            .env("PATH", format!("{}:{path}:/usr/sbin:/sbin", folder.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        Ok(())
    }

    fn start_control_plane(&self) -> Result<()> {
        let kubernetes = Tool::Kubernetes.folder()?;
        self.start_service(&Tool::Etcd.folder()?.join("etcd"), &arguments("etcd", &self.folder))?;
        self.start_service(&kubernetes.join("kube-apiserver"), &arguments("kube-apiserver", &self.folder))?;
        self.until("kube-apiserver", "the API server's readiness", |node| {
            let mut ready = kubectl(&node.kubeconfig())?;
            Ok(ready.args(["get", "--raw", "/readyz"]).output()?.status.success())
        })?;
        for name in ["kube-controller-manager", "kube-scheduler"] {
            self.start_service(&kubernetes.join(name), &arguments(name, &self.folder))?;
        }
        Ok(())
    }

    fn start_containers(&self) -> Result<()> {
        let kubernetes = Tool::Kubernetes.folder()?;
        self.start_service(
            &Tool::Containerd.folder()?.join("containerd"),
            &arguments("containerd", &self.folder),
        )?;
        self.until("containerd", "containerd's answer", |node| {
            Ok(node.ctr()?.args(["version"]).output()?.status.success())
        })?;
        self.import("pause")?;
        for name in ["kubelet", "kube-proxy"] {
            self.start_service(&kubernetes.join(name), &arguments(name, &self.folder))?;
        }
        self.start_service(
            &Tool::KubeRouter.folder()?.join("kube-router"),
            &arguments("kube-router", &self.folder),
        )
    }
}

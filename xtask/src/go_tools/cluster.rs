//! The programs of a Kubernetes of one node, and of what reads its objects.

use super::{Parts, Source};

pub(super) const CONTAINERD: Source = Source {
    module: "github.com/containerd/containerd/v2",
    version: "v2.4.2",
    sum: "h1:p6Qg+xbEz8lvwdhHDx0U469xENvp4LgGBx+E7djXkGw=",
    programs: &[
        ("cmd/containerd", "containerd"),
        ("cmd/containerd-shim-runc-v2", "containerd-shim-runc-v2"),
        ("cmd/ctr", "ctr"),
    ],
    ..Source::EMPTY
};

pub(super) const CONTROLLER_GEN: Source = Source {
    module: "sigs.k8s.io/controller-tools",
    version: "v0.20.1",
    sum: "h1:gkfMt9YodI0K85oT8rVi80NTXO/kDmabKR5Ajn5GYxs=",
    programs: &[("cmd/controller-gen", "controller-gen")],
    ..Source::EMPTY
};

pub(super) const COREDNS: Source = Source {
    module: "github.com/coredns/coredns",
    version: "v1.12.4",
    sum: "h1:rIMnjPvB02drP18DTlJJb1vGkc8Tyl8fe7NFnnSv2lU=",
    programs: &[(".", "coredns")],
    ..Source::EMPTY
};

pub(super) const ETCD: Source = Source {
    module: "go.etcd.io/etcd/server/v3",
    version: "v3.7.3",
    sum: "h1:KcTZ/aEZrOiQe0/kdr7iYYcvyfbEoOwDOacHkz8xwZc=",
    programs: &[(".", "etcd")],
    parts: Parts::AsRequired,
    ..Source::EMPTY
};

pub(super) const HELM: Source = Source {
    module: "helm.sh/helm/v4",
    version: "v4.3.1",
    sum: "h1:UndCoLe9UPmNoL7IvWzaUXveL7T5t/ijoorEmgJdI9g=",
    programs: &[("cmd/helm", "helm")],
    ldflags: "-X helm.sh/helm/v4/internal/version.version=v4.3.1",
    ..Source::EMPTY
};

pub(super) const HELM_3: Source = Source {
    module: "helm.sh/helm/v3",
    version: "v3.22.0",
    sum: "h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=",
    programs: &[("cmd/helm", "helm")],
    ldflags: "-X helm.sh/helm/v3/internal/version.version=v3.22.0",
    ..Source::EMPTY
};

pub(super) const ISTIOCTL: Source = Source {
    module: "istio.io/istio",
    version: "v0.0.0-20260827124520-eed52ebb66ad",
    sum: "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
    programs: &[("istioctl/cmd/istioctl", "istioctl")],
    ..Source::EMPTY
};

/// Enforces `NetworkPolicy`. For tests only: this release, the only one that the proxy serves, has known flaws.
pub(super) const KUBE_ROUTER: Source = Source {
    module: "github.com/cloudnativelabs/kube-router/v2",
    version: "v2.1.0",
    sum: "h1:xWsptKtmZ44L+NjwFKoFAFlVdxCz8fka9A/eYJe95Ok=",
    programs: &[("cmd/kube-router", "kube-router")],
    ..Source::EMPTY
};

pub(super) const KUBERNETES: Source = Source {
    module: "k8s.io/kubernetes",
    version: "v1.36.3",
    sum: "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=",
    programs: &[
        ("cmd/kube-apiserver", "kube-apiserver"),
        ("cmd/kube-controller-manager", "kube-controller-manager"),
        ("cmd/kube-scheduler", "kube-scheduler"),
        ("cmd/kubelet", "kubelet"),
        ("cmd/kube-proxy", "kube-proxy"),
        ("cmd/kubectl", "kubectl"),
    ],
    ldflags: "-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 \
              -X k8s.io/component-base/version.gitMinor=36",
    parts: Parts::Version("v0.36.3"),
    ..Source::EMPTY
};

pub(super) const METRICS_SERVER: Source = Source {
    module: "sigs.k8s.io/metrics-server",
    version: "v0.8.0",
    sum: "h1:Zlsi3sBWEtFKCD3+xSysThvXyLQ363rUAlqpnsY5JwI=",
    programs: &[("cmd/metrics-server", "metrics-server")],
    ..Source::EMPTY
};

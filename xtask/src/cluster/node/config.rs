//! Addresses, command lines and files of the node's programs.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// The node's address; 198.18.0.0/15 is reserved for tests (RFC 2544), so that it clashes with nothing.
pub(in crate::cluster) const NODE: &str = "198.18.255.1";
pub(in crate::cluster) const API: u16 = 6443;
const ETCD: &str = "http://127.0.0.1:2379";
pub(super) const SERVICES: &str = "198.18.128.0/18";
const DNS: &str = "198.18.128.10";
const PODS: &str = "198.18.64.0/20";

/// Fills in `@NAME@`.
fn fill(text: &str, folder: &Path) -> String {
    let folder = folder.display().to_string();
    let api = API.to_string();
    let values = [
        ("FOLDER", folder.as_str()),
        ("NODE", NODE),
        ("API", &api),
        ("ETCD", ETCD),
        ("SERVICES", SERVICES),
        ("PODS", PODS),
        ("DNS", DNS),
    ];
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

/// The command line of a program, without its name.
pub(super) fn arguments(program: &str, folder: &Path) -> String {
    let text = COMMAND_LINES.iter().find(|(name, _)| *name == program).expect("BUG: every program has one").1;
    fill(text, folder)
}

/// Writes the files that the command lines name.
pub(super) fn write(folder: &Path) -> Result<()> {
    for (name, text) in FILES {
        fs::write(folder.join(name), fill(text, folder))?;
    }
    Ok(())
}

/// The working folder of each is FOLDER.
const COMMAND_LINES: [(&str, &str); 8] = [
    (
        "etcd",
        "--data-dir etcd --listen-client-urls @ETCD@ --advertise-client-urls @ETCD@ --unsafe-no-fsync",
    ),
    (
        "kube-apiserver",
        "--etcd-servers @ETCD@ --advertise-address @NODE@ --bind-address @NODE@ --secure-port @API@
         --tls-cert-file keys/apiserver.crt --tls-private-key-file keys/apiserver.key --client-ca-file keys/ca.crt
         --service-account-key-file keys/sa.key --service-account-signing-key-file keys/sa.key
         --service-account-issuer https://kubernetes.default.svc --authorization-mode Node,RBAC
         --service-cluster-ip-range @SERVICES@ --kubelet-preferred-address-types InternalIP --allow-privileged=true
         --kubelet-client-certificate keys/admin.crt --kubelet-client-key keys/admin.key
         --requestheader-client-ca-file keys/ca.crt --requestheader-allowed-names front-proxy-client
         --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group
         --requestheader-extra-headers-prefix X-Remote-Extra- --proxy-client-cert-file keys/front.crt
         --proxy-client-key-file keys/front.key --enable-aggregator-routing=true",
    ),
    (
        "kube-controller-manager",
        "--kubeconfig controller.kubeconfig --service-account-private-key-file keys/sa.key --root-ca-file keys/ca.crt
         --use-service-account-credentials --cluster-signing-cert-file keys/ca.crt --cluster-signing-key-file keys/ca.key
         --bind-address 127.0.0.1 --allocate-node-cidrs=false --horizontal-pod-autoscaler-sync-period 5s
         --horizontal-pod-autoscaler-initial-readiness-delay 5s",
    ),
    ("kube-scheduler", "--kubeconfig scheduler.kubeconfig --bind-address 127.0.0.1"),
    ("containerd", "--config containerd.toml"),
    (
        "kubelet",
        "--config kubelet.yaml --kubeconfig kubelet.kubeconfig --hostname-override node --root-dir @FOLDER@/kubelet
         --node-ip @NODE@ --cert-dir @FOLDER@/keys",
    ),
    ("kube-proxy", "--config proxy.yaml --hostname-override node"),
    (
        "kube-router",
        "--kubeconfig admin.kubeconfig --hostname-override node --run-firewall=true --run-router=false
         --run-service-proxy=false --run-loadbalancer=false --service-cluster-ip-range=@SERVICES@ --metrics-port=0
         --health-port=0",
    ),
];

const FILES: [(&str, &str); 5] = [
    ("cni/10-pods.conflist", CNI),
    ("containerd.toml", CONTAINERD),
    ("kubelet.yaml", KUBELET),
    ("proxy.yaml", PROXY),
    // Pods resolve names of the cluster alone.
    ("resolv.conf", ""),
];

/// Every pod on a link of its own, so that what pods send each other passes the node's rules without bridges.
const CNI: &str = r#"{"cniVersion":"1.0.0","name":"pods","plugins":[
 {"type":"ptp","ipam":{"type":"host-local","ranges":[[{"subnet":"@PODS@"}]],"routes":[{"dst":"0.0.0.0/0"}],"dataDir":"@FOLDER@/ipam"}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
"#;

const CONTAINERD: &str = r#"version = 3
root = "@FOLDER@/containerd/root"
state = "@FOLDER@/containerd/state"
[grpc]
  address = "@FOLDER@/containerd.sock"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "docker.io/local/pause:dev"
[plugins.'io.containerd.cri.v1.runtime']
  # Inside a container nothing may become less likely to be killed than its parent.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "@FOLDER@/cni"
"#;

const KUBELET: &str = r#"apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: @NODE@
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: @FOLDER@/keys/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: @FOLDER@/keys/kubelet.crt
tlsPrivateKeyFile: @FOLDER@/keys/kubelet.key
cgroupDriver: cgroupfs
# Machines that tests run on may still have the first version.
failCgroupV1: false
failSwapOn: false
clusterDNS: [@DNS@]
clusterDomain: cluster.local
containerRuntimeEndpoint: unix://@FOLDER@/containerd.sock
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "100Mi", nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "1%"}
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
resolvConf: @FOLDER@/resolv.conf
"#;

const PROXY: &str = r"apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: @FOLDER@/proxy.kubeconfig}
clusterCIDR: @PODS@
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0}
";

//! Certificates and kubeconfigs of the node, and the certificate of the simulated Oura cloud. They live for two days.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::kubectl::ADVICE;
use super::node::{API, NODE};
use crate::run;

/// Name, subject, and the names that it is for.
const CERTIFICATES: [(&str, &str, &str); 8] = [
    (
        "apiserver",
        "/CN=kube-apiserver",
        "IP:198.18.255.1,IP:127.0.0.1,IP:198.18.128.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc",
    ),
    ("admin", "/O=system:masters/CN=admin", "DNS:admin"),
    ("kubelet", "/O=system:nodes/CN=system:node:node", "DNS:node,IP:198.18.255.1"),
    ("controller", "/CN=system:kube-controller-manager", "DNS:controller"),
    ("scheduler", "/CN=system:kube-scheduler", "DNS:scheduler"),
    ("proxy", "/CN=system:kube-proxy", "DNS:proxy"),
    ("front", "/CN=front-proxy-client", "DNS:front"),
    ("oura", "/CN=oura", "DNS:oura.outside.svc"),
];

const CLIENTS: [&str; 5] = ["admin", "kubelet", "controller", "scheduler", "proxy"];

fn openssl(folder: &Path, line: &str) -> Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(line.split(' '));
    run::quietly(&mut openssl, ADVICE).map(drop)
}

/// Fills `keys` below the folder with certificates, and the folder with kubeconfigs.
pub(super) fn make(folder: &Path) -> Result<()> {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let keys = folder.join("keys");
    fs::create_dir(&keys)?;
    openssl(&keys, &format!("req -x509 {KEY} -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca"))?;
    openssl(&keys, "genrsa -out sa.key 2048")?;
    for (name, subject, names) in CERTIFICATES {
        let usage = format!("subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n");
        fs::write(keys.join(format!("{name}.ext")), usage)?;
        openssl(&keys, &format!("req {KEY} -keyout {name}.key -subj {subject} -out {name}.csr"))?;
        openssl(
            &keys,
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out {name}.crt -extfile {name}.ext"
            ),
        )?;
    }
    let place = keys.display();
    for client in CLIENTS {
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: \"https://{NODE}:{API}\", \
             certificate-authority: {place}/ca.crt}}}}]\nusers: [{{name: u, user: {{client-certificate: {place}/{client}.crt, \
             client-key: {place}/{client}.key}}}}]\ncontexts: [{{name: d, context: {{cluster: c, user: u}}}}]\n\
             current-context: d\n"
        );
        fs::write(folder.join(format!("{client}.kubeconfig")), text)?;
    }
    Ok(())
}
